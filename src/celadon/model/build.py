"""Builds: one run of the slug compiler over one commit."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# The last line of a build's output that released something ends so; who follows the output waits for it.
DEPLOYED = "deployed to Celadon"
# Seconds that whoever has seen the build's end waits for that line. It comes some milliseconds later, unless its role
# died; on a slow disk a checkpoint of SQLite's log may hold up the role for seconds in between.
LAST_LINE_SECONDS = 10.0


class BuildStatus(StrEnum):
    """As the API shows it; a build that waits for its turn is pending too."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build row is accepted work: it is compiled even if whoever asked for it goes away.

    `commit` is the pushed commit or the version the API was told; `source_url` is where to fetch a source archive when
    none was stored by a push, and `source_id` says that it is of this platform and which. `cancel_requested` asks the
    build role to stop. `error` says why a failed build failed.
    `attempts` counts how often the build role took it up: more than once only when that died. `git_log` has the commits
    since the last deploy, where somebody is to be told of them. `source_path` is the folder of the source that is built.
    `image` is that of an import: where it is, or, with a `source_id`, what its archive is called.
    """

    id: str
    app_id: str
    account_id: str
    status: BuildStatus
    commit: str | None
    commit_description: str | None
    source_url: str | None
    source_checksum: str | None
    stack: str
    buildpacks: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    slug_id: str | None = None
    release_id: str | None = None
    error: str | None = None
    cancel_requested: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output_key: str = ""
    attempts: int = 0
    source_id: str | None = None
    git_log: str | None = None
    source_path: str | None = None
    image: str | None = None

    def failure(self, reason: str) -> str:
        """What closes its output when it fails without having said so itself."""
        return f"{'Import' if self.image else 'Push'} failed: {reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildpackInstallation:
    """One buildpack of an app: a short name (`heroku/python`), a git URL with an optional `#ref`, or an archive URL."""

    app_id: str
    ordinal: int
    url: str
