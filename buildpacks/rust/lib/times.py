"""Give files that are as they were in the last build the time that they had then: `times.py FOLDER RECORD`.

cargo takes a file of the app for changed when it is newer than what was made from it, and in a fresh checkout all files
are new. What has changed, and a folder with other names in it, gets the present time.
"""

import hashlib
import json
import os
import stat
import sys
import time
from pathlib import Path

# Neither is read by a build.
_SKIPPED = {".git", "target"}


def content(path: Path, names: list[str]) -> str:
    """What makes one of a kind the same as another: a file's bytes, a link's aim, a folder's names. Raises OSError."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link {path.readlink()}"
    if stat.S_ISDIR(mode):
        return "folder " + hashlib.sha256("\0".join(sorted(names)).encode("utf-8", "surrogateescape")).hexdigest()
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def walk(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file and folder below: what is in it, and its time in nanoseconds."""
    found = {}
    for here, folders, files in os.walk(folder):
        if Path(here) == folder:
            folders[:] = [name for name in folders if name not in _SKIPPED]
        links = [name for name in folders if Path(here, name).is_symlink()]
        for path, names in [(Path(here), folders + files), *((Path(here, name), []) for name in files + links)]:
            if stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR):
                found[str(path.relative_to(folder))] = (content(path, names), path.lstat().st_mtime_ns)
    return found


def settle(folder: Path, record: Path) -> int:
    """Set the times, note them in `record`; returns how many are as they were."""
    try:
        before: dict[str, list[object]] = json.loads(record.read_text())
    except (OSError, ValueError):
        before = {}
    now = time.time_ns()
    after, same = {}, 0
    for name, (made_of, _) in walk(folder).items():
        known = before.get(name)
        known_time = known[1] if known and known[0] == made_of else None
        moment = known_time if isinstance(known_time, int) and known_time <= now else now
        same += moment is known_time
        os.utime(folder / name, ns=(moment, moment), follow_symlinks=False)
        after[name] = [made_of, moment]
    record.write_text(json.dumps(after))
    return same


if __name__ == "__main__":
    settle(Path(sys.argv[1]), Path(sys.argv[2]))
