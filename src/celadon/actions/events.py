"""The audit trail: who did what, and from where."""

from dataclasses import dataclass

from celadon.actions import access
from celadon.actions.context import Context
from celadon.model import event as rules
from celadon.model.account import Account, Actor
from celadon.model.app import App
from celadon.model.event import Event
from celadon.model.release import Release
from celadon.store import accounts, builds, events, releases, slugs


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event, who did it (None: the platform), and the release and the commit that it is about, where it is about any."""

    event: Event
    account: Account | None
    release: Release | None
    commit: str | None


def of_app(context: Context, actor: Actor, app_name: str) -> tuple[App, list[int]]:
    """The app and the numbers of its events, oldest first; raises NotFound, Forbidden for who does not own it."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "event:read")
        return app, events.numbers_of_app(tx, app.id)


def of_kind(context: Context, actor: Actor, app_name: str, kind: str) -> list[int]:
    """The same of one kind (`rules.KINDS`) or, for an empty one, of all, what is said twice once. Raises NotFound,
    Forbidden.
    """
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "event:read")
        return events.numbers_of_app(tx, app.id, rules.KINDS.get(kind, ()), without=[rules.REPEATED])


def told(context: Context, numbers: list[int]) -> list[Told]:
    """As `read`, with what is known of releases and builds."""
    found = read(context, numbers)
    ids = {event.resource_id for event, _ in found if event.resource_id}
    with context.database.read() as tx:
        made = releases.by_ids(tx, ids)
        used = slugs.by_ids(tx, {release.slug_id for release in made.values() if release.slug_id})
        built = builds.by_ids(tx, ids)
    commits = {release.id: used[release.slug_id].commit for release in made.values() if release.slug_id in used}
    commits |= {build.id: build.commit for build in built.values()}
    return [
        Told(
            event=event,
            account=account,
            release=made.get(event.resource_id or ""),
            commit=commits.get(event.resource_id or ""),
        )
        for event, account in found
    ]


def of_account(context: Context, actor: Actor) -> list[int]:
    """The numbers of what an account did that concerns no app, oldest first."""
    access.require_account_read(actor)
    with context.database.read() as tx:
        return events.numbers_of_account(tx, actor.account.id)


def read(context: Context, numbers: list[int]) -> list[tuple[Event, Account | None]]:
    """These events in this order, with who did each."""
    with context.database.read() as tx:
        found = {event.seq: event for event in events.by_numbers(tx, numbers)}
        people = accounts.by_ids(tx, {event.account_id for event in found.values() if event.account_id})
    return [(found[number], people.get(found[number].account_id or "")) for number in numbers if number in found]
