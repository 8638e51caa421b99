"""What an app would cost a month. Prices are shown and never charged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from celadon.model.addon import Plan, monthly_cents
from celadon.model.dyno import WEB
from celadon.model.size import Sizes

# A month, in hours.
MONTH = 720
# Hours of the first size that an app has free in a month; of one that costs twice as much half of them, and so on.
FREE_HOURS = 750


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Cents a month: of each process type, of its add-ons; `free` is what the free hours have taken off already."""

    types: Mapping[str, int]
    addons: int
    free: int

    @property
    def dynos(self) -> int:
        return sum(self.types.values())

    @property
    def total(self) -> int:
        return self.dynos + self.addons


def estimate(formation: Mapping[str, tuple[int, str]], sizes: Sizes, plans: Iterable[Plan] = ()) -> Estimate:
    """Of process type → (quantity, size), and add-ons of these plans. `web` has the free hours first."""
    left = FREE_HOURS * sizes.default.cents
    types: dict[str, int] = {}
    for name in sorted(formation, key=lambda name: (name != WEB, name)):
        quantity, size = formation[name]
        full = quantity * MONTH * sizes.of(size).cents
        types[name] = max(0, full - left)
        left -= full - types[name]
    return Estimate(types=types, addons=monthly_cents(plans), free=FREE_HOURS * sizes.default.cents - left)


def dollars(cents: int) -> str:
    """`$36`, `$0.05`, `$1,204.50`."""
    return f"${cents / 100:,.2f}" if cents % 100 else f"${cents // 100:,}"
