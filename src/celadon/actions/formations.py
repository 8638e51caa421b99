"""Formations: scale and resize."""

import uuid
from collections.abc import Mapping, Sequence

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import formation as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.dyno import ONE_OFFS, WEB
from celadon.model.errors import NotFound
from celadon.model.formation import Formation, Update
from celadon.model.size import Sizes
from celadon.store import accounts, apps, changes, dynos, events, formations, releases, slugs
from celadon.store.database import Transaction

_MOST_REMEMBERED = 200


def adopt(tx: Transaction, app_id: str, process_types: Mapping[str, str], sizes: Sizes) -> None:
    """Give each new process type its row: one `web` dyno on the first deploy, none of the others."""
    present = formations.list_of(tx, app_id)
    if len(present) > _MOST_REMEMBERED:
        # What the code has no longer keeps its quantity and size for when it comes back, but not without end.
        formations.delete(tx, [entry.id for entry in present if entry.type not in process_types and not entry.quantity])
    known = {entry.type for entry in present}
    for name in process_types:
        if name not in known and name not in ONE_OFFS:
            _insert(tx, app_id, name, 1 if name == WEB else 0, sizes.default.name)


def _insert(tx: Transaction, app_id: str, process_type: str, quantity: int, size: str) -> None:
    entry = Formation(
        id=str(uuid.uuid4()),
        app_id=app_id,
        type=process_type,
        quantity=quantity,
        size=size,
        created_at=now(),
        updated_at=now(),
    )
    formations.insert(tx, entry)


def commands(tx: Transaction, app_id: str) -> dict[str, str]:
    """Process types of the release that serves and their commands, the release phase left out."""
    current = releases.current(tx, app_id)
    slug = slugs.find(tx, current.slug_id) if current and current.slug_id else None
    return {name: command for name, command in slug.process_types.items() if name not in ONE_OFFS} if slug else {}


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[tuple[Formation, str]]]:
    """The app, and each process type with its command; types that the code no longer has are left out."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        types = commands(tx, app.id)
        return app, [(entry, types[entry.type]) for entry in formations.list_of(tx, app.id) if entry.type in types]


def find(context: Context, actor: Actor, app_name: str, type_or_id: str) -> tuple[App, Formation, str]:
    """Raises NotFound."""
    app, found = list_of(context, actor, app_name)
    for entry, command in found:
        if type_or_id in (entry.type, entry.id):
            return app, entry, command
    names = ", ".join(entry.type for entry, _ in found) or "none"
    raise NotFound(
        "formation",
        f"Couldn't find that process type: {app.name} has no {type_or_id[:40]} (its process types: {names}).",
    )


def update(
    context: Context, actor: Actor, app_name: str, updates: Sequence[Update]
) -> tuple[App, list[tuple[Formation, str]]]:
    """Scale and resize; all of it or nothing, and without updates nothing. Raises InvalidParams."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "formation:update")
        if updates:
            scale(context, tx, app, actor, updates)
        types = commands(tx, app.id)
        after = formations.list_of(tx, app.id)
    return app, [(entry, types[entry.type]) for entry in after if entry.type in types]


def planned(context: Context, actor: Actor, app_name: str, updates: Sequence[Update]) -> Mapping[str, tuple[int, str]]:
    """Type → (quantity, size) as it would be after these; nothing is changed. Raises what `update` does."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "formation:update")
        return _wanted(context, tx, app, formations.list_of(tx, app.id), updates)


def _wanted(
    context: Context, tx: Transaction, app: App, every: Sequence[Formation], updates: Sequence[Update]
) -> dict[str, tuple[int, str]]:
    """`every` is the app's formation with the types that the code no longer has."""
    types = commands(tx, app.id)
    present = [entry for entry in every if entry.type in types]
    limit, sizes = context.settings.dyno_limit, context.settings.sizes
    elsewhere = dynos.count_of_account(tx, app.owner_id) - sum(entry.quantity for entry in every)
    return rules.scale(present, updates, types, sizes, dyno_limit=limit, elsewhere=elsewhere)


def _changed(before: Formation | None, quantity: int, size: str) -> dict[str, object]:
    """What of a process type was different before."""
    old = {"quantity": before.quantity, "size": before.size} if before else {"quantity": 0}
    return {name: value for name, value in old.items() if value != {"quantity": quantity, "size": size}[name]}


def scale(context: Context, tx: Transaction, app: App, by: Actor, updates: Sequence[Update]) -> None:
    """As `update`; the caller has checked that it may."""
    accounts.lock(tx, app.owner_id)
    apps.lock(tx, app.id)
    every = formations.list_of(tx, app.id)
    wanted = _wanted(context, tx, app, every, updates)
    by_type = {entry.type: entry for entry in every}
    for name, (quantity, size) in wanted.items():
        if name in by_type:
            formations.update(tx, by_type[name].id, now=now(), quantity=quantity, size=size)
        else:
            _insert(tx, app.id, name, quantity, size)
    scaled = " ".join(f"{update.type}@{wanted[update.type][0]}:{wanted[update.type][1]}" for update in updates)
    events.insert(
        tx,
        "formation:update",
        line=f"Scaled to {scaled} by user {by.email}",
        app_id=app.id,
        by=by,
        payload={
            "previous": {name: _changed(by_type.get(name), *wanted[name]) for name in {one.type for one in updates}}
        },
    )
    changes.record(tx, "formation", app.id)
