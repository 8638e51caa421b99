"""What lies between two commits of an app's repository. Called from threads; git runs as the app's uid."""

import asyncio
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from celadon.actions import apps
from celadon.actions.context import Context
from celadon.git import repository
from celadon.git.repository import GitFailure, Repository
from celadon.model.account import Actor

# At once in this process, and seconds for one: who asks when it cannot be told now is told less.
_turns = threading.BoundedSemaphore(2)
_LONGEST = 10.0
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# `rev-list` takes no advice of the repository's own configuration. The subject is the last: it may hold anything.
_FORMAT = "--format=%H%x09%at%x09%s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """`subject` is the first line of what it says."""

    sha: str
    at: datetime
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """`commits` are the newest of those that the new one has and the old one has not; `ahead` is how many there are,
    `behind` how many the old one has and the new one has not.
    """

    commits: tuple[Commit, ...]
    ahead: int
    behind: int


def between(context: Context, actor: Actor, app_name: str, old: str, new: str, most: int) -> Between | None:
    """None where the repository does not have both, or git is busy now. Raises NotFound, Forbidden."""
    app = apps.find(context, actor, app_name, "code:read")
    found = repository.of_app(context.settings, app)
    if not (_SHA.fullmatch(old) and _SHA.fullmatch(new)) or not (found.path / "HEAD").exists():
        return None
    if not _turns.acquire(blocking=False):
        return None
    try:
        return asyncio.run(_bounded(found, old, new, most))
    except (GitFailure, TimeoutError):
        return None
    finally:
        _turns.release()


async def _bounded(found: Repository, old: str, new: str, most: int) -> Between:
    async with asyncio.timeout(_LONGEST):
        counts = await found.output("rev-list", "--count", "--left-right", f"{old}...{new}", "--")
        behind, ahead = (int(word) for word in counts.split())
        limit = f"--max-count={most}"
        listed = await found.output("rev-list", limit, "--no-commit-header", _FORMAT, f"{old}..{new}", "--")
    lines = listed.decode("utf-8", "replace").splitlines()
    return Between(commits=tuple(_commit(line) for line in lines if line.count("\t") > 1), ahead=ahead, behind=behind)


def _commit(line: str) -> Commit:
    sha, at, subject = line.split("\t", 2)
    return Commit(sha=sha, at=datetime.fromtimestamp(min(max(int(at), 0), 1 << 35), UTC), subject=subject)
