"""Account pages by the wire: what each form does, whom it refuses, and what is shown only once."""

import re

import pytest
from tests.api.world import EMAIL, OTHER_KEY, PASSWORD, Reply, World
from tests.dashboard.test_logging_in import OWN, ask, cookie_of

from celadon.actions import accounts, app_transfers, authorizations, sessions, team_invitations, teams
from celadon.model.session import agent
from celadon.model.team import TeamRole

GRACE = "grace@example.com"


class Browser:
    """Somebody who is logged in."""

    def __init__(self, world: World, email: str = EMAIL, password: str = PASSWORD) -> None:
        self.world = world
        self.cookie = cookie_of(ask(world, "POST", "/dashboard/login", {"email": email, "password": password}, **OWN))

    def get(self, path: str, status: int = 200) -> str:
        reply = ask(self.world, "GET", f"/dashboard/{path}", Cookie=self.cookie)
        assert reply.status == status and len(reply.content) < 100_000, reply.content.decode()
        return reply.content.decode()

    def post(self, path: str, **form: str) -> Reply:
        return ask(self.world, "POST", f"/dashboard/{path}", form, Cookie=self.cookie, **OWN)

    def refused(self, path: str, status: int, words: str, **form: str) -> str:
        reply = self.post(path, **form)
        assert reply.status == status, reply.content.decode()
        alert = re.search(r'role="alert">([^<]*)', reply.content.decode())
        assert alert is not None and words in alert[1], reply.content.decode()
        return reply.content.decode()


@pytest.fixture
def ada(world: World) -> Browser:
    return Browser(world)


@pytest.mark.parametrize(
    "page", ["", "/keys", "/tokens", "/sessions", "/two-factor", "/invitations", "/transfers", "/teams"]
)
def test_each_page_is_for_whoever_is_logged_in(world: World, ada: Browser, page: str) -> None:
    assert ask(world, "GET", f"/dashboard/account{page}").status == 303
    assert 'aria-current="page"' in ada.get(f"account{page}")
    assert ada.post(f"account{page}", step="nonsense").status == 404
    assert ask(world, "POST", f"/dashboard/account{page}", {"step": "x"}, Cookie=ada.cookie).status == 403


def test_name_address_and_password(world: World, ada: Browser) -> None:
    assert ada.post("account", step="name", name="Ada <b>").status == 303
    assert "Ada &lt;b&gt;" in ada.get("account")
    ada.refused("account", 422, "100 characters", step="name", name="x" * 101)
    ada.refused("account", 401, "password is wrong", step="address", email="new@example.com", password="wrong")
    typed = ada.refused("account", 422, "must look like", step="address", email="nothing", password=PASSWORD)
    assert 'value="nothing"' in typed
    assert ada.post("account", step="address", email="new@example.com", password=PASSWORD).status == 303
    assert "A letter with a link" in ada.get("account?done=sent")
    ada.refused("account", 422, "not the same", step="password", password=PASSWORD, new="new password", again="other")
    ada.refused("account", 422, "8 to 1,024", step="password", password=PASSWORD, new="short", again="short")
    other = Browser(world)
    changed = {"step": "password", "password": PASSWORD, "new": "new password", "again": "new password"}
    assert ada.post("account", **changed).status == 303
    ada.get("account")
    other.get("account", status=303)


def test_an_account_is_deleted_by_its_password(world: World, ada: Browser) -> None:
    assert "cannot be deleted" in ada.get("account")
    ada.refused("account", 403, "operator", step="delete", password=PASSWORD)
    other = Browser(world, GRACE)
    other.refused("account", 401, "password is wrong", step="delete", password="wrong")
    gone = other.post("account", step="delete", password=PASSWORD)
    assert gone.status == 200 and "Max-Age=0" in gone.headers["set-cookie"]
    assert ask(world, "POST", "/dashboard/login", {"email": GRACE, "password": PASSWORD}, **OWN).status == 401


