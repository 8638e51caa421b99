"""What another formation would mean, in words: somebody reads them before it is done."""

from collections.abc import Mapping

from celadon.model.dyno import WEB
from celadon.model.price import dollars

# Process type → how many, of which size.
Amounts = Mapping[str, tuple[int, str]]


def sentence(before: Amounts, after: Amounts, cents: tuple[int, int]) -> str:
    """`Scale web from 1 to 3 (1X → 2X), stop 2 of 5 worker dynos; $36 → $108 a month.` Empty where nothing changes.

    `cents` is what a month costs before and after.
    """
    names = sorted(after, key=lambda name: (name != WEB, name))
    parts = [part for name in names if (part := _part(name, before.get(name, after[name]), after[name]))]
    if not parts:
        return ""
    words = ", ".join(parts)
    old, new = map(dollars, cents)
    cost = f"{old} → {new} a month" if old != new else f"{old} a month as before"
    return f"{words[0].upper()}{words[1:]}; {cost}."


def _part(name: str, before: tuple[int, str], after: tuple[int, str]) -> str:
    (old, old_size), (new, size) = before, after
    resized = f" ({old_size} → {size})" if size != old_size else ""
    if new == old:
        again = "" if not new else f", which restarts its {new} dynos" if new > 1 else ", which restarts its dyno"
        return f"resize {name} from {old_size} to {size}{again}" if resized else ""
    if new > old or (resized and new):
        return f"scale {name} from {old} to {new}{resized}"
    if new:
        return f"stop {old - new} of {old} {name} dynos"
    return (f"stop all {old} {name} dynos" if old > 1 else f"stop the only {name} dyno") + resized
