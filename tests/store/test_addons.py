"""Add-ons and attachments, on SQLite and on PostgreSQL."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from celadon.actions import accounts, addons, apps, attachments, config_vars, context, provisioning, releases
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.addon import GIVE_UP_AFTER, AddOn, AddOnState
from celadon.model.errors import CeladonError, ConfirmationRequired, Conflict, InvalidParams, NotFound
from celadon.platform.settings import Settings
from celadon.store import addons as stored
from celadon.store.database import Database

URL = "HEROKU_POSTGRESQL_URL"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return context.Context(database, Settings(home=tmp_path))


@pytest.fixture
def owner(world: Context) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    for name in ("hello", "other"):
        apps.create(world, actor, name=name)
    return actor


def ask(world: Context, owner: Actor, app: str = "hello", plan: str = "heroku-postgresql", **options: Any) -> AddOn:
    return addons.create(world, owner, app, plan=plan, **options).addon


def provide(world: Context, addon: AddOn, value: str = "postgres://1") -> None:
    provisioning.provisioned(world, addon.id, provider_id="p", config={URL: value}, message="there it is")


def made(world: Context, owner: Actor, app: str = "hello", value: str = "postgres://1", **options: Any) -> AddOn:
    addon = ask(world, owner, app, **options)
    provide(world, addon, value)
    return now_of(world, addon)


def now_of(world: Context, addon: AddOn) -> AddOn:
    found = provisioning.find(world, addon.id)
    assert found is not None
    return found


def descriptions(world: Context, owner: Actor, app: str = "hello") -> list[str]:
    return [release.description for release in releases.list_of(world, owner, app)[1]]


def colour_of(world: Context, owner: Actor, addon: AddOn) -> str:
    names = [one.attachment.name for one in attachments.list_of_addon(world, owner, addon)]
    return next(name for name in names if name != "DATABASE")


def test_nothing_of_an_addon_is_seen_before_its_provider_has_made_it(world: Context, owner: Actor) -> None:
    addon = ask(world, owner)
    assert addon.state is AddOnState.PROVISIONING
    assert config_vars.find(world, owner, "hello") == {}
    assert [one.id for one in provisioning.due(world)] == [addon.id]
    provide(world, addon)
    colour = colour_of(world, owner, addon)
    assert config_vars.find(world, owner, "hello") == {"DATABASE_URL": "postgres://1", f"{colour}_URL": "postgres://1"}
    assert descriptions(world, owner)[-1] == "Add heroku-postgresql:mini add-on"
    assert (now_of(world, addon).state, now_of(world, addon).message) == ("provisioned", "there it is")
    assert provisioning.due(world) == []


def test_what_is_answered_twice_happens_once(world: Context, owner: Actor) -> None:
    addon = made(world, owner)
    before = descriptions(world, owner)
    provide(world, addon, "postgres://2")
    assert descriptions(world, owner) == before
    assert config_vars.find(world, owner, "hello")["DATABASE_URL"] == "postgres://1"


def test_only_the_first_database_is_the_database(world: Context, owner: Actor) -> None:
    made(world, owner)
    second = made(world, owner, value="postgres://2")
    found = config_vars.find(world, owner, "hello")
    assert (len(found), found["DATABASE_URL"]) == (3, "postgres://1")
    assert found[f"{colour_of(world, owner, second)}_URL"] == "postgres://2"


def test_a_config_var_of_the_users_is_not_taken_from_them(world: Context, owner: Actor) -> None:
    config_vars.update(world, owner, "hello", {"DATABASE_URL": "mine"})
    made(world, owner)
    found = config_vars.find(world, owner, "hello")
    assert (found["DATABASE_URL"], len(found)) == ("mine", 2)
    with pytest.raises(InvalidParams, match="config var DATABASE_URL already"):
        ask(world, owner, attachment="DATABASE")


def test_what_an_attachment_gives_is_changed_by_nobody_else(world: Context, owner: Actor) -> None:
    addon = made(world, owner, attachment="DATABASE")
    with pytest.raises(InvalidParams, match=r"Cannot overwrite attachment values DATABASE_URL\."):
        config_vars.update(world, owner, "hello", {"DATABASE_URL": "x", "A": "1"})
    with pytest.raises(InvalidParams, match=f"Cannot destroy last attachment to billing app for addon {addon.name}"):
        config_vars.update(world, owner, "hello", {"DATABASE_URL": None})
    config_vars.update(world, owner, "hello", {"DATABASE_URL": "postgres://1", "A": "1"})
    assert config_vars.find(world, owner, "hello") == {"DATABASE_URL": "postgres://1", "A": "1"}
    # It is still known as the attachment's.
    with pytest.raises(InvalidParams, match="Cannot overwrite"):
        config_vars.update(world, owner, "hello", {"DATABASE_URL": "x"})


def test_a_rollback_does_not_touch_what_addons_give(world: Context, owner: Actor) -> None:
    config_vars.update(world, owner, "hello", {"A": "1"})
    addon = made(world, owner, attachment="DATABASE")
    config_vars.update(world, owner, "hello", {"A": "2"})
    provisioning.config_changed(world, addon.id, {URL: "postgres://moved"})
    assert descriptions(world, owner)[-1] == "Update DATABASE by heroku-postgresql"
    for to in ("v3", "v4"):
        with world.database.transaction() as tx:
            tx.connection.exec_driver_sql("update releases set slug_id = null")
        old = releases.find(world, owner, "hello", to)[1]
        with world.database.transaction() as tx:
            from celadon.actions import attached_vars
            from celadon.store import configs

            renewed = configs.find(tx, attached_vars.renewed(tx, old.app_id, old.config_id))
        assert renewed == {"A": "1", "DATABASE_URL": "postgres://moved"}, to


def test_an_addon_is_attached_to_another_app_and_detached(world: Context, owner: Actor) -> None:
    addon = made(world, owner, attachment="DATABASE")
    second = attachments.create(world, owner, addon=addon.name, app="other", name="DB2")
    assert config_vars.find(world, owner, "other") == {"DB2_URL": "postgres://1"}
    assert descriptions(world, owner, "other")[-1] == f"Attach DB2 (@ref:{addon.name})"
    provisioning.config_changed(world, addon.id, {URL: "postgres://2"})
    assert config_vars.find(world, owner, "other") == {"DB2_URL": "postgres://2"}
    assert config_vars.find(world, owner, "hello") == {"DATABASE_URL": "postgres://2"}
    attachments.destroy(world, owner, second.attachment.id)
    assert config_vars.find(world, owner, "other") == {}
    assert descriptions(world, owner, "other")[-1] == f"Detach DB2 (@ref:{addon.name})"
    last = attachments.find_in_app(world, owner, "hello", "DATABASE").attachment
    with pytest.raises(InvalidParams, match="Cannot destroy last attachment to billing app"):
        attachments.destroy(world, owner, last.id)


def test_a_name_is_given_to_another_addon_when_that_is_confirmed(world: Context, owner: Actor) -> None:
    first, second = made(world, owner), made(world, owner, value="postgres://2")
    with pytest.raises(ConfirmationRequired):
        attachments.create(world, owner, addon=second.name, app="hello", name="DATABASE")
    attachments.create(world, owner, addon=second.name, app="hello", name="DATABASE", confirm="hello")
    found = config_vars.find(world, owner, "hello")
    assert found["DATABASE_URL"] == "postgres://2"
    assert found[f"{colour_of(world, owner, first)}_URL"] == "postgres://1"


def test_a_namespace_has_a_config_of_its_own(world: Context, owner: Actor) -> None:
    addon = made(world, owner, attachment="DATABASE")
    with pytest.raises(InvalidParams, match="no such credential"):
        attachments.create(world, owner, addon=addon.name, app="hello", name="READ", namespace="credential:ro")
    provisioning.config_changed(world, addon.id, {URL: "postgres://ro"}, "credential:ro")
    attachments.create(world, owner, addon=addon.name, app="hello", name="READ", namespace="credential:ro")
    found = config_vars.find(world, owner, "hello")
    assert found == {"DATABASE_URL": "postgres://1", "READ_URL": "postgres://ro"}


def test_destroying_takes_the_config_vars_at_once_and_the_addon_when_it_is_removed(
    world: Context, owner: Actor
) -> None:
    addon = made(world, owner)
    attachments.create(world, owner, addon=addon.name, app="other")
    with pytest.raises(InvalidParams, match="other has it attached as well"):
        addons.destroy(world, owner, addon.name, "hello")
    gone = addons.destroy(world, owner, addon.name, "hello", force=True).addon
    assert gone.state is AddOnState.DEPROVISIONING
    assert config_vars.find(world, owner, "hello") == config_vars.find(world, owner, "other") == {}
    assert addons.destroy(world, owner, addon.id, "hello").addon.state is AddOnState.DEPROVISIONING
    provisioning.deprovisioned(world, addon.id)
    assert addons.list_of_app(world, owner, "hello") == []
    with pytest.raises(NotFound):
        addons.find(world, owner, addon.name)
    with world.database.read() as tx:
        assert stored.configs(tx, [addon.id]) == {}
    assert ask(world, owner, name=addon.name).name == addon.name, "the name is free again"


def test_what_is_destroyed_while_it_is_made_is_removed_when_it_has_been_made(world: Context, owner: Actor) -> None:
    addon = ask(world, owner)
    addons.destroy(world, owner, addon.name, "hello")
    provide(world, addon)
    found = now_of(world, addon)
    assert (found.state, found.provider_id) == ("deprovisioning", "p")
    assert config_vars.find(world, owner, "hello") == {}


def test_a_provider_that_refuses_leaves_its_message_and_nothing_else(world: Context, owner: Actor) -> None:
    addon = ask(world, owner)
    provisioning.refused(world, addon.id, "no room")
    found = addons.find(world, owner, addon.name)
    assert (found.addon.state, found.addon.message) == ("deprovisioned", "no room")
    assert attachments.list_of_app(world, owner, "hello") == []
    assert addons.list_of_app(world, owner, "hello") == []


def test_a_failing_provider_is_asked_later_and_given_up_after_a_day(world: Context, owner: Actor) -> None:
    addon = ask(world, owner)
    provisioning.failed(world, addon.id, "status 500")
    found = now_of(world, addon)
    assert found.failures == 1 and found.retry_at is not None and found.retry_at > now()
    assert provisioning.due(world) == []
    with world.database.transaction() as tx:
        stored.update(tx, addon.id, now=now(), begun_at=now() - GIVE_UP_AFTER)
    provisioning.failed(world, addon.id, "status 500")
    found = now_of(world, addon)
    assert found.state is AddOnState.DEPROVISIONING, "it may have been made, and not have been told"
    provisioning.deprovisioned(world, addon.id)
    shown = addons.find(world, owner, addon.name).addon
    assert (shown.state, shown.message) == ("deprovisioned", "given up after a day: status 500")


def test_what_is_awaited_is_due_when_nobody_has_said_anything_for_a_day(world: Context, owner: Actor) -> None:
    addon = ask(world, owner)
    provisioning.provisioned(world, addon.id, provider_id="p", config=None)
    assert provisioning.due(world) == []
    with world.database.transaction() as tx:
        stored.update(tx, addon.id, now=now(), begun_at=now() - GIVE_UP_AFTER - timedelta(seconds=1))
    assert [one.id for one in provisioning.due(world)] == [addon.id]


def test_an_asynchronous_provider_gives_its_config_and_then_is_done(world: Context, owner: Actor) -> None:
    addon = ask(world, owner)
    provisioning.provisioned(world, addon.id, provider_id="p", config=None)
    provisioning.config_changed(world, addon.id, {URL: "postgres://later"})
    assert config_vars.find(world, owner, "hello") == {}
    provisioning.finished(world, addon.id)
    assert config_vars.find(world, owner, "hello")["DATABASE_URL"] == "postgres://later"
    provisioning.finished(world, addon.id)
    assert descriptions(world, owner).count("Add heroku-postgresql:mini add-on") == 1


def test_a_provider_that_is_done_before_its_answer_was_written_keeps_its_message(world: Context, owner: Actor) -> None:
    addon = ask(world, owner)
    provisioning.config_changed(world, addon.id, {URL: "postgres://soon"})
    provisioning.finished(world, addon.id)
    provisioning.provisioned(world, addon.id, provider_id="p", config=None, message="it is being made")
    found = now_of(world, addon)
    assert (found.state, found.awaited) == (AddOnState.PROVISIONED, False)
    assert (found.provider_id, found.message) == ("p", "it is being made")


def test_a_plan_is_changed(world: Context, owner: Actor) -> None:
    addon = made(world, owner)
    with pytest.raises(InvalidParams, match="add-on of heroku-postgresql"):
        addons.change_plan(world, owner, addon.name, "heroku-redis:mini")
    with pytest.raises(InvalidParams, match="Couldn't find either the add-on"):
        addons.change_plan(world, owner, addon.name, "gigantic")
    asked = addons.change_plan(world, owner, addon.name, "crane").addon
    assert (asked.plan, asked.plan_wanted) == ("mini", "standard-0")
    with pytest.raises(Conflict, match="moving to standard-0"):
        addons.change_plan(world, owner, addon.name, "standard-2")
    provisioning.plan_changed(world, addon.id, "standard-0", config={URL: "postgres://big"})
    assert (now_of(world, addon).plan, now_of(world, addon).work) == ("standard-0", None)
    assert config_vars.find(world, owner, "hello")["DATABASE_URL"] == "postgres://big"


def test_an_app_goes_with_its_addons_and_leaves_those_of_others(world: Context, owner: Actor) -> None:
    own, foreign = made(world, owner), made(world, owner, "other", "postgres://2")
    attachments.create(world, owner, addon=own.name, app="other", name="THEIRS")
    attachments.create(world, owner, addon=foreign.name, app="hello", name="OURS")
    apps.destroy(world, owner, "hello")
    assert [one.id for one in provisioning.due(world)] == [own.id]
    assert "THEIRS_URL" not in config_vars.find(world, owner, "other")
    assert addons.find(world, owner, foreign.name).addon.state is AddOnState.PROVISIONED
    assert [one.addon.name for one in addons.list_visible(world, owner)] == [foreign.name]
    provisioning.deprovisioned(world, own.id)


def test_a_name_belongs_to_one(world: Context, owner: Actor) -> None:
    addon = made(world, owner, name="my-db")
    with pytest.raises(InvalidParams, match="Name my-db is already taken"):
        ask(world, owner, name="my-db")
    other = made(world, owner, name="other-db")
    with pytest.raises(InvalidParams, match="Name my-db is already taken"):
        addons.rename(world, owner, other.name, "my-db")
    addons.rename(world, owner, addon.name, "your-db")
    assert addons.rename(world, owner, other.name, "my-db").addon.name == "my-db"


def test_rules_of_services(world: Context, owner: Actor) -> None:
    ask(world, owner, plan="scheduler")
    with pytest.raises(InvalidParams, match="needs but one"):
        ask(world, owner, plan="scheduler:standard")
    with pytest.raises(InvalidParams, match="for one app alone"):
        attachments.create(world, owner, addon=addons.list_of_app(world, owner, "hello")[0].addon.name, app="other")
    with pytest.raises(InvalidParams, match="Couldn't find either the add-on service or the add-on plan of"):
        ask(world, owner, plan="nonesuch:x")
    for wrong in ({"name": "1x"}, {"attachment": "lower"}, {"options": {"a b": "1"}}):
        with pytest.raises(InvalidParams):
            ask(world, owner, **wrong)
    assert addons.monthly_cents(world, owner, "hello") == 0


def test_eight_destroy_and_attach_at_once_and_nothing_is_left_over(world: Context, owner: Actor) -> None:
    addon = made(world, owner)
    wrong: list[Exception] = []

    def run(number: int) -> None:
        try:
            if number % 2:
                addons.destroy(world, owner, addon.id, "hello", force=True)
            else:
                attachments.create(world, owner, addon=addon.id, app="other", name=f"N{number}")
        except CeladonError:
            pass
        except sa.exc.SQLAlchemyError as error:
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert config_vars.find(world, owner, "hello") == config_vars.find(world, owner, "other") == {}
    assert attachments.list_of_app(world, owner, "other") == []


def test_secrets_are_sealed(world: Context, owner: Actor) -> None:
    addon = ask(world, owner, options={"token": "hunter22"})
    provide(world, addon, "postgres://hunter22")
    with world.database.read() as tx:
        tables = ("addons", "addon_config", "configs", "events", "addon_attachments")
        kept = "".join(str(tx.connection.exec_driver_sql(f"select * from {table}").all()) for table in tables)
    assert "hunter22" not in kept
    assert provisioning.options(world, addon.id) == {"token": "hunter22"}


def test_a_provider_changes_some_names_of_its_config_and_none_of_others(world: Context, owner: Actor) -> None:
    addon = made(world, owner)
    for name in ("PATH", "REDIS_URL", "HEROKU_POSTGRESQLX"):
        with pytest.raises(InvalidParams, match="begin with HEROKU_POSTGRESQL"):
            provisioning.patch_config(world, addon, {name: "mine"})
    more = provisioning.patch_config(world, addon, {"HEROKU_POSTGRESQL_MORE": "2"})
    assert more == {URL: "postgres://1", "HEROKU_POSTGRESQL_MORE": "2"}
    assert provisioning.patch_config(world, addon, {"HEROKU_POSTGRESQL_MORE": None}) == {URL: "postgres://1"}
