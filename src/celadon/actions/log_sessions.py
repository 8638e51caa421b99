"""Log sessions: a URL to read an app's lines by, for a while."""

import uuid
from datetime import datetime, timedelta

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.errors import InvalidParams
from celadon.store import log_sessions, secrets
from celadon.store.log_sessions import LogSession

MOST_LINES = 1500
_LASTS = timedelta(minutes=5)
_TAIL_LASTS = timedelta(hours=24)
_LONGEST_PATTERN = 500


def create(
    context: Context,
    actor: Actor,
    app_name: str,
    *,
    lines: int = 100,
    tail: bool = False,
    dyno: str | None = None,
    source: str | None = None,
    grep: str | None = None,
    request_id: str | None = None,
    since: datetime | None = None,
) -> tuple[LogSession, str]:
    """A session and the secret of its URL; raises InvalidParams for a filter that cannot be.

    With `grep`, `request_id` or `since` it looks through all that is kept; `grep` is an extended regular expression as GNU
    grep knows them.
    """
    _check_filter(lines, dyno, source)
    _check_search(tail=tail, grep=grep, request_id=request_id, since=since)
    secret = secrets.random_token()
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "log:read")
        log_sessions.prune(tx, now())
        session = LogSession(
            id=str(uuid.uuid4()),
            app_id=app.id,
            account_id=actor.account.id,
            authorization_id=actor.authorization_id,
            secret_hash=secrets.hash_token(secret),
            lines=lines,
            tail=tail,
            dyno=dyno,
            source=source,
            grep=grep,
            request_id=request_id,
            since=since,
            created_at=now(),
            expires_at=now() + (_TAIL_LASTS if tail else _LASTS),
        )
        log_sessions.insert(tx, session)
    return session, secret


def _check_filter(lines: int, dyno: str | None, source: str | None) -> None:
    if not 0 <= lines <= MOST_LINES:
        raise InvalidParams(f"cannot show {lines} lines: from 0 to {MOST_LINES:,}")
    for value in (dyno, source):
        if value is not None and (len(value) > 64 or not value.isprintable()):
            raise InvalidParams("cannot filter logs by that: give a dyno such as web.1 or a source such as app")


def _check_search(*, tail: bool, grep: str | None, request_id: str | None, since: datetime | None) -> None:
    if tail and not (grep is None and request_id is None and since is None):
        raise InvalidParams(
            "cannot search and tail at once: a search looks back; to follow what comes, leave it out and pipe the tail "
            "into grep --line-buffered"
        )
    if grep is not None and request_id is not None:
        raise InvalidParams("cannot search for a pattern and a request id at once: give one of them")
    for value in (grep, request_id):
        if value is not None and not (1 <= len(value) <= _LONGEST_PATTERN and value.isprintable()):
            raise InvalidParams(f"cannot search for that: give 1 to {_LONGEST_PATTERN} characters that can be printed")
