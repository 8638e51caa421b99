"""The folder of a pushed commit that is built, where the app has a source path: whether it is there, and what is instead."""

from collections.abc import Mapping

from celadon.git.repository import Repository
from celadon.git.source import Commit
from celadon.model.errors import InvalidParams

_SHOWN = 20


async def check(repository: Repository, commit: Commit, path: str, quarantine: Mapping[str, str]) -> None:
    """Raises InvalidParams with the folders there are when the commit has none of this path."""
    names = path.split("/")
    above = ["/".join(names[:count]) for count in range(1, len(names) + 1)]
    asked = "".join(f"{commit.sha}:{place}\n" for place in above).encode()
    printed = await repository.output("cat-file", "--batch-check=%(objecttype)", asked=asked, quarantine=quarantine)
    kinds = printed.decode("utf-8", errors="replace").splitlines()
    submodules = {submodule.path for submodule in commit.submodules}
    deepest = ""
    for place, kind in zip(above, kinds, strict=True):
        if place in submodules:
            # What is in it is known when it has been fetched.
            return
        if kind != "tree":
            there = await _folders(repository, commit, deepest, quarantine)
            raise InvalidParams(refusal(path, place, deepest, there, is_file=kind == "blob"))
        deepest = place


async def _folders(repository: Repository, commit: Commit, below: str, quarantine: Mapping[str, str]) -> list[str]:
    place = [f"{below}/"] if below else []
    words = ("ls-tree", "-d", "-z", "--name-only", commit.sha, "--", *place)
    printed = await repository.output(*words, limit=4 << 20, quarantine=quarantine)
    return [name for name in printed.decode("utf-8", errors="replace").split("\0") if name]


def refusal(path: str, place: str, below: str, there: list[str], *, is_file: bool) -> str:
    """Why the folder cannot be built, what there is instead, and what to do."""
    what = f"{place} is a file or a link" if is_file else f"the commit has no folder {place}"
    shown = ", ".join(name if name.isprintable() else ascii(name)[1:-1] for name in there[:_SHOWN])
    more = f" and {len(there) - _SHOWN:,} more" if len(there) > _SHOWN else ""
    where = f"in {below}" if below else "at its top"
    folders = f"folders {where}: {shown}{more}" if there else f"there are no folders {where}"
    return (
        f"cannot build the folder {path}: {what}; {folders}. "
        "Push that folder, or set another with `celadon apps:repo:path PATH` (`--clear` for none)"
    )