def test_a_private_account(ada: Browser) -> None:
    assert ada.post("account", step="privacy", private="yes").status == 303
    assert "Allow programs of others" in ada.get("account")


def test_keys_are_added_and_removed(world: World, ada: Browser) -> None:
    assert ada.post("account/keys", step="add", key=OTHER_KEY).status == 303
    assert "ada@desk" in ada.get("account/keys")
    ada.refused("account/keys", 422, "in use already", step="add", key=OTHER_KEY)
    assert "&lt;x" in ada.refused("account/keys", 422, "no public SSH key", step="add", key="<x y")
    assert ada.post("account/keys", step="remove", id=world.made["key"]).status == 303
    assert "ada@laptop" not in ada.get("account/keys")
    ada.refused("account/keys", 404, "find that key", step="remove", id=world.made["key"])


def _shown(text: str) -> str:
    found = re.search(r'<pre tabindex="0">([^<]*)</pre>', text)
    assert found is not None, text
    return found[1]


def test_a_new_api_key_ends_the_old(world: World, ada: Browser) -> None:
    ada.refused("account/tokens", 401, "password is wrong", step="regenerate", password="wrong")
    first = _shown(ada.post("account/tokens", step="regenerate", password=PASSWORD).content.decode())
    assert world.get("/account", token=first).json["email"] == EMAIL
    assert first not in ada.get("account/tokens")
    second = _shown(ada.post("account/tokens", step="regenerate", password=PASSWORD).content.decode())
    assert world.get("/account", token=first).status == 401
    assert world.get("/account", token=second).status == 200
    assert world.get("/account").status == 200, "other authorizations go on"


def test_authorizations_and_clients(world: World, ada: Browser) -> None:
    made = ada.post("account/tokens", step="create", description="CI", scope="read", lasts="86400").content.decode()
    token = _shown(made)
    assert world.get("/apps", token=token).status == 200
    ada.refused("account/tokens", 422, "authorize scope", step="create", description="x", scope="all", lasts="")
    ada.refused("account/tokens", 422, "how long", step="create", description="x", scope="read", lasts="1")
    actor = accounts.actor_of_token(world.context, token)
    assert ada.post("account/tokens", step="revoke", id=actor.authorization_id or "").status == 303
    assert world.get("/apps", token=token).status == 401
    ada.refused("account/tokens", 422, "redirect_uri", step="create-client", name="Bot", redirect_uri="ftp://x")
    client = {"step": "create-client", "name": "Bot", "redirect_uri": "https://bot.example.com/"}
    secret = _shown(ada.post("account/tokens", **client).content.decode())
    found = world.get("/oauth/clients").json[0]
    assert (found["name"], found["secret"]) == ("Bot", secret)
    other = Browser(world, GRACE)
    other.refused("account/tokens", 404, "find", step="destroy-client", id=found["id"])
    assert _shown(ada.post("account/tokens", step="rotate-client", id=found["id"]).content.decode()) != secret
    assert ada.post("account/tokens", step="destroy-client", id=found["id"]).status == 303
    assert world.get("/oauth/clients").json == []


def test_sessions_end(world: World, ada: Browser) -> None:
    second, third = Browser(world), Browser(world)
    mine = sessions.own_id(world.context, accounts.actor_of_token(world.context, second.cookie.partition("=")[2]))
    assert mine is not None
    Browser(world, GRACE).refused("account/sessions", 404, "session", step="end", id=mine)
    assert ada.post("account/sessions", step="end", id=mine).status == 303
    second.get("account", status=303)
    assert ada.post("account/sessions", step="end-others").status == 303
    third.get("account", status=303)
    assert ada.get("account/sessions").count("this one") == 1


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
            "Edge on Windows",
        ),
        ("Celadon CLI login from laptop", "Celadon CLI login from laptop"),
        ("", ""),
    ],
)
def test_a_session_is_called_as_people_do(description: str, expected: str) -> None:
    assert agent(description) == expected


