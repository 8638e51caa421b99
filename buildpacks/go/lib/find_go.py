"""Which Go release a request means, and where it is: `find_go.py WANTED SOURCE CACHE_DIR` prints `VERSION URL`
(for one that is in the cache the version alone will do).

Asked in this order: the app's cache, the mirror of RUNTIME_MIRROR_GO (laid out as go.dev/dl), the golang.org/toolchain
module of GOPROXY. An answer is remembered for a day, so that most builds ask nobody.
"""

import base64
import contextlib
import http.client
import json
import os
import re
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

ANSWER_SECONDS = 24 * 3600
CONNECT_SECONDS = 10
DEFAULT_PROXY = "https://proxy.golang.org"
# Where the go command itself finds the module when GOPROXY says `direct`.
DIRECT = "https://go.dev/dl/mod"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
PLATFORM = f"linux-{_MACHINES.get(os.uname().machine, os.uname().machine)}"
_RELEASE = re.compile(r"1\.\d{1,6}(?:\.\d{1,6})?(?:(?:rc|beta)\d{1,6})?")
_NUMBERS = re.compile(r"1\.(\d{1,6})(?:\.(\d{1,6}))?(?:(rc|beta)(\d{1,6}))?")
_LOGIN = re.compile(r"^(https?://)([^/]*)@")


class VersionError(Exception):
    """No release fits, or nobody could be asked; the message says which."""


def shown(url: str) -> str:
    """The URL without the login that may be in it."""
    return _LOGIN.sub(r"\1", url)


def opened(url: str, seconds: float) -> Any:
    """What urlopen() gives; a login in the URL goes to its host alone. Raises OSError, ValueError."""
    request = urllib.request.Request(shown(url))
    if login := _LOGIN.match(url):
        words = base64.b64encode(urllib.parse.unquote_to_bytes(login[2])).decode()
        request.add_unredirected_header("Authorization", f"Basic {words}")
    try:
        return urllib.request.urlopen(request, timeout=seconds)
    except http.client.HTTPException as error:
        raise OSError(f"{error}") from None


class Source(NamedTuple):
    """One place with releases: a mirror (archives) or a module proxy."""

    base: str
    is_mirror: bool

    def listing(self) -> str:
        if not self.is_mirror:
            return f"{self.base}/golang.org/toolchain/@v/list"
        # A folder of files has no query: there, what its server lists is read for names.
        return f"{self.base}/" if self.base.startswith("file:") else f"{self.base}/?mode=json&include=all"

    def url(self, version: str) -> str:
        if self.is_mirror:
            return f"{self.base}/go{version}.{PLATFORM}.tar.gz"
        return f"{self.base}/golang.org/toolchain/@v/v0.0.1-go{version}.{PLATFORM}.zip"

    def versions(self) -> list[str]:
        """All releases for this machine, in no order. Raises OSError, ValueError."""
        if self.base.startswith("file:") and self.is_mirror:
            folder = Path(urllib.request.url2pathname(self.base.removeprefix("file://")))
            names = "\n".join(path.name for path in folder.iterdir())
        else:
            with opened(self.listing(), CONNECT_SECONDS) as response:
                names = response.read().decode("utf-8", "replace")
        ending = r"\.tar\.gz(?!\.)" if self.is_mirror else r"\s"
        return list(dict.fromkeys(re.findall(rf"go({_RELEASE.pattern})\.{PLATFORM}{ending}", names + "\n")))


def sources() -> list[Source]:
    mirror = os.environ.get("RUNTIME_MIRROR_GO", "").rstrip("/")
    proxies = [part.strip() for part in re.split(r"[,|]", os.environ.get("GOPROXY") or DEFAULT_PROXY)]
    found = [Source(mirror, is_mirror=True)] if mirror else []
    for proxy in proxies:
        if proxy == "off":
            break
        found.append(Source(DIRECT if proxy == "direct" else proxy.rstrip("/"), is_mirror=False))
    return found


def order(version: str) -> tuple[int, ...]:
    """Sorts releases; one candidate for a release stands before it."""
    found = _NUMBERS.fullmatch(version)
    if not found:
        return (0, 0, 0, 0)
    stage = {"beta": 0, "rc": 1, None: 2}[found[3]]
    return int(found[1]), int(found[2] or 0), stage, int(found[4] or 0)


