"""Dynos: what users ask of them. The dyno manager does it."""

import random
import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta

from celadon.actions import access, formations
from celadon.actions.context import Context, now
from celadon.model import config
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.dyno import (
    FIRST_ONE_OFF,
    RUN,
    SCHEDULER,
    WEB,
    Dyno,
    DynoRequest,
    DynoState,
    cycles_at,
    starting_line,
)
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.release import Release
from celadon.store import accounts, apps, changes, dynos, events, releases, secrets
from celadon.store import formations as stored_formations
from celadon.store.database import Transaction

_COMMAND_LIMIT = 16 << 10
# What an attached client may set for its terminal; PORT and the like are the platform's.
_OWN = frozenset({"PORT", "DYNO", "PS", "HOME"})
# As Heroku's log calls who starts the runs of jobs.
_SCHEDULER_USER = "scheduler@addons.heroku.com"


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[tuple[Dyno, Release]]]:
    """The app, and its dynos that users see, each with its release."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        found = dynos.list_of(tx, app.id)
        by_id = releases.by_ids(tx, {dyno.release_id for dyno in found})
        return app, [(dyno, by_id[dyno.release_id]) for dyno in found]


def find(context: Context, actor: Actor, app_name: str, name_or_id: str) -> tuple[App, Dyno, Release]:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        dyno = dynos.find(tx, app.id, name_or_id)
        release = releases.find_by_id(tx, dyno.release_id) if dyno else None
    if dyno is None or release is None:
        raise NotFound("dyno")
    return app, dyno, release


def restart(context: Context, actor: Actor, app_name: str, which: str | None = None) -> list[Dyno]:
    """Replace all dynos of the formation, those of a type, or one; raises NotFound."""
    return _request(context, actor, app_name, which, DynoRequest.RESTART)


def stop(context: Context, actor: Actor, app_name: str, which: str) -> list[Dyno]:
    """End one dyno, or those of a type; the formation starts its own again. Raises NotFound."""
    return _request(context, actor, app_name, which, DynoRequest.STOP)


def _request(context: Context, actor: Actor, app_name: str, which: str | None, word: DynoRequest) -> list[Dyno]:
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:stop")
        chosen = _chosen(tx, app, which, one_offs=word is DynoRequest.STOP)
        dynos.request(tx, [dyno.id for dyno in chosen], word)
        verb = "Restarted" if word is DynoRequest.RESTART else "Stopped"
        events.insert(
            tx,
            f"dyno:{word}",
            line=f"{verb} {which or 'all dynos'} by user {actor.email}",
            app_id=app.id,
            by=actor,
        )
        changes.record(tx, "dyno", app.id)
    return chosen


def cycle(context: Context) -> int:
    """Ask for the replacement of every dyno of a formation that is as old as dynos get; returns how many."""
    after = context.settings.cycle_after
    with context.database.transaction() as tx:
        old = dynos.list_up_since(tx, now() - timedelta(seconds=after))
        due = [dyno for dyno in old if cycles_at(dyno, after) <= now()]
        dynos.request_instead(tx, [dyno.id for dyno in due], DynoRequest.CYCLE, of=None)
        for app_id in sorted({dyno.app_id for dyno in due}):
            changes.record(tx, "dyno", app_id)
    return len(due)


def idle(context: Context, dyno_id: str) -> bool:
    """Let the only web dyno of an app sleep; False when it is not the only one, or not of a size that sleeps (any more)."""
    with context.database.transaction() as tx:
        dyno = dynos.find_by_id(tx, dyno_id)
        if dyno is None or dyno.state is not DynoState.UP or dyno.request or dyno.draining_at:
            return False
        web = [other for other in dynos.list_of(tx, dyno.app_id) if other.type == WEB]
        wanted = [entry.quantity for entry in stored_formations.list_of(tx, dyno.app_id) if entry.type == WEB]
        if len(web) > 1 or wanted != [1] or not context.settings.sizes.of(dyno.size).idle_after:
            return False
        asked = dynos.request_instead(tx, [dyno.id], DynoRequest.IDLE, of=None)
        changes.record(tx, "dyno", dyno.app_id)
    return asked == 1


def wake(context: Context, app_id: str) -> bool:
    """A request waits for an app: its dyno is to sleep no longer. False when none sleeps or is about to."""
    with context.database.read() as tx:
        sleepers = _sleepers(tx, app_id)
    if not sleepers:
        return False
    with context.database.transaction() as tx:
        dynos.request_instead(tx, [dyno.id for dyno in _sleepers(tx, app_id)], None, of=DynoRequest.IDLE)
        changes.record(tx, "dyno", app_id)
    return True


def _sleepers(tx: Transaction, app_id: str) -> list[Dyno]:
    return [dyno for dyno in dynos.list_of(tx, app_id) if dyno.request is DynoRequest.IDLE]


def _chosen(tx: Transaction, app: App, which: str | None, *, one_offs: bool) -> list[Dyno]:
    present = dynos.list_of(tx, app.id)
    if which is None:
        return [dyno for dyno in present if not dyno.one_off]
    chosen = [
        dyno
        for dyno in present
        if which in (dyno.name, dyno.id) or (which == dyno.type and (one_offs or not dyno.one_off))
    ]
    if not chosen and which not in formations.commands(tx, app.id):
        raise unknown(app, which, present)
    return chosen


def unknown(app: App, which: str, present: Iterable[Dyno]) -> NotFound:
    """There is no such dyno, but there are these."""
    names = ", ".join(sorted({dyno.name for dyno in present})) or "none run"
    return NotFound("dyno", f"Couldn't find that dyno: {app.name} has no {which[:40]} (its dynos: {names}).")


def run(
    context: Context,
    actor: Actor,
    app_name: str,
    *,
    command: str,
    attach: bool = False,
    env: Mapping[str, str] | None = None,
    size: str | None = None,
) -> tuple[App, Dyno, Release, str | None]:
    """Start a one-off dyno from the release that serves; returns it and, when attached, the secret of its rendezvous.

    Raises InvalidParams when nothing has been deployed or the command cannot be one, Forbidden at the dyno limit.
    """
    check_command(command, env or {})
    secret = secrets.random_token() if attach else None
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:run")
        dyno, release = start(context, tx, app, actor, command=command, secret=secret, env=env, size=size)
    return app, dyno, release, secret


def start(
    context: Context,
    tx: Transaction,
    app: App,
    by: Actor | None,
    *,
    command: str,
    secret: str | None = None,
    env: Mapping[str, str] | None = None,
    size: str | None = None,
) -> tuple[Dyno, Release]:
    """As `run`, attached where there is a secret; the caller has checked the command and that it may.

    By nobody (None) it is a run of the app's scheduler, and is called so. What raises has written nothing.
    """
    accounts.lock(tx, app.owner_id)
    apps.lock(tx, app.id)
    release = _deployed(tx, app)
    _check_room(tx, app, context.settings.dyno_limit)
    sizes = context.settings.sizes
    expanded = expand(command, formations.commands(tx, app.id))
    dyno = new(
        app.id,
        release.id,
        RUN if by else SCHEDULER,
        _free_number(tx, app),
        expanded,
        (sizes.find(size) if size else sizes.default).name,
        attach=secret is not None,
        secret_hash=secrets.hash_token(secret) if secret else None,
        env=env,
        by=by,
    )
    dynos.insert(tx, dyno)
    line = f"{starting_line(expanded)} by user {by.email if by else _SCHEDULER_USER}"
    events.insert(tx, "dyno:create", line=line, app_id=app.id, by=by, resource_id=dyno.id)
    changes.record(tx, "dyno", app.id)
    return dyno, release


def fit_terminal(
    context: Context, actor: Actor, app_name: str, name_or_id: str, *, columns: int, lines: int
) -> tuple[App, Dyno, Release]:
    """The terminal of an attached one-off has a new size. Raises NotFound, InvalidParams."""
    check_window(columns, lines)
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:run")
        dyno = dynos.find(tx, app.id, name_or_id)
        release = releases.find_by_id(tx, dyno.release_id) if dyno else None
        if dyno is None or release is None:
            raise NotFound("dyno")
        if not dyno.attach or "TERM" not in dyno.env:
            raise InvalidParams(f"cannot resize the terminal of {dyno.name}: it has none, only `run` makes one")
        dynos.set_env(tx, dyno.id, {**dyno.env, "COLUMNS": str(columns), "LINES": str(lines)})
        changes.record(tx, "dyno", app.id)
    return app, dyno, release


def check_window(columns: int, lines: int) -> None:
    """Raises InvalidParams for what no terminal has."""
    if not (0 < columns < 10_000 and 0 < lines < 10_000):
        raise InvalidParams("cannot resize the terminal: columns and lines are from 1 to 9999")


def expand(command: str, process_types: Mapping[str, str]) -> str:
    """A command whose first word is a process type of the Procfile stands for that type's command."""
    first, _, rest = command.strip().partition(" ")
    return f"{process_types[first]} {rest}".strip() if first in process_types else command


