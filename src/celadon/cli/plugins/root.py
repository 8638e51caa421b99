"""Where the plugins of this user are; a module of its own, as help looks there each time."""

import os

INDEX = "index.json"


def path() -> str:
    """The directory of all plugins."""
    below = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")  # noqa: PTH111, PTH118
    return os.path.join(below, "celadon", "plugins")  # noqa: PTH118


def any_installed() -> bool:
    # Where nobody knows the user's home there is none.
    return os.path.isabs(path()) and os.path.exists(os.path.join(path(), INDEX))  # noqa: PTH110, PTH117, PTH118
