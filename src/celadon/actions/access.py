"""The one table of who may do what to an app or a pipeline, and with which token."""

from collections.abc import Collection
from enum import StrEnum

from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.pipeline import Pipeline
from celadon.store import apps, pipelines
from celadon.store.database import Transaction


class Role(StrEnum):
    OWNER = "owner"
    COLLABORATOR = "collaborator"
    OPERATOR = "operator"


_ANYONE_ON_IT = frozenset(Role)
_OWNERS = frozenset({Role.OWNER, Role.OPERATOR})

_READ = frozenset({"global", "read", "write", "read-protected", "write-protected"})
_READ_SECRETS = frozenset({"global", "read-protected", "write-protected"})
_WRITE = frozenset({"global", "write", "write-protected"})
_WRITE_SECRETS = frozenset({"global", "write-protected"})

# A build, its buildpacks and a one-off see the config vars, and can print them: they want the protected scopes.
# Permission → the roles that have it, the scopes a token needs one of.
PERMISSIONS: dict[str, tuple[frozenset[Role], frozenset[str]]] = {
    "app:read": (_ANYONE_ON_IT, _READ),
    "app:update": (_ANYONE_ON_IT, _WRITE),
    "app:rename": (_OWNERS, _WRITE),
    "app:destroy": (_OWNERS, _WRITE),
    "app:transfer": (_OWNERS, _WRITE),
    "collaborator:update": (_ANYONE_ON_IT, _WRITE),
    "event:read": (_OWNERS, _READ),
    "code:read": (_ANYONE_ON_IT, _READ_SECRETS),
    "code:push": (_ANYONE_ON_IT, _WRITE_SECRETS),
    "config:read": (_ANYONE_ON_IT, _READ_SECRETS),
    "config:write": (_ANYONE_ON_IT, _WRITE_SECRETS),
    "buildpack:update": (_ANYONE_ON_IT, _WRITE_SECRETS),
    "build:create": (_ANYONE_ON_IT, _WRITE_SECRETS),
    "release:create": (_ANYONE_ON_IT, _WRITE),
    "formation:update": (_ANYONE_ON_IT, _WRITE),
    "dyno:run": (_ANYONE_ON_IT, _WRITE_SECRETS),
    "dyno:stop": (_ANYONE_ON_IT, _WRITE),
    "log:read": (_ANYONE_ON_IT, _READ),
    # The URL of a drain may hold a password.
    "drain:read": (_ANYONE_ON_IT, _READ_SECRETS),
    "drain:update": (_ANYONE_ON_IT, _WRITE_SECRETS),
    # Whoever sees one of its apps is on a pipeline, as its collaborator.
    "pipeline:read": (_ANYONE_ON_IT, _READ),
    "pipeline:add": (_ANYONE_ON_IT, _WRITE),
    "pipeline:update": (_OWNERS, _WRITE),
}


def app_for(tx: Transaction, actor: Actor, name_or_id: str, permission: str) -> App:
    """The app, if the actor may do this to it.

    Raises NotFound for an app that is not there or is none of the actor's business: both look the same to strangers.
    Raises Forbidden for one the actor sees but may not change so.
    """
    found = apps.find(tx, name_or_id)
    role = role_of(tx, actor, found) if found else None
    if found is None or role is None:
        raise NotFound("app")
    roles, scopes = PERMISSIONS[permission]
    if role not in roles:
        raise Forbidden(f"cannot do this to {found.name}: only its owner may")
    require_scope(actor, scopes)
    return found


def role_of(tx: Transaction, actor: Actor, app: App) -> Role | None:
    """What the actor is to the app; None for a stranger."""
    if app.owner_id == actor.account.id:
        return Role.OWNER
    if apps.is_collaborator(tx, app.id, actor.account.id):
        return Role.COLLABORATOR
    return Role.OPERATOR if actor.account.operator else None


def visible_apps(tx: Transaction, actor: Actor, ids: Collection[str]) -> list[App]:
    """Those of these apps that the actor sees, by name."""
    if actor.account.operator:
        return apps.by_ids(tx, ids)
    return apps.list_visible(tx, actor.account.id, only=ids)


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
    roles, scopes = PERMISSIONS[permission]
    role = Role.OWNER if own else Role.OPERATOR if me.operator else Role.COLLABORATOR
    if role not in roles:
        raise Forbidden(f"cannot do this to pipeline {pipeline.name}: only its owner may")
    require_scope(actor, scopes)
    return pipeline


def require_scope(actor: Actor, scopes: frozenset[str]) -> None:
    """Raise Forbidden when the actor's token has none of these scopes."""
    if not scopes & set(actor.scope):
        raise Forbidden(f"cannot do this with this token: it needs one of the scopes {', '.join(sorted(scopes))}")


def require_account_write(actor: Actor) -> None:
    """What concerns the account itself, as its keys and tokens, wants a token without limits."""
    require_scope(actor, frozenset({"global"}))


def require_account_read(actor: Actor) -> None:
    require_scope(actor, frozenset({"global", "identity"}))


def require_write(actor: Actor) -> None:
    require_scope(actor, _WRITE)


def require_write_secrets(actor: Actor) -> None:
    """What sets config vars and runs code that sees them, of an app that is not there yet."""
    require_scope(actor, _WRITE_SECRETS)


def require_read(actor: Actor) -> None:
    require_scope(actor, _READ)
