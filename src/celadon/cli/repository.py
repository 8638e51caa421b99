"""The git repository in the current directory: its remotes, and what git needs to reach a platform."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from celadon.cli.connection.platforms import Platform, may_be_at
from celadon.cli.failure import Failure, warn

if TYPE_CHECKING:
    import subprocess

# The variable by which git is told whom to trust, before any setting.
_TRUST = "GIT_SSL_CAINFO"

_SETTINGS = r"^remote\..*\.url$|^url\..*\.insteadof$|^(celadon|heroku)\.remote$|^core\.bare$"
_HTTP = re.compile(r"^https?://(?:[^@/]+@)?(?P<host>[^/]+)/(?P<app>[a-z][a-z0-9-]*)(?:\.git)?/?$")
_SSH = re.compile(r"^ssh://(?:[^@/]+@)?(?P<host>[^/]+)/(?P<app>[a-z][a-z0-9-]*)(?:\.git)?/?$")
_SCP = re.compile(r"^(?:[^@/:]+@)(?P<host>[^/:]+):(?P<app>[a-z][a-z0-9-]*)(?:\.git)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A git remote that points to an app of a platform."""

    name: str
    url: str
    app: str
    platform: Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What a repository's configuration says: all remotes (name → URL) and which one the user prefers."""

    urls: dict[str, str]
    preferred: str | None


def read() -> Repository | None:
    """The repository around the current directory; None outside of one, and where git refuses to read it."""
    found = _git("config", "--null", "--get-regexp", _SETTINGS)
    if found is None or found.returncode not in (0, 1) or "core.bare\n" not in found.stdout:
        return None
    urls: dict[str, str] = {}
    short: dict[str, str] = {}
    preferred: dict[str, str] = {}
    for item in found.stdout.split("\0"):
        key, _, value = item.partition("\n")
        if key.startswith("remote."):
            urls[key.removeprefix("remote.").removesuffix(".url")] = value
        elif key.startswith("url."):
            short[value] = key.removeprefix("url.").removesuffix(".insteadof")
        elif key.endswith(".remote"):
            preferred[key] = value
    return Repository(
        urls={name: _written_out(url, short) for name, url in urls.items()},
        preferred=preferred.get("celadon.remote") or preferred.get("heroku.remote"),
    )


def _written_out(url: str, short: Mapping[str, str]) -> str:
    """As git reads it: the longest of the beginnings that stand for others (`insteadOf`) is replaced."""
    beginning = max((one for one in short if one and url.startswith(one)), key=len, default="")
    return f"{short[beginning]}{url.removeprefix(beginning)}" if beginning else url


def refusal() -> list[str]:
    """Why git does not read the repository here, in its own words; none where there is no repository, or no git."""
    found = _git("rev-parse", "--git-dir", env={**os.environ, "LC_ALL": "C"})
    if found is None or found.returncode == 0 or "not a git repository" in found.stderr:
        return []
    return [line.strip() for line in found.stderr.splitlines() if line.strip()]


def remotes(repository: Repository, platforms: Iterable[Platform]) -> list[Remote]:
    """The remotes that point to apps of these platforms; platforms are looked at only as far as needed."""
    waiting = {name: split for name, url in repository.urls.items() if (split := split_url(url)) is not None}
    found: dict[str, Remote] = {}
    for platform in platforms if waiting else ():
        for name, (kind, host, app) in waiting.items():
            if name not in found and _belongs(platform, kind, host):
                found[name] = Remote(name=name, url=repository.urls[name], app=app, platform=platform)
        if len(found) == len(waiting):
            break
    return [found[name] for name in repository.urls if name in found]


def split_url(url: str) -> tuple[str, str, str] | None:
    """`https` or `ssh`, host[:port] and app of a git URL that has an app's shape."""
    for kind, pattern in (("https", _HTTP), ("ssh", _SSH), ("ssh", _SCP)):
        if match := pattern.match(url):
            host, default = match["host"], ":443" if kind == "https" else ":22"
            return kind, host.removesuffix(default), match["app"]
    return None


