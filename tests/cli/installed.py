"""The client as somebody installs it on a machine of their own: a wheel in a virtual environment that has what it names."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

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
            if not (site / entry).exists() and entry != "__pycache__":
                (site / entry).symlink_to(Path(str(metadata.distribution(name).locate_file(entry))))


def needed(name: str, site: Path) -> set[str]:
    """The distributions that one of this directory needs, and those that they need."""
    found, waiting = set[str](), [next(iter(metadata.distributions(name=name, path=[str(site)])))]
    while waiting:
        for requirement in waiting.pop().requires or ():
            wanted = _NAME.match(requirement)
            if wanted and ";" not in requirement and wanted[0] not in found:
                found.add(wanted[0])
                waiting.append(metadata.distribution(wanted[0]))
    return found


def uv(*words: str) -> None:
    from uv import find_uv_bin

    argv = [find_uv_bin(), *words, "--offline", "--quiet", "--no-config"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "VIRTUAL_ENV"))}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
