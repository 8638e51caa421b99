"""Files of the app's directory: `.env`, the Procfile, and what is exported.

Whoever wrote the directory, a cloned repository say, may have put anything there under these names: a link to a file
of yours, a device that never ends, a pipe that nobody writes to.
"""

import os
import stat
from pathlib import Path

from celadon.cli import files
from celadon.cli.failure import Failure

# Bytes. Larger than all config vars of an app, and than any Procfile.
_MOST = 1 << 20


def found(file: Path) -> Path | None:
    """The regular file of this name, or the one in the same directory that a link of this name leads to.

    None when there is nothing of this name; raises Failure for all else that may be there.
    """
    try:
        directory = Path(os.path.realpath(file.parent))
        if not os.path.lexists(file):
            return None
        real = Path(os.path.realpath(file, strict=True))
        mode = real.lstat().st_mode
    except OSError as error:
        why = "it is a link that leads nowhere" if file.is_symlink() else error.strerror
        raise Failure(f"cannot use {file}: {why}") from None
    if not real.is_relative_to(directory):
        raise Failure(f"cannot use {file}: it is a link to {real}, outside {directory}")
    if not stat.S_ISREG(mode):
        raise Failure(f"cannot use {file}: it is no regular file")
    return real


def read(file: Path) -> str:
    """The text of a regular file of at most 1 MB, with the ends of lines as they are.

    Raises FileNotFoundError when there is nothing of this name, else Failure.
    """
    real = found(file)
    if real is None:
        raise FileNotFoundError(str(file))
    try:
        # It may have become a link, or a pipe, since it was looked at.
        descriptor = os.open(real, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Failure(f"cannot read {file}: it is no regular file")
            content = opened.read(_MOST + 1)
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}") from None
    if len(content) > _MOST:
        raise Failure(f"cannot read {file}: it is larger than 1 MB")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Failure(f"cannot read {file}: save it as UTF-8 text") from None


def write(root: Path, name: str, content: bytes, *, mode: int) -> Path:
    """Put a file below a directory that the user named, where no link leads out of it; raises Failure.

    A link of the file's own name is replaced by the file.
    """
    path = root / name
    below = [parent for parent in path.parents if root in parent.parents]
    for directory in (root, *reversed(below)):
        if directory != root and directory.is_symlink():
            raise Failure(f"cannot write {path}: {directory} is a link to another directory")
        try:
            directory.mkdir(parents=directory == root, exist_ok=True)
        except OSError as error:
            raise files.unwritable(path, error) from None
    files.replace(path, content, mode=mode)
    return path
