"""Apps that are offered to one, and that one offers."""

from celadon.actions import app_transfers
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.account_pages import Form, Step, account_page, answered
from celadon.dashboard.pages import told
from celadon.model.app_transfer import TransferState


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def offered_to(call: Call) -> list[app_transfers.Told]:
    """Apps that wait for the actor's answer."""
    found = app_transfers.list_of(call.context, call.actor)
    return [one for one in found if one[0].recipient_id == call.actor.account.id]


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    found = app_transfers.list_of(call.context, call.actor)
    me = call.actor.account.id
    return account_page(
        call,
        "transfers",
        "account_transfers.html",
        status,
        wrong,
        received=[one for one in found if one[0].recipient_id == me],
        offered=[one for one in found if one[0].owner_id == me],
    )


def _accept(call: Call, form: Form) -> str:
    app_transfers.answer(call.context, call.actor, form.get("id", ""), TransferState.ACCEPTED)
    return "accepted"


def _decline(call: Call, form: Form) -> str:
    app_transfers.answer(call.context, call.actor, form.get("id", ""), TransferState.DECLINED)
    return "declined"


def _cancel(call: Call, form: Form) -> str:
    app_transfers.cancel(call.context, call.actor, form.get("id", ""))
    return "cancelled"


_STEPS: dict[str, Step] = {"accept": _accept, "decline": _decline, "cancel": _cancel}
