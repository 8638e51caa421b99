"""Backups by the data API: who may, what is refused, what clients read, and URLs that end."""

import contextlib
import http.client
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import ports
from tests.api.examples_accounts import grace
from tests.api.examples_dataclips import database
from tests.api.world import World

from celadon.actions import transferring, transfers
from celadon.actions.context import now
from celadon.addons.serving import Serving
from celadon.api import role
from celadon.api.application import Api
from celadon.model import transfer as rules
from celadon.model.engine import Engine, EngineKind, EngineState
from celadon.model.postgres_database import Credential, Origin, PostgresDatabase, Step
from celadon.postgres import downloads, transfer_routes
from celadon.store import engines, postgres_databases, transfer_schedules
from celadon.store import transfers as stored

_APP = "/client/v11/apps/example/transfers"


@pytest.fixture
def shop(world: World) -> World:
    """The app `example` with a database, and the routes of the role that answers."""
    addon_id = database(world.context)
    place(world, addon_id, "dabc")
    return replace(world, api=Api(world.context, (*role.ROUTES, *transfer_routes.ROUTES)))


def place(world: World, addon_id: str, name: str) -> None:
    at = now()
    with world.context.database.transaction() as tx:
        engine = Engine(
            id=str(uuid.uuid4()),
            number=engines.next_number(tx),
            kind=EngineKind.POSTGRESQL,
            version="17",
            shared=True,
            memory=1,
            storage=1,
            connections=1,
            state=EngineState.RUNNING,
            created_at=at,
            updated_at=at,
        )
        engines.insert(tx, engine)
        found = PostgresDatabase(
            addon_id=addon_id,
            engine_id=engine.id,
            name=name,
            role=f"u{name}",
            plan="mini",
            step=Step.AVAILABLE,
            origin=Origin.EMPTY,
            source_id=None,
            target=None,
            blocked=False,
            bytes_used=0,
            rows_used=0,
            measured_at=None,
            created_at=at,
            updated_at=at,
        )
        postgres_databases.insert(tx, found)
        credential = Credential(addon_id=addon_id, name="default", role=f"u{name}", created_at=at)
        postgres_databases.put_credential(tx, credential, "secret")


def ask(world: World, method: str, path: str, body: object = None, status: int = 200) -> Any:
    reply = world.call(method, path, body)
    assert reply.status == status, reply.content
    return reply.json


def _database(shop: World) -> str:
    return f"/client/v11/databases/{database(shop.context)}"


def backup(shop: World, content: bytes = b"PGDMP12345") -> dict[str, Any]:
    """One that is complete."""
    made: dict[str, Any] = ask(shop, "POST", f"{_database(shop)}/backups", {}, 201)
    transferring.begin(shop.context, made["uuid"])
    found = transferring.find(shop.context, made["uuid"])
    assert found is not None
    path = transfers.archive(shop.context, found)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    transferring.succeeded(shop.context, made["uuid"], processed=len(content))
    return made


def test_a_backup_is_asked_for_and_told_as_the_client_reads_it(shop: World) -> None:
    made = ask(shop, "POST", f"{_database(shop)}/backups", {}, 201)
    assert (made["num"], made["from_type"], made["to_type"], made["from_name"]) == (1, "pg_dump", "gof3r", "DATABASE")
    assert (made["started_at"], made["finished_at"], made["succeeded"], made["schedule"]) == (None, None, None, None)
    found = transferring.begin(shop.context, made["uuid"])
    assert found is not None
    transferring.progress(shop.context, found.id, 77)
    transferring.say(shop.context, found.id, ["reading"])
    running = ask(shop, "GET", f"{_APP}/{found.id}")
    assert running["started_at"] and running["processed_bytes"] == 77 and "logs" not in running
    transferring.succeeded(shop.context, found.id, processed=99)
    over = ask(shop, "GET", f"{_APP}/1?verbose=true")
    assert (over["succeeded"], over["processed_bytes"], over["to_url"]) == (True, 99, rules.place(found.id))
    assert [line["message"] for line in over["logs"]] == ["reading"]
    assert [one["uuid"] for one in ask(shop, "GET", _APP)] == [found.id]


def test_one_transfer_of_a_database_runs_at_a_time(shop: World) -> None:
    first, second = (ask(shop, "POST", f"{_database(shop)}/backups", {}, 201)["uuid"] for _ in range(2))
    assert transferring.begin(shop.context, first) is not None
    assert transferring.begin(shop.context, second) is None
    transferring.failed(shop.context, first, "why")
    assert transferring.begin(shop.context, second) is not None


