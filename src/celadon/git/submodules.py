"""Submodules of a pushed commit: what the builder is to fetch beside the source archive, and which it must not."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from celadon.git.repository import Repository
from celadon.model.errors import InvalidParams

_SCHEMES = frozenset({"https", "http"})
_MOST = 100
# A .gitmodules of a hundred entries has some 15 KB.
LONGEST = 64 << 10
_LONGEST_URL = 2000
# `git@github.com:owner/name.git`, the short form of an ssh:// URL: what there is instead can be said.
_SCP = re.compile(r"(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^:/-][^:]*)")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|[0-9a-fA-F:]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._~%+-]*")


@dataclass(frozen=True, slots=True)
class Submodule:
    """The tree wants commit `sha` of the repository at `url` in the directory `path`."""

    path: str
    url: str
    sha: str


async def read(repository: Repository, commit: str, quarantine: Mapping[str, str], link: str | None) -> list[Submodule]:
    """The submodules that a commit with a `.gitmodules` has; raises InvalidParams for one that is refused.

    `link` is where the app says its code can be looked at: relative URLs begin there.
    """
    listed = await repository.output(
        "config", "--null", f"--blob={commit}:.gitmodules", "--list", limit=2 * LONGEST, quarantine=quarantine
    )
    urls = declared(listed)
    if not urls:
        return []
    if len(urls) > _MOST:
        raise InvalidParams(f"cannot fetch {len(urls)} submodules: at most {_MOST}")
    tree = await repository.output("ls-tree", "-z", commit, "--", *urls, quarantine=quarantine)
    shas = gitlinks(tree)
    return [Submodule(path, check_url(path, url, link), shas[path]) for path, url in urls.items() if path in shas]


def declared(listed: bytes) -> dict[str, str]:
    """Path → URL, from what `git config --null --list` prints of a `.gitmodules`."""
    sections: dict[str, dict[str, str]] = {}
    for entry in listed.decode("utf-8", errors="replace").split("\0"):
        key, _, value = entry.partition("\n")
        section, _, name = key.rpartition(".")
        if section.startswith("submodule."):
            sections.setdefault(section, {})[name] = value
    found = {}
    for section, values in sections.items():
        path = values.get("path", "").rstrip("/")
        if path:
            if "url" not in values:
                raise InvalidParams(f"cannot fetch the {section}: .gitmodules gives it no url")
            found[path] = values["url"]
    return found


def gitlinks(tree: bytes) -> dict[str, str]:
    """Path → commit, of those entries of `git ls-tree -z` that are submodules."""
    found = {}
    for entry in tree.decode("utf-8", errors="replace").split("\0"):
        words, _, path = entry.partition("\t")
        if words.startswith("160000 commit "):
            found[path] = words.split(" ")[2]
    return found


def check_url(path: str, url: str, link: str | None = None) -> str:
    """The URL as the builder may fetch it; raises InvalidParams with the reason when it may not."""
    found = _resolved(url, link) if link and url.startswith(("./", "../")) else url
    why = _objection(found) if found else "it leads out of the host of the app's repository link"
    if why:
        raise InvalidParams(f"cannot fetch the submodule {path[:100]!r} from {shown(url)[:200]!r}: {why}")
    return found


def shown(url: str) -> str:
    """The URL without a user name and password that may be in it; a password may have an @ too."""
    return re.sub(r"://[^/]*@", "://", url)


def _resolved(url: str, link: str) -> str:
    """A relative URL as git takes it, relative to the app's repository; empty when it has too many `../`."""
    root = re.match(r"https?://[^/]+", link)
    found, rest = link.rstrip("/"), url
    while rest.startswith(("./", "../")):
        if rest.startswith("../"):
            found = found.rpartition("/")[0]
        rest = rest.partition("/")[2]
    return f"{found}/{rest}" if root and found.startswith(root[0]) else ""


def _objection(url: str) -> str | None:
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        return "it is no URL"
    if url.startswith(("./", "../", "/")):
        return (
            "it is relative to a repository the platform does not know; set the app's repository link in the dashboard's "
            "settings, or write the whole URL into .gitmodules"
        )
    short = _SCP.fullmatch(url)
    if short:
        return f"builds have no SSH key; write https://{short['host']}/{short['path']} into .gitmodules"
    try:
        parts = urlsplit(url)
        host, user = parts.hostname or "", parts.username
        parts.port  # noqa: B018 — raises ValueError for a port that is none
    except ValueError:
        return "it is no URL"
    if parts.scheme == "ssh":
        return "builds have no SSH key; write its https:// URL into .gitmodules"
    if parts.scheme not in _SCHEMES:
        return "only https:// and http:// URLs can be fetched; write such a one into .gitmodules"
    if not _HOST.fullmatch(host) or (user is not None and not _USER.fullmatch(user)):
        return "its host or user cannot be one"
    return None


def write(path: Path, found: list[Submodule]) -> None:
    """Keep the list for the builder, as a JSON list of objects with path, url and sha."""
    path.write_text(json.dumps([asdict(submodule) for submodule in found]), "utf-8")
