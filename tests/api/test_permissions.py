"""Who may do what to an app: every permission for everybody there can be."""

import uuid

import pytest
from tests.api.world import PASSWORD, World

from celadon.actions import access, accounts, apps, context
from celadon.model.account import Account, Actor
from celadon.model.app import App, Collaborator, Permission
from celadon.model.errors import Forbidden, NotFound
from celadon.model.team import Team, TeamMember, TeamRole, address
from celadon.store import accounts as stored_accounts
from celadon.store import apps as stored_apps
from celadon.store import rows, tables, teams
from celadon.store.database import Transaction

VIEW = {"app:read", "addon:read", "log:read", "pipeline:read", "transfer:read"}
DEPLOY = {
    "addon:config",
    "transfer:download",
    "transfer:update",
    "dataclip:read",
    "dataclip:update",
    "code:read",
    "code:push",
    "config:read",
    "config:write",
    "buildpack:update",
    "build:create",
    "release:create",
}
OPERATE = {
    "addon:update",
    "app:update",
    "collaborator:update",
    "drain:read",
    "drain:update",
    "webhook:read",
    "webhook:update",
    "formation:update",
    "dyno:run",
    "dyno:stop",
    "pipeline:add",
}
MANAGE = {"app:rename", "app:destroy", "app:share", "app:transfer", "event:read", "pipeline:update", "addon:pay"}
EVERYTHING = VIEW | DEPLOY | OPERATE | MANAGE
WORK = VIEW | DEPLOY | OPERATE

# Who → what the owner is, what they are in the team, whether the app is locked, what they were given, what they may do.
PEOPLE = {
    "stranger of a person's app": ("person", None, False, None, set()),
    "collaborator of a person's app": ("person", None, False, "view deploy operate", WORK),
    "member of a team that does not own the app": ("person", "member", False, None, set()),
    "admin of a team that does not own the app": ("person", "admin", False, None, set()),
    "stranger": ("team", None, False, None, set()),
    "stranger of a locked app": ("team", None, True, None, set()),
    "viewer": ("team", "viewer", False, None, VIEW),
    "viewer of a locked app": ("team", "viewer", True, None, VIEW),
    "viewer who was given deploy": ("team", "viewer", False, "view deploy", VIEW | DEPLOY),
    "member": ("team", "member", False, None, WORK),
    "member of a locked app": ("team", "member", True, None, set()),
    "member who joined": ("team", "member", False, "view deploy operate", WORK),
    "member who joined before it was locked": ("team", "member", True, "view deploy operate", WORK),
    "member who was given view of a locked app": ("team", "member", True, "view", VIEW),
    "member who was given view of an open app": ("team", "member", False, "view", WORK),
    "member who was given manage": ("team", "member", False, "view manage", EVERYTHING),
    "admin": ("team", "admin", False, None, EVERYTHING),
    "admin of a locked app": ("team", "admin", True, None, EVERYTHING),
    "admin who was given view": ("team", "admin", True, "view", EVERYTHING),
    "outsider with view": ("team", None, True, "view", VIEW),
    "outsider with deploy": ("team", None, False, "view deploy", VIEW | DEPLOY),
    "outsider with operate": ("team", None, False, "view operate", VIEW | OPERATE),
    "outsider with manage": ("team", None, False, "view manage", VIEW | MANAGE),
}


def test_every_permission_is_one_of_four() -> None:
    assert set(access.PERMISSIONS) == EVERYTHING
    for permission, (needed, _) in access.PERMISSIONS.items():
        assert permission in {"view": VIEW, "deploy": DEPLOY, "operate": OPERATE, "manage": MANAGE}[needed]


@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_may_what_the_table_says_and_sees_the_app_in_lists_if_anything(world: World, who: str) -> None:
    owner, role, locked, given, allowed = PEOPLE[who]
    someone = accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    with world.context.database.transaction() as tx:
        app = stored_apps.find(tx, "example")
        assert app is not None
        made = _team(tx, "widgets")
        # No team owns the app of a person, though there is one.
        stored_apps.update(
            tx, app.id, now=context.now(), locked=locked, **({"owner_id": made.account_id} if owner == "team" else {})
        )
        if role:
            _join(tx, made, someone, TeamRole(role))
        if given:
            permissions = tuple(map(Permission, given.split()))
            shared = Collaborator(
                app_id=app.id, account_id=someone.id, created_at=context.now(), permissions=permissions
            )
            rows.insert(tx, tables.collaborators, shared)
    actor = Actor(account=someone)
    assert _allowed(world, actor, app) == allowed
    assert [app.name for app, *_ in apps.list_visible(world.context, actor)] == (["example"] if allowed else [])


def test_owner_and_operator_may_do_everything(world: World) -> None:
    owner = accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    app = apps.create(world.context, Actor(account=owner), name="second")
    assert _allowed(world, Actor(account=owner), app) == EVERYTHING
    assert _allowed(world, world.actor, app) == EVERYTHING
    with world.context.database.transaction() as tx:
        shared = Collaborator(app_id=app.id, account_id=world.actor.account.id, created_at=context.now())
        rows.insert(tx, tables.collaborators, shared)
    assert _allowed(world, world.actor, app) == EVERYTHING


def test_the_address_of_a_team_is_nobodys(world: World) -> None:
    with world.context.database.transaction() as tx:
        _team(tx, "widgets")
        assert stored_accounts.find_by_email(tx, address("widgets")) is None


def _allowed(world: World, actor: Actor, app: App) -> set[str]:
    found = set()
    for permission in access.PERMISSIONS:
        with world.context.database.read() as tx:
            try:
                assert access.app_for(tx, actor, app.name, permission).id == app.id
                found.add(permission)
            except Forbidden:
                # Who may not do this sees at least the app.
                assert access.app_for(tx, actor, app.name, "app:read")
            except NotFound:
                assert access.role_of(tx, actor, app) is None
    return found


def _team(tx: Transaction, name: str) -> Team:
    account = Account(
        id=str(uuid.uuid4()),
        email=address(name),
        name=name,
        password_hash="",
        operator=False,
        verified=False,
        created_at=context.now(),
        updated_at=context.now(),
    )
    stored_accounts.insert(tx, account)
    made = Team(
        id=str(uuid.uuid4()), name=name, account_id=account.id, created_at=context.now(), updated_at=context.now()
    )
    teams.insert(tx, made)
    return made


def _join(tx: Transaction, team: Team, account: Account, role: TeamRole) -> None:
    member = TeamMember(
        id=str(uuid.uuid4()),
        team_id=team.id,
        account_id=account.id,
        role=role,
        is_default=False,
        created_at=context.now(),
        updated_at=context.now(),
    )
    teams.insert_member(tx, member)
