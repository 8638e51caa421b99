"""One build, top to bottom: checkout → detect → compile → release → pack → slug → release → deployed."""

import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from celadon.actions import app_setups, buildpack_names, builds
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.build import buildpacks, dyno, slug
from celadon.build.output import MOST, Output
from celadon.build.squash import Watch
from celadon.build.workspace import Workspace
from celadon.model import app_json
from celadon.model.app import App
from celadon.model.app_json import MOST_BUILDPACKS
from celadon.model.build import DEPLOYED, Build
from celadon.model.dyno import RELEASE
from celadon.model.errors import InvalidParams
from celadon.model.release import Release
from celadon.platform import runtimes
from celadon.runtime.protocol import ContainerSpec, Runtime, RuntimeFailure
from celadon.store import apps, configs, releases
from celadon.store import builds as stored_builds

log = logging.getLogger(__name__)

# What the build dyno's exit status says; the lines above it in the output say more.
_STEPS = {
    10: "the source could not be fetched or unpacked",
    11: "a buildpack could not be fetched",
    12: "no buildpack knows this app",
    13: "the buildpack could not compile the app",
    14: "the buildpack's bin/release failed",
    15: "the folder that is to be built is not in the source",
}


# How often a running build asks whether it was cancelled, in seconds.
_ASK = 0.3


