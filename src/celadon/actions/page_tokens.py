"""Pages of add-ons: somebody who has logged in elsewhere opens one by a secret in its URL, for as long as it is looked at."""

from dataclasses import dataclass
from datetime import timedelta

from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.errors import NotFound
from celadon.store import accounts, page_tokens, secrets
from celadon.store.database import Transaction
from celadon.store.page_tokens import Opened

# A page that nobody looks at is closed after so long.
IDLE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who looks at the page of which add-on of which app. What they may do there is asked anew each time."""

    actor: Actor
    app_id: str
    addon_id: str


def create(tx: Transaction, actor: Actor, app_id: str, addon_id: str) -> str:
    """A token by which the actor opens the add-on's page; the caller has checked that they may."""
    token = secrets.random_token()
    opened = Opened(account_id=actor.account.id, app_id=app_id, addon_id=addon_id)
    page_tokens.insert(tx, token, opened, now() + IDLE)
    return token


def visit(context: Context, token: str, address: str | None = None) -> Visit:
    """Who has this token, which lasts some minutes more from now on; raises NotFound."""
    with context.database.transaction() as tx:
        opened = page_tokens.use(tx, token, now(), now() + IDLE)
        account = accounts.find(tx, opened.account_id) if opened else None
    if opened is None or account is None or account.deleted_at is not None:
        raise NotFound(
            "page", "Couldn't find that page: nobody looked at it for ten minutes, or it never was. Open it anew."
        )
    actor = Actor(account=account, address=address)
    return Visit(actor=actor, app_id=opened.app_id, addon_id=opened.addon_id)
