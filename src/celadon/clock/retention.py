"""Retention: what was kept long enough goes."""

import contextlib
import shutil
from datetime import timedelta
from pathlib import Path

from celadon.actions.context import Context, now
from celadon.model.postgres_report import KEPT as KEPT_REPORTS
from celadon.model.slug import KEPT
from celadon.model.status import day_of, days_until
from celadon.model.webhook import DYNO_GONE, DYNO_STATE
from celadon.store import (
    acme_challenges,
    addon_sign_ons,
    addons,
    apps,
    authorizations,
    builds,
    changes,
    deploy_hooks,
    events,
    invitations,
    log_sessions,
    mails,
    operator_visits,
    page_tokens,
    postgres_reports,
    sessions,
    slugs,
    sources,
    status,
    transfers,
    webhook_events,
    webhooks,
)
from celadon.store.metrics import Metrics

# What a destroyed app has left stays this long, what became of an add-on that is gone, and what builds and release phases have written.
DESTROYED = timedelta(days=7)
OUTPUT = timedelta(days=30)
# What webhooks were told, and how that went; what of dynos was kept for them alone.
TOLD = timedelta(days=30)
# What a clock that was killed has left; an authority asks within minutes.
CHALLENGES = timedelta(days=1)
# Tokens that have run out, and letters: for whoever looks after what went wrong.
ENDED = timedelta(days=7)
LETTERS = timedelta(days=30)
# What became of restores, copies and backups that failed, and that a backup was there which is kept no longer.
TRANSFERS = timedelta(days=30)
_FRESH = 3600.0


def prune(context: Context) -> str:
    """Forget old wake-ups, what has run out, letters, archives no build needs, apps destroyed long ago; returns a sentence."""
    with context.database.transaction() as tx:
        changes.prune(tx)
        log_sessions.prune(tx, now())
        acme_challenges.prune(tx, now() - CHALLENGES)
        invitations.prune(tx, now())
        sessions.prune(tx, now())
        page_tokens.prune(tx, now())
        addon_sign_ons.prune(tx, now())
        addons.prune(tx, now() - DESTROYED)
        deploy_hooks.prune(tx, now() - TOLD)
        authorizations.prune(tx, now() - ENDED)
        authorizations.prune_of_partners(tx)
        mails.prune(tx, now() - LETTERS)
        webhook_events.prune(tx, now() - TOLD)
        webhooks.prune(tx, now() - DESTROYED)
        transfers.prune(tx, now() - TRANSFERS)
        postgres_reports.prune(tx, now() - KEPT_REPORTS)
        events.prune(tx, (DYNO_STATE, DYNO_GONE), now() - TOLD)
        operator_visits.prune(tx, now())
        status.prune(tx, days_until(day_of(now()))[0])
        gone = apps.list_deleted(tx, now() - DESTROYED)
        pending = {build.id for build in builds.list_pending(tx)}
        uploaded = sources.prune(tx, now()) | {slug.id for slug in slugs.list_uploaded(tx)}
        kept = slugs.ids_to_keep(tx, KEPT, now() - DESTROYED)
    archives = _remove_others(context.settings.home / "sources", pending)
    archives += _remove_others(context.settings.home / "uploads", uploaded)
    packed = _remove_others(context.settings.home / "slugs", kept)
    outputs = _remove_old(context.settings.home / "builds", OUTPUT)
    destroyed = sum(_remove(context, app.id) for app in gone)
    with contextlib.closing(Metrics(context.settings.home)) as metrics:
        metrics.forget([app.id for app in gone])
    return f"removed {archives} source archives, {packed} slugs, {outputs} outputs, the files of {destroyed} destroyed apps"


def _remove_others(directory: Path, wanted: set[str]) -> int:
    """Remove files whose row is not there; a fresh one may be about to get its row."""
    removed = 0
    for path in directory.iterdir():
        if path.name.partition(".")[0] not in wanted and _is_older(path, _FRESH):
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _remove_old(directory: Path, age: timedelta) -> int:
    old = [path for path in directory.iterdir() if _is_older(path, age.total_seconds())]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _is_older(path: Path, seconds: float) -> bool:
    """Whether nobody has written to it for so long; no for what has been moved or removed since it was listed."""
    try:
        return now().timestamp() - path.stat().st_mtime > seconds
    except FileNotFoundError:
        return False


def _remove(context: Context, app_id: str) -> bool:
    """An app's files; its rows stay as what happened. False when none were left."""
    home = context.settings.home
    cache = context.blobs.cache(app_id)
    image = cache.with_name(f"{cache.name}.img")
    directories = [context.blobs.repository(app_id), *(home / kind / app_id for kind in ("logs", "logplex", "cache"))]
    there = [path for path in directories if path.exists()]
    found = bool(there) or image.exists()
    image.unlink(missing_ok=True)
    context.blobs.claim(app_id).unlink(missing_ok=True)
    for path in there:
        shutil.rmtree(path, ignore_errors=True)
    return found
