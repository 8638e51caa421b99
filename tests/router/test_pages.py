"""The pages of the router itself: what HAProxy can take, and nothing that a browser would have to fetch."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from celadon.router import pages

PAGES = pages.pages(Path("/f"))
OWN = {
    "error.html": "error_pages.map",
    "crashed.html": "error_pages.map",
    "no_web.html": "error_pages.map",
    "boot.html": "error_pages.map",
    "busy.html": "error_pages.map",
    "maintenance.html": "maintenance_pages.map",
}
VOID = {"meta", "link", "stop", "path"}


class _Tree(HTMLParser):
    """Fails when elements are not nested as they should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_small_and_whole_and_fetches_nothing(name: str) -> None:
    text = PAGES[name]
    tree = _Tree()
    tree.feed(text)
    assert tree.open == []
    assert [tree.seen.count(tag) for tag in ("title", "main", "h1", "h2", "footer")] == [1, 1, 1, 1, 1]
    assert "script" not in tree.seen
    assert not re.search(r"@\w+@|\$\{?[a-z]", text)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) <= {
        "",
        "data:,",
        f"%[var(txn.app),map(/f/{OWN.get(name, '')})]",
    }
    assert len(text.encode()) < 4000


@pytest.mark.parametrize("name", PAGES)
def test_a_per_cent_sign_is_always_the_beginning_of_an_expression(name: str) -> None:
    expected = ["%[var(txn.rid)]"]
    if name in OWN:
        expected.insert(0, f"%[var(txn.app),map(/f/{OWN[name]})]")
    assert re.findall(r"%(?:\[[^]]*\])?", PAGES[name]) == expected
