"""Domains of an app, and the DNS record that each wants."""

from collections.abc import Mapping

from celadon.actions import domains
from celadon.api.answer import Page
from celadon.api.domains import hostname
from celadon.api.request import Call
from celadon.dashboard import settings, steps
from celadon.dashboard.pages import told

_SHOWN = 100


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, {"add": _add, "remove": _remove}, _page)


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    app, found, certificates = domains.list_of(call.context, call.actor, call.app)
    ordered = sorted(found, key=lambda domain: domain.hostname)
    first = steps.number(call.request.query.get("from", ""), 0, len(ordered), 0)
    return settings.settings_page(
        call,
        "domains",
        "domains.html",
        status,
        wrong,
        here=steps.whole(call),
        domains=ordered[first : first + _SHOWN],
        following=first + _SHOWN if first + _SHOWN < len(ordered) else None,
        certificates=certificates,
        target=hostname(call.settings, app),
    )


def _add(call: Call, form: Mapping[str, str]) -> None:
    domains.add(call.context, call.actor, call.app, form.get("hostname", ""))


def _remove(call: Call, form: Mapping[str, str]) -> None:
    domains.remove(call.context, call.actor, call.app, form.get("hostname", ""))