def _belongs(platform: Platform, kind: str, host: str) -> bool:
    told = platform.git_host if kind == "https" else platform.ssh_host
    if told is not None:
        return host == told or (kind == "https" and host == platform.host)
    hostname = host.partition(":")[0]
    return hostname in (platform.hostname, platform.hostname.removeprefix("api."))


def add_remote(name: str, url: str) -> None:
    _require("remote", "add", name, url)


def set_remote(name: str, url: str) -> None:
    _require("remote", "set-url", name, url)


def remove_remote(name: str) -> None:
    _require("remote", "remove", name)


def allow(platform: Platform, url: str) -> None:
    """Let git push to this HTTPS URL from this repository: credentials from our helper, trust in the platform's CA."""
    settings = access_settings(platform, url)
    for key, values in settings.items():
        _require("config", "--replace-all", key, values[0])
        for value in values[1:]:
            _require("config", "--add", key, value)
    trusted = os.environ.get(_TRUST)
    if trusted and platform.ca_file is not None and settings and trusted != str(platform.ca_file):
        warn([f"{_TRUST} is set, and git heeds it before its settings: unset it, or git will not trust {url}"])


def access_settings(platform: Platform, url: str) -> dict[str, list[str]]:
    """Git's settings for one platform's HTTPS door; none for SSH, and none for what is not the platform's."""
    split = split_url(url)
    if split is None or split[0] != "https" or not may_be_at(platform, split[1]):
        return {}
    host = f"https://{split[1]}"
    # The empty helper switches off those of the user's own settings: they would store our token, or offer an old one.
    settings = {f"credential.{host}.helper": ["", f"!{executable()} git:credentials"]}
    if platform.ca_file is not None:
        settings[f"http.{host}/.sslCAInfo"] = [str(platform.ca_file)]
    return settings


def executable() -> str:
    """How git's shell finds this program."""
    import shlex
    import shutil

    if shutil.which("celadon"):
        return "celadon"
    program = Path(sys.argv[0]).resolve()
    if program.name != "__main__.py":
        return shlex.quote(str(program))
    checkout = program.parents[2] / "bin" / "celadon"
    return shlex.quote(str(checkout)) if checkout.is_file() else f"{shlex.quote(sys.executable)} -m celadon"


def clone(url: str, directory: str, remote: str, platform: Platform) -> int:
    """Run `git clone`; its exit status."""
    settings = [
        word
        for key, values in access_settings(platform, url).items()
        for value in values
        for word in ("-c", f"{key}={value}")
    ]
    environment = {name: value for name, value in os.environ.items() if name != _TRUST or platform.ca_file is None}
    from celadon.cli.terminal import foreground

    argv = ["git", "clone", *settings, "-o", remote, "--", url, directory]
    try:
        return foreground.run(argv, env=environment)
    except FileNotFoundError:
        raise _no_git() from None


def commits_between(old: str, new: str) -> list[tuple[str, str, str, str]] | None:
    """Commits that `new` has and `old` has not, the newest first: hash, time, author, subject.

    None outside of a repository that has both; give full hashes, nothing that git could take for an option.
    """
    found = _git("log", "-z", "--no-show-signature", "--format=%H%n%aI%n%an%n%s", f"{old}..{new}", "--")
    if found is None or found.returncode != 0:
        return None
    commits = (entry.split("\n") for entry in found.stdout.split("\0") if entry)
    return [(commit, at, author, subject) for commit, at, author, subject in commits]


def tracks(file: Path) -> bool:
    """Whether the repository around this file has it. A repository may name programs that watch its files: none is run."""
    found = _git("-C", str(file.parent), "-c", "core.fsmonitor=false", "ls-files", "--error-unmatch", "--", file.name)
    return found is not None and found.returncode == 0


def _git(*words: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str] | None":
    import subprocess

    try:
        return subprocess.run(
            ["git", *words], check=False, capture_output=True, encoding="utf-8", errors="replace", env=env
        )
    except FileNotFoundError:
        return None


def _require(*words: str) -> None:
    found = _git(*words)
    if found is None:
        raise _no_git()
    if found.returncode != 0:
        raise Failure(f"cannot run git {words[0]} {words[1]}: {found.stderr.strip() or found.returncode}")


def _no_git() -> Failure:
    return Failure("cannot run git: it is not installed (apt-get install git)")
