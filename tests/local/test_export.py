"""Exports: golden files, and every value read back as each init reads it."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.cli.failure import Failure, UsageFailure
from celadon.local import export, quoting
from celadon.local.formation import Entry

GOLDEN = Path(__file__).parent / "golden"
PLAN = export.Plan(app="shop", root=Path("/srv/our shop"), user="deploy", log=None)
COMMAND = "serve -p $PORT; echo \"50%\" 'x' #y \\"
ENTRIES = [
    Entry("web.1", COMMAND, {"GREETING": "it's $5 (10%)", "PORT": "5000"}),
    Entry("web.2", COMMAND, {"GREETING": "it's $5 (10%)", "PORT": "5001"}),
    Entry("worker.1", "work", {"GREETING": "it's $5 (10%)", "PORT": "5100"}),
]
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
TEXT = st.text(st.one_of(st.sampled_from("'\"\\$%;# \t\nn`"), ANY), max_size=20)


@pytest.mark.parametrize("format", export.FORMATS)
def test_files_are_those_that_are_kept(format: str) -> None:
    """Write them anew after a change that is meant: CELADON_GOLDEN=1 pytest tests/local/test_export.py."""
    files = {name: text for name, (text, _) in export.render(format, ENTRIES, PLAN, Path("/etc/shop")).items()}
    kept = GOLDEN / format
    if os.environ.get("CELADON_GOLDEN"):
        shutil.rmtree(kept, ignore_errors=True)
        for name, text in files.items():
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            (kept / name).write_text(text)
    assert files == {str(path.relative_to(kept)): path.read_text() for path in kept.rglob("*") if path.is_file()}


def systemd_read(word: str) -> str:
    """As systemd.syntax(7) has it: C escapes in double quotes, then specifiers."""
    assert word[0] == word[-1] == '"'
    text = re.sub(r"\\(.)", lambda escape: {"n": "\n", "t": "\t"}.get(escape[1], escape[1]), word[1:-1])
    assert "%" not in text.replace("%%", "")
    return text.replace("%%", "%")


@given(TEXT)
def test_systemd_reads_values_and_arguments_back(text: str) -> None:
    try:
        word = quoting.systemd_word(text, "A")
    except Failure:
        assert not text.isprintable()
        return
    assert "\n" not in word and systemd_read(word) == text
    argument = systemd_read(quoting.systemd_argument(text, "web.1"))
    assert "$" not in argument.replace("$$", "") and argument.replace("$$", "$") == text


def ini_read(line: str) -> str:
    """As supervisord has it."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.read_string(f"[program:x]\nkey={line}\n")
    return parser.get("program:x", "key") % {}


@given(TEXT)
def test_supervisord_reads_commands_back(text: str) -> None:
    try:
        argument = quoting.supervisord_argument(text, "web.1")
    except Failure:
        assert not text.replace("\t", "").isprintable()
        return
    assert shlex.split(ini_read(f"sh -c {argument}")) == ["sh", "-c", text]


@given(TEXT)
def test_supervisord_reads_values_back(text: str) -> None:
    """Its own way, without escapes: a token, quotes taken off at both ends."""
    try:
        value = quoting.supervisord_value(text, "A")
    except Failure:
        return
    lexer = shlex.shlex(ini_read(f'A={value},B="2"'))
    lexer.wordchars += "/.+-():"
    tokens = list(lexer)
    assert tokens[:2] == ["A", "="] and tokens[3:6] == [",", "B", "="]
    assert tokens[2].strip("'\"") == text


@given(TEXT)
def test_ruby_quotes_end_where_they_should(text: str) -> None:
    word = quoting.rubyquote(text)
    assert re.fullmatch(r"'(?:[^'\\]|\\['\\])*'", word)
    assert re.sub(r"\\(['\\])", r"\1", word[1:-1]) == text


