import json
import re

import pytest
from tests.cli.program import Program
from tests.cli.world import World

from celadon.model import exit_status

TIME = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \(~ \d+s ago\)"


@pytest.fixture(autouse=True)
def app(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"


def timeless(text: str) -> str:
    return re.sub(TIME, "TIME", text)


def test_ps_groups_by_type_and_sorts_by_number(world: World, celadon: Program) -> None:
    for number in (10, 2):
        world.run_dyno("example", "web", number, "gunicorn app:app")
    world.run_dyno("example", "worker", 1, "python work.py", size="2X")
    world.run_dyno("example", "run", 4821, exit_status.telling("bash"), size="PX")
    assert timeless(celadon("ps").out) == (
        "=== web (1X): `gunicorn app:app`\n"
        "web.1: up TIME\n"
        "web.2: up TIME\n"
        "web.10: up TIME\n"
        "\n"
        "=== worker (2X): `python work.py`\n"
        "worker.1: up TIME\n"
        "\n"
        "=== run: one-off processes\n"
        "run.4821 (PX): up TIME: `bash`\n"
        "\n"
    )


def test_ps_of_some_types_and_as_json(world: World, celadon: Program) -> None:
    world.run_dyno("example", "worker", 1, "python work.py")
    assert timeless(celadon("ps", "worker").out) == "=== worker (1X): `python work.py`\nworker.1: up TIME\n\n"
    assert celadon("ps", "clock").out == "example has no clock dynos.\n"
    assert [dyno["name"] for dyno in json.loads(celadon("ps", "--json").out)] == ["web.1", "worker.1"]


def test_ps_of_an_app_without_dynos(celadon: Program) -> None:
    celadon("create", "another", "-n")
    assert celadon("ps", "-a", "another").out == "another has no dynos.\n"


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["web=5"], "web at 5:1X"),
        (["web+2"], "web at 3:1X"),
        (["web-1"], "web at 0:1X"),
        (["web=4:2X"], "web at 4:2X"),
        (["web=4:1X", "worker=2:2x"], "web at 4:1X, worker at 2:2X"),
        (["web=4:PX"], "web at 4:PX"),
    ],
)
def test_scale(celadon: Program, words: list[str], out: str) -> None:
    assert celadon("ps:scale", *words).out == f"Scaling dynos... done, now running {out}.\n"


def test_scale_without_changes_prints_the_formation(celadon: Program) -> None:
    assert celadon("scale").out == "web=1:1X worker=0:1X\n"
    celadon("create", "another", "-n")
    assert "has no process types" in celadon("scale", "-a", "another").out


@pytest.mark.parametrize("change", ["web", "web=", "web=x", "=3", "web=1:", "web==3"])
def test_what_is_no_change_of_scale_is_a_usage_error(celadon: Program, change: str) -> None:
    shown = celadon("ps:scale", change)
    assert (shown.out, shown.status) == ("", 2)
    assert shown.err.startswith(f" !    cannot scale by {change!r}: ")


def test_scale_of_an_unknown_type_fails_with_the_reason(celadon: Program) -> None:
    shown = celadon("ps:scale", "clock=1")
    assert shown.status == 1
    assert shown.out == "Scaling dynos... failed\n"
    assert "clock" in shown.err


def test_resize_says_sizes_and_prices(celadon: Program) -> None:
    assert celadon("ps:resize", "web=2X").out == (
        "Resizing and restarting the specified dynos... done\nweb dynos now 2X ($0.10/dyno-hour)\n"
    )
    assert celadon("ps:type", "web=PX", "worker=Px").out == (
        "Resizing and restarting the specified dynos... done\n"
        "web dynos now PX ($0.80/dyno-hour)\n"
        "worker dynos now PX ($0.80/dyno-hour)\n"
    )
    assert celadon("resize", "1X").out.count(" dynos now 1X ($0.05/dyno-hour)\n") == 2
    assert celadon("ps:type").out == (
        "Type    Size  Qty  Price\n"
        "------  ----  ---  ---------------\n"
        "web     1X      1  $0.05/dyno-hour\n"
        "worker  1X      0  $0.05/dyno-hour\n"
    )


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["restart"], "Restarting dynos... done\n"),
        (["ps:restart", "web.1"], "Restarting web.1 dyno... done\n"),
        (["ps:restart", "web"], "Restarting web dynos... done\n"),
        (["ps:restart", "-d", "web.1"], "Restarting web.1 dyno... done\n"),
        (["ps:restart", "-p", "web"], "Restarting web dynos... done\n"),
        (["ps:stop", "web.1"], "Stopping web.1 dyno... done\n"),
        (["ps:kill", "web.1"], "Stopping web.1 dyno... done\n"),
        (["stop", "web"], "Stopping web dynos... done\n"),
    ],
)
def test_restart_and_stop(celadon: Program, words: list[str], out: str) -> None:
    shown = celadon(*words)
    assert (shown.out, shown.status) == (out, 0)


def test_restart_of_a_dyno_that_is_not_there_fails(celadon: Program) -> None:
    shown = celadon("restart", "web.7")
    assert (shown.out, shown.status) == ("Restarting web.7 dyno... failed\n", 1)
    assert "web.7" in shown.err


def test_wait_is_over_when_all_dynos_run_the_latest_release(world: World, celadon: Program) -> None:
    assert celadon("ps:wait").out == "Waiting for every dyno to run v3... done, 1 up\n"
    celadon("config:set", "A=1")
    shown = celadon("ps:wait", "--timeout", "0.3", "-w", "0.1")
    assert shown.out == "Waiting for every dyno to run v4... failed\n"
    assert (
        shown.err
        == " !    cannot wait any longer: 0 of 1 dynos are up and run v4; see `celadon ps` and `celadon logs`\n"
    )
