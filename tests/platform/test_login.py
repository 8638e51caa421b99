"""Whose credentials are written, and as whom."""

import os
import pwd
from pathlib import Path

import pytest

from celadon.platform import login
from celadon.platform.failure import PlatformFailure
from celadon.platform.login import Person

NOBODY = pwd.getpwnam("nobody")


def test_under_sudo_the_caller_is_the_one_who_typed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "nobody")
    assert login.person().uid == NOBODY.pw_uid
    monkeypatch.setenv("SUDO_USER", "")
    monkeypatch.setenv("HOME", "/somewhere")
    assert login.person() == Person(home=Path("/somewhere"), uid=0, gid=0)


def test_files_belong_to_the_person_and_are_in_their_home(tmp_path: Path) -> None:
    person = Person(home=tmp_path, uid=NOBODY.pw_uid, gid=NOBODY.pw_gid)
    for path in (tmp_path, *tmp_path.parents[:4]):
        path.chmod(0o755)
    os.chown(tmp_path, person.uid, person.gid)
    login.as_person(person, lambda: Path(os.environ["HOME"], ".netrc").write_text("x") and None)
    written = (tmp_path / ".netrc").stat()
    assert (written.st_uid, written.st_gid) == (person.uid, person.gid)
    assert os.getuid() == 0


def test_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    person = Person(home=tmp_path / "gone", uid=NOBODY.pw_uid, gid=NOBODY.pw_gid)
    with pytest.raises(PlatformFailure, match="cannot log celadon in"):
        login.as_person(person, lambda: Path(os.environ["HOME"], ".netrc").write_text("x") and None)
