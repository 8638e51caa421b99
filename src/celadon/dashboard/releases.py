"""One release: what is in it, what its release command wrote, and what going back to it would change."""

from collections.abc import Mapping

from celadon.actions import apps, outputs, releases, rollbacks
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import builds, steps
from celadon.dashboard.pages import app_page, shown, told
from celadon.model.release import ReleaseStatus


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, {"rollback": _rollback}, _page)


def _rollback(call: Call, form: Mapping[str, str]) -> str:
    made = releases.rollback(call.context, call.actor, call.app, call.params["release"])
    app = apps.find(call.context, call.actor, call.app)
    return f"/dashboard/apps/{app.name}/releases/{made.name}"


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    found = shown(call)
    app, release, current = releases.find(call.context, call.actor, found.app.id, call.params["release"])
    phase = bool(releases.with_phase(call.context, [release]))
    pending = release.status is ReleaseStatus.PENDING
    kept = phase and not pending
    written = outputs.of_release(call.context, call.actor, app.id, release.id, builds.MOST) if kept else ("", True)
    output, whole = builds.fitting(written)
    return app_page(
        call,
        found,
        "deploy",
        "release.html",
        status,
        wrong,
        release=release,
        current=current,
        author=releases.authors(call.context, [release])[release.account_id],
        phase=phase,
        pending=pending,
        output=output,
        whole=whole,
        stream=f"/builds-output/release/{release.id}/{releases.output_key(call.context, release.id)}",
        change=rollbacks.compare(call.context, call.actor, app.id, release.id),
        back=rollbacks.possible(call.context, app.id, [release], current),
        may=apps.allowed(call.context, call.actor, app.id),
    )
