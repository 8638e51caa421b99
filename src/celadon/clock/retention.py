"""Retention: what was kept long enough goes."""

import shutil
from datetime import timedelta

from celadon.actions.context import Context, now
from celadon.store import apps, builds, changes, log_sessions

# Destroyed apps can be brought back by the operator for this long.
DESTROYED = timedelta(days=7)


def prune(context: Context) -> str:
    """Forget old wake-ups and sessions, archives no build needs, apps destroyed long ago; returns a sentence."""
    with context.database.transaction() as tx:
        changes.prune(tx)
        log_sessions.prune(tx, now())
        gone = apps.list_deleted(tx, now() - DESTROYED)
        pending = {build.id for build in builds.list_pending(tx)}
    sources = 0
    for archive in (context.settings.home / "sources").glob("*"):
        # A push writes its archive just before its build row.
        fresh = now().timestamp() - archive.stat().st_mtime < 3600
        if archive.name.partition(".")[0] not in pending and not fresh:
            archive.unlink(missing_ok=True)
            sources += 1
    for app in gone:
        _remove(context, app.id)
    return f"removed {sources} source archives and the files of {len(gone)} destroyed apps"


def _remove(context: Context, app_id: str) -> None:
    """An app's files; its rows stay as what happened."""
    home = context.settings.home
    shutil.rmtree(context.blobs.repository(app_id), ignore_errors=True)
    cache = context.blobs.cache(app_id)
    cache.with_name(f"{cache.name}.img").unlink(missing_ok=True)
    for kind in ("logs", "logplex", "cache"):
        shutil.rmtree(home / kind / app_id, ignore_errors=True)
