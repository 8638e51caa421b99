"""Files of the user's own: where they are, and how one is changed while others may be doing the same."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from celadon.cli.failure import Failure


def home() -> Path:
    """The user's home directory: `HOME`, else what the system knows of the account. Raises Failure."""
    if named := os.environ.get("HOME"):
        return Path(named)
    if sys.platform == "win32":
        return Path.home()
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise Failure("cannot tell which is your home directory: set HOME") from None


def configuration() -> Path:
    """Where `celadon` keeps what is no secret."""
    named = os.environ.get("XDG_CONFIG_HOME")
    return (Path(named) if named else home() / ".config") / "celadon"


def cache() -> Path:
    """Where `celadon` keeps what can be had again."""
    named = os.environ.get("XDG_CACHE_HOME")
    return (Path(named) if named else home() / ".cache") / "celadon"


@contextlib.contextmanager
def changing(file: Path) -> Iterator[None]:
    """One program at a time reads and replaces this file: whoever comes second waits, and reads what the first wrote.

    Raises Failure where its directory cannot be used.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    try:
        # The directory: the file itself is another one after each change.
        descriptor = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise unwritable(file, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make(directory: Path) -> None:
    """A directory for this user alone; raises Failure."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(directory, error) from None


def replace(file: Path, content: bytes, *, mode: int) -> None:
    """The whole file at once: whoever reads sees what was there or what is there now. Raises Failure."""
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        partial.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise unwritable(file, error) from None


def unwritable(file: Path, error: OSError) -> Failure:
    return Failure(f"cannot write {file}: {error.strerror}")
