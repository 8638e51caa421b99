"""Mounts below a directory: found in the kernel's own table, removed deepest first."""

import re
import subprocess
from pathlib import Path

_MOUNTINFO = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


def below(directory: Path) -> list[Path]:
    """Mount points at or under `directory`, deepest first; several mounts on one point are listed as often."""
    found = []
    for line in _MOUNTINFO.read_text("utf-8", errors="surrogateescape").splitlines():
        target = _OCTAL.sub(lambda match: chr(int(match[1], 8)), line.split(" ")[4])
        point = Path(target)
        if point == directory or directory in point.parents:
            found.append(point)
    return found[::-1]


def unmount_below(directory: Path) -> list[Path]:
    """Unmount everything at or under `directory`, lazily where it is busy; returns what was unmounted."""
    points = below(directory)
    for point in points:
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, check=False)
    return points
