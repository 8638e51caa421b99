"""Who may come through the doors, and what is turned away at them."""

import base64
import gzip
import http.client
import os
import signal
import socket
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.git.test_requests import HOSTILE_COMMANDS
from tests.git.town import EMAIL, PASSWORD, Builder, Relay, Town, Tree, wait_until

from celadon.actions import apps, authorizations, keys, team_members, teams
from celadon.actions.team_members import Way
from celadon.model.team import TeamRole
from celadon.store import apps as stored_apps
from celadon.store import builds, tables

PUSH = "/{}.git/info/refs?service=git-receive-pack"
# What the router says of who asks.
HERE = {"X-Forwarded-For": "203.0.113.7"}
FETCH = "/{}.git/info/refs?service=git-upload-pack"


def get(relay: Relay, path: str, login: str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return ask(relay, "GET", path, login, None, headers)


def ask(
    relay: Relay, method: str, path: str, login: str | None, body: bytes | None, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=30)
    if login is not None:
        headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}", **headers}
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "kind", [("ed25519",), ("rsa", "-b", "2048"), ("rsa", "-b", "4096"), ("ecdsa", "-b", "256"), ("ecdsa", "-b", "521")]
)
def test_every_kind_of_key_lets_in(town: Town, kind: tuple[str, ...]) -> None:
    done = town.ssh(key=town.new_key(town.actor, *kind))
    assert done.returncode == 0
    assert done.stdout == f"Hello {EMAIL}, your key works. There is no shell here: `git push` deploys an app.\n"


def test_sha1_signatures_are_refused(town: Town) -> None:
    key = town.new_key(town.actor, "rsa", "-b", "2048")
    done = town.ssh(key=key, options=("-oPubkeyAcceptedAlgorithms=ssh-rsa",))
    assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr


def test_an_unknown_or_removed_key_is_refused(town: Town) -> None:
    key = town.new_key(town.actor)
    (found,) = [
        entry
        for entry in keys.list_of(town.context, town.actor)
        if entry.public_key in key.with_suffix(".pub").read_text()
    ]
    keys.delete(town.context, town.actor, found.id)
    done = town.ssh(key=key)
    assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr


