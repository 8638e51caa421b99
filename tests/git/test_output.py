"""A file that grows, read by whole lines."""

from pathlib import Path

from celadon.git.output import Output


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_only_whole_lines_are_given_until_the_writer_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    output = Output(path)
    assert output.lines() == b""
    append(path, b"one\ntw")
    assert output.lines() == b"one\n"
    append(path, b"o\nthree")
    assert output.lines() == b"two\n"
    assert (output.lines(), output.last(), output.last()) == (b"", b"three\n", b"")


def test_a_line_without_end_is_given_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    append(path, b"x" * 1_000_000 + b"\nend\n")
    output = Output(path)
    read = b""
    while lines := output.lines():
        assert len(lines) < 300_000
        read += lines
    assert read == path.read_bytes()


def test_a_file_that_begins_anew_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    append(path, b"a long first output\n")
    output = Output(path)
    output.lines()
    path.write_bytes(b"again\n")
    assert output.lines() == b"again\n"


def test_the_newest_lines_are_known_by_their_words(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    output = Output(path)
    append(path, b"deployed\n" + b"x" * 4000 + b"\n")
    output.lines()
    assert not output.has(b"deployed") and output.has(b"xxx")
