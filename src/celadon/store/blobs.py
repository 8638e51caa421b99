"""Blobs: files that are state, each known by the id of its row. All live under `home`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Blobs:
    """Where each kind of blob is. Directories are made at install time."""

    home: Path

    def source(self, build_id: str) -> Path:
        """The source archive (tar) a build starts from."""
        return self.home / "sources" / f"{build_id}.tar"

    def upload(self, row_id: str) -> Path:
        """What somebody has uploaded, as it came: the archive of a source or of a slug."""
        return self.home / "uploads" / row_id

    def build_output(self, build_id: str) -> Path:
        """What a build has written so far, as users see it."""
        return self.home / "builds" / f"{build_id}.log"

    def slug(self, slug_id: str) -> Path:
        """The packed slug (squashfs)."""
        return self.home / "slugs" / f"{slug_id}.squashfs"

    def repository(self, app_id: str) -> Path:
        """The app's bare git repository, owned by the app's uid."""
        return self.home / "git" / f"{app_id}.git"

    def claim(self, app_id: str) -> Path:
        """The file that is locked by who moves the branch that deploys."""
        return self.home / "git" / f"{app_id}.claim"

    def cache(self, app_id: str) -> Path:
        """What builds of this app keep for its next builds."""
        return self.home / "cache" / app_id

    def release_output(self, release_id: str) -> Path:
        """What a release phase has written so far."""
        return self.home / "builds" / f"release-{release_id}.log"
