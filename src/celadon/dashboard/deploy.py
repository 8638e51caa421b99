"""How code comes to an app: where to push it, what was built and released, and where it goes from here."""

from celadon.actions import apps, builds, keys, pipeline_stages, releases, rollbacks
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import steps
from celadon.dashboard.pages import app_page, shown, told

_BUILDS, _RELEASES = 10, 15


@told
def show(call: Call) -> Page:
    """`?older=` of builds and `?before=` of releases lead further back."""
    found = shown(call)
    name, query = found.app.id, call.request.query
    _, built = builds.list_of(call.context, call.actor, name)
    _, released, current = releases.list_of(call.context, call.actor, name)
    older = steps.number(query.get("older", ""), 0, len(built), 0)
    before = steps.number(query.get("before", "").removeprefix("v"), 0, 1 << 30, 1 << 30)
    newest_builds = built[::-1][older : older + _BUILDS]
    earlier = [release for release in reversed(released) if release.version < before]
    newest = earlier[:_RELEASES]
    may = apps.allowed(call.context, call.actor, found.app.id)
    return app_page(
        call,
        found,
        "deploy",
        "deploy.html",
        here=steps.whole(call),
        may=may,
        https_url=call.settings.git_url(found.app.name),
        ssh_url=call.settings.git_ssh_url(found.app.name),
        has_key=bool(keys.list_of(call.context, call.actor)),
        builds=newest_builds,
        builders=builds.authors(call.context, newest_builds),
        older=older + _BUILDS if older + _BUILDS < len(built) else None,
        releases=newest,
        authors=releases.authors(call.context, newest),
        phases=releases.with_phase(call.context, newest),
        back=rollbacks.possible(call.context, name, newest, current),
        before=newest[-1].version if len(earlier) > len(newest) else None,
        paged=bool(older or query.get("before")),
        current=current,
        pipeline=pipeline_stages.place_of(call.context, call.actor, name),
    )
