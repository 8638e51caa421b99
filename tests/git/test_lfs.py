"""A client with Git LFS is answered at both doors: there is none here."""

import json
import urllib.error
import urllib.request

import pytest
from tests.git.town import Builder, Relay, Town, Tree


@pytest.fixture(params=["ssh", "http"])
def tree(request: pytest.FixtureRequest, town: Town, relay: Relay) -> Tree:
    """A developer with the real client, and a file that it has taken."""
    name = town.create_app().name
    tree = Tree(town, town.ssh_url(name) if request.param == "ssh" else relay.url(name, town.token))
    tree.git("lfs", "install", "--local")
    tree.git("lfs", "track", "*.bin")
    tree.commit(**{"large.bin": "x" * 5000})
    assert "oid sha256:" in tree.git("show", "HEAD:large.bin")
    return tree


def test_a_push_with_lfs_files_ends_at_once_with_what_to_do(tree: Tree, builder: Builder) -> None:
    done = tree.push()
    assert done.returncode != 0
    assert "cannot take Git LFS files: this platform keeps none" in done.stderr, done.stderr
    assert builder.taken == []


def test_a_push_that_leaves_them_out_is_built(tree: Tree, builder: Builder) -> None:
    done = tree.attempt("push", "celadon", "main", GIT_LFS_SKIP_PUSH="1")
    assert done.returncode == 0, done.stderr
    assert len(builder.taken) == 1


def test_what_was_migrated_out_of_lfs_is_pushed(tree: Tree, builder: Builder) -> None:
    tree.git("lfs", "migrate", "export", "--include=*", "--everything", "--yes")
    tree.git("lfs", "uninstall", "--local")
    done = tree.push()
    assert done.returncode == 0, done.stderr
    assert tree.git("show", "HEAD:large.bin") == "x" * 5000


@pytest.mark.parametrize("path", ["objects/batch", "locks/verify"])
def test_lfs_is_told_without_a_login_that_there_is_none(relay: Relay, path: str) -> None:
    url = f"{relay.url('anything')}/info/lfs/{path}"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, data=b"{}"), timeout=10)
    with refused.value as answer:
        assert answer.code == 501
        assert answer.headers["Content-Type"].startswith("application/vnd.git-lfs+json")
        assert "this platform keeps none" in json.loads(answer.read())["message"]
