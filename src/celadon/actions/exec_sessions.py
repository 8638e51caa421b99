"""Exec sessions: what users run in a dyno beside its process. The dynos role does it."""

import uuid
from collections.abc import Mapping

from celadon.actions import access, dynos
from celadon.actions.context import Context, now
from celadon.model import exec_session as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.dyno import Dyno, DynoState, shown_state
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.exec_session import ExecSession
from celadon.model.exit_status import told
from celadon.store import apps, changes, events, exec_sessions, secrets
from celadon.store import dynos as stored_dynos
from celadon.store.database import Transaction


def create(
    context: Context,
    actor: Actor,
    app_name: str,
    name_or_id: str,
    *,
    command: str,
    env: Mapping[str, str],
) -> tuple[App, Dyno, ExecSession, str]:
    """Let a command be run in a dyno that is up, for who comes with the secret that is returned last.

    Raises NotFound, InvalidParams for a dyno that is not up, Forbidden when enough run in it.
    """
    dynos.check_command(command, env)
    secret = secrets.random_token()
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:run")
        apps.lock(tx, app.id)
        dyno = _dyno(tx, app, name_or_id)
        if dyno.state is not DynoState.UP or dyno.container_id is None:
            state = shown_state(dyno.state)
            raise InvalidParams(f"cannot run a command in {dyno.name}: it is {state}, and must be up; see `celadon ps`")
        session = ExecSession(
            id=str(uuid.uuid4()),
            app_id=app.id,
            dyno_id=dyno.id,
            container_id=dyno.container_id,
            account_id=actor.account.id,
            authorization_id=actor.authorization_id,
            command=command,
            secret_hash=secrets.hash_token(secret),
            env=env,
            created_at=now(),
        )
        _make_room(tx, dyno)
        exec_sessions.insert(tx, session)
        line = rules.opened_line(dyno.name, told(command), actor.email)
        events.insert(tx, "dyno:exec", line=line, app_id=app.id, by=actor, resource_id=dyno.id)
        changes.record(tx, "dyno", app.id)
    return app, dyno, session, secret


def _dyno(tx: Transaction, app: App, name_or_id: str) -> Dyno:
    found = stored_dynos.find(tx, app.id, name_or_id)
    if found is None:
        raise dynos.unknown(app, name_or_id, stored_dynos.list_of(tx, app.id))
    return found


def _make_room(tx: Transaction, dyno: Dyno) -> None:
    """Forget those whose client never came, of all dynos; raises Forbidden when there are enough of the others."""
    exec_sessions.delete_late(tx, rules.late(now()))
    if len(exec_sessions.list_of(tx, dyno.id)) >= rules.MOST:
        raise Forbidden(
            f"cannot run another command in {dyno.name}: {rules.MOST} are open, which is the limit; leave one first, "
            "or wait a minute: those whose client never came do not count for longer"
        )


def fit_terminal(
    context: Context, actor: Actor, app_name: str, name_or_id: str, session_id: str, *, columns: int, lines: int
) -> tuple[App, Dyno, ExecSession]:
    """The terminal of a session's client has a new size. Raises NotFound, InvalidParams."""
    dynos.check_window(columns, lines)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:run")
        dyno = stored_dynos.find(tx, app.id, name_or_id)
        session = exec_sessions.find(tx, app.id, session_id)
        if dyno is None or session is None or session.dyno_id != dyno.id:
            raise NotFound("exec_session")
        if "TERM" not in session.env:
            raise InvalidParams("cannot resize the terminal of that session: it was opened without one")
        exec_sessions.set_env(tx, session.id, {**session.env, "COLUMNS": str(columns), "LINES": str(lines)})
        changes.record(tx, "dyno", app.id)
    return app, dyno, session
