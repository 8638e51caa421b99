"""Credentials of databases: what is asked for, as rows, and what the role says came of it.

Who may ask is asked of the add-on (`actions/addons.py`). What a database's followers have is their leader's: it is changed
there and written for all in one transaction, in which every app that has one attached gets its config vars and a release.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from celadon.actions import access, provisioning
from celadon.actions.context import Context, now
from celadon.actions.provisioning import Given
from celadon.model import postgres_credential as rules
from celadon.model import postgres_database
from celadon.model.account import Actor
from celadon.model.errors import Conflict, InvalidParams, NotFound
from celadon.model.postgres_database import (
    DEFAULT_CREDENTIAL,
    SIZES,
    Credential,
    CredentialPermission,
    CredentialState,
    Origin,
    PostgresDatabase,
    Step,
)
from celadon.store import addons as stored_addons
from celadon.store import apps, attachments, changes, engines
from celadon.store import postgres_databases as stored
from celadon.store.database import Transaction

_STATES = {
    CredentialState.CREATING: "being created",
    CredentialState.ROTATING: "being rotated",
    CredentialState.REMOVING: "being destroyed",
}
# Beyond all rotations.
_UNKNOWN = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A credential with its password, and the one that it is getting while it rotates."""

    credential: Credential
    password: str = field(repr=False)
    pending: str | None = field(repr=False, default=None)


def known(context: Context, addon_id: str) -> list[Known]:
    """All of a database, the default one first."""
    with context.database.read() as tx:
        return _known(tx, addon_id)


def additional(context: Context, addon_id: str) -> list[Credential]:
    """Those beside the default one."""
    with context.database.read() as tx:
        return [one for one in stored.credentials(tx, addon_id) if not one.default]


def _known(tx: Transaction, addon_id: str) -> list[Known]:
    found = []
    for one in stored.credentials(tx, addon_id):
        password = stored.password(tx, addon_id, one.name)
        assert password is not None, "every credential has one"
        found.append(Known(credential=one, password=password, pending=stored.pending(tx, addon_id, one.name)))
    return found


def unsettled(context: Context) -> list[str]:
    """The add-ons of databases that are there and have a credential with work to be done."""
    with context.database.read() as tx:
        return stored.unsettled(tx)


def check_own(context: Context, addon_id: str, intent: str) -> None:
    """A database's credentials can be changed now, and are its own. Raises Conflict, NotFound."""
    with context.database.transaction() as tx:
        _changing(tx, addon_id, intent)


def create(context: Context, addon_id: str, name: str, permission: CredentialPermission, password: str) -> Credential:
    """Ask for an additional credential. Raises InvalidParams, Conflict, NotFound."""
    with context.database.transaction() as tx:
        database = _changing(tx, addon_id, "create a credential")
        if SIZES[database.plan].shared:
            raise InvalidParams("You can't create a custom credential on Essential-tier databases.")
        rules.check_name(name, frozenset({database.name, database.role}))
        present = stored.credentials(tx, addon_id)
        if any(one.name == name for one in present):
            raise InvalidParams(f"cannot create credential {name}: there is one of that name already")
        if len(present) >= rules.MOST:
            raise InvalidParams(f"cannot create credential {name}: a database has at most {rules.MOST}; destroy one")
        made = Credential(
            addon_id=addon_id,
            name=name,
            role=name,
            created_at=now(),
            state=CredentialState.CREATING,
            permission=permission,
        )
        stored.put_credential(tx, made, password)
        changes.record(tx, "engine")
        return made


def rotate(context: Context, addon_id: str, passwords: dict[str, str]) -> None:
    """Ask for new passwords of these credentials; one that is getting one already gets that. Raises Conflict, NotFound."""
    with context.database.transaction() as tx:
        _changing(tx, addon_id, "rotate credentials")
        for name, password in passwords.items():
            found = _find(tx, addon_id, name)
            if found.state is CredentialState.ROTATING:
                continue
            _check_active(found, "rotate")
            current = stored.password(tx, addon_id, name)
            assert current is not None, "every credential has one"
            stored.put_credential(tx, replace(found, state=CredentialState.ROTATING), current, password)
        changes.record(tx, "engine")


def remove(context: Context, actor: Actor, addon_id: str, name: str) -> None:
    """Ask for the end of one; nothing can be attached with it from now on. Raises InvalidParams, Conflict, NotFound."""
    with context.database.transaction() as tx:
        database = _changing(tx, addon_id, "destroy a credential")
        if name == DEFAULT_CREDENTIAL:
            raise InvalidParams("Default credential cannot be destroyed.")
        found = _find(tx, addon_id, name)
        if found.state is CredentialState.ROTATING:
            _check_active(found, "destroy")
        ids = [one.addon_id for one in _sharing(tx, database)]
        for one in sorted(ids):
            stored_addons.lock(tx, one)
        _check_detached(tx, actor, ids, found)
        given = [Given(addon_id=one, namespace=found.namespace, config=None) for one in ids]
        provisioning.give(context, tx, given)
        stored.update_credential(tx, addon_id, name, state=CredentialState.REMOVING)
        changes.record(tx, "engine")


