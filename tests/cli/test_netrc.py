import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.cli import netrc

OTHERS = """\
# my machines
machine github.com login octo password s3cret # mine
machine api.heroku.com
  login me@example.com
  password aaaa-bbbb
macdef init
machine localhost:8080 is only a word of this macro

machine quoted login "a b" password "x\\"y"
default login anonymous password guest
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_other_entries_comments_and_macros_stay_as_they_are(home: Path) -> None:
    file = home / ".netrc"
    file.write_text(OTHERS)
    netrc.write({"localhost:8080": ("ada", "token")})
    assert netrc.find("localhost:8080") == ("ada", "token")
    netrc.remove(["localhost:8080"])
    assert file.read_text() == OTHERS


def test_a_new_entry_stands_before_the_default_one(home: Path) -> None:
    (home / ".netrc").write_text(OTHERS)
    netrc.write({"localhost:8080": ("ada", "token")})
    text = (home / ".netrc").read_text()
    assert text.index("machine localhost:8080\n") < text.index("default login")


def test_an_entry_is_replaced_where_it_stands_and_its_doubles_go(home: Path) -> None:
    (home / ".netrc").write_text(
        "machine a login x password 1\nmachine b login y password 2\nmachine a login z password 3"
    )
    netrc.write({"a": ("new", "9")})
    assert (home / ".netrc").read_text() == "machine a\n  login new\n  password 9\nmachine b login y password 2\n"


def test_entries_on_one_line_are_told_apart(home: Path) -> None:
    (home / ".netrc").write_text("machine a login x password 1 machine b login y password 2")
    netrc.remove(["a"])
    assert netrc.find("a") is None
    assert netrc.find("b") == ("y", "2")


def test_a_machine_is_found_by_its_exact_name_only(home: Path) -> None:
    (home / ".netrc").write_text("machine localhost:8443 login x password 1\n")
    assert netrc.find("localhost") is None
    assert netrc.find("localhost:844") is None


def test_quoted_values_are_read(home: Path) -> None:
    (home / ".netrc").write_text(OTHERS)
    assert netrc.find("quoted") == ("a b", 'x"y')


def test_the_file_is_its_owners_alone_and_nothing_is_left_beside_it(home: Path) -> None:
    (home / ".netrc").write_text("machine a login x password 1\n")
    (home / ".netrc").chmod(0o644)
    netrc.write({"b": ("y", "2")})
    assert stat.S_IMODE((home / ".netrc").stat().st_mode) == 0o600
    assert [file.name for file in home.iterdir()] == [".netrc"]


def test_a_link_stays_a_link(home: Path) -> None:
    (home / "dotfiles").mkdir()
    (home / "dotfiles" / "netrc").write_text("machine a login x password 1\n")
    (home / ".netrc").symlink_to(home / "dotfiles" / "netrc")
    netrc.write({"b": ("y", "2")})
    assert (home / ".netrc").is_symlink()
    assert "machine b" in (home / "dotfiles" / "netrc").read_text()


def test_line_ends_and_bytes_that_are_no_text_are_kept(home: Path) -> None:
    before = b"machine a\r\n  login x\r\n  password \xff1\r\n"
    (home / ".netrc").write_bytes(before)
    netrc.write({"b": ("y", "2")})
    assert (home / ".netrc").read_bytes() == before + b"machine b\n  login y\n  password 2\n"


def test_a_file_without_the_machine_is_not_touched(home: Path) -> None:
    (home / ".netrc").write_text(OTHERS)
    before = (home / ".netrc").stat().st_ino
    netrc.remove(["nowhere"])
    assert (home / ".netrc").stat().st_ino == before


WORD = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
ENTRY = st.tuples(WORD, WORD, WORD, st.sampled_from([" ", "\n  ", "\t"]))


@given(present=st.lists(ENTRY, max_size=5), added=WORD)
def test_writing_and_removing_gives_every_other_entry_back(
    present: list[tuple[str, str, str, str]], added: str
) -> None:
    text = "".join(f"machine {m}{gap}login {u}{gap}password {p}\n" for m, u, p, gap in present)
    before = [(e.machine, e.login, e.password) for e in netrc.entries(text) if e.machine != added]
    written = netrc._put(text, added, f"machine {added}\n  login x\n  password y\n")
    after = [(e.machine, e.login, e.password) for e in netrc.entries(written)]
    assert [entry for entry in after if entry[0] != added] == before
    assert [entry for entry in after if entry[0] == added] == [(added, "x", "y")]
