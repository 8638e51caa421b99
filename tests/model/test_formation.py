"""formation.diff as tables, and its convergence under any sequence of events."""

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celadon.model import formation
from celadon.model import size as sizes
from celadon.model.dyno import Dyno, DynoRequest, DynoState
from celadon.model.errors import InvalidParams
from celadon.model.formation import Formation, Step, Target, Update

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = sizes.parse_all()


def a_dyno(**values: Any) -> Dyno:
    given_values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "app_id": "app",
        "release_id": "r1",
        "type": "web",
        "number": 1,
        "command": "run",
        "size": "1X",
        "state": DynoState.UP,
        "request": None,
        "attach": False,
        "secret_hash": None,
        "env": {},
        "account_id": None,
        "container_id": "c",
        "address": None,
        "port": None,
        "starts": 1,
        "crashes": 0,
        "next_start_at": None,
        "deadline": None,
        "routed": True,
        "draining_at": None,
        "exit_status": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Dyno(**{**given_values, **values})


def steps(
    wanted: dict[str, Target], dynos: list[Dyno], *, release: str | None = "r1", preboot: bool = True
) -> list[str]:
    return [str(command) for command in formation.diff(wanted, release, dynos, preboot=preboot, now=NOW)]


def web(quantity: int, size: str = "1X") -> dict[str, Target]:
    return {"web": Target(quantity=quantity, size=size, command="run")}


def worker(quantity: int) -> dict[str, Target]:
    return {"worker": Target(quantity=quantity, size="1X", command="work")}


OLD = {"release_id": "r0"}

CASES: list[tuple[str, dict[str, Target], list[Dyno], list[str]]] = [
    ("nothing runs, one is wanted", web(1), [], ["create web.1"]),
    ("as wanted", web(1), [a_dyno()], []),
    ("created but never started", web(1), [a_dyno(state=DynoState.CREATED)], ["start web.1"]),
    ("crashed and due", web(1), [a_dyno(state=DynoState.CRASHED, next_start_at=NOW)], ["start web.1"]),
    ("crashed, not due", web(1), [a_dyno(state=DynoState.CRASHED, next_start_at=NOW + timedelta(seconds=1))], []),
    ("scaled up", web(3), [a_dyno()], ["create web.2", "create web.3"]),
    ("scaled down drains first", web(1), [a_dyno(), a_dyno(number=2)], ["drain web.2"]),
    ("drained but still routed waits", web(1), [a_dyno(), a_dyno(number=2, draining_at=NOW)], []),
    ("drained stops", web(1), [a_dyno(), a_dyno(number=2, draining_at=NOW, routed=False)], ["stop web.2"]),
    ("a new release starts beside the old", web(1), [a_dyno(**OLD)], ["create web.1"]),
    (
        "the old serves until the new is routed",
        web(1),
        [a_dyno(**OLD), a_dyno(routed=False)],
        [],
    ),
    ("then the old drains", web(1), [a_dyno(**OLD), a_dyno()], ["drain web.1"]),
    (
        "a new release that crashes keeps the old",
        web(1),
        [a_dyno(**OLD), a_dyno(state=DynoState.CRASHED, next_start_at=NOW + timedelta(hours=1))],
        [],
    ),
    (
        "an old one that only starts is of no use",
        web(1),
        [a_dyno(**OLD, state=DynoState.STARTING)],
        ["create web.1", "stop web.1"],
    ),
    (
        "a crashed old one is forgotten",
        web(1),
        [a_dyno(**OLD, state=DynoState.CRASHED)],
        ["create web.1", "forget web.1"],
    ),
    (
        "restart of a web dyno boots its successor first",
        web(1),
        [a_dyno(request=DynoRequest.RESTART)],
        ["create web.1"],
    ),
    ("stop of a web dyno does not wait", web(1), [a_dyno(request=DynoRequest.STOP)], ["create web.1", "drain web.1"]),
    ("resize is a replacement", web(1, "2X"), [a_dyno()], ["create web.1"]),
    ("scaled to zero drains all", web(0), [a_dyno()], ["drain web.1"]),
    ("a worker is stopped before its successor is made", worker(1), [a_dyno(type="worker", **OLD)], ["stop worker.1"]),
    ("a stopping worker keeps its number", worker(1), [a_dyno(type="worker", **OLD, state=DynoState.STOPPING)], []),
    ("a cycled web dyno boots its successor first", web(1), [a_dyno(request=DynoRequest.CYCLE)], ["create web.1"]),
    ("one that is to sleep drains", web(1), [a_dyno(request=DynoRequest.IDLE)], ["drain web.1"]),
    (
        "then it stops, and nobody takes its place",
        web(1),
        [a_dyno(request=DynoRequest.IDLE, draining_at=NOW, routed=False)],
        ["stop web.1"],
    ),
    ("asleep is as wanted", web(1), [a_dyno(request=DynoRequest.IDLE, state=DynoState.IDLE)], []),
    ("called, it starts", web(1), [a_dyno(state=DynoState.IDLE)], ["start web.1"]),
    (
        "called before it was asleep, another one comes",
        web(1),
        [a_dyno(draining_at=NOW, routed=False)],
        ["create web.1", "stop web.1"],
    ),
    (
        "a second dyno ends the sleep",
        web(2),
        [a_dyno(request=DynoRequest.IDLE, state=DynoState.IDLE)],
        ["create web.1", "create web.2", "forget web.1"],
    ),
    (
        "a new release ends the sleep",
        web(1),
        [a_dyno(**OLD, request=DynoRequest.IDLE, state=DynoState.IDLE)],
        ["create web.1", "forget web.1"],
    ),
    (
        "a one-off ends after a day",
        {},
        [a_dyno(type="run", number=4821, created_at=NOW - timedelta(days=1))],
        ["stop run.4821"],
    ),
    ("one-offs are left alone", {}, [a_dyno(type="run", number=4821)], []),
    (
        "a one-off that was created starts",
        {},
        [a_dyno(type="run", number=4821, state=DynoState.CREATED)],
        ["start run.4821"],
    ),
    (
        "a one-off that should stop stops",
        {},
        [a_dyno(type="run", number=4821, request=DynoRequest.STOP)],
        ["stop run.4821"],
    ),
    ("a type that the code lost goes", web(1), [a_dyno(), a_dyno(type="worker")], ["stop worker.1"]),
]


