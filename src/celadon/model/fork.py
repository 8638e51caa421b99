"""A copy of an app under another name: what it takes along, and what of it is still to be made.

The copy is made step by step from outside. Each step leaves something that can be seen, and the release comes last: an app
with code is a finished copy, or none; one without, that has nothing the other one has not, is a copy half-made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from celadon.model.errors import InvalidParams

POSTGRES = "heroku-postgresql"


def description(source: str) -> str:
    """Of the copy's first release with code."""
    return f"Forked from {source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOn:
    """An add-on that an app owns; `attachments` are its names there, the first one first."""

    id: str
    name: str
    plan: str
    attachments: tuple[str, ...]

    @property
    def service(self) -> str:
        return self.plan.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is copied of an app, or there of a copy. `config` is without what add-ons give; its values are secrets."""

    name: str
    released: bool
    config: Mapping[str, str] = field(repr=False)
    addons: tuple[AddOn, ...] = ()
    buildpacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What a copy lacks: config vars, add-ons, and names of add-ons that it has (its add-on → names)."""

    config: Mapping[str, str] = field(repr=False)
    addons: tuple[AddOn, ...]
    names: Mapping[str, tuple[str, ...]]
    buildpacks: tuple[str, ...]


def missing(source: Content, target: Content) -> Missing:
    """Raises InvalidParams for a target that is no half-made copy: nothing that is there is ever replaced."""
    if target.released:
        raise InvalidParams(f"{target.name} has code already")
    if other := sorted(key for key, value in target.config.items() if source.config.get(key) != value):
        raise InvalidParams(f"{target.name} has config vars of its own ({', '.join(other)})")
    made = {addon.id: _copied(source, target, addon) for addon in target.addons}
    done = {original.id for original in made.values()}
    present = {name for addon in target.addons for name in addon.attachments}
    lacking = {
        addon_id: tuple(name for name in original.attachments if name not in present)
        for addon_id, original in made.items()
    }
    return Missing(
        config={key: value for key, value in source.config.items() if key not in target.config},
        addons=tuple(addon for addon in source.addons if addon.id not in done),
        names={addon_id: names for addon_id, names in lacking.items() if names},
        buildpacks=() if target.buildpacks else source.buildpacks,
    )


def _copied(source: Content, target: Content, addon: AddOn) -> AddOn:
    """The add-on of which this one is the copy."""
    for original in source.addons:
        if original.service == addon.service and set(addon.attachments) & set(original.attachments):
            return original
    raise InvalidParams(f"{target.name} has an add-on of its own ({addon.name})")


def without(content: Content, service: str) -> Content:
    """The same app without the add-ons of a service."""
    kept: Sequence[AddOn] = [addon for addon in content.addons if addon.service != service]
    return Content(
        name=content.name,
        released=content.released,
        config=content.config,
        addons=tuple(kept),
        buildpacks=content.buildpacks,
    )
