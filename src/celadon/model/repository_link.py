"""Links to commits at the place where people look at an app's code."""

import re

_COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")


def commit_url(repository_url: str | None, commit: str | None) -> str | None:
    """Where this commit is shown, as GitHub, Bitbucket and GitLab have it; None without a repository or a commit."""
    if not repository_url or not commit or not _COMMIT.match(commit):
        return None
    place = repository_url.rstrip("/").removesuffix(".git")
    if not place.startswith(("https://", "http://")):
        return None
    host = place.partition("://")[2].partition("/")[0]
    between = "commits" if "bitbucket" in host else "-/commit" if "gitlab" in host else "commit"
    return f"{place}/{between}/{commit}"
