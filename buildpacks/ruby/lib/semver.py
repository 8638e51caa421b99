"""Version ranges as package.json writes them: `^1.2.3`, `~1.2`, `1.x || >=2.5.0 <3`, `1.2 - 1.4`, `*`."""

import re
from collections.abc import Iterable

Version = tuple[int, int, int]

_FINAL = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)(?:\+.*)?$")
_PARTIAL = re.compile(r"^[v=]*\s*(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:[-+].*)?$")
_COMPARATOR = re.compile(r"(<=|>=|<|>|\^|~>?|=)?\s*([v=]*\s*[\dxX*][^\s<>=~^]*)")


# npm takes no longer ones either; without a bound, numbers and blanks without end would be an app's to count.
_LONGEST = 256


class RangeError(ValueError):
    """The text is not a version range."""


def parse(version: str) -> Version | None:
    """A final release's numbers; None for pre-releases and anything else."""
    found = _FINAL.match(version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def newest(range_text: str, versions: Iterable[str]) -> str | None:
    """The newest final release that the range allows. Raises RangeError."""
    wanted = bounds(range_text)
    fitting = [
        (numbers, version)
        for version in versions
        if (numbers := parse(version)) and any(low <= numbers < high for low, high in wanted)
    ]
    return max(fitting)[1] if fitting else None


def bounds(range_text: str) -> list[tuple[Version, Version]]:
    """The range as half-open intervals, any of which will do. Raises RangeError."""
    if len(range_text) > _LONGEST:
        raise RangeError(range_text[:_LONGEST])
    return [_interval(part.strip()) for part in range_text.split("||")]


_LOWEST: Version = (0, 0, 0)
_HIGHEST: Version = (1 << 60, 0, 0)


def _interval(text: str) -> tuple[Version, Version]:
    if text in ("", "*", "x", "X", "latest"):
        return _LOWEST, _HIGHEST
    hyphen = re.match(r"^(\S+)\s+-\s+(\S+)$", text)
    if hyphen:
        return _span(hyphen[1], "")[0], _span(hyphen[2], "")[1]
    comparators = _COMPARATOR.findall(text)
    if not comparators or _COMPARATOR.sub("", text).strip():
        raise RangeError(text)
    spans = [_span(version.strip(), operator) for operator, version in comparators]
    return max(low for low, _ in spans), min(high for _, high in spans)


def _span(text: str, operator: str) -> tuple[Version, Version]:
    """What one comparator allows."""
    found = _PARTIAL.match(text)
    if not found:
        raise RangeError(text)
    given = [int(part) for part in found.groups() if part and part.isdigit()]
    low, after = _pad(given), _next(given, len(given))
    if operator == ">=":
        return low, _HIGHEST
    if operator == ">":
        return after, _HIGHEST
    if operator == "<":
        return _LOWEST, low
    if operator == "<=":
        return _LOWEST, after
    if operator == "^":
        # Up to the next change of the first number that is not zero.
        first = next((index for index, number in enumerate(given) if number), len(given) - 1)
        return low, _next(given, first + 1)
    if operator.startswith("~"):
        return low, _next(given, min(2, len(given)))
    return low, after


def _pad(numbers: list[int]) -> Version:
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return major, minor, patch


def _next(numbers: list[int], count: int) -> Version:
    """The first version beyond all that begin with the first `count` numbers."""
    if not numbers:
        return _HIGHEST
    count = max(1, min(count, len(numbers)))
    return _pad([*numbers[: count - 1], numbers[count - 1] + 1])
