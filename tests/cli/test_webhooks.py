"""Webhooks at the command line."""

import json

from tests.cli.program import Program
from tests.cli.world import World

from celadon.api.notifier import Notifier

_ADD = ("webhooks:add", "-i", "api:app, api:release", "-l", "notify", "-u", "https://example.com/hooks")


def test_webhooks_from_the_first_to_none(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert celadon("webhooks").out == "example has no webhooks\nUse celadon webhooks:add to add one.\n"
    assert celadon("webhooks:deliveries").out == "example has no deliveries\n"
    assert celadon("webhooks:events").out == "example has no events\n"
    added = celadon(*_ADD, "-s", "my secret", "-t", "Bearer x")
    assert added.out == "Adding webhook to example... done\n=== Webhooks Signing Secret\nmy secret\n"
    (listed,) = json.loads(celadon("webhooks", "--json").out)
    name = listed["id"]
    assert celadon("webhooks").out == (
        f"{'Webhook ID':<36}  URL                        Include              Level\n"
        f"{'-' * 36}  -------------------------  -------------------  ------\n"
        f"{name}  https://example.com/hooks  api:app,api:release  notify\n"
    )
    assert celadon("webhooks:info", name).out == (
        f"=== {name}\n"
        "Include:    api:app,api:release\n"
        "Level:      notify\n"
        "URL:        https://example.com/hooks\n"
        f"Webhook ID: {name}\n"
    )
    updated = celadon("webhooks:update", name, "-l", "sync")
    assert updated.out == f"Updating webhook {name} for example... done\n"
    (listed,) = json.loads(celadon("webhooks", "--json").out)
    assert (listed["level"], listed["url"]) == ("sync", "https://example.com/hooks")
    assert celadon("webhooks:remove", name).out == f"Removing webhook {name} from example... done\n"
    assert celadon("webhooks", "--json").out == "[]\n"


def test_what_was_told_and_how_that_went(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert celadon(*_ADD).status == 0
    assert celadon("maintenance:on").status == 0
    while Notifier(world.context).ensure():
        pass
    (event,) = json.loads(celadon("webhooks:events", "--json").out)
    (delivery,) = json.loads(celadon("webhooks:deliveries", "--json").out)
    head, dashes, row = celadon("webhooks:events").out.splitlines()
    assert head.split() == ["Event", "ID", "Resource", "Action", "Published", "At"] and set(dashes) == {"-", " "}
    assert row.split() == [event["id"], "app", "update", event["created_at"]]
    head, _, row = celadon("webhooks:deliveries").out.splitlines()
    assert " ".join(head.split()) == "Delivery ID Created Status Include Level Attempts Code Error Next Attempt"
    shown = [delivery["id"], delivery["created_at"], "pending", "api:app", "notify", "0", delivery["created_at"]]
    assert row.split() == shown
    assert celadon("webhooks:deliveries", "-s", "failed").out == "example has no deliveries\n"
    assert celadon("webhooks:deliveries", "-s", "lost").status == 1
    told = celadon("webhooks:deliveries:info", delivery["id"]).out
    assert told.startswith(f"=== {delivery['id']}\nAttempts:     0\n")
    assert f"Event:        {event['id']}\n" in told
    payload = told.partition("=== Event Payload\n")[2]
    assert json.loads(payload) == event["payload"]
    said = celadon("webhooks:events:info", event["id"]).out
    assert said.partition("\n")[0] == f"=== {event['id']}"
    assert json.loads(said.partition("\n")[2])["data"]["maintenance"] is True


def test_what_is_wrong_is_said(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    missing = celadon("webhooks:add", "-l", "sync")
    assert missing.status == 2 and "Must specify --include, --level and --url." in missing.err
    inside = celadon("webhooks:add", "-i", "dyno", "-l", "sync", "-u", "http://10.200.0.1/")
    assert inside.status == 1 and "no address of the internet" in inside.err
    assert "failed" in inside.out
    assert celadon("webhooks:info", "nothing").status == 1
    assert celadon("webhooks:update", "nothing").status == 2
