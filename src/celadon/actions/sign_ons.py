"""Single sign-on: somebody of an app comes to the page of an add-on's provider, known to it by a form that we sign.

The platform's own pages of add-ons need no form: they have an URL for whoever has said who they are.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from celadon.actions import access, page_tokens, scheduler_jobs
from celadon.actions import addons as own_addons
from celadon.actions.context import Context, now
from celadon.model import addon_services as rules
from celadon.model import partner
from celadon.model.account import Account, Actor
from celadon.model.addon import AddOn, AddOnService, AddOnState
from celadon.model.app import App
from celadon.model.errors import Forbidden, InvalidParams, NotFound, Unauthorized
from celadon.model.feature import PRIVATE_ACCOUNT
from celadon.model.partner import SignOn
from celadon.store import accounts, addon_services, addon_sign_ons, apps, secrets
from celadon.store.addon_sign_ons import Link
from celadon.store.database import Transaction

LASTS = timedelta(minutes=1)
# Built-in service → what gives the URL of its page for somebody, of an app.
_OWN_PAGES = {"scheduler": scheduler_jobs.page_url}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a browser is to send, and where."""

    url: str
    name: str
    fields: Mapping[str, str] = field(repr=False)


def web_url(context: Context, app: App, addon: AddOn, service: AddOnService) -> str | None:
    """Where people open an add-on, coming from this app; None for one without a page."""
    opened = service.name in _OWN_PAGES if service.name in rules.BUILT_IN else service.single_sign_on
    if not opened:
        return None
    return f"{context.settings.api_https_url}/sso/apps/{app.id}/addons/{addon.id}"


def begin(context: Context, actor: Actor, named: str, app_name: str | None = None) -> tuple[str, datetime]:
    """An URL that signs the actor on, and until when it can be opened: a third party's once and within a minute, a page
    of our own for as long as it is looked at. Raises NotFound, Forbidden, InvalidParams.
    """
    own = own_page(context, actor, named, app_name)
    if own is not None:
        return own, now() + page_tokens.IDLE
    token = secrets.random_token()
    with context.database.transaction() as tx:
        addon, app = _opened(tx, actor, named, app_name)
        link = Link(
            token_hash=secrets.hash_token(token),
            addon_id=addon.id,
            app_id=app.id,
            account_id=actor.account.id,
            expires_at=now() + LASTS,
        )
        addon_sign_ons.insert(tx, link)
    return f"{context.settings.api_https_url}/sso/{token}", link.expires_at


def own_page(context: Context, actor: Actor, named: str, app_name: str | None = None) -> str | None:
    """The URL of a built-in add-on's page for the actor; None for a third party's. Raises NotFound, Forbidden,
    InvalidParams.
    """
    with context.database.read() as tx:
        addon, _ = _opened(tx, actor, named, app_name)
    page = _OWN_PAGES.get(addon.service)
    return page(context, actor, addon.app_id) if page else None


def take(context: Context, token: str) -> Form:
    """The form of such an URL, which works no more. Raises Unauthorized, and whatever has become wrong since."""
    with context.database.transaction() as tx:
        link = addon_sign_ons.take(tx, secrets.hash_token(token), now())
        account = accounts.find(tx, link.account_id) if link else None
    if link is None or account is None or account.deleted_at is not None:
        raise Unauthorized("cannot sign you on: the link was used already, or is older than a minute; ask for another")
    return form(context, Actor(account=account), link.addon_id, link.app_id)


def form(context: Context, actor: Actor, named: str, app_name: str) -> Form:
    """The form for somebody who has just said who they are. Raises NotFound, Forbidden, InvalidParams."""
    with context.database.read() as tx:
        addon, app = _opened(tx, actor, named, app_name)
        known = addon_services.credentials(tx, addon.service)
        owner = apps.find(tx, addon.app_id)
        assert known is not None and owner is not None, "it could be opened"
        signed = SignOn(
            resource_id=addon.id,
            timestamp=int(time.time()),
            email=actor.account.email,
            user_id=actor.account.id,
            app_name=owner.name,
            context_app_name=app.name,
            salt=known.sso_salt,
        )
        return Form(url=_page(tx, addon.service), name=addon.name, fields=signed.form())


def _opened(tx: Transaction, actor: Actor, named: str, app_name: str | None) -> tuple[AddOn, App]:
    """The add-on and the app that the actor comes from, where they may operate it."""
    addon = own_addons.find_for(tx, actor, named, "addon:read", app_name)
    app = access.app_for(tx, actor, app_name or addon.app_id, "addon:update")
    if addon.state is not AddOnState.PROVISIONED:
        raise InvalidParams(f"cannot open {addon.name}: it is {addon.state}")
    if addon.service in _OWN_PAGES:
        return addon, app
    if not _page(tx, addon.service):
        raise InvalidParams(f"cannot open {addon.name}: {addon.service} has no page to sign on to")
    _require_open(tx, actor.account)
    return addon, app


def _require_open(tx: Transaction, account: Account) -> None:
    if accounts.features(tx, account.id).get(PRIVATE_ACCOUNT):
        raise Forbidden(
            f"cannot tell a provider who you are: your account is private; `features:disable {PRIVATE_ACCOUNT}` first"
        )


def _page(tx: Transaction, service: str) -> str:
    """Where the provider takes the form; empty without such a place."""
    manifest = addon_services.manifests(tx).get(service)
    if manifest is None or not manifest["api"].get("sso_salt"):
        return ""
    try:
        return partner.doors(manifest["api"].get("production")).sign_on
    except InvalidParams as error:
        raise NotFound("add_on_service") from error
