"""Which branch of a push deploys, which are only stored, and what is refused."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from celadon.model.errors import BadRequest, InvalidParams

DEPLOYS = ("refs/heads/main", "refs/heads/master")

# Far beyond any repository that people push; `--mirror` of a big one has some thousands.
MOST = 10_000
_SHOWN = 5
_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Update:
    """One line of a push: the ref is to go from object `old` to `new`; zeros stand for none."""

    old: str
    new: str
    ref: str

    @property
    def deletes(self) -> bool:
        return not self.new.strip("0")

    @property
    def creates(self) -> bool:
        return not self.old.strip("0")

    @property
    def branch(self) -> str:
        """The short name: `main`, `topic/x`, a tag's name."""
        return self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


@dataclass(frozen=True, slots=True)
class Plan:
    """`deploy` is built; `stored` refs are moved and `deleted` ones go away, without a build."""

    deploy: Update | None
    stored: tuple[Update, ...]
    deleted: tuple[Update, ...]


def read(lines: str) -> list[Update]:
    """The updates of a push, as git gives them to a pre-receive hook; raises BadRequest."""
    updates = []
    # Not `splitlines`: a ref's name may have what Unicode counts as the end of a line.
    for line in lines.removesuffix("\n").split("\n"):
        words = line.split(" ", 2)
        if len(words) != 3 or not (_OBJECT.fullmatch(words[0]) and _OBJECT.fullmatch(words[1])):
            raise BadRequest("cannot read that push: git sent a line that is no update of a ref")
        updates.append(Update(*words))
    return updates


def plan(updates: Sequence[Update]) -> Plan:
    """Decide what a push does; raises InvalidParams for one that is refused as a whole."""
    if len(updates) > MOST:
        raise InvalidParams(f"cannot take {len(updates):,} refs in one push: at most {MOST:,}; push fewer at a time")
    for update in updates:
        if update.ref in DEPLOYS and update.deletes:
            raise InvalidParams(
                f"cannot delete {update.branch}: it is the branch that deploys; push another commit to it instead"
            )
    deploys = [update for update in updates if update.ref in DEPLOYS]
    if len({update.new for update in deploys}) > 1:
        raise InvalidParams("cannot deploy main and master at once: they are different commits; push one of them")
    return Plan(
        deploy=deploys[0] if deploys else None,
        stored=tuple(update for update in updates if update.ref not in DEPLOYS and not update.deletes),
        deleted=tuple(update for update in updates if update.deletes),
    )


def sentences(chosen: Plan) -> list[str]:
    """What the client is told of refs that make no build."""
    told = []
    if chosen.stored:
        told.append(f"Stored {_names(chosen.stored)} without a build: only main or master deploys")
    if chosen.deleted:
        told.append(f"Deleted {_names(chosen.deleted)}")
    return told


def _names(updates: Sequence[Update]) -> str:
    shown = ", ".join(_printable(update.branch[:100]) for update in updates[:_SHOWN])
    more = len(updates) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)[1:-1]
