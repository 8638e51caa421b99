"""Mail: written in the transaction that is its reason, sent by the clock role; without SMTP the operator reads the outbox."""

import logging
import uuid
from datetime import timedelta

from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.errors import Forbidden
from celadon.model.mail import Mail, next_wait
from celadon.store import mails
from celadon.store.database import Transaction

# So many letters go to one address within so long.
_AT_ONCE, _WHILE = 10, timedelta(minutes=10)

log = logging.getLogger(__name__)


def send(tx: Transaction, recipient: str, subject: str, text: str, *, of_app: bool = False) -> bool:
    """Put a letter into the outbox, unless the address had many just now: nobody is buried in letters. Whether it is there.

    Those that an app's people have sent (`of_app`) are counted apart: nobody can keep another from a new password by them.
    """
    if mails.count_since(tx, recipient, now() - _WHILE, of_app=of_app) >= _AT_ONCE:
        log.warning("at=mail dropped=%r", subject)
        return False
    mail = Mail(
        id=str(uuid.uuid4()),
        recipient=recipient,
        subject=subject,
        text=text,
        created_at=now(),
        attempts=0,
        next_attempt_at=now(),
        of_app=of_app,
    )
    mails.insert(tx, mail)
    return True


def outbox(context: Context, actor: Actor) -> list[Mail]:
    """All letters, the newest first; raises Forbidden for anybody but an operator with a token without limits."""
    if not actor.account.operator or "global" not in actor.scope:
        raise Forbidden("cannot show the outbox: only the platform's operator may read it")
    with context.database.read() as tx:
        return mails.list_all(tx)


def due(context: Context, limit: int) -> list[Mail]:
    """Letters whose turn it is."""
    with context.database.read() as tx:
        return mails.list_due(tx, now(), limit)


def sent(context: Context, mail: Mail) -> None:
    with context.database.transaction() as tx:
        mails.update(tx, mail.id, attempts=mail.attempts + 1, sent_at=now(), error=None)


def failed(context: Context, mail: Mail, why: str) -> None:
    """It is tried again later; when nothing more is tried it waits in the outbox for the operator."""
    wait = next_wait(mail.attempts + 1) or timedelta(days=36_500)
    with context.database.transaction() as tx:
        mails.update(tx, mail.id, attempts=mail.attempts + 1, next_attempt_at=now() + wait, error=why[:500])
