"""Say which Leiningen, or which release of the Clojure CLI, a request means: prints `SOURCE VERSION FROM SHA256`.

    find_clojure.py lein WANTED WHO <packages   the mirror's, Debian's ("PACKAGE VERSION" a line), Leiningen's own site's
    find_clojure.py cli WANTED WHO              the mirror's, clojure.org's

WANTED is a version (2.11.2), a series (2.11), `latest`, or the least that will do (2.9.1+); WHO asks for it. The mirror is
RUNTIME_MIRROR_CLOJURE: files as their sites name them, with a SHA256SUMS beside them. The sites themselves cannot be asked what
they have: only for a whole version. One that cannot be had fails at once, naming those that can.
"""

import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import NamedTuple

import maven_artifact

SECONDS = 4
_SUM = re.compile(r"^([0-9a-f]{64}) [ *](?:\./)?(\S+)$")
_WANTED = re.compile(r"^(?:latest|(\d{1,9}(?:\.\d{1,9}){0,5})(?:\.[x*])?(\+?))$")


class Kind(NamedTuple):
    """What can be asked for: its name for people, of its file, and how many numbers a whole version has."""

    name: str
    file: str
    site: str
    parts: int


KINDS = {
    "lein": Kind(
        "Leiningen",
        "leiningen-{}-standalone.jar",
        "https://codeberg.org/leiningen/leiningen/releases/download/{}",
        3,
    ),
    "cli": Kind("Clojure CLI", "clojure-tools-{}.tar.gz", "https://download.clojure.org/install", 4),
}


class Tool(NamedTuple):
    """One that can be had; `where` is a URL, or a Debian package with its version."""

    source: str
    version: str
    where: str
    digest: str


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def fits(wanted: str, version: str) -> bool:
    found = _WANTED.match(wanted)
    assert found
    asked, has = numbers(found[1] or ""), numbers(version)
    return has >= asked if found[2] else has[: len(asked)] == asked


def newest(wanted: str, offered: list[Tool]) -> Tool | None:
    return max(
        (tool for tool in offered if fits(wanted, tool.version)), key=lambda tool: numbers(tool.version), default=None
    )


def text(url: str) -> str:
    """What is at the URL, whose login may be part of it. Raises OSError."""
    return maven_artifact.read(url).decode("utf-8", "replace")


def mirrored(kind: Kind) -> list[Tool]:
    """What the operator's mirror has. Raises OSError."""
    base = (os.environ.get("RUNTIME_MIRROR_CLOJURE") or "").rstrip("/")
    if not base:
        return []
    name = re.compile("^" + re.escape(kind.file).replace(r"\{\}", r"(\d{1,9}(?:\.\d{1,9})+)") + "$")
    lines = [found for line in text(f"{base}/SHA256SUMS").splitlines() if (found := _SUM.match(line.strip()))]
    return [Tool("mirror", file[1], f"{base}/{line[2]}", line[1]) for line in lines if (file := name.match(line[2]))]


def packaged(lines: list[str]) -> list[Tool]:
    """What Debian has: of `2.10.0-5`, 2.10.0."""
    words = [line.split() for line in lines if len(line.split()) == 2]
    return [Tool("debian", version.partition("-")[0], f"{name}={version}", "-") for name, version in words]


def released(kind: Kind, version: str) -> Tool | None:
    """The site's, if it has this version. Raises OSError when that cannot be told."""
    url = f"{kind.site.format(version)}/{kind.file.format(version)}"
    try:
        if kind.file.endswith(".tar.gz"):
            return Tool("site", version, url, text(f"{url}.sha256").split()[0])
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=SECONDS).close()
        return Tool("site", version, url, "-")
    except (urllib.error.HTTPError, IndexError):
        return None


def written(who: str, version: str) -> str:
    """Where a version is to be written; of the file it is said how, for it wants quotes."""
    key = ":min-lein-version"
    return f'project.clj, as {key} "{version}"' if who == f"the {key} of project.clj" else who


def refuse(kind: Kind, who: str, reason: str, offered: list[Tool]) -> int:
    lines = [f"cannot use the {kind.name} that {who} asks for: {reason}"]
    if offered:
        versions = sorted({tool.version for tool in offered}, key=numbers, reverse=True)
        lines.append(f"Nearest that can be had: {versions[0]}. All that can be had here: {', '.join(versions)}.")
        lines.append(f"Write one of these into {written(who, versions[0])}, and push again.")
    else:
        lines.append(f"Take {who} away, and push again; the running release stays as it is.")
    for line in lines:
        print(f" !     {line}", file=sys.stderr)
    return 1


def main(kind: Kind, wanted: str, who: str, lines: list[str]) -> int:
    offered, trouble = packaged(lines), ""
    try:
        offered += mirrored(kind)
    except OSError as error:
        trouble = f" (RUNTIME_MIRROR_CLOJURE cannot be read: {error})"
    asked = _WANTED.match(wanted)
    if not asked:
        return refuse(kind, who, f"{wanted[:80]!r} is not a version of it.", offered)
    # An operator who keeps a mirror means it to be used.
    found = newest(wanted, [tool for tool in offered if tool.source == "mirror"]) or newest(wanted, offered)
    version = asked[1] or ""
    if not found and version.count(".") == kind.parts - 1:
        try:
            found = released(kind, version)
        except OSError as error:
            site = urllib.parse.urlsplit(kind.site).hostname
            trouble += f" ({site}, which has more, cannot be asked: {getattr(error, 'reason', error)})"
    if not found:
        return refuse(kind, who, f"there is no {wanted.removesuffix('+')} here{trouble}.", offered)
    print(*found)
    return 0


if __name__ == "__main__":
    sys.exit(
        main(
            KINDS[sys.argv[1]], sys.argv[2], sys.argv[3], [] if sys.argv[1] == "cli" else sys.stdin.read().splitlines()
        )
    )
