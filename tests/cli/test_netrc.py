import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celadon.cli import files
from celadon.cli.connection import netrc
from celadon.cli.failure import Failure

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


def test_a_comment_within_an_entry_is_part_of_it(home: Path) -> None:
    (home / ".netrc").write_text("machine a\n  # mine\n  login x # me\n  password 1 # secret\nmachine b login y\n")
    assert netrc.find("a") == ("x", "1")
    netrc.remove(["a"])
    assert (home / ".netrc").read_text() == "# secret\nmachine b login y\n"


@pytest.mark.parametrize("macro", ["macdef init\nput x", "macdef init\nput x\n", "macdef init"])
def test_nothing_is_written_into_a_macro_that_has_no_end(home: Path, macro: str) -> None:
    (home / ".netrc").write_text(macro)
    netrc.write({"a": ("x", "1")})
    assert netrc.find("a") == ("x", "1")
    assert (home / ".netrc").read_text().startswith(macro)


def test_logins_at_the_same_time_keep_each_other(home: Path) -> None:
    code = "import sys; from celadon.cli.connection import netrc; netrc.write({sys.argv[1]: ('x', 'y')})"
    # All of them wait for the file, and then come at once.
    with files.changing(home / ".netrc"):
        running = [subprocess.Popen([sys.executable, "-c", code, name], env=os.environ) for name in "abcd"]
        with pytest.raises(subprocess.TimeoutExpired):
            running[0].wait(0.05)
    assert [one.wait(60) for one in running] == [0] * 4
    assert {entry.machine for entry in netrc.entries((home / ".netrc").read_text())} == set("abcd")


def test_what_others_can_read_is_warned_of_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / ".netrc"
    file.write_text("machine a login x password 1\n")
    file.chmod(0o600)
    assert netrc.find("a") == ("x", "1")
    assert capsys.readouterr().err == ""
    netrc._warn_if_open.cache_clear()
    file.chmod(0o644)
    assert netrc.find("b") is None
    for _ in range(2):
        assert netrc.find("a") == ("x", "1")
    assert capsys.readouterr().err == (
        f" !    {file} can be read by others, and your tokens are in it: chmod 600 {file}\n"
    )


@pytest.mark.parametrize("kind", ["directory", "loop"])
def test_a_file_that_cannot_be_read_is_named(home: Path, kind: str) -> None:
    file = home / ".netrc"
    file.mkdir() if kind == "directory" else file.symlink_to(file)
    with pytest.raises(Failure, match=r"cannot read .*/.netrc, where logins are kept"):
        netrc.find("a")


def test_a_link_to_nowhere_leads_to_a_new_file(home: Path) -> None:
    (home / ".netrc").symlink_to(home / "netrc")
    assert netrc.find("a") is None
    netrc.write({"a": ("x", "1")})
    assert stat.S_IMODE((home / "netrc").stat().st_mode) == 0o600


def test_a_home_that_cannot_be_written_to_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/proc/self/fdinfo")
    with pytest.raises(Failure, match=r"cannot write /proc/.*/fdinfo/.netrc: "):
        netrc.write({"a": ("x", "1")})


def test_without_HOME_the_system_knows_where_home_is(monkeypatch: pytest.MonkeyPatch) -> None:
    known = pwd.getpwuid(os.getuid()).pw_dir
    for value in (None, ""):
        monkeypatch.delenv("HOME") if value is None else monkeypatch.setenv("HOME", value)
        assert netrc.path() == Path(known) / ".netrc"
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    with pytest.raises(Failure, match="set HOME"):
        netrc.path()


WORD = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
GAP = st.sampled_from([" ", "\n  ", "\t", " # a comment\n ", "\r\n"])
END = st.sampled_from(["\n", " ", "\r\n", "\n\n", " # and more\n"])
ENTRY = st.builds("machine {0}{3}login {1}{3}password {2}{4}".format, WORD, WORD, WORD, GAP, END)
MACRO = st.builds("macdef {}\nmachine {} is a word of it\n\n".format, WORD, WORD)
COMMENT = st.builds("# machine {} login x password y\n".format, WORD)
PIECES = st.lists(ENTRY | MACRO | COMMENT, max_size=6)
LAST = st.sampled_from(["", "default login anonymous password me\n", "macdef init\nput x", "# the end", "machine"])


def without(text: str, machine: str) -> str:
    for entry in reversed(netrc.entries(text)):
        if entry.machine == machine:
            text = text[: entry.start] + text[entry.end :]
    return text


@settings(deadline=None, max_examples=60)
@given(pieces=PIECES, last=LAST, added=WORD)
def test_writing_touches_no_byte_of_anything_else(pieces: list[str], last: str, added: str) -> None:
    before = "".join(pieces) + last
    written = netrc._put(before, added, f"machine {added}\n  login x\n  password y\n")
    mine = [entry for entry in netrc.entries(written) if entry.machine == added]
    assert [(entry.login, entry.password) for entry in mine] == [("x", "y")]
    left, right = written[: mine[0].start], written[mine[0].end :]
    rest = without(before, added)
    # What was there, but for line ends before the new entry where it would have stood in a line or a macro of others.
    assert rest.endswith(right)
    assert left.removesuffix("\n\n").removesuffix("\n") == rest[: len(rest) - len(right)].removesuffix(
        "\n\n"
    ).removesuffix("\n")
    assert len(written) - (mine[0].end - mine[0].start) - len(rest) <= 2
