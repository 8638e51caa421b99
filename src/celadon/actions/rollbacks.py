"""What going back to an earlier release would change: its code and its config vars, by their names."""

from collections.abc import Mapping
from dataclasses import dataclass

from celadon.actions import access, attached_vars
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.errors import NotFound
from celadon.model.release import Release, ReleaseStatus
from celadon.model.slug import REACH, Slug
from celadon.store import configs, releases, slugs
from celadon.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """`before` is the slug that serves, `after` the one that would. The names are of config vars that would be `added`,
    `removed` or `changed`; None for who may not read them.
    """

    before: Slug | None
    after: Slug | None
    added: tuple[str, ...] | None
    removed: tuple[str, ...] | None
    changed: tuple[str, ...] | None


def compare(context: Context, actor: Actor, app_name: str, release_id: str) -> Rollback:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        release, newest = releases.find(tx, app.id, release_id), releases.newest(tx, app.id)
        current = releases.current(tx, app.id)
        if release is None or newest is None:
            raise NotFound("release")
        names: tuple[tuple[str, ...] | None, ...] = (None, None, None)
        if "config:read" in access.allowed(tx, actor, app):
            names = _differences(configs.find(tx, newest.config_id), _config_then(tx, app.id, release))
        return Rollback(
            before=_slug(tx, current),
            after=_slug(tx, release),
            added=names[0],
            removed=names[1],
            changed=names[2],
        )


def possible(context: Context, app_id: str, found: list[Release], current: Release | None) -> set[str]:
    """Ids of those of an app's releases that one can go back to: not to what serves, nor to what has no code any more."""
    with context.database.read() as tx:
        kept = slugs.ids_to_keep(tx, REACH, now(), app_id=app_id)
    return {
        release.id
        for release in found
        if release.slug_id in kept
        and release.status is ReleaseStatus.SUCCEEDED
        and (current is None or release.id != current.id)
    }


def _slug(tx: Transaction, release: Release | None) -> Slug | None:
    return slugs.find(tx, release.slug_id) if release and release.slug_id else None


def _config_then(tx: Transaction, app_id: str, release: Release) -> Mapping[str, str]:
    """What a rollback makes of a config: what add-ons give stays as it is now."""
    old, attached = configs.find(tx, release.config_id), configs.attached(tx, release.config_id)
    return {**{name: value for name, value in old.items() if name not in attached}, **attached_vars.of_app(tx, app_id)}


def _differences(now_set: Mapping[str, str], then: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Names that come, that go, and whose value is another one."""
    both = set(now_set) & set(then)
    return (
        tuple(sorted(set(then) - set(now_set))),
        tuple(sorted(set(now_set) - set(then))),
        tuple(sorted(name for name in both if now_set[name] != then[name])),
    )
