"""Logging the local `celadon` in: a token of the operator among the caller's credentials."""

import contextlib
import os
import pwd
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from celadon.platform import client
from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whose credentials are kept: under sudo the one who typed it."""

    home: Path
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the command line keeps for a person, given by whoever wires: this folder knows no command line.

    Each runs with the person's HOME; `remember` and `forget` write files, so they run as the person.
    """

    # The token kept for a platform, None when there is none for each name it goes by.
    find: Callable[[Settings], str | None]
    # Keeps e-mail and token of a platform, and makes it the one that commands speak to.
    remember: Callable[[Settings, str, str], None]
    # Forgets a platform.
    forget: Callable[[Settings], None]


def person() -> Person:
    """Who called: under sudo the one who typed it, otherwise who runs this."""
    name = os.environ.get("SUDO_USER", "")
    if os.getuid() == 0 and name and name != "root":
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            entry = pwd.getpwuid(0)
        return Person(home=Path(entry.pw_dir), uid=entry.pw_uid, gid=entry.pw_gid)
    home = os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    return Person(home=Path(home), uid=os.getuid(), gid=os.getgid())


def log_in(settings: Settings, credentials: Credentials, caller: Person, email: str, password: str) -> tuple[str, bool]:
    """A token that works, and whether it is new: one that the caller has already is kept. Raises PlatformFailure."""
    with _home_of(caller):
        token = credentials.find(settings)
    if token is not None and client.token_works(settings, token):
        return token, False
    token = client.log_in(settings, email, password, f"bin/up on {socket.gethostname()}")
    as_person(caller, lambda: credentials.remember(settings, email, token))
    return token, True


@contextlib.contextmanager
def _home_of(caller: Person) -> Iterator[None]:
    """Read somebody's files as they would be found by that person."""
    before = dict(os.environ)
    _become(caller)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _become(caller: Person) -> None:
    if os.getuid() != caller.uid:
        # The configuration directory of the one who was before.
        os.environ.pop("XDG_CONFIG_HOME", None)
    os.environ["HOME"] = str(caller.home)


def log_out(settings: Settings, credentials: Credentials, caller: Person) -> None:
    as_person(caller, lambda: credentials.forget(settings))


def as_person(caller: Person, write: Callable[[], None]) -> None:
    """Write files in somebody's home as that person: theirs from the start, and no trap for root.

    Raises PlatformFailure.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _become(caller)
            if os.getuid() != caller.uid:
                os.setgroups([])
                os.setgid(caller.gid)
                os.setuid(caller.uid)
            write()
            status = 0
        except Exception as error:  # noqa: BLE001 - the last word of a process that exists for this call alone
            os.write(2, f"cannot write in {caller.home}: {error}\n".encode())
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(ended):
        raise PlatformFailure(
            f"cannot log celadon in: {caller.home} cannot be written; set HOME to a directory that can"
        )
