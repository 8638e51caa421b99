"""A build that runs: where it works, what its dyno may be shown of the host, and what becomes its slug."""

import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from celadon.actions.context import Context
from celadon.build import slug
from celadon.build.output import Output
from celadon.build.squash import Watch
from celadon.build.workspace import Workspace
from celadon.model.app import App
from celadon.model.build import Build
from celadon.runtime.protocol import Runtime


class BuildError(Exception):
    """The build ends here; the message is for the user. `told`: the last line of the build's output says so already."""

    def __init__(self, message: str, *, told: bool = False) -> None:
        super().__init__(message)
        self.told = told


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One build from here to its end. `address` is that of its dyno; `watch` knows when it must end."""

    context: Context
    runtime: Runtime
    build: Build
    app: App
    workspace: Workspace
    output: Output
    address: str
    watch: Watch

    @property
    def uid(self) -> int:
        """The app's user, as which everything in its dyno runs."""
        return self.context.settings.uid_base + self.app.number

    @property
    def bundle(self) -> Path:
        """Where its dyno is."""
        return self.context.settings.home / "build-dynos" / f"build-{self.build.id[:13]}"

    @property
    def source(self) -> Path | None:
        """Its archive on this machine; None when the build dyno is to fetch it."""
        if self.build.source_id:
            return self.context.blobs.upload(self.build.source_id)
        return None if self.build.source_url else self.context.blobs.source(self.build.id)

    @property
    def shown(self) -> Path:
        """What its dyno is shown of the host, on a tmpfs."""
        return self.context.settings.run / "builds" / self.build.id

    def show(self) -> Path:
        """An empty directory for that."""
        shutil.rmtree(self.shown, ignore_errors=True)
        self.shown.mkdir(parents=True)
        self.shown.parent.chmod(0o700)
        return self.shown

    def give(self, place: Path) -> None:
        """Only the app's user, of all in build dynos, may read it and what is in it."""
        for path in (place, *place.rglob("*")):
            os.chown(path, self.uid, self.uid)
            path.chmod(0o500 if path.is_dir() else 0o400)

    def pack(self, tree: str, advice: str = slug.ADVICE) -> tuple[str, str, int]:
        """Pack a tree of its disk: the slug's id, its checksum, its size in bytes. Raises SlugError."""
        slug_id, limit = str(uuid.uuid4()), self.context.settings.slug_limit
        place = self.context.blobs.slug(slug_id)
        return slug_id, *slug.pack(self.workspace, tree, place, self.uid, limit, self.watch, advice)
