"""What an app.json asks for, given to an app: config vars, buildpacks and add-ons. Either all of it can be had, or each thing
that cannot is said.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from celadon.actions import buildpacks, config_vars, placing
from celadon.actions.context import Context
from celadon.model import buildpack
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.app_json import AppJson, ManifestError
from celadon.model.errors import CeladonError, InvalidParams
from celadon.store.database import Transaction


def give(
    context: Context,
    tx: Transaction,
    app: App,
    by: Actor,
    wanted: AppJson,
    *,
    env: Mapping[str, str],
    buildpack_urls: Sequence[str] | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`env` and `buildpack_urls` are overrides. Returns the buildpacks, and the ids of the add-ons, which are being made.

    Raises ManifestError, and whatever else config vars can be refused with.
    """
    urls = wanted.buildpacks if buildpack_urls is None else buildpack_urls
    installed = tuple(url.removeprefix(buildpack.URN) for url in urls)
    config_vars.change(context, tx, app, by, _checked(context, wanted, env, installed))
    if installed:
        buildpacks.install(tx, app, by, installed)
    return installed, _ask_for_addons(context, tx, app, by, wanted)


def _checked(context: Context, wanted: AppJson, env: Mapping[str, str], urls: Sequence[str]) -> dict[str, str]:
    """The config vars of an app.json that is also right for this platform; raises ManifestError."""
    errors: list[str] = []
    values: dict[str, str] = {}

    def check(rule: Callable[[], object]) -> None:
        try:
            rule()
        except InvalidParams as error:
            errors.append(error.message)

    try:
        values = wanted.config_vars(env, lambda: secrets.token_hex(32))
    except ManifestError as error:
        errors += error.errors
    for url in urls:
        check(partial(buildpacks.check, context, url))
    for size in (*(scale.size for scale in wanted.formation.values()), wanted.postdeploy_size):
        if size is not None:
            check(partial(context.settings.sizes.find, size))
    if errors:
        raise ManifestError(errors)
    return values


def _ask_for_addons(context: Context, tx: Transaction, app: App, by: Actor, wanted: AppJson) -> tuple[str, ...]:
    """Ids of the add-ons that an app.json wants; raises ManifestError with what cannot be had."""
    errors: list[str] = []
    asked: list[str] = []
    for one in wanted.addons:
        try:
            made = placing.place(context, tx, by, app, one.plan, attachment=one.attachment, options=one.options)
            asked.append(made.id)
        except CeladonError as error:
            errors.append(f"add-on {one.plan[:60]!r}: {error.message}")
    if errors:
        raise ManifestError(errors)
    return tuple(asked)
