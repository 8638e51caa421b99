"""Those config vars of an app that its attachments give: a part of each of its configs, always as its add-ons are now."""

from celadon.actions import addon_services
from celadon.actions.context import now
from celadon.model.addon import AddOn, AddOnState, Attachment, config_of
from celadon.store import addons, attachments, configs
from celadon.store.database import Transaction


def by_attachment(tx: Transaction, found: list[Attachment]) -> dict[str, dict[str, str]]:
    """Attachment id → what it gives: nothing as long as its add-on is being made."""
    ids = {attachment.addon_id for attachment in found}
    given, owners, prefixes = addons.configs(tx, ids), addons.by_ids(tx, ids), addon_services.prefixes(tx)
    vars_of: dict[str, dict[str, str]] = {}
    for attachment in found:
        addon = owners[attachment.addon_id]
        config = given.get((addon.id, attachment.namespace or "")) if addon.state is AddOnState.PROVISIONED else None
        vars_of[attachment.id] = config_of(prefixes[addon.service], attachment.name, config or {})
    return vars_of


def of_app(tx: Transaction, app_id: str) -> dict[str, str]:
    """What an app's attachments give; of two that give the same name the newer one."""
    found: dict[str, str] = {}
    for given in by_attachment(tx, attachments.list_of_app(tx, app_id)).values():
        found |= given
    return found


def renewed(tx: Transaction, app_id: str, config_id: str) -> str:
    """The id of that config with what attachments give now: the same one when that is no difference."""
    old, attached = configs.find(tx, config_id), configs.attached(tx, config_id)
    given = of_app(tx, app_id)
    merged = {**{name: value for name, value in old.items() if name not in attached}, **given}
    if merged == old and attached == set(given):
        return config_id
    return configs.insert(tx, app_id, merged, now(), given)


def last_attachment(tx: Transaction, app_id: str, name: str) -> AddOn | None:
    """The add-on that gives this var, if the app owns it and has it attached but once."""
    found = attachments.list_of_app(tx, app_id)
    for attachment_id, given in by_attachment(tx, found).items():
        if name in given:
            addon_id = next(one.addon_id for one in found if one.id == attachment_id)
            addon = addons.find_by_id(tx, addon_id)
            alone = sum(one.addon_id == addon_id for one in found) == 1
            return addon if addon is not None and addon.app_id == app_id and alone else None
    return None
