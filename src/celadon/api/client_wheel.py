"""The command line of this very platform as a wheel, made of the files it runs from.

A wheel is a zip with three lists; it is made when it is first asked for, and is the same each time: its version names
what is in it, so that another one is told from this by the version alone.
"""

import base64
import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import celadon
from celadon.model.errors import NotFound

# What a client never runs.
_SERVER = frozenset(
    "actions addons api build caches clock dashboard deployhooks dynos git logplex postgres router scheduler store".split()
)
_PACKAGE = Path(celadon.__file__).parent
# Zip knows no earlier time; a later one would make each wheel another one.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """`sha256` is that of the content, in hex."""

    version: str
    name: str
    sha256: str
    content: bytes


@cache
def wheel() -> Wheel:
    """The client's wheel; raises NotFound where the platform does not run from a checkout."""
    checkout = _PACKAGE.parents[1]
    if not (checkout / "pyproject.toml").is_file():
        raise NotFound("client")
    told = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))
    files = packaged(_PACKAGE, told["tool"]["setuptools"]["package-data"]["celadon"])
    return made(told["project"], {**files, "celadon/LICENSE": (checkout / "LICENSE").read_bytes()})


def packaged(package: Path, data: Iterable[str]) -> dict[str, bytes]:
    """What the client's package holds, path → content: modules, and the `data` that pyproject.toml names. What else lies
    about in a checkout is nobody's business.
    """
    found = {}
    for path in sorted({path for pattern in ("**/*.py", *data) for path in package.glob(pattern)}):
        place = path.relative_to(package)
        if path.is_file() and place.parts[0] not in _SERVER:
            found[f"celadon/{place.as_posix()}"] = path.read_bytes()
    return found


def made(project: Mapping[str, Any], files: Mapping[str, bytes]) -> Wheel:
    """A wheel of these files, path → content, as the project's own lines describe it."""
    digest = hashlib.sha256(repr((sorted(project.items(), key=str), sorted(files.items()))).encode()).hexdigest()
    version = f"{project['version']}+c{digest[:12]}"
    written = {**files, "celadon/__init__.py": f'"""The client of Celadon."""\n\n__version__ = "{version}"\n'.encode()}
    lists = f"celadon-{version}.dist-info"
    written[f"{lists}/METADATA"] = _metadata(project, version).encode()
    written[f"{lists}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: celadon\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    scripts = "".join(f"{name} = {target}\n" for name, target in project["scripts"].items())
    written[f"{lists}/entry_points.txt"] = f"[console_scripts]\n{scripts}".encode()
    written[f"{lists}/RECORD"] = _record(written, f"{lists}/RECORD").encode()
    content = _zip(written)
    return Wheel(
        version=version,
        name=f"celadon-{version}-py3-none-any.whl",
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
    )


def _metadata(project: Mapping[str, Any], version: str) -> str:
    lines = [
        "Metadata-Version: 2.1",
        "Name: celadon",
        f"Version: {version}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {requirement}" for requirement in project["dependencies"]),
    ]
    return "\n".join(lines) + "\n"


def _record(files: Mapping[str, bytes], own: str) -> str:
    def line(path: str, content: bytes) -> str:
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        return f"{path},sha256={digest},{len(content)}\n"

    return "".join(line(path, content) for path, content in files.items()) + f"{own},,\n"


def _zip(files: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in _in_order(files):
            entry = zipfile.ZipInfo(path, _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return written.getvalue()


def _in_order(files: Mapping[str, bytes]) -> Iterable[tuple[str, bytes]]:
    """The lists at the end, as the format advises."""
    return sorted(files.items(), key=lambda item: (".dist-info/" in item[0], item[0]))
