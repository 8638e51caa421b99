"""Dyno sizes: memory, CPU share, price, and what happens beyond the memory and without requests.

Which sizes there are is a setting of the platform: one text for each, as `1X:512:1:5:3:0`.
"""

import functools
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from celadon.model.errors import InvalidParams

_TEXT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9-]{0,19}):(\d{1,7}):(\d{1,4}):(\d{1,6}):(\d{1,2}(?:\.\d)?):(\d{1,7})\Z")
_NAMESPACE = uuid.UUID("3a2d8ac6-3a8c-4b86-8d1a-0a1f0e4a0000")


@dataclass(frozen=True, slots=True, kw_only=True)
class DynoSize:
    """`memory` is the quota in bytes; `share` of the CPU relative to 1X; `cents` is the price of one dyno-hour in US cents.

    Over the quota a dyno gets R14, at `vast` times the quota R15. `idle_after` seconds without a request an app's only
    web dyno idles; 0 means never.
    """

    id: str
    name: str
    memory: int
    share: int
    cents: int
    vast: float
    idle_after: int


# The first is what a process type has until it is resized.
DEFAULTS = ("1X:512:1:5:3:0", "2X:1024:2:10:3:0", "PX:6144:12:80:3:0", "Free:512:1:0:3:3600")

# Names that Heroku's clients of other years send for the same things.
ALIASES = {
    "eco": "free",
    "hobby": "1x",
    "basic": "1x",
    "standard-1x": "1x",
    "standard-2x": "2x",
    "performance": "px",
    "performance-m": "px",
    "performance-l": "px",
    "p": "px",
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of one platform."""

    all: tuple[DynoSize, ...]

    @property
    def default(self) -> DynoSize:
        return self.all[0]

    def find(self, name: str) -> DynoSize:
        """The size of this name or id, in any case and in Heroku's other words too; raises InvalidParams."""
        found = self.named(name)
        if found is None:
            allowed = ", ".join(size.name for size in self.all)
            raise InvalidParams(f"cannot use dyno size {name[:40]!r}: the sizes here are {allowed}")
        return found

    def named(self, name: str) -> DynoSize | None:
        """As `find`, None for an unknown one."""
        key = name.lower()
        by_name = {size.name.lower(): size for size in self.all} | {size.id: size for size in self.all}
        return by_name.get(key) or by_name.get(ALIASES.get(key, ""))

    def of(self, name: str) -> DynoSize:
        """The size a formation or a dyno has; the default when the operator has taken it off the list since."""
        return self.named(name) or self.default


def parse(text: str) -> DynoSize:
    """`NAME:MEMORY:SHARE:CENTS:VAST:IDLE_AFTER`, memory in MB, as in the settings; raises ValueError."""
    found = _TEXT.match(text)
    if found is None:
        raise ValueError(f"a dyno size is NAME:MEMORY_MB:SHARE:CENTS:VAST:IDLE_AFTER, not {text!r}")
    name, memory, share, cents, vast, idle_after = found.groups()
    if int(memory) < 4 or int(share) < 1 or float(vast) < 1:
        raise ValueError(f"a dyno size has at least 4 MB, a share of 1 and R15 at its quota or beyond, not {text!r}")
    return DynoSize(
        id=str(uuid.uuid5(_NAMESPACE, name)),
        name=name,
        memory=int(memory) << 20,
        share=int(share),
        cents=int(cents),
        vast=float(vast),
        idle_after=int(idle_after),
    )


@functools.lru_cache(maxsize=8)
def parse_all(texts: Sequence[str] = DEFAULTS) -> Sizes:
    """The sizes of these settings; raises ValueError for a wrong one, for one twice, and for none."""
    found = tuple(parse(text) for text in texts)
    if not found or len({size.name.lower() for size in found}) < len(found):
        raise ValueError("dyno sizes are at least one, each once")
    return Sizes(found)
