"""The apps that somebody sees, and a new one."""

from celadon.actions import apps
from celadon.actions.apps import Owned
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import account_transfers
from celadon.dashboard.pages import dashboard_page, owner_of, told
from celadon.model.errors import InvalidParams
from celadon.model.range import Range

# So many are looked through, and so many shown.
_READ, _SHOWN = 1000, 200


@told
def list_of(call: Call) -> Page:
    return _listed(call)


@told
def create(call: Call) -> Page:
    """Where there can be no such app, the form says why."""
    try:
        app = apps.create(call.context, call.actor, name=call.form().get("name", "").strip() or None)
    except InvalidParams as error:
        return _listed(call, error.status, error.message)
    return Page(status=303, location=f"/dashboard/apps/{app.name}")


def _listed(call: Call, status: int = 200, wrong: str = "") -> Page:
    words = call.request.query.get("q", "")[:100].lower().split()
    visible = apps.list_visible(call.context, call.actor, Range(attribute="name", most=_READ))
    found = [owned for owned in visible if all(word in _text(owned) for word in words)]
    return dashboard_page(
        call,
        "apps.html",
        status,
        wrong,
        found=found[:_SHOWN],
        left=len(found[_SHOWN:]),
        there=len(visible),
        wanted=" ".join(words),
        offered=account_transfers.offered_to(call),
    )


def _text(owned: Owned) -> str:
    """What a search looks into: name, owner, buildpack, region, stack."""
    app = owned[0]
    return " ".join(
        [app.name, owner_of(owned), app.buildpack_provided_description or "", app.region, app.stack]
    ).lower()
