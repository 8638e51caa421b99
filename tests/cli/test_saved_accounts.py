"""Several accounts side by side."""

import json
import stat
from pathlib import Path

import pytest
from tests.cli.inside import Inside
from tests.cli.program import Program
from tests.cli.world import EMAIL, OTHER, PASSWORD, World

from celadon.cli.commands import accounts, saved_accounts
from celadon.cli.connection import netrc
from celadon.cli.connection.platforms import Platform


def kept(celadon: Program) -> Path:
    return celadon.home / ".config" / "celadon" / "accounts.json"


@pytest.fixture
def two(world: World, celadon: Program) -> Program:
    """The program of somebody who has two accounts; the second one is in use."""
    assert celadon("accounts:add", "home").out == f"{EMAIL} at http://{world.machine} is kept as home.\n"
    added = celadon("accounts:add", "work", "--email", OTHER, input=f"{PASSWORD}\n")
    assert added.out == f"{OTHER} at http://{world.machine} is kept as work.\n", added.err
    return celadon


def test_none_are_kept_at_first(celadon: Program) -> None:
    assert celadon("accounts").out == "No accounts are kept under names: `celadon accounts:add NAME` keeps one.\n"
    assert celadon("accounts:current").status == 1


def test_accounts_are_changed_by_their_names(world: World, two: Program) -> None:
    url = f"http://{world.machine}"
    assert two("accounts").out == f"  home  {EMAIL}    {url}\n* work  {OTHER}  {url}\n"
    assert two("whoami").out == f"{OTHER}\n" and two("accounts:current").out == "work\n"
    assert two("accounts:set", "home").out == f"Using home: {EMAIL} at {url}\n"
    assert two("whoami").out == f"{EMAIL}\n" and two("accounts:current").out == "home\n"
    assert two("accounts:default", "work").status == 0
    assert two("whoami").out == f"{OTHER}\n"
    # git and curl see the same.
    found = {entry.machine: entry.login for entry in netrc.entries((two.home / ".netrc").read_text())}
    assert set(found.values()) == {OTHER} and "localhost:8843" in found


def test_tokens_are_for_their_owner_alone_and_never_printed(world: World, two: Program) -> None:
    assert stat.S_IMODE(kept(two).stat().st_mode) == 0o600
    assert world.token in kept(two).read_text()
    for words in (["accounts"], ["accounts", "--json"], ["accounts:set", "home"]):
        shown = two(*words)
        assert world.token not in shown.out + shown.err
    listed = json.loads(two("accounts", "--json").out)
    assert [(one["name"], one["current"]) for one in listed] == [("home", True), ("work", False)]


def test_a_removed_account_has_no_login_any_more(world: World, two: Program) -> None:
    assert two("accounts:remove", "work").err.startswith(" !    cannot remove work: it is in use.\n")
    assert two("accounts:remove", "home").out == "Removing home... done\n"
    assert two("whoami", env={"CELADON_API_KEY": world.token}).status == 1
    assert two("accounts:set", "home").err == " !    There is no account home.\n !    There are work.\n"


def test_what_is_kept_follows_logins_and_logouts(two: Program) -> None:
    two("accounts:set", "home")
    two("login", "--email", OTHER, input=f"{PASSWORD}\n")
    two("accounts:set", "home")
    two("accounts:set", "work")
    assert two("whoami").out == f"{OTHER}\n"
    two("logout")
    assert two("accounts").out.startswith("  home  ") and "work" not in two("accounts").out
    two("accounts:set", "home")
    assert two("whoami").out == f"{EMAIL}\n"


def test_a_name_and_an_account_are_kept_once(two: Program) -> None:
    before = kept(two).read_text()
    assert "There is an account home already." in two("accounts:add", "home").err
    refused = two("accounts:add", "again", "--email", EMAIL, input=f"{PASSWORD}\n")
    assert refused.err.endswith(f" !    {EMAIL} is kept as home already.\n") and refused.status == 1
    assert "cannot call an account" in two("accounts:add", "a/b").err
    assert set(json.loads(kept(two).read_text())) == set(json.loads(before))


def test_a_damaged_file_is_not_overwritten(two: Program) -> None:
    kept(two).write_text("{")
    for words in (["accounts"], ["accounts:set", "home"], ["accounts:add", "third"]):
        shown = two(*words)
        assert shown.status == 1 and "it is damaged" in shown.err
    assert kept(two).read_text() == "{"


def test_accounts_of_two_platforms_are_side_by_side(world: World, two: Program) -> None:
    port = world.context.settings.http_port
    other = f"http://127.0.0.1:{port}"
    added = two("accounts:add", "elsewhere", "--platform", other, "--email", OTHER, input=f"{PASSWORD}\n")
    assert added.out == f"{OTHER} at {other} is kept as elsewhere.\n", added.err
    # Where nothing else says which platform is meant.
    del two.env["CELADON_HOME"]
    assert two("accounts:current").out == "elsewhere\n"
    assert two("accounts:set", "home").out == f"Using home: {EMAIL} at http://{world.machine}\n"
    assert two("whoami").out == f"{EMAIL}\n"
    assert two("whoami", "--platform", other).out == f"{OTHER}\n"
    assert [line[0] for line in two("accounts").out.splitlines()] == [" ", "*", " "]


def entering(monkeypatch: pytest.MonkeyPatch, other: saved_accounts.Account) -> None:
    """Somebody logs in as `other`, and keeps that, while this login as me@x.example is made."""

    def enter(platform: Platform, email: str | None = None) -> accounts.Login:
        netrc.write({platform.host: ("me@x.example", "mine")})
        netrc.write({platform.host: (other.email, other.token)})
        with saved_accounts._changing() as kept:
            kept.append(other)
        return accounts.Login(platform=platform, email="me@x.example", token="mine")

    monkeypatch.setattr(accounts, "enter", enter)


def test_two_that_are_added_at_once_keep_each_its_own_login(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform(api_url="https://api.x.example")
    other = saved_accounts.Account(name="b", email="b@x.example", token="other", platform=platform)
    entering(monkeypatch, other)
    assert inside("accounts:add", "a", "--platform", platform.api_url, "--email", "me@x.example").status == 0
    assert [(one.name, one.email, one.token) for one in saved_accounts._read()] == [
        ("a", "me@x.example", "mine"),
        ("b", "b@x.example", "other"),
    ]


@pytest.mark.parametrize(
    ("name", "email", "why"),
    [
        ("a", "b@x.example", "There is an account a already."),
        ("b", "me@x.example", "me@x.example is kept as b already."),
    ],
)
def test_what_was_added_meanwhile_is_not_overwritten(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, name: str, email: str, why: str
) -> None:
    platform = Platform(api_url="https://api.x.example")
    entering(monkeypatch, saved_accounts.Account(name=name, email=email, token="other", platform=platform))
    shown = inside("accounts:add", "a", "--platform", platform.api_url, "--email", "me@x.example")
    assert shown.status == 1 and why in shown.err
    assert [(one.name, one.token) for one in saved_accounts._read()] == [(name, "other")]
