"""Retention: what was kept long enough goes."""

import shutil
from datetime import timedelta
from pathlib import Path

from celadon.actions.context import Context, now
from celadon.store import apps, builds, changes, log_sessions, slugs

# What a destroyed app has left stays this long.
DESTROYED = timedelta(days=7)
_FRESH = 3600.0


def prune(context: Context) -> str:
    """Forget old wake-ups and sessions, archives no build needs, apps destroyed long ago; returns a sentence."""
    with context.database.transaction() as tx:
        changes.prune(tx)
        log_sessions.prune(tx, now())
        gone = apps.list_deleted(tx, now() - DESTROYED)
        pending = {build.id for build in builds.list_pending(tx)}
        known = slugs.ids_of_live_apps(tx, now() - DESTROYED)
    sources = _remove_others(context.settings.home / "sources", pending)
    packed = _remove_others(context.settings.home / "slugs", known)
    for app in gone:
        _remove(context, app.id)
    return f"removed {sources} source archives, {packed} slugs and the files of {len(gone)} destroyed apps"


def _remove_others(directory: Path, wanted: set[str]) -> int:
    """Remove files whose row is not there; a fresh one may be about to get its row."""
    removed = 0
    for path in directory.iterdir():
        if path.name.partition(".")[0] not in wanted and now().timestamp() - path.stat().st_mtime > _FRESH:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _remove(context: Context, app_id: str) -> None:
    """An app's files; its rows stay as what happened."""
    home = context.settings.home
    shutil.rmtree(context.blobs.repository(app_id), ignore_errors=True)
    cache = context.blobs.cache(app_id)
    cache.with_name(f"{cache.name}.img").unlink(missing_ok=True)
    for kind in ("logs", "logplex", "cache"):
        shutil.rmtree(home / kind / app_id, ignore_errors=True)
