"""Pushes to an app of which one folder is built."""

import tarfile

import pytest
from tests.git.town import Builder, Town, Tree, wait_until

from celadon.actions import builds, repositories
from celadon.git import source_path
from celadon.model.errors import InvalidParams


@pytest.fixture
def tree(town: Town) -> Tree:
    """A repository with two apps, one of them behind a link as well, and a folder that is none."""
    app = town.create_app()
    tree = Tree(town, town.ssh_url(app.name))
    for name in ("services/api", "services/worker", "web"):
        (tree.path / name).mkdir(parents=True)
        (tree.path / name / "Procfile").write_text(f"web: run {name}\n")
    (tree.path / "link").symlink_to("services/api")
    tree.commit()
    return tree


def app_name(tree: Tree) -> str:
    return tree.git("remote", "get-url", "celadon").strip().rpartition("/")[2].removesuffix(".git")


def set_source_path(tree: Tree, path: str) -> None:
    repositories.set_source_path(tree.town.context, tree.town.actor, app_name(tree), path)


def test_a_build_knows_its_folder_and_has_the_whole_commit(tree: Tree, builder: Builder) -> None:
    set_source_path(tree, "services/api")
    assert tree.push().returncode == 0
    set_source_path(tree, "")
    tree.commit()
    assert tree.push().returncode == 0
    _, found = builds.list_of(tree.town.context, tree.town.actor, app_name(tree))
    assert [build.source_path for build in found] == ["services/api", None]
    with tarfile.open(tree.town.context.blobs.source(found[0].id)) as archive:
        assert "services/worker/Procfile" in archive.getnames()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("service", "the commit has no folder service; folders at its top: services, web."),
        ("services/ap", "the commit has no folder services/ap; folders in services: services/api, services/worker."),
        ("services/api/x/y", "the commit has no folder services/api/x; there are no folders in services/api."),
        ("link", "link is a file or a link; folders at its top: services, web."),
        ("link/x", "link is a file or a link; folders at its top: services, web."),
        ("web/Procfile", "web/Procfile is a file or a link; there are no folders in web."),
    ],
)
def test_a_push_without_the_folder_is_refused_with_those_there_are(tree: Tree, path: str, sentence: str) -> None:
    set_source_path(tree, path)
    done = tree.push()
    assert done.returncode == 1
    assert f" !     cannot build the folder {path}: {sentence} Push that folder, or set another" in done.stderr
    assert builds.list_of(tree.town.context, tree.town.actor, app_name(tree))[1] == []
    # Other branches are stored all the same.
    assert tree.push("main:topic").returncode == 0
    wait_until(lambda: tree.git("ls-remote", "celadon", "topic"))


def test_many_folders_are_not_all_told() -> None:
    told = source_path.refusal("x", "x", "", [f"f{n}" for n in range(30)] + ["\x1b[31m"], is_file=False)
    assert "f19 and 11 more" in told and "\x1b" not in told


def test_a_bad_path_is_not_kept(tree: Tree) -> None:
    set_source_path(tree, "web")
    with pytest.raises(InvalidParams, match="cannot build the folder"):
        set_source_path(tree, "../web")
    assert repositories.find(tree.town.context, tree.town.actor, app_name(tree))[1].source_path == "web"