@pytest.mark.parametrize(("wanted", "dynos", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_diff(wanted: dict[str, Target], dynos: list[Dyno], expected: list[str]) -> None:
    assert steps(wanted, dynos) == expected


def test_without_preboot_web_stops_first() -> None:
    assert steps(web(1), [a_dyno(**OLD)], preboot=False) == ["drain web.1"]


def test_nothing_deployed_wants_nothing() -> None:
    assert steps({}, [a_dyno()], release=None) == ["drain web.1"]


class World:
    """A manager, a router and a kernel in one: takes the steps of diff() and suffers events."""

    def __init__(self) -> None:
        self.now = NOW
        self.release = 1
        self.wanted = {"web": 1, "worker": 1}
        self.dynos: list[Dyno] = []
        self.running: dict[str, int] = {}

    @property
    def targets(self) -> dict[str, Target]:
        return {name: Target(quantity=count, size="1X", command=name) for name, count in self.wanted.items()}

    def change(self, dyno: Dyno, **values: Any) -> None:
        self.dynos = [dataclasses.replace(other, **values) if other.id == dyno.id else other for other in self.dynos]

    def ensure(self) -> bool:
        commands = formation.diff(self.targets, f"r{self.release}", self.dynos, preboot=True, now=self.now)
        for command in commands:
            self.take(command)
        self.check()
        return bool(commands)

    def take(self, command: formation.Command) -> None:
        dyno = command.dyno
        if command.step is Step.CREATE:
            new = {"type": command.type, "number": command.number, "release_id": f"r{self.release}", "routed": False}
            self.dynos.append(a_dyno(**new, state=DynoState.CREATED, created_at=self.now))
            return
        assert dyno is not None
        if command.step is Step.START:
            self.change(dyno, state=DynoState.STARTING)
        elif command.step is Step.DRAIN:
            self.change(dyno, draining_at=self.now)
        elif command.step is Step.STOP:
            self.change(dyno, state=DynoState.STOPPING)
        else:
            self.dynos = [other for other in self.dynos if other.id != dyno.id]

    def settle(self) -> None:
        """What happens by itself: dynos boot, routers follow, stopped dynos end, time passes."""
        self.now += timedelta(hours=2)
        for dyno in self.dynos:
            if dyno.state is DynoState.STARTING:
                self.change(dyno, state=DynoState.UP, routed=dyno.type == "web")
            elif dyno.draining_at and dyno.routed:
                self.change(dyno, routed=False)
        for dyno in [dyno for dyno in self.dynos if dyno.state is DynoState.STOPPING]:
            if dyno.request is DynoRequest.IDLE:
                self.change(dyno, state=DynoState.IDLE, draining_at=None)
            else:
                self.dynos = [other for other in self.dynos if other.id != dyno.id]

    def wake(self) -> None:
        for dyno in self.dynos:
            if dyno.request is DynoRequest.IDLE:
                self.change(dyno, request=None)

    def suffer(self, event: str, pick: int) -> None:
        up = [dyno for dyno in self.dynos if dyno.state in (DynoState.UP, DynoState.STARTING)]
        if event == "deploy":
            self.release += 1
        elif event.startswith("scale"):
            self.wanted["web" if pick % 2 else "worker"] = pick % 4
        elif event == "crash" and up:
            victim = up[pick % len(up)]
            self.change(victim, state=DynoState.CRASHED, routed=False, next_start_at=self.now + timedelta(minutes=pick))
        elif event == "restart" and up:
            self.change(up[pick % len(up)], request=DynoRequest.RESTART)
        elif event == "stop" and up:
            self.change(up[pick % len(up)], request=DynoRequest.STOP)
        elif event == "cycle" and up:
            self.change(up[pick % len(up)], request=DynoRequest.CYCLE)
        elif event == "idle":
            web = [dyno for dyno in self.dynos if dyno.type == "web"]
            if self.wanted["web"] == 1 and len(web) == 1 and web[0].state is DynoState.UP and not web[0].draining_at:
                self.change(web[0], request=DynoRequest.IDLE)
        elif event == "wake":
            self.wake()
        elif event == "settle":
            self.settle()

    def check(self) -> None:
        """Never two dynos of one number in one release, but for one that is being replaced."""
        seen: set[tuple[str, int, str]] = set()
        for dyno in self.dynos:
            leaving = dyno.request or dyno.draining_at or dyno.state is DynoState.STOPPING
            key = (dyno.type, dyno.number, dyno.release_id)
            assert leaving or key not in seen, f"two of {key}"
            if not leaving:
                seen.add(key)


NAMES = ["deploy", "scale", "crash", "restart", "stop", "cycle", "idle", "wake", "settle"]
EVENTS = st.tuples(st.sampled_from(NAMES), st.integers(0, 20))


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_converges_from_any_sequence_of_events(events: list[tuple[str, int]]) -> None:
    world = World()
    for event, pick in events:
        world.suffer(event, pick)
        world.ensure()
    for _ in range(20):
        world.wake()
        world.settle()
        if not world.ensure():
            break
    running = sorted((dyno.type, dyno.number) for dyno in world.dynos)
    wanted = sorted((name, number) for name, count in world.wanted.items() for number in range(1, count + 1))
    assert running == wanted
    assert {dyno.release_id for dyno in world.dynos} <= {f"r{world.release}"}
    assert all(dyno.state is DynoState.UP for dyno in world.dynos)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_serving_web_dynos_never_all_leave_for_a_deploy(events: list[tuple[str, int]]) -> None:
    world = World()
    world.ensure()
    world.settle()
    for event, _ in events:
        serving_before = any(dyno.routed and not dyno.draining_at for dyno in world.dynos if dyno.type == "web")
        if event in ("deploy", "settle"):
            world.suffer(event, 0)
        world.ensure()
        serving = any(dyno.routed and not dyno.draining_at for dyno in world.dynos if dyno.type == "web")
        assert serving or not serving_before


def entry(name: str, quantity: int = 1) -> Formation:
    return Formation(id=name, app_id="app", type=name, quantity=quantity, size="1X", created_at=NOW, updated_at=NOW)


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        (Update(type="web", quantity="3"), (3, "1X")),
        (Update(type="web", quantity=2), (2, "1X")),
        (Update(type="web", quantity="+2"), (3, "1X")),
        (Update(type="web", quantity="-1"), (0, "1X")),
        (Update(type="web", size="standard-2x"), (1, "2X")),
        (Update(type="web", quantity="4", size="PX"), (4, "PX")),
    ],
)
def test_scale(update: Update, expected: tuple[int, str]) -> None:
    assert formation.scale([entry("web")], [update], ["web"], SIZES, dyno_limit=100)["web"] == expected


