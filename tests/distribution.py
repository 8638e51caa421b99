"""In which order test files run, and which of several workers (`pytest -n`) runs them.

A file is one worker's alone: what its tests share (a server, a browser, a database cluster) is made once. Which file is
next is decided when a worker has nothing left to do, and the long ones go first: no worker is alone with one at the end.
"""

from xdist.scheduler import LoadScopeScheduling

# Folders and files, those that take longest first; all others follow.
_LONGEST_FIRST = (
    "tests/journeys/test_chaos.py",
    "tests/journeys/test_survival.py",
    "tests/journeys/",
    "tests/postgres/test_upgrades.py",
    "tests/postgres/test_pair_copies.py",
    "tests/postgres/test_maintenance.py",
    "tests/postgres/test_pairs.py",
    "tests/postgres/test_forks.py",
    "tests/postgres/test_transfers.py",
    "tests/postgres/",
    "tests/buildpacks/",
    "tests/caches/",
    "tests/addons/",
    "tests/platform/",
    "tests/router/",
    "tests/git/",
    "tests/dashboard/",
    "tests/cli/",
)
# One worker runs these one after the other, for they use a second platform that would be started in each.
_TOGETHER = {
    f"tests/journeys/test_{name}.py": platform
    for platform, names in {
        "narrow": ("bad_input", "builds", "images_hostile", "slugs"),
        "brief": ("dynos", "import", "survival"),
    }.items()
    for name in names
}


def place_in_line(path: str) -> int:
    """The smaller, the earlier."""
    return next((number for number, begin in enumerate(_LONGEST_FIRST) if path.startswith(begin)), len(_LONGEST_FIRST))


class ByFile(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return _TOGETHER.get(path, path)
