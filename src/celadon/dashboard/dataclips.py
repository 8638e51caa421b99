"""Dataclips: those of all one's databases, a new one, and one with its query, link and versions.

What one answers is a page of the role that reaches its database (`postgres/dataclip_pages.py`), loaded into this one.
"""

from functools import partial

from celadon.actions import addons, dataclips
from celadon.actions.dataclips import Described
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import permits
from celadon.dashboard.forms import Form, confirm, take, text
from celadon.dashboard.pages import dashboard_page, told
from celadon.model.addon import AddOnState
from celadon.model.errors import CeladonError, InvalidParams, NotFound
from celadon.model.postgres_database import SERVICE

PAGE = "/dashboard/dataclips"
_SHOWN = 150


def path_of(found: Described) -> str:
    return f"{PAGE}/{found.app.name}/{found.dataclip.id}"


@told
def list_of(call: Call) -> Page:
    mine = dataclips.list_visible(call.context, call.actor)
    words = call.request.query.get("q", "")[:100].lower().split()
    found = sorted(
        (one for one in mine if all(word in _text(one) for word in words)),
        key=lambda one: one.dataclip.updated_at,
        reverse=True,
    )
    return dashboard_page(
        call,
        "dataclips.html",
        section="dataclips",
        found=found[:_SHOWN],
        left=len(found[_SHOWN:]),
        there=len(mine),
        wanted=" ".join(words),
        path_of=path_of,
    )


def _text(one: Described) -> str:
    return f"{one.dataclip.title} {one.addon.name} {one.app.name} {one.account.email}".lower()


def _databases(call: Call) -> list[str]:
    """Those of which the actor may keep clips, by name."""
    found = [
        one
        for one in addons.list_visible(call.context, call.actor)
        if one.service.name == SERVICE and one.addon.state is AddOnState.PROVISIONED
    ]
    allowed = {app_id: permits.may(call, app_id, "dataclip:update") for app_id in {one.app.id for one in found}}
    return [one.addon.name for one in found if allowed[one.app.id]]


@told
def ask(call: Call) -> Page:
    return _form(call)


def _form(call: Call, status: int = 200, wrong: str = "") -> Page:
    return dashboard_page(
        call,
        "dataclip_new.html",
        status,
        wrong,
        section="dataclips",
        databases=_databases(call),
        given=call.form() if wrong else {"database": call.request.query.get("database", "")},
    )


@told
def create(call: Call) -> Page:
    form = call.form()
    try:
        database = addons.find(call.context, call.actor, text(form, "database") or "")
        made = dataclips.create(
            call.context,
            call.actor,
            database.app.name,
            query=form.get("query", ""),
            title=form.get("title", ""),
            database=database.addon.id,
        )
    except CeladonError as error:
        return _form(call, error.status, error.message)
    return Page(status=303, location=path_of(made))


@told
def show(call: Call) -> Page:
    return _page(call)


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    found = dataclips.find(call.context, call.actor, call.app, call.params["dataclip"])
    return dashboard_page(
        call,
        "dataclip_edit.html",
        status,
        wrong,
        section="dataclips",
        found=found,
        clip=found.dataclip,
        path=path_of(found),
        link=f"{call.api_url}/dataclips/{found.dataclip.link}" if found.dataclip.link else "",
        versions=dataclips.versions(call.context, call.actor, call.app, found.dataclip.id),
        databases=[name for name in _databases(call) if name != found.addon.name],
        may=permits.may(call, found.addon.app_id, "dataclip:update"),
        given=call.form() if wrong else {},
    )


@told
def change(call: Call) -> Page:
    found = dataclips.find(call.context, call.actor, call.app, call.params["dataclip"])
    steps = {"save": _save, "share": _share, "revoke": _revoke, "again": _again, "move": _move, "destroy": _destroy}
    return take(call, {name: partial(step, call, found) for name, step in steps.items()}, partial(_page, call))


def _save(call: Call, found: Described, form: Form) -> str:
    # A browser sends the ends of lines as CR LF.
    query = form.get("query", "").replace("\r\n", "\n")
    dataclips.update(call.context, call.actor, call.app, found.dataclip.id, query=query, title=form.get("title", ""))
    return path_of(found)


def _share(call: Call, found: Described, form: Form) -> str:
    dataclips.share(call.context, call.actor, call.app, found.dataclip.id)
    return f"{path_of(found)}#share"


def _revoke(call: Call, found: Described, form: Form) -> str:
    dataclips.revoke(call.context, call.actor, call.app, found.dataclip.id)
    return f"{path_of(found)}#share"


def _again(call: Call, found: Described, form: Form) -> str:
    """What it was before, as another version; raises NotFound."""
    known = dataclips.versions(call.context, call.actor, call.app, found.dataclip.id)
    older = next((one for one, _ in known if str(one.version) == form.get("version")), None)
    if older is None:
        raise NotFound("version", "Couldn't find that version: only the last ones are kept.")
    dataclips.update(call.context, call.actor, call.app, found.dataclip.id, query=older.query, title=older.title)
    return path_of(found)


def _move(call: Call, found: Described, form: Form) -> str:
    database = text(form, "database")
    if database is None:
        raise InvalidParams("cannot move the dataclip: choose a database")
    moved = dataclips.update(call.context, call.actor, call.app, found.dataclip.id, database=database)
    return path_of(moved)


def _destroy(call: Call, found: Described, form: Form) -> str:
    confirm(form, "DELETE", "delete the dataclip")
    dataclips.remove(call.context, call.actor, call.app, found.dataclip.id)
    return PAGE
