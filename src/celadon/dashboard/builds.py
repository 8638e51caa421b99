"""One build: how it went, and what it wrote, as it writes it."""

from collections.abc import Mapping

from markupsafe import escape

from celadon.actions import apps, builds, outputs, releases
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import steps
from celadon.dashboard.pages import app_page, shown, told
from celadon.model.build import BuildStatus

# Of what a build has written, so much is in its page, as HTML; the rest is one click away.
MOST = 48 << 10


def fitting(output: tuple[str, bool]) -> tuple[str, bool]:
    """The end of an output that is not too long once it is HTML, and whether it is all: `<` alone takes four bytes."""
    text, whole = output
    while len(escape(text)) > MOST:
        text, whole = text[len(text) // 2 :].partition("\n")[2], False
    return text, whole


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, {"cancel": _cancel}, _page)


def _cancel(call: Call, form: Mapping[str, str]) -> None:
    builds.cancel(call.context, call.actor, call.app, call.params["build"])


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    found = shown(call)
    app, build = builds.find(call.context, call.actor, found.app.id, call.params["build"])
    pending = build.status is BuildStatus.PENDING
    written = ("", True) if pending else outputs.of_build(call.context, call.actor, app.id, build.id, MOST)
    output, whole = fitting(written)
    release = releases.find(call.context, call.actor, app.id, build.release_id)[1] if build.release_id else None
    return app_page(
        call,
        found,
        "deploy",
        "build.html",
        status,
        wrong,
        build=build,
        author=builds.authors(call.context, [build])[build.account_id],
        release=release,
        pending=pending,
        output=output,
        whole=whole,
        stream=f"/builds-output/{build.output_key}",
        may=apps.allowed(call.context, call.actor, app.id),
    )
