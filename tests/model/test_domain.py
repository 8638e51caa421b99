"""Which names may be domains, and who has a say in them."""

import pytest

from celadon.model import domain
from celadon.model.errors import InvalidParams

OWN = ["apps.example.net", "localhost"]


@pytest.mark.parametrize(
    "name", ["www.example.com", "example.com", "*.example.com", "a.b.c.example.com", "xn--mnchen-3ya.de"]
)
def test_a_host_name_can_be_a_domain(name: str) -> None:
    domain.check(name, OWN)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("example", "two parts"),
        ("*", "such as www"),
        ("*.com.*", "such as www"),
        ("a.*.example.com", "such as www"),
        ("-a.example.com", "such as www"),
        ("a_b.example.com", "such as www"),
        ("a..example.com", "such as www"),
        ("127.0.0.1", "such as www"),
        ("10.0x7f", "such as www"),
        ("www.example.com:80", "such as www"),
        ("www.example.com/x", "such as www"),
        ("a." * 130 + "com", "such as www"),
        ("apps.example.net", "platform's own"),
        ("mine.apps.example.net", "platform's own"),
        ("*.apps.example.net", "platform's own"),
        ("*.example.net", "platform's own"),
        ("mine.localhost", "platform's own"),
    ],
)
def test_what_is_none_or_the_platforms_is_refused(name: str, word: str) -> None:
    with pytest.raises(InvalidParams, match=word):
        domain.check(name, OWN)


def test_the_wildcards_above_a_name() -> None:
    assert domain.parents("a.b.example.com") == ["*.a.b.example.com", "*.b.example.com", "*.example.com"]
    assert domain.parents("example.com") == ["*.example.com"]
    assert domain.parents("*.example.com") == ["*.example.com"]


@pytest.mark.parametrize(
    ("name", "others", "word"),
    [
        ("www.example.com", [], None),
        ("www.example.com", [("www.example.com", "me")], "in use"),
        ("www.example.com", [("*.example.com", "me")], None),
        ("www.example.com", [("*.example.com", "you")], "all names under it"),
        ("example.com", [("*.example.com", "you")], "all names under it"),
        ("*.example.com", [("www.example.com", "me"), ("example.com", "me")], None),
        ("*.example.com", [("www.example.com", "you")], "has a name under it"),
        ("*.example.com", [("*.a.example.com", "you")], "has a name under it"),
        ("*.a.example.com", [("*.example.com", "you")], "under it"),
    ],
)
def test_who_has_a_say_in_a_name(name: str, others: list[tuple[str, str]], word: str | None) -> None:
    if word is None:
        domain.check_owner(name, "me", others)
    else:
        with pytest.raises(InvalidParams, match=word):
            domain.check_owner(name, "me", others)