def test_invitations_into_teams_are_answered_without_the_letter(world: World, ada: Browser) -> None:
    teams.create(world.context, world.actor, "crew")
    sent = team_invitations.put(world.context, world.actor, "crew", GRACE, TeamRole.MEMBER)
    ada.refused("account/invitations", 404, "find that team invitation", step="accept", id=sent.invitation.id)
    other = Browser(world, GRACE)
    assert "crew" in other.get("account/invitations")
    assert other.post("account/invitations", step="accept", id=sent.invitation.id).status == 303
    assert "crew" in other.get("account/teams")
    other.refused("account/invitations", 404, "find", step="decline", id=sent.invitation.id)


def test_the_operator_invites_and_takes_back(ada: Browser, world: World) -> None:
    assert ada.post("account/invitations", step="invite", email="new@example.com").status == 303
    assert "new@example.com" in ada.get("account/invitations")
    other = Browser(world, GRACE)
    assert "new@example.com" not in other.get("account/invitations")
    other.refused("account/invitations", 403, "only its operator", step="invite", email="x@example.com")
    other.refused("account/invitations", 404, "invitation", step="withdraw", email="new@example.com")
    assert ada.post("account/invitations", step="withdraw", email="new@example.com").status == 303
    assert "new@example.com" not in ada.get("account/invitations")


def test_an_offered_app_is_told_on_top_and_accepted(world: World, ada: Browser) -> None:
    transfer, *_ = app_transfers.create(world.context, world.actor, "example", GRACE, silent=True)
    other = Browser(world, GRACE)
    assert f"{EMAIL} offers you the app <strong>example</strong>" in other.get("")
    assert "offers you" not in ada.get("") and "example" in ada.get("account/transfers")
    ada.refused("account/transfers", 403, "only who is offered", step="accept", id=transfer.id)
    other.refused("account/transfers", 403, "owner", step="cancel", id=transfer.id)
    assert other.post("account/transfers", step="accept", id=transfer.id).status == 303
    assert world.get("/apps/example").json["owner"]["email"] == GRACE


def test_a_team_from_its_beginning_to_its_end(world: World, ada: Browser) -> None:
    ada.refused("account/teams", 422, "Name must start", step="create", name="No Good")
    made = ada.post("account/teams", step="create", name="crew")
    assert made.headers["location"] == "/dashboard/account/teams/crew"
    team = "account/teams/crew"
    other = Browser(world, GRACE)
    other.get(team, status=404)
    assert other.post(team, step="leave").status == 404
    ada.refused(team, 422, "role", step="invite", email=GRACE, role="king")
    assert ada.post(team, step="invite", email=GRACE, role="viewer").status == 303
    (waiting,) = team_invitations.list_of(world.context, world.actor, "crew")
    assert other.post("account/invitations", step="accept", id=waiting.invitation.id).status == 303
    assert "Type crew" not in other.get(team)
    other.refused(team, 403, "only its admins", step="rename", name="ours")
    assert ada.post(team, step="role", email=GRACE, role="member").status == 303
    ada.refused(team, 403, "without an admin", step="leave")
    assert ada.post(team, step="default", default="yes").status == 303
    assert other.post(team, step="leave").headers["location"] == "/dashboard/account/teams?done=left"
    assert ada.post(team, step="rename", name="ship").status == 303
    ada.refused("account/teams/ship", 422, "type its name", step="destroy", confirm="crew")
    assert ada.post("account/teams/ship", step="destroy", confirm="ship").status == 303
    ada.get("account/teams/ship", status=404)


def test_an_api_key_is_not_listed_among_the_authorizations(world: World, ada: Browser) -> None:
    authorizations.regenerate_api_key(world.context, world.actor, PASSWORD)
    text = ada.get("account/tokens")
    assert "Regenerate and show" in text and "Revoke API key" not in text
