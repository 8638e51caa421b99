"""The one table of who may do what to an app or a pipeline, and with which token."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from celadon.model.account import Actor
from celadon.model.app import COLLABORATORS, App, Permission
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.guest import Guest, Loss
from celadon.model.pipeline import Pipeline
from celadon.model.team import Team, TeamRole
from celadon.store import accounts, apps, authorizations, pipelines, teams
from celadon.store.database import Transaction


class Role(StrEnum):
    """What somebody is to an app. Admins of the team that owns it are its owners, other members of it collaborators."""

    OWNER = "owner"
    COLLABORATOR = "collaborator"
    VIEWER = "viewer"
    OPERATOR = "operator"


_OF_ROLE: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.COLLABORATOR: frozenset(COLLABORATORS),
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.OPERATOR: frozenset(Permission),
}

_READ = frozenset({"global", "read", "write", "read-protected", "write-protected"})
_READ_SECRETS = frozenset({"global", "read-protected", "write-protected"})
_WRITE = frozenset({"global", "write", "write-protected"})
_WRITE_SECRETS = frozenset({"global", "write-protected"})

# A build, its buildpacks and a one-off see the config vars, and can print them: they want the protected scopes.
# What is done → the permission on the app that it needs, the scopes a token needs one of.
PERMISSIONS: dict[str, tuple[Permission, frozenset[str]]] = {
    "app:read": (Permission.VIEW, _READ),
    "app:update": (Permission.OPERATE, _WRITE),
    "app:rename": (Permission.MANAGE, _WRITE),
    "app:destroy": (Permission.MANAGE, _WRITE),
    # Who is given access sees the config vars.
    "app:share": (Permission.MANAGE, _WRITE_SECRETS),
    "app:transfer": (Permission.MANAGE, _WRITE_SECRETS),
    "collaborator:update": (Permission.OPERATE, _WRITE_SECRETS),
    "event:read": (Permission.MANAGE, _READ),
    "code:read": (Permission.DEPLOY, _READ_SECRETS),
    "code:push": (Permission.DEPLOY, _WRITE_SECRETS),
    "config:read": (Permission.DEPLOY, _READ_SECRETS),
    "config:write": (Permission.DEPLOY, _WRITE_SECRETS),
    "buildpack:update": (Permission.DEPLOY, _WRITE_SECRETS),
    "build:create": (Permission.DEPLOY, _WRITE_SECRETS),
    "release:create": (Permission.DEPLOY, _WRITE),
    "formation:update": (Permission.OPERATE, _WRITE),
    "dyno:run": (Permission.OPERATE, _WRITE_SECRETS),
    "dyno:stop": (Permission.OPERATE, _WRITE),
    "log:read": (Permission.VIEW, _READ),
    # The URL of a drain may hold a password.
    "drain:read": (Permission.OPERATE, _READ_SECRETS),
    "drain:update": (Permission.OPERATE, _WRITE_SECRETS),
    # So may that of a webhook; those of chats are secrets themselves.
    "webhook:read": (Permission.OPERATE, _READ_SECRETS),
    "webhook:update": (Permission.OPERATE, _WRITE_SECRETS),
    # An add-on sets config vars. One with a price is its owner's to add and remove.
    "addon:read": (Permission.VIEW, _READ),
    "addon:update": (Permission.OPERATE, _WRITE_SECRETS),
    "addon:pay": (Permission.MANAGE, _WRITE_SECRETS),
    "addon:config": (Permission.DEPLOY, _READ_SECRETS),
    # Who may read the URL of a database may ask it.
    # Who has a backup has what is in the database; a restore replaces that.
    "transfer:read": (Permission.VIEW, _READ),
    "transfer:download": (Permission.DEPLOY, _READ_SECRETS),
    "transfer:update": (Permission.DEPLOY, _WRITE_SECRETS),
    "dataclip:read": (Permission.DEPLOY, _READ_SECRETS),
    "dataclip:update": (Permission.DEPLOY, _WRITE_SECRETS),
    # Whoever sees one of its apps is on a pipeline, and may operate it who may operate one of them.
    "pipeline:read": (Permission.VIEW, _READ),
    "pipeline:add": (Permission.OPERATE, _WRITE),
    "pipeline:update": (Permission.MANAGE, _WRITE),
}

# What is done with a team → the roles in it that may, the scopes a token needs one of.
TEAM_PERMISSIONS: dict[str, tuple[frozenset[TeamRole], frozenset[str]]] = {
    "team:read": (frozenset(TeamRole), _READ | {"identity"}),
    "team:leave": (frozenset(TeamRole), frozenset({"global"})),
    "team:create-app": (frozenset({TeamRole.ADMIN, TeamRole.MEMBER}), _WRITE),
    "team:manage": (frozenset({TeamRole.ADMIN}), frozenset({"global"})),
}


def app_for(tx: Transaction, actor: Actor, name_or_id: str, permission: str) -> App:
    """The app, if the actor may do this to it.

    Raises NotFound for an app that is not there or is none of the actor's business: both look the same to strangers.
    Raises Forbidden for one the actor sees but may not change so.
    """
    found = apps.find(tx, name_or_id)
    held = permissions_of(tx, actor, found) if found else frozenset()
    if found is None or not held:
        raise NotFound("app")
    needed, scopes = PERMISSIONS[permission]
    if needed not in held:
        if teams.by_account(tx, found.owner_id) is None:
            raise Forbidden(f"cannot do this to {found.name}: only its owner may")
        raise Forbidden(
            f"cannot do this to {found.name}: it needs the permission {needed}, which an admin of its team can give you"
        )
    require_scope(actor, scopes)
    return found


def personal_app_for(tx: Transaction, actor: Actor, name_or_id: str, permission: str) -> App:
    """The same for what teams have other rules for; raises InvalidParams for the app of one."""
    found = app_for(tx, actor, name_or_id, permission)
    if teams.by_account(tx, found.owner_id) is not None:
        raise InvalidParams(f"cannot do this to {found.name}: it is the app of a team, use /teams/apps/{found.name}")
    return found


def permissions_of(tx: Transaction, actor: Actor, app: App) -> frozenset[Permission]:
    """What the actor may do to the app; nothing for a stranger.

    Who is on it by name may do what was given to them, whatever else they may as a member of the team that owns it.
    """
    role = _role_of(tx, actor, app)
    given = None if role in (Role.OWNER, Role.OPERATOR) else apps.collaborator(tx, app.id, actor.account.id)
    return (_OF_ROLE[role] if role else frozenset()) | frozenset(map(Permission, given.permissions if given else ()))


def lost(tx: Transaction, guest: Guest, permission: str) -> Loss | None:
    """Why somebody who has begun something in an app may not go on with it; None when they may.

    A token that has run out, but can be refreshed, goes on; its scopes never change.
    """
    app, account = apps.find(tx, guest.app_id), accounts.find(tx, guest.account_id)
    if app is None:
        return Loss.APP
    token = guest.authorization_id
    if token is not None and authorizations.find(tx, guest.account_id, token) is None:
        return Loss.TOKEN
    if account is None or account.deleted_at is not None:
        return Loss.ACCESS
    may = PERMISSIONS[permission][0] in permissions_of(tx, Actor(account=account), app)
    return None if may else Loss.ACCESS


def allowed(tx: Transaction, actor: Actor, app: App) -> frozenset[str]:
    """Names of `PERMISSIONS` that the actor has on the app with this token: what a page offers."""
    held = permissions_of(tx, actor, app)
    return frozenset(
        name for name, (needed, scopes) in PERMISSIONS.items() if needed in held and scopes & set(actor.scope)
    )


def role_of(tx: Transaction, actor: Actor, app: App) -> Role | None:
    """What the actor is to the app; None for a stranger. What a collaborator may do: `permissions_of`."""
    role = _role_of(tx, actor, app)
    if role in (Role.OWNER, Role.OPERATOR) or not apps.is_collaborator(tx, app.id, actor.account.id):
        return role
    return Role.COLLABORATOR


def _role_of(tx: Transaction, actor: Actor, app: App) -> Role | None:
    """What the actor is to the app without having been given access by name."""
    if app.owner_id == actor.account.id:
        return Role.OWNER
    in_team = teams.role_on(tx, app.owner_id, actor.account.id)
    if in_team is TeamRole.ADMIN:
        return Role.OWNER
    if actor.account.operator:
        return Role.OPERATOR
    if in_team is TeamRole.MEMBER:
        return None if app.locked else Role.COLLABORATOR
    return Role.VIEWER if in_team is TeamRole.VIEWER else None


def visible_apps(tx: Transaction, actor: Actor, ids: Collection[str]) -> list[App]:
    """Those of these apps that the actor sees, by name."""
    if actor.account.operator:
        return apps.by_ids(tx, ids)
    return apps.list_visible(tx, actor.account.id, ids)


def pipeline_for(tx: Transaction, actor: Actor, id_or_name: str, permission: str) -> Pipeline:
    """The pipeline, if the actor may do this to it; of several with that name the actor's own.

    Raises NotFound for one that is not there or that the actor sees no app of, Forbidden for one that is somebody
    else's, InvalidParams when others' pipelines share the name.
    """
    me = actor.account
    found = pipelines.list_called(tx, id_or_name, None if me.operator else me.id)
    own = [pipeline for pipeline in found if pipeline.owner_id == me.id]
    if not found:
        raise NotFound("pipeline")
    if len(own or found) > 1:
        raise InvalidParams(
            f"cannot tell which {id_or_name} is meant: {len(found)} pipelines have that name, use an id"
        )
    pipeline = (own or found)[0]
    needed, scopes = PERMISSIONS[permission]
    if not (own or me.operator or needed in _permissions_on(tx, actor, pipeline)):
        raise Forbidden(f"cannot do this to pipeline {pipeline.name}: only its owner may")
    require_scope(actor, scopes)
    return pipeline


def _permissions_on(tx: Transaction, actor: Actor, pipeline: Pipeline) -> frozenset[Permission]:
    """What the actor, who does not own the pipeline, may do to one of its apps: managing it is its owner's alone."""
    coupled = visible_apps(tx, actor, [coupling.app_id for coupling in pipelines.couplings_of(tx, pipeline.id)])
    return frozenset().union(*(permissions_of(tx, actor, app) for app in coupled)) - {Permission.MANAGE}


