"""Choose a version of a program in a Maven repository and fetch its jar: prints `VERSION`.

    maven_artifact.py REPOSITORY GROUP:ARTIFACT WANTED FOLDER --name sbt --source FILE --line 'sbt.version={}'

WANTED is a version (1.11.7), a series (1, 1.11, 1.11.x) or `latest`; releases before a final one are taken only by their
whole version. The jar becomes FOLDER/ARTIFACT-VERSION.jar; one that is there is not fetched again, and what the
repository lists is asked for once a day. What cannot be had is refused with the nearest that can: the options say
what it is called, which file asks for it, and how that file would ask for another.
"""

import argparse
import base64
import hashlib
import http.client
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

SECONDS = 20
LISTED_FOR = 86_400
_EXACT = re.compile(r"^\d+(\.\d+){2,}([.-][0-9A-Za-z.-]+)?$")
_SERIES = re.compile(r"^(\d+(?:\.\d+)*)?(?:\.?[x*+])?$")
_CHECKSUM = re.compile(r"^[0-9a-f]{40}")


class CannotBeHad(Exception):
    """The message says why."""


def shown(url: str) -> str:
    """The URL without its login."""
    return re.sub(r"//[^/]*@", "//", url)


def read(url: str) -> bytes:
    """What is at the URL, whose login may be part of it; raises OSError."""
    found = re.match(r"^(https?://)([^/]*)@(.*)$", url)
    request = urllib.request.Request(f"{found[1]}{found[3]}" if found else url, headers={"User-Agent": "buildpack"})
    if found:
        login = base64.b64encode(urllib.parse.unquote(found[2]).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {login}")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            content: bytes = response.read()
    except http.client.HTTPException as error:
        raise OSError(f"{error}") from None
    return content


def is_missing(error: OSError) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code in (403, 404)
    return isinstance(getattr(error, "reason", None), FileNotFoundError) or "No such file" in str(error)


def order(version: str) -> tuple[tuple[int, ...], bool]:
    """The numbers, then whether it is a final release."""
    numbers = re.match(r"^[0-9.]*", version)
    return tuple(int(part) for part in (numbers[0] if numbers else "").split(".") if part), is_final(version)


def is_final(version: str) -> bool:
    return all(part.isdigit() for part in version.split("."))


def series(wanted: str) -> str | None:
    """`1.11` of `1.11.x`, `` of `latest`; None for what is neither a version nor a series."""
    if wanted == "latest":
        return ""
    found = _SERIES.match(wanted)
    return (found[1] or "") if found else None


def newest(prefix: str, versions: list[str]) -> str | None:
    fits = [
        version
        for version in versions
        if is_final(version) and (not prefix or version == prefix or version.startswith(f"{prefix}."))
    ]
    return max(fits, key=order, default=None)


def nearest(wanted: str, versions: list[str]) -> list[str]:
    """The newest of the same minor series, of the same major one, and of all: without repeating any."""
    parts = re.findall(r"\d+", wanted)
    prefixes = [".".join(parts[:length]) for length in (2, 1) if len(parts) >= length]
    found = [newest(prefix, versions) for prefix in [*prefixes, ""]]
    return list(dict.fromkeys(version for version in found if version))


def listed(address: str, kept: Path) -> list[str]:
    """All versions; raises CannotBeHad when neither the repository nor a list of the last day says them."""
    if not kept.is_file() or time.time() - kept.stat().st_mtime > LISTED_FOR:
        try:
            text = read(f"{address}/maven-metadata.xml")
        except OSError as error:
            raise CannotBeHad(f"{shown(address)} cannot be read: {error}") from error
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(text)
    return re.findall(r"<version>([^<>\s]+)</version>", kept.read_text("utf-8", "replace"))


def fetch(url: str, target: Path) -> None:
    """Raises OSError, CannotBeHad when what came is not what the repository's checksum says."""
    content = read(url)
    said = _CHECKSUM.match(read(f"{url}.sha1").decode("ascii", "replace").strip().lower())
    if not said or hashlib.sha1(content, usedforsecurity=False).hexdigest() != said[0]:
        raise CannotBeHad(f"{shown(url)} is damaged: its SHA-1 is not the one beside it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.rename(target)


def refuse(asked: argparse.Namespace, reason: str, nearby: list[str]) -> int:
    lines = [f"cannot use the {asked.name} that {asked.source} asks for: {reason}"]
    if nearby:
        lines.append(f"Nearest that can be had: {', '.join(nearby)}.")
        lines.append(f"Write {asked.line.format(nearby[0])} into {asked.source}, commit and push again.")
    else:
        lines.append("Push again when it can be reached; the running release stays as it is.")
    for line in lines:
        print(f" !     {line}", file=sys.stderr)
    return 1


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("repository", "coordinates", "wanted", "folder"):
        parser.add_argument(name)
    for name in ("name", "source", "line"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args()
    group, artifact = asked.coordinates.split(":")
    address = f"{asked.repository.rstrip('/')}/{group.replace('.', '/')}/{artifact}"
    folder, wanted = Path(asked.folder), asked.wanted
    kept = folder / f"{artifact}.versions"
    try:
        version = wanted if _EXACT.match(wanted) else None
        if version is None:
            prefix = series(wanted)
            versions = listed(address, kept)
            if prefix is None:
                return refuse(asked, f"{wanted!r} is not a version.", nearest("", versions))
            version = newest(prefix, versions)
            if version is None:
                return refuse(asked, f"there is no {asked.name} {wanted}.", nearest(wanted, versions))
        jar = folder / f"{artifact}-{version}.jar"
        if not jar.is_file():
            fetch(f"{address}/{version}/{artifact}-{version}.jar", jar)
    except CannotBeHad as error:
        return refuse(asked, str(error), [])
    except OSError as error:
        if not is_missing(error):
            return refuse(asked, f"{shown(address)} cannot be read: {error}", [])
        try:
            nearby = nearest(wanted, [other for other in listed(address, kept) if other != version])
        except CannotBeHad as unreadable:
            return refuse(asked, str(unreadable), [])
        return refuse(asked, f"there is no {asked.name} {version} in {shown(asked.repository)}.", nearby)
    print(version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
