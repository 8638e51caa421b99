"""The star of an app: who sets it sees the app first in the list."""

import re

from celadon.actions import favourites
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import told

# Pages of ours that have a star, to go back to.
_PAGE = re.compile(r"/dashboard(?:/apps/[a-z0-9-]+(?:/[a-z0-9-]+)*)?(?:\?[A-Za-z0-9%+=&_.-]*)?")


@told
def change(call: Call) -> Page:
    """Set the star, or take it away, and back to the page where it is. Raises NotFound."""
    form = call.form()
    if form.get("step") == "remove":
        favourites.remove(call.context, call.actor, call.app)
    else:
        favourites.add(call.context, call.actor, call.app)
    to = form.get("to", "")
    return Page(status=303, location=to if _PAGE.fullmatch(to) else "/dashboard")
