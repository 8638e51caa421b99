"""From a dyno's row to a running container: mount the slug, compose the environment, start."""

import hashlib
import ipaddress
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.actions.context import Context
from celadon.dynos import status_line
from celadon.model import dyno_metadata
from celadon.model import image as images
from celadon.model.app import App
from celadon.model.dyno import Dyno
from celadon.model.feature import RUNTIME_METADATA
from celadon.model.logline import Source
from celadon.model.release import Release
from celadon.model.size import DynoSize
from celadon.model.slug import Slug
from celadon.runtime import slugs as slug_mounts
from celadon.runtime.protocol import Container, ContainerSpec, Limits, Overlay, Runtime, RuntimeFailure
from celadon.store import apps, configs, releases, slugs
from celadon.store.lines import Lines

# Sourced in Heroku's order; then the command in a shell of its own, so that `exit` in a profile is the profile's.
_BOOT = (
    "shopt -s nullglob; "
    'for profile in /app/.profile.d/*.sh; do . "$profile"; done; '
    "if [ -r /app/.profile ]; then . /app/.profile; fi; "
    'exec /bin/bash -c "$1"'
)
# catatonit leaves its own signals blocked in its child: then Ctrl-Z would do nothing.
_UNBLOCKED = ("/usr/bin/env", "--default-signal=TSTP,TTIN,TTOU")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PIDS_PER_SHARE = 256
_LOG_LIMIT = 64 << 20
# The first addresses are the dynos', the rest belong to builds.
_DYNO_ADDRESSES = 50_000


class ChecksumError(Exception):
    """The slug on disk is not the one that was built (R17)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Everything a start needs, read from the store in one look."""

    dyno: Dyno
    app: App
    release: Release
    slug: Slug
    config_vars: Mapping[str, str]
    metadata: Mapping[str, str]


def read(context: Context, dyno: Dyno) -> Launch:
    """What this dyno is to run; raises RuntimeFailure when its app or slug is gone."""
    with context.database.read() as tx:
        release = releases.find_by_id(tx, dyno.release_id)
        slug = slugs.find(tx, release.slug_id) if release and release.slug_id else None
        app = apps.find(tx, dyno.app_id)
        if release is None or slug is None or app is None:
            raise RuntimeFailure(f"cannot start {dyno.name}: its release or slug is gone")
        told = apps.features(tx, app.id).get(RUNTIME_METADATA, False)
        return Launch(
            dyno=dyno,
            app=app,
            release=release,
            slug=slug,
            config_vars=configs.find(tx, release.config_id),
            metadata=dyno_metadata.variables(app, dyno, release, slug) if told else {},
        )


def is_silent(context: Context, dyno: Dyno) -> bool:
    """Whether there is no shell in the dyno to tell an exit status by."""
    with context.database.read() as tx:
        release = releases.find_by_id(tx, dyno.release_id)
        slug = slugs.find(tx, release.slug_id) if release and release.slug_id else None
    return slug is not None and slug.image is not None and not slug.image.shell


class Launcher:
    """Starts dynos. Threads may share one."""

    def __init__(self, context: Context, runtime: Runtime, stack_root: Path) -> None:
        self.context = context
        self.runtime = runtime
        self.stack_root = stack_root
        self.lines = Lines(context.settings.home)

    @property
    def mounts(self) -> Path:
        return self.context.settings.run / "slugs"

    def start(self, dyno: Dyno, before_command: Callable[[Path], None] | None = None) -> Container:
        """Run the dyno under its `container_id`; raises RuntimeFailure, ChecksumError.

        `before_command` is called with the attach socket when the container is there and its command does not run yet.
        """
        launch = read(self.context, dyno)
        mounted = self._mount(launch.slug)
        return self.runtime.start(self.spec(launch, mounted), before_command=before_command)

    def _mount(self, slug: Slug) -> Path:
        packed, target = self.context.blobs.slug(slug.id), self.mounts / slug.id
        if not slug_mounts.is_mounted(target):
            if not packed.exists():
                raise ChecksumError(f"the slug {slug.id} is missing")
            if slug.checksum is not None and checksum(packed) != slug.checksum:
                raise ChecksumError(f"the slug {slug.id} has changed on disk")
        return slug_mounts.mount(packed, target)

    def spec(self, launch: Launch, mounted: Path) -> ContainerSpec:
        """The container of a dyno; no I/O."""
        dyno, settings = launch.dyno, self.context.settings
        assert dyno.container_id and dyno.address, "a dyno is given both when it is started"
        size = settings.sizes.of(dyno.size)
        vast, image = int(size.memory * size.vast), launch.slug.image
        bundle = settings.home / "dynos" / dyno.container_id
        return ContainerSpec(
            id=dyno.container_id,
            root=mounted if image else self.stack_root,
            argv=command_argv(launch.slug, dyno.command),
            env=environment(launch, size),
            cwd=image.working_dir if image else "/app",
            uid=settings.uid_base + launch.app.number,
            hostname=dyno.id,
            limits=Limits(
                # Over the quota a dyno gets R14 and lives on, in swap where there is some; the kernel ends it at R15.
                memory=size.memory if self.runtime.swaps() else vast,
                swap=vast,
                cpu_shares=1024 * size.share,
                pids=_PIDS_PER_SHARE * max(size.share, 1),
            ),
            bundle=bundle,
            log_path=self._log_path(dyno, bundle),
            address=dyno.address,
            group=group_of(launch.app),
            mounts=(_files(launch.slug, mounted, bundle / "scratch", settings.dyno_disk_limit),),
            home=home_of(launch.slug),
            shell="/bin/sh" if image else "/bin/bash",
            terminal=dyno.attach and "TERM" in dyno.env,
            stdin=dyno.attach,
            log_limit=_LOG_LIMIT,
            labels={"app": launch.app.name, "dyno": dyno.name},
        )

    def _log_path(self, dyno: Dyno, bundle: Path) -> Path:
        if dyno.attach:
            # It goes to the client's terminal, escape codes and all; the app's log gets what the manifold says.
            return bundle / "attached.log"
        assert dyno.container_id, "placed before it is launched"
        return self.lines.path(dyno.app_id, Source(source="app", ps=dyno.name), log_name(dyno.container_id))


