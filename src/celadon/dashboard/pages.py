"""Making pages: Jinja's templates, which escape whatever they are given."""

from collections.abc import Callable
from functools import cache, wraps

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
