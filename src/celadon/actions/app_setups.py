"""App setups: from a source with an app.json in it to an app that runs, or to no app and a reason.

Who asks gets the app and its build at once. The build role reads app.json first (`configure`), and builds once the add-ons
that it wants are there; it also takes the steps in between and after that (`advance`), and the dyno manager says how the postdeploy
script ended. Each is one transaction that moves `step` on: whoever dies, the next look at the row goes on from where it stands.

Who comes with an app.json alone (`prepare`) gets an app with what it asks for, and brings the code later, however that is done.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from celadon.actions import access, apps, buildpacks, builds, dynos, formations, manifests
from celadon.actions.builds import Wanted
from celadon.actions.context import Context, now
from celadon.model import app_json, config
from celadon.model.account import Actor
from celadon.model.addon import AddOnState
from celadon.model.app import App
from celadon.model.app_json import AppJson, ManifestError
from celadon.model.app_setup import OUTPUT_LIMIT, UNSEEN, AppSetup, SetupStep
from celadon.model.build import Build, BuildStatus
from celadon.model.errors import CeladonError, InvalidParams, NotFound
from celadon.model.formation import Update
from celadon.model.release import ReleaseStatus
from celadon.store import accounts, addons, app_setups, changes, events, releases
from celadon.store import apps as stored_apps
from celadon.store import builds as stored_builds
from celadon.store import dynos as stored_dynos
from celadon.store.database import Transaction


def create(
    context: Context,
    actor: Actor,
    *,
    source_url: str,
    source_checksum: str | None = None,
    version: str | None = None,
    name: str | None = None,
    region: str | None = None,
    stack: str | None = None,
    env: Mapping[str, str] | None = None,
    buildpack_urls: Sequence[str] | None = None,
) -> tuple[AppSetup, App, Build | None]:
    """Make an app and ask for its setup. `env` and `buildpack_urls` are overrides of app.json.

    Raises InvalidParams, Forbidden.
    """
    access.require_write_secrets(actor)
    config.merge({}, env or {}, context.settings.config_limit)
    for url in buildpack_urls or ():
        buildpacks.check(context, url)
    source_id = builds.source_of(context, source_url, source_checksum)
    wanted = Wanted(commit=version, source_url=source_url, source_checksum=source_checksum, source_id=source_id)
    chosen = None if buildpack_urls is None else tuple(buildpack_urls)
    setup_id = str(uuid.uuid4())

    def begin(tx: Transaction, app: App) -> None:
        build = builds.accept(tx, app, actor, wanted)
        _insert(tx, app, actor, setup_id, step=SetupStep.READING, build_id=build.id, env=env or {}, buildpacks=chosen)

    apps.create(context, actor, name=name, region=region, stack=stack, also=begin)
    return find(context, actor, setup_id)


def prepare(
    context: Context,
    actor: Actor,
    content: bytes,
    *,
    name: str | None = None,
    region: str | None = None,
    stack: str | None = None,
    team: str | None = None,
    locked: bool = False,
    env: Mapping[str, str] | None = None,
    buildpack_urls: Sequence[str] | None = None,
) -> tuple[AppSetup, App, None]:
    """Make an app with the config vars, buildpacks and add-ons of an app.json. Its formation and its postdeploy script follow
    the first release of code that succeeds. `env` and `buildpack_urls` are overrides.

    Raises InvalidParams, with a line for each mistake in the app.json, and Forbidden; nothing is made then.
    """
    access.require_write_secrets(actor)
    setup_id = str(uuid.uuid4())

    def begin(tx: Transaction, app: App) -> None:
        _, asked = manifests.give(context, tx, app, actor, wanted, env=env or {}, buildpack_urls=buildpack_urls)
        _insert(tx, app, actor, setup_id, step=SetupStep.AWAITING, addons=asked, **_afterwards(wanted))

    try:
        wanted = app_json.parse(content)
        apps.create(context, actor, name=name, region=region, stack=stack, team=team, locked=locked, also=begin)
    except ManifestError as error:
        raise InvalidParams("\n".join(["cannot create an app from this app.json", *error.errors])) from None
    setup, app, _ = find(context, actor, setup_id)
    return setup, app, None


def _insert(tx: Transaction, app: App, by: Actor, setup_id: str, **values: Any) -> None:
    """`values` are what sets this AppSetup apart from others at their beginning."""
    setup = AppSetup(id=setup_id, app_id=app.id, account_id=by.account.id, created_at=now(), updated_at=now(), **values)
    app_setups.insert(tx, setup)
    line = f"Setup started by user {by.email}"
    events.insert(tx, "app-setup:create", line=line, app_id=app.id, by=by, resource_id=setup.id)
    changes.record(tx, "app-setup", app.id)


def _afterwards(wanted: AppJson) -> dict[str, Any]:
    """What of an app.json its setup has to remember until the app is released."""
    return {
        "formation": {name: (scale.quantity, scale.size) for name, scale in wanted.formation.items()},
        "postdeploy": wanted.postdeploy,
        "postdeploy_size": wanted.postdeploy_size,
        "success_url": wanted.success_url,
    }


def find(context: Context, actor: Actor, setup_id: str) -> tuple[AppSetup, App, Build | None]:
    """A setup that the actor has asked for, its app (which may be destroyed) and its build; raises NotFound."""
    access.require_read(actor)
    with context.database.read() as tx:
        setup = app_setups.find(tx, setup_id)
        if setup is None or setup.account_id != actor.account.id:
            raise NotFound("app_setup")
        app = stored_apps.find_any(tx, setup.app_id)
        build = _build_of(tx, setup)
    assert app is not None, "a setup goes with its app"
    return setup, app, build


def _build_of(tx: Transaction, setup: AppSetup) -> Build | None:
    return stored_builds.find_by_id(tx, setup.build_id) if setup.build_id else None


def resolved_success_url(context: Context, setup: AppSetup, app: App) -> str | None:
    """Where who set the app up is to go then: a path is one of the app."""
    return urljoin(context.settings.web_url(app.name), setup.success_url) if setup.success_url else None


def wants_app_json(context: Context, build_id: str) -> bool:
    """Whether app.json of this build's source is to be read before it is compiled."""
    with context.database.read() as tx:
        setup = app_setups.find_of_build(tx, build_id)
    return setup is not None and setup.step is SetupStep.READING


