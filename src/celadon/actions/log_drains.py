"""Log drains of an app: add, list, remove. Events name a drain by its token: its URL may hold a password."""

import uuid

import sqlalchemy as sa

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import log_drain as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.log_drain import LogDrain
from celadon.store import apps, changes, events, log_drains
from celadon.store.database import Transaction


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[LogDrain]]:
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "drain:read")
        return app, log_drains.list_of(tx, app.id)


def find(context: Context, actor: Actor, app_name: str, id_url_or_token: str) -> tuple[App, LogDrain]:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "drain:read")
        return app, _find(tx, app, id_url_or_token)


def add(context: Context, actor: Actor, app_name: str, url: str) -> tuple[App, LogDrain]:
    """Send the app's log lines there from now on. Raises InvalidParams."""
    rules.check_url(url)
    try:
        with context.database.transaction() as tx:
            app = access.app_for(tx, actor, app_name, "drain:update")
            apps.lock(tx, app.id)
            if len(log_drains.list_of(tx, app.id)) >= rules.MOST:
                raise InvalidParams(f"cannot add this drain: {app.name} has {rules.MOST}, which is the most")
            drain = LogDrain(
                id=str(uuid.uuid4()),
                app_id=app.id,
                token=f"d.{uuid.uuid4()}",
                url=url,
                created_at=now(),
                updated_at=now(),
            )
            log_drains.insert(tx, drain)
            _tell(tx, actor, app, drain, "create", f"Add log drain {drain.token}")
            return app, drain
    except sa.exc.IntegrityError:
        raise InvalidParams("cannot add this drain: the app has a drain of this URL already") from None


def remove(context: Context, actor: Actor, app_name: str, id_url_or_token: str) -> tuple[App, LogDrain]:
    """Raises NotFound."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "drain:update")
        drain = _find(tx, app, id_url_or_token)
        log_drains.delete(tx, drain.id)
        _tell(tx, actor, app, drain, "destroy", f"Remove log drain {drain.token}")
        return app, drain


def _find(tx: Transaction, app: App, id_url_or_token: str) -> LogDrain:
    drain = log_drains.find(tx, app.id, id_url_or_token)
    if drain is None:
        raise NotFound(
            "log_drain",
            f"Couldn't find that log drain: {app.name} has none of that URL, id or token; see `celadon drains`.",
        )
    return drain


def _tell(tx: Transaction, actor: Actor, app: App, drain: LogDrain, verb: str, line: str) -> None:
    line = f"{line} by user {actor.email}"
    events.insert(tx, f"log-drain:{verb}", line=line, app_id=app.id, by=actor, resource_id=drain.id)
    changes.record(tx, "drain", app.id)
