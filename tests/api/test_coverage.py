"""Each endpoint that Heroku publishes is implemented, comes later or never comes, and the lists say which."""

from tests.api import coverage
from tests.api.coverage import LATER, LINKS, NEVER, SERVED


def test_every_published_endpoint_is_in_a_list() -> None:
    assert len(LINKS) == 305
    assert [f"{link.resource}: {link.endpoint}" for link in LINKS if link.place is None] == []


def test_what_is_implemented_has_left_the_other_lists() -> None:
    waiting = [link for link in LINKS if link.endpoint not in SERVED]
    names = {link.resource for link in waiting} | {link.endpoint for link in waiting}
    assert sorted({*LATER, *NEVER} - names) == [], "all of it is implemented: remove it from tests/api/coverage.py"


def test_nothing_is_in_two_lists() -> None:
    assert set(LATER).isdisjoint(NEVER)


def test_page_lists_the_endpoints_of_now() -> None:
    assert coverage.PAGE.read_text("utf-8") == coverage.written(), "run .venv/bin/python -m tests.api.reference"
