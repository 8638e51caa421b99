"""Pages with several forms: the button says which step is meant."""

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.model.errors import CeladonError, NotFound

# Makes the change; answers where to go on, or nothing for this page.
Step = Callable[[Call, Mapping[str, str]], str | None]
Again = Callable[[Call, int, str], Page]


def take(call: Call, steps: Mapping[str, Step], again: Again) -> Page:
    """Do what the form asks, then lead on, so that nothing is sent twice; what cannot be done is told by the page again."""
    form = call.form()
    step = steps.get(form.get("step", ""))
    if step is None:
        raise NotFound("page", "Couldn't find that step: go back and use the page's buttons.")
    try:
        place = step(call, form)
    except CeladonError as error:
        return again(call, error.status, error.message)
    return Page(status=303, location=place or here(call))


def here(call: Call) -> str:
    """The address of the page that was asked for."""
    return "/" + "/".join(quote(segment, safe="") for segment in call.request.path)


def whole(call: Call) -> str:
    """The same with its query: what a page of a long list asks for again is that page."""
    query = urlencode(call.request.query)
    return f"{here(call)}?{query}" if query else here(call)


def number(text: str, least: int, most: int, otherwise: int) -> int:
    """A number of a query, which anybody may write; within bounds."""
    known = text.isascii() and text.isdigit() and len(text) < 10
    return min(max(int(text), least), most) if known else otherwise
