"""Deploy hooks: their options, what they say, how often it is tried."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest

from celadon.model import deploy_hook as rules
from celadon.model.deploy_hook import Chat, Deploy, DeployHook, Kind, Letter, Post
from celadon.model.errors import InvalidParams

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_DEPLOY = Deploy(
    app="shop",
    app_uuid="1234",
    user="ada@example.com",
    url="https://shop.example.com/",
    release="v7",
    head_long="4f20bdd0123456789012345678901234567890ab",
    prev_head_long="abcdef0123456789012345678901234567890123",
    git_log="  * Ada: add <bar>\n  * Grace: add foo & more",
)
_GIVEN: Mapping[Kind, dict[str, str]] = {
    Kind.EMAIL: {"recipient": "ops@example.com"},
    Kind.HTTP: {"url": "https://example.com/hook?key=SECRET"},
    Kind.IRC: {"server": "irc.example.com", "room": "ops"},
    Kind.BASECAMP: {
        "url": "acme",
        "username": "ada",
        "password": "SECRET",
        "project": "12",
        "category": "34",
        "title": "{{release}}",
    },
    Kind.CAMPFIRE: {"url": "acme", "api_key": "SECRET", "room": "56"},
    Kind.SLACK: {"url": "https://hooks.example.com/services/SECRET"},
}


def hook(kind: Kind, **given: str) -> DeployHook:
    options = rules.check_options(kind, {**_GIVEN[kind], **given})
    return DeployHook(id="id", app_id="app", kind=kind, options=options, created_at=_BEGAN)


def say(kind: Kind, **given: str) -> Letter | Post | Chat:
    return rules.message(hook(kind, **given), _DEPLOY)


def post(kind: Kind, **given: str) -> Post:
    said = say(kind, **given)
    assert isinstance(said, Post)
    return said


def test_placeholders_are_filled() -> None:
    text = "{{app}} {{app_uuid}} {{user}} {{url}} {{ release }} {{head}} {{head_long}} {{prev_head}}\n{{git_log}}"
    assert rules.filled(text, _DEPLOY) == (
        "shop 1234 ada@example.com https://shop.example.com/ v7 4f20bdd 4f20bdd0123456789012345678901234567890ab abcdef0\n"
        "  * Ada: add <bar>\n  * Grace: add foo & more"
    )


def test_what_is_no_placeholder_stays_and_values_are_not_filled_again() -> None:
    odd = Deploy(app="{{user}}", app_uuid="", user="ada", url="", release="v1")
    assert rules.filled("{{app}} {{other}} {app} {{{{user}}}}", odd) == "{{user}} {{other}} {app} {{ada}}"
    assert len(rules.filled("{{git_log}}" * 300, Deploy(**{**_fields(), "git_log": "x" * 8000}))) == 64 << 10


def _fields() -> dict[str, str]:
    return {"app": "a", "app_uuid": "", "user": "", "url": "", "release": ""}


def test_a_letter() -> None:
    said = say(Kind.EMAIL, recipient="ops@example.com, Dev@Example.com ops@example.com")
    assert said == Letter(
        recipients=("ops@example.com", "dev@example.com"),
        subject="[Celadon] shop deployed",
        text="ada@example.com deployed 4f20bdd to https://shop.example.com/\n",
    )
    said = say(Kind.EMAIL, subject="{{git_log}}\r\nBcc: x@y.z", body="{{release}}")
    assert isinstance(said, Letter)
    assert (said.text, "\n" in said.subject, "\r" in said.subject) == ("v7\n", False, False)


def test_a_form() -> None:
    said = post(Kind.HTTP)
    assert said.url == "https://example.com/hook?key=SECRET"
    assert said.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert parse_qs(said.content.decode(), keep_blank_values=True) == {
        "app": ["shop"],
        "app_uuid": ["1234"],
        "git_log": ["  * Ada: add <bar>\n  * Grace: add foo & more"],
        "head": ["4f20bdd"],
        "head_long": ["4f20bdd0123456789012345678901234567890ab"],
        "prev_head": ["abcdef0"],
        "release": ["v7"],
        "url": ["https://shop.example.com/"],
        "user": ["ada@example.com"],
    }


def test_chats() -> None:
    assert json.loads(post(Kind.SLACK, message="{{app}} é").content) == {"text": "shop é"}
    said = post(Kind.CAMPFIRE, ssl="0")
    assert said.url == "http://acme.campfirenow.com/room/56/speak.json"
    assert json.loads(said.content)["message"]["body"].startswith("[shop] ada@example.com deployed")
    assert base64.b64decode(said.headers["Authorization"].removeprefix("Basic ")) == b"SECRET:X"
    assert post(Kind.CAMPFIRE).url.startswith("https://")


def test_basecamp_is_told_xml() -> None:
    said = post(Kind.BASECAMP, body="{{git_log}}\x01")
    assert said.url == "https://acme.basecamphq.com/projects/12/posts.xml"
    (element,) = ElementTree.fromstring(said.content)
    assert {child.tag: child.text for child in element} == {
        "category-id": "34",
        "title": "v7",
        "body": "  * Ada: add <bar>\n  * Grace: add foo & more",
    }
    assert base64.b64decode(said.headers["Authorization"].removeprefix("Basic ")) == b"ada:SECRET"


@pytest.mark.parametrize(
    ("given", "port", "secure"),
    [
        ({}, 6667, False),
        ({"port": "6697"}, 6697, True),
        ({"ssl": "1"}, 6697, True),
        ({"ssl": "1", "port": "7000"}, 7000, True),
    ],
)
def test_irc(given: dict[str, str], port: int, secure: bool) -> None:
    said = say(Kind.IRC, message="one {{app}}\r\n\r\nQUIT", **given)
    assert isinstance(said, Chat)
    assert (said.server, said.port, said.secure, said.room) == ("irc.example.com", port, secure, "#ops")
    assert said.lines == ("one shop", "QUIT"), "a line cannot be ended by what is said"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Kind.EMAIL, {"recipient": ""}),
        (Kind.EMAIL, {"recipient": "nobody"}),
        (Kind.EMAIL, {"recipient": " ".join(f"a{number}@example.com" for number in range(11))}),
        (Kind.EMAIL, {"url": "https://example.com"}),
        (Kind.EMAIL, {"body": "x" * 5000}),
        (Kind.HTTP, {"url": "ftp://example.com/"}),
        (Kind.HTTP, {"url": "https://user:SECRET@example.com/"}),
        (Kind.SLACK, {"url": ""}),
        (Kind.IRC, {"server": "irc.example.com/x"}),
        (Kind.IRC, {"port": "70000"}),
        (Kind.IRC, {"room": "#a,#b"}),
        (Kind.IRC, {"nick": "a b"}),
        (Kind.IRC, {"nick": "a\r\nQUIT"}),
        (Kind.IRC, {"password": "a\nSECRET"}),
        (Kind.IRC, {"ssl": "perhaps"}),
        (Kind.BASECAMP, {"project": "My project"}),
        (Kind.CAMPFIRE, {"room": "../users"}),
    ],
)
def test_what_cannot_be_told(kind: Kind, given: dict[str, str]) -> None:
    with pytest.raises(InvalidParams, match="cannot") as raised:
        hook(kind, **given)
    assert "SECRET" not in raised.value.message


@pytest.mark.parametrize("kind", Kind)
def test_lines_name_no_secret(kind: Kind) -> None:
    lines = [rules.sent_line(hook(kind)), rules.failed_line(hook(kind), "it answered 500", timedelta(seconds=10))]
    assert all("SECRET" not in line for line in [*lines, repr(hook(kind)), repr(say(kind)).partition("content")[0]])
    assert lines[0].startswith(f"Sent {kind} notification to ")
    assert lines[1].endswith(": it answered 500; trying again in 10 seconds")


def test_it_is_tried_a_few_times() -> None:
    waits = [rules.next_attempt(attempts, _BEGAN) for attempts in range(1, 5)]
    assert waits[-1] is None
    assert [wait - _BEGAN for wait in waits if wait] == [
        timedelta(seconds=10),
        timedelta(minutes=1),
        timedelta(minutes=5),
    ]
