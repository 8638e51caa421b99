"""One line on a terminal when the platform runs another client than this one.

A command only looks at the time of a file, and at most every five minutes starts a program that asks the platform,
which nobody waits for: `python -m celadon.cli.update_notice`. What that finds is in the file for a later command.
"""

import os
import sys
import time
from pathlib import Path

import celadon
from celadon.cli import files, installation
from celadon.cli.failure import Failure, warn

SWITCH = "CELADON_SKIP_NEW_VERSION_CHECK"
_SECONDS = 300.0


def wanted() -> bool:
    """Whether there is somebody to tell, who can do something: a checkout is updated with its platform."""
    return not os.environ.get(SWITCH) and installation.checkout() is None


def show() -> None:
    """After a command: say what is known, and have it looked up again when that is old."""
    try:
        file = _file()
    except Failure:
        # Nobody's home: there is nowhere to keep what is found.
        return
    try:
        known = file.stat()
        if known.st_size:
            _tell(file)
        if time.time() - known.st_mtime <= _SECONDS:
            return
    except OSError:
        # There is none yet; one that cannot be read is written anew.
        pass
    _look(file)


def _file() -> Path:
    return files.cache() / "client-of-the-platform"


def _tell(file: Path) -> None:
    version, _, url = file.read_text("utf-8", "replace").strip().partition(" ")
    if version != celadon.__version__:
        warn([f"{url} runs celadon/{version}, this is celadon/{celadon.__version__}: `celadon update` replaces it."])


def _look(file: Path) -> None:
    """Start the program that looks; others that come meanwhile see a file that is new."""
    import subprocess

    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch()
        subprocess.Popen(
            [sys.executable, "-P", "-m", "celadon.cli.update_notice"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
        )
    except OSError:
        # Where nothing can be written or started, nobody is told of new versions.
        return


def main() -> None:
    """Ask the platform, and write down what it runs when that is another client."""
    from celadon.cli import detection
    from celadon.cli.commands import update
    from celadon.cli.detection import Options

    try:
        platform = detection.platform(Options())
        update.check_trusted(platform)
        version = update.offered(platform)["version"]
    except Failure:
        return
    file = _file()
    text = "" if version == celadon.__version__ else f"{version} {platform.api_url}"
    files.replace(file, text.encode(), mode=0o600)


if __name__ == "__main__":
    main()
