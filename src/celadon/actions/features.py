"""App features: which there are, and whether they are on."""

from celadon.actions import access
from celadon.actions.context import Context
from celadon.model import feature as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.feature import Feature
from celadon.store import apps, changes, events


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
