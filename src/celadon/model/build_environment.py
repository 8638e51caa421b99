"""The setting `build_environment`: variables that an operator gives to every build, each as NAME=VALUE.

Values may have passwords in them, so no error shows one.
"""

import re
from collections.abc import Iterable, Mapping

_ENTRY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
# A comma ends an entry only before the next name: NO_PROXY and GOPROXY have commas of their own.
_BETWEEN = re.compile(r",(?=[A-Za-z_][A-Za-z0-9_]*=)")
# What the build dyno's own programs live by.
_STEERING = re.compile(
    r"(?:PATH|HOME|PWD|OLDPWD|SHELL|SHELLOPTS|IFS|ENV|BASH.*|LD_.*|STACK|BUILD_DIR|CACHE_DIR|ENV_DIR|OUT|SOURCE(?:_.*)?"
    r"|UNPACK_ONLY|REQUEST_ID|DEFAULT_BUILDPACKS|MOST_BUILDPACKS|GIT_(?:DIR|WORK_TREE|INDEX_FILE|EXEC_PATH|ALLOW_PROTOCOL))\Z"
)


def checked(given: object) -> tuple[str, ...]:
    """The entries of a text (separated by commas) or of a list; raises ValueError for one that cannot be used."""
    if isinstance(given, str):
        entries: list[object] = list(_BETWEEN.split(given)) if given else []
    elif isinstance(given, list | tuple):
        entries = list(given)
    else:
        raise ValueError('it is a list of "NAME=VALUE"')
    return tuple(_checked_entry(entry, number) for number, entry in enumerate(entries, start=1))


def _checked_entry(entry: object, number: int) -> str:
    found = _ENTRY.fullmatch(entry) if isinstance(entry, str) else None
    if found is None:
        raise ValueError(f"entry {number} is not NAME=VALUE")
    name, value = found.groups()
    if _STEERING.match(name):
        raise ValueError(f"{name} steers the build dyno itself; leave it out")
    if any(ord(char) < 32 for char in value):
        raise ValueError(f"the value of {name} has a control character in it")
    return found[0]


def variables(entries: Iterable[str]) -> Mapping[str, str]:
    """Name → value; of two entries of one name the later one holds."""
    return dict(entry.split("=", 1) for entry in entries)
