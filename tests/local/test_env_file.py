"""`.env` files: every value comes back, honcho reads them alike, what cannot be read is told with its line."""

import re
import shlex
import subprocess

import pytest
from honcho import environ
from hypothesis import example, given
from hypothesis import strategies as st

from celadon.cli.failure import Failure
from celadon.local import env_file

ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
VALUES = st.text(st.one_of(st.sampled_from("'\"\\$#=` \t\n\rnu0;%!~&(*"), ANY), max_size=20)
# honcho takes a backslash before `n` and `t` for an escape, in whatever quotes, and ends lines at more than a newline.
LOST_TO_HONCHO = re.compile(r"\\[nt]|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def values(text: str) -> dict[str, str]:
    return env_file.values(text, ".env")


@given(VALUES)
@example("\\n")
@example("\\\n'")
@example("' \\n")
@example("\u2028")
@example("a\r\nb'")
@example("\\u0041'")
def test_every_value_comes_back_and_honcho_reads_what_it_can_express(value: str) -> None:
    text = env_file.merged("", {"A": value, "B": "next"}, ".env")
    assert values(text) == {"A": value, "B": "next"}
    by_honcho = environ.parse(text)
    assert set(by_honcho) == {"A", "B"}
    assert by_honcho["A"] == value or LOST_TO_HONCHO.search(value)


@given(VALUES)
def test_what_config_shell_prints_is_read(value: str) -> None:
    assert values(f"A={shlex.quote(value)}\nB=next\n") == {"A": value, "B": "next"}


@given(VALUES, VALUES, VALUES)
def test_changes_are_merged_whatever_is_there(before: str, after: str, new: str) -> None:
    text = f"# mine\nexport A={shlex.quote(before)} # also\n" + env_file.merged("", {"B": before}, ".env")
    merged = env_file.merged(text, {"A": after, "C": new}, ".env")
    assert values(merged) == {"A": after, "B": before, "C": new}
    assert merged.startswith("# mine\n")
    assert env_file.merged(merged, {"A": after, "C": new}, ".env") == merged


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        values(text)
    except Failure as failure:
        assert re.match(r"cannot read \.env line \d+: ", failure.lines[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB = two words  \n", {"A": "1", "B": "two words"}),
        ("A=a#b # note\nB=#all\nC=\n", {"A": "a#b", "B": "", "C": ""}),
        ("\ufeffexport A='1' # x\r\n\r\n  # y\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A='a\\nb'\nB=\"a\\nb\\d\\$\"\n", {"A": "a\\nb", "B": "a\nb\\d$"}),
        ("KEY='-----BEGIN\nabc\n'\nB=2", {"KEY": "-----BEGIN\nabc\n", "B": "2"}),
        ("A=it's\nB=\\x\\\n", {"A": "it's", "B": "\\x\\"}),
        ("A='it'\\''s'tail\n", {"A": "it'stail"}),
        ("A=1\nA=2\n", {"A": "2"}),
    ],
)
def test_what_people_write(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("A=1\njust words\n", "line 2: expected KEY=value"),
        ("\n1A=1\n", "line 2: a name has"),
        ("A='1\n\nB=2\n", "line 1: the quote before the value of A is not closed"),
        ("A='1' 2\n", "line 1: the value of A goes on behind its quotes"),
        ("A\n=1\n", "line 1: expected KEY=value"),
        ("A=\x00\n", "line 1: the value of A has a NUL"),
    ],
)
def test_a_line_that_is_none_is_told(text: str, error: str) -> None:
    with pytest.raises(Failure, match=re.escape(f"cannot read .env {error}")):
        values(text)


def test_a_line_that_may_be_a_secret_is_not_shown() -> None:
    with pytest.raises(Failure) as failed:
        values("AKIAIOSFODNN7EXAMPLE\n")
    assert failed.value.lines == ("cannot read .env line 1: expected KEY=value",)


def test_other_lines_stay_as_they_are() -> None:
    text = "# database\nA='x'   # mine\n\n  B=2\nexport C=3\nA=4"
    assert env_file.merged(text, {"B": "two words", "A": "4", "D": "d", "C": "3"}, ".env") == (
        "# database\nA='x'   # mine\n\nB='two words'\nexport C=3\nA=4\nD=d\n"
    )


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])).filter(lambda value: "'" not in value))
def test_a_shell_reads_the_plain_ones(value: str) -> None:
    assert shlex.split(env_file.quoted(value)) == [value]


def test_a_shell_can_source_a_file_without_newlines() -> None:
    text = env_file.merged("", {"A": '$HOME `x` "y"', "B": "", "C": "a b"}, ".env")
    done = subprocess.run(
        ["sh", "-c", f'{text}printf "%s|" "$A" "$B" "$C"'], capture_output=True, text=True, check=True
    )
    assert done.stdout == '$HOME `x` "y"||a b|'
