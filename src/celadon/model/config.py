"""Config vars: what a name and a value may be."""

import re
from collections.abc import Mapping

from celadon.model.errors import InvalidParams

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,255}\Z")

# The dyno sets these itself; a config var of that name would never be seen.
RESERVED = frozenset({"PORT", "DYNO", "PS"})


def merge(current: Mapping[str, str], changes: Mapping[str, str | None], limit: int) -> dict[str, str]:
    """The config after a change (None removes a name). `limit` is the most bytes of all names and values together.

    Raises InvalidParams; nothing is changed then.
    """
    for name, value in changes.items():
        check(name, value)
    merged = {**current, **{name: value for name, value in changes.items() if value is not None}}
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
    size = sum(len(name.encode()) + len(value.encode()) for name, value in merged.items())
    if size > limit:
        raise InvalidParams(
            f"cannot set config vars: names and values would be {size:,} bytes together, {limit:,} are allowed. "
            "Keep large values in a file or a store of their own."
        )
    return merged


def check(name: str, value: str | None) -> None:
    """Raise InvalidParams when the name or value cannot be a config var's."""
    if not NAME.match(name):
        raise InvalidParams(
            f"cannot set config var {name[:60]!r}: a name has letters, digits and underscores and starts with no digit"
        )
    if name in RESERVED and value is not None:
        raise InvalidParams(f"cannot set config var {name}: each dyno gets its own {name} from the platform")
    if value is not None and "\x00" in value:
        raise InvalidParams(f"cannot set config var {name}: the value has a NUL character, no process could read it")
    if value is not None and any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidParams(f"cannot set config var {name}: the value is not valid Unicode")


def change_description(changes: Mapping[str, str | None]) -> str:
    """What a release made by this change is called: `Set A, B config vars`, `Remove A config vars`."""
    set_names = sorted(name for name, value in changes.items() if value is not None)
    removed = sorted(name for name, value in changes.items() if value is None)
    parts = []
    if set_names:
        parts.append(f"Set {', '.join(set_names)} config vars")
    if removed:
        parts.append(f"Remove {', '.join(removed)} config vars")
    return ", ".join(parts)
