"""The client on a machine that has no platform: installed from its wheel, with the packages that the wheel names."""

import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.cli.installed import CHECKOUT, Installed, build_wheel, make_venv
from tests.cli.world import EMAIL, World
from uv import find_uv_bin

from celadon.api import client_wheel
from celadon.cli.connection import netrc

# Modules that Python has on Unix alone.
UNIX_ONLY = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("client")
    make_venv(directory / "venv", build_wheel(directory))
    return directory / "venv"


def test_the_wheel_is_a_client_without_a_server(venv: Path, tmp_path: Path, world: World) -> None:
    """One test, as the environment is made once: what it says, what it does, what it lacks."""
    celadon = Installed(tmp_path, venv)
    celadon.env["CELADON_HOST"] = f"http://{world.machine}"
    celadon.log_in(world.machine, EMAIL, world.token)
    assert celadon("version").out.startswith("celadon/")
    assert "Primary topics" in celadon("help").out
    shown = celadon("apps")
    assert (shown.out, shown.err, shown.status) == ("=== My Apps\nexample\n\n", "", 0)

    requirements = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    server = requirements["optional-dependencies"]["server"]
    code = (
        "import importlib, re; from importlib import metadata\n"
        "def there(name):\n"
        "    try: return bool(metadata.distribution(re.match('[A-Za-z0-9._-]+', name)[0]))\n"
        "    except metadata.PackageNotFoundError: return False\n"
        f"print([name for name in {server!r} if there(name)])\n"
        "from celadon.cli import group, table\n"
        "for name in table.COMMANDS: group.load(name)\n"
    )
    assert celadon.evaluate(code) == "[]\n"
    # What a platform of this machine tells needs none of them either.
    celadon.env["CELADON_HOME"] = str(world.context.settings.home)
    del celadon.env["CELADON_HOST"]
    shown = celadon("platform:info", "--json")
    assert (json.loads(shown.out)["running"], shown.status) == (False, 1)
    role = [celadon.python, "-m", "celadon", "role", "api", "--home", str(world.context.settings.home)]
    done = subprocess.run(role, capture_output=True, text=True, check=False, env=celadon.env)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("cannot run role api: this is the client alone, without ")


def test_the_client_becomes_the_one_that_its_platform_runs(venv: Path, tmp_path: Path, world: World) -> None:
    celadon = Installed(tmp_path, venv)
    celadon.env |= {"UV_OFFLINE": "1", "PATH": f"{Path(find_uv_bin()).parent}:{celadon.env['PATH']}"}
    celadon.env["CELADON_HOST"] = url = f"http://{world.machine}"
    offered = client_wheel.wheel().version
    before = celadon("version").out.split()[0]
    # A first command on a terminal has it looked up, and does not wait for that; a later one tells.
    noted = celadon.home / ".cache" / "celadon" / "client-of-the-platform"
    celadon.on_terminal("version", "--platform", url)
    deadline = time.monotonic() + 60
    while not (noted.exists() and noted.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert noted.read_text() == f"{offered} {url}"
    notice = f" !    {url} runs celadon/{offered}, this is {before}: `celadon update` replaces it."
    assert notice in celadon.on_terminal("version", "--platform", url)
    assert notice not in celadon.on_terminal("version", "--platform", url, env={"CELADON_SKIP_NEW_VERSION_CHECK": "1"})
    assert celadon("version", "--platform", url).err == ""

    shown = celadon("update")
    number = before.removeprefix("celadon/")
    assert (shown.err, shown.out) == ("", f"Updating celadon from {number} to {offered}... done\n")
    assert celadon("version").out.startswith(f"celadon/{offered} ")
    assert notice not in celadon.on_terminal("version", "--platform", url)
    assert celadon("update:beta").out == (
        "There is one client of a platform, and no beta of it.\n"
        f"This client is up to date: celadon/{offered}, as {url} has it.\n"
    )
    # It is made of other files than the one before; all commands are in it.
    celadon.evaluate("from celadon.cli import group, table\nfor name in table.COMMANDS: group.load(name)")
    celadon.evaluate("import importlib.util as u; assert u.find_spec('celadon.store') is None")


def test_every_module_of_the_client_is_loaded_without_what_only_unix_has() -> None:
    """As on Windows: these modules are not there when a command's module is loaded."""
    code = (
        "import sys\n"
        f"for name in {UNIX_ONLY!r}: sys.modules[name] = None\n"
        "from celadon.cli import group, table\nfrom celadon.cli.connection import platforms\n"
        "for name in table.COMMANDS: group.load(name)\n"
        "list(platforms.known())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_windows_has_another_name_for_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netrc, "os", SimpleNamespace(name="nt"))
    monkeypatch.setenv("HOME", "/home/ada")
    assert netrc.path() == Path("/home/ada/_netrc")
