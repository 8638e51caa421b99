"""Files of a root filesystem's /etc, read on the host."""

import os
from pathlib import Path

# Bytes of such a file that are of use.
_MOST = 1 << 20


def read(root: Path, name: str) -> str:
    """A small file of a root's /etc, by way of no link: the root may be an image of users, and a link lead anywhere."""
    try:
        directory = os.open(root / "etc", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, dir_fd=directory), "rb") as file:
            return file.read(_MOST).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(directory)


def of_host(name: str) -> str:
    """The host's own, which may well be a link; empty when it has none."""
    try:
        return (Path("/etc") / name).read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""
