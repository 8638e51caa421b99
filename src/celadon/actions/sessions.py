"""Sessions: log-ins by a browser, for the browser itself or for a command line that waits for it."""

import hmac
import json
import uuid

from celadon.actions import access, authorizations
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.errors import NotFound, Unauthorized
from celadon.model.session import LASTS, LOGIN_WITHIN, BrowserLogin, Session
from celadon.store import authorizations as stored_authorizations
from celadon.store import events, secrets, sessions
from celadon.store.database import Transaction


def list_of(context: Context, actor: Actor) -> list[Session]:
    access.require_account_read(actor)
    with context.database.read() as tx:
        return sessions.list_of(tx, actor.account.id, now())


def destroy(context: Context, actor: Actor, session_id: str) -> Session:
    """End a session, `~` for that of this very token, with all it has authorized; raises NotFound."""
    access.require_account_read(actor)
    with context.database.transaction() as tx:
        wanted = _own_session(tx, actor) if session_id == "~" else session_id
        found = sessions.find(tx, actor.account.id, wanted) if wanted else None
        if found is None:
            raise NotFound("session")
        if session_id != "~":
            access.require_account_write(actor)
        sessions.delete(tx, found.id)
        events.insert(tx, "session:destroy", by=actor, resource_id=found.id)
    return found


def destroy_others(context: Context, actor: Actor) -> int:
    """End every session of the account but that of this very token; returns how many those were."""
    access.require_account_write(actor)
    with context.database.transaction() as tx:
        own = _own_session(tx, actor)
        others = [one for one in sessions.list_of(tx, actor.account.id, now()) if one.id != own]
        for one in others:
            sessions.delete(tx, one.id)
            events.insert(tx, "session:destroy", by=actor, resource_id=one.id)
    return len(others)


def own_id(context: Context, actor: Actor) -> str | None:
    """The session that this very token is of; None for a token without one."""
    with context.database.read() as tx:
        return _own_session(tx, actor)


def _own_session(tx: Transaction, actor: Actor) -> str | None:
    own = stored_authorizations.find(tx, actor.account.id, actor.authorization_id) if actor.authorization_id else None
    return own.session_id if own else None


def begin_login(context: Context, description: str | None, address: str | None) -> tuple[BrowserLogin, str]:
    """A command line asks for a log-in; returns it with the secret by which it fetches the answer."""
    secret = secrets.random_token()
    login = BrowserLogin(
        # The page's address: nobody guesses it.
        id=secrets.random_token(),
        description=(description or "A command line")[:200],
        secret_hash=secrets.hash_token(secret),
        address=address,
        answer=None,
        created_at=now(),
        expires_at=now() + LOGIN_WITHIN,
    )
    with context.database.transaction() as tx:
        sessions.insert_login(tx, login)
    return login, secret


def find_login(context: Context, login_id: str) -> BrowserLogin:
    """A log-in that nobody has answered; raises NotFound."""
    with context.database.read() as tx:
        found = sessions.find_login(tx, login_id, now())
    if found is None or found.answer is not None:
        raise NotFound("login", "Couldn't find that log-in: it was answered, or has run out. Run the command again.")
    return found


def approve_login(context: Context, actor: Actor, login_id: str) -> None:
    """Let the command line in, by a session of its own; raises NotFound."""
    login = find_login(context, login_id)
    with context.database.transaction() as tx:
        token = _begin(tx, actor, login.description)
        if not sessions.answer_login(tx, login.id, json.dumps({"access_token": token})):
            raise NotFound("login", "Couldn't find that log-in: it was answered already.")


def begin(context: Context, actor: Actor, description: str) -> str:
    """A session of a browser; returns the token that its cookie is to have."""
    with context.database.transaction() as tx:
        return _begin(tx, actor, description[:200])


def _begin(tx: Transaction, actor: Actor, description: str) -> str:
    session = Session(
        id=str(uuid.uuid4()),
        account_id=actor.account.id,
        description=description,
        created_at=now(),
        updated_at=now(),
        expires_at=now() + LASTS,
    )
    _, token = authorizations.insert(
        tx, actor, description=description, expires_at=session.expires_at, session_id=session.id
    )
    sessions.insert(tx, session)
    events.insert(tx, "session:create", by=actor, resource_id=session.id)
    return token


def deny_login(context: Context, login_id: str) -> None:
    """The command line hears that it is not let in; raises NotFound."""
    login = find_login(context, login_id)
    with context.database.transaction() as tx:
        sessions.answer_login(tx, login.id, json.dumps({"error": "the log-in was refused in the browser"}))


def fetch_login(context: Context, login_id: str, secret: str) -> dict[str, str] | None:
    """What became of it, told once to whoever began it; None while nobody has answered. Raises Unauthorized, NotFound."""
    with context.database.read() as tx:
        found = sessions.find_login(tx, login_id, now())
    if found is None:
        raise NotFound("login", "Couldn't find that log-in: it has run out. Run the command again.")
    if not hmac.compare_digest(found.secret_hash, secrets.hash_token(secret)):
        raise Unauthorized("cannot tell what became of this log-in: the token is not its own")
    if found.answer is None:
        return None
    with context.database.transaction() as tx:
        sessions.delete_login(tx, found.id)
        answer: dict[str, str] = json.loads(tx.secrets.decrypt(found.answer))
    return answer
