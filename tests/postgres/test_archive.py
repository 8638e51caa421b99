"""What an engine's user can put in place of a file that the platform reads as root."""

import os
from pathlib import Path

import pytest

from celadon.postgres.archive import read_said
from celadon.postgres.cluster import ClusterFailure


def test_only_a_file_is_read_and_not_without_end(tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.write_bytes(b"[]\xff")
    assert read_said(said) == "[]\ufffd"
    with said.open("wb") as file:
        file.truncate((4 << 20) + 1)
    assert len(read_said(said)) == 4 << 20


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        read_said(tmp_path / "link")
    # Nobody ever writes to it: who waited for that would wait for ever.
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ClusterFailure, match="no file"):
        read_said(tmp_path / "pipe")