def _check_detached(tx: Transaction, actor: Actor, addon_ids: Sequence[str], credential: Credential) -> None:
    attached = attachments.list_of_addons(tx, addon_ids)
    ids = {one.app_id for one in attached if one.namespace == credential.namespace}
    present = {app.id for app in apps.by_ids(tx, ids)}
    if not present:
        return
    names = [app.name for app in access.visible_apps(tx, actor, present)]
    if hidden := len(present) - len(names):
        names.append(f"{hidden} that you have no access to")
    plural = "s" if len(present) > 1 else ""
    raise InvalidParams(
        f"Credential {credential.name} must be detached from the app{plural} {', '.join(names)} before destroying."
    )


def _changing(tx: Transaction, addon_id: str, intent: str) -> PostgresDatabase:
    found = stored.lock(tx, addon_id)
    if found is None:
        raise NotFound("database")
    if found.step is not Step.AVAILABLE:
        raise Conflict(f"cannot {intent}: the database is not available now; wait with pg:wait")
    if found.origin is Origin.FOLLOW:
        raise Conflict(f"cannot {intent} of a follower: it has its leader's, change them there")
    return found


def _find(tx: Transaction, addon_id: str, name: str) -> Credential:
    found = stored.credential(tx, addon_id, name)
    if found is None:
        raise NotFound("credential", f"The database has no credential {name[:60]!r}; pg:credentials lists them.")
    return found


def _check_active(found: Credential, verb: str) -> None:
    if found.state is not CredentialState.ACTIVE:
        raise Conflict(f"cannot {verb} credential {found.name}: it is {_STATES[found.state]}; try again in a moment")


def _sharing(tx: Transaction, database: PostgresDatabase) -> list[PostgresDatabase]:
    """Itself, and those that follow it."""
    return [database, *(one for one in stored.made_from(tx, database.addon_id) if one.origin is Origin.FOLLOW)]


def finish(context: Context, addon_id: str, done: Sequence[Known], host: str) -> None:
    """The server has these as they were wanted: rows, followers' rows, config vars and releases follow, all at once.

    `host` is where apps reach servers.
    """
    with context.database.transaction() as tx:
        database = stored.lock(tx, addon_id)
        if database is None or database.step is Step.REMOVING:
            return
        given: list[Given] = []
        for one in done:
            name = one.credential.name
            # What was asked for meanwhile is more work.
            if stored.credential(tx, addon_id, name) == one.credential:
                for target in _sharing(tx, database):
                    given += _finish(tx, target, one, host)
        if given:
            provisioning.give(context, tx, given)
        changes.record(tx, "engine")


def _finish(tx: Transaction, target: PostgresDatabase, done: Known, host: str) -> list[Given]:
    credential = done.credential
    if credential.state is CredentialState.REMOVING:
        stored.remove_credential(tx, target.addon_id, credential.name)
        # Its config went when that was asked for.
        return []
    cut_at = credential.cut_at
    if credential.state is CredentialState.ROTATING:
        # A follower takes the old one until it has repeated what its leader was told: nobody knows yet when that is.
        cut_at = now() + (_UNKNOWN if target.addon_id != credential.addon_id else timedelta())
    password = done.password if done.pending is None else done.pending
    settled = replace(credential, addon_id=target.addon_id, state=CredentialState.ACTIVE, cut_at=cut_at)
    stored.put_credential(tx, settled, password)
    return [_given(tx, target, settled, password, host)]


def _given(tx: Transaction, database: PostgresDatabase, credential: Credential, password: str, host: str) -> Given:
    engine = engines.find(tx, database.engine_id)
    assert engine is not None, "a database is in one"
    config = postgres_database.config(credential.role, password, host, engine.port, database.name)
    return Given(addon_id=database.addon_id, namespace=credential.namespace, config=config)


def cut_off(context: Context, done: Known, host: str) -> None:
    """Nobody is there by an older password any more, unless it was rotated again."""
    credential = done.credential
    with context.database.transaction() as tx:
        database = stored.lock(tx, credential.addon_id)
        if database is None or stored.credential(tx, database.addon_id, credential.name) != credential:
            return
        stored.update_credential(tx, database.addon_id, credential.name, cut_at=None)
        # An add-on that was being made when it was rotated may have been told the old one.
        provisioning.give(context, tx, [_given(tx, database, credential, done.password, host)])


def cut_at(context: Context, credential: Credential, at: datetime) -> Credential:
    """Whoever came in before that is to be cut off. As it is now, if it was rotated again."""
    with context.database.transaction() as tx:
        found = stored.credential(tx, credential.addon_id, credential.name)
        if found is None or found != credential:
            return found or replace(credential, cut_at=None)
        stored.update_credential(tx, credential.addon_id, credential.name, cut_at=at)
        return replace(found, cut_at=at)
