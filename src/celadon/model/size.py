"""Dyno sizes: memory, CPU share and price."""

from dataclasses import dataclass

from celadon.model.errors import InvalidParams


@dataclass(frozen=True, slots=True, kw_only=True)
class DynoSize:
    """`memory` in bytes; `share` of the CPU relative to 1X; `cents` is the price of one dyno-hour in US cents."""

    id: str
    name: str
    memory: int
    share: int
    cents: int


SIZES = (
    DynoSize(id="3a2d8ac6-3a8c-4b86-8d1a-0a1f0e4a0001", name="1X", memory=512 << 20, share=1, cents=5),
    DynoSize(id="3a2d8ac6-3a8c-4b86-8d1a-0a1f0e4a0002", name="2X", memory=1 << 30, share=2, cents=10),
    DynoSize(id="3a2d8ac6-3a8c-4b86-8d1a-0a1f0e4a0003", name="PX", memory=6 << 30, share=12, cents=80),
)

# Names that today's Heroku clients send for the same things.
_ALIASES = {
    "free": "1x",
    "eco": "1x",
    "hobby": "1x",
    "basic": "1x",
    "standard-1x": "1x",
    "standard-2x": "2x",
    "performance": "px",
    "performance-m": "px",
    "performance-l": "px",
    "p": "px",
}
_BY_NAME = {size.name.lower(): size for size in SIZES} | {size.id: size for size in SIZES}


def find(name: str) -> DynoSize:
    """The size of this name, in any case and in Heroku's newer words too; raises InvalidParams for an unknown one."""
    key = name.lower()
    size = _BY_NAME.get(_ALIASES.get(key, key))
    if size is None:
        allowed = ", ".join(size.name for size in SIZES)
        raise InvalidParams(f"cannot use dyno size {name[:40]!r}: the sizes here are {allowed}")
    return size
