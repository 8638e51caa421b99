"""The build dyno: one container for one build, without access to anything of another app."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.build import buildpacks
from celadon.build.run import BuildError, Run
from celadon.model import build_environment
from celadon.model.app_json import MOST_BUILDPACKS
from celadon.model.build import Build
from celadon.platform.settings import Settings
from celadon.runtime.protocol import Bind, ContainerSpec, Limits, Mount, Runtime, Tmpfs
from celadon.store.lines import Follower

_DRIVER = Path(__file__).with_name("driver.sh")
_LOOK = 0.01
_HOME_SIZE = 1 << 30
# The tmpfs of the directories and empty files that others are bound on, in bytes.
_PLACES = 1 << 20
# Processes and threads.
PIDS = 1024
LOG_LIMIT = 64 << 20
_TRUST = "/etc/ssl/certs/ca-certificates.crt"
# A download that is blocked would cost half a minute of retries each.
_PATIENCE = {"CURL_CONNECT_TIMEOUT": "5", "CURL_TIMEOUT": "300", "UV_HTTP_TIMEOUT": "30", "PIP_DEFAULT_TIMEOUT": "30"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the build dyno ended: its exit status (None: unknown), or why it was stopped."""

    status: int | None
    stopped: str | None = None
    out_of_memory: bool = False
    refused_processes: bool = False


def full(workspace: Path) -> bool:
    """Whether hardly any room, or no room for another file, is left on a build's disk."""
    found = os.statvfs(workspace)
    return found.f_bavail * 100 < found.f_blocks or (found.f_files > 0 and found.f_favail == 0)


def tree(build: Build) -> str:
    """BUILD_DIR, on the app's disk: in the dyno that is /tmp."""
    return f"build_{build.id[:8]}"


def spec(run: Run, stack_root: Path, uv: Path, folders: Mapping[str, Path], *, unpack_only: bool) -> ContainerSpec:
    """The container of a build; no I/O. `folders` are the buildpacks of this machine.

    `unpack_only` leaves the source in BUILD_DIR and ends there.
    """
    settings, bundle = run.context.settings, run.bundle
    # Places to bind on are made there and not in the image, where other platforms' builds would read their names.
    shown: list[Mount] = [Tmpfs(target="/celadon", size=_PLACES, mode="755")]
    shown += [Bind(source=_DRIVER, target="/celadon/driver.sh")]
    shown += [
        Bind(source=run.shown / name, target=f"/celadon/{name}")
        for name in ("buildpacks.tsv", "names.tsv", "submodules", "env")
    ]
    if run.source is not None:
        shown.append(Bind(source=run.source, target="/celadon/source.tar"))
    shown += [Bind(source=path, target=buildpacks.inside(name)) for name, path in sorted(folders.items())]
    shown += [Bind(source=uv, target="/usr/local/bin/uv")]
    shown += [Bind(source=run.workspace.root, target="/tmp", readonly=False)]
    return ContainerSpec(
        id=bundle.name,
        root=stack_root,
        argv=("/bin/bash", "/celadon/driver.sh"),
        env=environment(run.build, settings, unpack_only=unpack_only),
        cwd="/",
        uid=run.uid,
        hostname=f"build-{run.build.id[:8]}",
        limits=Limits(memory=settings.build_memory, swap=settings.build_memory, cpu_shares=1024, pids=PIDS),
        bundle=bundle,
        log_path=bundle / "output.log",
        address=run.address,
        mounts=(*shown, Tmpfs(target="/app", size=_HOME_SIZE, mode="1777")),
        log_limit=LOG_LIMIT,
        labels={"app": run.app.name, "build": run.build.id},
    )


