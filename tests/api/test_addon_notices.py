"""What webhooks are told of add-ons and their attachments."""

from typing import Any

from tests.api.examples_addons import acme
from tests.api.test_webhooks import told
from tests.api.world import World

from celadon.actions import addons, attachments, provisioning
from celadon.actions.addons import Described

_TLS = {"X-Forwarded-Proto": "https"}


def _made(world: World) -> Described:
    acme(world)
    made = addons.create(world.context, world.actor, "example", plan="acme-search")
    provisioning.provisioned(
        world.context, made.addon.id, provider_id="p1", config={"ACME_URL": "https://find-me.example.com/"}
    )
    return made


def _short(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["include"], one["action"]) for one in found if "addon" in one["include"]]


def test_one_that_is_made_is_told_as_the_api_shows_it(world: World) -> None:
    found = told(world, lambda: _made(world))
    assert _short(found) == [("api:addon", "create"), ("api:addon-attachment", "create"), ("api:addon", "update")]
    created, attached, updated = (one for one in found if "addon" in one["include"])
    assert updated["data"] == world.get(f"/addons/{updated['data']['id']}", headers=_TLS).json
    assert updated["previous_data"] == {"state": "provisioning"}
    assert attached["data"] == world.get(f"/addon-attachments/{attached['data']['id']}", headers=_TLS).json
    assert created["resource"] == "addon" and attached["resource"] == "addon-attachment"
    assert "find-me" not in str(found)


def test_one_that_is_destroyed_is_told_as_it_was(world: World) -> None:
    made = _made(world)
    addon = world.get(f"/addons/{made.addon.id}", headers=_TLS).json
    (attachment,) = world.get("/apps/example/addon-attachments", headers=_TLS).json
    found = told(world, lambda: addons.destroy(world.context, world.actor, made.addon.id))
    assert _short(found) == [("api:addon-attachment", "destroy"), ("api:addon", "destroy")]
    detached, destroyed = (one["data"] for one in found if "addon" in one["include"])
    changing: dict[str, Any] = {"updated_at": None, "web_url": None}
    assert {**detached, **changing} == {**attachment, **changing}
    changing |= {"state": None, "config_vars": [], "provision_message": ""}
    assert {**destroyed, **changing} == {**addon, **changing}


def test_the_app_it_is_detached_from_is_told(world: World) -> None:
    made = _made(world)
    world.call("POST", "/apps", {"name": "other"})
    other = addons.create(world.context, world.actor, "other", plan="acme-search")
    provisioning.provisioned(world.context, other.addon.id, provider_id="p2", config={"ACME_URL": "https://b/"})

    def cause() -> None:
        one = attachments.create(world.context, world.actor, addon=other.addon.name, app="example", name="TWO")
        attachments.destroy(world.context, world.actor, one.attachment.id)

    found = told(world, cause)
    assert _short(found) == [("api:addon-attachment", "create"), ("api:addon-attachment", "destroy")]
    gone = found[-1]["data"] if "addon" in found[-1]["include"] else found[-2]["data"]
    assert (gone["name"], gone["app"]["name"], gone["addon"]["app"]["name"]) == ("TWO", "example", "other")
    assert made.addon.name != gone["addon"]["name"] == other.addon.name
