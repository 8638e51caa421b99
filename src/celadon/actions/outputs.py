"""What builds and release phases have written, for who sees the app."""

import os
from pathlib import Path

from celadon.actions import access
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.errors import NotFound
from celadon.store import builds, releases


def of_build(context: Context, actor: Actor, app_name: str, build_id: str, most: int) -> tuple[str, bool]:
    """The end of a build's output, at most so many bytes, and whether that is all; raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        build = builds.find(tx, app.id, build_id)
    if build is None:
        raise NotFound("build")
    return _end(context.blobs.build_output(build.id), most)


def of_release(context: Context, actor: Actor, app_name: str, release_id: str, most: int) -> tuple[str, bool]:
    """The same of a release's command."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        release = releases.find(tx, app.id, release_id)
    if release is None:
        raise NotFound("release")
    return _end(context.blobs.release_output(release.id), most)


def _end(path: Path, most: int) -> tuple[str, bool]:
    """Nothing where nothing is kept: the file is written by another role, and may be gone."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            found = os.pread(file.fileno(), most, max(0, size - most))
    except FileNotFoundError:
        return "", True
    if size <= most:
        return found.decode("utf-8", "replace"), True
    # From the beginning of a line on.
    return found.partition(b"\n")[2].decode("utf-8", "replace"), False
