"""The sample provider of examples/addon-provider, as the process it is."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celadon.model import partner

FOLDER = Path(__file__).parents[2] / "examples" / "addon-provider"


@dataclass(frozen=True)
class Sample:
    """`url` is where it listens, `manifest` that of a provider there, in the file at `path`."""

    url: str
    manifest: dict[str, Any]
    path: Path


@contextlib.contextmanager
def running(directory: Path, env: dict[str, str] | None = None) -> Iterator[Sample]:
    """A provider with a database in this directory; ended again."""
    shutil.copytree(FOLDER, directory / "provider", ignore=shutil.ignore_patterns("__pycache__", "*.db"))
    argv = [sys.executable, "provider.py", "--port", "0", "--database", str(directory / "notes.db")]
    program = subprocess.Popen(argv, cwd=directory / "provider", stdout=subprocess.PIPE, env=env, text=True)
    assert program.stdout is not None
    try:
        url = program.stdout.readline().removeprefix("listening on ").strip()
        assert url.startswith("http://"), "it has not started"
        manifest = partner.moved(json.loads((FOLDER / "addon-manifest.json").read_text("utf-8")), url)
        path = directory / "addon-manifest.json"
        path.write_text(json.dumps(manifest), "utf-8")
        yield Sample(url, manifest, path)
    finally:
        program.terminate()
        program.wait(10)
        program.stdout.close()
