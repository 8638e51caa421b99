"""Logging the local `celadon` in: a token of the operator in the caller's `.netrc`."""

import os
import pwd
import socket
from pathlib import Path

from celadon.platform import client, netrc
from celadon.platform.netrc import Person
from celadon.platform.settings import DEFAULT_HOME, Settings


def person() -> Person:
    """Who called: under sudo the one who typed it, otherwise who runs this."""
    name = os.environ.get("SUDO_USER", "")
    if os.getuid() == 0 and name and name != "root":
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            entry = pwd.getpwuid(0)
    else:
        return Person(
            home=Path(os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir), uid=os.getuid(), gid=os.getgid()
        )
    return Person(home=Path(entry.pw_dir), uid=entry.pw_uid, gid=entry.pw_gid)


def machines(settings: Settings) -> list[str]:
    """The names that credentials are kept under, as Heroku's own client keys them: host and port of API and git.

    Only the default platform also answers to the bare host name.
    """
    keyed = [url.split("://", 1)[1] for url in (settings.api_url, settings.api_https_url)]
    bare = [settings.api_host] if settings.home == DEFAULT_HOME else []
    return list(dict.fromkeys([*keyed, *bare]))


def log_in(settings: Settings, caller: Person, email: str, password: str) -> tuple[str, bool]:
    """A token that works, and whether it is new: one that the caller has already is kept. Raises PlatformFailure."""
    names = machines(settings)
    known = [netrc.read(caller.home / ".netrc", name) for name in names]
    for entry in known:
        if entry and known.count(entry) == len(names) and client.token_works(settings, entry[1]):
            return entry[1], False
    token = client.log_in(settings, email, password, f"bin/up on {socket.gethostname()}")
    netrc.write(caller, dict.fromkeys(names, (email, token)))
    return token, True
