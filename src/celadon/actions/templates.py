"""Templates: apps that others begin with. Each is a folder beside the source whose files are an app's first commit."""

import json
import os
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from celadon.actions import access, apps, placing, releases
from celadon.actions.context import Context, now
from celadon.model import app_json
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.app_json import AppJson
from celadon.model.errors import NotFound
from celadon.model.release import ReleaseStatus
from celadon.store import configs
from celadon.store.database import Transaction

_ROOT = Path(__file__).resolve().parents[3] / "templates"
_EXECUTABLE = 0o100


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """`id` is its folder; `manifest` says what its apps are made with."""

    id: str
    name: str
    description: str
    manifest: AppJson

    @property
    def commit_message(self) -> str:
        return f"Cloned app from {self.name}"


@cache
def all_of() -> tuple[Template, ...]:
    """Every template: first those that need no add-ons, by name."""
    found = [_read(path.parent) for path in _ROOT.glob("*/app.json")]
    return tuple(sorted(found, key=lambda one: (len(one.manifest.addons), one.name)))


def find(template_id: str) -> Template:
    """Raises NotFound."""
    for template in all_of():
        if template.id == template_id:
            return template
    raise NotFound("template")


def files(template: Template) -> dict[str, tuple[str, bytes]]:
    """Path → git's mode and content."""
    root = _ROOT / template.id
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            executable = os.stat(path).st_mode & _EXECUTABLE  # noqa: PTH116
            found[path.relative_to(root).as_posix()] = ("100755" if executable else "100644", path.read_bytes())
    return found


def create_app(context: Context, actor: Actor, template: Template, *, name: str | None) -> App:
    """An app with what the template wants, and no code yet; raises what `apps.create` and `addons.create` do."""
    access.require_write_secrets(actor)

    def begin(tx: Transaction, app: App) -> None:
        env = template.manifest.config_vars({}, lambda: secrets.token_hex(32))
        config_id = configs.insert(tx, app.id, env, now()) if env else releases.config_of(tx, app.id)
        description = template.commit_message
        releases.insert(tx, app, actor.account.id, None, config_id, description, ReleaseStatus.SUCCEEDED)
        for wanted in template.manifest.addons:
            placing.place(context, tx, actor, app, wanted.plan)

    return apps.create(context, actor, name=name, also=begin)


def _read(folder: Path) -> Template:
    content = (folder / "app.json").read_bytes()
    said = json.loads(content)
    return Template(
        id=folder.name, name=said["name"], description=said["description"], manifest=app_json.parse(content)
    )
