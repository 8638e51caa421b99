"""From an archive that somebody uploaded to a slug. It is unpacked in a build dyno, as code of users always is."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from celadon.actions import slugs
from celadon.build import dyno, slug
from celadon.build.compiler import Compiler
from celadon.model.app import App
from celadon.model.slug import Slug
from celadon.runtime.protocol import Bind, ContainerSpec, Limits, RuntimeFailure

log = logging.getLogger(__name__)

_SCRIPT = Path(__file__).with_name("unpack.sh")
_TREE = "slug/app"
_PIDS = 64
_LOG_LIMIT = 1 << 20
# A slug that took the role down with it must not do so for ever.
_MOST_ATTEMPTS = 3
_TOO_LONG = "cannot use the slug: it took too long to unpack and to pack"


def pack(compiler: Compiler, found: Slug, app: App, address: str) -> None:
    """Pack what was uploaded, on the app's disk for builds, or say why it is no slug."""
    context = compiler.context
    begun = slugs.begin(context, found.id)
    if begun is None:
        return
    if begun.attempts > _MOST_ATTEMPTS:
        slugs.refuse(context, found.id, f"cannot use the slug: packing it was interrupted {_MOST_ATTEMPTS} times")
        return
    workspace = compiler.workspace(app)
    uid, limit = context.settings.uid_base + app.number, context.settings.slug_limit
    try:
        workspace.open()
        deadline = time.monotonic() + context.settings.build_timeout
        watch = compiler.watch(lambda: _TOO_LONG if time.monotonic() > deadline else None)
        _unpack(compiler, _spec(compiler, found, app, workspace.root, address), workspace.root, watch.stopped)
        checksum, size = slug.pack(workspace, _TREE, context.blobs.slug(found.id), uid, limit, watch)
        slugs.packed(context, found.id, checksum, size)
    except slug.SlugError as error:
        slugs.refuse(context, found.id, str(error))
    except RuntimeFailure as error:
        log.error("at=pack-failed slug=%s %s", found.id, error)
        slugs.refuse(context, found.id, "cannot use the slug: the platform could not unpack it, tell its operator")
    finally:
        workspace.close()


def _unpack(compiler: Compiler, container: ContainerSpec, workspace: Path, stopped: Callable[[], str | None]) -> None:
    """Run the build dyno to its end; raises SlugError, RuntimeFailure."""
    said: list[bytes] = []
    ended = dyno.to_end(compiler.runtime, container, said.append, stopped)
    if ended.stopped:
        raise slug.SlugError(ended.stopped)
    if ended.out_of_memory:
        raise slug.SlugError("cannot unpack the slug: it needed too much memory")
    if ended.status == 11:
        raise slug.SlugError("cannot use the slug: there is no ./app in it; make it with tar czf slug.tgz ./app")
    if ended.status:
        limit = compiler.context.settings.build_disk_limit >> 20
        full = f"the disk of {limit} MB is full" if dyno.full(workspace) else ""
        last = b"".join(said).decode("utf-8", "replace").strip().splitlines()[-1:]
        raise slug.SlugError(f"cannot unpack the slug: {full or ' '.join(last)[:200] or 'tar failed'}")


def _spec(compiler: Compiler, found: Slug, app: App, workspace: Path, address: str) -> ContainerSpec:
    settings = compiler.context.settings
    bundle = settings.home / "build-dynos" / f"slug-{found.id[:13]}"
    archive = compiler.context.blobs.upload(found.id)
    return ContainerSpec(
        id=bundle.name,
        root=compiler.stack_root,
        argv=("/bin/bash", "/celadon/unpack.sh"),
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        cwd="/",
        uid=settings.uid_base + app.number,
        hostname=f"slug-{found.id[:8]}",
        limits=Limits(memory=settings.build_memory, swap=settings.build_memory, cpu_shares=1024, pids=_PIDS),
        bundle=bundle,
        log_path=bundle / "output.log",
        address=address,
        mounts=(
            Bind(source=_SCRIPT, target="/celadon/unpack.sh"),
            Bind(source=archive, target="/celadon/slug.tgz"),
            Bind(source=workspace, target="/tmp", readonly=False),
        ),
        log_limit=_LOG_LIMIT,
        labels={"app": app.name, "slug": found.id},
    )
