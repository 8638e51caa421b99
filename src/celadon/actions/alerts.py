"""Alerts: set by people on an app's metrics page, looked at each minute by the clock.

A change of an alert's state and all that is told of it (letters, an event that is a log line and what webhooks hear) is
one transaction: who is killed before it makes it later, who is killed after it never again.
"""

import logging
import uuid

from celadon.actions import access, mails, metrics
from celadon.actions.context import Context, now
from celadon.model import alert as rules
from celadon.model.account import Actor
from celadon.model.alert import Alert, AlertState
from celadon.model.app import App
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.webhook import ALERT_STATE
from celadon.store import alerts, apps, changes, events
from celadon.store.database import Transaction
from celadon.store.metrics import Metrics

log = logging.getLogger(__name__)


def list_of(context: Context, actor: Actor, app_name: str) -> list[Alert]:
    """Raises NotFound."""
    with context.database.read() as tx:
        return alerts.list_of(tx, access.app_for(tx, actor, app_name, "log:read").id)


def may_change(context: Context, actor: Actor, app_name: str) -> bool:
    """Whether somebody who sees the app may set alerts of it."""
    with context.database.read() as tx:
        try:
            access.app_for(tx, actor, app_name, "app:update")
        except Forbidden:
            return False
    return True


def create(
    context: Context, actor: Actor, app_name: str, *, measure: str, threshold: str, minutes: str, recipients: str
) -> Alert:
    """Watch an app from now on; raises InvalidParams."""
    wanted = rules.check(measure, threshold, minutes, recipients)
    moment = now()
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        apps.lock(tx, app.id)
        if len(alerts.list_of(tx, app.id)) >= rules.MOST:
            raise InvalidParams(f"cannot add an alert: {app.name} has {rules.MOST}, the most an app may have")
        alert = Alert(
            id=str(uuid.uuid4()),
            app_id=app.id,
            measure=wanted.measure,
            threshold=wanted.threshold,
            minutes=wanted.minutes,
            recipients=wanted.recipients,
            state=AlertState.OK,
            value=None,
            changed_at=moment,
            created_at=moment,
            updated_at=moment,
        )
        alerts.insert(tx, alert)
        _changed(tx, actor, app, "create", alert, "Added")
    return alert


def update(
    context: Context,
    actor: Actor,
    app_name: str,
    alert_id: str,
    *,
    measure: str,
    threshold: str,
    minutes: str,
    recipients: str,
) -> None:
    """Watch for something else; its state is looked at within a minute. Raises InvalidParams, NotFound."""
    wanted = rules.check(measure, threshold, minutes, recipients)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        _find(tx, app, alert_id)
        alerts.update(
            tx,
            alert_id,
            now=now(),
            measure=wanted.measure,
            threshold=wanted.threshold,
            minutes=wanted.minutes,
            recipients=wanted.recipients,
        )
        _changed(tx, actor, app, "update", _find(tx, app, alert_id), "Changed")


def remove(context: Context, actor: Actor, app_name: str, alert_id: str) -> None:
    """Raises NotFound."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        alert = _find(tx, app, alert_id)
        alerts.delete(tx, alert.id)
        _changed(tx, actor, app, "destroy", alert, "Removed")


def _find(tx: Transaction, app: App, alert_id: str) -> Alert:
    found = alerts.find(tx, app.id, alert_id)
    if found is None:
        raise NotFound("alert", f"Couldn't find that alert: {app.name} has no {alert_id[:40]!r}.")
    return found


def _changed(tx: Transaction, actor: Actor, app: App, verb: str, alert: Alert, said: str) -> None:
    events.insert(
        tx,
        f"alert:{verb}",
        app_id=app.id,
        by=actor,
        resource_id=alert.id,
        payload={"rule": alert.rule, "recipients": list(alert.recipients)},
        line=f"{said} alert {alert.rule} by user {actor.email}",
    )
    changes.record(tx, "alert", app.id)


# What the clock says.


def watched(context: Context) -> list[Alert]:
    """All alerts of apps that are there."""
    with context.database.read() as tx:
        return alerts.list_all(tx)


def look(context: Context, store: Metrics, alert: Alert) -> bool:
    """Look at one alert; whether its state has changed. Raises sqlite3.Error when the metrics cannot be read."""
    counts, uses = metrics.recent(store, alert.app_id, alert.minutes)
    return move(context, alert, rules.measured(alert.measure, counts, uses))


def move(context: Context, seen: Alert, value: float | None) -> bool:
    """Bring an alert into the state that what was measured makes of it, and tell of that; whether that was a change."""
    if rules.next_state(seen, value, now()) is seen.state:
        return False
    with context.database.transaction() as tx:
        app = apps.lock(tx, seen.app_id)
        alert = alerts.lock(tx, seen.id)
        if app is None or alert != seen:
            # Somebody was quicker, or it has been changed: the next look sees it as it is then.
            return False
        state = rules.next_state(alert, value, now())
        alerts.update(tx, alert.id, now=now(), state=state, value=value, changed_at=now())
        letter = rules.letter(
            alert, state, value, app.name, f"{context.settings.api_url}/dashboard/apps/{app.name}/metrics"
        )
        for recipient in alert.recipients:
            mails.send(tx, recipient, letter.subject, letter.text, of_app=True)
        events.insert(
            tx,
            ALERT_STATE,
            app_id=app.id,
            resource_id=alert.id,
            payload=_payload(alert, state, value),
            line=rules.line(alert, state, value),
        )
        changes.record(tx, "alert", app.id)
    log.info("at=alert app=%s alert=%s state=%s", app.name, alert.id, state)
    return True


def _payload(alert: Alert, state: AlertState, value: float | None) -> dict[str, object]:
    return {
        "measure": alert.measure,
        "minutes": alert.minutes,
        "previous": {"state": alert.state},
        "rule": alert.rule,
        "state": state,
        "threshold": alert.threshold,
        "value": value,
    }
