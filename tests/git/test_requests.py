"""What a client may ask of a door, as text."""

import pytest

from celadon.git import requests
from celadon.git.requests import Request, Service
from celadon.model.errors import BadRequest, NotFound

RECEIVE, UPLOAD = Service.RECEIVE_PACK, Service.UPLOAD_PACK


@pytest.mark.parametrize(
    ("command", "service"),
    [
        ("git-receive-pack '/my-app.git'", RECEIVE),
        ("git-receive-pack 'my-app.git'", RECEIVE),
        ("git-upload-pack '/my-app.git'", UPLOAD),
        ("git upload-pack '/my-app.git/'", UPLOAD),
        ("git-upload-pack my-app.git", UPLOAD),
    ],
)
def test_commands_of_git_are_understood(command: str, service: Service) -> None:
    assert requests.of_command(command) == Request(service, "my-app")


HOSTILE_COMMANDS = [
    "",
    "ls",
    "sh -c 'git-upload-pack /my-app.git'",
    "git-upload-pack",
    "git-upload-archive '/my-app.git'",
    "git-shell",
    "git-receive-pack '/my-app.git' '/other.git'",
    "git-receive-pack '/my-app.git'; id",
    "git-receive-pack '/my-app.git'\nid",
    "git-receive-pack '/my-app.git\n'",
    "git-receive-pack '/../my-app.git'",
    "git-receive-pack '/x/../my-app.git'",
    "git-receive-pack '//my-app.git'",
    "git-receive-pack '/etc/passwd'",
    "git-receive-pack '~root/my-app.git'",
    "git-receive-pack '/my-app'",
    "git-receive-pack '/MY-APP.git'",
    "git-receive-pack '/my-app.git/objects'",
    "git-receive-pack '/my-app.git\\'",
    "git-receive-pack ''",
    "git-receive-pack '/it'\\''s.git'",
    'git-receive-pack "/my-app.git"',
    "git-receive-pack $(id).git",
    "git-receive-pack --help",
    "git-upload-pack '--upload-pack=id' '/my-app.git'",
    "git-upload-pack --strict '/my-app.git'",
    "git-upload-pack '-u.git'",
    "git-upload-pack '/my-app.git\x00'",
    "git-upload-pack '/mу-app.git'",
    "GIT_DIR=x git-upload-pack '/my-app.git'",
    "git-upload-pack '/" + "a" * 5000 + ".git'",
]


@pytest.mark.parametrize("command", HOSTILE_COMMANDS)
def test_every_other_command_is_refused(command: str) -> None:
    with pytest.raises((BadRequest, NotFound)):
        requests.of_command(command)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/my-app.git/info/refs", ("my-app", "/info/refs")),
        ("/my-app.git/git-upload-pack", ("my-app", "/git-upload-pack")),
        ("/my-app.git", ("my-app", "")),
    ],
)
def test_urls_are_split_into_app_and_rest(path: str, found: tuple[str, str]) -> None:
    assert requests.split_path(path) == found


@pytest.mark.parametrize(
    "path",
    ["/", "/.git/info/refs", "/../my-app.git/info/refs", "/%6dy-app.git/info/refs", "//my-app.git/x", "/a/b.git/x"],
)
def test_urls_that_name_no_app_are_refused(path: str) -> None:
    with pytest.raises(NotFound):
        requests.split_path(path)


@pytest.mark.parametrize(
    ("wanted", "found"), [("version=2", "version=2"), ("version=9", None), ("x", None), (None, None)]
)
def test_only_known_protocol_versions_reach_git(wanted: str | None, found: str | None) -> None:
    assert requests.protocol(wanted) == found
