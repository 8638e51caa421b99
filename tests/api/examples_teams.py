"""Calls of the routes of teams; see examples.py. Ada is an admin of `widgets`, which owns the app `gear`."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace

from tests.api.world import PASSWORD, Reply, World

from celadon.actions import accounts
from celadon.model.errors import InvalidParams
from celadon.store import mails
from celadon.store.database import Transaction

Example = Callable[[World], Reply]
MEL = "mel@example.com"


def with_all_rights(world: World) -> World:
    return replace(world, token=world.new_token())


def found_team(world: World) -> None:
    """The team, with Mel as a member, and its app, unless they are there; made with all rights, whoever calls then."""
    world = with_all_rights(world)
    with contextlib.suppress(InvalidParams):
        accounts.create(world.context, world.actor, email=MEL, password=PASSWORD)
    world.call("POST", "/teams", {"name": "widgets"})
    world.call("POST", "/teams/apps", {"name": "gear", "team": "widgets"})
    assert world.call("PUT", "/teams/widgets/members", {"email": MEL, "role": "member"}).status == 200
    assert world.get("/teams/apps/gear").status == 200


def invite(world: World, email: str = "eve@example.com", role: str = "member") -> str:
    """Invite somebody into the team; returns the token that they get by mail."""
    body = {"email": email, "role": role}
    assert with_all_rights(world).call("PUT", "/teams/widgets/invitations", body).status == 200
    with world.context.database.read() as tx:
        return token_for(tx, email)


def token_for(tx: Transaction, email: str) -> str:
    """What the newest mail to an address tells that invites into a team."""
    letters = (mail.text for mail in mails.list_all(tx) if mail.recipient == email)
    return next(found[1] for text in letters if (found := re.search(r"teams:accept (invitation-\S+)", text)))


def _call(method: str, path: str, body: object = None) -> Example:
    def call(world: World) -> Reply:
        found_team(world)
        return world.call(method, path, body)

    return call


def _add_member(world: World) -> Reply:
    found_team(world)
    assert with_all_rights(world).call("DELETE", f"/teams/widgets/members/{MEL}").status == 200
    return world.call("POST", "/teams/widgets/members", {"email": MEL, "role": "admin"})


def _with_allowed(method: str, end: str = "") -> Example:
    def call(world: World) -> Reply:
        found_team(world)
        path = "/teams/widgets/allowed-addon-services"
        assert with_all_rights(world).call("POST", path, {"addon_service": "heroku-redis"}).status == 201
        return world.call(method, f"{path}{end}")

    return call


def _without_apps(world: World) -> Reply:
    found_team(world)
    with_all_rights(world).call("DELETE", "/apps/gear")
    return world.call("DELETE", "/teams/widgets")


def _as_invited(method: str, end: str) -> Example:
    def call(world: World) -> Reply:
        found_team(world)
        token = invite(world)
        eve = accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
        as_eve = world.new_token(actor=accounts.Actor(account=eve))
        return world.call(method, f"/teams/invitations/{token}{end}", token=as_eve)

    return call


def _with_invitation(method: str, path: str) -> Example:
    def call(world: World) -> Reply:
        found_team(world)
        invite(world)
        return world.call(method, path)

    return call


def _with_mel(method: str, body: object = None) -> Example:
    def call(world: World) -> Reply:
        found_team(world)
        given = {"user": MEL, "permissions": ["view"]}
        with_all_rights(world).call("POST", "/teams/apps/gear/collaborators", given)
        return world.call(method, f"/teams/apps/gear/collaborators/{MEL}", body)

    return call


EXAMPLES: dict[str, Example] = {
    "GET /teams": _call("GET", "/teams"),
    "POST /teams": lambda world: world.call("POST", "/teams", {"name": "widgets", "address_1": "Somewhere"}),
    "GET /teams/:team": _call("GET", "/teams/widgets"),
    "PATCH /teams/:team": _call("PATCH", "/teams/widgets", {"name": "gadgets", "default": True}),
    "DELETE /teams/:team": _without_apps,
    "GET /teams/:team/members": _call("GET", "/teams/widgets/members"),
    "PUT /teams/:team/members": _call("PUT", "/teams/widgets/members", {"email": MEL, "role": "viewer"}),
    "POST /teams/:team/members": _add_member,
    "PATCH /teams/:team/members": _call("PATCH", "/teams/widgets/members", {"email": MEL, "role": "admin"}),
    "DELETE /teams/:team/members/:member": _call("DELETE", f"/teams/widgets/members/{MEL}"),
    "GET /teams/:team/members/:member/apps": _call("GET", f"/teams/widgets/members/{MEL}/apps"),
    "GET /teams/:team/invitations": _with_invitation("GET", "/teams/widgets/invitations"),
    "PUT /teams/:team/invitations": _call(
        "PUT", "/teams/widgets/invitations", {"email": "eve@example.com", "role": "member"}
    ),
    "DELETE /teams/:team/invitations/:invitation": _with_invitation(
        "DELETE", "/teams/widgets/invitations/eve@example.com"
    ),
    "GET /teams/invitations/:token": _as_invited("GET", ""),
    "POST /teams/invitations/:token/accept": _as_invited("POST", "/accept"),
    "GET /teams/:team/features": _call("GET", "/teams/widgets/features"),
    "GET /teams/:team/features/:feature": _call("GET", "/teams/widgets/features/org-access-controls"),
    "GET /teams/:team/preferences": _call("GET", "/teams/widgets/preferences"),
    "PATCH /teams/:team/preferences": _call("PATCH", "/teams/widgets/preferences", {"addons-controls": False}),
    "GET /teams/:team/allowed-addon-services": _with_allowed("GET"),
    "POST /teams/:team/allowed-addon-services": _call(
        "POST", "/teams/widgets/allowed-addon-services", {"addon_service": "heroku-redis"}
    ),
    "DELETE /teams/:team/allowed-addon-services/:allowed_addon_service": _with_allowed("DELETE", "/heroku-redis"),
    "GET /teams/:team/addons": _call("GET", "/teams/widgets/addons"),
    "GET /teams/:team/permissions": _call("GET", "/teams/widgets/permissions"),
    "GET /teams/:team/apps": _call("GET", "/teams/widgets/apps"),
    "GET /teams/permissions": _call("GET", "/teams/permissions"),
    "POST /teams/apps": _call("POST", "/teams/apps", {"name": "cog", "team": "widgets", "locked": True}),
    "GET /teams/apps/:app": _call("GET", "/teams/apps/gear"),
    "PATCH /teams/apps/:app": _call("PATCH", "/teams/apps/gear", {"locked": True}),
    "GET /teams/apps/:app/collaborators": _call("GET", "/teams/apps/gear/collaborators"),
    "POST /teams/apps/:app/collaborators": _call(
        "POST", "/teams/apps/gear/collaborators", {"user": MEL, "permissions": ["deploy", "view"], "silent": True}
    ),
    "GET /teams/apps/:app/collaborators/:collaborator": _with_mel("GET"),
    "PATCH /teams/apps/:app/collaborators/:collaborator": _with_mel("PATCH", {"permissions": ["operate"]}),
    "DELETE /teams/apps/:app/collaborators/:collaborator": _with_mel("DELETE"),
}
CREATED = {
    "POST /teams",
    "POST /teams/:team/allowed-addon-services",
    "POST /teams/:team/members",
    "POST /teams/apps",
    "POST /teams/apps/:app/collaborators",
}