def check_command(command: str, env: Mapping[str, str]) -> None:
    """Raises InvalidParams for what no dyno can run."""
    if not command.strip():
        raise InvalidParams("cannot run: there is no command")
    if len(command) > _COMMAND_LIMIT or "\x00" in command:
        raise InvalidParams("cannot run that command: it is longer than 16 KB or has a NUL character")
    for name, value in env.items():
        config.check(name, value)
        if name in _OWN:
            raise InvalidParams(f"cannot set {name}: the platform sets it")


def _free_number(tx: Transaction, app: App) -> int:
    taken = {dyno.number for dyno in dynos.list_of(tx, app.id) if dyno.one_off}
    rng = random.SystemRandom()
    while (number := rng.randint(FIRST_ONE_OFF, 9999)) in taken:
        pass
    return number


def _deployed(tx: Transaction, app: App) -> Release:
    """The release whose code a command runs; raises InvalidParams."""
    release = releases.current(tx, app.id)
    if release is None or release.slug_id is None:
        raise InvalidParams(f"cannot run a command on {app.name}: nothing has been deployed yet, push code first")
    return release


def _check_room(tx: Transaction, app: App, limit: int) -> None:
    """Raises Forbidden when its owner has as many dynos as one may."""
    if dynos.count_of_account(tx, app.owner_id) >= limit:
        raise Forbidden(f"cannot run: the app's owner has {limit} dynos already, which is the limit")


def new(
    app_id: str,
    release_id: str,
    process_type: str,
    number: int,
    command: str,
    size: str,
    *,
    attach: bool = False,
    secret_hash: str | None = None,
    env: Mapping[str, str] | None = None,
    by: Actor | None = None,
) -> Dyno:
    """A dyno that has been created and not started."""
    return Dyno(
        id=str(uuid.uuid4()),
        app_id=app_id,
        release_id=release_id,
        type=process_type,
        number=number,
        command=command,
        size=size,
        state=DynoState.CREATED,
        request=None,
        attach=attach,
        secret_hash=secret_hash,
        env=env or {},
        account_id=by.account.id if by else None,
        authorization_id=by.authorization_id if by else None,
        created_at=now(),
        updated_at=now(),
    )