def test_a_waiting_one_is_cancelled_at_once_and_a_running_one_is_asked_to_end(shop: World) -> None:
    made = ask(shop, "POST", f"{_database(shop)}/backups", {}, 201)
    assert ask(shop, "POST", f"{_APP}/{made['uuid']}/actions/cancel")["canceled_at"]
    assert ask(shop, "POST", f"{_APP}/1/actions/cancel", status=409)["id"] == "conflict"
    running = ask(shop, "POST", f"{_database(shop)}/backups", {}, 201)
    transferring.begin(shop.context, running["uuid"])
    assert ask(shop, "POST", f"{_APP}/2/actions/cancel")["finished_at"] is None
    assert transferring.progress(shop.context, running["uuid"], 1)


def test_a_restore_is_of_a_backup_that_the_asker_may_read(shop: World) -> None:
    made = backup(shop)
    place_of = rules.place(made["uuid"])
    assert ask(shop, "POST", f"{_database(shop)}/restores", {"backup_url": place_of}, 201)["to_type"] == "pg_restore"
    for wrong, status in ((None, 422), (rules.place("nothing"), 404), ("ftp://example.com/x", 422)):
        ask(shop, "POST", f"{_database(shop)}/restores", {"backup_url": wrong}, status)
    stranger = replace(shop, token=grace(shop))
    ask(shop, "DELETE", "/apps/example/collaborators/grace@example.com")
    for method, path in (("GET", _APP), ("GET", f"{_APP}/1"), ("POST", f"{_database(shop)}/backups")):
        ask(stranger, method, path, {} if method == "POST" else None, 404)
    ask(stranger, "POST", f"{_database(shop)}/restores", {"backup_url": place_of}, 404)


def test_a_url_of_an_archive_is_kept_as_a_secret_until_the_end(shop: World) -> None:
    url = "https://example.com/x.dump?signature=secret"
    made = ask(shop, "POST", f"{_database(shop)}/restores", {"backup_url": url}, 201)
    assert "secret" not in str(ask(shop, "GET", f"{_APP}/1?verbose=true"))
    assert transferring.url(shop.context, made["uuid"]) == url
    transferring.begin(shop.context, made["uuid"])
    transferring.failed(shop.context, made["uuid"], "why")
    assert transferring.url(shop.context, made["uuid"]) is None


@dataclass(frozen=True)
class Read:
    status_code: int
    content: bytes


