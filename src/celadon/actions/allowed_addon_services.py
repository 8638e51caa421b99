"""Add-on controls of a team: which services its members may add to its apps; its admins may add any."""

import uuid
from dataclasses import dataclass

from celadon.actions import access, addon_services
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor
from celadon.model.addon import AddOnService
from celadon.model.app import App
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.team import AllowedAddOnService, Team, TeamRole
from celadon.store import accounts, allowed_addon_services, changes, events, teams
from celadon.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A service that is allowed, and by whom."""

    allowed: AllowedAddOnService
    service: AddOnService
    by: Account


def list_of(context: Context, actor: Actor, team_name: str) -> list[Described]:
    """Raises NotFound."""
    with context.database.read() as tx:
        return _list(tx, access.team_for(tx, actor, team_name, "team:read"))


def _list(tx: Transaction, team: Team) -> list[Described]:
    """By name, without services that are offered no more."""
    found, catalogue = allowed_addon_services.list_of(tx, team.id), addon_services.catalogue(tx)
    people = accounts.by_ids(tx, {one.account_id for one in found})
    return [
        Described(allowed=one, service=catalogue[one.service], by=people[one.account_id])
        for one in found
        if one.service in catalogue
    ]


def create(context: Context, actor: Actor, team_name: str, service: str) -> list[Described]:
    """Allow a service, also one that is allowed; returns all that are. Raises NotFound, Forbidden, InvalidParams."""
    with context.database.transaction() as tx:
        team = access.team_for(tx, actor, team_name, "team:manage")
        if service not in addon_services.catalogue(tx):
            raise InvalidParams(
                f"cannot allow {service[:60]!a}: there is no such add-on service, `celadon addons:services` lists them"
            )
        teams.lock(tx, team.id)
        if all(one.service != service for one in allowed_addon_services.list_of(tx, team.id)):
            allowed = AllowedAddOnService(
                id=str(uuid.uuid4()), team_id=team.id, service=service, account_id=actor.account.id, added_at=now()
            )
            allowed_addon_services.insert(tx, allowed)
            _tell(tx, actor, team, "allow", service)
        return _list(tx, team)


def remove(context: Context, actor: Actor, team_name: str, named: str) -> Described:
    """Allow a service no more, by its name or the id of what allows it; add-ons of it stay. Raises NotFound, Forbidden."""
    with context.database.transaction() as tx:
        team = access.team_for(tx, actor, team_name, "team:manage")
        found = next((one for one in _list(tx, team) if named in (one.allowed.id, one.service.name)), None)
        if found is None:
            raise NotFound(
                "allowed_add_on_service",
                f"Couldn't find that allowed add-on service: {team.name} has no {named[:60]!r}.",
            )
        allowed_addon_services.delete(tx, found.allowed.id)
        _tell(tx, actor, team, "disallow", found.service.name)
        return found


def control(context: Context, actor: Actor, team_name: str, *, on: bool) -> Team:
    """Hold the team's members to what is allowed, or let them use everything. Raises NotFound, Forbidden."""
    with context.database.transaction() as tx:
        team = access.team_for(tx, actor, team_name, "team:manage")
        if team.addons_controls != on:
            teams.update(tx, team.id, now=now(), addons_controls=on)
            _tell(tx, actor, team, "control" if on else "free", "")
        return team


def _tell(tx: Transaction, actor: Actor, team: Team, verb: str, service: str) -> None:
    payload = {"team": team.name, "service": service}
    events.insert(tx, f"team-addons:{verb}", by=actor, resource_id=team.id, payload=payload)
    changes.record(tx, "team")


def check(tx: Transaction, actor: Actor, app: App, service: str) -> None:
    """Raises Forbidden for a service that the team of this app allows to its admins alone."""
    team = teams.by_account(tx, app.owner_id)
    if team is None or not team.addons_controls or access.team_role_of(tx, actor, team) is TeamRole.ADMIN:
        return
    allowed = [one.service for one in allowed_addon_services.list_of(tx, team.id)]
    if service not in allowed:
        named = f"only {', '.join(allowed)}" if allowed else "none"
        raise Forbidden(
            f"cannot add {service} to {app.name}: the team {team.name} allows its members {named}; one of its admins can "
            "add it, or allow it"
        )