def normal(wanted: str) -> str:
    """`go1.24.x` and `1.24` are the same wish; any word for the newest is the empty one."""
    text = re.sub(r"(\.[x*])+$", "", wanted.strip().lower().removeprefix("go"))
    return "" if text in ("1", "latest", "stable", "*") else text


def newest(wanted: str, versions: list[str]) -> str | None:
    """The release that `wanted` (in its normal form) means: exact, the newest of its minor version, the newest of all."""
    finals = [version for version in versions if order(version)[2] == 2]
    if re.fullmatch(r"1\.\d+", wanted):
        # Until Go 1.20 the first release of a minor version had no third number.
        fits = [version for version in finals if version == wanted or version.startswith(f"{wanted}.")]
        return max(fits, key=order, default=None)
    return (wanted if wanted in versions else None) if wanted else max(finals, key=order, default=None)


def refusal(wanted: str, source: str, versions: list[str], silent: list[str]) -> str:
    if wanted and not re.fullmatch(_RELEASE, wanted):
        reason = f"{wanted[:100]!r} is not a version of Go, such as 1.24 or 1.24.1."
    else:
        reason = f"there is no Go {wanted or 'release'} to be had." if versions else "there is nobody to ask for it."
    lines = [f"cannot use the Go that {source or 'this app'} asks for: {reason}", *silent]
    newest: dict[int, str] = {}
    for version in sorted(versions, key=order):
        if order(version)[2] == 2:
            newest[order(version)[0]] = version
    if newest:
        asked = order(wanted) if _NUMBERS.fullmatch(wanted) else order(list(newest.values())[-1])
        same = [version for version in versions if order(version)[0] == asked[0]]
        near = min(
            same or newest.values(),
            key=lambda known: tuple(abs(a - b) for a, b in zip(order(known), asked, strict=True)),
        )
        lines.append(f"Nearest that can be had: {near}. Newest of each: {', '.join(list(newest.values())[-8:])}.")
    if versions:
        lines.append(f"Change {source}, commit and push again.")
    else:
        lines.append("Push again later, or set RUNTIME_MIRROR_GO or GOPROXY to an address that answers.")
    return "\n".join(lines)


def resolve(wanted: str, source: str) -> tuple[str, str]:
    """Version and URL. Raises VersionError."""
    known: list[str] = []
    silent: list[str] = []
    for place in sources():
        try:
            versions = place.versions()
        except (OSError, ValueError) as error:
            silent.append(f"Cannot read {shown(place.listing())}: {error}.")
            continue
        known += versions
        version = newest(wanted, versions)
        # The go line is the oldest Go that will do: for an app from before all that can be had, any newer one will.
        if not version and source.startswith("the go line") and versions and order(wanted) < min(map(order, versions)):
            version = newest("", versions)
        if version:
            print("".join(f" !     {line}\n" for line in silent), end="", file=sys.stderr)
            return version, place.url(version)
    raise VersionError(refusal(wanted, source, known, silent))


def cached(cache: Path) -> list[str]:
    return [path.name for path in (cache / "layers" / "go").glob("1.*")]


def main(asked: str, source: str, cache: Path) -> int:
    wanted = normal(asked)
    here = cached(cache)
    if wanted in here and not re.fullmatch(r"1\.\d+", wanted):
        print(wanted)
        return 0
    question = [wanted, source, *sources()]
    memory = cache / "go-release.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        before = json.loads(memory.read_text())
        asked_already = json.loads(json.dumps(question)) == before["question"]
        if asked_already and before["version"] in here and time.time() - before["at"] < ANSWER_SECONDS:
            print(before["version"])
            return 0
    try:
        version, url = resolve(wanted, source)
    except VersionError as error:
        kept = newest(wanted, here)
        print("\n".join(f" !     {line}" for line in str(error).splitlines()), file=sys.stderr)
        if kept:
            print(f" !     Building with Go {kept}, which the last build used.", file=sys.stderr)
            print(kept)
        return 0 if kept else 1
    memory.write_text(json.dumps({"question": question, "version": version, "at": time.time()}))
    print(version, url)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
