"""The writable layer of a container: one directory on the host that goes away with it.

With a limit it is a file system of its own in a sparse file beside the directory, copied from an empty one: what does
not fit gives the container "No space left on device" and costs nobody else anything. Copying and mounting takes about
2 ms.
"""

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from celadon.runtime import bundle, loops, protocol

# No journal: after a crash of the host the layer is thrown away. Tables are made when they are needed.
_MAKE = ("mkfs.ext4", "-q", "-F", "-m", "0", "-i", "16384", "-O", "^has_journal,^resize_inode")
_MAKE_EXTENDED = ("-E", "lazy_itable_init=1,nodiscard")
_OPTIONS = "noinit_itable,nobarrier"


def create(directory: Path, uid: int, *, limit: int | None, templates: Path) -> None:
    """Make the layer's directories, owned by the container's user; `limit` in bytes, None for no limit.

    `templates` is where empty file systems are kept. On a machine without loop devices nothing is limited.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if limit is not None and loops.available():
        image = _image(directory)
        _copy_sparse(_template(templates, limit), image)
        loops.mount(image, directory, "ext4", loops.MS_NOSUID | loops.MS_NODEV, _OPTIONS)
    for name, mode in ((bundle.UPPER, 0o755), (bundle.WORK, 0o700), (bundle.TEMPORARY, 0o1777)):
        path = directory / name
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    os.chown(directory / bundle.UPPER, uid, uid)


def mount_root(layer: protocol.Overlay, target: Path) -> None:
    """Make the layer, which has been created, a whole root that is written to; OSError when the kernel refuses."""
    target.mkdir()
    loops.mount_overlay(target, bundle.layers(layer))


def remove(directory: Path) -> None:
    """Remove the layer and all that was written; no error when there is nothing."""
    while loops.unmount(directory):
        pass
    _image(directory).unlink(missing_ok=True)
    # Another caller may be removing it as well.
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory)


def _image(directory: Path) -> Path:
    return directory.parent / f"{directory.name}.img"


def _template(templates: Path, limit: int) -> Path:
    """An empty file system of this size, made once."""
    path = templates / f".scratch-{limit}.img"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=templates, prefix=".scratch-") as place:
        new = Path(place) / "image"
        with new.open("wb") as file:
            file.truncate(limit)
        try:
            found = subprocess.run([*_MAKE, *_MAKE_EXTENDED, str(new)], capture_output=True, check=False)
        except FileNotFoundError:
            raise protocol.RuntimeFailure("cannot limit what a dyno writes: apt-get install e2fsprogs") from None
        if found.returncode != 0:
            reason = found.stderr.decode("utf-8", "replace").strip()
            raise protocol.RuntimeFailure(f"cannot make a file system of {limit} bytes: {reason}")
        new.rename(path)
    return path


def _copy_sparse(source: Path, target: Path) -> None:
    """Copy what is written in a file, leaving its holes."""
    with source.open("rb") as old, target.open("xb") as new:
        new.truncate(os.fstat(old.fileno()).st_size)
        end = 0
        while (start := _next_written(old.fileno(), end)) is not None:
            end = os.lseek(old.fileno(), start, os.SEEK_HOLE)
            _copy_range(old.fileno(), new.fileno(), start, end)


def _next_written(file: int, start: int) -> int | None:
    """Where the next written part begins, None when only a hole is left."""
    try:
        return os.lseek(file, start, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        block = os.pread(source, min(end - start, 1 << 20), start)
        os.pwrite(target, block, start)
        start += len(block)
