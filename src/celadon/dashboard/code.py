"""The workspace: an app's files at the head of the branch that deploys, an editor, commits and deploys.

The page's script asks for what it needs as JSON, with the page's own cookie; errors have the API's shape.
"""

from collections.abc import Callable
from functools import wraps

from celadon.actions import apps, builds, dynos, templates
from celadon.api.answer import Answer, Page
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.dashboard import console
from celadon.dashboard.pages import app_page, new_nonce, shown, styled, told
from celadon.git import workspace
from celadon.git.workspace import Tree
from celadon.model.build import Build
from celadon.model.errors import CeladonError, Forbidden, InvalidParams
from celadon.model.source_tree import EDITED, Change, Entry, Kind

_LONGEST_PATH = 4096


def as_json(answering: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """Errors are told to the page's script, which shows them."""

    @wraps(answering)
    def answer(call: Call) -> Answer:
        try:
            return answering(call)
        except CeladonError as error:
            return Answer(status=error.status, value={"id": error.id, "message": error.message})

    return answer


@told
def show(call: Call) -> Page:
    return page(call)


def page(call: Call, status: int = 200, wrong: str = "") -> Page:
    """The page; one with `wrong` says what did not work."""
    found = shown(call)
    nonce = new_nonce()
    refusal, empty = "", False
    try:
        apps.find(call.context, call.actor, call.app, "code:push")
        empty = not workspace.has_code(call.context, call.actor, call.app)
    except Forbidden as error:
        refusal = error.message
    answered = app_page(
        call,
        found,
        "code",
        "code.html",
        status,
        wrong,
        nonce=nonce,
        dynos=[dyno for dyno, _ in dynos.list_of(call.context, call.actor, found.app.id)[1]],
        refusal=refusal,
        console_refusal=console.refusal(call),
        empty=empty,
        templates=templates.all_of(),
        build=_newest(call, found.app.name),
        sizes=[size.name for size in call.settings.sizes.all],
        clone_url=call.settings.git_url(found.app.name),
        ssh_url=call.settings.git_ssh_url(found.app.name),
    )
    return styled(answered, nonce)


def _newest(call: Call, app: str) -> Build | None:
    """The build that the page shows: the one it names, or the latest."""
    _, every = builds.list_of(call.context, call.actor, app)
    named = call.request.query.get("build")
    chosen = [build for build in every if build.id == named] or every
    return max(chosen, key=lambda build: build.created_at, default=None)


@as_json
def tree(call: Call) -> Answer:
    found = workspace.look(call.context, call.actor, call.app)
    return Answer(value={**_place(found), "files": [_shape(entry) for entry in found.entries]})


@as_json
def file(call: Call) -> Answer:
    path = call.request.query.get("path", "")[:_LONGEST_PATH]
    found, entry, content = workspace.read(call.context, call.actor, call.app, path)
    text = content.decode() if content is not None and entry.kind is Kind.FILE and workspace.is_text(content) else None
    return Answer(
        value={**_place(found), **_shape(entry), "text": text, "why": "" if text is not None else _why(entry)}
    )


@as_json
def commit(call: Call) -> Answer:
    body = call.body()
    made = workspace.commit(
        call.context,
        call.actor,
        call.app,
        base=body.text("base", 100),
        message=body.raw_text("message") or "",
        changes=[_change(entry) for entry in body.needed_entries("changes")],
    )
    return Answer(status=201, value={"commit": made})


@as_json
def deploy(call: Call) -> Answer:
    build = workspace.deploy(call.context, call.actor, call.app)
    return Answer(status=201, value={"id": build.id, "output": f"/builds-output/{build.output_key}"})


def _place(found: Tree) -> dict[str, object]:
    return {"branch": found.branch, "commit": found.commit}


def _shape(entry: Entry) -> dict[str, object]:
    return {"path": entry.path, "kind": entry.kind, "blob": entry.blob, "size": entry.size}


def _why(entry: Entry) -> str:
    """Why a file is not shown."""
    if entry.kind is Kind.LINK:
        return "This is a symbolic link: it can be renamed and deleted here, and changed with git."
    if entry.kind is Kind.SUBMODULE:
        return "This is a submodule: change it with git."
    if entry.size > EDITED:
        return f"This file has {entry.size >> 10:,} KB: files of more than {EDITED >> 10} KB are changed with git."
    return f"This file is not text ({entry.size:,} bytes): it can be renamed and deleted here, and changed with git."


def _change(entry: Body) -> Change:
    path = entry.raw_text("path")
    if not path:
        raise InvalidParams("cannot commit: each change needs the path of a file")
    text, origin = entry.raw_text("text"), entry.raw_text("from")
    if text is None and origin is None and not entry.flag("deleted"):
        raise InvalidParams(f"cannot commit {path[:200]!a}: say its text, where it comes from, or that it is deleted")
    return Change(path=path, text=text, origin=origin)
