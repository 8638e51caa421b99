"""From a compiled tree to a slug, with what a hostile build leaves behind."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from celadon.build import slug, squash
from celadon.build.slug import SlugError
from celadon.build.squash import Watch
from celadon.build.workspace import Workspace

UID = 4_242_424
FREE = Watch(begun=lambda _: None, stopped=lambda: None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    # Packing runs as the app's user, who must get this far.
    for parent in (tmp_path, *tmp_path.parents):
        if parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    root = tmp_path / "disk"
    (root / "out").mkdir(parents=True)
    (root / "build").mkdir()
    for path in (root, root / "out", root / "build"):
        os.chown(path, UID, UID)
    return Workspace(root, UID, 1 << 30)


def said(workspace: Workspace, text: str) -> None:
    (workspace.root / "out" / "release.1").write_text(text)


def test_release_is_read_as_yaml(workspace: Workspace) -> None:
    said(
        workspace,
        "---\nconfig_vars:\n  PATH: bin:/usr/bin\ndefault_process_types:\n  web: run me\naddons:\n- ssl\n- ssl\n",
    )
    found = slug.released(workspace, 1)
    assert (found.process_types, found.config_vars) == ({"web": "run me"}, {"PATH": "bin:/usr/bin"})
    assert found.addons == ("ssl",)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nconfig_vars: {A: *b}\n",
        "config_vars: {1BAD: x}\n",
        "addons: [[x]]\n",
        "default_process_types: {'bad name': x}\n",
        "config_vars: {A: {B: C}}\n",
        ": : :\n\t",
        "!!python/object/apply:os.system ['true']",
    ],
)
def test_nonsense_from_bin_release_fails_the_build(workspace: Workspace, text: str) -> None:
    said(workspace, text)
    with pytest.raises(SlugError):
        slug.released(workspace, 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("default_process_types:\n" + "".join(f"  a{number}: b\n" for number in range(8000)), "it is more than 64 KB"),
        ("a: " + "[" * 60_000, "it is nested too deeply"),
        ("a: " + "{a: " * 15_000, "it is nested too deeply"),
        ("- " * 30_000, "it is nested too deeply"),
    ],
)
def test_a_release_that_is_written_to_be_slow_is_refused_in_a_moment(
    workspace: Workspace, text: str, sentence: str
) -> None:
    for number in range(1, 21):
        (workspace.root / "out" / f"release.{number}").write_text("a: [" + "x," * 30_000 + "]")
    (workspace.root / "out" / "release.20").write_text(text)
    begun = time.thread_time()
    with pytest.raises(SlugError, match=sentence):
        slug.released(workspace, 20)
    assert time.thread_time() - begun < 10, "Python's own parser takes some two minutes"


def test_no_link_out_of_the_workspace_is_followed(workspace: Workspace) -> None:
    (workspace.root / "build" / "Procfile").symlink_to("/etc/shadow")
    (workspace.root / "linked").symlink_to("/etc")
    assert workspace.read("build", "Procfile", limit=1 << 20) is None
    assert workspace.read("linked", "passwd", limit=1 << 20) is None


def test_a_pipe_in_place_of_a_file_does_not_block(workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "build" / "Procfile")
    assert workspace.read("build", "Procfile", limit=1 << 20) in (None, b"")


def test_pack_makes_a_slug_of_the_apps_user(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "build" / "hello").write_text("hi")
    checksum, size = slug.pack(workspace, "build", tmp_path / "s.squashfs", UID, 1 << 20, FREE)
    assert checksum.startswith("SHA256:") and size == (tmp_path / "s.squashfs").stat().st_size
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_slug_over_the_limit_says_what_to_do(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "build" / "large").write_bytes(os.urandom(3 << 20))
    with pytest.raises(SlugError, match="slugignore"):
        slug.pack(workspace, "build", tmp_path / "s.squashfs", UID, 1 << 20, FREE)
    assert not (tmp_path / "s.squashfs").exists()


def test_a_slug_whose_build_is_stopped_is_given_up(workspace: Workspace, tmp_path: Path) -> None:
    for number in range(40):
        (workspace.root / "build" / str(number)).write_bytes(os.urandom(4 << 20))
    begun: list[int] = []
    watch = Watch(begun=begun.append, stopped=lambda: "the build was cancelled" if begun else None)
    with pytest.raises(SlugError, match=r"^the build was cancelled$"):
        slug.pack(workspace, "build", tmp_path / "s.squashfs", UID, 1 << 30, watch)
    assert not Path(f"/proc/{begun[0]}").exists()
    assert not list(tmp_path.glob("s.*"))


def test_a_tree_that_cannot_be_read_is_no_slug(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "build").chmod(0)
    with pytest.raises(SlugError, match=r"^cannot pack the slug: Could not open the app's folder$"):
        slug.pack(workspace, "build", tmp_path / "s.squashfs", UID, 1 << 20, FREE)
    assert not list(tmp_path.glob("s.*"))


def test_a_file_that_cannot_be_read_is_not_empty_in_a_slug(workspace: Workspace, tmp_path: Path) -> None:
    hidden = workspace.root / "build" / "hidden"
    hidden.write_text("not empty")
    hidden.chmod(0)
    with pytest.raises(SlugError, match=r"cannot pack the slug: Failed to read file hidden"):
        slug.pack(workspace, "build", tmp_path / "s.squashfs", UID, 1 << 20, FREE)


def test_packing_has_a_bound_for_memory(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squash, "_MEMORY", 8 << 20)
    with pytest.raises(SlugError, match="it has too many files and folders"):
        slug.pack(workspace, "build", tmp_path / "s.squashfs", UID, 1 << 30, FREE)


def test_a_build_that_replaced_its_tree_by_a_link_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "build").rmdir()
    (workspace.root / "build").symlink_to("/etc")
    with pytest.raises(SlugError, match="BUILD_DIR"):
        slug.pack(workspace, "build", tmp_path / "s.squashfs", UID, 1 << 20, FREE)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("web: run\n", {"web": "run"}),
        ("web:\trun\r\nworker : work  \r\n", {"web": "run", "worker": "work"}),
        ("# comment\n\nweb: a: b\n", {"web": "a: b"}),
        ("", {}),
    ],
)
def test_procfile(workspace: Workspace, text: str, types: dict[str, str]) -> None:
    (workspace.root / "build" / "Procfile").write_text(text)
    assert slug.declared(workspace, "build") == types


@pytest.mark.parametrize(
    ("text", "why"),
    [("web run", "line 1"), ("web: a\nweb: b", "twice"), ("we b: x", "process type"), ("web:", "no command")],
)
def test_a_procfile_that_cannot_be_read_names_the_line(workspace: Workspace, text: str, why: str) -> None:
    (workspace.root / "build" / "Procfile").write_text(text)
    with pytest.raises(SlugError, match=why):
        slug.declared(workspace, "build")


def owners(slug_file: Path) -> set[str]:
    """Who owns the files of a packed slug."""
    listed = subprocess.run(["unsquashfs", "-lln", str(slug_file)], capture_output=True, text=True, check=True).stdout
    return {line.split()[1] for line in listed.splitlines()}


def files(slug_file: Path) -> list[list[str]]:
    """All that a packed slug has, but for who owns it."""
    listed = subprocess.run(["unsquashfs", "-lln", str(slug_file)], capture_output=True, text=True, check=True).stdout
    return [[mode, *rest] for mode, _, *rest in (line.split() for line in listed.splitlines())]


def test_a_copy_for_another_app_has_the_same_files_with_its_owner(workspace: Workspace, tmp_path: Path) -> None:
    build = workspace.root / "build"
    (build / "secret").write_text("hi")
    (build / "secret").chmod(0o600)
    (build / "large").write_bytes(os.urandom(300_000))
    (build / "link").symlink_to("secret")
    os.chown(build / "secret", UID, UID)
    packed, copied = tmp_path / "s.squashfs", tmp_path / "copy.squashfs"
    checksum, size = slug.pack(workspace, "build", packed, UID, 1 << 20, FREE)
    copy = slug.copy_for(packed, copied, UID + 70_000, checksum)
    assert (owners(packed), owners(copied)) == ({f"{UID}/{UID}"}, {f"{UID + 70_000}/{UID + 70_000}"})
    assert files(copied) == files(packed)
    assert copied.stat().st_size == size
    assert copy != checksum and slug.copy_for(packed, copied, UID, checksum) == checksum
    subprocess.run(["unsquashfs", "-q", "-n", "-d", str(tmp_path / "out"), str(copied)], check=True)
    assert (tmp_path / "out" / "large").read_bytes() == (build / "large").read_bytes()


def test_a_slug_that_has_changed_or_has_several_owners_is_not_copied(workspace: Workspace, tmp_path: Path) -> None:
    packed, target = tmp_path / "s.squashfs", tmp_path / "copy.squashfs"
    checksum, _ = slug.pack(workspace, "build", packed, UID, 1 << 20, FREE)
    with pytest.raises(SlugError, match="no longer kept"):
        slug.copy_for(tmp_path / "nothing", target, UID, checksum)
    with pytest.raises(SlugError, match="changed on disk"):
        slug.copy_for(packed, target, UID, "SHA256:00")
    (workspace.root / "build" / "roots").write_text("hi")
    other = tmp_path / "other.squashfs"
    subprocess.run(["mksquashfs", str(workspace.root / "build"), str(other), "-quiet", "-no-progress"], check=True)
    with pytest.raises(SlugError, match="several owners"):
        slug.copy_for(other, target, UID, f"SHA256:{hashlib.sha256(other.read_bytes()).hexdigest()}")
    assert not target.exists() and not list(tmp_path.glob("*.part"))
