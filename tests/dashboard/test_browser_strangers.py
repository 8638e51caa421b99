"""Pages of those who are not logged in, in a browser: from sign-up to the dashboard, and what lets others act for somebody."""

import re
from collections.abc import Callable

import pyotp
import pytest
from playwright.sync_api import expect
from tests.api.examples_scheduler_jobs import add
from tests.api.world import EMAIL, PASSWORD, World
from tests.dashboard.browser import Stand, Visitor

from celadon.actions import mails, oauth_clients, password_resets, scheduler_jobs, sessions, two_factor
from celadon.actions.context import now
from celadon.actions.rates import Guesses


def link_in_mail(world: World) -> str:
    """The path of the link in the newest letter."""
    found = re.search(r"https?://[^/\s]+(/\S+)", mails.outbox(world.context, world.actor)[0].text.partition("\n\n")[2])
    assert found is not None
    return found[1]


def test_from_sign_up_to_the_dashboard(new_world: Callable[..., World], stand: Stand, stranger: Visitor) -> None:
    world = new_world(signup="open")
    stand.show(world.context)
    page = stranger.go("/signup")
    stranger.look("signup")
    page.get_by_label("E-mail address").fill("newcomer@example.com")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="Ask for your link")).to_be_visible()
    stranger.look("signup-sent")
    stranger.go(link_in_mail(world))
    page.get_by_label("Password, at least").fill("first password")
    page.get_by_label("The same again").fill("another password")
    stranger.expect("422")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("not the same")
    stranger.look("accept-wrong")
    page.get_by_label("Password, at least").fill("first password")
    page.get_by_label("The same again").fill("first password")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"{stranger.url}/dashboard")
    expect(page.get_by_text("newcomer@example.com")).to_be_visible()


def test_where_one_must_be_invited_sign_up_says_so(stranger: Visitor) -> None:
    page = stranger.go("/signup")
    expect(page.get_by_role("heading", name="By invitation")).to_be_visible()
    stranger.look("signup-invited")
    page.get_by_role("link", name="Log in").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_new_password_by_mail(world: World, stranger: Visitor) -> None:
    password_resets.request(world.context, EMAIL)
    page = stranger.go(link_in_mail(world))
    stranger.look("reset")
    page.get_by_label("Password, at least").fill("another password")
    page.get_by_label("The same again").fill("another password")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Log in").click()
    stranger.log_in(password="another password")


def test_a_log_in_with_two_factors(world: World, stranger: Visitor) -> None:
    secret, _ = two_factor.begin(world.context, world.actor, PASSWORD)
    codes = pyotp.TOTP(secret)
    two_factor.enable(world.context, world.actor, codes.at(now().timestamp()))
    stranger.expect("401")
    stranger.expect("403")
    page = stranger.go("/dashboard/login")
    stranger.look("login")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("the password is wrong")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_label("Two-factor code")).to_be_focused()
    stranger.look("login-code")
    page.get_by_label("Password").fill(PASSWORD)
    # Each is taken once: that of now may be the one that it was switched on with, the next one is taken already.
    page.get_by_label("Two-factor code").fill(codes.at(now().timestamp() + 30))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{stranger.url}/dashboard")


def test_who_has_guessed_too_often_is_told_in_the_form(
    world: World, stand: Stand, stranger: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    guesses: Guesses = world.context.guesses
    # Every two seconds one more may be wrong: for this account time stands still until the browser is there.
    monkeypatch.setattr(guesses._of_account, "_clock", lambda: 0.0)
    for _ in range(100):
        guesses.wrong(None, EMAIL)
    stranger.expect("429")
    page = stranger.go("/dashboard/login")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("Too many wrong passwords: wait a minute")
    expect(page.get_by_label("E-mail address")).to_have_value(EMAIL)


def test_a_command_line_is_let_in(world: World, stranger: Visitor) -> None:
    login, _ = sessions.begin_login(world.context, "Celadon CLI on a-laptop-with-a-long-name.example.com", "192.0.2.7")
    page = stranger.go(f"/auth/browser/{login.id}")
    stranger.look("login-command-line")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="You are logged in")).to_be_visible()


def test_a_program_is_authorized_and_told(world: World, stranger: Visitor) -> None:
    """The browser's policy lets the answer lead to the program, which is here another origin of ours."""
    there = stranger.url.replace("localhost", "127.0.0.1")
    client = oauth_clients.create(world.context, world.actor, "Deploy bot", f"{there}/health")
    stranger.expect("asked another host")
    # The browser asks that origin for an icon.
    stranger.expect("404")
    page = stranger.go(f"/oauth/authorize?client_id={client.id}&scope=read,identity&state=x")
    expect(page.get_by_text("see your apps, but no config vars")).to_be_visible()
    stranger.look("authorize")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(re.compile(rf"{there}/health\?code=.*&state=x"))


def test_a_link_that_is_used_up_is_a_page(stranger: Visitor) -> None:
    stranger.expect("404")
    expect(stranger.go("/account/password/reset/nothing").get_by_text("it was used, or has run out")).to_be_visible()


def test_the_schedulers_page(world: World, stranger: Visitor) -> None:
    add(world)
    page = stranger.go(scheduler_jobs.page_url(world.context, world.actor, "example").partition("8443")[2])
    stranger.look("scheduler")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Command").fill("")
    page.get_by_label("Command").evaluate("field => field.required = false")
    stranger.expect("422")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
