"""The reference says what the code does."""

import re

from tests.api import examples, reference

from celadon.api import failures, routes
from celadon.model import errors


def test_page_lists_the_endpoints_of_now() -> None:
    page = reference.PAGE.read_text("utf-8")
    assert page == reference.written(page), "run .venv/bin/python -m tests.api.reference"


def test_page_lists_every_error_id() -> None:
    page = reference.PAGE.read_text("utf-8")
    kinds = [kind for module in (errors, failures) for kind in vars(module).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, errors.CeladonError) and kind is not errors.CeladonError:
            assert re.search(rf"{kind.status}\s+`{kind.id}`", page), kind


def test_what_is_not_in_the_published_schema_is_listed_as_an_extension() -> None:
    extensions = (reference.PAGE.parent / "api-extensions.md").read_text("utf-8")
    for name in examples.UNPUBLISHED:
        assert f"`{name}`" in extensions


def test_no_route_is_there_twice() -> None:
    shapes = [(route.method, re.sub(r":\w+", ":", route.path)) for route in routes.ROUTES]
    assert len(shapes) == len(set(shapes))
