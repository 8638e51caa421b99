"""Which submodules the builder is told to fetch."""

import pytest

from celadon.git import submodules
from celadon.model.errors import InvalidParams


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://example.com/a/b.git", "https://example.com/a/b.git"),
        ("http://user:secret@example.com:8080/b", "http://user:secret@example.com:8080/b"),
        ("git://example.com/b.git", "git://example.com/b.git"),
        ("ssh://git@example.com:2222/b.git", "ssh://git@example.com:2222/b.git"),
        ("git@example.com:a/b.git", "ssh://git@example.com/a/b.git"),
    ],
)
def test_urls_of_the_four_kinds_are_kept(url: str, found: str) -> None:
    assert submodules.check_url("lib", url) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "../sibling.git",
        "./inside",
        "/etc/passwd",
        "file:///etc",
        "ext::sh -c id",
        "ext::sh%20-c%20id",
        "ftp://example.com/b",
        "-u./payload",
        "--upload-pack=id",
        "ssh://-oProxyCommand=id/x",
        "ssh://-oProxyCommand=id@example.com/x",
        "-oProxyCommand=id@example.com:x",
        "git@-oProxyCommand=id:x",
        "https://",
        "https:///path",
        "https://example.com:port/x",
        "https://exa mple.com/x",
        "https://example.com/x\nurl = file:///etc",
        "https://example.com/\x1b[31m",
        "https://" + "a" * 3000,
    ],
)
def test_bad_urls_are_refused_with_the_path(url: str) -> None:
    with pytest.raises(InvalidParams, match="cannot fetch the submodule 'lib'"):
        submodules.check_url("lib", url)


def test_declarations_and_gitlinks_are_read() -> None:
    listed = b"submodule.a.path\nlib/a\0submodule.a.url\nhttps://x.org/a\0core.bare\ntrue\0submodule.b.url\ngit://y\0"
    assert submodules.declared(listed) == {"lib/a": "https://x.org/a"}
    tree = b"160000 commit 1111\tlib/a\x00100644 blob 2222\tlib/b\x00040000 tree 3333\tlib/c\0"
    assert submodules.gitlinks(tree) == {"lib/a": "1111"}


def test_a_submodule_without_a_url_is_refused() -> None:
    with pytest.raises(InvalidParams, match="gives it no url"):
        submodules.declared(b"submodule.a.path\nlib/a\0")
