"""A new app from a template: the app, its first commit, its first build."""

from dataclasses import replace

from celadon.actions import templates
from celadon.actions.templates import Template
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import code
from celadon.dashboard.pages import dashboard_page, told
from celadon.git import workspace
from celadon.model.errors import CeladonError


@told
def ask(call: Call) -> Page:
    return _form(call)


@told
def create(call: Call) -> Page:
    """Where there can be no such app, the form says why."""
    form = call.form()
    try:
        template = templates.find(form.get("template", ""))
        app = templates.create_app(call.context, call.actor, template, name=form.get("name", "").strip() or None)
    except CeladonError as error:
        return _form(call, error.status, error.message)
    # From here on the app is there: what goes wrong is said on its own page, which offers the rest again.
    return _begin(call, template, app.name)


@told
def begin(call: Call) -> Page:
    """A template for an app that has no code yet; when somebody was quicker, the page says so."""
    try:
        template = templates.find(call.form().get("template", ""))
    except CeladonError as error:
        return code.page(call, error.status, error.message)
    return _begin(call, template, call.app)


def _begin(call: Call, template: Template, app: str) -> Page:
    try:
        workspace.begin(call.context, call.actor, app, templates.files(template), template.commit_message)
        build = workspace.deploy(call.context, call.actor, app)
    except CeladonError as error:
        return code.page(_at(call, app), error.status, error.message)
    return Page(status=303, location=f"/dashboard/apps/{app}/code?build={build.id}#deploy-heading")


def _at(call: Call, app: str) -> Call:
    """The call, as if it were about this app."""
    path = ("dashboard", "apps", app, "code")
    return replace(call, params={**call.params, "app": app}, request=replace(call.request, path=path))


def _form(call: Call, status: int = 200, wrong: str = "") -> Page:
    given = call.form() if wrong else dict(call.request.query)
    every = templates.all_of()
    return dashboard_page(
        call,
        "new_app.html",
        status,
        wrong,
        templates=every,
        chosen=given.get("template") or every[0].id,
        name=given.get("name", ""),
    )
