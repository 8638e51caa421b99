"""Calls of what concerns accounts: access, tokens of others, letters, transfers."""

import re
import time
from collections.abc import Callable
from urllib.parse import urlencode

import pyotp
from tests.api.world import EMAIL, PASSWORD, Reply, World, basic

from celadon.actions import mails

Example = Callable[[World], Reply]

_BY_PASSWORD = {"Heroku-Password": PASSWORD}
NEW_PASSWORD = "a new and longer one"


def _get(path: str) -> Example:
    return lambda world: world.get(path.format(**world.made))


def _send(method: str, path: str, body: object = None, **headers: str) -> Example:
    return lambda world: world.call(method, path.format(**world.made), body, headers=headers)


def link_of(world: World, email: str) -> str:
    """The secret in the newest letter to this address."""
    for mail in mails.outbox(world.context, world.actor):
        if mail.recipient == email and (found := re.search(r"/([\w-]{43})\s", mail.text)):
            return found[1]
    raise AssertionError(f"no letter to {email}")


def client(world: World) -> dict[str, str]:
    """A program of others."""
    body = {"name": "Reports", "redirect_uri": "https://reports.example.com/back"}
    return dict(world.call("POST", "/oauth/clients", body).json)


def code(world: World) -> tuple[dict[str, str], str]:
    """A program, and the code that it exchanges."""
    made = client(world)
    granted = world.call("POST", "/oauth/authorizations", {"client": made["id"], "scope": ["read"]}).json
    return made, granted["grant"]["code"]


def exchange(world: World) -> Reply:
    made, found = code(world)
    body = {
        "grant": {"code": found, "type": "authorization_code"},
        "client": {"secret": made["secret"]},
        "refresh_token": {},
    }
    return world.call("POST", "/oauth/tokens", body, token=None)


def second_factor(world: World) -> str:
    """Switches it on; returns the one code that can be used at once.

    Both are good also when a step ends before they are looked at: those of now and of the next are, that of before is not.
    """
    begun = world.call("POST", "/account/two-factor", headers=_BY_PASSWORD).json
    totp, now = pyotp.TOTP(begun["secret"]), int(time.time())
    present = {"Heroku-Two-Factor-Code": totp.at(now)}
    assert world.call("PATCH", "/account", {"two_factor_authentication": True}, headers=present).status == 200
    return str(totp.at(now + 30))


def _recovery_codes(world: World) -> Reply:
    headers = {**_BY_PASSWORD, "Heroku-Two-Factor-Code": second_factor(world)}
    return world.call("POST", "/account/recovery-codes", headers=headers)


def _exchange_by_form(world: World) -> Reply:
    made, found = code(world)
    form = {"grant_type": "authorization_code", "code": found, "client_secret": made["secret"]}
    return world.call("POST", "/oauth/token", token=None, content=urlencode(form).encode())


def _end_token(world: World) -> Reply:
    return world.call("DELETE", f"/oauth/tokens/{exchange(world).json['access_token']['id']}")


def _of_client(method: str, path: str, body: object = None) -> Example:
    return lambda world: world.call(method, path.format(client(world)["id"]), body)


def _of_own_token(method: str, path: str, body: object = None) -> Example:
    return lambda world: world.call(method, path.format(world.get("/oauth/authorizations").json[0]["id"]), body)


def begin_login(world: World) -> dict[str, str]:
    """A command line asks."""
    return dict(world.call("POST", "/auth", {"description": "heroku login"}, token=None).json)


def log_in(world: World) -> Reply:
    """A command line is let in."""
    begun = begin_login(world)
    form = urlencode({"answer": "allow", "email": EMAIL, "password": PASSWORD}).encode()
    world.call("POST", begun["browser_url"], token=None, content=form)
    return world.get(begun["cli_url"], token=begun["token"])


def _end_session(world: World) -> Reply:
    token = log_in(world).json["access_token"]
    return world.call("DELETE", "/oauth/sessions/~", token=token)


def offer(world: World) -> str:
    """The app is offered to its collaborator."""
    body = {"app": "example", "recipient": "grace@example.com"}
    return str(world.call("POST", "/account/app-transfers", body).json["id"])


def grace(world: World) -> str:
    """A token of the collaborator."""
    headers = {"Authorization": basic("grace@example.com", PASSWORD)}
    made = world.call("POST", "/oauth/authorizations", {"scope": ["global"]}, token=None, headers=headers)
    return str(made.json["access_token"]["token"])


def _accept(world: World) -> Reply:
    path = f"/account/app-transfers/{offer(world)}"
    return world.call("PATCH", path, {"state": "accepted"}, token=grace(world))


def _of_transfer(method: str) -> Example:
    return lambda world: world.call(method, f"/account/app-transfers/{offer(world)}")


def _listed_transfer(world: World) -> Reply:
    offer(world)
    return world.get("/account/app-transfers")


def invite(world: World, email: str = "alan@example.com") -> str:
    """The secret of an invitation."""
    world.call("POST", "/invitations", {"email": email})
    return link_of(world, email)


def _accept_invitation(world: World) -> Reply:
    return world.call("PATCH", f"/invitations/{invite(world)}/actions/finalize", {"password": NEW_PASSWORD}, token=None)


def _show_invitation(world: World) -> Reply:
    return world.get(f"/invitations/{invite(world)}", token=None)


