"""What a new database of heroku-postgresql is made from: the words of `--fork`, `--follow` and `--rollback`, judged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from celadon.model.postgres_database import Origin

_ORIGINS = {"fork": Origin.FORK, "follow": Origin.FOLLOW, "rollback": Origin.ROLLBACK}
_MOMENTS = ("to", "by")
OPTIONS = frozenset((*_ORIGINS, *_MOMENTS))

_UNITS = {"d": "days", "day": "days", "h": "hours", "hour": "hours", "hr": "hours", "m": "minutes", "min": "minutes"}
_UNITS |= {"minute": "minutes", "s": "seconds", "sec": "seconds", "second": "seconds", "week": "weeks", "w": "weeks"}
_PART = re.compile(r"(\d{1,6})\s*([a-z]+)[\s,]*")


class CopyRefused(ValueError):
    """These options ask for nothing that can be made; the message ends the sentence "cannot make a database: "."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`source` is what the user wrote: an add-on, an attachment or a URL. `target` is the moment of a rollback."""

    origin: Origin
    # It may be a URL with a password.
    source: str = field(repr=False)
    target: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The moments to which a database can be rolled back."""

    earliest: datetime
    latest: datetime


def asked(options: Mapping[str, str], now: datetime) -> Asked | None:
    """What these options ask for; None without any of them. Raises CopyRefused."""
    origins = [name for name in _ORIGINS if name in options]
    moments = [name for name in _MOMENTS if name in options]
    if len(origins) > 1:
        raise CopyRefused(f"it is made by --{origins[0]} or by --{origins[1]}, not by both")
    if not origins:
        if moments:
            raise CopyRefused(f"--{moments[0]} says when, and needs --rollback DATABASE")
        return None
    name = origins[0]
    if not options[name] or options[name] == "true":
        raise CopyRefused(f"--{name} needs the name of a database, as in --{name} DATABASE_URL")
    if name != "rollback" and moments:
        raise CopyRefused(f"--{moments[0]} goes with --rollback, not with --{name}")
    target = _moment(options, now) if name == "rollback" else None
    return Asked(origin=_ORIGINS[name], source=options[name], target=target)


def _moment(options: Mapping[str, str], now: datetime) -> datetime:
    if ("to" in options) == ("by" in options):
        raise CopyRefused("--rollback needs the moment: --to '2026-11-28 20:00:00+00', or --by '2 hours'")
    return moment(options["to"]) if "to" in options else now - interval(options["by"])


def moment(text: str) -> datetime:
    """A point in time; UTC unless it says otherwise. Raises CopyRefused."""
    written = re.sub(r"\s*(UTC|GMT|Z)$", "+00:00", text.strip(), flags=re.IGNORECASE)
    try:
        found = datetime.fromisoformat(re.sub(r"\s+([+-]\d)", r"\1", written))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CopyRefused(f"{text[:40]!r} is no moment; write it as in '2026-11-28 20:00:00+00'") from None


def interval(text: str) -> timedelta:
    """A length of time in words, as `1 day 2 hours`. Raises CopyRefused."""
    words = text.strip().lower()
    parts = _PART.findall(words)
    lengths: dict[str, int] = {}
    for number, unit in parts:
        known = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if known is None or known in lengths:
            break
        lengths[known] = int(number)
    if not parts or len(lengths) != len(parts) or _PART.sub("", words):
        raise CopyRefused(f"{text[:40]!r} is no length of time; write it as in '2 hours'")
    return timedelta(**lengths)


def check_target(target: datetime, span: Span) -> None:
    """Raises CopyRefused with the possible range."""
    if not span.earliest <= target <= span.latest:
        raise CopyRefused(
            f"it cannot be rolled back to {_written(target)}; possible is {_written(span.earliest, up=True)} to "
            f"{_written(span.latest)}"
        )


def _written(at: datetime, *, up: bool = False) -> str:
    """To the second, as it can be written again and is still within."""
    whole = at.astimezone(UTC) + (timedelta(seconds=1) - timedelta(microseconds=1) if up else timedelta())
    return f"{whole:%Y-%m-%d %H:%M:%S}+00"
