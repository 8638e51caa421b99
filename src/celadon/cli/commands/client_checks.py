"""What `celadon doctor` looks at on this side: the client, who it is logged in as, how it reaches its platform."""

import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from celadon.cli import detection, files, repository
from celadon.cli.commands import version as versions
from celadon.cli.connection import netrc, platforms
from celadon.cli.connection.client import Client, Reply
from celadon.cli.connection.platforms import Platform
from celadon.cli.detection import Options
from celadon.cli.failure import ApiFailure, Failure
from celadon.cli.invocation import ANONYMOUS, token
from celadon.cli.plugins import index, probe
from celadon.cli.repository import Repository
from celadon.model.check import Check, numbers

OLDEST_GIT = "2.30"
# Codes of a second factor are good for half a minute before and after, and certificates begin at a time.
CLOCK_SECONDS = 30


def checks(options: Options) -> Iterator[Check]:
    """Look at everything that can be looked at; changes nothing, asks nobody."""
    yield Check(name="client", ok=True, detail=versions.line())
    yield _git()
    yield _credentials_file()
    found = repository.read()
    try:
        platform = detection.platform(options)
    except Failure as failure:
        yield _failed("platform", failure, "celadon login --platform URL")
    else:
        yield from _platform(platform, found)
    yield from _plugins()


def _git() -> Check:
    try:
        said = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return Check(
            name="git", ok=False, detail="missing", remedy="apt-get install git, or https://git-scm.com/downloads"
        )
    version = next((word for word in said.split() if word[:1].isdigit()), "of an unknown version")
    if numbers(version) >= numbers(OLDEST_GIT):
        return Check(name="git", ok=True, detail=version)
    return Check(
        name="git", ok=False, detail=f"{version}, {OLDEST_GIT} or newer is needed", remedy="apt-get install git"
    )


def _credentials_file() -> Check:
    """The file of tokens is for its owner alone, where the system has such rights."""
    try:
        file = netrc.path()
        told = file.stat()
    except Failure as failure:
        return _failed("netrc", failure, "export HOME=/home/you")
    except FileNotFoundError:
        return Check(name="netrc", ok=True, detail=f"{file} is not there yet")
    except OSError as error:
        return Check(name="netrc", ok=False, detail=f"cannot read {file}: {error.strerror}", remedy=f"ls -la {file}")
    mode = stat.S_IMODE(told.st_mode)
    if not stat.S_ISREG(told.st_mode):
        return Check(name="netrc", ok=False, detail=f"{file} is no file", remedy=f"mv {file} {file}.old")
    if os.name != "nt" and mode & 0o077:
        return Check(
            name="netrc", ok=False, detail=f"others may read {file} (mode {mode:o})", remedy=f"chmod 600 {file}"
        )
    return Check(name="netrc", ok=True, detail=str(file))


def _platform(platform: Platform, found: Repository | None) -> Iterator[Check]:
    try:
        health = Client(platform=platform, authorization=lambda: ANONYMOUS).request("GET", "/health")
    except Failure as failure:
        yield _failed("platform", failure, "bin/up" if platform.address else "celadon login --platform URL")
        return
    yield Check(name="platform", ok=True, detail=f"{platform.api_url} runs celadon/{_told(health.body, 'version')}")
    yield from _clock(health)
    yield from _login(platform, found)


def _login(platform: Platform, found: Repository | None) -> Iterator[Check]:
    """Who we are there, and what only somebody who is logged in can look at."""
    log_in = f"celadon login --platform {platform.api_url}"
    try:
        known = token(platform)
    except Failure as failure:
        yield _failed("login", failure, f"ls -la {netrc.path()}")
        return
    if known is None:
        yield Check(name="login", ok=False, detail="not logged in", remedy=log_in)
        return
    client = Client(platform=platform, authorization=lambda: f"Bearer {known}")
    try:
        email = _told(client.get("/account"), "email")
        keys = client.get("/account/keys")
    except ApiFailure as refused:
        if refused.http_status == 401 and os.environ.get("CELADON_API_KEY"):
            log_in = "unset CELADON_API_KEY"
        yield Check(name="login", ok=False, detail=refused.lines[0], remedy=log_in)
        return
    except Failure as failure:
        yield _failed("login", failure, log_in)
        return
    yield Check(name="login", ok=True, detail=email)
    remotes = repository.remotes(found, platforms.known() if platform.home is None else [platform]) if found else []
    here = [remote for remote in remotes if remote.platform.api_url == platform.api_url]
    yield _keys(keys, by_ssh=any(not remote.url.startswith("http") for remote in here))
    for remote in here:
        yield _remote(client, remote)


def _clock(reply: Reply) -> Iterator[Check]:
    """How far this clock is from the platform's, by the time of its answer, whose seconds are whole."""
    try:
        theirs = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError):
        return
    apart = round((datetime.now(UTC) - theirs).total_seconds())
    ok = abs(apart) <= CLOCK_SECONDS
    side = "ahead of" if apart > 0 else "behind"
    detail = "as the platform's" if ok else f"{abs(apart)} seconds {side} the platform's"
    yield Check(name="clock", ok=ok, detail=detail, remedy="" if ok else "timedatectl set-ntp true")


def _keys(keys: list[Mapping[str, Any]], *, by_ssh: bool) -> Check:
    """Whether a key of this machine is the account's; needed where git goes by SSH."""
    ours = {_body(text) for file in sorted((files.home() / ".ssh").glob("*.pub")) if (text := _read(file))}
    known = [key for key in keys if _body(str(key["public_key"])) in ours]
    if known:
        return Check(name="SSH key", ok=True, detail=str(known[0]["fingerprint"]))
    if by_ssh:
        return Check(name="SSH key", ok=False, detail="none of this machine is registered", remedy="celadon keys:add")
    return Check(name="SSH key", ok=True, detail="none of this machine is registered; git uses HTTPS")


def _remote(client: Client, remote: repository.Remote) -> Check:
    name = f"git remote {remote.name}"
    try:
        client.get(f"/apps/{remote.app}")
    except ApiFailure as refused:
        mend = f"git remote remove {remote.name}, or celadon git:remote -a APP -r {remote.name}"
        return Check(name=name, ok=False, detail=f"leads to {remote.app}: {refused.lines[0]}", remedy=mend)
    except Failure as failure:
        return _failed(name, failure, "celadon status")
    return Check(name=name, ok=True, detail=f"leads to {remote.app}")


def _plugins() -> Iterator[Check]:
    for plugin in index.read().values():
        trouble = probe.trouble(plugin)
        mend = f"celadon plugins:update {plugin.name}, or celadon plugins:uninstall {plugin.name}"
        yield Check(
            name=f"plugin {plugin.name}",
            ok=trouble is None,
            detail=trouble or plugin.version,
            remedy=mend if trouble else "",
        )


def _failed(name: str, failure: Failure, otherwise: str) -> Check:
    first, *rest = failure.lines
    return Check(name=name, ok=False, detail=first, remedy=" ".join(rest) or otherwise)


def _told(body: Any, name: str) -> str:
    return str(body.get(name, "")) if isinstance(body, dict) else ""


def _body(key: str) -> str:
    words = key.split()
    return words[1] if len(words) > 1 else ""


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
