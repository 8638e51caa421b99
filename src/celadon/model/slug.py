"""Slugs: the packed, read-only result of a build."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from celadon.model.image import Image

# Of each app the slugs of so many releases are kept, and so many releases one can go back.
KEPT, REACH = 50, 40
# So long the bytes of a slug that was made without a build may come, and so many of an app may be awaited at once.
LIFETIME = timedelta(hours=1)
MOST_AWAITED = 20


class SlugStatus(StrEnum):
    """A slug of a build is ready from the start; another one is first uploaded, then packed by the build role."""

    CREATED = "created"
    UPLOADED = "uploaded"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slug:
    """`size` is bytes as packed, `checksum` is `SHA256:` and hexadecimal digits of the packed file.

    Of one that was made without a build, `archive_checksum` is that of the archive to come, if it was told, and
    `uploaded_checksum` that of the one that came last. `error` says why that could not be used; `attempts` counts how often the
    build role took it up.

    `image` is what an imported image said of itself: then the slug is a whole root filesystem.
    """

    id: str
    app_id: str
    process_types: Mapping[str, str]
    commit: str | None
    commit_description: str | None
    buildpack_provided_description: str | None
    stack: str
    created_at: datetime
    updated_at: datetime
    checksum: str | None = None
    size: int | None = None
    status: SlugStatus = SlugStatus.READY
    error: str | None = None
    attempts: int = 0
    archive_checksum: str | None = None
    uploaded_checksum: str | None = None
    image: Image | None = None

    @property
    def code(self) -> str | None:
        """What tells this code from other code: its commit, or its image's digest; None where nobody told."""
        return self.commit or (self.image.digest if self.image else None)

    @property
    def short(self) -> str:
        """That in eight characters."""
        return (self.code or "unknown").removeprefix("sha256:")[:8]