@pytest.mark.parametrize(
    ("format", "value", "why"),
    [
        ("systemd", "a\rb", "control character"),
        ("systemd", "a\ufffe", "no character"),
        ("supervisord", "a\nb", "newline"),
        ("supervisord", "a'b\"c", "both kinds"),
        ("supervisord", "'a'", "quotes at its ends"),
        ("supervisord", "a ;b", "begins a comment"),
        ("upstart", "a\n end script\n", "end script"),
        ("runit", "a ", "blank at its end"),
    ],
)
def test_what_a_format_cannot_say_is_refused(format: str, value: str, why: str) -> None:
    with pytest.raises(Failure, match=why) as failed:
        export.render(format, [Entry("web.1", "x", {"KEY": value, "PORT": "1"})], PLAN, Path("/etc"))
    assert failed.value.lines[0].startswith(f"cannot export to {format}: the value of KEY has ")
    for takes_all in ("bluepill", "inittab"):
        export.render(takes_all, [Entry("web.1", "x", {"KEY": value, "PORT": "1"})], PLAN, Path("/etc"))


def test_names_and_places_that_no_format_can_have_are_refused() -> None:
    for plan in (
        export.Plan(app="a/b", root=Path("/srv"), user="x", log=None),
        export.Plan(app="shop", root=Path("/srv"), user="x y", log=None),
        export.Plan(app="shop", root=Path("/srv"), user="x", log="/var/log\nfoo"),
        export.Plan(app="shop", root=Path("/srv"), user="x", log="log"),
    ):
        with pytest.raises(Failure):
            export.render("systemd", ENTRIES, plan, Path("/etc"))
    with pytest.raises(UsageFailure, match="launchd is no format to export to: there are bluepill, inittab, "):
        export.render("launchd", ENTRIES, PLAN, Path("/etc"))


def test_two_entries_of_one_file_are_refused() -> None:
    """honcho calls the file of `a.1` as that of the group of a type `a-1`."""
    twins = [Entry("a.1", "x", {"PORT": "1"}), Entry("a-1.1", "x", {"PORT": "2"})]
    with pytest.raises(Failure, match=r"would share the file shop-a-1\.conf"):
        export.render("upstart", twins, PLAN, Path("/etc"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_its_units(tmp_path: Path) -> None:
    hard = Entry("web.1", COMMAND, {"A": "x \"y\" 'z' \\ $HOME 100% %n\n\tü ;#", "PORT": "1"})
    plan = export.Plan(app="shop", root=tmp_path, user="root", log=str(tmp_path))
    files = export.write("systemd", [hard], plan, tmp_path / "units").written
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False, timeout=120
    )
    complaints = [line for line in done.stderr.splitlines() if "shop" in line and "world-inaccessible" not in line]
    assert (done.returncode, complaints) == (0, [])


@pytest.mark.parametrize("format", ["runit", "inittab", "upstart"])
def test_scripts_run_the_command_with_its_variables(format: str, tmp_path: Path) -> None:
    env = {"A": "x \"y\" 'z' \\ $HOME `id` 100% %n ;#\n\nü\n", "EMPTY": "", "PORT": "5000"}
    command = "printf '%s|' \"$A\" \"$EMPTY\" $PORT \"$PWD\"; echo 'it'\\''s' #y"
    root = tmp_path / "our shop"
    root.mkdir()
    plan = export.Plan(app="shop", root=root, user="root", log=str(tmp_path))
    export.write(format, [Entry("web.1", command, env)], plan, tmp_path / "out")
    expected = f"{env['A']}||5000|{root}|it's\n"
    done = subprocess.run(script(format, tmp_path / "out"), capture_output=True, check=False, timeout=120)
    shown = (tmp_path / "web.1.log").read_bytes() if format != "runit" else done.stdout
    assert (done.stderr, shown.decode()) == (b"", expected)


def script(format: str, out: Path) -> list[str]:
    """How the init calls it."""
    if format == "runit":
        if shutil.which("chpst") is None or os.getuid() != 0:
            pytest.skip("chpst, and the right to become a user, are needed")
        return ["sh", "-c", f"cd '{out}/shop-web-1' && exec ./run"]
    if format == "inittab":
        if os.getuid() != 0:
            pytest.skip("the right to become a user is needed")
        return [(out / "inittab").read_text().splitlines()[1].split(":", 3)[3]]
    block = (out / "shop-web-1.conf").read_text().partition("\nscript\n")[2].removesuffix("end script\n")
    return ["sh", "-e", "-c", block]


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    files = export.write("runit", ENTRIES, PLAN, tmp_path).written
    assert {path.stat().st_mode & 0o777 for path in files if path.name == "run"} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in files if path.name != "run"} == {0o600}


