"""Heroku's own client, unmodified, with accounts: who has access, tokens, logging in by a browser."""

import json
import re
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyotp
import pytest

from tests.journeys.conftest import Platform
from tests.official_cli.client import SECONDS, Client

EMAIL = "admin@localhost"
OTHER_PASSWORD = "as long as it takes"


@pytest.fixture(scope="module")
def heroku(new_client: Callable[[Path], Client], password: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Logged in as the operator."""
    made = new_client(tmp_path_factory.mktemp("work"))
    made.log_in(EMAIL, password)
    return made


@pytest.fixture
def app(heroku: Client) -> str:
    name = f"t-{uuid.uuid4().hex[:12]}"
    heroku("create", name, "--no-remote")
    return name


def call(platform: Platform, method: str, path: str, token: str, body: object, code: str = "") -> object:
    """What the API answers, for what the client has no command for."""
    answer = platform.request(
        "localhost",
        path,
        method=method,
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.heroku+json; version=3",
            "Content-Type": "application/json",
            "Heroku-Two-Factor-Code": code,
        },
        body=json.dumps(body).encode(),
    )
    assert answer.status < 300, answer.text
    return json.loads(answer.text)


def invited(platform: Platform, email: str) -> None:
    """Follows the link in the newest letter to this address, as the person would in a browser."""
    letters = json.loads(platform.celadon("platform:outbox", "--json"))
    text = next(letter["text"] for letter in letters if letter["recipient"] == email)
    link = re.search(r"/account/accept/[\w-]{43}", text)
    assert link is not None, text
    send_form(platform, link[0], password=OTHER_PASSWORD, again=OTHER_PASSWORD)


def send_form(platform: Platform, path: str, **form: str) -> str:
    url = f"http://localhost:{platform.ports['http-port']}{path}"
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=SECONDS) as page:
        return str(page.read().decode())


def test_access_is_given_and_taken_and_an_app_changes_hands(
    platform: Platform, heroku: Client, new_client: Callable[[Path], Client], app: str, tmp_path: Path
) -> None:
    email = f"{uuid.uuid4().hex[:12]}@example.com"
    said = heroku("access:add", email, "-a", app)
    assert f"Adding {email} access to the app" in said
    invited(platform, email)
    assert re.search(rf"{email} +collaborator", heroku("access", "-a", app))
    assert "email sent" in heroku("apps:transfer", email, "-a", app)
    other = new_client(tmp_path)
    other.log_in(email, OTHER_PASSWORD)
    token = other("auth:token").split()[-1]
    call(platform, "PATCH", f"/account/app-transfers/{app}", token, {"state": "accepted"})
    assert re.search(rf"{email} +owner", other("access", "-a", app))
    assert re.search(rf"{EMAIL} +collaborator", other("access", "-a", app))
    assert f"Removing {EMAIL} access from the app" in other("access:remove", EMAIL, "-a", app)
    assert EMAIL not in other("access", "-a", app)


def test_tokens(heroku: Client) -> None:
    made = heroku("authorizations:create", "-d", "a robot", "-s", "read", "-e", "3600")
    id = re.search(r"ID: +(\S+)", made)
    assert id is not None and re.search(r"Token: +HRKU-", made)
    assert re.search(r"Expires at: +\S.*\(in about 1 hour\)", made)
    assert re.search(rf"a robot +{id[1]} +read", heroku("authorizations"))
    assert re.search(r"Description: +a robot", heroku("authorizations:info", id[1]))
    assert re.search(r"Description: +another", heroku("authorizations:update", id[1], "-d", "another"))
    assert re.search(r"Token: +HRKU-", heroku("authorizations:rotate", id[1]))
    assert "done, revoked authorization from another" in heroku("authorizations:revoke", id[1])
    assert re.fullmatch(r"(?s).*HRKU-\S+\n", heroku("authorizations:create", "--short"))


def test_clients(heroku: Client) -> None:
    made = json.loads(
        heroku("clients:create", "Reports", "https://reports.example.com/back", "--json").partition("done\n")[2]
    )
    id = made["id"]
    assert re.search(rf"Reports +{id}", heroku("clients"))
    assert f"HEROKU_OAUTH_SECRET={made['secret']}" in heroku("clients:info", id, "--shell")
    assert f"Updating {id}... done" in heroku("clients:update", id, "-n", "More")
    assert "More" in heroku("clients:info", id)
    assert made["secret"] not in heroku("clients:rotate", id)
    assert f"Destroying {id}... done" in heroku("clients:destroy", id)


def test_labs_and_the_second_factor(heroku: Client, app: str) -> None:
    assert "Two-factor authentication is not enabled" in heroku("auth:2fa")
    assert "this command has been removed" in heroku("auth:2fa:disable", status=2)
    assert "[+] preboot" in heroku("features", "-a", app)
    listed = heroku("labs", "-a", app)
    assert re.search(rf"User Features {EMAIL}\n+\[ \] private-account ", listed)
    assert re.search(rf"App Features .*{app}\n+\[ \] log-runtime-metrics ", listed)
    assert f"Enabling private-account for {EMAIL}... done" in heroku("labs:enable", "private-account")
    assert "[+] private-account" in heroku("labs")
    assert f"Disabling private-account for {EMAIL}... done" in heroku("labs:disable", "private-account")
    assert re.search(
        rf"Enabling log-runtime-metrics for .*{app}... done", heroku("labs:enable", "log-runtime-metrics", "-a", app)
    )


def test_a_login_in_the_browser_and_its_end(
    platform: Platform, new_client: Callable[[Path], Client], password: str, tmp_path: Path
) -> None:
    heroku = new_client(tmp_path)
    child = heroku.on_terminal("login")
    try:
        child.expect("Press any key to open up the browser")
        child.send("b")
        child.expect(r"(/auth/browser/[\w-]{43})")
        assert child.match is not None and not isinstance(child.match, type)
        page = child.match.group(1)
        child.expect("Waiting for login")
        said = send_form(platform, page, answer="allow", email=EMAIL, password=password)
        assert "You are logged in" in said
        child.expect(f"Logged in as .*{re.escape(EMAIL)}")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    session = re.search(r"Heroku CLI login from \S+ +(\S+)", heroku("sessions"))
    assert session is not None
    heroku("logout")
    assert "machine" not in (heroku.home / ".netrc").read_text()
    assert session[1] not in platform.celadon("sessions")


def test_a_session_is_destroyed(platform: Platform, heroku: Client, password: str) -> None:
    begun = call(platform, "POST", "/auth", "", {"description": "elsewhere"})
    assert isinstance(begun, dict)
    send_form(platform, begun["browser_url"], answer="allow", email=EMAIL, password=password)
    session = re.search(r"elsewhere +(\S+)", heroku("sessions"))
    assert session is not None
    assert f"Destroying {session[1]}... done" in heroku("sessions:destroy", session[1])
    assert session[1] not in heroku("sessions")


def test_a_login_with_a_second_factor(
    platform: Platform, new_client: Callable[[Path], Client], heroku: Client, tmp_path: Path, app: str
) -> None:
    email = f"{uuid.uuid4().hex[:12]}@example.com"
    heroku("access:add", email, "-a", app)
    invited(platform, email)
    other = new_client(tmp_path)
    other.log_in(email, OTHER_PASSWORD)
    token = other("auth:token").split()[-1]
    begun = call(platform, "POST", "/account/two-factor", token, {"password": OTHER_PASSWORD})
    assert isinstance(begun, dict)
    totp, now = pyotp.TOTP(begun["secret"]), int(time.time())
    call(platform, "PATCH", "/account", token, {"two_factor_authentication": True}, code=totp.at(now))
    assert "Two-factor authentication is enabled" in other("auth:2fa")
    other("logout")
    child = other.on_terminal("login", "-i")
    try:
        child.expect("Email")
        child.sendline(email)
        child.expect("Password")
        child.sendline(OTHER_PASSWORD)
        child.expect("Two-factor code")
        # The present one, but not the one that was used.
        child.sendline(totp.at(max(now + 30, int(time.time()))))
        child.expect(f"Logged in as .*{re.escape(email)}")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert other("auth:whoami") == f"{email}\n"
