"""An operator's look at somebody else's app: it needs a reason, which stands in the app's audit trail."""

from datetime import timedelta

from celadon.actions import access
from celadon.actions.access import Role
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.store import events, operator_visits

LASTS = timedelta(hours=1)
_LONGEST = 300


class ReasonRequired(Forbidden):
    """The app is somebody else's, and its owner is to read why an operator looks at it."""

    def __init__(self, app: App) -> None:
        super().__init__(
            f"cannot show {app.name} without a reason: it is somebody else's, and you are the platform's operator"
        )
        self.app = app


def begin(context: Context, actor: Actor, app_name: str, reason: str) -> App:
    """Raises Forbidden for anybody but an operator, NotFound, InvalidParams."""
    access.require_operator(actor)
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= _LONGEST or not reason.isprintable():
        raise InvalidParams(
            f"cannot visit that app: give a reason of 1 to {_LONGEST} characters, which its owner reads"
        )
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        operator_visits.put(tx, actor.account.id, app.id, reason, now() + LASTS)
        events.insert(
            tx,
            "operator:visit",
            by=actor,
            app_id=app.id,
            payload={"reason": reason},
            line=f"Access by the platform's operator {actor.email}: {reason}",
        )
    return app


def check_named(context: Context, actor: Actor, app_name: str) -> None:
    """Raises ReasonRequired where the actor sees this app only as an operator, and has given no reason within the hour.

    What pages show and change of an app is behind this. Of one that is not there they say so themselves.
    """
    if not actor.account.operator:
        return
    with context.database.read() as tx:
        try:
            app = access.app_for(tx, actor, app_name, "app:read")
        except NotFound:
            return
        as_operator = access.role_of(tx, actor, app) is Role.OPERATOR
        if as_operator and not operator_visits.holds(tx, actor.account.id, app.id, now()):
            raise ReasonRequired(app)