class BuildError(Exception):
    """The build ends here; the message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """What every build on this machine shares."""

    context: Context
    runtime: Runtime
    stack_root: Path
    uv: Path

    def compile(self, build: Build, app: App, output: Output, address: str) -> Release | None:
        """Run one build to its end, whatever that is, or until it has to wait; returns the release it made."""
        output.announce("Slug compilation started")
        if build.source_path:
            output.step(f"Building the folder {build.source_path}")
        workspace = self.workspace(app)
        stopped = self._stopped(build, output)
        failed = False
        try:
            workspace.open()
            compiled = self.compiled(build, app, workspace, output, address, stopped)
            if compiled is None:
                return None
            release = builds.succeed(self.context, build.id, compiled)
            if release is not None:
                self._deployed(app, compiled, release, output)
            return release
        except (BuildError, slug.SlugError, InvalidParams, RuntimeFailure) as error:
            failed = True
            self._failed(build, error, output)
            return None
        finally:
            workspace.close()
            shutil.rmtree(self.shown(build), ignore_errors=True)
            output.announce("Slug compilation failed" if failed else "Slug compilation finished")
            output.close()

    def compiled(
        self,
        build: Build,
        app: App,
        workspace: Workspace,
        output: Output,
        address: str,
        stopped: Callable[[], str | None],
    ) -> Compiled | None:
        """From what a build is made of to a packed slug; None when it has to wait.

        Raises BuildError, SlugError, InvalidParams, RuntimeFailure.
        """
        if app_setups.wants_app_json(self.context, build.id):
            configured = self._configured(build, app, workspace, output, address, stopped)
            if configured is None:
                output.step("Waiting for add-ons")
                return None
            build = configured
        known = buildpack_names.known(self.context.settings.home)
        chosen = "".join(f"{buildpacks.resolve(url, known).line}\n" for url in self._buildpacks(build, app))
        self._run(self._inputs(build, app, workspace, chosen, known), output, address, stopped)
        uid = self.context.settings.uid_base + app.number
        return self._pack(build, workspace, uid, output, self.watch(stopped))

    def _configured(
        self,
        build: Build,
        app: App,
        workspace: Workspace,
        output: Output,
        address: str,
        stopped: Callable[[], str | None],
    ) -> Build | None:
        """Read the source's app.json and do what it says of the build; None when that is to wait for add-ons.

        Raises BuildError, InvalidParams.
        """
        output.step("Reading app.json")
        self._run(replace(self._inputs(build, app, workspace), unpack_only=True), output, address, stopped)
        path = workspace.target(dyno.build_dir(build).removeprefix("/tmp/"), "app.json")
        return app_setups.configure(self.context, build.id, workspace.read(*path, limit=app_json.LIMIT))

    def workspace(self, app: App) -> Workspace:
        """The app's disk for builds."""
        settings = self.context.settings
        return Workspace(self.context.blobs.cache(app.id), settings.uid_base + app.number, settings.build_disk_limit)

    def _buildpacks(self, build: Build, app: App) -> tuple[str, ...]:
        """Those of the build; else BUILDPACK_URL; else none, which means the app's file `.buildpacks` or detection."""
        if build.buildpacks:
            return build.buildpacks
        named = self._config_vars(app).get("BUILDPACK_URL")
        return (named,) if named else ()

    def _config_vars(self, app: App) -> dict[str, str]:
        with self.context.database.read() as tx:
            newest = releases.newest(tx, app.id)
            return configs.find(tx, newest.config_id) if newest else {}

    def _inputs(
        self,
        build: Build,
        app: App,
        workspace: Workspace,
        chosen: str = "",
        known: Mapping[str, str] = MappingProxyType({}),
    ) -> dyno.Inputs:
        """Write what the build dyno reads, on a tmpfs: config vars are secrets and never reach a disk in the clear."""
        shown = self.show(build)
        (shown / "env").mkdir()
        for name, value in self._config_vars(app).items():
            (shown / "env" / name).write_text(value, "utf-8")
        (shown / "buildpacks.tsv").write_text(chosen, "utf-8")
        (shown / "names.tsv").write_text(buildpacks.names_file(known), "utf-8")
        source = self.source(build)
        (shown / "submodules").write_text(_submodules(self.context.blobs.source(build.id)), "utf-8")
        uid = self.context.settings.uid_base + app.number
        self.give(shown, uid)
        if source and not build.source_id:
            self.give(source, uid)
        return dyno.Inputs(
            build=build,
            app=app,
            workspace=workspace.root,
            shown=shown,
            source=source,
            folders=buildpack_names.folders(self.context.settings.home),
        )

    def source(self, build: Build) -> Path | None:
        """Its archive on this machine; None when the build dyno is to fetch it."""
        if build.source_id:
            return self.context.blobs.upload(build.source_id)
        return None if build.source_url else self.context.blobs.source(build.id)

    def shown(self, build: Build) -> Path:
        """What its dyno is shown of the host, on a tmpfs."""
        return self.context.settings.run / "builds" / build.id

    def show(self, build: Build) -> Path:
        """An empty directory for that."""
        shown = self.shown(build)
        shutil.rmtree(shown, ignore_errors=True)
        shown.mkdir(parents=True)
        shown.parent.chmod(0o700)
        return shown

    def give(self, place: Path, uid: int) -> None:
        """Only this app's user, of all in build dynos, may read it and what is in it."""
        for path in (place, *place.rglob("*")):
            os.chown(path, uid, uid)
            path.chmod(0o500 if path.is_dir() else 0o400)

    def _run(self, inputs: dyno.Inputs, output: Output, address: str, stopped: Callable[[], str | None]) -> None:
        bundle = self.bundle(inputs.build)
        container = dyno.spec(inputs, self.context.settings, self.stack_root, bundle, address, self.uv)
        self.run(container, inputs.workspace, output, stopped, _STEPS)

    def bundle(self, build: Build) -> Path:
        """Where its dyno is."""
        return self.context.settings.home / "build-dynos" / f"build-{build.id[:13]}"

    def run(
        self,
        container: ContainerSpec,
        workspace: Path,
        output: Output,
        stopped: Callable[[], str | None],
        steps: Mapping[int, str],
    ) -> None:
        """Run a build dyno to its end; raises BuildError, in the words of `steps`, when it has not ended well."""
        settings = self.context.settings
        self.runtime.remove(container.id)
        try:
            self.runtime.start(container)
            ended = dyno.follow(self.runtime, container, output.follow, stopped)
        finally:
            self.runtime.remove(container.id)
        if ended.stopped is not None:
            raise BuildError(ended.stopped)
        if ended.out_of_memory:
            raise BuildError(f"the build needed more than {settings.build_memory >> 20} MB of memory")
        if ended.status != 0:
            step = steps.get(ended.status or 0, f"the build dyno ended with status {ended.status}")
            raise BuildError(f"{step}{self._limit_reached(workspace, ended)}")

    def _limit_reached(self, workspace: Path, ended: dyno.Ended) -> str:
        """Which limit a build that failed has run into, as the end of a sentence; empty for none."""
        if dyno.full(workspace):
            return f": its disk of {self.context.settings.build_disk_limit >> 20} MB is full"
        return f": it had {dyno.PIDS} processes and threads, the most it may" if ended.refused_processes else ""

    def _stopped(self, build: Build, output: Output) -> Callable[[], str | None]:
        """What says why the build must end, or None; its time begins now."""
        deadline = time.monotonic() + self.context.settings.build_timeout
        asked = time.monotonic()

        def reason() -> str | None:
            nonlocal asked
            if time.monotonic() > deadline:
                return (
                    f"the build took longer than {self.context.settings.build_timeout / 60:g} minutes and was stopped"
                )
            if output.full:
                return f"the build printed more than {MOST >> 20} MB and was stopped"
            if time.monotonic() < asked + _ASK:
                return None
            asked = time.monotonic()
            with self.context.database.read() as tx:
                present = stored_builds.find_by_id(tx, build.id)
            return builds.CANCELLED if present is None or present.cancel_requested else None

        return reason

    def watch(self, stopped: Callable[[], str | None]) -> Watch:
        """How a program of a build that runs outside of its dyno is looked after."""
        settings = self.context.settings
        return Watch(begun=lambda pid: runtimes.demote(settings, "build-dynos", pid), stopped=stopped)

    def _pack(self, build: Build, workspace: Workspace, uid: int, output: Output, watch: Watch) -> Compiled:
        """Discover process types, pack the slug; raises SlugError."""
        settings = self.context.settings
        tree = dyno.build_dir(build).removeprefix("/tmp/")
        said = slug.released(workspace, MOST_BUILDPACKS)
        language = slug.languages(workspace, MOST_BUILDPACKS)[-1]
        output.step("Discovering process types")
        types = slug.declared(workspace, tree)
        output.detail(f"Procfile declares types -> {', '.join(types or ()) or '(none)'}")
        extra = [name for name in said.process_types if name not in (types or {})]
        if extra:
            output.detail(f"Default types for {language} -> {', '.join(extra)}")
        slug_id = str(uuid.uuid4())
        checksum, size = slug.pack(workspace, tree, self.context.blobs.slug(slug_id), uid, settings.slug_limit, watch)
        output.step(f"Compiled slug size: {shown_size(size)}")
        if size > slug.HINT:
            output.detail("This slug is large and will take longer to start; see .slugignore in the docs.")
        return Compiled(
            slug_id=slug_id,
            process_types={**said.process_types, **(types or {})},
            language=language,
            checksum=checksum,
            size=size,
            config_vars=said.config_vars,
            addons=said.addons,
        )

    def _deployed(self, app: App, compiled: Compiled, release: Release, output: Output) -> None:
        output.step(f"Launching... done, {release.name}")
        if RELEASE in compiled.process_types:
            output.detail(f"The release command runs before {release.name} serves")
        output.detail(f"{self.context.settings.web_url(app.name)} {DEPLOYED}")

    def _failed(self, build: Build, error: Exception, output: Output) -> None:
        reason = error.message if isinstance(error, InvalidParams) else str(error)
        if isinstance(error, RuntimeFailure):
            log.error("at=build-failed build=%s %s", build.id, error)
            reason = "the platform could not run the build; its operator finds the reason in the build role's log"
        output.error(f"Push failed: {reason}")
        builds.fail(self.context, build.id, reason)


def _submodules(source: Path) -> str:
    """What the git door wrote beside the archive, as `commit<tab>url<tab>path` lines."""
    try:
        listed = json.loads(source.with_suffix(".submodules.json").read_text("utf-8"))
    except FileNotFoundError:
        return ""
    return "".join(f"{entry['sha']}\t{entry['url']}\t{entry['path']}\n" for entry in listed)


def shown_size(size: int) -> str:
    """Bytes as push output shows them: `9.0MB`, `512K`."""
    return f"{size / (1 << 20):.1f}MB" if size >= 1 << 20 else f"{max(size >> 10, 1)}K"


def app_of(context: Context, app_id: str) -> App | None:
    """The app of a build or slug, None when it was destroyed meanwhile."""
    with context.database.read() as tx:
        return apps.find(tx, app_id)
