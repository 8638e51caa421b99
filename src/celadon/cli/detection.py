"""Which platform and which app a command means, when it does not say both."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from celadon.cli import repository
from celadon.cli.connection import platforms
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.repository import Remote, Repository

# Where apps at Heroku are pushed to.
_HEROKU = frozenset({"git.heroku.com", "heroku.com"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user said on the command line."""

    platform: str | None = None
    app: str | None = None
    remote: str | None = None


def platform(options: Options) -> Platform:
    """In this order: `--platform`, `CELADON_HOST`, `CELADON_HOME`, the git remotes, the last login."""
    if (named := _named(options)) is not None:
        return named
    found = repository.read()
    if found is not None:
        remotes = repository.remotes(found, platforms.known())
        chosen = options.remote or found.preferred
        candidates = [remote for remote in remotes if remote.name == chosen] or remotes
        if len({remote.platform.api_url for remote in candidates}) == 1:
            return candidates[0].platform
    return _last()


def _last() -> Platform:
    """The platform that was used last; raises Failure where none is known, and none is at the default address."""
    found = platforms.last()
    if found.home is None and found.api_url == platforms.DEFAULT_URL and not platforms.is_default_open():
        raise Failure("No platform is known here.", "Log in to one: celadon login --platform https://api.DOMAIN")
    return found


def target(options: Options) -> tuple[Platform, str]:
    """Platform and app. The app: `--app`, `--remote`, `CELADON_APP` or `HEROKU_APP`, git's `celadon.remote` or
    `heroku.remote`, the only app that git remotes point to. Raises Failure that names the candidates.
    """
    named = _named(options)
    said = options.app or (None if options.remote else _app_of_environment())
    if said is not None:
        return named or platform(options), said
    found = repository.read()
    known = [named] if named is not None else platforms.known()
    remotes = repository.remotes(found, known) if found is not None else []
    remote = _one_of(remotes, found, options.remote, _named_by(options))
    return remote.platform, remote.app


def _one_of(remotes: Sequence[Remote], found: Repository | None, wanted: str | None, named_by: str | None) -> Remote:
    if wanted is not None:
        return _called(wanted, remotes, found, named_by)
    preferred = found.preferred if found else None
    for remote in remotes:
        if remote.name == preferred:
            return remote
    if len({(remote.platform.api_url, remote.app) for remote in remotes}) == 1:
        return remotes[0]
    if not remotes:
        raise UsageFailure(
            "No app specified.",
            *(_strangers(found, named_by) if found is not None else repository.refusal()),
            "Run this command from an app folder or specify which app to use with --app APP.",
        )
    rows = [f"{remote.name:<12} {remote.app:<30} {remote.url}".rstrip() for remote in remotes]
    raise UsageFailure(
        "Multiple apps in folder and no app specified.",
        "Specify app with --app APP, or --remote REMOTE with one of:",
        *(f"  {row}" for row in rows),
        "To choose one for good: git config celadon.remote REMOTE",
    )


def _strangers(found: Repository, named_by: str | None) -> list[str]:
    """Remotes that look like apps, of platforms that nobody has logged in to from here, or of others than was said."""
    hosts = {name: split for name, url in found.urls.items() if (split := repository.split_url(url)) is not None}
    return [_stranger(name, host, app, named_by) for name, (_, host, app) in hosts.items()]


def _stranger(name: str, host: str, app: str, named_by: str | None) -> str:
    if host.partition(":")[0] in _HEROKU:
        return (
            f"Git remote {name} points to an app at Heroku: `celadon import {app}` brings it here,"
            f" `celadon git:remote --app APP` adds a remote for one that is here."
        )
    if named_by is not None:
        return f"Git remote {name} points to {host}, which is not of the platform that {named_by} names."
    return f"Git remote {name} points to {host}, which is no platform known here; `celadon login --platform URL` makes it known."


def _called(wanted: str, remotes: Sequence[Remote], found: Repository | None, named_by: str | None) -> Remote:
    for remote in remotes:
        if remote.name == wanted:
            return remote
    url = found.urls.get(wanted) if found else None
    if url is not None:
        where = "a platform known here" if named_by is None else f"the platform that {named_by} names"
        raise Failure(f"cannot use git remote {wanted}: {url} is no app of {where}")
    names = ", ".join(remote.name for remote in remotes)
    raise Failure(
        f"cannot find git remote {wanted} here",
        f"Remotes that point to apps: {names}" if names else "No remote here points to an app; specify --app APP.",
    )


def _named(options: Options) -> Platform | None:
    by = _named_by(options)
    return platforms.named(options.platform or os.environ[by]) if by is not None else None


def _named_by(options: Options) -> str | None:
    """What says which platform is meant, if anything does."""
    if options.platform:
        return "--platform"
    return next((name for name in ("CELADON_HOST", "CELADON_HOME") if os.environ.get(name)), None)


def _app_of_environment() -> str | None:
    return os.environ.get("CELADON_APP") or os.environ.get("HEROKU_APP") or None
