"""The database that a new one is to be made from, by its user's word for it."""

import contextlib

from celadon.actions import addons as owned
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.errors import Forbidden, NotFound
from celadon.store import accounts, addons


def find(context: Context, word: str, addon_id: str) -> str | None:
    """The add-on that who asked for this one means by a word: its name or id, an attachment (with `_URL` or without) of
    the same app, or `app::name`. None when there is none, or none that they may change: a copy of it is all of it.
    """
    with context.database.read() as tx:
        asking = addons.find_by_id(tx, addon_id)
        account = accounts.find(tx, asking.account_id) if asking else None
        if asking is None or account is None:
            return None
        actor = Actor(account=account)
        for named in (word, word.removesuffix("_URL")):
            for app_id in (asking.app_id, None):
                with contextlib.suppress(NotFound, Forbidden):
                    found = owned.find_for(tx, actor, named, "addon:update", app_id)
                    return found.id if found.service == asking.service else None
    return None
