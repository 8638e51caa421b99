"""What is imported before a command can do its work: that is what its start takes (`bench/cli.py` measures it)."""

import subprocess
import sys
from collections.abc import Mapping

import pytest
from tests.cli.program import Program
from tests.cli.world import World

# What the interpreter has loaded before the first line of ours is not counted.
PROBE = """
import sys
before = set(sys.modules)
from celadon.cli import main
status = main.main(sys.argv[1:])
print(status, *sorted(set(sys.modules) - before), file=sys.stderr)
"""
# No command pays for these before it needs them; only what asks the platform pays for those of the second line.
HEAVY = {"asyncio", "concurrent", "cryptography", "asyncssh", "sqlalchemy", "uvicorn", "urllib3", "typing_extensions"}
HEAVY |= {"logging", "multiprocessing", "tempfile", "unittest", "webbrowser", "getpass", "rich", "zipfile", "xml"}
NETWORK = {"ssl", "http", "socket", "email"}
CELADON: Mapping[str, set[str]] = {
    "version": {"cli", "cli.main", "cli.commands", "cli.commands.version"},
    "help": {"cli", "cli.main", "cli.overview", "cli.plugins", "cli.plugins.root", "cli.table"},
}
COMMON = {"cli", "cli.main", "cli.table", "cli.group", "cli.command", "cli.commands"} | {
    *("cli.invocation", "cli.detection", "cli.repository", "cli.failure", "cli.files"),
    *("cli.terminal", "cli.terminal.output", "cli.terminal.unfinished"),
    *("cli.connection", "cli.connection.client", "cli.connection.netrc", "cli.connection.patience"),
    *("cli.connection.platforms", "model", "model.text"),
}
# A platform of this machine says by its settings where it is.
SETTINGS = {
    "platform",
    "platform.settings",
    "model.build_environment",
    "model.destination",
    "model.errors",
    "model.size",
}
ASKING = COMMON | SETTINGS | {"cli.connection.transport"}


def imported(program: Program, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        capture_output=True,
        text=True,
        check=True,
        env=program.env,
        cwd=program.work,
    )
    status, *modules = done.stderr.splitlines()[-1].split(" ")
    assert status == "0", done.stderr
    return set(modules)


def ours(modules: set[str]) -> set[str]:
    return {name.removeprefix("celadon.") for name in modules if name.startswith("celadon.")}


@pytest.mark.parametrize(("command", "most"), [("version", 30), ("help", 35)])
def test_what_asks_nobody_loads_next_to_nothing(stranger: Program, command: str, most: int) -> None:
    modules = imported(stranger, command)
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & (HEAVY | NETWORK | {"click", "inspect", "dataclasses", "subprocess", "json", "datetime"})
    assert ours(modules) == CELADON[command]
    assert len(modules) <= most, sorted(modules)


@pytest.mark.parametrize("words", [("help", "ps"), ("ps", "--help")])
def test_help_of_a_command_loads_nothing_of_the_network(stranger: Program, words: tuple[str, ...]) -> None:
    tops = {name.partition(".")[0] for name in imported(stranger, *words)}
    assert not tops & (HEAVY | NETWORK | {"subprocess"})


@pytest.mark.parametrize(
    ("command", "own", "most"),
    [
        ("ps", {"cli.commands.dynos", "cli.connection.waiting", "model.exit_status"}, 180),
        ("config", {"cli.commands.config_vars"}, 180),
    ],
)
def test_what_asks_the_platform_loads_its_own_module_and_the_common_ones(
    world: World, celadon: Program, command: str, own: set[str], most: int
) -> None:
    modules = imported(celadon, command, "-a", "example")
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & (HEAVY | {"subprocess"})
    assert ours(modules) <= ASKING | own
    assert len(modules) <= most, sorted(modules)