def _finalize_reset(world: World) -> Reply:
    world.call("POST", "/password-resets", {"email": EMAIL}, token=None)
    body = {"password": NEW_PASSWORD, "password_confirmation": NEW_PASSWORD}
    return world.call("POST", f"/password-resets/{link_of(world, EMAIL)}/actions/finalize", body, token=None)


def _delete(path: str) -> Example:
    return lambda world: world.call("DELETE", path, token=grace(world), headers=_BY_PASSWORD)


def _listed_mails(world: World) -> Reply:
    invite(world)
    return world.get("/platform/mails")


def _invited(world: World) -> Reply:
    world.call("POST", "/apps/example/collaborators", {"user": "alan@example.com"})
    return world.get("/apps/example/collaborator-invitations")


EXAMPLES: dict[str, Example] = {
    "DELETE /account": _delete("/account"),
    "DELETE /users/:account": _delete("/users/~"),
    "POST /account/two-factor": _send("POST", "/account/two-factor", **_BY_PASSWORD),
    "POST /account/recovery-codes": _recovery_codes,
    "GET /account/events": _get("/account/events"),
    "GET /account/app-transfers": _listed_transfer,
    "POST /account/app-transfers": _send(
        "POST", "/account/app-transfers", {"app": "example", "recipient": "grace@example.com"}
    ),
    "GET /account/app-transfers/:transfer": _of_transfer("GET"),
    "PATCH /account/app-transfers/:transfer": _accept,
    "DELETE /account/app-transfers/:transfer": _of_transfer("DELETE"),
    "GET /account/favorites": _get("/account/favorites"),
    "POST /account/favorites": _send("POST", "/account/favorites", {"app": "example"}),
    "DELETE /account/favorites/:app": _send("DELETE", "/account/favorites/example"),
    "GET /users/:account/preferences": _get("/users/~/preferences"),
    "PATCH /users/:account/preferences": _send("PATCH", "/users/~/preferences", {"timezone": "UTC"}),
    "GET /account/features/:feature": _get("/account/features/private-account"),
    "PATCH /account/features/:feature": _send("PATCH", "/account/features/private-account", {"enabled": True}),
    "PATCH /oauth/authorizations/:authorization": _of_own_token(
        "PATCH", "/oauth/authorizations/{}", {"description": "mine"}
    ),
    "POST /oauth/authorizations/:authorization/actions/regenerate-tokens": _of_own_token(
        "POST", "/oauth/authorizations/{}/actions/regenerate-tokens"
    ),
    "GET /oauth/clients": _get("/oauth/clients"),
    "POST /oauth/clients": _send(
        "POST", "/oauth/clients", {"name": "Reports", "redirect_uri": "https://reports.example.com/back"}
    ),
    "GET /oauth/clients/:client": _of_client("GET", "/oauth/clients/{}"),
    "PATCH /oauth/clients/:client": _of_client("PATCH", "/oauth/clients/{}", {"name": "More reports"}),
    "DELETE /oauth/clients/:client": _of_client("DELETE", "/oauth/clients/{}"),
    "POST /oauth/clients/:client/actions/rotate-credentials": _of_client(
        "POST", "/oauth/clients/{}/actions/rotate-credentials"
    ),
    "POST /oauth/tokens": exchange,
    "POST /oauth/token": _exchange_by_form,
    "DELETE /oauth/tokens/:token": _end_token,
    "POST /auth": lambda world: world.call("POST", "/auth", {"description": "heroku login"}, token=None),
    "GET /auth/cli/:login": log_in,
    "DELETE /oauth/sessions/:session": _end_session,
    "POST /password-resets": _send("POST", "/password-resets", {"email": EMAIL}),
    "POST /password-resets/:token/actions/finalize": _finalize_reset,
    "POST /invitations": _send("POST", "/invitations", {"email": "alan@example.com"}),
    "GET /invitations/:token": _show_invitation,
    "PATCH /invitations/:token/actions/finalize": _accept_invitation,
    "POST /apps/:app/collaborators": _send("POST", "/apps/example/collaborators", {"user": "alan@example.com"}),
    "GET /apps/:app/collaborator-invitations": _invited,
    "DELETE /apps/:app/collaborators/:collaborator": _send("DELETE", "/apps/example/collaborators/grace@example.com"),
    "GET /apps/:app/events": _get("/apps/example/events"),
    "GET /platform/mails": _listed_mails,
}
CREATED = frozenset(
    {
        "POST /account/two-factor",
        "POST /account/recovery-codes",
        "POST /account/favorites",
        "POST /account/app-transfers",
        "POST /oauth/clients",
        "POST /oauth/tokens",
        "POST /auth",
        "POST /password-resets",
        "POST /invitations",
        "POST /apps/:app/collaborators",
    }
)
UNPUBLISHED = frozenset(
    {
        "POST /account/two-factor",
        "POST /account/recovery-codes",
        "GET /account/events",
        "GET /account/favorites",
        "POST /account/favorites",
        "DELETE /account/favorites/:app",
        "POST /oauth/token",
        "GET /auth/cli/:login",
        "POST /invitations",
        "GET /invitations/:token",
        "PATCH /invitations/:token/actions/finalize",
        "GET /apps/:app/collaborator-invitations",
        "GET /apps/:app/events",
        "GET /platform/mails",
    }
)
