"""What is to be done: for every app that is not as wanted, its steps. Reads the store, changes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from celadon.actions import dynos as dyno_actions
from celadon.model import formation as rules
from celadon.model.dyno import ONE_OFFS, RELEASE, Dyno
from celadon.model.feature import PREBOOT
from celadon.model.formation import Command, Step, Target
from celadon.model.release import Release
from celadon.model.size import Sizes
from celadon.model.slug import Slug
from celadon.platform.settings import Settings
from celadon.store import apps, dynos, formations, releases, slugs
from celadon.store.database import Transaction


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The steps of one app, and what its new dynos are made of."""

    app_id: str
    release_id: str | None
    targets: dict[str, Target]
    pending: Release | None
    commands: list[Command]
    sizes: Sizes

    def new(self, tx: Transaction, command: Command) -> Dyno:
        if command.type == RELEASE:
            assert self.pending is not None and self.pending.slug_id is not None, "only a pending release has a phase"
            slug = slugs.find(tx, self.pending.slug_id)
            assert slug is not None, "a release's slug is never deleted before it"
            size = self.sizes.default.name
            text = slug.process_types[RELEASE]
            return dyno_actions.new(self.app_id, self.pending.id, RELEASE, command.number, text, size)
        target = self.targets[command.type]
        assert self.release_id is not None, "without a release nothing is wanted"
        return dyno_actions.new(self.app_id, self.release_id, command.type, command.number, target.command, target.size)


def plans(tx: Transaction, settings: Settings, now: datetime) -> list[Plan]:
    """Of every app that is not as wanted."""
    current = releases.current_of_all(tx)
    wanted = formations.list_all(tx)
    present = dynos.list_all(tx)
    by_slug = slugs.by_ids(tx, {release.slug_id for release in current.values() if release.slug_id})
    pending = {release.app_id: release for release in reversed(releases.list_pending(tx))}
    switched = apps.feature_of_all(tx, PREBOOT)
    limits = {
        "one_off_limit": timedelta(seconds=settings.one_off_limit),
        "phase_limit": timedelta(seconds=settings.release_timeout),
    }
    found = []
    for app_id in current.keys() | present.keys() | pending.keys():
        release = current.get(app_id)
        slug = by_slug.get(release.slug_id) if release and release.slug_id else None
        targets = _targets(slug, wanted.get(app_id, []))
        release_id = release.id if release and slug else None
        mine = present.get(app_id, [])
        preboot = switched.get(app_id, True)
        commands = rules.diff(targets, release_id, mine, preboot=preboot, now=now, **limits)
        commands += _phase(pending.get(app_id), mine)
        if commands:
            found.append(Plan(app_id, release_id, targets, pending.get(app_id), commands, settings.sizes))
    return found


def _phase(pending: Release | None, present: list[Dyno]) -> list[Command]:
    """The dyno of a release phase that has none; an older phase of the app ends first."""
    if pending is None or any(dyno.type == RELEASE for dyno in present):
        return []
    return [Command(Step.CREATE, RELEASE, 1000 + pending.version)]


def _targets(slug: Slug | None, wanted: list[rules.Formation]) -> dict[str, Target]:
    if slug is None:
        return {}
    return {
        entry.type: Target(quantity=entry.quantity, size=entry.size, command=slug.process_types[entry.type])
        for entry in wanted
        if entry.type in slug.process_types and entry.type not in ONE_OFFS
    }


def slugs_in_use(tx: Transaction, present: list[Dyno]) -> set[str]:
    """Slugs that run or are about to: those of dynos, and those that serve."""
    live = {release.id: release for release in releases.current_of_all(tx).values()}
    for dyno in present:
        if dyno.release_id not in live and (release := releases.find_by_id(tx, dyno.release_id)):
            live[release.id] = release
    return {release.slug_id for release in live.values() if release.slug_id}
