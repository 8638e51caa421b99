"""Runs the entries of a Procfile side by side until one of them ends, or somebody says stop.

honcho's manager starts them, each in a session of its own, and joins their output. What it lacks is here: the end is
that of the whole tree, also of what ignores SIGTERM or has left its group; the exit status is a shell's; a signal that
comes while they start, and an output that nobody reads any more, stop them as well.
"""

import contextlib
import errno
import math
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from types import FrameType
from typing import Any, TextIO

from honcho import manager as honcho_manager
from honcho import process as honcho_process
from honcho.printer import Message, Printer

from celadon.local import tree

_LOOK_SECONDS = 0.1
# How long the last lines may take that one has written before its end.
_LAST_LINES_SECONDS = 0.2
# How long a process that was killed may take to go.
_KILL_SECONDS = 5.0
_STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CANNOT_RUN = 126
_PIPE_CLOSED = 141


class Events:
    """What honcho's children tell. The queue that honcho has takes any number of lines from one that writes faster than
    it is read; here it has to wait.
    """

    def __init__(self) -> None:
        self._reader, self._writer = multiprocessing.Pipe(duplex=False)
        self._turn = multiprocessing.Lock()

    def put(self, message: Message) -> None:
        with self._turn:
            self._writer.send(message)

    def get(self, timeout: float) -> Message:
        """Raises queue.Empty."""
        if not self._reader.poll(timeout):
            raise queue.Empty
        return self._reader.recv()

    def empty(self) -> bool:
        return not self._reader.poll(0)


