"""The manager on a real store and a runtime that only remembers: state in → ensure() → what it did and said."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import stores
from tests.api import schema

from celadon.actions import (
    accounts,
    app_setups,
    apps,
    builds,
    config_vars,
    context,
    dynos,
    features,
    formations,
    webhook_events,
    webhooks,
)
from celadon.actions.builds import Compiled
from celadon.api.notifier import Notifier
from celadon.dynos import launch
from celadon.dynos.launch import Launcher, log_name
from celadon.dynos.manager import Manager
from celadon.model import logline
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.dyno import DynoState
from celadon.model.formation import Update
from celadon.platform.settings import Settings
from celadon.runtime.protocol import Container, ContainerSpec, ContainerState, MemoryUse
from celadon.store import changes, events
from celadon.store import dynos as stored_dynos
from celadon.store import formations as stored_formations
from celadon.store.lines import Lines


class Remembering:
    """The Runtime port without containers: what was started runs until the test says otherwise."""

    def __init__(self) -> None:
        self.containers: dict[str, Container] = {}
        self.signals: list[tuple[str, int]] = []

    def start(self, spec: ContainerSpec, *, before_command: Callable[[Path], None] | None = None) -> Container:
        found = Container(id=spec.id, state=ContainerState.RUNNING, pid=1, exit_status=None, labels=dict(spec.labels))
        self.containers[spec.id] = found
        return found

    def end(self, status: int = 1) -> None:
        """All that runs has ended."""
        for name, one in self.containers.items():
            self.containers[name] = replace(one, state=ContainerState.EXITED, exit_status=status)

    def list(self) -> dict[str, Container]:
        return dict(self.containers)

    def inspect(self, container_id: str) -> Container | None:
        return self.containers.get(container_id)

    def signal(self, container_id: str, signum: int) -> None:
        self.signals.append((container_id, signum))

    def kill(self, container_id: str) -> None:
        self.containers[container_id] = replace(
            self.containers[container_id], state=ContainerState.EXITED, exit_status=137
        )

    def remove(self, container_id: str) -> None:
        self.containers.pop(container_id, None)

    def exits(self) -> set[str]:
        # A copy: threads start and remove meanwhile.
        return {name for name, one in self.containers.copy().items() if one.state is ContainerState.EXITED}

    def memory(self, container_id: str) -> MemoryUse | None:
        return None

    def active(self, container_id: str) -> int:
        return 0

    def listening(self, container_id: str) -> tuple[tuple[str, int], ...]:
        return ()

    def swaps(self) -> bool:
        return False

    def attach_socket(self, container_id: str) -> Path:
        raise NotImplementedError

    def resize(self, container_id: str, rows: int, columns: int) -> None:
        raise NotImplementedError

    def exec(self, container_id: str, argv: tuple[str, ...], env: Mapping[str, str]) -> int:
        raise NotImplementedError


class Unpacked(Launcher):
    """Without slugs on disk."""

    def start(self, dyno, before_command=None):  # type: ignore[no-untyped-def]
        return self.runtime.start(self.spec(launch.read(self.context, dyno), Path("/nowhere")))


class World:
    def __init__(self, home: Path) -> None:
        settings = Settings(home=home, crash_backoff=(0.0, 3600.0), stop_timeout=30.0)
        stores.make(settings)
        self.context = context.connect(settings)
        self.actor = Actor(
            account=accounts.create_operator(self.context.database, email="a@b.c", password="long enough")
        )
        self.runtime = Remembering()
        self.manager = self.new_manager()

    def new_manager(self) -> Manager:
        """As after a restart of the role."""
        launcher = Unpacked(self.context, self.runtime, Path("/nowhere"))
        return Manager(self.context, self.runtime, launcher, threading.Event().set)

    def deploy(self, name: str, **types: str) -> App:
        app = apps.create(self.context, self.actor, name=name)
        build = builds.create(self.context, self.actor, name, commit="a")
        compiled = Compiled(
            slug_id=f"slug-{name}", process_types=types, language="x", checksum=None, size=1, config_vars={}
        )  # type: ignore[arg-type]
        builds.succeed(self.context, build.id, compiled)
        return app

    def scale(self, name: str, **quantities: int) -> None:
        updates = [Update(type=kind, quantity=quantity) for kind, quantity in quantities.items()]
        formations.update(self.context, self.actor, name, updates)

    def ensure(self) -> str:
        """Until there is nothing more to do; returns the first sentence."""
        first = self.manager.ensure(changes.latest(self.context.database))
        deadline = time.monotonic() + 60
        while self.manager.restless() or self.manager.ensure(changes.latest(self.context.database)) != "as wanted":
            assert time.monotonic() < deadline
        return first

    def states(self, name: str) -> dict[str, DynoState]:
        _, found = dynos.list_of(self.context, self.actor, name)
        return {dyno.name: dyno.state for dyno, _ in found}

    def log(self, app: App, source: str) -> str:
        path = self.manager.lines.root / app.id / f"heroku.{source}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.manager.close()
    made.context.database.close()


def test_what_is_wanted_is_started_and_the_sentence_says_so(world: World) -> None:
    world.deploy("one", worker="work")
    world.scale("one", worker=2)
    assert "create worker.1" in world.ensure()
    assert world.states("one") == {"worker.1": DynoState.UP, "worker.2": DynoState.UP}
    assert sorted(one.labels["dyno"] for one in world.runtime.containers.values()) == ["worker.1", "worker.2"]


def test_a_crash_is_followed_by_a_start_and_the_second_by_a_wait(world: World) -> None:
    app = world.deploy("one", worker="work")
    world.scale("one", worker=1)
    world.ensure()
    world.runtime.end(status=3)
    world.ensure()
    assert world.states("one") == {"worker.1": DynoState.UP}
    world.runtime.end(status=3)
    world.ensure()
    assert world.states("one") == {"worker.1": DynoState.CRASHED}
    assert world.log(app, "worker.1").count("Process exited with status 3") == 2
    # Until its next start is due there is nothing to look at but the audit, which may be due by now: here it is later.
    world.manager._pause = timedelta(minutes=10)
    assert world.manager.rest() > 0


def test_what_is_said_of_an_end_is_in_the_log_as_a_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has read of the exit reads of the state too, at whatever moment."""
    app = world.deploy("shop", worker="false")
    world.scale("shop", worker=1)
    world.ensure()
    written: list[bytes] = []
    append = Lines.append_records

    def noted(lines: Lines, app_id: str, source: logline.Source, records: bytes) -> None:
        written.append(records)
        append(lines, app_id, source, records)

    monkeypatch.setattr(Lines, "append_records", noted)
    world.runtime.end(status=3)
    world.ensure()
    assert "Process exited with status 3" in world.log(app, "worker.1")
    (end,) = [records for records in written if b"Process exited with status 3" in records]
    assert b"to crashed" in end and end.count(b"\n") >= 2


