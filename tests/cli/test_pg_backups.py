"""Backups at the command line; what the role does about them is played by its own actions."""

import json
import threading
import time

import pytest
from tests.api.examples_dataclips import database
from tests.api.test_transfers import place
from tests.cli.conftest import Stand
from tests.cli.program import Program
from tests.cli.world import World

from celadon.actions import transferring, transfers
from celadon.actions.context import Context
from celadon.api import role
from celadon.api.asgi import Application
from celadon.postgres import transfer_routes


@pytest.fixture
def program(stand: Stand, world: World, celadon: Program) -> Program:
    """The program of the owner of an app with a database."""
    place(world, database(world.context), "dabc")  # type: ignore[arg-type]
    stand.application = Application(world.context, (*role.ROUTES, *transfer_routes.ROUTES))
    celadon.env["CELADON_APP"] = "example"
    return celadon


def carry_out(context: Context) -> None:
    """What waits is done, as by the role."""
    deadline = time.monotonic() + 60
    while not (waiting := transferring.open_ones(context)):
        assert time.monotonic() < deadline, "nothing was asked for"
        time.sleep(0.01)
    for one in waiting:
        transferring.begin(context, one.id)
        path = transfers.archive(context, one)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PGDMP")
        transferring.say(context, one.id, ["dumped"])
        transferring.succeeded(context, one.id, processed=2048)


def test_backups_from_the_first_to_none(program: Program, world: World) -> None:
    assert "No backups. Capture one" in program("pg:backups").out
    role_at_work = threading.Thread(target=carry_out, args=(world.context,))
    role_at_work.start()
    made = program("pg:backups:capture")
    role_at_work.join()
    assert made.status == 0, made.err
    assert "Backing up DATABASE to b001... done, 2k" in made.out
    listed = program("pgbackups").out
    assert "b001" in listed and "Last restored" in listed and "Completed" in listed
    told = program("pg:backups:info", "b001").out
    assert "=== Backup b001" in told and "dumped" in told and "Manual" in told
    assert "/postgres-backups/" in program("pg:backups:url").out
    assert json.loads(program("pg:backups", "--json").out)[0]["name"] == "b001"
    assert program("pg:backups:cancel").status == 1
    restoring = threading.Thread(target=carry_out, args=(world.context,))
    restoring.start()
    restored = program("pg:backups:restore", "b001", "--confirm", "example")
    restoring.join()
    assert restored.status == 0 and "Restoring... done" in restored.out, restored.err
    assert "r002" in program("pg:backups").out
    assert program("pg:backups:delete", "b001", "--confirm", "example").status == 0
    assert "b001 " not in program("pg:backups").out.split("Restores")[0]


def test_whoever_stops_watching_is_told_how_to_go_on(program: Program) -> None:
    left = program.interrupted("pg:backups:capture", after="to b001... ")
    assert (
        "To look: celadon pg:backups:info b001 -a example\n !    To end it: celadon pg:backups:cancel b001" in left.err
    )
    assert left.status == 130


def test_a_schedule_is_made_shown_and_ended(program: Program) -> None:
    assert program("pg:backups:schedule", "--at", "04:00 Europe/Berlin").status == 0
    assert "DATABASE_URL: daily at 4:00 Europe/Berlin" in program("pg:backups:schedules").out
    assert program("pg:backups:unschedule", "DATABASE").status == 0
    assert "No backup schedules" in program("pg:backups:schedules").out
    refused = program("pg:backups:schedule", "--at", "25:00")
    assert refused.status == 1 and "from 0 to 23" in refused.err
