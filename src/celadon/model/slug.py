"""Slugs: the packed, read-only result of a build."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

# Of each app the slugs of so many releases are kept, and so many releases one can go back.
KEPT, REACH = 50, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Slug:
    """`size` is bytes as packed, `checksum` is `SHA256:` and hexadecimal digits of the packed file."""

    id: str
    app_id: str
    process_types: Mapping[str, str]
    commit: str | None
    commit_description: str | None
    buildpack_provided_description: str | None
    checksum: str | None
    size: int | None
    stack: str
    created_at: datetime
    updated_at: datetime
