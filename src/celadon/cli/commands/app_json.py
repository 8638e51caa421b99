"""Creating an app from an app.json: what it lacks is asked for, the platform does the rest."""

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celadon.cli import suggestions
from celadon.cli.commands import addon_waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure, warn
from celadon.cli.invocation import Invocation, ask
from celadon.cli.terminal.output import interactive, say
from celadon.model import app_json
from celadon.model.text import plain

NAME = "app.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """An app.json of this machine: its text, what it says, and the config vars that are given beside it."""

    text: str
    wanted: app_json.AppJson
    env: Mapping[str, str]


def split(value: str, name: str | None) -> tuple[Path, str | None]:
    """The file that `--from-app-json` means, and the app's name: what has neither dot nor slash is one, for the file may be
    left out. Raises UsageFailure.
    """
    if any(character in value for character in "./\\"):
        # Not `Path.is_dir`: of a name that no file can have it raises.
        return Path(value, NAME) if os.path.isdir(value) else Path(value), name  # noqa: PTH112
    if name is not None:
        raise UsageFailure(f"{value} is no path of an app.json: write it with a slash, as --from-app-json ./{value}")
    return Path(NAME), value


def read(path: Path, pairs: Sequence[str]) -> Manifest:
    """The app.json of this file with values for all that it requires: of `--env`, else of who sits at the terminal.

    Raises Failure, with a line for each mistake in it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(app_json.LIMIT + 1)
        wanted = app_json.parse(content)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    except app_json.ManifestError as error:
        raise Failure(f"cannot create an app from {path}", *error.errors) from None
    _tell_unknown(path, wanted.unknown)
    env = _pairs(pairs)
    return Manifest(content.decode("utf-8-sig"), wanted, {**env, **_missing(path, wanted, env)})


def create(
    invocation: Invocation, manifest: Manifest, asked: Mapping[str, Any], buildpack: str | None
) -> dict[str, Any]:
    """The new app, with what it has from app.json at once; its add-ons are being made."""
    overrides: dict[str, Any] = {"env": manifest.env}
    if buildpack:
        overrides["buildpacks"] = [{"url": buildpack}]
    setup = invocation.client.post("/app-setups", {"app_json": manifest.text, "app": asked, "overrides": overrides})
    app: dict[str, Any] = invocation.client.get(f"/apps/{segment(setup['app']['id'])}")
    return app


def tell_given(manifest: Manifest, buildpack: str | None) -> None:
    """What the app has of its app.json from its first moment on."""
    env = manifest.wanted.env
    names = {name for name, var in env.items() if var.generated or var.value is not None} | set(manifest.env)
    if names:
        say(f"Config vars: {', '.join(sorted(names))}")
    if buildpacks := [buildpack] if buildpack else manifest.wanted.buildpacks:
        say(f"Buildpacks: {', '.join(buildpacks)}")


def await_addons(invocation: Invocation, app: str) -> None:
    """Wait for what is being made. Raises Failure when it cannot be."""
    for addon in invocation.client.all(f"/apps/{segment(app)}/addons"):
        found = addon_waiting.await_made(invocation, addon) if addon["state"] == "provisioning" else addon
        if not invocation.json:
            say(addon_waiting.created(found))


def tell_rest(wanted: app_json.AppJson) -> None:
    """What follows the first release, which nobody needs to wait for here."""
    rest = [f"{name}={scale.quantity}" for name, scale in wanted.formation.items() if scale.quantity is not None]
    sizes = [f"{name}={scale.size}" for name, scale in wanted.formation.items() if scale.size is not None]
    if rest or sizes:
        say(f"With the first release it is scaled: {' '.join([*rest, *sizes])}")
    if wanted.postdeploy:
        say(f"After the first release this runs once, as celadon logs shows: {plain(wanted.postdeploy)}")


def _tell_unknown(path: Path, unknown: Iterable[str]) -> None:
    known = sorted(app_json.KEYS)
    for name in itertools.islice(unknown, 10):
        near = suggestions.near(name, known)
        hint = f"; did you mean {near[0]}?" if near else ""
        warn([f"{path}: nobody knows {name!r}, it is left alone{hint}"])


def _pairs(pairs: Sequence[str]) -> dict[str, str]:
    for pair in pairs:
        if not pair.partition("=")[0] or "=" not in pair:
            raise UsageFailure(f"{pair} is invalid. Must be in the format KEY=VALUE.")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _missing(path: Path, wanted: app_json.AppJson, env: Mapping[str, str]) -> dict[str, str]:
    """Values for what is required and given nowhere, by the user; raises UsageFailure where there is none to ask."""
    missing = wanted.missing(env)
    if missing and not interactive():
        raise UsageFailure(
            f"{path} requires config vars that it has no values for:",
            *(_described(name, wanted) for name in missing),
            f"Give each a value: {' '.join(f'--env {name}=VALUE' for name in missing)}",
        )
    return {name: _answer(_described(name, wanted)) for name in missing}


def _answer(question: str) -> str:
    while not (answer := ask(f"{question}: ")):
        warn(["It is required: type a value."])
    return answer


def _described(name: str, wanted: app_json.AppJson) -> str:
    description = wanted.env[name].description
    return f"{name} ({plain(' '.join(description.split()))})" if description else name
