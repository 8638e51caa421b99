"""What an engine's user can put in place of a file that the platform reads as root; what a promoted node archives again."""

import os
import subprocess
from pathlib import Path

import pytest

from celadon.model.postgres_archive import STANZA
from celadon.postgres import archive
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


SEGMENT = "0000000200000001000000A{}"


@pytest.mark.parametrize(
    ("archiving", "queued"),
    [("pg_wal/00000003.history", {1, 2}), ("pg_wal/0000000200000001000000A0", set())],
)
def test_a_promoted_node_archives_again_what_is_not_there_whole(
    tmp_path: Path, archiving: str, queued: set[int]
) -> None:
    status = tmp_path / "pg_wal/archive_status"
    status.mkdir(parents=True)
    for number in range(4):
        (status / f"{SEGMENT.format(number)}.done").touch()
    # It has thrown away what is long in the archive.
    for number in (0, 1, 2):
        (tmp_path / "pg_wal" / SEGMENT.format(number)).touch()
    there = tmp_path / f"archive/archive/{STANZA}/17-1" / SEGMENT[:16]
    there.mkdir(parents=True)
    (there / f"{SEGMENT.format(0)}-{'a' * 40}.lz4").touch()
    # As a primary leaves it that is killed while it archives.
    (there / f"{SEGMENT.format(1)}-{'a' * 40}.lz4.pgbackrest.tmp").touch()
    script = archive._REQUEUE.replace(f"{archive.REPOSITORY}/archive", f"{tmp_path}/archive/archive")
    subprocess.run(["sh", "-c", script, "sh", archiving], cwd=tmp_path, check=True)
    assert {path.name for path in status.glob("*.ready")} == {f"{SEGMENT.format(number)}.ready" for number in queued}
