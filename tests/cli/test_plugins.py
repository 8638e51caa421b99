"""Plugins: installed, linked, updated, broken; what they cannot do; what they cost those who have none."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from tests.cli.program import Program
from tests.cli.world import World

from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.plugins import sources as plugin_sources

SAMPLE = Path(__file__).parents[2] / "examples" / "plugin-hello"
GOOD = """
from celadon.cli.command import command
print("noise at import")
@command()
def greet(invocation):
    '''Greet the world. Twice.'''
    print("hello")
"""
Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Writes a plugin named `bright` and gives its directory."""

    def write(code: str = GOOD, name: str = "bright", **commands: str) -> Path:
        project = tmp_path / name
        (project / "src").mkdir(parents=True, exist_ok=True)
        entries = {"greet": "greet", **{key.replace("_", ":"): value for key, value in commands.items()}}
        lines = [f'"{command}" = "{name}:{function}"' for command, function in entries.items()]
        (project / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "1.2"\n[project.entry-points."celadon.commands"]\n'
            + "\n".join(lines)
        )
        (project / "src" / f"{name}.py").write_text(code)
        return project

    return write


def plugins_directory(celadon: Program) -> Path:
    return celadon.home / ".local" / "share" / "celadon" / "plugins"


def test_the_sample_is_installed_from_git_and_calls_the_api(celadon: Program, world: World, tmp_path: Path) -> None:
    repository = tmp_path / "plugin-hello"
    shutil.copytree(SAMPLE, repository)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=repository, env=celadon.env, check=True)
    celadon.env |= {"UV_OFFLINE": "1", "UV_NO_BUILD_ISOLATION": "1", "UV_CACHE_DIR": str(tmp_path / "cache")}
    shown = celadon("plugins:install", f"file://{repository}", "--yes")
    assert (shown.err, shown.status) == ("", 0)
    assert shown.out == (
        f"Installing plugin file://{repository}... done, celadon-hello 0.1.0\n"
        "  celadon hello:world [GREETING]  #  Greet whoever is logged in, and count their apps\n"
    )
    assert celadon("hello:world").out == "Hello, ada@example.com: you have 1 app.\n"
    assert json.loads(celadon("hello:world", "--json").out)["apps"] == ["example"]
    assert celadon("plugins").out == "=== Installed Plugins\nceladon-hello  0.1.0  hello:world\n\n"
    assert celadon("plugins:update", "celadon-hello").out.startswith("Updating plugin celadon-hello... done, 0.1.0\n")
    # The copy that it was before is gone, the one in use is there.
    assert len([path for path in plugins_directory(celadon).iterdir() if path.is_dir()]) == 1
    assert celadon("hello:world", "Hi").out.startswith("Hi, ada")
    assert celadon("plugins:uninstall", "Celadon_Hello").out == "Uninstalling Celadon_Hello... done\n"
    assert celadon("hello:world").status == 2
    assert sorted(path.name for path in plugins_directory(celadon).iterdir()) == ["index.json", "lock"]


def test_a_linked_plugin_follows_what_is_written(stranger: Program, made: Made) -> None:
    project = made()
    assert stranger("plugins:link", str(project)).out.endswith("  celadon greet  #  Greet the world\n")
    assert stranger("greet").out == "noise at import\nhello\n"
    made(GOOD.replace('"hello"', '"hi"'))
    assert stranger("greet").out.endswith("\nhi\n")
    assert "  greet  #  Greet the world\n" in stranger("help").out
    assert stranger("help", "greet").out.splitlines()[1] == "Usage: celadon greet [OPTIONS]"
    assert "`greet`" in stranger("gret").err
    assert stranger("greet", "too", "much").err.startswith(" !    Usage: celadon greet\n")
    assert project.is_dir() and stranger("plugins:uninstall", "bright").status == 0 and project.is_dir()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import os; os._exit(4)", None),
        ("def greet(): pass", "bright:greet is no command made with celadon.cli.command"),
        ("", "AttributeError: module 'bright' has no attribute 'greet'"),
    ],
)
def test_a_plugin_that_breaks_is_named_and_breaks_nothing(
    stranger: Program, made: Made, code: str, why: str | None
) -> None:
    stranger("plugins:link", str(made()))
    made(code)
    listed = stranger("plugins")
    assert listed.status == 0 and "bright" not in listed.out
    assert listed.err.startswith(
        f" !    The plugin bright is broken: {why or 'importing it ends the program (status 4)'}.\n"
    )
    assert "plugins:uninstall bright" in listed.err
    if why is not None:
        called = stranger("greet")
        assert (called.out, called.status) == ("", 1)
        assert called.err.startswith(" !    cannot run `greet`.\n !    The plugin bright is broken: ")
        assert "Traceback" not in called.err
    if why and why.startswith("ModuleNotFound"):
        assert "Traceback" in stranger("greet", env={"CELADON_DEBUG": "1"}).err
        assert stranger("help").status == 0
        refused = stranger("plugins:update")
        assert refused.status == 1 and "cannot install bright: it is broken: " in refused.err
        assert stranger("plugins:uninstall", "bright").status == 0


