"""Drawing charts as SVG: numbers → paths on a ground as wide as there are steps, and 100 high.

A chart is stretched to the page; what is written stands beside it, as text. A class gives a series its colour, a dash
tells it from others where there is none.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEIGHT = 100
# Beyond so many steps a scale has its next round number.
_ROUND = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line or area. `title` is what a pointer and a screen reader are told, `value` what the legend says of it."""

    name: str
    kind: str
    path: str
    value: str
    filled: bool = False

    @property
    def title(self) -> str:
        return f"{self.name}: {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """`scale` is what stands beside it, from the top to the bottom. `empty` says why there is nothing to see."""

    id: str
    heading: str
    series: Sequence[Series]
    scale: Sequence[str]
    note: str = ""
    empty: str = ""
    # Where a limit lies, from the top; None when there is none.
    limit: float | None = None

    def grid(self, points: int) -> str:
        """A line for each word of the scale."""
        parts = len(self.scale) - 1
        return "".join(f"M0 {HEIGHT * part / parts:g}h{points}" for part in range(parts + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment: `at` in steps from the left."""

    at: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Where on the time line a code came."""

    code: str
    path: str
    title: str


def top(most: float, least: float = 1.0) -> float:
    """The round number (1, 2 or 5 with zeros) that a scale ends with which must hold `most`."""
    most = max(most, least)
    power = math.pow(10, math.floor(math.log10(most)))
    return next(number * power for number in _ROUND if number * power >= most * (1 - 1e-9))


def stacked(parts: Sequence[Sequence[float]], most: float) -> list[str]:
    """An area for each part, each upon those before it."""
    below = [0.0] * len(parts[0]) if parts else []
    paths = []
    for part in parts:
        above = [under + value for under, value in zip(below, part, strict=True)]
        paths.append(_area(below, above, most))
        below = above
    return paths


def steps(values: Sequence[float | None], most: float) -> str:
    """A line of steps, with gaps where there is no value."""
    path, before = [], None
    for at, value in enumerate(values):
        if value is None:
            before = None
            continue
        here = _y(value, most)
        if before is None:
            path.append(f"M{at} {here}h1")
        else:
            path.append(f"V{here}h1" if here != before else "h1")
        before = here
    return "".join(path)


def ticks(there: Sequence[bool]) -> str:
    """Blocks of full height, where something was."""
    return "".join(f"M{at} 0h1v{HEIGHT}h-1z" for at, one in enumerate(there) if one)


def strokes(there: Sequence[bool]) -> str:
    """Lines of full height, where something was."""
    return "".join(f"M{at + 0.5:g} 0v{HEIGHT}" for at, one in enumerate(there) if one)


def scale(most: float, say: Callable[[float], str]) -> Sequence[str]:
    return say(most), say(most / 2), say(0)


def decades(most: float) -> int:
    """How many powers of ten a scale has that begins with 1, where each is as high as the next."""
    return max(2, math.ceil(math.log10(max(most, 1)) - 1e-9))


def powers(value: float) -> float:
    """Where a value lies on such a scale, in powers."""
    return math.log10(max(value, 1))


def height(value: float, most: float) -> float:
    """Where a value lies, from the top."""
    return round(HEIGHT - HEIGHT * min(value, most) / most, 1)


def _y(value: float, most: float) -> str:
    return f"{height(value, most):g}"


def _area(below: Sequence[float], above: Sequence[float], most: float) -> str:
    """Runs of steps where the area has some height, each there and back."""
    path, at = [], 0
    while at < len(above):
        if above[at] <= below[at]:
            at += 1
            continue
        begin = at
        while at < len(above) and above[at] > below[at]:
            at += 1
        there = "".join(f"V{_y(value, most)}h1" for value in above[begin:at])
        back = "".join(f"V{_y(value, most)}h-1" for value in reversed(below[begin:at]))
        path.append(f"M{begin} {_y(below[begin], most)}{there}{back}z")
    return "".join(path)
