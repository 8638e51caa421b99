"""The durable state of a channel: how far each source has been read, and where the channel ends.

One JSON line is appended for each round, with what changed in it; the last whole line counts. A write of this size costs
a microsecond, replacing a file a hundred times as much (ext4 writes the new one out at once). A journal that has grown
is replaced by one line that says everything.
"""

import dataclasses
import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from celadon.model.logline import Part

LIMIT = 256 << 10

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far one source file has been read. `head` is the file's beginning: an inode's number is used again, its first
    record's time is not. `records` counts what was read, to tell how much a missed file of this source held."""

    name: str
    offset: int = 0
    records: int = 0
    head: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """`end` is the position behind the channel's last byte, since its beginning; `event` the last event of the platform
    that the channel shows. `positions` is by inode, oldest first, `parts` by file name and stream."""

    end: int = 0
    event: int = 0
    positions: Mapping[int, Position] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Part]] = field(default_factory=dict)


class _Entry(msgspec.Struct, omit_defaults=True):
    """What a round changed; None takes away."""

    end: int
    event: int
    positions: dict[int, Position | None] = msgspec.field(default_factory=dict)
    parts: dict[str, Mapping[str, Part] | None] = msgspec.field(default_factory=dict)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Entry)


class Journal:
    """The journal of one channel. After a SIGKILL at any moment `load` finds the state of the last whole write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = State()
        self._size = 0

    def load(self) -> State:
        """Read what is on disk; a line that was cut off by a crash, and all behind it, never happened."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return self.state
        state = State()
        for line in content.split(b"\n")[:-1]:
            try:
                state = _applied(state, _decoder.decode(line))
            except msgspec.DecodeError:
                break
        self.state = state
        self._replace(state)
        return state

    def write(self, state: State) -> None:
        """Make `state` durable against the death of this process. Raises OSError; then the old state stands."""
        entry = _Entry(
            end=state.end,
            event=state.event,
            positions=_difference(self.state.positions, state.positions),
            parts=_difference(self.state.parts, state.parts),
        )
        line = _encoder.encode(entry) + b"\n"
        if self._size + len(line) > LIMIT:
            self._replace(state)
        else:
            self._append(line)
        self.state = state

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            if os.write(descriptor, line) != len(line):
                os.ftruncate(descriptor, self._size)
                raise OSError(errno.ENOSPC, f"cannot write {self.path}: no space left on the disk")
        finally:
            os.close(descriptor)
        self._size += len(line)

    def _replace(self, state: State) -> None:
        line = _encoder.encode(dataclasses.asdict(state)) + b"\n"
        partial = self.path.with_name(f".{self.path.name}.partial")
        partial.write_bytes(line)
        partial.rename(self.path)
        self._size = len(line)


def _difference(before: Mapping[K, V], after: Mapping[K, V]) -> dict[K, V | None]:
    changed: dict[K, V | None] = {key: value for key, value in after.items() if before.get(key) != value}
    changed.update({key: None for key in before if key not in after})
    return changed


def _applied(state: State, entry: _Entry) -> State:
    return State(
        end=entry.end,
        event=entry.event,
        positions=_merged(state.positions, entry.positions),
        parts=_merged(state.parts, entry.parts),
    )


def _merged(before: Mapping[K, V], changed: Mapping[K, V | None]) -> dict[K, V]:
    merged = {**before, **changed}
    return {key: value for key, value in merged.items() if value is not None}
