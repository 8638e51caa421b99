"""One app at a glance: what runs, what was released."""

from celadon.actions import apps, dynos, formations, releases
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import dashboard_page, told

_RELEASES = 10


@told
def show(call: Call) -> Page:
    (owned,) = apps.owned(call.context, [apps.find(call.context, call.actor, call.app)])
    app, owner, team = owned
    _, formation = formations.list_of(call.context, call.actor, app.id)
    _, running = dynos.list_of(call.context, call.actor, app.id)
    _, released, current = releases.list_of(call.context, call.actor, app.id)
    newest = list(reversed(released))[:_RELEASES]
    return dashboard_page(
        call,
        "overview.html",
        app=app,
        owner=team.name if team else owner.email,
        url=call.settings.web_url(app.name),
        formation=formation,
        dynos=[dyno for dyno, _ in running],
        releases=newest,
        authors=releases.authors(call.context, newest),
        current=current,
    )
