"""All accounts: who they are, inviting somebody, saying that one is verified, a link for a new password."""

from celadon.actions import invitations, operator_lists
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.account_pages import Form, Step, answered
from celadon.dashboard.operator_pages import HOME, Paging, asked, operator_page
from celadon.dashboard.pages import told


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    wanted, number = asked(call)
    found, there = operator_lists.list_accounts(call.context, call.actor, wanted, number)
    return operator_page(
        call,
        "accounts",
        "operator_accounts.html",
        status,
        wrong,
        found=found,
        paging=Paging(path=f"{HOME}/accounts", wanted=wanted, page=number, size=operator_lists.PAGE, there=there),
        typed=typed or {},
    )


def _invite(call: Call, form: Form) -> str:
    invitations.invite(call.context, call.actor, form.get("email", "").strip()[:320])
    return "invited"


def _verify(call: Call, form: Form) -> str:
    operator_lists.verify(call.context, call.actor, form.get("id", ""), form.get("verified") == "yes")
    return "saved"


def _reset(call: Call, form: Form) -> str:
    operator_lists.send_reset(call.context, call.actor, form.get("id", ""))
    return "sent"


_STEPS: dict[str, Step] = {"invite": _invite, "verify": _verify, "reset": _reset}
