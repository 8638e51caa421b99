"""A file system of a test's own, for what makes and removes files by the thousand.

On the machine's own that may take most of the time: an ext4 without a journal, as virtual machines often have, passes
over every inode that was freed within the last minute, one by one, for each new file. Nor does it matter whether anything
is still there after a power cut: nothing waits for the disk.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

# Bytes at most; it takes what is written.
_SIZE = 16 << 30


@contextlib.contextmanager
def mounted(directory: Path) -> Iterator[None]:
    """An empty one at this directory, which is made; both are gone afterwards."""
    image = directory.with_name(f"{directory.name}.img")
    directory.mkdir()
    try:
        with image.open("wb") as file:
            file.truncate(_SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop,noatime,nobarrier", str(image), str(directory)], check=True)
        try:
            (directory / "lost+found").rmdir()
            yield
        finally:
            # Lazily: a store that a test has left open goes with its process.
            subprocess.run(["umount", "--lazy", str(directory)], check=True)
    finally:
        image.unlink(missing_ok=True)
        directory.rmdir()