def waiting_builds(context: Context) -> frozenset[str]:
    """Ids of the builds that nobody is to take up yet: their apps' add-ons are being made."""
    with context.database.read() as tx:
        return frozenset(app_setups.builds_at(tx, SetupStep.PROVISIONING))


def configure(context: Context, build_id: str, content: bytes | None) -> Build | None:
    """Set the app up as this app.json (None: there is none) wants it to be built; returns what is to be compiled, None
    when that is to wait for add-ons.

    Raises InvalidParams, and the setup has failed then.
    """
    try:
        if content is None:
            most = app_json.LIMIT >> 10
            raise InvalidParams(f"there is no app.json of at most {most} KB in the root directory of the source")
        wanted = app_json.parse(content)
        with context.database.transaction() as tx:
            setup = app_setups.lock_of_build(tx, build_id)
            build = stored_builds.find_by_id(tx, build_id)
            if setup is None or build is None or setup.step is not SetupStep.READING:
                raise InvalidParams("its setup is over")
            return _configure(context, tx, setup, build, wanted)
    except ManifestError as error:
        _fail_of_build(context, build_id, "invalid app.json", error.errors)
        raise InvalidParams("app.json cannot be used: " + "; ".join(error.errors)) from None
    except CeladonError as error:
        _fail_of_build(context, build_id, error.message)
        raise InvalidParams(error.message) from None


def _configure(context: Context, tx: Transaction, setup: AppSetup, build: Build, wanted: AppJson) -> Build | None:
    by = _actor(tx, setup)
    app = access.app_for(tx, by, setup.app_id, "config:write")
    stored_apps.lock(tx, app.id)
    installed, asked = manifests.give(context, tx, app, by, wanted, env=setup.env, buildpack_urls=setup.buildpacks)
    # What was interrupted while app.json was read is over: the compiling has attempts of its own.
    stored_builds.update(tx, build.id, now=now(), buildpacks=installed, attempts=0 if asked else build.attempts)
    app_setups.update(
        tx,
        setup.id,
        now=now(),
        step=SetupStep.PROVISIONING if asked else SetupStep.BUILDING,
        env={},
        addons=asked,
        **_afterwards(wanted),
    )
    changes.record(tx, "app-setup", app.id)
    return None if asked else replace(build, buildpacks=installed)


