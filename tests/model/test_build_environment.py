"""What operators give to every build: how it is written, and what may not be in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import build_environment


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", ()),
        ("A=", ("A=",)),
        ("A=1,B=2", ("A=1", "B=2")),
        (
            "no_proxy=a.example,b.example,http_proxy=http://p:3128",
            ("no_proxy=a.example,b.example", "http_proxy=http://p:3128"),
        ),
        ("GOPROXY=https://m/go,direct,B=x=y", ("GOPROXY=https://m/go,direct", "B=x=y")),
    ],
)
def test_entries_are_separated_by_a_comma_and_a_name(text: str, entries: tuple[str, ...]) -> None:
    assert build_environment.checked(text) == entries
    assert build_environment.checked(list(entries)) == entries


@pytest.mark.parametrize(
    ("given_entry", "why"),
    [
        ("PATH=/bin", "PATH steers"),
        ("LD_PRELOAD=/x", "LD_PRELOAD steers"),
        ("BASH_ENV=/x", "BASH_ENV steers"),
        ("OUT=/x", "OUT steers"),
        ("SOURCE_URL=http://x", "SOURCE_URL steers"),
        ("DEFAULT_BUILDPACKS=/x", "DEFAULT_BUILDPACKS steers"),
        ("nonsense", "not NAME=VALUE"),
        ("1A=x", "not NAME=VALUE"),
        ("A=x\0", "control character"),
    ],
)
def test_what_steers_the_build_dyno_is_refused(given_entry: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build_environment.checked([given_entry])


@pytest.mark.parametrize("value", [3, {"A": "1"}, [3], [["A=1"]], None])
def test_another_kind_of_value_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="NAME=VALUE"):
        build_environment.checked(value)


@given(st.text())
def test_no_error_repeats_a_value(secret: str) -> None:
    try:
        build_environment.checked([f"A={secret}", f"PATH={secret}"])
    except ValueError as error:
        assert len(secret) < 8 or secret not in str(error)


def test_the_later_entry_of_a_name_holds() -> None:
    assert build_environment.variables(("A=1", "B=x=y", "A=2")) == {"A": "2", "B": "x=y"}
