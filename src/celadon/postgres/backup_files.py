"""Where backups of databases are: `home/backups/<database>/<transfer>.dump`, and beside it what is being worked on."""

import contextlib
import os
import shutil
from pathlib import Path

from celadon.actions.context import Context
from celadon.model.transfer import Transfer

# What must stay free on the disk for everybody else.
RESERVE = 1 << 30


class BackupFiles:
    """Files of transfers. Nobody but root enters their directories; a program sees the one that is bound for it."""

    def __init__(self, context: Context) -> None:
        self._root = context.settings.home / "backups"

    def path(self, transfer: Transfer) -> Path:
        return self.of(transfer.addon_id, transfer.id)

    def of(self, addon_id: str, transfer_id: str) -> Path:
        return self._root / addon_id / f"{transfer_id}.dump"

    def work(self, transfer: Transfer) -> Path:
        """The directory of a transfer that runs."""
        return self._root / transfer.addon_id / f"{transfer.id}.work"

    def make_work(self, transfer: Transfer, uid: int) -> Path:
        """An empty one, which this user may write to."""
        self._root.mkdir(mode=0o700, exist_ok=True)
        self._root.joinpath(transfer.addon_id).mkdir(mode=0o700, exist_ok=True)
        path = self.work(transfer)
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        os.chown(path, uid, uid)
        return path

    def keep(self, transfer: Transfer, made: Path) -> int:
        """Take a whole archive into its place, on the disk for good; returns its size."""
        with made.open("rb") as file:
            os.fchown(file.fileno(), 0, 0)
            # One of a platform's users may read it where it is bound; see above.
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        place = self.path(transfer)
        made.rename(place)
        directory = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return size

    def clear(self, transfer: Transfer) -> None:
        shutil.rmtree(self.work(transfer), ignore_errors=True)

    def remove(self, transfer: Transfer) -> None:
        """All files of a transfer."""
        self.clear(transfer)
        self.path(transfer).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path(transfer).parent.rmdir()

    def remove_all(self, addon_id: str) -> None:
        shutil.rmtree(self._root / addon_id, ignore_errors=True)

    def all(self) -> list[Path]:
        """Everything there is of transfers: archives and directories of work, called by their ids."""
        return list(self._root.glob("*/*"))

    def discard(self, path: Path) -> None:
        """Remove one of `all`."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def room(self) -> int:
        """Bytes that may still be written."""
        self._root.mkdir(mode=0o700, exist_ok=True)
        found = os.statvfs(self._root)
        return max(0, found.f_bavail * found.f_frsize - RESERVE)
