"""Account pages in a browser: each is looked at, and two-factor authentication goes from its QR code to its end."""

import pyotp
import pytest
from playwright.sync_api import expect
from tests.api.world import OTHER_KEY, PASSWORD, World
from tests.dashboard.browser import Visitor

from celadon.actions import (
    accounts,
    app_transfers,
    apps,
    collaborators,
    invitations,
    oauth_clients,
    team_invitations,
    teams,
)
from celadon.actions.context import now
from celadon.model.team import TeamRole


def test_two_factors_from_the_qr_code_to_the_end(visitor: Visitor) -> None:
    visitor.expect("401")
    visitor.expect("403")
    page = visitor.go("/dashboard/account/two-factor")
    visitor.look("two-factor-off")
    page.get_by_label("Your password").fill("wrong")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("alert")).to_contain_text("password is wrong")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".qr svg")).to_be_visible()
    visitor.look("two-factor-scan")
    codes = pyotp.TOTP(page.locator("section code").inner_text().replace(" ", ""))
    page.get_by_label("Code that the app shows now").fill("000000")
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
    page.get_by_label("Code that the app shows now").fill(codes.at(now().timestamp()))
    page.get_by_role("button", name="Switch it on").click()
    expect(page.locator(".codes code")).to_have_count(10)
    recovery = page.locator(".codes code").first.inner_text()
    visitor.look("two-factor-codes")
    page.get_by_role("link", name="I have kept them").click()
    visitor.look("two-factor-on")
    page.get_by_text("Switch it off…").click()
    page.locator("#off-password").fill(PASSWORD)
    page.locator("#off-code").fill(recovery)
    page.get_by_role("button", name="Switch it off").click()
    expect(page.get_by_role("status")).to_contain_text("is off")


def test_profile_and_a_wrong_password(visitor: Visitor) -> None:
    visitor.expect("401")
    page = visitor.page
    page.get_by_role("link", name="ada@example.com", exact=True).click()
    visitor.look("account")
    page.get_by_label("New address").fill("ada@elsewhere.example.com")
    page.locator("#address-password").fill("wrong")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("alert")).to_contain_text("password is wrong")
    expect(page.get_by_label("New address")).to_have_value("ada@elsewhere.example.com")
    page.locator("#address-password").fill(PASSWORD)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("status")).to_contain_text("A letter with a link")
    page.get_by_role("button", name="Make it private").click()
    expect(page.get_by_role("button", name="Allow programs of others")).to_be_visible()


def test_keys(visitor: Visitor) -> None:
    page = visitor.go("/dashboard/account/keys")
    page.get_by_label("Public key").fill(OTHER_KEY)
    page.get_by_role("button", name="Add key").click()
    expect(page.get_by_role("row", name="ada@desk")).to_be_visible()
    visitor.look("account-keys")
    page.get_by_role("button", name="Remove the key ada@desk").click()
    expect(page.get_by_role("row", name="ada@desk")).to_have_count(0)


def test_an_api_key_is_shown_once(world: World, visitor: Visitor) -> None:
    oauth_clients.create(world.context, world.actor, "Deploy bot", "https://bot.example.com/oauth/callback")
    page = visitor.go("/dashboard/account/tokens")
    page.get_by_text("Make one and show it…").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Make and show").first.click()
    expect(page.locator(".shown-once pre")).to_contain_text("HRKU-")
    visitor.look("account-tokens")
    page.goto(page.url)
    expect(page.get_by_text("Your key begins with")).to_be_visible()
    expect(page.locator(".shown-once")).to_have_count(0)


def test_sessions(visitor: Visitor) -> None:
    page = visitor.go("/dashboard/account/sessions")
    expect(page.get_by_role("row", name="this one")).to_contain_text("Chrome on Linux")
    visitor.look("account-sessions")
    page.get_by_role("button", name="End the session of Chrome on Linux").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_teams_and_invitations(world: World, visitor: Visitor) -> None:
    page = visitor.go("/dashboard/account/teams")
    page.get_by_label("Name").fill("crew")
    page.get_by_role("button", name="Create team").click()
    page.get_by_label("E-mail address").fill("somebody-with-a-rather-long-name@mail.example.com")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_role("row", name="somebody")).to_contain_text("invited")
    visitor.look("account-team")
    page.get_by_role("link", name="Teams").first.click()
    visitor.look("account-teams")
    visitor.go("/dashboard/account/invitations")
    visitor.look("account-invitations")


@pytest.fixture
def offered(world: World) -> None:
    """An app and a team of somebody else that are offered to ada."""
    other = accounts.log_in(world.context, "grace@example.com", PASSWORD)
    apps.create(world.context, other, name="compiler-for-everybody-in-town")
    collaborators.add(world.context, other, "compiler-for-everybody-in-town", "ada@example.com", silent=True)
    app_transfers.create(world.context, other, "compiler-for-everybody-in-town", "ada@example.com", silent=True)
    app_transfers.create(world.context, world.actor, "example", "grace@example.com", silent=True)
    teams.create(world.context, other, "navy")
    team_invitations.put(world.context, other, "navy", "ada@example.com", TeamRole.MEMBER)
    invitations.invite(world.context, world.actor, "newcomer@example.com")


def test_what_is_offered_is_accepted(offered: None, visitor: Visitor) -> None:
    page = visitor.page
    page.reload()
    expect(page.get_by_text("offers you the app")).to_be_visible()
    visitor.look("apps-offered")
    page.get_by_role("link", name="accept or decline").click()
    visitor.look("account-transfers")
    page.get_by_role("button", name="Accept compiler-for-everybody-in-town").click()
    expect(page.get_by_role("status")).to_contain_text("Accepted")
    page.get_by_role("button", name="Cancel the transfer of example").click()
    expect(page.get_by_role("status")).to_contain_text("Cancelled")
    visitor.go("/dashboard/account/invitations")
    visitor.look("account-invitations-received")
    page.get_by_role("button", name="Accept: navy").click()
    expect(page.get_by_text("Nobody has invited you")).to_be_visible()
