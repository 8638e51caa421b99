"""Config vars of an app: hidden until they are asked for; each change makes a release."""

from collections.abc import Mapping

from celadon.actions import config_vars
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import settings, steps
from celadon.dashboard.pages import told
from celadon.model.errors import InvalidParams

# On one page, and so much of each value: a page stays small whatever an app has.
_SHOWN, _LONGEST = 50, 150


@told
def show(call: Call) -> Page:
    """`?reveal=` shows the values, `?edit=NAME` one of them in the form, `?from=` the names further down."""
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, {"set": _set, "several": _several, "remove": _remove}, _page)


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    query, may = call.request.query, settings.allowed(call)
    found: dict[str, str] = {}
    given_by: dict[str, str] = {}
    if "config:read" in may:
        found, given_by = config_vars.described(call.context, call.actor, call.app)
    names = sorted(found)
    first = steps.number(query.get("from", ""), 0, len(names), 0)
    reveal = "reveal" in query
    edited = query.get("edit", "")
    edited = edited if edited in found and edited not in given_by else ""
    return settings.settings_page(
        call,
        "config-vars",
        "config_vars.html",
        status,
        wrong,
        names=names[first : first + _SHOWN],
        total=len(names),
        # What is not asked for is not in the page at all.
        values={name: found[name] for name in names[first : first + _SHOWN]} if reveal else {},
        longest=_LONGEST,
        given_by=given_by,
        reveal=reveal,
        first=first,
        following=first + _SHOWN if first + _SHOWN < len(names) else None,
        edited=edited,
        edited_value=found.get(edited, ""),
        limit=call.settings.config_limit,
    )


def _set(call: Call, form: Mapping[str, str]) -> None:
    # A browser sends the ends of lines as HTTP has them.
    value = form.get("value", "").replace("\r\n", "\n")
    config_vars.update(call.context, call.actor, call.app, {form.get("name", "").strip(): value})


def _several(call: Call, form: Mapping[str, str]) -> None:
    config_vars.update(call.context, call.actor, call.app, read_lines(form.get("lines", "")))


def _remove(call: Call, form: Mapping[str, str]) -> None:
    config_vars.update(call.context, call.actor, call.app, {form.get("name", ""): None})


def read_lines(text: str) -> dict[str, str | None]:
    """Names and values of lines as a `.env` file has them; a name alone goes. Raises InvalidParams."""
    found: dict[str, str | None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip().removeprefix("export ").strip()
        if not entry or entry.startswith("#"):
            continue
        name, equals, value = entry.partition("=")
        name, value = name.strip(), value.strip()
        if not name or (not equals and " " in name):
            raise InvalidParams(f"cannot read line {number}: write NAME=value, or NAME alone to remove it")
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        found[name] = (value[1:-1] if quoted else value) if equals else None
    if not found:
        raise InvalidParams("cannot set config vars: write at least one line, as NAME=value")
    return found
