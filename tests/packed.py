"""A slug that is really on the disk, for tests that deploy without a build."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from celadon.actions.context import Context
from celadon.model.release import Release
from celadon.store import releases, rows, tables

_UID = "100001"


def pack(context: Context, app_id: str) -> Release:
    """Put a small slug where that of the app's newest release should be; returns the release."""
    with context.database.transaction() as tx, tempfile.TemporaryDirectory() as tree:
        newest = releases.newest(tx, app_id)
        assert newest is not None and newest.slug_id is not None, "the app has been deployed"
        (Path(tree) / "app.py").write_text("hello")
        path = context.blobs.slug(newest.slug_id)
        path.parent.mkdir(exist_ok=True)
        argv = ["mksquashfs", tree, str(path), "-comp", "zstd", "-noappend", "-quiet", "-no-progress"]
        subprocess.run([*argv, "-force-uid", _UID, "-force-gid", _UID], check=True)
        checksum = f"SHA256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        rows.update(tx, tables.slugs, newest.slug_id, checksum=checksum)
        return newest
