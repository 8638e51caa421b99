"""Apps of a team: listing, locking, handing them over."""

from celadon.actions import access, team_members
from celadon.actions import apps as owned
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor
from celadon.model.app import App
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.team import Team
from celadon.store import accounts, app_transfers, apps, changes, events, teams
from celadon.store.database import Transaction

Entity = tuple[Account, tuple[str, ...]]


def names(context: Context, actor: Actor, team_name: str) -> list[tuple[str, str]]:
    """Name and id of the team's apps that the actor has access to, by name. Raises NotFound."""
    with context.database.read() as tx:
        team = access.team_for(tx, actor, team_name, "team:read")
        access.require_read(actor)
        return apps.names_owned(tx, team.account_id, team_members.seeing(actor))


def by_ids(context: Context, actor: Actor, app_ids: list[str]) -> tuple[list[App], set[str]]:
    """These apps, and the ids of those that the actor joined: for ids that were found to be the actor's to see."""
    with context.database.read() as tx:
        return apps.by_ids(tx, app_ids), apps.joined(tx, actor.account.id, app_ids)


def entities(context: Context, actor: Actor, team_name: str) -> tuple[Team, list[tuple[App, list[Entity]]]]:
    """The team's apps, each with who was given what on it by name. Raises NotFound, Forbidden."""
    with context.database.transaction() as tx:
        team = access.team_for(tx, actor, team_name, "team:manage")
        found = apps.by_ids(tx, [app_id for _, app_id in apps.names_owned(tx, team.account_id)])
        given = [(app, apps.collaborators(tx, app.id)) for app in found]
        people = accounts.by_ids(tx, {entry.account_id for _, entries in given for entry in entries})
        return team, [
            (app, [(people[entry.account_id], entry.permissions) for entry in entries]) for app, entries in given
        ]


def find(context: Context, actor: Actor, name_or_id: str) -> tuple[App, bool]:
    """The app and whether the actor joined it. Raises NotFound, also for an app that is no team's."""
    with context.database.read() as tx:
        app, _ = app_of_team(tx, actor, name_or_id, "app:read")
        return app, apps.is_collaborator(tx, app.id, actor.account.id)


def app_of_team(tx: Transaction, actor: Actor, name_or_id: str, permission: str) -> tuple[App, Team]:
    """As `access.app_for`, for apps of teams. Raises NotFound, Forbidden."""
    app = access.app_for(tx, actor, name_or_id, permission)
    team = teams.by_account(tx, app.owner_id)
    if team is None:
        raise NotFound("team_app", f"Couldn't find that team app: {app.name} is the app of a person, not of a team.")
    return app, team


def lock(context: Context, actor: Actor, name_or_id: str, locked: bool) -> None:
    """Lock the app: members of the team who did not join it lose it at once; or open it to them again."""
    with context.database.transaction() as tx:
        app, _ = app_of_team(tx, actor, name_or_id, "app:share")
        apps.update(tx, app.id, now=now(), locked=locked)
        line = f"{'Locked' if locked else 'Unlocked'} by user {actor.email}"
        events.insert(tx, "app:update", app_id=app.id, by=actor, payload={"locked": locked}, line=line)
        changes.record(tx, "app", app.id)


def transfer(context: Context, actor: Actor, name_or_id: str, recipient: str) -> None:
    """Hand an app to a team that the actor works in, or a team's app to somebody who is on it.

    Raises NotFound, Forbidden, InvalidParams.
    """
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, name_or_id, "app:transfer")
        before = teams.by_account(tx, app.owner_id)
        known = teams.find(tx, recipient)
        after = None
        if known is not None and access.team_role_of(tx, actor, known) is not None:
            after = access.team_for(tx, actor, recipient, "team:create-app")
        owner_id = after.account_id if after else _person(tx, app, before, recipient).id
        if owner_id == app.owner_id:
            raise InvalidParams(f"cannot transfer {app.name}: {recipient} owns it already")
        owned.check_limit(context, tx, owner_id, f"transfer {app.name}")
        if before is not None:
            leaving = None if after is None else {member.account_id for member in teams.members(tx, before.id)}
            apps.delete_collaborators(tx, app_id=app.id, account_ids=leaving)
        # What the owner of before has offered or promised is not the new one's.
        apps.invite_nobody(tx, app.id)
        if offered := app_transfers.pending_of_app(tx, app.id):
            app_transfers.delete(tx, offered.id)
        apps.update(tx, app.id, now=now(), owner_id=owner_id, locked=False)
        if after is not None:
            owned.give_everything(tx, app.id, actor.account.id)
        events.insert(
            tx,
            "app:transfer",
            app_id=app.id,
            by=actor,
            payload={"from": app.owner_id, "to": owner_id},
            line=f"Transferred to {recipient} by user {actor.email}",
        )
        changes.record(tx, "app", app.id)


def _person(tx: Transaction, app: App, team: Team | None, recipient: str) -> Account:
    """Who gets a team's app: somebody who knows it, as nobody asks them."""
    if team is None:
        raise InvalidParams(
            f"cannot transfer {app.name} to {recipient[:80]!r} so: you are in no such team, and to a person it is "
            "offered (POST /account/app-transfers), so that they may decline"
        )
    account = accounts.find_by_email_or_id(tx, recipient)
    if account is None or not access.permissions_of(tx, Actor(account=account), app):
        raise InvalidParams(
            f"cannot transfer {app.name} to {recipient[:80]!r}: nobody of this name or address has access to it; give it "
            "to them first (access:add)"
        )
    return account