class Process(honcho_process.Process):
    """Its end is told when it ends, not when the last of those that it started has closed the output."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        self._events, failure = events, ""
        self._child: Any = None
        try:
            self._child = self._child_ctor(self.cmd, env=self.env, cwd=self.cwd)
        except OSError as error:
            failure = "its variables are too large" if error.errno == errno.E2BIG else str(error.strerror)
        # Before anything is told: a manager that was killed while its events were full is told nothing any more.
        threading.Thread(target=self._end_with_manager, daemon=True).start()
        if self._child is None:
            self._send_message({"pid": os.getpid()}, type="start")
            self._send_message(f"cannot start: {failure}\n")
            self._send_message({"returncode": _CANNOT_RUN}, type="stop")
            return
        self._send_message({"pid": self._child.pid}, type="start")
        relaying = threading.Thread(target=self._relay)
        relaying.start()
        code = self._child.wait()
        relaying.join(_LAST_LINES_SECONDS)
        self._send_message({"returncode": code}, type="stop")

    def _relay(self) -> None:
        for line in self._child.stdout:
            self._send_message(line)

    def _end_with_manager(self) -> None:
        """When the manager was killed, nobody else is left to stop what was started."""
        manager = multiprocessing.parent_process()
        assert manager is not None, "this is a child of the manager's"
        manager.join()
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
        # Nobody will ever read what other threads of this process still have to tell.
        os._exit(1)


class Output(Printer):
    """Where the lines go. When nobody reads them any more, `gone` says so, and they go nowhere."""

    gone: OSError | None = None

    def write(self, message: Message) -> None:
        try:
            super().write(message)
        except OSError as error:
            self.gone = error
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.output.fileno())


class Manager(honcho_manager.Manager):
    """`returncode` is, after the loop, the status of the first that failed, 0 when none did, or 128 and the signal."""

    def __init__(self, output: TextIO, *, colour: bool, grace: float) -> None:
        # The children of honcho's children are to be below this process.
        multiprocessing.set_start_method("fork", force=True)
        super().__init__(Output(output, colour=colour))
        self.events = Events()
        self._process_ctor = Process
        self._grace = grace
        self._pid = os.getpid()
        self.returncode = 0
        self._received: list[signal.Signals] = []
        self._stopping_at: datetime | None = None
        self._deadline = math.inf
        self._killed = False
        self._hurried = False

    def loop(self) -> None:
        tree.adopt()
        with self._signals():
            try:
                self._start()
                look_at = 0.0
                while True:
                    line = self._take_event()
                    if line and time.monotonic() < look_at:
                        continue
                    self._advance()
                    if self._over():
                        break
                    look_at = time.monotonic() + _LOOK_SECONDS
            finally:
                self._end()

    def _take_event(self) -> bool:
        """Whether it was a line, of which more may follow at once."""
        gone = [name for name, entry in self._processes.items() if not entry["process"].is_alive()]
        try:
            message = self.events.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            for name in gone:
                # Somebody has killed honcho's child, which had no time to tell.
                self._processes[name].setdefault("pid", 0)
                self._processes[name].setdefault("returncode", -signal.SIGKILL)
            return False
        if message.type == "line":
            self._printer.write(message)
            return True
        if message.type == "start":
            self._processes[message.name]["pid"] = message.data["pid"]
            self._tell(message.name, message.colour, f"started with pid {message.data['pid']}")
        else:
            self._on_end(message)
        return False

    def _on_end(self, message: Message) -> None:
        code = int(message.data["returncode"])
        ended = f"exited with code {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"
        self._tell(message.name, message.colour, ended)
        self._processes[message.name]["returncode"] = code
        if self._stopping_at is None or message.time < self._stopping_at:
            # A status of its own will, not what our signals made of it.
            self.returncode = self.returncode or (128 - code if code < 0 else code)

    def _advance(self) -> None:
        """Begin to stop, or make an end of it, when it is time to."""
        if not self._all_started():
            return
        if self._received:
            number = self._received.pop(0)
            self.returncode = self.returncode or 128 + number
            if self._stopping_at is not None:
                self._hurried, self._deadline = True, 0.0
            self._stop(f"{number.name} received")
        elif self._printer.gone:
            self.returncode = self.returncode or _PIPE_CLOSED
            self._stop("nobody reads this")
        elif self._any_stopped():
            self._stop("one has ended")
        if time.monotonic() > self._deadline and not self._killed:
            self._kill()

    def _stop(self, why: str) -> None:
        if self._stopping_at is not None:
            return
        self._stopping_at = datetime.now()
        self._deadline = time.monotonic() + self._grace
        if remaining := self._remaining():
            self._tell("system", None, f"{why}, sending SIGTERM to all")
            tree.send(remaining, signal.SIGTERM)
        else:
            self._to_groups(signal.SIGTERM)

    def _kill(self) -> None:
        self._killed = True
        self._deadline = time.monotonic() + _KILL_SECONDS
        if remaining := self._remaining():
            self._tell("system", None, "sending SIGKILL to what is left")
            while remaining:
                # What is killed may just have started something.
                tree.send(remaining, signal.SIGKILL)
                remaining = self._remaining() - remaining
        else:
            self._to_groups(signal.SIGKILL)

    def _over(self) -> bool:
        if self._stopping_at is None:
            return False
        if remaining := self._remaining():
            if not self._killed or time.monotonic() < self._deadline:
                return False
            pids = ", ".join(str(pid) for pid in sorted(remaining))
            self._tell("system", None, f"cannot end {pids}: of another user, or stuck in the kernel")
            return True
        if self._hurried:
            return True
        # All is gone that could write; what it has written is still to be read.
        alive = any(entry["process"].is_alive() for entry in self._processes.values())
        return bool(self._all_stopped()) and not alive and self.events.empty()

    def _end(self) -> None:
        """Nothing is left, also when we have failed ourselves."""
        tree.send(self._remaining(), signal.SIGKILL)
        self._to_groups(signal.SIGKILL)
        for entry in self._processes.values():
            if process := entry.get("process"):
                process.kill()
                process.join()

    def _remaining(self) -> set[int]:
        wrappers = {entry["process"].pid for entry in self._processes.values() if "process" in entry}
        return tree.remaining(self._pid, wrappers)

    def _to_groups(self, number: signal.Signals) -> None:
        """Where the tree cannot be seen (no /proc), the groups of those that have not ended."""
        for entry in self._processes.values():
            if "pid" in entry and "returncode" not in entry:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(entry["pid"], number)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def note(number: int, frame: FrameType | None) -> None:
            # honcho's children, one for each entry, have this too: they end when what they started does.
            if os.getpid() == self._pid:
                self._received.append(signal.Signals(number))

        # nohup has the end of a terminal ignored. A script has Ctrl-C ignored in what it starts beside itself, but
        # whoever sends that signal to us means it.
        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        noted = [number for number in _STOPPED_BY if number != signal.SIGHUP or not nohup]
        before = {number: signal.signal(number, note) for number in noted}
        try:
            yield
        finally:
            for number, taken in before.items():
                signal.signal(number, taken)

    def _tell(self, name: str, colour: str | None, text: str) -> None:
        self._printer.write(Message(type="line", data=f"{text}\n", time=datetime.now(), name=name, colour=colour))
