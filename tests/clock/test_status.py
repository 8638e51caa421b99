"""What the clock sees of the platform's parts: by a real supervisor, once a minute, and by day."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.api.conftest import *  # noqa: F403
from tests.api.world import PASSWORD, World
from tests.dashboard.browser import wait_for

from celadon.actions import accounts, incidents, roles, status
from celadon.actions.context import Context, now
from celadon.clock import retention
from celadon.clock import status as clock_status
from celadon.clock.status import Watch
from celadon.model import status as rules
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.status import COMPONENTS, Component, Health, Look, RoleLife, System
from celadon.store import status as stored

ROUTER = next(one for one in COMPONENTS if one.name == "router")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("life", "socket", "reached", "before", "expected"),
    [
        (RoleLife(role="router", pid=7, since=NOON), True, True, 7, Health.GREEN),
        (RoleLife(role="router", pid=7, since=NOON), True, True, None, Health.GREEN),
        (RoleLife(role="router", pid=7, since=NOON), True, True, 6, Health.YELLOW),
        (RoleLife(role="router", pid=7, since=NOON), False, True, 7, Health.RED),
        (RoleLife(role="router", pid=7, since=NOON), True, False, 7, Health.RED),
        (RoleLife(role="router", pid=None, since=None), True, True, 7, Health.RED),
        (None, True, True, 7, Health.RED),
    ],
)
def test_how_a_component_is(
    life: RoleLife | None, socket: bool, reached: bool, before: int | None, expected: Health
) -> None:
    found = rules.look(ROUTER, life, socket=socket, reached=reached, before=before)
    assert found.health is expected and bool(found.why) == (expected is not Health.GREEN)


def seen(component: Component, health: Health = Health.GREEN, pid: int = 7) -> Look:
    return Look(component=component.name, health=health, why="", pid=pid)


def test_a_minute_counts_once_and_a_day_by_its_minutes(world: World) -> None:
    context, today = world.context, now().replace(hour=12, minute=0, second=0, microsecond=0)
    for minute in range(10):
        health = Health.RED if minute in (3, 4) else Health.GREEN
        for second in (1, 30):
            at = today + timedelta(minutes=minute, seconds=second)
            assert status.keep(context, [seen(ROUTER, health)], at) == (second == 1)
    shown = next(one for one in status.summary(context).components if one.component is ROUTER)
    (day,) = shown.days.values()
    assert (day.looks, day.failures, day.restarts, day.uptime) == (10, 2, 0, 0.8)
    assert shown.state is not None and shown.state.since == today + timedelta(minutes=5, seconds=1)


def test_a_role_that_begins_anew_is_counted_also_after_a_pause(world: World) -> None:
    for minute, (health, pid) in enumerate([(Health.GREEN, 7), (Health.RED, None), (Health.YELLOW, 9)]):
        look = replace(seen(ROUTER, health), pid=pid)
        status.keep(world.context, [look], now() + timedelta(minutes=minute))
    days = [day for one in status.summary(world.context).components for day in one.days.values()]
    assert sum(day.restarts for day in days) == 1


def test_what_was_seen_long_ago_says_nothing_of_now(world: World) -> None:
    status.keep(world.context, [seen(ROUTER, Health.RED)], now() - timedelta(minutes=10))
    found = status.summary(world.context)
    assert {one.health for one in found.components} == {Health.UNKNOWN}
    status.keep(world.context, [seen(ROUTER, Health.RED)], now())
    assert status.summary(world.context).systems[System.APPS] is Health.RED


def test_days_beyond_ninety_are_forgotten(world: World) -> None:
    for back in (0, 89, 90, 200):
        with world.context.database.transaction() as tx:
            stored.count(tx, "router", rules.day_of(now()) - timedelta(days=back), failed=False, restarted=False)
    for name in ("sources", "uploads", "slugs", "builds"):
        (world.context.settings.home / name).mkdir(exist_ok=True)
    retention.prune(world.context)
    with world.context.database.read() as tx:
        kept = [
            (rules.day_of(now()) - day.day).days for day in stored.days_since(tx, NOON.date() - timedelta(days=9999))
        ]
    assert sorted(kept) == [0, 89]


@pytest.fixture
def supervised(
    new_world: Callable[..., World], tmp_path: Path
) -> Iterator[tuple[Context, dict[str, subprocess.Popen[bytes]]]]:
    """A world whose roles are run by the real supervisor, each a program that waits, with a front door."""
    door = socket.create_server(("127.0.0.1", 0))
    made = new_world(http_port=door.getsockname()[1])
    supervisors = {}
    for role in {component.role for component in COMPONENTS}:
        directory = made.context.settings.home / "roles" / role
        directory.mkdir(parents=True)
        (directory / "run").write_text("#!/bin/sh\nexec sleep 1000\n")
        (directory / "run").chmod(0o755)
        supervisors[role] = subprocess.Popen(["runsv", str(directory)], stdout=subprocess.DEVNULL)
    yield made.context, supervisors
    for one in supervisors.values():
        one.terminate()
        one.wait(timeout=60)
    door.close()


def test_roles_are_seen_through_their_supervisor(
    supervised: tuple[Context, dict[str, subprocess.Popen[bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, supervisors = supervised
    monkeypatch.setattr(roles, "listens", lambda _, socket: socket != "git.sock")
    minute = now()
    monkeypatch.setattr(clock_status, "now", lambda: minute)
    wait_for("all run", lambda: all(life.pid for life in roles.lives(context).values()))
    assert all(life.since and abs(now() - life.since) < timedelta(minutes=1) for life in roles.lives(context).values())
    # By itself it waits for seven seconds.
    down = ["sv", "-w", "60", "down", str(context.settings.home / "roles" / "build")]
    subprocess.run(down, check=True, stdout=subprocess.DEVNULL)
    wait_for("one is down", lambda: roles.lives(context)["build"].pid is None)
    assert Watch(context).ensure() == 2
    found = {one.component.name: one.health for one in status.summary(context).components}
    assert {name for name, health in found.items() if health is Health.RED} == {"git", "builds"}
    assert Watch(context).ensure() == 0, "once a minute"
    supervisors["logplex"].kill()


def test_incidents_are_an_operators_and_end(world: World) -> None:
    told = {"title": "Slow builds", "severity": "yellow", "components": ["builds"], "contents": "We look into it."}
    with pytest.raises(Forbidden):
        incidents.create(world.context, accounts.log_in(world.context, "grace@example.com", PASSWORD), **told)
    for wrong in ({"title": " "}, {"severity": "pink"}, {"components": ["moon"]}, {"components": []}, {"contents": ""}):
        with pytest.raises(InvalidParams):
            incidents.create(world.context, world.actor, **{**told, **wrong})
    made = incidents.create(world.context, world.actor, **told)
    answered = world.get("/api/v4/current-status", token=None).json
    assert {one["system"]: one["status"] for one in answered["status"]} == {
        "Apps": "green",
        "Data": "green",
        "Tools": "yellow",
    }
    (incident,) = answered["incidents"]
    assert (incident["title"], incident["updates"][0]["update_type"]) == ("Slow builds", "issue")
    incidents.update(world.context, world.actor, made.id, "It is over.", resolved=True)
    assert world.get("/api/v4/current-status", token=None).json["incidents"] == []
    with pytest.raises(InvalidParams):
        incidents.update(world.context, world.actor, made.id, "Still.", resolved=False)
    with pytest.raises(NotFound):
        incidents.update(world.context, world.actor, "nothing", "x", resolved=False)
