"""Partners: what the provider of an add-on may do with it, by a token that is good for this one add-on."""

import hmac
import uuid

from celadon.actions import access
from celadon.actions import addons as own_addons
from celadon.actions.context import Context, now
from celadon.model.account import Actor, Authorization
from celadon.model.addon import PARTNER_SCOPE, AddOn
from celadon.model.errors import Forbidden, NotFound, Unauthorized
from celadon.store import accounts, addon_services, addons, authorizations, secrets
from celadon.store.database import Transaction

_PURPOSE = "addon-grant"


def grant_code(context: Context, addon_id: str) -> str:
    """What the provider exchanges for tokens of this add-on, with its own secret; the same each time."""
    return f"{addon_id}.{context.database.secrets.sign(_PURPOSE, addon_id)}"


def of_provider(authorization: Authorization) -> bool:
    """Whether it is a provider's, and none of the account's own."""
    return any(scope.startswith(PARTNER_SCOPE) for scope in authorization.scope)


def check_secret(tx: Transaction, authorization: Authorization, secret: str) -> None:
    """Raises Unauthorized when the provider of this authorization's add-on does not know this secret."""
    scope = next(scope for scope in authorization.scope if scope.startswith(PARTNER_SCOPE))
    addon = addons.find_by_id(tx, scope.removeprefix(PARTNER_SCOPE))
    _check_secret(tx, addon, secret)


def _check_secret(tx: Transaction, addon: AddOn | None, secret: str) -> None:
    known = addon_services.credentials(tx, addon.service) if addon and addon.alive else None
    if known is None or not hmac.compare_digest(known.password.encode(), secret.encode()):
        raise Unauthorized("cannot give tokens: the code or the secret is wrong, or there is no such add-on any more")


def authorize(context: Context, tx: Transaction, code: str, secret: str) -> Authorization | None:
    """A new authorization for the code of an add-on; None for a code of another kind. Raises Unauthorized."""
    addon_id, dot, _ = code.partition(".")
    if not dot or not hmac.compare_digest(code.encode(), grant_code(context, addon_id).encode()):
        return None
    addon = addons.find_by_id(tx, addon_id)
    _check_secret(tx, addon, secret)
    assert addon is not None, "it has a secret"
    account = accounts.find(tx, addon.account_id)
    assert account is not None, "the row of an account is never deleted"
    made = Authorization(
        id=str(uuid.uuid4()),
        account_id=account.id,
        description=f"Add-on {addon.name}"[:200],
        scope=(f"{PARTNER_SCOPE}{addon.id}",),
        # Nobody has its first token: the one who asks gets one at once.
        token_hash=secrets.hash_token(secrets.random_token()),
        token_hint="",
        expires_at=now(),
        created_at=now(),
        updated_at=now(),
    )
    authorizations.insert(tx, made)
    return made


def find(context: Context, actor: Actor, named: str) -> AddOn:
    """The add-on, for its provider. Raises NotFound, Forbidden for everybody else."""
    with context.database.read() as tx:
        return find_for(tx, actor, named)


def find_for(tx: Transaction, actor: Actor, named: str) -> AddOn:
    """As `find`."""
    addon = addons.find(tx, named)
    if addon is not None and f"{PARTNER_SCOPE}{addon.id}" in actor.scope:
        return addon
    own_addons.find_for(tx, actor, named, "addon:read")
    raise Forbidden("cannot do this to the add-on: only its provider may")


def config(context: Context, actor: Actor, named: str, namespace: str = "") -> dict[str, str]:
    """What the provider gives, by its own names: for the provider, and who reads the config of the app that owns it.

    Raises NotFound, Forbidden.
    """
    with context.database.read() as tx:
        addon = addons.find(tx, named)
        if addon is None or f"{PARTNER_SCOPE}{addon.id}" not in actor.scope:
            addon = own_addons.find_for(tx, actor, named, "addon:read")
            access.app_for(tx, actor, addon.app_id, "addon:config")
        found = addons.config(tx, addon.id, namespace)
    if found is None and namespace:
        raise NotFound("add_on_config")
    return found or {}
