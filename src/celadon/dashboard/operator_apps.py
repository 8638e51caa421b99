"""All apps of the platform. To look at somebody else's an operator says why, and its owner can read that."""

from celadon.actions import operator_lists, operator_visits
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.account_pages import Form, Step, answered
from celadon.dashboard.operator_pages import HOME, Paging, asked, operator_page
from celadon.dashboard.pages import told

_APPS = f"{HOME}/apps"


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def visit(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    """`app`: the one that is about to be visited."""
    wanted, number = asked(call)
    found, there = operator_lists.list_apps(call.context, call.actor, wanted, number)
    return operator_page(
        call,
        "apps",
        "operator_apps.html",
        status,
        wrong,
        found=found,
        paging=Paging(path=_APPS, wanted=wanted, page=number, size=operator_lists.PAGE, there=there),
        app=(typed or {}).get("app") or call.request.query.get("app", "")[:60],
        typed=typed or {},
        minutes=int(operator_visits.LASTS.total_seconds() // 60),
    )


def _visit(call: Call, form: Form) -> Page:
    app = operator_visits.begin(call.context, call.actor, form.get("app", ""), form.get("reason", ""))
    return Page(status=303, location=f"/dashboard/apps/{app.name}")


_STEPS: dict[str, Step] = {"visit": _visit}
