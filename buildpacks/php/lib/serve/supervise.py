"""Run PHP-FPM and a web server in front of it until SIGTERM, or until one of them ends:
`supervise.py SERVER STOP_SIGNAL SOCKET LOG [FILE...] -- FPM... -- WEB...`.

LOG is a pipe with a name, which the servers write to as to a file; FILEs are read on from their ends. Both go to the
standard error. SIGTERM reaches all processes of a dyno; one that this program alone gets lets requests finish.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

START_SECONDS = 20.0
# Together less than the 30 s that a dyno has.
REQUEST_SECONDS, PHP_SECONDS, LOG_SECONDS = 20.0, 4.0, 3.0
_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Blocked, and waited for: so none is missed between two looks.
_SIGNALS = {signal.SIGCHLD, *_STOP}
Process = subprocess.Popen[bytes]


def start(argv: list[str], stderr: int | None = None) -> Process:
    """In a session of its own: what is typed at a terminal is for this program, and who is left over can be found."""
    return subprocess.Popen(argv, stderr=stderr, start_new_session=True, preexec_fn=_unblock)  # noqa: PLW1509 - no threads here


def start_reader(argv: list[str]) -> Process:
    """It stays when all processes of a dyno get SIGTERM: what the servers say last is to be read."""

    def deaf() -> None:
        for number in _STOP:
            signal.signal(number, signal.SIG_IGN)
        _unblock()

    return subprocess.Popen(argv, stdout=sys.stderr.fileno(), start_new_session=True, preexec_fn=deaf)  # noqa: PLW1509


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def end(process: Process, number: int, seconds: float) -> None:
    """By a signal that it knows, then by force; workers may outlive a master that was killed."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        process.send_signal(number)
        process.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def by_size(files: list[str]) -> dict[int, list[str]]:
    """Size in bytes → the files that have it now, 0 for those that are not there yet: mostly all are new, and one `tail` does."""
    found: dict[int, list[str]] = {}
    for name in files:
        size = 0
        with contextlib.suppress(OSError):
            size = Path(name).stat().st_size
        found.setdefault(size, []).append(name)
    return found


class Dyno:
    """The processes, in the order in which they were started."""

    def __init__(self, server: str, stop: int, log: Path, files: list[str]) -> None:
        self.server, self.stop = server, stop
        self.readers = [start_reader(["cat", str(log)])]
        # Held open: without a writer the reader would end.
        self.writer = os.open(log, os.O_WRONLY | os.O_CLOEXEC)
        # From where they end now: the first page may have been asked for before a reader has opened them.
        for size, names in by_size(files).items():
            follow = ["tail", "--quiet", "--follow=name", "--retry", f"--bytes=+{size + 1}", "--", *names]
            self.readers.append(start_reader(follow))
        self.fpm: Process | None = None
        self.web: Process | None = None

    def run(self, fpm: list[str], socket: Path, web: list[str]) -> str:
        """What made it end; empty for a signal."""
        socket.unlink(missing_ok=True)
        self.fpm = start(fpm, stderr=self.writer)
        deadline = time.monotonic() + START_SECONDS
        # The web server must not be asked for pages before PHP can be.
        while not socket.is_socket():
            if (got := signal.sigtimedwait(_SIGNALS, 0.02)) and got.si_signo in _STOP:
                return ""
            if self.fpm.poll() is not None:
                return f"cannot start: PHP-FPM has ended (status {_status(self.fpm)}), see above."
            if time.monotonic() > deadline:
                return f"cannot start: PHP-FPM does not listen on {socket}, where {self.server} looks for it (-f)."
        self.web = start(web)
        while signal.sigwait(_SIGNALS) == signal.SIGCHLD:
            for name, process in (("PHP-FPM", self.fpm), (self.server, self.web)):
                if process.poll() is not None:
                    return f"{name} has ended (status {_status(process)}), and so the dyno does."
        return ""

    def end(self) -> None:
        """First who takes requests, then who answers them, then who reads what both had to say."""
        if self.web:
            end(self.web, self.stop, REQUEST_SECONDS)
        if self.fpm:
            end(self.fpm, signal.SIGQUIT, PHP_SECONDS)
        os.close(self.writer)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.readers[0].wait(LOG_SECONDS)
        for reader in self.readers:
            end(reader, signal.SIGKILL, LOG_SECONDS)


def _status(process: Process) -> int:
    """As a shell counts."""
    code = process.returncode or 0
    return code if code >= 0 else 128 - code


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def die() -> NoReturn:
    """As who has not caught SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _unblock()
    os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(128 + signal.SIGTERM)


def main(server: str, stop: str, socket: str, log: str, *words: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    first = words.index("--")
    second = words.index("--", first + 1)
    dyno = Dyno(server, signal.Signals[stop], Path(log), list(words[:first]))
    reason = dyno.run(list(words[first + 1 : second]), Path(socket), list(words[second + 1 :]))
    say(reason or "Stopping: requests that are being answered are finished first")
    dyno.end()
    shutil.rmtree(Path(log).parent, ignore_errors=True)
    if not reason:
        die()
    sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
