"""One app at a glance: what runs, what was released, what went wrong."""

from celadon.actions import dynos, formations, metrics, releases
from celadon.actions.metrics import MetricsUnavailable
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.metrics import Code, coded
from celadon.dashboard.pages import app_page, shown, told

_RELEASES = 10


@told
def show(call: Call) -> Page:
    found = shown(call)
    _, formation = formations.list_of(call.context, call.actor, found.app.id)
    _, running = dynos.list_of(call.context, call.actor, found.app.id)
    _, released, current = releases.list_of(call.context, call.actor, found.app.id)
    newest = list(reversed(released))[:_RELEASES]
    return app_page(
        call,
        found,
        "overview",
        "overview.html",
        formation=formation,
        dynos=[dyno for dyno, _ in running],
        releases=newest,
        authors=releases.authors(call.context, newest),
        current=current,
        errors=_errors(call, found.app.id),
    )


def _errors(call: Call, app_id: str) -> list[Code] | None:
    """None when the metrics cannot be read: the rest of the page stands all the same."""
    try:
        return coded(metrics.last_errors(call.context, call.actor, app_id))
    except MetricsUnavailable:
        return None