def environment(build: Build, settings: Settings, *, unpack_only: bool) -> dict[str, str]:
    """What buildpacks find in their environment; config vars are files in ENV_DIR, as the API wants it."""
    told = {
        "SOURCE_URL": "" if build.source_id else build.source_url or "",
        "SOURCE_ARCHIVE": "1" if build.source_url else "",
        "SOURCE_CHECKSUM": build.source_checksum or "",
        "SOURCE_VERSION": build.commit or "",
        "SOURCE_PATH": build.source_path or "",
        "UNPACK_ONLY": "1" if unpack_only else "",
    }
    trust = (
        "SSL_CERT_FILE",
        "CURL_CA_BUNDLE",
        "PIP_CERT",
        "REQUESTS_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "GIT_SSL_CAINFO",
    )
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/app",
        "LANG": "C.UTF-8",
        "STACK": settings.stack_compatibility,
        "BUILD_DIR": f"/tmp/{tree(build)}",
        "CACHE_DIR": "/tmp/cache",
        "ENV_DIR": "/celadon/env",
        "OUT": "/tmp/out",
        "SOURCE": "/celadon/source.tar",
        "SOURCE_LIMIT": str(settings.source_limit),
        "REQUEST_ID": build.id,
        "MOST_BUILDPACKS": str(MOST_BUILDPACKS),
        "DEFAULT_BUILDPACKS": " ".join(buildpacks.inside(name) for name in buildpacks.default_order()),
        **dict.fromkeys(trust, _TRUST),
        **_PATIENCE,
        **{name: value for name, value in told.items() if value},
        **build_environment.variables(settings.build_environment),
    }


def to_end(
    runtime: Runtime, container: ContainerSpec, write: Callable[[bytes], None], stopped: Callable[[], str | None]
) -> Ended:
    """Run a build dyno and pass on what it writes until it ends; `stopped` says why it must be ended, or None."""
    runtime.remove(container.id)
    try:
        runtime.start(container)
        reason = _follow(runtime, container, write, stopped)
        found = runtime.inspect(container.id)
        return Ended(
            status=found.exit_status if found else None,
            stopped=reason,
            out_of_memory=found.out_of_memory if found else False,
            refused_processes=runtime.refused_processes(container.id),
        )
    finally:
        runtime.remove(container.id)


def _follow(
    runtime: Runtime, container: ContainerSpec, write: Callable[[bytes], None], stopped: Callable[[], str | None]
) -> str | None:
    """Returns why it was stopped, if it was."""
    follower = Follower(container.log_path)
    reason: str | None = None
    while container.id not in runtime.exits():
        if text := follower.read():
            write(text)
        reason = stopped()
        if reason is not None:
            runtime.kill(container.id)
            break
        # conmon has no bell for its log: looking is how one follows it.
        time.sleep(_LOOK)
    # One read may not have all that came since the last look: a slow disk keeps us from looking for seconds.
    while text := follower.read():
        write(text)
        reason = reason or stopped()
        if reason is not None:
            break
    return reason


def carry_out(run: Run, container: ContainerSpec, steps: Mapping[int, str], told: frozenset[int] = frozenset()) -> None:
    """Run a build's dyno to its end; raises BuildError, in the words of `steps`, when it has not ended well.

    With an exit status of `told` it has closed its output itself, with a sentence that says so.
    """
    settings = run.context.settings
    ended = to_end(run.runtime, container, run.output.follow, run.watch.stopped)
    if ended.stopped is not None:
        raise BuildError(ended.stopped)
    if ended.out_of_memory:
        raise BuildError(f"the build needed more than {settings.build_memory >> 20} MB of memory")
    if ended.status != 0:
        step = steps.get(ended.status or 0, f"the build dyno ended with status {ended.status}")
        limit = _limit_reached(run, ended)
        raise BuildError(f"{step}{limit}", told=ended.status in told and not limit)


def _limit_reached(run: Run, ended: Ended) -> str:
    """Which limit a build that failed has run into, as the end of a sentence; empty for none."""
    if full(run.workspace.root):
        return f": its disk of {run.context.settings.build_disk_limit >> 20} MB is full"
    return f": it had {PIDS} processes and threads, the most it may" if ended.refused_processes else ""
