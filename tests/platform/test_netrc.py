"""Entries in a .netrc beside what people keep there."""

import netrc as standard
import os
from pathlib import Path

import pytest

from celadon.platform import login, netrc
from celadon.platform.netrc import Person
from celadon.platform.settings import DEFAULT_HOME, Settings

FOREIGN = "machine example.com login me password secret\nmacdef init\ncd /pub\n\n"


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(home=tmp_path, uid=os.getuid(), gid=os.getgid())


def test_entry_is_read_back_by_python_and_by_us(person: Person) -> None:
    netrc.write(person, {"localhost:8080": ("a@b", "token")})
    path = person.home / ".netrc"
    assert netrc.read(path, "localhost:8080") == ("a@b", "token")
    assert standard.netrc(str(path)).authenticators("localhost:8080") == ("a@b", "", "token")
    assert path.stat().st_mode & 0o777 == 0o600


def test_other_entries_stay_as_they_are(person: Person) -> None:
    path = person.home / ".netrc"
    path.write_text(FOREIGN)
    netrc.write(person, {"localhost:8080": ("a@b", "one")})
    netrc.write(person, {"localhost:8080": ("a@b", "two")})
    assert path.read_text().startswith(FOREIGN)
    assert path.read_text().count("localhost:8080") == 1
    netrc.remove(person, ["localhost:8080"])
    assert path.read_text() == FOREIGN


@pytest.mark.parametrize(
    "entry",
    [
        "machine localhost:8080 login old password old\n",
        "machine localhost:8080\n\tlogin old\n\tpassword old\n",
        "machine localhost:8080\n  password old\n  login old",
    ],
)
def test_entry_in_any_layout_is_replaced(person: Person, entry: str) -> None:
    path = person.home / ".netrc"
    path.write_text(f"{entry}\nmachine localhost login keep password keep\n")
    netrc.write(person, {"localhost:8080": ("a@b", "new")})
    assert netrc.read(path, "localhost:8080") == ("a@b", "new")
    assert netrc.read(path, "localhost") == ("keep", "keep")
    assert "old" not in path.read_text()


def test_link_in_place_of_the_file_is_replaced_not_followed(person: Person, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("")
    (tmp_path / ".netrc").symlink_to(target)
    netrc.write(person, {"localhost:8080": ("a@b", "token")})
    assert target.read_text() == ""


def test_only_the_default_platform_takes_the_bare_host() -> None:
    assert login.machines(Settings(home=DEFAULT_HOME)) == ["localhost:8080", "localhost:8443", "localhost"]
    assert login.machines(Settings(home=Path("/srv/b"), http_port=9080, https_port=9443)) == [
        "localhost:9080",
        "localhost:9443",
    ]


def test_under_sudo_the_caller_is_the_one_who_typed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "nobody")
    assert login.person().uid == 65534
    monkeypatch.setenv("SUDO_USER", "")
    monkeypatch.setenv("HOME", "/somewhere")
    assert login.person() == Person(home=Path("/somewhere"), uid=0, gid=0)
