"""What somebody may do to an app: which buttons a page shows. The actions ask again."""

from celadon.actions import access
from celadon.api.request import Call
from celadon.model.errors import Forbidden, NotFound


def may(call: Call, app_id: str, *permissions: str) -> frozenset[str]:
    """Those of these permissions (`access.PERMISSIONS`) that the actor has for the app."""
    found = set()
    with call.context.database.read() as tx:
        for permission in permissions:
            try:
                access.app_for(tx, call.actor, app_id, permission)
                found.add(permission)
            except (Forbidden, NotFound):
                continue
    return frozenset(found)