def due(context: Context) -> list[str]:
    """Ids of the setups that are to be taken further: what they waited for is over."""
    with context.database.read() as tx:
        return [setup.id for setup in app_setups.list_pending(tx) if _is_due(tx, setup)]


def _is_due(tx: Transaction, setup: AppSetup) -> bool:
    if setup.step is SetupStep.POSTDEPLOY:
        # One that has ended has said so before its row goes.
        return setup.dyno_id is None or stored_dynos.find_by_id(tx, setup.dyno_id) is None
    if setup.step is SetupStep.AWAITING:
        # Whether it is released is known to who has listed it. One that is not made is for its people to make up for.
        return AddOnState.PROVISIONING not in _states(tx, setup)
    build = _build_of(tx, setup)
    if setup.step is SetupStep.PROVISIONING:
        stopped = build is None or build.status is not BuildStatus.PENDING or build.cancel_requested
        return stopped or not _still_made(tx, setup)
    if build is None or build.status is BuildStatus.PENDING:
        return build is None
    release = releases.find_by_id(tx, build.release_id) if build.release_id else None
    return release is None or release.status is not ReleaseStatus.PENDING


def _still_made(tx: Transaction, setup: AppSetup) -> bool:
    """Whether add-ons of a setup are being made, and none of them has failed."""
    states = _states(tx, setup)
    return states == {AddOnState.PROVISIONING} or states == {AddOnState.PROVISIONING, AddOnState.PROVISIONED}


def _states(tx: Transaction, setup: AppSetup) -> set[AddOnState]:
    return {addon.state for addon in addons.by_ids(tx, setup.addons).values()}


def advance(context: Context, setup_id: str) -> None:
    """Take a setup that is due one step further."""
    try:
        with context.database.transaction() as tx:
            setup = app_setups.lock(tx, setup_id)
            if setup is None or setup.status != "pending" or not _is_due(tx, setup):
                return
            if setup.step is SetupStep.POSTDEPLOY:
                _fail(context, tx, setup, "the postdeploy script was stopped before it had begun")
                return
            if setup.step is SetupStep.AWAITING:
                _start(context, tx, setup)
                return
            build = _build_of(tx, setup)
            if setup.step is SetupStep.PROVISIONING:
                _build(context, tx, setup, build)
                return
            release = releases.find_by_id(tx, build.release_id) if build and build.release_id else None
            if build is None or release is None:
                _fail(context, tx, setup, f"the build failed: {build.error if build else 'it is gone'}")
            elif release.status is ReleaseStatus.FAILED:
                _fail(context, tx, setup, f"the release command of {release.name} failed")
            else:
                _start(context, tx, setup)
    except CeladonError as error:
        fail(context, setup_id, error.message)


def _build(context: Context, tx: Transaction, setup: AppSetup, build: Build | None) -> None:
    """The add-ons are all there, and the build goes on; or one of them will never be."""
    if build is None or build.status is not BuildStatus.PENDING or build.cancel_requested:
        _fail(context, tx, setup, "the build was cancelled")
        return
    found = addons.by_ids(tx, setup.addons)
    for addon_id in setup.addons:
        addon = found.get(addon_id)
        if addon is None or addon.state is not AddOnState.PROVISIONED:
            named = f"{addon.service}:{addon.plan}" if addon else "that is gone"
            _fail(context, tx, setup, f"add-on {named} was not made: {(addon and addon.message) or 'it was destroyed'}")
            return
    # That it was taken up to read app.json is no interruption.
    stored_builds.update(tx, build.id, now=now(), attempts=0)
    app_setups.update(tx, setup.id, now=now(), step=SetupStep.BUILDING)
    changes.record(tx, "app-setup", setup.app_id)


