"""The client as somebody installs it on a machine of their own: a wheel in a virtual environment that has what it names."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pexpect
from tests.cli.program import Program

CHECKOUT = Path(__file__).parents[2]
_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Installed(Program):
    """The program of a virtual environment."""

    def __init__(self, tmp_path: Path, venv: Path) -> None:
        super().__init__(tmp_path)
        self.venv = venv

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def argv(self) -> list[str]:
        return [str(self.venv / "bin" / "celadon")]

    def on_terminal(self, *words: str, env: dict[str, str] | None = None) -> str:
        """What a terminal shows of it."""
        shown = self.terminal(*words, env=env)
        shown.setwinsize(33, 300)
        shown.expect(pexpect.EOF)
        shown.close()
        return shown.before or ""

    def evaluate(self, code: str) -> str:
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=False, env=self.env)
        assert done.returncode == 0, done.stderr
        return done.stdout


def build_wheel(directory: Path) -> Path:
    """The package as `pyproject.toml` says, built away from the checkout: setuptools leaves files where it builds."""
    source = directory / "source"
    shutil.copytree(CHECKOUT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(directory), str(source))
    return next(directory.glob("*.whl"))


def make_venv(venv: Path, wheel: Path) -> None:
    """An environment with the wheel and the packages that it needs, taken from ours, and nothing else."""
    uv("venv", "--python", sys.executable, str(venv))
    uv("pip", "install", "--python", str(venv), "--no-deps", str(wheel))
    site = next(venv.glob("lib/python3*/site-packages"))
    for name in sorted(needed("celadon", site)):
        for entry in {file.parts[0] for file in metadata.distribution(name).files or () if file.parts[0] != ".."}:
            ours, theirs = Path(str(metadata.distribution(name).locate_file(entry))), site / entry
            if entry.endswith(".dist-info"):
                # uv sees no distribution behind a link.
                shutil.copytree(ours, theirs)
            elif not theirs.exists() and entry != "__pycache__":
                theirs.symlink_to(ours)


def needed(name: str, site: Path) -> set[str]:
    """The distributions that one of this directory needs here, and those that they need."""
    found, waiting = set[str](), [next(iter(metadata.distributions(name=name, path=[str(site)])))]
    while waiting:
        for requirement in waiting.pop().requires or ():
            wanted = _NAME.match(requirement)
            assert wanted, requirement
            # What is for other systems is not installed here either.
            if "extra ==" in requirement or wanted[0] in found or not list(metadata.distributions(name=wanted[0])):
                continue
            found.add(wanted[0])
            waiting.append(metadata.distribution(wanted[0]))
    return found


def uv(*words: str) -> None:
    from uv import find_uv_bin

    argv = [find_uv_bin(), *words, "--offline", "--quiet", "--no-config"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "VIRTUAL_ENV"))}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
