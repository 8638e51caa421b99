"""SSH keys of one's account."""

from celadon.actions import keys
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.account_pages import Form, Step, account_page, answered
from celadon.dashboard.pages import told


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    found = keys.list_of(call.context, call.actor)
    return account_page(call, "keys", "account_keys.html", status, wrong, keys=found, typed=typed or {})


def _add(call: Call, form: Form) -> str:
    keys.create(call.context, call.actor, form.get("key", ""))
    return "added"


def _remove(call: Call, form: Form) -> str:
    keys.delete(call.context, call.actor, form.get("id", ""))
    return "removed"


_STEPS: dict[str, Step] = {"add": _add, "remove": _remove}