def _start(context: Context, tx: Transaction, setup: AppSetup) -> None:
    """The app has been released: scale it, then run its postdeploy script, if it has one."""
    by = _actor(tx, setup)
    app = access.app_for(tx, by, setup.app_id, "dyno:run")
    updates = [Update(type=name, quantity=scale[0], size=scale[1]) for name, scale in setup.formation.items()]
    if updates:
        formations.scale(context, tx, app, by, updates)
    if setup.postdeploy is None:
        _end(tx, setup, SetupStep.SUCCEEDED, "Setup succeeded")
        return
    dyno, _ = dynos.start(context, tx, app, by, command=setup.postdeploy, size=setup.postdeploy_size)
    app_setups.update(tx, setup.id, now=now(), step=SetupStep.POSTDEPLOY, dyno_id=dyno.id)
    changes.record(tx, "app-setup", app.id)


def is_postdeploy(context: Context, dyno_id: str) -> bool:
    """Whether a one-off runs the postdeploy script of a setup."""
    with context.database.read() as tx:
        return app_setups.find_of_dyno(tx, dyno_id) is not None


def postdeployed(context: Context, dyno_id: str, output: bytes, status: int | None, *, stopped: bool) -> None:
    """The postdeploy script has ended, with this output and exit status (None: nobody saw it); safe to call again."""
    with context.database.transaction() as tx:
        found = app_setups.find_of_dyno(tx, dyno_id)
        setup = app_setups.lock(tx, found.id) if found else None
        if setup is None or setup.step is not SetupStep.POSTDEPLOY:
            return
        said = output[-OUTPUT_LIMIT:].decode("utf-8", "replace")
        app_setups.update(tx, setup.id, now=now(), output=said, exit_code=UNSEEN if status is None else status)
        if stopped:
            _fail(context, tx, setup, "the postdeploy script was stopped")
        elif status is None:
            _fail(context, tx, setup, "nobody saw how the postdeploy script ended")
        elif status:
            _fail(context, tx, setup, f"the postdeploy script ended with exit code {status}")
        else:
            _end(tx, setup, SetupStep.SUCCEEDED, "Setup succeeded")


def fail(context: Context, setup_id: str, reason: str, errors: Sequence[str] = ()) -> None:
    """End a setup and take away what it has made; `reason` holds no secret. Nothing when it is over already."""
    with context.database.transaction() as tx:
        setup = app_setups.lock(tx, setup_id)
        if setup is not None and setup.status == "pending":
            _fail(context, tx, setup, reason, errors)


def _fail_of_build(context: Context, build_id: str, reason: str, errors: Sequence[str] = ()) -> None:
    with context.database.read() as tx:
        setup = app_setups.find_of_build(tx, build_id)
    if setup is not None:
        fail(context, setup.id, reason, errors)


def _fail(context: Context, tx: Transaction, setup: AppSetup, reason: str, errors: Sequence[str] = ()) -> None:
    """An app that has been given to somebody else meanwhile is theirs and stays."""
    # Add-ons before apps, as whoever writes what a provider has answered.
    for addon_id in sorted(addon.id for addon in addons.list_of_app(tx, setup.app_id)):
        addons.lock(tx, addon_id)
    app = stored_apps.lock(tx, setup.app_id)
    if app is None:
        reason = "the app was destroyed"
    elif app.owner_id == setup.account_id and not setup.keeps_app:
        apps.remove(context, tx, app, _actor(tx, setup))
    build = _build_of(tx, setup)
    if build is not None and build.status is BuildStatus.PENDING:
        stored_builds.update(tx, build.id, now=now(), cancel_requested=True)
    app_setups.update(tx, setup.id, now=now(), failure_message=reason, manifest_errors=tuple(errors))
    rest = "; what app.json wants after the first release is left to you" if app and setup.keeps_app else ""
    _end(tx, setup, SetupStep.FAILED, f"Setup failed -- {reason}{rest}")


def _end(tx: Transaction, setup: AppSetup, step: SetupStep, line: str) -> None:
    app_setups.update(tx, setup.id, now=now(), step=step, env={})
    events.insert(tx, "app-setup:finish", line=line, app_id=setup.app_id, resource_id=setup.id)
    changes.record(tx, "app-setup", setup.app_id)


def _actor(tx: Transaction, setup: AppSetup) -> Actor:
    account = accounts.find(tx, setup.account_id)
    assert account is not None, "the row of an account is never deleted"
    return Actor(account=account)