def team_for(tx: Transaction, actor: Actor, name_or_id: str, permission: str) -> Team:
    """The team, if the actor may do this with it; its row is locked when that is more than reading.

    Raises NotFound for a team that the actor is not in, as for none; Forbidden for what another role may. The operator
    may do what admins may.
    """
    found = teams.find(tx, name_or_id)
    if found is not None and permission != "team:read":
        found = teams.lock(tx, found.id)
    role = team_role_of(tx, actor, found) if found else None
    if found is None or role is None:
        raise NotFound("team")
    roles, scopes = TEAM_PERMISSIONS[permission]
    if role not in roles:
        allowed = " and ".join(f"{allowed}s" for allowed in TeamRole if allowed in roles)
        raise Forbidden(f"cannot do this with the team {found.name}: you are a {role} of it, only its {allowed} may")
    require_scope(actor, scopes)
    return found


def team_role_of(tx: Transaction, actor: Actor, team: Team) -> TeamRole | None:
    """What the actor may act as in the team; None for a stranger."""
    if actor.account.operator:
        return TeamRole.ADMIN
    member = teams.member(tx, team.id, actor.account.id)
    return member.role if member else None


def require_scope(actor: Actor, scopes: frozenset[str]) -> None:
    """Raise Forbidden when the actor's token has none of these scopes."""
    if not scopes & set(actor.scope):
        raise Forbidden(f"cannot do this with this token: it needs one of the scopes {', '.join(sorted(scopes))}")


def require_account_write(actor: Actor) -> None:
    """What concerns the account itself, as its keys and tokens, wants a token without limits."""
    require_scope(actor, frozenset({"global"}))


def require_operator(actor: Actor) -> None:
    """Raises Forbidden for anybody but an operator with a token without limits."""
    if not actor.account.operator:
        raise Forbidden("cannot do this: only the platform's operator may")
    require_account_write(actor)


def require_account_read(actor: Actor) -> None:
    require_scope(actor, frozenset({"global", "identity"}))


def require_write(actor: Actor) -> None:
    require_scope(actor, _WRITE)


def require_write_secrets(actor: Actor) -> None:
    """What sets config vars and runs code that sees them, of an app that is not there yet."""
    require_scope(actor, _WRITE_SECRETS)


def require_read_secrets(actor: Actor) -> None:
    require_scope(actor, _READ_SECRETS)


def require_read(actor: Actor) -> None:
    require_scope(actor, _READ)
