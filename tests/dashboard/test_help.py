"""The documentation as pages, and the search in it."""

import html
import re

import pytest
from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Visitor
from tests.dashboard.test_account import Browser

from celadon.dashboard import documents
from celadon.dashboard.documents import Section


@pytest.fixture
def ada(world: World) -> Browser:
    return Browser(world)


def test_every_document_is_a_page_whose_links_lead_somewhere(ada: Browser) -> None:
    known = documents.documents()
    assert len(known) > 25
    listed = ada.get("help")
    for document in known.values():
        assert document.path in listed
        text = ada.get(document.path.removeprefix("/dashboard/"))
        for link in re.findall(r'href="/dashboard/help/([^"]*)"', text):
            path, _, anchor = html.unescape(link).partition("#")
            folder, name, *section = path.split("/")
            led_to = known[folder, name]
            assert set(section) <= {one.slug for one in led_to.sections}, f"{document.path} leads to {link}"
            assert not anchor or f'id="{anchor}"' in documents.html(led_to), f"{document.path} leads to {link}"


def test_a_section_of_a_long_document_is_a_page(ada: Browser) -> None:
    assert "celadon pg:promote" in ada.get("help/reference/cli/pg:promote")
    for wrong in ("help/reference/nothing", "help/reference/cli/nothing", "help/..%2F..%2Fetc/passwd", "help/guides/x"):
        ada.get(wrong, status=404)


@pytest.mark.parametrize(
    ("words", "best"),
    [
        ("second factor", "accounts"),
        ("certs:auto", "cli"),
        ("dataclip csv", "dataclips"),
        ("certificate domain automatic", "domains-and-tls"),
    ],
)
def test_a_search_finds_what_has_all_words(words: str, best: str) -> None:
    _, found = documents.search(words, 30)
    assert best in [one.document.name for one in found[:8]]
    assert all(
        word in f"{one.document.title} {one.section.heading} {one.section.text}".lower()
        for one in found
        for word in words.split()
    )


@pytest.mark.parametrize("code", ["H12", "h12", "R14", "H28"])
def test_an_error_code_is_found(ada: Browser, code: str) -> None:
    assert f"<h2>{code.upper()}</h2>" in ada.get(f"help?q={code}")


def test_nothing_found_says_so(ada: Browser) -> None:
    assert "Nothing has all of these words" in ada.get("help?q=<b>zyzzyva")
    assert "<b>" not in ada.get("help?q=<b>zyzzyva")


def test_html_of_a_document_is_text() -> None:
    made = documents._rendered(
        "guides", Section(slug="x", heading="<b>x", text="<script>alert(1)</script> [x](javascript:alert(1))")
    )
    assert "<script>" not in made and "<b>" not in made and 'href="javascript' not in made


def test_help_is_read(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("link", name="Help").click()
    visitor.look("help")
    page.get_by_label("Search the documentation").fill("H12")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="H12")).to_be_visible()
    visitor.look("help-search")
    page.get_by_role("link", name="All error codes").click()
    visitor.look("help-document")
    page = visitor.go("/dashboard/help/reference/cli")
    page.get_by_role("link", name="pg:promote", exact=True).click()
    expect(page.get_by_role("heading", name="pg:promote")).to_be_visible()