def test_no_link_below_the_directory_is_followed(tmp_path: Path) -> None:
    out, bashrc, elsewhere = tmp_path / "out", tmp_path / ".bashrc", tmp_path / "elsewhere"
    for directory in (out, elsewhere):
        directory.mkdir()
    bashrc.write_text("mine")
    (out / "shop.target").symlink_to(bashrc)
    (out / "shop-web-1").symlink_to(elsewhere)
    (tmp_path / "named").symlink_to(out)
    export.write("systemd", ENTRIES, PLAN, tmp_path / "named")
    assert bashrc.read_text() == "mine" and not (out / "shop.target").is_symlink()
    with pytest.raises(Failure, match="is a link to another directory"):
        export.write("runit", ENTRIES, PLAN, out)
    assert list(elsewhere.iterdir()) == []


GONE = [
    ("systemd", ["shop-web-2.service", "shop-worker-1.service", "shop-worker.target"]),
    ("upstart", ["shop-web-2.conf", "shop-worker-1.conf", "shop-worker.conf"]),
    ("runit", ["shop-web-1/env/GREETING", "shop-web-2", "shop-worker-1"]),
    ("inittab", ["shop-web-2", "shop-worker-1"]),
    ("supervisord", []),
]
FEWER = [Entry("web.1", COMMAND, {"PORT": "5000"})]


def files_of(directory: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize(("format", "gone"), GONE)
def test_what_an_earlier_export_wrote_and_this_one_does_not_is_removed(
    tmp_path: Path, format: str, gone: list[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "other.service").touch()
    # The directory that the user named may be a link.
    (tmp_path / "named").symlink_to(out)
    named = tmp_path / "named"
    for app in ("shop", "shop-web", "sho"):
        first = export.write(format, ENTRIES, replace(PLAN, app=app), named)
        assert (first.removed, first.left) == ([], [])
    before = files_of(out)
    done = export.write(format, FEWER, PLAN, named)
    assert {out / file.relative_to(named) for file in done.removed} == before - files_of(out)
    names = [str(file.relative_to(named)) for file in done.removed]
    assert all(any(f"{name}/".startswith(f"{one}/") for one in gone) for name in names)
    assert not any((out / name).exists() for name in gone)
    assert done.left == []
    # Those of apps with names like it are whole.
    for app in ("shop-web", "sho"):
        assert export.write(format, ENTRIES, replace(PLAN, app=app), named).removed == []
    assert export.write(format, FEWER, PLAN, named).removed == []


@pytest.mark.parametrize(("format", "gone"), GONE)
def test_what_does_not_say_that_an_export_wrote_it_is_named_and_stays(
    tmp_path: Path, format: str, gone: list[str]
) -> None:
    first = export.write(format, ENTRIES, PLAN, tmp_path)
    for file in first.written:
        file.write_text(re.sub(r"(?m)^# W.*\n", "", file.read_text()))
    before = files_of(tmp_path)
    done = export.write(format, FEWER, PLAN, tmp_path)
    assert (done.removed, files_of(tmp_path)) == ([], before)
    assert done.left == [tmp_path / name for name in gone]


def test_files_of_others_and_links_in_a_service_are_no_exports(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    export.write("runit", ENTRIES, PLAN, elsewhere)
    kept = {file: file.read_text() for file in files_of(elsewhere)}
    export.write("runit", ENTRIES, PLAN, out)
    # One has files of another program, one leads elsewhere by a link in it, one is such a link.
    mine = [out / "shop-web-2" / "supervise", out / "shop-web-2/env/MINE"]
    mine[0].mkdir()
    mine[1].write_text("mine")
    shutil.rmtree(out / "shop-worker-1" / "env")
    (out / "shop-worker-1" / "env").symlink_to(elsewhere / "shop-worker-1" / "env")
    with (out / "shop-worker-1" / "run").open("a") as run:
        run.write("# with env/../../../elsewhere/shop-web-1/run\n")
    (out / "shop-old-1").symlink_to(elsewhere / "shop-worker-1")
    done = export.write("runit", ENTRIES[:1], PLAN, out)
    assert {file.read_text() for file in mine if file.is_file()} == {"mine"} and mine[0].is_dir()
    assert {file: file.read_text() for file in files_of(elsewhere)} == kept
    assert done.left == [out / name for name in ("shop-old-1", "shop-web-2", "shop-worker-1")]
    assert (out / "shop-worker-1" / "env").is_symlink() and not (out / "shop-worker-1" / "run").exists()
