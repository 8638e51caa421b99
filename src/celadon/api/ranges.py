"""The Range header of the API: a part of a list, in an order.

`<attribute> [first]..[last][; max=N][, order=asc|desc]`; `]first` leaves that one out. Clients write it in many ways
(trailing `;`, spaces, nothing at all, attributes that a list has not), so whatever can be understood is.
Bounds follow the order: with `order=desc`, `first` is the highest.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celadon.api.answer import Listing, Part
from celadon.api.failures import RangeNotSatisfiable
from celadon.model.range import DEFAULT_MOST, Range

MOST = 1000
_OPTION = re.compile(r"[;,]")


def parse(text: str | None, attributes: Mapping[str, object]) -> Range:
    """What a Range header asks for; raises RangeNotSatisfiable."""
    default = next(iter(attributes))
    spec, _, options = (text or "").partition(";")
    attribute, _, bounds = spec.strip().partition(" ")
    if not attribute or "=" in attribute:
        # No range, or one in another unit (`bytes=0-99`), which a server ignores.
        return Range(attribute=default)
    if ".." not in bounds:
        raise RangeNotSatisfiable(
            f"cannot read Range {text!r:.80}: write it as `{default} first..last; max=100, order=desc`"
        )
    most, descending = _options(options)
    if attribute not in attributes:
        return Range(attribute=default, most=most, descending=descending)
    first, _, last = bounds.strip().partition("..")
    return Range(
        attribute=attribute,
        first=first.lstrip("[]").strip() or None,
        last=last.rstrip("[]").strip() or None,
        after=first.startswith("]"),
        most=most,
        descending=descending,
    )


def _options(text: str) -> tuple[int, bool]:
    most, descending = DEFAULT_MOST, False
    for option in _OPTION.split(text):
        name, _, value = (piece.strip() for piece in option.partition("="))
        if name == "max":
            if not value.isdecimal() or len(value) > 9 or int(value) == 0:
                raise RangeNotSatisfiable(f"cannot list max={value[:20]}: it is a number from 1 to {MOST}")
            most = min(int(value), MOST)
        elif name == "order":
            if value not in ("asc", "desc"):
                raise RangeNotSatisfiable(f"cannot list in order={value[:20]}: it is asc or desc")
            descending = value == "desc"
    return most, descending


def select(listing: Listing, wanted: Range) -> Part:
    """The part of a listing that is wanted; raises RangeNotSatisfiable."""
    key = listing.attributes[wanted.attribute]
    ordered = sorted(listing.items, key=key, reverse=wanted.descending)
    inside = _inside(ordered, key, wanted)
    return part_of(inside, key, wanted, whole=len(inside) == len(listing.items))


def part_of(inside: Sequence[Any], key: Callable[[Any], str | int], wanted: Range, *, whole: bool) -> Part:
    """The part of a list, of what is within the bounds in order: all of it, or at least one item more than is wanted.

    `whole`: nothing is out of bounds.
    """
    chosen = inside[: wanted.most]
    content = f"{wanted.attribute} {key(chosen[0])}..{key(chosen[-1])}" if chosen else f"{wanted.attribute} .."
    following = None
    if len(chosen) < len(inside):
        order = ", order=desc" if wanted.descending else ""
        following = f"{wanted.attribute} ]{key(chosen[-1])}..{wanted.last or ''}; max={wanted.most}{order}"
    return Part(items=chosen, whole=whole and following is None, content=content, following=following)


def _inside(ordered: Sequence[Any], key: Callable[[Any], str | int], wanted: Range) -> Sequence[Any]:
    if not ordered or (wanted.first is None and wanted.last is None):
        return ordered
    numeric = isinstance(key(ordered[0]), int)
    first, last = (_bound(text, numeric) for text in (wanted.first, wanted.last))
    if not wanted.after and first is not None and last is not None and (first > last) != wanted.descending:
        # Both bounds, written lowest first as some clients do whatever the order.
        first, last = last, first

    def fits(item: Any) -> bool:
        at: Any = key(item)
        if first is not None and (at > first if wanted.descending else at < first):
            return False
        if wanted.after and at == first:
            return False
        return last is None or (at >= last if wanted.descending else at <= last)

    return [item for item in ordered if fits(item)]


def _bound(text: str | None, numeric: bool) -> Any:
    if text is None or not numeric:
        return text
    if not text.isdecimal() or len(text) > 18:
        raise RangeNotSatisfiable(f"cannot list from or to {text[:20]!r}: it must be a number here")
    return int(text)
