"""How this client was installed, and so who can put another one in its place."""

import sys
from pathlib import Path

import celadon
from celadon.cli.failure import Failure


def checkout() -> Path | None:
    """The checkout that it runs from; None where it was installed."""
    root = Path(celadon.__file__).parents[2]
    return root if (root / "bin" / "up").is_file() else None


def installer(first: str = "uv") -> list[str]:
    """How uv or pip installs packages for this Python; `first` the one of them, or else the other. Raises Failure."""
    found = {"uv": _uv(), "pip": _pip()}
    for name in (first, "uv", "pip"):
        if argv := found.get(name):
            return argv
    raise Failure(
        f"cannot install packages: {sys.executable} has neither uv nor pip",
        f"Run `{sys.executable} -m ensurepip`, or install uv: https://docs.astral.sh/uv/",
    )


def own_installer() -> list[str]:
    """That by which the client itself was installed."""
    from importlib import metadata

    return installer((metadata.distribution("celadon").read_text("INSTALLER") or "uv").strip())


def _uv() -> list[str] | None:
    import shutil

    beside = str(Path(sys.executable).parent)
    program = shutil.which("uv", path=beside) or shutil.which("uv")
    return [program, "pip", "install", "--quiet", "--python", sys.executable] if program else None


def _pip() -> list[str] | None:
    import importlib.util

    if importlib.util.find_spec("pip") is None:
        return None
    return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
