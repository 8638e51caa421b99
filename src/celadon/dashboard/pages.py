"""Making pages: Jinja's templates, which escape whatever they are given."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache, wraps
from importlib import resources

import jinja2

from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.model.errors import CeladonError

Answering = Callable[[Call], Page]


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("celadon.dashboard"), autoescape=True, undefined=jinja2.StrictUndefined
    )


def page(template: str, status: int = 200, wrong: str = "", **values: object) -> Page:
    """A page of this template; `wrong` is what did not work."""
    return Page(text=_templates().get_template(template).render(wrong=wrong, **values), status=status)


def dashboard_page(call: Call, template: str, status: int = 200, wrong: str = "", **values: object) -> Page:
    """A page for somebody who is logged in."""
    made = page(
        template, status, wrong, me=call.actor.account, style=f"/dashboard/static/{_style()[0]}/style.css", **values
    )
    return replace(made, of_dashboard=True)


@cache
def _style() -> tuple[str, str]:
    """The one stylesheet, with a name for its contents: browsers keep it until it is another."""
    text = resources.files("celadon.dashboard").joinpath("static/style.css").read_text("utf-8")
    return hashlib.sha256(text.encode()).hexdigest()[:16], text


def style(call: Call) -> Page:
    """Under any name: an old page asks for an old one."""
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Page(text=_style()[1], kind="text/css; charset=utf-8", headers=kept)


def said(heading: str, text: str, status: int = 200) -> Page:
    """A page that says something, and that is all."""
    return page("said.html", status, heading=heading, text=text)


def told(answering: Answering) -> Answering:
    """Errors of a page are a page too."""

    @wraps(answering)
    def answer(call: Call) -> Page:
        try:
            return answering(call)
        except CeladonError as error:
            return said("That did not work", error.message, error.status)

    return answer
