"""What an app's log says of its requests, errors and dynos, added up over spans of time.

Counts are exact. Response times go into bins whose bounds grow by one factor (DDSketch's mapping), so that a percentile is
within one per cent of the true one however many spans are put together.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from celadon.model import logline

# Seconds of a span → how long such spans are kept.
SPANS: Mapping[int, int] = {10: 3600, 60: 86_400, 600: 7 * 86_400}
SHORTEST = min(SPANS)
# The greatest relative error of a response time, and the longest that is told apart (milliseconds).
ERROR = 0.01
LONGEST = 3_600_000
# Process types of one app that are told apart; what there is beyond them counts as one.
MOST_TYPES = 20
OTHERS = "others"

_FACTOR = (1 + ERROR) / (1 - ERROR)
_LOG = math.log(_FACTOR)
# The bin of what took no time.
_NONE = -1

# A rendered line of the platform: the time, who, what; see `logline`.
_HEAD = logline.TIME_LENGTH + len("+00:00 ")
_PLATFORM = b"heroku["
_ROUTER = b"heroku[router]: "
# The end of the router's line is its own: what a client sent stands before, quoted, and cannot be taken for it.
_ANSWER = re.compile(
    rb" dyno=\S* connect=(\d*)(?:ms)? service=(\d*)(?:ms)? status=(-?\d+) bytes=(\d+) protocol=\S+\n", re.ASCII
)
_CODE = re.compile(rb"at=[a-z]+ code=([A-Z]\d\d) ")
_ERROR = re.compile(rb"heroku\[[^]]+\]: Error ([RL]\d\d) \(")
_STARTED = re.compile(rb"heroku\[[^]]+\]: State changed from starting to up\n")
# A WebSocket lasts as long as somebody likes: that is no response time.
_SWITCHED = 101


@dataclass(slots=True)
class Seen:
    """How often a code came, and when last (seconds since the epoch)."""

    count: int = 0
    last: float = 0.0


@dataclass(slots=True)
class Counts:
    """What was in the log within one span.

    `classes`: the first digit of a status → requests (0: no status that HTTP knows). `sent`: bytes that clients got. `times`: bin → responses.
    `codes`: H, R and L codes. `starts`: dynos that came up.
    """

    classes: dict[int, int] = field(default_factory=dict)
    sent: int = 0
    times: dict[int, int] = field(default_factory=dict)
    codes: dict[str, Seen] = field(default_factory=dict)
    starts: int = 0

    @property
    def requests(self) -> int:
        return sum(self.classes.values())

    def add(self, other: "Counts") -> None:
        """Put another span's counts to these."""
        for status, count in other.classes.items():
            self.classes[status] = self.classes.get(status, 0) + count
        for number, count in other.times.items():
            self.times[number] = self.times.get(number, 0) + count
        for code, seen in other.codes.items():
            self.saw(code, seen.count, seen.last)
        self.sent += other.sent
        self.starts += other.starts

    def saw(self, code: str, count: int, last: float) -> None:
        found = self.codes.setdefault(code, Seen())
        found.count += count
        found.last = max(found.last, last)

    def percentile(self, part: float) -> float | None:
        """The response time (milliseconds) that this part of the responses did not exceed; None without any."""
        return percentile(self.times, part)


@dataclass(slots=True)
class Use:
    """What the dynos of one process type used within a span: sums and peaks over `count` samples; memory in bytes."""

    count: int = 0
    memory: int = 0
    memory_peak: int = 0
    quota: int = 0
    load: float = 0.0
    load_peak: float = 0.0

    def add(self, other: "Use") -> None:
        self.count += other.count
        self.memory += other.memory
        self.memory_peak = max(self.memory_peak, other.memory_peak)
        self.quota = max(self.quota, other.quota)
        self.load += other.load
        self.load_peak = max(self.load_peak, other.load_peak)


Uses = dict[str, Use]


def sample(memory: int, quota: int, load: float) -> Use:
    """One dyno at one moment; bytes, and the load average of the last minute."""
    return Use(count=1, memory=memory, memory_peak=memory, quota=quota, load=load, load_peak=load)


def add_uses(uses: Uses, others: Mapping[str, Use]) -> None:
    """Put another span's to these, by process type."""
    for name, use in others.items():
        known = name if name in uses or len(uses) < MOST_TYPES else OTHERS
        uses.setdefault(known, Use()).add(use)


def bin_of(milliseconds: int) -> int:
    """The bin of a response time."""
    return math.ceil(math.log(min(milliseconds, LONGEST)) / _LOG) if milliseconds > 0 else _NONE


def value_of(number: int) -> float:
    """What stands for the response times of a bin."""
    return 0.0 if number == _NONE else 2 * _FACTOR**number / (_FACTOR + 1)


def percentile(times: Mapping[int, int], part: float) -> float | None:
    """The value below or at which this part (0 to 1) of what is in the bins lies; None when nothing is."""
    rank = part * (sum(times.values()) - 1)
    passed = 0
    for number in sorted(times):
        passed += times[number]
        if passed > rank:
            return value_of(number)
    return None


def platforms(block: bytes) -> list[bytes]:
    """Those of a block of rendered lines."""
    found = []
    at = block.find(b" " + _PLATFORM)
    while at >= 0:
        start, end = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at) + 1
        if start + _HEAD == at + 1:
            found.append(block[start : end or len(block)])
            at = block.find(b" " + _PLATFORM, end or len(block))
        else:
            at = block.find(b" " + _PLATFORM, at + 1)
    return found


def count(lines: Iterable[bytes], counts: dict[int, Counts]) -> None:
    """Add up lines of the platform in the shortest spans, by the seconds since the epoch at which these begin.

    A line that says nothing that is counted makes no span.
    """
    last, second = b"", 0
    for line in lines:
        if line[:19] != last:
            last, second = line[:19], seconds(line)
        if line.startswith(_ROUTER, _HEAD):
            _count_request(line, second, counts)
        elif found := _ERROR.match(line, _HEAD):
            _span(counts, second).saw(found[1].decode(), 1, second)
        elif _STARTED.match(line, _HEAD):
            _span(counts, second).starts += 1


def seconds(line: bytes) -> int:
    """The second of a rendered line, since the epoch; 0 for what has no time."""
    try:
        return int(datetime.fromisoformat(line[:19].decode("ascii") + "+00:00").timestamp())
    except ValueError:
        return 0


def _count_request(line: bytes, second: int, counts: dict[int, Counts]) -> None:
    at = line.rfind(b" dyno=")
    found = _ANSWER.fullmatch(line, at) if at >= 0 else None
    if found is None:
        # What the platform says of its own lines' loss stands in the router's name.
        if lost := _ERROR.match(line, _HEAD):
            _span(counts, second).saw(lost[1].decode(), 1, second)
        return
    span = _span(counts, second)
    connect, service, status, sent = found.groups()
    answered = int(status) // 100 if 100 <= int(status) < 600 else 0
    span.classes[answered] = span.classes.get(answered, 0) + 1
    span.sent += int(sent)
    if service and int(status) != _SWITCHED:
        number = bin_of(int(connect or 0) + int(service))
        span.times[number] = span.times.get(number, 0) + 1
    if code := _CODE.match(line, _HEAD + len(_ROUTER)):
        span.saw(code[1].decode(), 1, second)


def _span(counts: dict[int, Counts], second: int) -> Counts:
    start = second - second % SHORTEST
    found = counts.get(start)
    if found is None:
        found = counts[start] = Counts()
    return found
