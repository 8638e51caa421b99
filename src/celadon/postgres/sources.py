"""What a new database is to be made from: found by the user's word for it, and asked whether it can be."""

from collections.abc import Callable

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context, now
from celadon.actions.postgres_databases import Place
from celadon.addons.provider import ProviderRefused, Wanted
from celadon.model import postgres_origin as rules
from celadon.model.postgres_database import SIZES, Origin, Step
from celadon.model.postgres_origin import Asked, CopyRefused, Span

# The id of an add-on, by the word for it of whoever asked for another (that one's id); None when there is none such, or
# it is not theirs.
Resolve = Callable[[str, str], str | None]


class Sources:
    """Finds and judges sources. Who may use which is `resolve`'s to know, except by a URL: it has the password in it."""

    def __init__(self, context: Context, resolve: Resolve) -> None:
        self.context = context
        self._resolve = resolve

    def of(self, wanted: Wanted) -> tuple[Asked, Place] | None:
        """What it asks for and the database that it is to be made from; None without one. Raises ProviderRefused."""
        try:
            asked = rules.asked(wanted.options, now())
            if asked is None:
                return None
            source = self._find(asked.source, wanted.addon_id)
            self._check(asked, source, wanted.plan)
            return asked, source
        except CopyRefused as error:
            raise ProviderRefused(f"cannot make a database: {error}") from None

    def _find(self, word: str, asking_id: str) -> Place:
        is_url = "://" in word
        addon_id = databases.by_url(self.context, word) if is_url else self._resolve(word, asking_id)
        place = databases.find(self.context, addon_id) if addon_id else None
        if place is None:
            shown = "that URL" if is_url else repr(word[:60])
            raise CopyRefused(f"there is no database of {shown} on this platform")
        return place

    def _check(self, asked: Asked, source: Place, plan: str) -> None:
        word, database = asked.origin, source.database
        if SIZES[plan].shared:
            raise CopyRefused(f"{plan} has no --{word}; it takes a plan with a server of its own, as standard-0")
        if SIZES[plan].available and asked.origin is Origin.FOLLOW:
            raise CopyRefused(f"{plan} has no --{word}: a follower has no standby; take {_without_standby(plan)}")
        if source.engine.shared:
            raise CopyRefused(
                f"a database of the plan {database.plan} has no --{word}; copy it by pg:copy, or by a backup of it"
            )
        if database.step is not Step.AVAILABLE:
            raise CopyRefused("the database it is to be made from is not available; wait with pg:wait")
        if database.origin is Origin.FOLLOW and asked.origin is not Origin.FORK:
            raise CopyRefused(f"a follower has no --{word}; take its leader, or pg:unfollow it before")
        if database.bytes_used > SIZES[plan].storage:
            raise CopyRefused(f"{plan} has no room for it: take at least {database.plan}")


def _without_standby(plan: str) -> str:
    return plan.replace("premium", "standard")


def check_span(asked: Asked, span: Span | None) -> None:
    """Whether a rollback can go there. Raises ProviderRefused with the possible range."""
    if asked.target is None:
        return
    if span is None:
        raise ProviderRefused("cannot make a database: that one has no backup yet to go back to; try again in a minute")
    try:
        rules.check_target(asked.target, span)
    except CopyRefused as error:
        raise ProviderRefused(f"cannot make a database: {error}") from None
