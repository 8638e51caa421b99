"""Webhooks of the providers of add-ons: theirs alone, and of nothing but what they have to do with."""

from dataclasses import replace
from typing import Any

import pytest
from tests.api.examples_addons import SECRET, make
from tests.api.examples_webhooks import BODY, add, add_by_provider, happen
from tests.api.world import World

from celadon.actions import accounts, addons, attachments, oauth_tokens, partners, provisioning
from celadon.model.feature import PRIVATE_ACCOUNT

ALL = ["api:addon", "api:addon-attachment", "api:app", "api:release"]


def told(provider: World, addon: str) -> list[tuple[str, str, str]]:
    """Entity, action and whose, in order."""
    happen(provider)
    found = sorted(provider.get(f"/addons/{addon}/webhook-events").json, key=lambda one: one["created_at"])
    return [(one["include"], one["payload"]["action"], one["payload"]["data"]["id"]) for one in found]


def test_a_provider_hears_of_its_add_on_and_the_app_and_of_no_other_add_on(world: World) -> None:
    provider, addon, _ = add_by_provider(world, include=ALL)
    other = make(world)
    own = [(include, action) for include, action, of in told(provider, addon)]
    assert ("api:app", "update") in own and ("api:release", "create") in own
    assert ("api:addon", "create") not in own, "that was before"
    provisioning.provisioned(world.context, addon, provider_id="p1", config={"ACME_URL": "x"})
    provisioning.finished(world.context, addon)
    attachments.create(world.context, world.actor, addon=addon, app="example", name="AGAIN")
    attachments.create(world.context, world.actor, addon=other.id, app="example", name="DB2")
    found = told(provider, addon)
    assert ("api:addon", "update", addon) in found
    assert {of for include, _, of in found if include == "api:addon"} == {addon}
    assert [action for include, action, _ in found if include == "api:addon-attachment"] == ["create"]
    assert "x://" not in provider.get(f"/addons/{addon}/webhook-events").content.decode()


def test_of_an_add_on_that_is_gone_only_its_end_is_told(world: World) -> None:
    provider, addon, _ = add_by_provider(world, include=ALL)
    addons.destroy(world.context, world.actor, addon)
    provisioning.deprovisioned(world.context, addon)
    make(world)
    happen(world)
    with world.context.database.read() as tx:
        deliveries = tx.connection.exec_driver_sql("select include from webhook_deliveries").scalars().all()
    assert deliveries == ["api:addon"]
    # The provider's tokens are gone with it.
    assert provider.get(f"/addons/{addon}/webhooks").status == 401


def test_whose_webhooks_are_whose(world: World) -> None:
    provider, addon, theirs = add_by_provider(world)
    own = add(world)
    happen(world)
    assert [one["id"] for one in world.get("/apps/example/webhooks").json] == [own]
    assert [one["id"] for one in provider.get(f"/addons/{addon}/webhooks").json] == [theirs]
    assert provider.get(f"/addons/{addon}/webhooks").json[0]["addon"]["id"] == addon
    assert world.get(f"/apps/example/webhooks/{theirs}").status == 404
    assert provider.get(f"/addons/{addon}/webhooks/{own}").status == 404
    for what in ("events", "deliveries"):
        listed = {one["id"] for one in provider.get(f"/addons/{addon}/webhook-{what}").json}
        assert listed
        for one in {one["id"] for one in world.get(f"/apps/example/webhook-{what}").json} - listed:
            assert provider.get(f"/addons/{addon}/webhook-{what}/{one}").status == 404
    deliveries = world.get("/apps/example/webhook-deliveries").json
    assert {one["webhook"]["id"] for one in deliveries} == {own}


@pytest.mark.parametrize("path", ["webhooks", "webhook-events", "webhook-deliveries"])
def test_nobody_but_the_provider_has_them(world: World, path: str) -> None:
    provider, addon, _ = add_by_provider(world)
    assert world.get(f"/addons/{addon}/{path}").status == 403, "not even the app's owner"
    stranger = accounts.create(world.context, world.actor, email="eve@example.com", password="long enough")
    token = world.new_token(actor=replace(world.actor, account=stranger))
    assert world.get(f"/addons/{addon}/{path}", token=token).status == 404
    made = addons.create(world.context, world.actor, "example", plan="acme-search").addon
    code = partners.grant_code(world.context, made.id)
    other = oauth_tokens.exchange(world.context, code=code, secret=SECRET, address=None).access_token
    assert world.get(f"/addons/{addon}/{path}", token=other).status in (403, 404)
    assert provider.get("/apps/example/webhooks").status in (403, 404)


@pytest.mark.parametrize("include", ["api:collaborator", "api:sni-endpoint", "nothing"])
def test_what_a_provider_may_not_hear(world: World, include: str) -> None:
    provider, addon, webhook = add_by_provider(world)
    body: dict[str, Any] = {**BODY, "include": [include]}
    assert provider.call("POST", f"/addons/{addon}/webhooks", body).status == 422
    assert provider.call("PATCH", f"/addons/{addon}/webhooks/{webhook}", {"include": [include]}).status == 422
    assert provider.call("POST", f"/addons/{addon}/webhooks", {**body, "url": "http://10.0.0.1/"}).status == 422


def test_a_private_account_is_not_told_of(world: World) -> None:
    provider, addon, _ = add_by_provider(world)
    add(world)
    assert world.call("PATCH", f"/account/features/{PRIVATE_ACCOUNT}", {"enabled": True}).status == 200
    happen(world)
    assert provider.get(f"/addons/{addon}/webhook-events").json == []
    assert world.get("/apps/example/webhook-events").json != []
