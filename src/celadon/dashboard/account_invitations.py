"""Invitations: into teams, for whoever looks; and those that they have sent to people without an account."""

from celadon.actions import invitations, team_invitations
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.account_pages import Form, Step, account_page, answered
from celadon.dashboard.pages import told

_SHOWN = 200


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    return account_page(
        call,
        "invitations",
        "account_invitations.html",
        status,
        wrong,
        received=team_invitations.list_mine(call.context, call.actor),
        sent=invitations.list_of(call.context, call.actor)[:_SHOWN],
        may_invite=call.actor.account.operator or invitations.open_to_all(call.context),
        typed=typed or {},
    )


def _accept(call: Call, form: Form) -> str:
    team_invitations.answer_mine(call.context, call.actor, form.get("id", ""), accepted=True)
    return "accepted"


def _decline(call: Call, form: Form) -> str:
    team_invitations.answer_mine(call.context, call.actor, form.get("id", ""), accepted=False)
    return "declined"


def _invite(call: Call, form: Form) -> str:
    invitations.invite(call.context, call.actor, form.get("email", "").strip()[:320])
    return "invited"


def _withdraw(call: Call, form: Form) -> str:
    invitations.withdraw(call.context, call.actor, form.get("email", "")[:320])
    return "cancelled"


_STEPS: dict[str, Step] = {"accept": _accept, "decline": _decline, "invite": _invite, "withdraw": _withdraw}
