"""One build, top to bottom: checkout → detect → compile → release → pack → slug → release → deployed."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from celadon.actions import app_setups, buildpack_names, builds
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.build import buildpacks, dyno, images, slug
from celadon.build.output import MOST, Output
from celadon.build.run import BuildError, Run
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
from celadon.runtime.protocol import Runtime, RuntimeFailure
from celadon.store import builds as stored_builds
from celadon.store import configs, releases

log = logging.getLogger(__name__)

# What the build dyno's exit status says; the lines above it in the output say more.
_STEPS = {
    10: "the source could not be fetched or unpacked",
    11: "a buildpack could not be fetched",
    12: "no buildpack knows this app",
    13: "the buildpack could not compile the app",
    14: "the buildpack's bin/release failed",
    15: "the folder that is to be built is not in the source",
    16: "a file of the app is where buildpacks need a folder",
}
# With these the driver has closed the output itself: `Push rejected, failed to compile …`.
_REJECTED = frozenset({13, 14})

# How often a running build asks whether it was cancelled, in seconds.
_ASK = 0.3


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
        run = Run(
            context=self.context,
            runtime=self.runtime,
            build=build,
            app=app,
            workspace=self.workspace(app),
            output=output,
            address=address,
            watch=self.watch(self._stopped(build, output)),
        )
        try:
            run.workspace.open()
            compiled = images.imported(run) if build.image else self._compiled(run)
            # Before the build's end, behind which a slow disk may hold us up: who is killed in between says it again.
            output.announce("Slug compilation finished")
            if compiled is None:
                return None
            release = builds.succeed(self.context, build.id, compiled)
            if release is not None:
                self._deployed(app, compiled, release, output)
            return release
        except (BuildError, slug.SlugError, InvalidParams, RuntimeFailure) as error:
            self._failed(build, error, output)
            return None
        finally:
            run.workspace.close()
            shutil.rmtree(run.shown, ignore_errors=True)
            output.close()

    def _compiled(self, run: Run) -> Compiled | None:
        """From a source to a packed slug; None when it has to wait.

        Raises BuildError, SlugError, InvalidParams, RuntimeFailure.
        """
        if app_setups.wants_app_json(self.context, run.build.id):
            configured = self._configured(run)
            if configured is None:
                run.output.step("Waiting for add-ons")
                return None
            run = replace(run, build=configured)
        known = buildpack_names.known(self.context.settings.home)
        chosen = "".join(f"{buildpacks.resolve(url, known).line}\n" for url in self._buildpacks(run))
        self._drive(run, chosen, known)
        return _packed(run)

    def _configured(self, run: Run) -> Build | None:
        """Read the source's app.json and do what it says of the build; None when that is to wait for add-ons.

        Raises BuildError, InvalidParams.
        """
        run.output.step("Reading app.json")
        self._drive(run, unpack_only=True)
        path = run.workspace.target(dyno.tree(run.build), "app.json")
        return app_setups.configure(self.context, run.build.id, run.workspace.read(*path, limit=app_json.LIMIT))

    def workspace(self, app: App) -> Workspace:
        """The app's disk for builds."""
        settings = self.context.settings
        return Workspace(self.context.blobs.cache(app.id), settings.uid_base + app.number, settings.build_disk_limit)

    def _buildpacks(self, run: Run) -> tuple[str, ...]:
        """Those of the build; else BUILDPACK_URL; else none, which means the app's file `.buildpacks` or detection."""
        if run.build.buildpacks:
            return run.build.buildpacks
        named = self._config_vars(run.app).get("BUILDPACK_URL")
        return (named,) if named else ()

    def _config_vars(self, app: App) -> dict[str, str]:
        with self.context.database.read() as tx:
            newest = releases.newest(tx, app.id)
            return configs.find(tx, newest.config_id) if newest else {}

    def _drive(
        self, run: Run, chosen: str = "", known: Mapping[str, str] = MappingProxyType({}), *, unpack_only: bool = False
    ) -> None:
        """Run the driver in a build dyno; raises BuildError, RuntimeFailure.

        What it reads is on a tmpfs: config vars are secrets and never reach a disk in the clear.
        """
        shown = run.show()
        (shown / "env").mkdir()
        for name, value in self._config_vars(run.app).items():
            (shown / "env" / name).write_text(value, "utf-8")
        (shown / "buildpacks.tsv").write_text(chosen, "utf-8")
        (shown / "names.tsv").write_text(buildpacks.names_file(known), "utf-8")
        (shown / "submodules").write_text(_submodules(self.context.blobs.source(run.build.id)), "utf-8")
        run.give(shown)
        if run.source and not run.build.source_id:
            run.give(run.source)
        folders = buildpack_names.folders(self.context.settings.home)
        dyno.carry_out(
            run, dyno.spec(run, self.stack_root, self.uv, folders, unpack_only=unpack_only), _STEPS, _REJECTED
        )

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
        if not (isinstance(error, BuildError) and error.told):
            output.error(build.failure(reason))
        output.announce("Slug compilation failed")
        builds.fail(self.context, build.id, reason)


def _packed(run: Run) -> Compiled:
    """Discover process types, pack the slug; raises SlugError."""
    workspace, output = run.workspace, run.output
    tree = dyno.tree(run.build)
    said = slug.released(workspace, MOST_BUILDPACKS)
    language = slug.languages(workspace, MOST_BUILDPACKS)[-1]
    output.step("Discovering process types")
    types = slug.declared(workspace, tree)
    output.detail(f"Procfile declares types -> {', '.join(types or ()) or '(none)'}")
    extra = [name for name in said.process_types if name not in (types or {})]
    if extra:
        output.detail(f"Default types for {language} -> {', '.join(extra)}")
    slug_id, checksum, size = run.pack(tree)
    output.step(f"Compiled slug size: {slug.shown_size(size)}")
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


def _submodules(source: Path) -> str:
    """What the git door wrote beside the archive, as `commit<tab>url<tab>path` lines."""
    try:
        listed = json.loads(source.with_suffix(".submodules.json").read_text("utf-8"))
    except FileNotFoundError:
        return ""
    return "".join(f"{entry['sha']}\t{entry['url']}\t{entry['path']}\n" for entry in listed)
