"""Which Rust release a request means: `find_rust.py WANTED SOURCE MINIMUM CACHE_DIR` prints `RELEASE BASE_URL`
(for one that is in the cache the release alone will do).

A release is what rustup calls it: `1.82.0`, `beta-2026-10-17`, `nightly-2026-10-20`. Asked in this order: the app's cache,
the mirror of RUNTIME_MIRROR_RUST, RUSTUP_DIST_SERVER or else static.rust-lang.org; all are laid out as the last one. An
answer is remembered for a day, so that most builds ask nobody.
"""

import contextlib
import datetime
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ANSWER_SECONDS = 24 * 3600
CONNECT_SECONDS = 10
DEFAULT = "https://static.rust-lang.org"
HOST = f"{os.uname().machine}-unknown-linux-gnu"
# Manifests as rustup reads them begin with this minor version.
OLDEST_MINOR = 8
_NUMBER = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_CHANNEL = re.compile(r"(stable|beta|nightly)(?:-(\d{4}-\d{2}-\d{2}))?")
# Two neighbours are enough to choose from, and each further one costs a question.
_DAYS_ASIDE = 3


class VersionError(Exception):
    """No release fits, or nobody could be asked; the message says which."""


def normal(wanted: str) -> str:
    """The newest is `stable`; this machine's own kind need not be named. Raises VersionError on what is no version."""
    text = re.sub(r"(\.[x*])+$", "", wanted.strip().lower().removesuffix(f"-{HOST}"))
    text = text.removeprefix("v") if re.match(r"v\d", text) else text
    if text in ("", "latest", "*", "1"):
        return "stable"
    if _NUMBER.fullmatch(text) or _CHANNEL.fullmatch(text):
        return text
    raise VersionError(
        f"{wanted!r} is not a version of Rust, such as 1.82, 1.82.0, stable, beta or nightly-2026-10-20."
    )


def numbers(version: str) -> tuple[int, int, int]:
    """Sorts versions; what is no number is newer than all of them."""
    found = _NUMBER.match(version)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (sys.maxsize, 0, 0)


def manifest_path(wanted: str) -> str:
    """Where the manifest of a channel, a series or a version lies, below a source."""
    found = _CHANNEL.fullmatch(wanted)
    if found and found[2]:
        return f"dist/{found[2]}/channel-rust-{found[1]}.toml"
    return f"dist/channel-rust-{wanted}.toml"


def read(url: str) -> str | None:
    """None where there is no such file. Raises OSError, ValueError."""
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response:
            text: str = response.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        # Storage behind a mirror may say 403 of what is not there.
        if error.code in (403, 404, 410):
            return None
        raise
    except urllib.error.URLError as error:
        if isinstance(error.reason, FileNotFoundError):
            return None
        raise
    return text


def found_release(wanted: str, manifest: str) -> str:
    """The release that a manifest describes, by a name that will always mean the same. Raises ValueError."""
    date = re.search(r'^date = "(\d{4}-\d{2}-\d{2})"', manifest, re.MULTILINE)
    version = re.search(r'^\[pkg\.rust\]\s+version = "(\S+)', manifest, re.MULTILINE)
    if not date or not version:
        raise ValueError("what it answers is no manifest of Rust")
    if wanted.startswith(("beta", "nightly")):
        return f"{wanted.partition('-')[0]}-{date[1]}"
    return version[1]


def sources() -> list[str]:
    mirror = os.environ.get("RUNTIME_MIRROR_RUST", "")
    usual = os.environ.get("RUSTUP_DIST_SERVER") or DEFAULT
    return [base.rstrip("/") for base in (mirror, usual) if base]


def neighbours(wanted: str) -> list[str]:
    """What else to ask for when there is no such release, nearest first."""
    found = _CHANNEL.fullmatch(wanted)
    if found and found[2]:
        with contextlib.suppress(ValueError):
            day = datetime.date.fromisoformat(found[2])
            aside = sorted((n for n in range(-_DAYS_ASIDE, _DAYS_ASIDE + 1) if n), key=abs)
            return [f"{found[1]}-{day + datetime.timedelta(days=days)}" for days in aside] + [found[1]]
        return [found[1]]
    major, minor, patch = numbers(wanted)
    if major == 1 and minor < OLDEST_MINOR:
        return [f"1.{OLDEST_MINOR}.0", "stable"]
    return [*([f"{major}.{minor}"] if patch or wanted.count(".") > 1 else []), "stable"]


