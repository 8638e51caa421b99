"""Features of apps and of accounts: which there are, and whether they are on."""

from celadon.actions import access
from celadon.actions.context import Context
from celadon.model import feature as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.feature import Feature
from celadon.store import accounts, apps, changes, events


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[tuple[Feature, bool]]]:
    """The app, and each feature with whether it is on."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        switched = apps.features(tx, app.id)
    return app, [(feature, switched.get(feature.name, feature.on)) for feature in rules.FEATURES]


def update(context: Context, actor: Actor, app_name: str, name: str, enabled: bool) -> tuple[App, Feature]:
    """Switch a feature; raises NotFound, InvalidParams for one that is fixed."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "app:update")
        feature = rules.find(name)
        rules.check_switch(feature, enabled)
        apps.set_feature(tx, app.id, feature.name, enabled)
        events.insert(
            tx,
            "feature:update",
            payload={"feature": feature.name, "enabled": enabled},
            line=f"{'Enable' if enabled else 'Disable'} {feature.name} feature by user {actor.email}",
            app_id=app.id,
            by=actor,
        )
        changes.record(tx, "app", app.id)
    return app, feature


def list_of_account(context: Context, actor: Actor) -> list[tuple[Feature, bool]]:
    """Each feature of accounts with whether it is on."""
    access.require_account_read(actor)
    with context.database.read() as tx:
        switched = accounts.features(tx, actor.account.id)
    return [(feature, switched.get(feature.name, feature.on)) for feature in rules.ACCOUNT_FEATURES]


def update_of_account(context: Context, actor: Actor, name: str, enabled: bool) -> Feature:
    """Switch a feature of the account; raises NotFound."""
    access.require_account_write(actor)
    feature = rules.find_of_account(name)
    with context.database.transaction() as tx:
        accounts.set_feature(tx, actor.account.id, feature.name, enabled)
        payload = {"feature": feature.name, "enabled": enabled}
        events.insert(tx, "account-feature:update", payload=payload, by=actor, resource_id=actor.account.id)
        changes.record(tx, "account")
    return feature
