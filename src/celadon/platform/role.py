"""How every role starts and ends: settings, the lock that keeps it from running twice, its log, an orderly stop."""

import contextlib
import fcntl
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings

Main = Callable[[Settings], None]

log = logging.getLogger(__name__)


def run_role(name: str, home: Path, main: Main) -> int:
    """Run one role in this process until it ends; returns the exit status.

    SIGTERM and SIGINT end `main` by SystemExit, unless it installs its own. A second process of the same role waits
    until the first is gone.
    """
    log_to_stderr(name)
    settings = platform_settings.load(home)
    settings.run.mkdir(mode=0o711, parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        with _only_one(settings.run / f"{name}.lock"):
            log.info("at=start instance=%d home=%s", settings.instance, settings.home)
            main(settings)
    except SystemExit as stop:
        log.info("at=stop")
        return stop.code if isinstance(stop.code, int) else 0
    except Exception:
        # The last word of a role that dies: its supervisor starts it again.
        log.exception("at=crash")
        return 1
    log.info("at=end")
    return 0


class OneLine(logging.Formatter):
    """One record, one line: a traceback's lines are joined so that a reader by lines sees whole records."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " | ")


def log_to_stderr(role: str) -> None:
    """Log as `level=info logger=… message`; the time is added by what keeps the log (svlogd, journald)."""
    destination = logging.StreamHandler(sys.stderr)
    logging.addLevelName(logging.WARNING, "warn")
    for level in (logging.DEBUG, logging.INFO, logging.ERROR, logging.CRITICAL):
        logging.addLevelName(level, logging.getLevelName(level).lower())
    destination.setFormatter(OneLine(f"level=%(levelname)s role={role} logger=%(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[destination], force=True)


def _stop(signum: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("at=wait lock=%s: another process of this role still runs", path)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
