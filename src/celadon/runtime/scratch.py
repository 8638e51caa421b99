"""The writable layer of a container: one directory on the host that goes away with it."""

import os
import shutil
from pathlib import Path

from celadon.runtime import bundle


def create(directory: Path, uid: int) -> None:
    """Make the layer's directories, owned by the container's user."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, mode in ((bundle.UPPER, 0o755), (bundle.WORK, 0o700), (bundle.TEMPORARY, 0o1777)):
        path = directory / name
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    os.chown(directory / bundle.UPPER, uid, uid)


def remove(directory: Path) -> None:
    """Remove the layer and all that was written; no error when there is nothing."""
    if directory.is_dir():
        shutil.rmtree(directory)