class Reader:
    """Somebody with a URL, at the role's socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, path: str, headers: dict[str, str] | None = None) -> Read:
        connection = http.client.HTTPConnection("localhost")
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as wire:
            wire.connect(str(self._path))
            connection.sock = wire
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return Read(answer.status, answer.read())


@pytest.fixture
def reader(shop: World) -> Iterator[Reader]:
    with tempfile.TemporaryDirectory(prefix="celadon-") as home:
        path = Path(home) / "addons.sock"
        files = {transfers.PATH: downloads.application(shop.context)}
        serving = Serving(path, shop.context, transfer_routes.ROUTES, files)
        serving.start()
        deadline = time.monotonic() + 30
        # The file is there as soon as the socket is bound.
        while not ports.listens(path):
            assert time.monotonic() < deadline, "it does not listen"
            time.sleep(0.01)
        yield Reader(path)
        serving.stop()


def test_a_url_gives_the_backup_in_parts_for_ten_minutes(
    shop: World, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(shop)
    url = ask(shop, "POST", f"{_APP}/1/actions/public-url", status=201)["url"]
    path = url.removeprefix(shop.context.settings.api_url)
    assert path.startswith("/postgres-backups/")
    assert reader.get(path).content == b"PGDMP12345"
    part = reader.get(path, headers={"Range": "bytes=5-7"})
    assert (part.status_code, part.content) == (206, b"123")
    changed = f"{path[:-1]}{'0' if path[-1] != '0' else '1'}"
    later = path.replace(path.split(".")[1], str(int(path.split(".")[1]) + 1))
    for wrong in (changed, later, "/postgres-backups/x", "/postgres-backups/..%2f..%2fkey"):
        assert reader.get(wrong).status_code == 404
    then = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: then)
    assert reader.get(path).status_code == 404


def test_what_was_deleted_is_not_read_any_more_and_its_number_stays_taken(shop: World, reader: Reader) -> None:
    made = backup(shop)
    url = ask(shop, "POST", f"{_APP}/1/actions/public-url", status=201)["url"]
    ask(shop, "DELETE", f"{_APP}/1")
    assert reader.get(url.removeprefix(shop.context.settings.api_url)).status_code == 404
    found = transferring.find(shop.context, made["uuid"])
    assert found is not None and not transfers.archive(shop.context, found).exists()
    ask(shop, "GET", f"{_APP}/1", status=404)
    assert backup(shop)["num"] == 2


def test_a_plan_that_is_full_says_so_or_lets_the_oldest_go(shop: World) -> None:
    made = [backup(shop)["uuid"] for _ in range(2)]
    refused = ask(shop, "POST", f"{_database(shop)}/backups", {"expire": False}, 422)
    assert "--expire" in refused["message"]
    made.append(backup(shop)["uuid"])
    assert [one.id for one in transferring.expire(shop.context, database(shop.context))] == made[:1]


def test_a_schedule_takes_one_backup_for_each_hour_that_has_come(shop: World) -> None:
    body = {"hour": "02", "timezone": "Europe/Berlin", "schedule_name": "DATABASE_URL"}
    made = ask(shop, "POST", f"{_database(shop)}/transfer-schedules", body, 201)
    assert (made["name"], made["hour"], made["timezone"]) == ("DATABASE_URL", 2, "Europe/Berlin")
    assert ask(shop, "GET", f"{_database(shop)}/transfer-schedules") == [made]
    assert transferring.begin_scheduled(shop.context) == 0
    with shop.context.database.transaction() as tx:
        transfer_schedules.update(tx, made["uuid"], now=now(), next_at=now() - timedelta(days=3))
    assert [transferring.begin_scheduled(shop.context) for _ in range(3)] == [1, 0, 0]
    (taken,) = ask(shop, "GET", _APP)
    assert taken["name"] == "a001" and taken["schedule"]
    ask(shop, "DELETE", f"{_database(shop)}/transfer-schedules/{made['uuid']}")
    assert ask(shop, "GET", f"{_database(shop)}/transfer-schedules") == []
    for wrong in ({"hour": "25"}, {"hour": "2", "timezone": "Mars"}, {}):
        ask(shop, "POST", f"{_database(shop)}/transfer-schedules", wrong, 422)


def test_a_copy_is_between_two_databases_of_this_platform(shop: World, tmp_path: Path) -> None:
    url = _url(shop, "dabc")
    same = ask(shop, "POST", f"{_database(shop)}/transfers", {"from_url": url, "to_url": url}, 422)
    assert "itself" in same["message"]
    body = {"from_url": "postgres://a:b@db.example.com/other", "to_url": url}
    assert "none of this platform's" in ask(shop, "POST", f"{_database(shop)}/transfers", body, 422)["message"]


def _url(shop: World, name: str, password: str = "secret") -> str:
    """As a config var says where one of `place` is."""
    with shop.context.database.read() as tx:
        found = next(one for one in postgres_databases.list_all(tx) if one.name == name)
        engine = engines.find(tx, found.engine_id)
    assert engine is not None
    return f"postgres://u{name}:{password}@localhost:{engine.port}/{name}"


def test_a_copy_is_only_of_a_database_whose_password_is_known(shop: World) -> None:
    url, path = _url(shop, "dabc"), f"{_database(shop)}/transfers"
    for wrong in (_url(shop, "dabc", "guessed"), _url(shop, "dabc", ""), url.replace("udabc:", "other:"), "dabc", ""):
        for body in ({"from_url": wrong, "to_url": url}, {"from_url": url, "to_url": wrong}):
            assert "none of this platform's" in ask(shop, "POST", path, body, 422)["message"]


def test_a_backup_that_was_interrupted_begins_anew_and_a_load_does_not(shop: World) -> None:
    made = ask(shop, "POST", f"{_database(shop)}/backups", {}, 201)["uuid"]
    for attempt in range(rules.ATTEMPTS):
        assert transferring.begin(shop.context, made) is not None, attempt
        transferring.interrupted(shop.context, made, "why")
    assert ask(shop, "GET", f"{_APP}/1")["error"] == "why"
    restore = ask(shop, "POST", f"{_database(shop)}/restores", {"backup_url": "https://example.com/x"}, 201)["uuid"]
    transferring.begin(shop.context, restore)
    transferring.step(shop.context, restore, rules.TransferStep.LOADING)
    transferring.interrupted(shop.context, restore, "why")
    with shop.context.database.read() as tx:
        found = stored.find(tx, restore)
    assert found is not None and found.status is rules.TransferStatus.FAILED