def test_a_plugin_whose_files_are_gone_is_named_by_help(stranger: Program, made: Made) -> None:
    project = made()
    stranger("plugins:link", str(project))
    (project / "src" / "bright.py").unlink()
    shown = stranger("help")
    assert shown.status == 0 and "greet" not in shown.out
    assert shown.err.startswith(" !    The plugin bright is broken: its module bright is gone.\n")
    assert "its module bright is gone" in stranger("greet").err
    shutil.rmtree(project)
    assert "its directory" in stranger("help").err
    assert stranger("plugins:uninstall", "bright").status == 0


def test_an_index_that_is_damaged_is_told_of(stranger: Program, made: Made) -> None:
    stranger("plugins:link", str(made()))
    for text in ("{", '{"plugins": [{"name": 1}]}'):
        (plugins_directory(stranger) / "index.json").write_text(text)
        shown = stranger("help")
        assert shown.status == 0 and "cannot read" in shown.err
        assert stranger("greet").status == 2
    refused = stranger("plugins:link", str(made()))
    assert refused.status == 1 and "Nothing has been changed." in refused.err
    assert len([path for path in plugins_directory(stranger).iterdir() if path.is_dir()]) == 1
    (plugins_directory(stranger) / "index.json").unlink()
    assert stranger("plugins:link", str(made())).status == 0
    assert stranger("greet").status == 0


def test_a_command_of_ours_is_not_replaced(stranger: Program, made: Made) -> None:
    shown = stranger("plugins:link", str(made(ps="greet", pg_info="greet")))
    assert " !    Its command `ps` is left out: there is one of this name already.\n" in shown.err
    assert "`pg:info`" in shown.err
    assert json.loads(stranger("plugins", "--json").out)[0]["commands"] == ["greet"]
    other = stranger("plugins:link", str(made(name="dim")))
    assert other.status == 1 and "there is a command greet already" in other.err
    assert len([path for path in plugins_directory(stranger).iterdir() if path.is_dir()]) == 1


def test_who_is_killed_in_the_middle_leaves_nothing_that_counts(stranger: Program, made: Made, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    project = made(f"open({str(begun)!r}, 'w').close()\nimport threading; threading.Event().wait()")
    linking = stranger.start("plugins:link", str(project), start_new_session=True, stdout=subprocess.DEVNULL)
    begun.open().close()
    os.killpg(linking.pid, signal.SIGKILL)
    linking.wait()
    assert [path.name for path in plugins_directory(stranger).iterdir() if path.is_dir()]
    assert stranger("plugins").out == "No plugins installed.\n"
    assert stranger("plugins:link", str(made())).status == 0
    assert len([path for path in plugins_directory(stranger).iterdir() if path.is_dir()]) == 1


def test_strangers_code_is_asked_about(stranger: Program) -> None:
    shown = stranger("plugins:install", "https://ada:secret@example.com/x.git")
    assert shown.status == 1 and "secret" not in shown.err
    assert "https://example.com/x.git is code of others" in shown.err and "add --yes" in shown.err
    asked = stranger.terminal("plugins:install", "bright")
    asked.expect("Install it")
    asked.sendline("n")
    asked.expect("Aborted")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 1
    assert not plugins_directory(stranger).exists()


def test_what_heroku_users_know_is_built_in(stranger: Program) -> None:
    assert stranger("plugins:install", "heroku-pg-extras").out == (
        "heroku-pg-extras is built in: see `celadon help pg`.\n"
    )
    for name in plugin_sources.BUILT_IN:
        assert stranger("plugins:install", name).out.startswith(f"{name} is built in: ")


def test_a_command_of_ours_looks_at_no_plugin(stranger: Program) -> None:
    code = (
        "import sys; from celadon.cli import group; group.run(['ps', '-a', 'x', '--platform', 'http://localhost:1']);"
        "print(*[name for name in sys.modules if 'plugin' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=stranger.env)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("source", "requirement"),
    [
        ("https://example.com/x", "git+https://example.com/x"),
        ("https://example.com/x.git@v1", "git+https://example.com/x.git@v1"),
        ("https://example.com/x-1.0-py3-none-any.whl", "https://example.com/x-1.0-py3-none-any.whl"),
        ("git@example.com:me/x.git", "git+ssh://git@example.com/me/x.git"),
        ("ssh://git@example.com/x", "git+ssh://git@example.com/x"),
        ("git+https://example.com/x", "git+https://example.com/x"),
        ("celadon-hello", "celadon-hello"),
        ("celadon_hello>=1.2,<2", "celadon_hello>=1.2,<2"),
        ("/tmp", "/tmp"),
    ],
)
def test_sources(source: str, requirement: str) -> None:
    assert plugin_sources.requirement(source) == requirement


@pytest.mark.parametrize("source", ["", "a b", "-r", "--index-url=x", "./nowhere-at-all", "a;b", "x @ y"])
def test_what_is_no_source(source: str) -> None:
    with pytest.raises((Failure, UsageFailure)):
        plugin_sources.requirement(source)


def test_of_what_a_plugin_needs_the_client_is_there_already() -> None:
    wanted = ["click>=8", "Celadon", "rich", "attrs>=1; python_version > '3'", "pytest; extra == 'test'", "click-odd"]
    assert plugin_sources.brought(wanted) == ["rich", "attrs>=1; python_version > '3'", "click-odd"]
