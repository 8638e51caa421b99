"""Deploy hooks: whom an app tells that other code serves. A release writes what is to be told, the clock tells it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from celadon.actions import mails
from celadon.actions.context import Context, now
from celadon.model import deploy_hook as rules
from celadon.model.deploy_hook import DeliveryState, Deploy, DeployHook, HookDelivery, Letter
from celadon.model.errors import InvalidParams
from celadon.model.release import Release
from celadon.store import accounts, apps, builds, changes, deploy_hooks, releases, slugs
from celadon.store.database import Transaction

# What the provider says.


def provision(context: Context, addon_id: str, app_id: str, plan: str, options: Mapping[str, str]) -> None:
    """Tell somebody of an app's deploys from now on; safe to call again. Raises InvalidParams."""
    kind = rules.kind(plan)
    checked = rules.check_options(kind, options)
    with context.database.transaction() as tx:
        if deploy_hooks.find(tx, addon_id) is not None:
            return
        app = apps.lock(tx, app_id)
        if app is None:
            raise InvalidParams("cannot add a deploy hook: the app was destroyed")
        if len(deploy_hooks.ids_of(tx, app_id)) >= rules.MOST:
            raise InvalidParams(f"cannot add a deploy hook: {app.name} has {rules.MOST}, the most an app may have")
        hook = DeployHook(id=addon_id, app_id=app_id, kind=kind, options=checked, created_at=now())
        deploy_hooks.insert(tx, hook)
        changes.record(tx, "deploy-hook", app_id)


def provisioned(context: Context, addon_id: str) -> bool:
    with context.database.read() as tx:
        return deploy_hooks.find(tx, addon_id) is not None


def deprovision(context: Context, addon_id: str) -> None:
    """Tell nobody any more; what is under way may still arrive. Safe to call again."""
    with context.database.transaction() as tx:
        deploy_hooks.delete(tx, addon_id)
        changes.record(tx, "deploy-hook")


# What a deploy says.


def schedule(tx: Transaction, release: Release) -> None:
    """A release serves from now on: if it brings other code, each hook of its app is to tell it. Safe to call again."""
    hooks = deploy_hooks.ids_of(tx, release.app_id)
    if not hooks or release.slug_id is None:
        return
    before = releases.before(tx, release)
    if before is not None and before.slug_id == release.slug_id:
        return
    told = {delivery.hook_id for delivery in deploy_hooks.deliveries_of(tx, release.id)}
    moment = now()
    for hook_id in hooks:
        if hook_id in told:
            continue
        delivery = HookDelivery(
            id=str(uuid.uuid4()),
            hook_id=hook_id,
            app_id=release.app_id,
            release_id=release.id,
            state=DeliveryState.PENDING,
            attempts=0,
            next_attempt_at=moment,
            error=None,
            created_at=moment,
            updated_at=moment,
        )
        deploy_hooks.insert_delivery(tx, delivery)


def scheduled(context: Context, release_id: str) -> bool:
    """Whether somebody is told of a release."""
    with context.database.read() as tx:
        return bool(deploy_hooks.deliveries_of(tx, release_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """That somebody is told of an app's next deploy; `since` is the commit that serves, if one does."""

    since: str | None


def awaited(context: Context, app_id: str) -> Told | None:
    """What the next deploy's log is to begin after; None when nobody is told of it."""
    with context.database.read() as tx:
        if not deploy_hooks.ids_of(tx, app_id):
            return None
        current = releases.current(tx, app_id)
        slug = slugs.find(tx, current.slug_id) if current and current.slug_id else None
    return Told(since=slug.commit if slug else None)


# What the clock says of its work.


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt that has begun: whom to tell what."""

    delivery: HookDelivery
    hook: DeployHook
    deploy: Deploy


def due(context: Context, limit: int) -> list[HookDelivery]:
    """Deliveries whose turn it is."""
    with context.database.read() as tx:
        return deploy_hooks.list_due(tx, now(), limit)


def begin(context: Context, delivery: HookDelivery, lease: timedelta) -> Attempt | None:
    """An attempt begins, kept before it is made: who dies in it is followed by another attempt when `lease` has passed.

    None when somebody else was quicker or the hook is gone.
    """
    with context.database.transaction() as tx:
        hook = deploy_hooks.find(tx, delivery.hook_id)
        release = releases.find_by_id(tx, delivery.release_id)
        if hook is None or release is None or not deploy_hooks.begin(tx, delivery, now(), now() + lease):
            return None
        deploy = _deploy(context, tx, release)
    return Attempt(delivery=replace(delivery, attempts=delivery.attempts + 1), hook=hook, deploy=deploy)


def _deploy(context: Context, tx: Transaction, release: Release) -> Deploy:
    app = apps.find_any(tx, release.app_id)
    account = accounts.find(tx, release.account_id)
    assert app is not None and account is not None, "a release is of an app and by somebody"
    build = builds.find_of_release(tx, app.id, release.id)
    before = releases.before(tx, release)
    return Deploy(
        app=app.name,
        app_uuid=app.id,
        user=account.email,
        url=context.settings.web_url(app.name),
        release=release.name,
        head_long=_commit(tx, release),
        prev_head_long=_commit(tx, before),
        git_log=(build.git_log if build else None) or "",
    )


def _commit(tx: Transaction, release: Release | None) -> str:
    slug = slugs.find(tx, release.slug_id) if release and release.slug_id else None
    return (slug.commit if slug else None) or ""


def mail(context: Context, attempt: Attempt, letter: Letter) -> list[str]:
    """Write to everybody, and that is the end of the delivery: in one transaction. Returns who could not be written to."""
    with context.database.transaction() as tx:
        if not deploy_hooks.end(tx, attempt.delivery, **_over(DeliveryState.SUCCEEDED, None, None)):
            return []
        return [
            recipient
            for recipient in letter.recipients
            if not mails.send(tx, recipient, letter.subject, letter.text, of_app=True)
        ]


def end(context: Context, attempt: Attempt, error: str | None) -> timedelta | None:
    """What came of an attempt (None: it is told); returns how long it is until another one is made."""
    delivery, moment = attempt.delivery, now()
    again = rules.next_attempt(delivery.attempts, moment) if error else None
    state = DeliveryState.SUCCEEDED if error is None else DeliveryState.PENDING if again else DeliveryState.FAILED
    with context.database.transaction() as tx:
        deploy_hooks.end(tx, delivery, **_over(state, again, error))
    return again - moment if again else None


def _over(state: DeliveryState, again: datetime | None, error: str | None) -> dict[str, object]:
    return {"state": state, "next_attempt_at": again, "error": error, "updated_at": now()}
