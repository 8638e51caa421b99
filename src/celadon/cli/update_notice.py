"""One line on a terminal when the platform runs another client than this one.

A command only looks at the time of a file, and at most every five minutes starts a program that asks the platform,
which nobody waits for: `python -m celadon.cli.update_notice`. What that finds is in the file for a later command.
"""

import os
import sys

import celadon

SWITCH = "CELADON_SKIP_NEW_VERSION_CHECK"
_SECONDS = 300.0


def show() -> None:
    """After a command, on a terminal: say what is known, and have it looked up again when that is old."""
    import time

    file = _file()
    try:
        known = os.stat(file)  # noqa: PTH116 - pathlib is not loaded for it
    except OSError:
        known = None
    if known is not None and known.st_size:
        _tell(file)
    if known is None or time.time() - known.st_mtime > _SECONDS:
        _look(file)


def wanted() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and not os.environ.get(SWITCH)


def _file() -> str:
    below = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")  # noqa: PTH111, PTH118
    return os.path.join(below, "celadon", "client-of-the-platform")  # noqa: PTH118


def _tell(file: str) -> None:
    from pathlib import Path

    from celadon.cli.failure import warn

    version, _, url = Path(file).read_text("utf-8").strip().partition(" ")
    if version != celadon.__version__:
        warn([f"{url} runs celadon/{version}, this is celadon/{celadon.__version__}: `celadon update` replaces it."])


def _look(file: str) -> None:
    """Start the program that looks; others that come meanwhile see a file that is new."""
    import subprocess
    from pathlib import Path

    from celadon.cli import installation

    if installation.checkout() is not None:
        return
    try:
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(file).touch()
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
    from pathlib import Path

    from celadon.cli import detection, update
    from celadon.cli.detection import Options
    from celadon.cli.failure import Failure

    try:
        platform = detection.platform(Options())
        update.check_trusted(platform)
        version = update.offered(platform)["version"]
    except Failure:
        return
    file = Path(_file())
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    partial.write_text("" if version == celadon.__version__ else f"{version} {platform.api_url}", "utf-8")
    partial.replace(file)


if __name__ == "__main__":
    main()
