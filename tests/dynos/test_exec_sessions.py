"""Exec sessions on a real store and a runtime that only remembers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from tests.api.world import World, make_store, open_world

from celadon.actions import collaborators, context, exec_sessions
from celadon.dynos.exec_sessions import ExecSessions
from celadon.model import exec_session as rules
from celadon.model.account import Actor
from celadon.model.app import Collaborator
from celadon.model.dyno import DynoState
from celadon.model.exec_session import ExecSession
from celadon.model.logline import Source
from celadon.platform.settings import Settings
from celadon.runtime.protocol import ExecSpec, RuntimeFailure
from celadon.store import accounts, apps, dynos, rows, tables
from celadon.store import exec_sessions as stored
from celadon.store.lines import Lines


@dataclass
class Remembering:
    """What the runtime is asked of commands beside containers."""

    started: list[ExecSpec] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    refuses: bool = False

    @property
    def execs(self) -> "Remembering":
        return self

    def start(self, spec: ExecSpec, *, before_command: Callable[[Path], None]) -> None:
        if self.refuses:
            raise RuntimeFailure("cannot run a command: no more processes")
        before_command(Path("attach"))
        self.started.append(spec)

    def resize(self, exec_id: str, rows: int, columns: int) -> None:
        self.sizes.append((rows, columns))

    def list(self) -> dict[str, str]:
        return self.left

    def end(self, exec_id: str) -> None:
        self.ended.append(exec_id)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("store")
    make_store(home, furnished=True)
    found = open_world(Settings(home=home))
    change(found, state=DynoState.UP, container_id="dyno-a-1")
    yield found
    found.context.database.close()


@pytest.fixture
def world(opened: World) -> World:
    """A platform whose web.1 is up and has no sessions, and on whose app grace@example.com works."""
    with opened.context.database.transaction() as tx:
        if not apps.is_collaborator(tx, opened.made["app"], opened.made["other"]):
            there = Collaborator(app_id=opened.made["app"], account_id=opened.made["other"], created_at=context.now())
            apps.add_collaborator(tx, there)
        for session in stored.list_of(tx, opened.made["dyno"]):
            stored.delete(tx, session.id)
    return opened


@pytest.fixture
def runtime() -> Remembering:
    return Remembering()


@pytest.fixture
def sessions(world: World, runtime: Remembering) -> ExecSessions:
    return ExecSessions(world.context, runtime)  # type: ignore[arg-type]


def change(world: World, **values: object) -> None:
    with world.context.database.transaction() as tx:
        dynos.update(tx, world.made["dyno"], now=context.now(), **values)


def grace(world: World) -> Actor:
    with world.context.database.read() as tx:
        account = accounts.find(tx, world.made["other"])
    assert account
    return Actor(account=account)


def asked(world: World, command: str = "ls", by: Actor | None = None) -> tuple[ExecSession, str]:
    env = {"TERM": "xterm", "COLUMNS": "80", "LINES": "24", "A": "1"}
    _, _, session, secret = exec_sessions.create(
        world.context, by or world.actor, "example", "web.1", command=command, env=env
    )
    return session, secret


def test_it_runs_once_its_client_is_there_in_the_shell_of_a_dyno(
    world: World, runtime: Remembering, sessions: ExecSessions
) -> None:
    session, secret = asked(world)
    assert sessions.find(secret) == session
    assert sessions.find("another") is None
    met: list[Path] = []
    sessions.begin(session, met.append)
    (spec,) = runtime.started
    assert (spec.container_id, spec.terminal, spec.env) == ("dyno-a-1", True, {"TERM": "xterm", "A": "1"})
    assert "/app/.profile.d/" in spec.argv[-3] and spec.argv[-1] == "ls"
    assert (met, runtime.sizes) == ([Path("attach")], [(24, 80)])
    with pytest.raises(RuntimeFailure, match="it has a client already"):
        sessions.begin(session, met.append)


def test_whose_client_comes_too_late_is_refused_and_forgotten(
    world: World, runtime: Remembering, sessions: ExecSessions
) -> None:
    session, secret = asked(world)
    early, _ = asked(world)
    made_late(world, session)
    assert sessions.find(secret) is None
    # It may become late after it has been found.
    with pytest.raises(RuntimeFailure, match="cannot run the command"):
        sessions.begin(session, lambda _: None)
    assert runtime.started == []
    sessions.sweep()
    with world.context.database.read() as tx:
        assert [left.id for left in stored.list_of(tx, world.made["dyno"])] == [early.id]


def test_one_that_has_begun_is_never_late(world: World, sessions: ExecSessions) -> None:
    session, secret = asked(world)
    sessions.begin(session, lambda _: None)
    made_late(world, session)
    asked(world)
    assert sessions.find(secret) is not None


def made_late(world: World, session: ExecSession) -> None:
    then = context.now() - rules.PATIENCE - timedelta(seconds=1)
    with world.context.database.transaction() as tx:
        rows.update(tx, tables.exec_sessions, session.id, created_at=then)


def test_who_may_not_run_commands_any_more_comes_in_vain(
    world: World, runtime: Remembering, sessions: ExecSessions
) -> None:
    session, _ = asked(world, by=grace(world))
    collaborators.remove(world.context, world.actor, "example", "grace@example.com")
    with pytest.raises(RuntimeFailure, match="you may not run commands in this app any more"):
        sessions.begin(session, lambda _: None)
    assert runtime.started == []


def test_a_dyno_that_has_started_anew_meanwhile_is_another_one(
    world: World, runtime: Remembering, sessions: ExecSessions
) -> None:
    session, _ = asked(world)
    change(world, container_id="dyno-a-2")
    with pytest.raises(RuntimeFailure, match="or its dyno has ended"):
        sessions.begin(session, lambda _: None)
    change(world, container_id="dyno-a-1")
    assert runtime.started == []


def test_what_cannot_be_run_is_forgotten_and_its_client_is_told(
    world: World, runtime: Remembering, sessions: ExecSessions
) -> None:
    session, secret = asked(world)
    runtime.refuses = True
    with pytest.raises(RuntimeFailure, match="cannot run the command: the dyno cannot take another process now"):
        sessions.begin(session, lambda _: None)
    assert sessions.find(secret) is None


def test_a_terminal_gets_each_new_size_once(world: World, runtime: Remembering, sessions: ExecSessions) -> None:
    session, _ = asked(world)
    sessions.begin(session, lambda _: None)
    for columns in (90, 90, 100):
        exec_sessions.fit_terminal(
            world.context, world.actor, "example", "web.1", session.id, columns=columns, lines=30
        )
        sessions.fit_terminals()
    assert runtime.sizes == [(24, 80), (30, 90), (30, 100)]
    sessions.end(session, left=True)
    sessions.fit_terminals()
    assert len(runtime.sizes) == 3


def test_its_end_is_told_in_the_log_of_the_dyno(world: World, runtime: Remembering, sessions: ExecSessions) -> None:
    session, secret = asked(world, "cat secret.txt")
    sessions.begin(session, lambda _: None)
    sessions.end(session, left=True)
    assert runtime.ended == [session.id]
    assert sessions.find(secret) is None
    path = Lines(world.context.settings.home).path(session.app_id, Source(source="heroku", ps="web.1"))
    assert "Command `cat secret.txt` beside the process ended as its client left" in path.read_text()


def test_what_a_killed_role_has_left_is_ended_and_who_waits_is_not(
    world: World, runtime: Remembering, sessions: ExecSessions
) -> None:
    begun, of_begun = asked(world)
    sessions.begin(begun, lambda _: None)
    _, of_waiting = asked(world)
    runtime.left = {begun.id: "dyno-a-1", "of-a-dyno-that-is-gone": "dyno-b-1"}
    sessions.sweep()
    assert runtime.ended == [begun.id, "of-a-dyno-that-is-gone"]
    assert sessions.find(of_begun) is None
    assert sessions.find(of_waiting) is not None