def _files(slug: Slug, mounted: Path, scratch: Path, limit: int) -> Overlay:
    """What the dyno may write to: its code, or the whole root that an image is. /tmp is on the same scratch."""
    return Overlay(lower=(mounted,), scratch=scratch, target="/" if slug.image else "/app", limit=limit)


def home_of(slug: Slug) -> str:
    return slug.image.home if slug.image else "/app"


def command_argv(slug: Slug, command: str) -> tuple[str, ...]:
    """What runs a command in a dyno: an image's own way, or in the environment that the profiles of a slug make.

    Raises RuntimeFailure for one that an image without a shell cannot run.
    """
    if slug.image is None:
        return shell_argv(command)
    text = status_line.reached(command) if slug.image.shell else status_line.without(command)
    try:
        return images.argv(slug.image, slug.process_types, text)
    except images.ImageError as error:
        raise RuntimeFailure(str(error)) from None


def shell_argv(command: str) -> tuple[str, ...]:
    """What runs a command on the stack."""
    return (*_UNBLOCKED, "/bin/bash", "-c", _BOOT, "bash", status_line.reached(command))


def window(env: Mapping[str, str]) -> tuple[int, int] | None:
    """Rows and columns of a client's terminal, None when it told none."""
    rows, columns = (env.get(name, "") for name in ("LINES", "COLUMNS"))
    if not (rows.isdecimal() and columns.isdecimal()):
        return None
    return (int(rows), int(columns)) if 0 < int(rows) < 10_000 and 0 < int(columns) < 10_000 else None


def group_of(app: App) -> str:
    """What the app's dynos may reach of add-ons: the role of add-ons says what that is."""
    return f"app_{app.number}"


def log_name(container_id: str) -> str:
    """The part of a container id that names its log file."""
    return container_id.partition("-")[2]


def environment(launch: Launch, size: DynoSize) -> dict[str, str]:
    """What the dyno's processes see: what is known of it where that is wanted, what its image has, config vars, then what was given for this
    dyno, then the platform's own."""
    dyno, image = launch.dyno, launch.slug.image
    own = {"DYNO": dyno.name, "PS": dyno.name, "HOME": home_of(launch.slug), "PORT": str(dyno.port)}
    known = {"PATH": _PATH, "MEMORY_AVAILABLE": str(size.memory >> 20), **launch.metadata}
    if image:
        return {**known, "LANG": "C.UTF-8", **image.env, **launch.config_vars, **dyno.env, **own}
    return {**known, **launch.config_vars, **dyno.env, **own, "LANG": "C.UTF-8"}


def checksum(path: Path) -> str:
    """`SHA256:` and the hexadecimal digest of a file."""
    with path.open("rb") as file:
        return f"SHA256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


class Addresses:
    """Gives out addresses of the platform's subnet, each again only after all others."""

    def __init__(self, subnet: str) -> None:
        self._network = ipaddress.ip_network(subnet)
        self._next = random.SystemRandom().randrange(_DYNO_ADDRESSES)

    def take(self, taken: set[str]) -> str:
        """A free address, which is then in `taken`; raises RuntimeFailure when there is none."""
        for _ in range(_DYNO_ADDRESSES):
            self._next = (self._next + 1) % _DYNO_ADDRESSES
            # .0.0 is the network, .0.1 the bridge.
            address = str(self._network[self._next + 2])
            if address not in taken:
                taken.add(address)
                return address
        raise RuntimeFailure("cannot start a dyno: all addresses of the platform's subnet are in use")


def random_port() -> int:
    """A dyno has a network of its own, so any port is free; a random one shows apps that do not read $PORT."""
    return random.SystemRandom().randint(10_000, 59_999)
