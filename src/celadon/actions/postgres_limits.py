"""What the platform writes about databases and the limits of their plans, and how it tells their owners."""

from dataclasses import replace

from celadon.actions import mails
from celadon.actions.context import Context, now
from celadon.actions.postgres_databases import Site
from celadon.model import postgres_limits as rules
from celadon.model.errors import Conflict
from celadon.model.postgres_database import GB, MB, SIZES, Origin, PostgresDatabase, Size, Step
from celadon.model.postgres_limits import Access, Usage
from celadon.store import accounts, addons, apps, attachments, changes, events, postgres_databases
from celadon.store.database import Transaction


def limited(context: Context) -> list[Site]:
    """The databases that take writes; a follower has what its leader has."""
    with context.database.read() as tx:
        found = postgres_databases.list_running(tx)
    return [Site(database=one, engine=engine) for one, engine in found if one.origin is not Origin.FOLLOW]


def measured(context: Context, before: PostgresDatabase, usage: Usage, access: Access) -> bool:
    """A database takes so much and may do so much now; its owner is told what is new in that. Whether anything is new."""
    blocked, size = access is not Access.FULL, SIZES[before.plan]
    told = rules.told(size, usage, before.told)
    same = (before.bytes_used, before.rows_used, before.blocked, before.told)
    if before.measured_at is not None and same == (usage.octets, usage.rows, blocked, told):
        return False
    with context.database.transaction() as tx:
        found = postgres_databases.find(tx, before.addon_id)
        if found is None or found.step is not Step.AVAILABLE or found.plan != before.plan:
            return False
        values = {"bytes_used": usage.octets, "rows_used": usage.rows, "measured_at": now()}
        postgres_databases.update(tx, found.addon_id, now=now(), blocked=blocked, told=told, **values)
        if told > found.told or blocked is not found.blocked:
            _tell(tx, replace(found, blocked=blocked, told=told), usage, letter=told > found.told)
    return True


def remeasure(context: Context, addon_id: str) -> None:
    """What is known of it is not so any more: it is looked at at once."""
    with context.database.transaction() as tx:
        postgres_databases.update(tx, addon_id, now=now(), measured_at=None)
        changes.record(tx, "engine")


def change_plan(context: Context, addon_id: str, plan: str) -> None:
    """Move a database of the shared cluster to another plan there. Raises Conflict when it has no room for it."""
    with context.database.transaction() as tx:
        found = postgres_databases.find(tx, addon_id)
        if found is None or found.plan == plan:
            return
        usage = Usage(octets=found.bytes_used, rows=found.rows_used)
        if rules.percent(SIZES[plan], usage) >= 100.0:
            raise Conflict(f"cannot change from {found.plan} to {plan}: it has {_words(SIZES[plan], usage)}; make room")
        postgres_databases.update(tx, addon_id, now=now(), plan=plan, measured_at=None)
        changes.record(tx, "engine")


def _words(size: Size, usage: Usage) -> str:
    rows = "" if size.rows is None else f"{usage.rows:,} of {size.rows:,} rows and "
    return f"{rows}{usage.octets / MB:,.1f} MB of {size.storage / GB:,g} GB"


def _tell(tx: Transaction, found: PostgresDatabase, usage: Usage, *, letter: bool) -> None:
    """A line of the app's log, an event for its webhooks and activity, and at a new step a letter to its owner."""
    addon = addons.find_by_id(tx, found.addon_id)
    (app,) = (apps.by_ids(tx, {addon.app_id}) if addon else None) or (None,)
    if addon is None or app is None:
        return
    names = [one.name for one in attachments.list_of_addons(tx, [addon.id]) if one.app_id == app.id]
    name = next((one for one in names if one != "DATABASE"), addon.name).removeprefix("HEROKU_POSTGRESQL_")
    state = "Write access is back"
    if found.blocked:
        state = "Write access revoked: the database is over the limit of its plan"
    elif letter:
        state = f"The database is at {found.told} % of the limit of its plan"
    words = f"{state}, {found.plan}: {_words(SIZES[found.plan], usage)}"
    payload = {"name": addon.name, "step": found.told, "blocked": found.blocked}
    events.insert(tx, "postgres:limit", app_id=app.id, resource_id=addon.id, payload=payload, line=f"[{name}] {words}")
    owner = accounts.by_ids(tx, {app.owner_id}).get(app.owner_id)
    if letter and owner is not None:
        subject = f"{name} is at {found.told} % of its limit" if found.told < 100 else f"{name} takes no more rows"
        mails.send(tx, owner.email, f"[{app.name}] {subject}", _letter(words, app.name, name, found.plan))


def _letter(words: str, app: str, name: str, plan: str) -> str:
    larger = "celadon addons:upgrade" if SIZES[plan].shared else "celadon addons:create … --fork, then pg:promote"
    return (
        f"{words}.\n\nDatabase: {name} of {app}\n\nAt the limit nothing can be inserted or updated any more, while reading, "
        "DELETE, TRUNCATE and DROP go on; below it writing is given back within seconds, by itself.\n\n"
        f"See how it stands with `celadon pg:info -a {app}`. To make room delete rows (and VACUUM FULL what is left), or "
        f"move to a larger plan: `{larger}`.\n"
    )
