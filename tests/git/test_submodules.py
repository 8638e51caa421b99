"""Which submodules the builder is told to fetch."""

import re

import pytest

from celadon.git import submodules
from celadon.model.errors import InvalidParams


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://example.com/a/b.git", "https://example.com/a/b.git"),
        ("http://user:secret@example.com:8080/b", "http://user:secret@example.com:8080/b"),
    ],
)
def test_urls_that_can_be_fetched_are_kept(url: str, found: str) -> None:
    assert submodules.check_url("lib", url) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "../sibling.git",
        "git://example.com/b.git",
        "ssh://git@example.com:2222/b.git",
        "git@example.com:a/b.git",
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


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("git@example.com:a/b.git", "builds have no SSH key; write https://example.com/a/b.git into .gitmodules"),
        ("ssh://git@example.com/b", "builds have no SSH key; write its https:// URL"),
        ("git://example.com/b.git", "only https:// and http:// URLs can be fetched"),
        ("file:///srv/b.git", "only https:// and http:// URLs can be fetched"),
        ("../b.git", "set the app's repository link"),
    ],
)
def test_a_refusal_says_what_to_write_instead(url: str, why: str) -> None:
    with pytest.raises(InvalidParams, match=re.escape(why)):
        submodules.check_url("lib", url)


def test_a_refusal_does_not_tell_the_password() -> None:
    with pytest.raises(InvalidParams) as refused:
        submodules.check_url("lib", "ftp://me:p@s3cret@example.com/b")
    assert "s3cret" not in refused.value.message and "ftp://example.com/b" in refused.value.message


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("../b.git", "https://example.com/team/b.git"),
        ("../../other/b.git", "https://example.com/other/b.git"),
        ("./b", "https://example.com/team/shop/b"),
    ],
)
def test_relative_urls_begin_at_the_apps_repository_link(url: str, found: str) -> None:
    assert submodules.check_url("lib", url, "https://example.com/team/shop") == found


@pytest.mark.parametrize("url", ["../../../evil.example/b", "../../../../x"])
def test_a_relative_url_does_not_leave_the_host(url: str) -> None:
    with pytest.raises(InvalidParams, match="it leads out of the host"):
        submodules.check_url("lib", url, "https://example.com/team/shop")
