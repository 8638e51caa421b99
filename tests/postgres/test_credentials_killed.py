"""Changes of credentials that were killed at any step: whoever comes next ends them, and nobody notices more than once."""

from collections.abc import Iterator

import psycopg
import pytest

from celadon.postgres import changes as module
from tests.postgres import credentials_world
from tests.postgres.credentials_world import Killed, Shop, killed
from tests.postgres.place import Place


@pytest.fixture(scope="module")
def standing(place: Place) -> Iterator[Shop]:
    with credentials_world.opened(place, "standard-0") as found:
        yield found


@pytest.fixture
def shop(standing: Shop) -> Iterator[Shop]:
    yield standing
    standing.clear()
    assert standing.states() == {"default": "active"}


@pytest.mark.parametrize("step", ["tenants.set_password", "credentials.finish", "tenants.cut_off", "after"])
@pytest.mark.parametrize("name", ["default", "reader"])
def test_a_rotation_that_was_killed_is_finished_by_the_next_look(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    shop.create("reader", "readonly")
    assert shop.attach("desk", "DB", "" if name == "default" else name).status == 201
    before, old = shop.release("desk"), shop.url("desk", "DB")
    session = shop.open(old)
    with monkeypatch.context() as patched:
        if step == "after":
            # Between the server and the store.
            finish = module.credentials.finish
            patched.setattr(module.credentials, "finish", lambda *words: (finish(*words), killed()))
        else:
            owner, _, function = step.partition(".")
            patched.setattr(getattr(module, owner), function, killed)
        with pytest.raises(Killed):
            shop.call("POST", f"{name}/credentials_rotation", {})
    assert shop.waiting() == [shop.addon_id]
    assert shop.successor().ensure() == 1
    assert shop.states() == {"default": "active", "reader": "active"}
    with pytest.raises(psycopg.OperationalError):
        session.execute("select 1")
    assert shop.url("desk", "DB") != old
    for again in (shop.open(shop.url("desk", "DB")), shop.login(name)):
        again.execute("select 1")
        again.close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        shop.open(old)
    assert shop.release("desk") == before + 1


@pytest.mark.parametrize("step", ["roles.ensure", "credentials.finish"])
def test_a_creation_that_was_killed_is_finished_by_the_next_look(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    owner, _, function = step.partition(".")
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(getattr(module, owner), function, killed)
        shop.call("POST", body={"name": "reader", "permission": "readonly"})
    assert shop.states()["reader"] == "creating"
    assert shop.call("GET", "reader").json["credentials"] == []
    assert shop.attach("desk", "READER", "reader").status == 422
    assert shop.successor().ensure() == 1
    with shop.login("reader") as connection:
        connection.execute("select 1")


@pytest.mark.parametrize("step", ["roles.remove", "credentials.finish"])
def test_a_destruction_that_was_killed_is_finished_by_the_next_look(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shop.create("reader", "readonly")
    owner, _, function = step.partition(".")
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(getattr(module, owner), function, killed)
        shop.call("DELETE", "reader")
    assert shop.states()["reader"] == "removing"
    assert shop.attach("desk", "READER", "reader").status == 422
    assert shop.successor().ensure() == 1
    assert shop.states() == {"default": "active"}
    with shop.superuser() as connection:
        assert connection.execute("select from pg_roles where rolname = 'reader'").fetchall() == []


def test_what_the_server_does_not_do_now_is_done_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise psycopg.OperationalError("away")

    with monkeypatch.context() as patched:
        patched.setattr(module.roles, "ensure", broken)
        told = shop.call("POST", body={"name": "reader"})
        assert (told.status, told.json["state"]) == (201, "creating")
        assert shop.changes.ensure() == 0
    assert shop.changes.attempt(shop.addon_id)
    assert shop.states()["reader"] == "active"