def test_an_exit_that_cannot_be_written_now_is_written_later_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = world.deploy("one", worker="work")
    world.scale("one", worker=1)
    world.ensure()
    world.runtime.end(status=3)

    def busy(*_: object) -> None:
        raise OSError("the store is busy")

    with monkeypatch.context() as patch:
        patch.setattr(world.manager, "_write", busy)
        for _ in range(3):
            world.manager.ensure(changes.latest(world.context.database))
        assert len(world.runtime.exits()) == 1
    world.ensure()
    assert world.log(app, "worker.1").count("Process exited with status 3") == 1


def test_a_manager_that_is_restarted_adopts_what_runs_and_ends_what_nobody_wants(world: World) -> None:
    world.deploy("one", worker="work")
    world.scale("one", worker=1)
    world.ensure()
    mine = set(world.runtime.containers)
    world.runtime.containers["dyno-stray-1"] = Container(
        id="dyno-stray-1", state=ContainerState.RUNNING, pid=1, exit_status=None
    )
    world.manager.close()
    world.manager = world.new_manager()
    world.ensure()
    assert set(world.runtime.containers) == mine


def test_a_scale_to_nothing_stops_and_forgets(world: World) -> None:
    world.deploy("one", worker="work")
    world.scale("one", worker=1)
    world.ensure()
    world.scale("one", worker=0)
    world.ensure()
    deadline = time.monotonic() + 60
    while not world.runtime.signals:
        assert time.monotonic() < deadline
    assert [signum for _, signum in world.runtime.signals] == [15]
    world.runtime.end(status=143)
    world.ensure()
    assert world.states("one") == {}
    assert world.runtime.containers == {}


def test_an_app_that_cannot_be_served_keeps_no_other_from_it(world: World) -> None:
    bad = world.deploy("bad", worker="work \ud800 half")
    world.deploy("good", worker="work")
    for name in ("bad", "good"):
        world.scale(name, worker=1)
    for _ in range(3):
        world.manager.ensure(changes.latest(world.context.database))
    deadline = time.monotonic() + 60
    while world.states("good") != {"worker.1": DynoState.UP}:
        world.manager.ensure(changes.latest(world.context.database))
        assert time.monotonic() < deadline
    assert world.log(bad, "worker.1") == ""


def test_a_type_named_as_one_offs_are_is_in_no_formation(world: World) -> None:
    app = world.deploy("one", run="work", web="serve")
    with world.context.database.read() as tx:
        assert [entry.type for entry in stored_formations.list_of(tx, app.id)] == ["web"]


def test_a_one_off_that_lasts_too_long_is_stopped(world: World) -> None:
    world.deploy("one", web="serve")
    world.scale("one", web=0)
    _, dyno, _, _ = dynos.run(world.context, world.actor, "one", command="sleep 1000")
    world.ensure()
    with world.context.database.transaction() as tx:
        before: datetime = dyno.created_at - timedelta(days=2)
        stored_dynos.update(tx, dyno.id, now=before, created_at=before)
        changes.record(tx, "dyno", dyno.app_id)
    world.ensure()
    assert world.states("one") == {dyno.name: DynoState.STOPPING}