def test_the_host_keys_stay_and_are_secret(town: Town) -> None:
    for name in ("ed25519", "rsa"):
        assert stat.S_IMODE((town.home / "ssh" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((town.home / "ssh").stat().st_mode) == 0o700
    before = (town.home / "ssh" / "ed25519").read_bytes()
    town.stop_role()
    town.start_role()
    assert (town.home / "ssh" / "ed25519").read_bytes() == before
    assert town.ssh().returncode == 0


@pytest.mark.parametrize("command", [command for command in HOSTILE_COMMANDS if command and "\x00" not in command])
def test_hostile_commands_are_refused_over_ssh(town: Town, command: str) -> None:
    done = town.ssh(command)
    assert done.returncode == 1 and done.stdout == ""
    assert "cannot run that command" in done.stderr or "Couldn't find that app" in done.stderr


def test_nothing_but_git_goes_through_ssh(town: Town) -> None:
    subsystem = town.ssh("sftp", options=("-s",))
    assert subsystem.returncode == 255 and subsystem.stdout == ""
    forward = town.ssh(options=("-N", "-W", "127.0.0.1:22"))
    assert forward.returncode == 255
    terminal = town.ssh(options=("-tt",))
    assert terminal.returncode == 0 and "There is no shell here" in terminal.stdout


def test_strangers_and_typing_errors_get_the_same_answer(town: Town, relay: Relay) -> None:
    name = town.create_app().name
    stranger = town.new_account("stranger@localhost")
    key, token = town.new_key(stranger), town.new_token(stranger)
    answers = {
        town.ssh(f"git-upload-pack '/{path}.git'", key=key).stderr.splitlines()[-1] for path in (name, "no-such-app")
    }
    assert answers == {" !     Couldn't find that app."}
    for path in (name, "no-such-app"):
        status, _, body = get(relay, FETCH.format(path), f"x:{token}")
        assert (status, body) == (404, b"Couldn't find that app.\n")


def test_a_collaborator_pushes_and_clones(town: Town, relay: Relay, builder: Builder) -> None:
    app = town.create_app()
    friend = town.new_account("friend@localhost")
    with town.context.database.transaction() as tx:
        row = {"app_id": app.id, "account_id": friend.account.id, "created_at": app.created_at}
        tx.connection.execute(tables.collaborators.insert().values(row))
        assert stored_apps.is_collaborator(tx, app.id, friend.account.id)
    tree = Tree(town, town.ssh_url(app.name), key=town.new_key(friend))
    tree.commit()
    assert tree.push().returncode == 0
    tree.git("clone", "-q", relay.url(app.name, town.new_token(friend)), "copy")


def test_a_member_of_a_team_pushes_and_clones_until_removed_and_a_viewer_does_not(
    town: Town, relay: Relay, builder: Builder
) -> None:
    name, member, viewer = (
        f"team-{uuid.uuid4().hex[:8]}",
        town.new_account("member@localhost"),
        town.new_account("v@localhost"),
    )
    teams.create(town.context, town.actor, name)
    for account, role in ((member, TeamRole.MEMBER), (viewer, TeamRole.VIEWER)):
        team_members.put(town.context, town.actor, name, account.email, role, Way.CREATE)
    app = apps.create(town.context, town.actor, team=name)
    key, token = town.new_key(member), town.new_token(member)
    tree = Tree(town, town.ssh_url(app.name), key=key)
    tree.commit()
    assert tree.push().returncode == 0
    tree.git("clone", "-q", relay.url(app.name, token), "copy")
    for path in (PUSH, FETCH):
        assert get(relay, path.format(app.name), f"x:{token}")[0] == 200
        assert get(relay, path.format(app.name), f"x:{town.new_token(viewer)}")[0] == 403
    team_members.remove(town.context, town.actor, name, member.email)
    tree.commit()
    assert "Couldn't find that app." in tree.push().stderr
    assert "Couldn't find that app." in town.ssh(f"git-upload-pack '/{app.name}.git'", key=key).stderr
    for path in (PUSH, FETCH):
        assert get(relay, path.format(app.name), f"x:{token}")[0] == 404


def test_http_asks_for_credentials_first(town: Town, relay: Relay) -> None:
    name = town.create_app().name
    for path in (name, "no-such-app"):
        status, headers, _ = get(relay, PUSH.format(path))
        assert status == 401 and headers["www-authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("login", ["x:wrong", ":", "x", f"{EMAIL}:wrong password", "nobody@localhost:x", ""])
def test_http_refuses_bad_credentials(town: Town, relay: Relay, login: str) -> None:
    status, headers, _ = get(relay, PUSH.format(town.create_app().name), login)
    assert status == 401 and "www-authenticate" in headers


def test_http_takes_a_token_with_any_name_and_a_password_with_its_address(town: Town, relay: Relay) -> None:
    name = town.create_app().name
    for login in (f"heroku:{town.token}", f":{town.token}", f"{EMAIL}:{town.token}", f"{EMAIL}:{PASSWORD}"):
        status, headers, body = get(relay, PUSH.format(name), login)
        assert status == 200 and body.startswith(b"001f# service=git-receive-pack\n0000")
        assert headers["content-type"] == "application/x-git-receive-pack-advertisement"
        assert headers["cache-control"].startswith("no-cache")
    assert get(relay, PUSH.format(name), None, Authorization=f"Bearer {town.token}")[0] == 200
    assert get(relay, PUSH.format(name), None, Authorization="Basic ###")[0] == 401


def test_a_revoked_token_stops_working_at_once(town: Town, relay: Relay) -> None:
    name = town.create_app().name
    authorization, token = authorizations.create(town.context, town.actor)
    assert get(relay, FETCH.format(name), f"x:{token}")[0] == 200
    authorizations.revoke(town.context, town.actor, authorization.id)
    assert get(relay, FETCH.format(name), f"x:{token}")[0] == 401


def test_a_token_does_what_its_scope_says(town: Town, relay: Relay) -> None:
    name = town.create_app().name
    scopes = {"write-protected": (200, 200), "read-protected": (200, 403), "identity": (403, 403), "read": (403, 403)}
    for scope, (fetch, push) in scopes.items():
        token = town.new_token(town.actor, (scope,))
        assert get(relay, FETCH.format(name), f"x:{token}")[0] == fetch, scope
        assert get(relay, PUSH.format(name), f"x:{token}")[0] == push, scope


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/{}.git/info/refs", 400),
        ("GET", "/{}.git/info/refs?service=git-upload-archive", 400),
        ("GET", "/{}.git/info/refs?service=--help", 400),
        ("GET", "/{}.git/HEAD", 404),
        ("GET", "/{}.git/objects/info/packs", 404),
        ("GET", "/{}.git/git-receive-pack", 404),
        ("GET", "/{}.git", 404),
        ("GET", "/x/../{}.git/info/refs?service=git-upload-pack", 404),
        ("GET", "/{}%2egit/info/refs?service=git-upload-pack", 404),
        ("POST", "/{}.git/git-upload-archive", 404),
        ("POST", "/{}.git/git-receive-pack", 400),
        ("PUT", "/{}.git/git-receive-pack", 404),
    ],
)
def test_other_urls_are_refused(town: Town, relay: Relay, method: str, path: str, status: int) -> None:
    name = town.create_app().name
    found, _, body = ask(relay, method, path.format(name), f"x:{town.token}", b"" if method != "GET" else None, {})
    assert found == status and b"\n" in body


def test_gzip_that_unpacks_to_too_much_is_cut_off(town: Town, relay: Relay) -> None:
    name = town.create_app().name
    bomb = gzip.compress(b"0032want " + b"a" * (200 << 20), 9)
    headers = {"Content-Type": "application/x-git-upload-pack-request", "Content-Encoding": "gzip"}
    before = _peak(town)
    status, _, _ = ask(relay, "POST", f"/{name}.git/git-upload-pack", f"x:{town.token}", bomb, headers)
    assert status in (200, 400)
    assert _peak(town) - before < 30_000
    junk = ask(relay, "POST", f"/{name}.git/git-upload-pack", f"x:{town.token}", b"no gzip", headers)
    assert junk[0] in (200, 400)
    assert get(relay, FETCH.format(name), f"x:{town.token}")[0] == 200


def test_a_fetch_with_much_to_negotiate_arrives(town: Town, relay: Relay, builder: Builder) -> None:
    """Git sends the request of such a fetch as gzip."""
    tree = Tree(town, relay.url(town.create_app().name, town.token))
    stream = "reset refs/heads/main\n" + "".join(
        f"commit refs/heads/main\ncommitter A <a@b> {n} +0000\ndata 1\nx\n" for n in range(300)
    )
    tree.git("fast-import", "--quiet", stdin=stream)
    tree.push()
    tree.git("reset", "-q", "--hard", "main")
    sha = tree.commit()
    tree.push()
    for version in ("0", "2"):
        other = Tree(town, tree.git("remote", "get-url", "celadon").strip())
        other.git("-c", f"protocol.version={version}", "fetch", "-q", "celadon", "main")
        assert other.git("rev-parse", "FETCH_HEAD").strip() == sha


def test_a_connection_that_never_logs_in_harms_nobody(town: Town) -> None:
    silent = [socket.create_connection(("127.0.0.1", town.settings.ssh_port)) for _ in range(50)]
    try:
        began = time.monotonic()
        assert town.ssh().returncode == 0
        # The silent ones are thrown out after 30 s.
        assert time.monotonic() - began < 25
    finally:
        for connection in silent:
            connection.close()


def test_a_client_that_leaves_in_the_middle_ends_its_programs(town: Town, relay: Relay) -> None:
    app = town.create_app()
    uid = town.settings.uid_base + app.number
    tree = Tree(town, town.ssh_url(app.name))
    tree.commit()
    push = tree.start("push", "celadon", "main")
    # Its build waits for ever: nobody takes it up.
    wait_until(lambda: _pending(town))
    assert _programs(uid)
    os.killpg(push.pid, signal.SIGKILL)
    push.communicate()
    wait_until(lambda: not _programs(uid))


def _pending(town: Town) -> bool:
    with town.context.database.read() as tx:
        return bool(builds.list_pending(tx))


def _programs(uid: int) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.stat().st_uid == uid:
                found.append(path.name)
        except FileNotFoundError:
            continue
    return found


def _peak(town: Town) -> int:
    """The most memory the role ever had, in KB."""
    assert town.role is not None
    status = Path(f"/proc/{town.role.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


# The role as it is, but that it gives no guess back.
UNFORGETTING = """
import sys
from celadon import __main__ as celadon
from celadon.actions import rates
rates._OF_ADDRESS = (rates._OF_ADDRESS[0], 0)
sys.exit(celadon.main())
"""


@pytest.fixture
def unforgetting(town: Town) -> Iterator[None]:
    """Every six seconds one more may be wrong, and on a busy machine thirty of them take longer than that."""
    town.stop_role()
    town.start_role("-c", UNFORGETTING)
    yield
    town.stop_role()
    town.start_role()


@pytest.mark.usefixtures("unforgetting")
def test_guesses_of_a_password_end(town: Town, relay: Relay) -> None:
    name = town.create_app().name
    statuses = [get(relay, FETCH.format(name), f"{EMAIL}:wrong-{number}", **HERE)[0] for number in range(32)]
    assert statuses[:30] == [401] * 30 and set(statuses[30:]) == {429}
    assert get(relay, FETCH.format(name), f"{EMAIL}:{PASSWORD}", **HERE)[0] == 429
    # Tokens cannot be guessed, and go on; so does who comes from elsewhere.
    assert get(relay, FETCH.format(name), f"x:{town.token}", **HERE)[0] == 200
    assert get(relay, FETCH.format(name), f"{EMAIL}:{PASSWORD}", **{"X-Forwarded-For": "203.0.113.8"})[0] == 200