@pytest.mark.parametrize(
    ("update", "word"),
    [
        (Update(type="wbe", quantity="1"), "web"),
        (Update(type="web", quantity="-2"), "from 0"),
        (Update(type="web", quantity=-2), "negative"),
        (Update(type="web", quantity="many"), "number"),
        (Update(type="web", quantity="1.5"), "number"),
        (Update(type="web", quantity="101"), "100"),
        (Update(type="web", quantity="999999999999"), "number"),
        (Update(type="web", quantity="1", size="4XL"), "1X, 2X, PX"),
        (Update(type="web", quantity=True), "number"),
    ],
)
def test_scale_refuses_and_names_what_is_allowed(update: Update, word: str) -> None:
    with pytest.raises(InvalidParams, match=word):
        formation.scale([entry("web")], [update], ["web"], SIZES, dyno_limit=1000)


def test_scale_beyond_the_limit_is_refused_whole() -> None:
    with pytest.raises(InvalidParams, match="limit"):
        formation.scale(
            [entry("web"), entry("worker")],
            [Update(type="web", quantity="10")],
            ["web", "worker"],
            SIZES,
            dyno_limit=10,
        )


def test_what_the_accounts_other_apps_have_counts_too() -> None:
    with pytest.raises(InvalidParams, match="besides 8 in other apps"):
        formation.scale([entry("web")], [Update(type="web", quantity="3")], ["web"], SIZES, dyno_limit=10, elsewhere=8)