def told(world: World, name: str) -> list[tuple[str, str, object, object]]:
    """Entity, action, previous and new state of what webhooks of an app are told."""
    while Notifier(world.context).ensure():
        pass
    keys = sorted(webhook_events.keys(world.context, world.actor, name))
    found = webhook_events.by_ids(world.context, [event_id for _, event_id in keys])
    shown = []
    for event in sorted(found.values(), key=lambda event: (event.sequence, event.include)):
        payload: dict[str, Any] = dict(event.payload)
        shown.append(
            (event.include, payload["action"], payload["previous_data"].get("state"), payload["data"]["state"])
        )
    return shown


def test_webhooks_are_told_each_state_of_a_dyno(world: World) -> None:
    world.deploy("one", worker="work")
    webhooks.create(
        world.context, world.actor, "one", url="https://example.com", include=["dyno", "api:dyno"], level="sync"
    )
    world.scale("one", worker=1)
    world.ensure()
    world.runtime.end(status=3)
    world.ensure()
    world.scale("one", worker=0)
    world.ensure()
    world.runtime.end(status=143)
    world.ensure()
    assert told(world, "one") == [
        ("api:dyno", "create", None, "starting"),
        ("dyno", "create", None, "starting"),
        ("dyno", "update", "starting", "up"),
        ("dyno", "update", "up", "crashed"),
        ("dyno", "update", "crashed", "starting"),
        ("dyno", "update", "starting", "up"),
        ("dyno", "update", "up", "down"),
        ("dyno", "destroy", "down", "down"),
    ]
    keys = webhook_events.keys(world.context, world.actor, "one")
    found = webhook_events.by_ids(world.context, [event_id for _, event_id in keys]).values()
    datas: list[Any] = [event.payload["data"] for event in sorted(found, key=lambda event: event.sequence)]
    of_state = [one["exit_status"] for one in datas if "management" in one]
    assert of_state == [None, None, 3, None, None, None, 143]
    assert {one["name"] for one in datas} == {"worker.1"}
    assert {one["release"]["version"] for one in datas} == {3}
    (shown,) = [one for one in datas if "attach_url" in one]
    assert schema.problems({"$ref": "#/definitions/dyno"}, shown) == []


def test_what_nobody_is_told_of_dynos_is_not_kept(world: World) -> None:
    world.deploy("one", worker="work")
    webhooks.create(world.context, world.actor, "one", url="https://example.com", include=["api:app"], level="sync")
    world.scale("one", worker=1)
    world.ensure()
    with world.context.database.read() as tx:
        assert not [event for event in events.list_after(tx, 0) if event.action.startswith("dyno:")]


@pytest.mark.parametrize(("status", "ended"), [(0, "succeeded"), (3, "failed")])
def test_the_end_of_a_postdeploy_script_is_the_end_of_its_setup(world: World, status: int, ended: str) -> None:
    setup, app, build = app_setups.create(world.context, world.actor, source_url="https://example.com/a.tgz")
    app_setups.configure(world.context, build.id, b'{"scripts": {"postdeploy": "seed"}}')
    compiled = Compiled(
        slug_id="slug", process_types={"worker": "w"}, language="x", checksum="", size=1, config_vars={}
    )
    builds.succeed(world.context, build.id, compiled)
    app_setups.advance(world.context, setup.id)
    (script,) = dynos.list_of(world.context, world.actor, app.name)[1]
    dynos.run(world.context, world.actor, app.name, command="ls")
    world.ensure()
    container = next(one.id for one in world.runtime.containers.values() if one.labels["dyno"] == script[0].name)
    source = logline.Source(source="app", ps=script[0].name)
    written = world.manager.lines.path(app.id, source, log_name(container))
    written.write_bytes(b"2026-01-01T00:00:00.000000000+00:00 stdout F seeded\n")
    world.runtime.end(status)
    world.ensure()
    found = app_setups.find(world.context, world.actor, setup.id)[0]
    assert (found.status, found.exit_code, found.output) == (ended, status, "seeded\n")


def test_dynos_know_their_release_where_the_app_wants_it(world: World) -> None:
    app = world.deploy("one", worker="work")
    world.scale("one", worker=1)
    world.ensure()
    _, ((dyno, _),) = dynos.list_of(world.context, world.actor, "one")
    size = world.context.settings.sizes.default
    assert not [name for name in launch.environment(launch.read(world.context, dyno), size) if "HEROKU" in name]
    features.update(world.context, world.actor, "one", "runtime-dyno-metadata", True)
    found = launch.environment(launch.read(world.context, dyno), size)
    assert (found["HEROKU_APP_ID"], found["HEROKU_DYNO_ID"]) == (app.id, dyno.id)
    assert (found["HEROKU_APP_NAME"], found["HEROKU_RELEASE_VERSION"]) == ("one", "v3")
    assert (found["HEROKU_SLUG_COMMIT"], found["HEROKU_SLUG_DESCRIPTION"]) == ("a", "Deploy a")
    _, release = config_vars.update(world.context, world.actor, "one", {"HEROKU_APP_NAME": "mine"})
    assert release is not None
    found = launch.environment(launch.read(world.context, replace(dyno, release_id=release.id)), size)
    assert (found["HEROKU_APP_NAME"], found["HEROKU_RELEASE_VERSION"]) == ("mine", "v4")