def nearest(base: str, wanted: str) -> list[str]:
    known: list[str] = []
    for other in neighbours(wanted):
        with contextlib.suppress(OSError, ValueError):
            manifest = read(f"{base}/{manifest_path(other)}")
            if manifest:
                known.append(found_release(other, manifest))
        if len(known) == 2:
            break
    return list(dict.fromkeys(known))


def resolve(wanted: str) -> tuple[str, str]:
    """Release and base URL. Raises VersionError."""
    lines = []
    answered = ""
    for base in sources():
        url = f"{base}/{manifest_path(wanted)}"
        try:
            manifest = read(url)
            if manifest is not None:
                return found_release(wanted, manifest), base
        except (OSError, ValueError) as error:
            lines.append(f"Cannot read {url}: {error}.")
            continue
        answered = base
    if not answered:
        lines.append("Push again later, or set RUNTIME_MIRROR_RUST or RUSTUP_DIST_SERVER to an address that answers.")
        raise VersionError("\n".join(["there is nobody to ask for it.", *lines]))
    near = nearest(answered, wanted)
    lines.append(f"Nearest that can be had: {', '.join(near)}." if near else f"{answered} has none that is near.")
    raise VersionError("\n".join([f"there is no Rust {wanted} to be had.", *lines]))


def too_old(release: str, minimum: str) -> bool:
    return bool(minimum) and numbers(release) < numbers(minimum if "." in minimum else f"{minimum}.0")


def cached(cache: Path) -> list[str]:
    return [path.parent.name for path in (cache / "layers" / "rust").glob("*/fingerprint")]


def kept(wanted: str, here: list[str]) -> str | None:
    """The release in the cache that will do where nobody can be asked."""
    kind = wanted if _CHANNEL.fullmatch(wanted) and wanted != "stable" else ""
    fits = [
        release
        for release in here
        if (release.startswith(kind) if kind else wanted == "stable" or f"{release}.".startswith(f"{wanted}."))
    ]
    return next((release for release in fits if kind or release[0].isdigit()), None)


def choose(asked: str, cache: Path) -> tuple[str, str]:
    """Release and base URL; no URL for one that is in the cache. Raises VersionError."""
    wanted, here = normal(asked), cached(cache)
    if wanted in here:
        return wanted, ""
    memory, question = cache / "rust-release.json", [wanted, *sources()]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        before = json.loads(memory.read_text())
        fresh = time.time() - before["at"] < ANSWER_SECONDS
        if before["question"] == question and before["release"] in here and fresh:
            return str(before["release"]), ""
    try:
        release, base = resolve(wanted)
    except VersionError as error:
        known = kept(wanted, here)
        if not known:
            raise
        print(
            "\n".join(f" !     {line}" for line in f"Cannot look for Rust {wanted}: {error}".splitlines()),
            file=sys.stderr,
        )
        print(f" !     Building with Rust {known}, which the last build used.", file=sys.stderr)
        return known, ""
    memory.write_text(json.dumps({"question": question, "release": release, "at": time.time()}))
    return release, base


def main(asked: str, source: str, minimum: str, cache: Path) -> int:
    try:
        release, base = choose(asked, cache)
        if too_old(release, minimum):
            raise VersionError(f"rust-version in Cargo.toml says {minimum} at least, and that is {release}.")
    except VersionError as error:
        lines = [f"cannot use the Rust that {source or 'this app'} asks for: {error}"]
        if "nobody to ask" not in str(error):
            lines.append(f"Change {source or 'rust-version in Cargo.toml'}, commit and push again.")
        print("\n".join(f" !     {line}" for text in lines for line in text.splitlines()), file=sys.stderr)
        return 1
    print(release, base)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])))
