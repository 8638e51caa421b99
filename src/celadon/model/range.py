"""Which part of a list is wanted, and in which order."""

from dataclasses import dataclass

DEFAULT_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """`first` and `last` are None when open; `after` leaves `first` itself out; at most `most` items."""

    attribute: str
    first: str | None = None
    last: str | None = None
    after: bool = False
    most: int = DEFAULT_MOST
    descending: bool = False

    def bounds(self) -> tuple[str | None, str | None]:
        """First and last in the order: some clients write the lowest first whatever it is."""
        if self.first is None or self.last is None or self.after or (self.first > self.last) == self.descending:
            return self.first, self.last
        return self.last, self.first
