"""Where a plugin comes from, told from what the user wrote: a git URL, a path, or a name that an index knows."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from celadon.cli.failure import Failure, UsageFailure

# Plugins of Heroku's client, and the topic of ours that has what they add.
BUILT_IN: Mapping[str, str] = {
    "heroku-accounts": "accounts",
    "heroku-builds": "builds",
    "heroku-config": "config",
    "heroku-pg-extras": "pg",
    "heroku-pipeline": "pipelines",
    "heroku-pipelines": "pipelines",
    "heroku-redis": "redis",
}
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(\[[A-Za-z0-9,._-]+\])?([=<>!~]=?[A-Za-z0-9.*,=<>!~]+)?")
_SCP = re.compile(r"(?P<user>[A-Za-z0-9._-]+@)(?P<host>[A-Za-z0-9.-]+):(?P<path>[^/].*)")
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_REQUIRED_NAME = re.compile(r"\s*([A-Za-z0-9._-]+)")
# What a plugin finds in the client, and never brings along.
_OURS = frozenset({"celadon", "click"})


def requirement(text: str) -> str:
    """What to ask the installer for; raises UsageFailure, Failure."""
    if (scp := _SCP.fullmatch(text)) is not None:
        return f"git+ssh://{scp['user']}{scp['host']}/{scp['path']}"
    parts = urlsplit(text)
    if parts.scheme in ("http", "https"):
        return text if parts.path.endswith(_ARCHIVES) else f"git+{text}"
    if parts.scheme in ("ssh", "git", "file"):
        return f"git+{text}"
    if text.startswith("git+"):
        return text
    if "/" in text or "\\" in text or text in (".", "..") or text.endswith(_ARCHIVES):
        path = Path(text).expanduser().absolute()
        if not path.exists():
            raise Failure(f"cannot install {text}: there is no such file or directory")
        return str(path)
    if _NAME.fullmatch(text):
        return text
    raise UsageFailure(f"cannot install {text!r}: give a git URL, a path or the name of a package")


def shown(text: str) -> str:
    """A source without the credentials that its URL may hold."""
    parts = urlsplit(text)
    if not parts.netloc or "@" not in parts.netloc:
        return text
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def normalized(name: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def brought(requirements: Iterable[str]) -> list[str]:
    """Of what a plugin needs, what has to be installed for it: not the client, nothing of its extras."""
    found = []
    for wanted in requirements:
        name = _REQUIRED_NAME.match(wanted)
        if name and normalized(name[1]) not in _OURS and "extra" not in wanted.partition(";")[2]:
            found.append(wanted)
    return found
