"""Incidents: what operators tell everybody on the status page."""

from celadon.actions import incidents
from celadon.actions import status as actions
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.account_pages import Form, Step, answered
from celadon.dashboard.operator_pages import operator_page
from celadon.dashboard.pages import told
from celadon.dashboard.status import WORDS
from celadon.model.status import COMPONENTS


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    found = actions.summary(call.context)
    return operator_page(
        call,
        "incidents",
        "operator_incidents.html",
        status,
        wrong,
        open=[one for one in found.incidents if one[0].resolved_at is None],
        over=[one for one in found.incidents if one[0].resolved_at is not None],
        components=COMPONENTS,
        titles={one.name: one.title for one in COMPONENTS},
        words=WORDS,
        typed=typed or {},
    )


def _open(call: Call, form: Form) -> str:
    incidents.create(
        call.context,
        call.actor,
        title=form.get("title", ""),
        severity=form.get("severity", ""),
        components=[one.name for one in COMPONENTS if f"component-{one.name}" in form],
        contents=form.get("contents", ""),
    )
    return "opened"


def _tell(call: Call, form: Form) -> str:
    incidents.update(call.context, call.actor, form.get("id", ""), form.get("contents", ""), resolved=False)
    return "told"


def _resolve(call: Call, form: Form) -> str:
    incidents.update(call.context, call.actor, form.get("id", ""), form.get("contents", ""), resolved=True)
    return "resolved"


_STEPS: dict[str, Step] = {"open": _open, "tell": _tell, "resolve": _resolve}
