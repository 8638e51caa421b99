"""Config vars: each change makes a release."""

from collections.abc import Mapping

from celadon.actions import access, attached_vars, releases
from celadon.actions.context import Context, now
from celadon.model import config as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import InvalidParams
from celadon.model.release import Release
from celadon.store import apps, attachments, configs, slugs
from celadon.store import releases as stored_releases
from celadon.store.database import Transaction


def find(context: Context, actor: Actor, app_name: str) -> dict[str, str]:
    """The config vars of the newest release."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "config:read")
        return configs.find(tx, releases.config_of(tx, app.id))


def described(context: Context, actor: Actor, app_name: str) -> tuple[dict[str, str], dict[str, str]]:
    """The config vars of the newest release, and which of them attachments give: name → the attachment's name."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "config:read")
        config_id = releases.config_of(tx, app.id)
        found, attached = configs.find(tx, config_id), configs.attached(tx, config_id)
        names = {one.id: one.name for one in attachments.list_of_app(tx, app.id)}
        given = attached_vars.by_attachment(tx, attachments.list_of_app(tx, app.id))
        owners = {name: names[one] for one, config in given.items() for name in config}
        return found, {name: owners.get(name, "an add-on") for name in attached}


def update(
    context: Context, actor: Actor, app_name: str, changed: Mapping[str, str | None]
) -> tuple[dict[str, str], Release | None]:
    """Set names to values, remove those whose value is None; returns all vars and the release, None if nothing changed.

    Raises InvalidParams, and nothing is changed then.
    """
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "config:write")
        apps.lock(tx, app.id)
        return change(context, tx, app, actor, changed)


def change(
    context: Context, tx: Transaction, app: App, by: Actor, changed: Mapping[str, str | None]
) -> tuple[dict[str, str], Release | None]:
    """As `update`; the caller has checked that it may and locked the app."""
    newest = stored_releases.newest(tx, app.id)
    assert newest is not None, "every app has its first release from the start"
    old = configs.find(tx, newest.config_id)
    attached = configs.attached(tx, newest.config_id)
    merged = rules.merge(old, changed, context.settings.config_limit)
    if merged == old:
        return merged, None
    effective = {name: value for name, value in changed.items() if old.get(name) != value}
    _check_attached(tx, app, {name: effective[name] for name in attached & set(effective)})
    description = rules.change_description(effective)
    config_id = configs.insert(tx, app.id, merged, now(), attached)
    slug = slugs.find(tx, newest.slug_id) if newest.slug_id else None
    sizes = context.settings.sizes
    return merged, releases.deploy(tx, app, by, slug, config_id, description, description, sizes)


def _check_attached(tx: Transaction, app: App, changed: Mapping[str, str | None]) -> None:
    """What an attachment gives is changed by its provider alone; raises InvalidParams, in the words that clients know."""
    for name, value in sorted(changed.items()):
        addon = attached_vars.last_attachment(tx, app.id, name) if value is None else None
        if addon is not None:
            raise InvalidParams(
                f"Cannot destroy last attachment to billing app for addon {addon.name}. "
                f"It gives {name}: destroy the add-on by `celadon addons:destroy {addon.name}`."
            )
        raise InvalidParams(
            f"Cannot overwrite attachment values {name}. "
            "An add-on gives it: `celadon addons` shows which, `celadon addons:detach` takes it away."
        )
