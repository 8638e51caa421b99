"""Procfiles, and process types from elsewhere: what is read, and what is refused with which word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import procfile


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("web: gunicorn app:app\n", {"web": "gunicorn app:app"}),
        ("\ufeffweb:\tserve\r\n\r\n# nothing\r\nworker-2 :  work \r\n", {"web": "serve", "worker-2": "work"}),
        ("release: migrate\nweb: x\n", {"release": "migrate", "web": "x"}),
        ("", {}),
    ],
)
def test_what_is_read(text: str, types: dict[str, str]) -> None:
    assert procfile.parse(text) == types


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("web\n", "line 1: expected"),
        ("web: x\nwéb: y\n", "line 2: process type"),
        ("web gunicorn app:app\n", "line 1: a colon is missing: write `web: gunicorn app:app`"),
        ("web app: x\n", "line 1: process type 'web app' may have"),
        ("web:\n", "line 1: process type web has no command"),
        ("web: x\n\nweb: y\n", "line 3: process type web is declared twice"),
        ("web: x\x00y\n", "NUL"),
        ("web: x\nrun: y\n", "`run` is what one-off dynos are called"),
        ("".join(f"t{number}: x\n" for number in range(101)), "at most 100"),
        ("web: " + "x" * 70_000, "larger than 64 KB"),
    ],
)
def test_what_is_refused(text: str, word: str) -> None:
    with pytest.raises(procfile.ProcfileError, match=word):
        procfile.parse(text)


def test_all_that_is_wrong_is_told_with_its_lines() -> None:
    text = "web\n# fine\nok: x\nwéb: y\nworker:\nrun: z\nok: again\n"
    types, problems = procfile.read(text)
    assert types == {"ok": "x"}
    assert [problem.line for problem in problems] == [1, 4, 5, 6, 7]
    assert problems[2].told() == "cannot read Procfile line 5: process type worker has no command"


@pytest.mark.parametrize("command", ["x\x00y", "half \ud800", "x" * 70_000])
def test_commands_from_elsewhere_must_be_text(command: str) -> None:
    with pytest.raises(procfile.ProcfileError, match="web"):
        procfile.check({"web": command})


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        types = procfile.parse(text)
    except procfile.ProcfileError as error:
        assert str(error).startswith("cannot read Procfile")
    else:
        procfile.check(types)
        assert all(command == command.strip() and command for command in types.values())
