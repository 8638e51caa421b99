"""What a doctor finds: one thing that was looked at, and what mends it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `remedy` is the command that mends it, empty when all is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, to compare by."""
    found = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        found.append(int(digits))
    return tuple(found)
