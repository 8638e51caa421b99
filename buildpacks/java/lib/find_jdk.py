"""Say which Java a request means and where it is fetched from: prints `SOURCE VERSION FROM SHA256`.

    find_jdk.py mirror WANTED               a folder of jdk-VERSION.tar.gz with a SHA256SUMS, at RUNTIME_MIRROR_JAVA
    find_jdk.py others WANTED <packages     Debian's, "PACKAGE VERSION" a line, else Adoptium's

A version that cannot be had fails at once, naming those that can.
"""

import base64
import contextlib
import http.client
import json
import os
import re
import sys
import urllib.parse
import urllib.request
from typing import Any, NamedTuple

SECONDS = 4
ADOPTIUM = "https://api.adoptium.net/v3/assets/feature_releases"
_MACHINES = {"x86_64": "x64"}
_PAGE, _PAGES = 20, 4
_LOGIN = re.compile(r"^(https?://)([^/]*)@")
_LINE = re.compile(r"^([0-9a-f]{64}) [ *](?:\./)?(jdk-(\d+(?:[._+u]\d+)*)\.tar\.gz)$")
# Those before a release are `26~7ea-1`.
_DEBIAN = re.compile(r"^(\d+(?:\.\d+)*)\+")


class Java(NamedTuple):
    """A JDK that can be had; `where` is a URL or a Debian package with its version."""

    source: str
    version: str
    where: str
    digest: str


def numbers(version: str) -> tuple[int, ...]:
    """`1.8.0_412`, `8u412`, `21.0.4+7`: what a version is called by since Java 9 (8.0.412, 21.0.4.7)."""
    found = tuple(int(part) for part in re.findall(r"\d+", version))
    if found[:1] == (1,):
        return found[1:]
    return (found[0], 0, found[1]) if re.match(r"^8u\d+$", version) and len(found) > 1 else found


def wanted_numbers(wanted: str) -> tuple[int, ...] | None:
    """The numbers that a version must begin with; none for `latest`, None for what is no version."""
    plain = re.sub(r"^[a-z]+-", "", wanted.strip().lower())
    plain = re.sub(r"^(jdk|jre)-?", "", plain)
    plain = re.sub(r"(\.[x*])+$", "", plain)
    if plain in ("latest", "*"):
        return ()
    return numbers(plain) if re.match(r"^\d{1,9}([._+u]\d{1,9})*$", plain) else None


def newest(wanted: tuple[int, ...], offered: list[Java]) -> Java | None:
    fits = [java for java in offered if numbers(java.version)[: len(wanted)] == wanted]
    return max(fits, key=lambda java: numbers(java.version)) if fits else None


def mirrored() -> list[Java]:
    """What the operator's mirror has. Raises OSError, ValueError."""
    base = (os.environ.get("RUNTIME_MIRROR_JAVA") or "").rstrip("/")
    if not base:
        return []
    request = urllib.request.Request(_LOGIN.sub(r"\1", f"{base}/SHA256SUMS"))
    if login := _LOGIN.match(base):
        words = base64.b64encode(urllib.parse.unquote_to_bytes(login[2])).decode()
        request.add_unredirected_header("Authorization", f"Basic {words}")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            lines = response.read(1 << 20).decode("utf-8", "replace").splitlines()
    except http.client.HTTPException as error:
        raise OSError(f"{error}") from None
    found = [match for line in lines if (match := _LINE.match(line.strip()))]
    return [Java("mirror", match[3], f"{base}/{urllib.parse.quote(match[2])}", match[1]) for match in found]


def packaged(lines: list[str]) -> list[Java]:
    """What Debian has."""
    words = [line.split() for line in lines if len(line.split()) == 2]
    found = [(package, version, _DEBIAN.match(version)) for package, version in words]
    return [Java("debian", match[1], f"{package}={version}", "-") for package, version, match in found if match]


def released(wanted: tuple[int, ...]) -> Java | None:
    """The newest of Adoptium's that fits. Raises OSError, ValueError, KeyError."""
    machine = _MACHINES.get(os.uname().machine, os.uname().machine)
    asked = {"architecture": machine, "image_type": "jdk", "jvm_impl": "hotspot", "os": "linux", "vendor": "eclipse"}
    for page in range(_PAGES):
        query = urllib.parse.urlencode({**asked, "page": page, "page_size": _PAGE, "sort_order": "DESC"})
        with urllib.request.urlopen(f"{ADOPTIUM}/{wanted[0]}/ga?{query}", timeout=SECONDS) as response:
            releases: list[dict[str, Any]] = json.load(response)
        found = newest(wanted, [_adoptium(release) for release in releases])
        if found or len(releases) < _PAGE:
            return found
    return None


def _adoptium(release: dict[str, Any]) -> Java:
    known, package = release["version_data"], release["binaries"][0]["package"]
    version = f"{known['major']}.{known['minor']}.{known['security']}"
    return Java("adoptium", version, package["link"], package["checksum"])


def refuse(wanted: str, reason: str, offered: list[Java]) -> int:
    lines = [f"cannot use the Java that system.properties asks for: {reason}"]
    if offered:
        asked = (wanted_numbers(wanted) or (0,))[0]
        nearest = max(offered, key=lambda java: (-abs(numbers(java.version)[0] - asked), numbers(java.version)))
        versions = sorted({java.version for java in offered}, key=numbers)
        lines.append(f"Nearest that can be had: {nearest.version}. All that can be had here: {', '.join(versions)}.")
        lines.append(
            f"Write java.runtime.version={numbers(nearest.version)[0]} into system.properties, commit and push again."
        )
    else:
        lines.append("No source of Java can be reached: push again later.")
    for line in lines:
        print(f" !     {line}", file=sys.stderr)
    return 1


def from_mirror(wanted: str) -> int:
    asked = wanted_numbers(wanted)
    try:
        found = newest(asked, mirrored()) if asked is not None else None
    except (OSError, ValueError) as error:
        print(f" !     RUNTIME_MIRROR_JAVA cannot be read: {error}", file=sys.stderr)
        return 1
    if found:
        print(*found)
    return 0 if found else 1


def from_others(wanted: str, lines: list[str]) -> int:
    offered = packaged(lines)
    asked = wanted_numbers(wanted)
    if asked is None:
        return refuse(wanted, f"{wanted[:100]!r} is not a version of Java.", offered)
    found, reason = newest(asked, offered), ""
    if not found and asked:
        try:
            found = released(asked)
        except (OSError, ValueError, KeyError, IndexError) as error:
            reason = f" (Adoptium, which has more, cannot be asked: {getattr(error, 'reason', error)})"
    if not found:
        # That it cannot be read was said when it was asked first.
        with contextlib.suppress(OSError, ValueError):
            offered += mirrored()
        return refuse(wanted, f"there is no {wanted} here{reason}.", offered)
    print(*found)
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "mirror":
        sys.exit(from_mirror(sys.argv[2]))
    sys.exit(from_others(sys.argv[2], sys.stdin.read().splitlines()))
