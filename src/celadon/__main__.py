"""`python -m celadon`: wires everything, imports nothing before it is needed."""

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Role → where it starts: each is a function of the platform's settings that runs until it is stopped.
ROLES = {
    "api": "celadon.api.role:main",
    "git": "celadon.git.role:main",
    "build": "celadon.build.role:main",
    "dynos": "celadon.dynos.role:main",
    "router": "celadon.router.role:main",
    "logplex": "celadon.logplex.role:main",
    "clock": "celadon.clock.role:main",
}

# What bin/up and bin/down call; everything else is the command line's.
_PLATFORM = {
    "up": "celadon.platform.up:main",
    "down": "celadon.platform.down:main",
}


def load(target: str) -> Callable[..., Any]:
    """The function named by "module:function"."""
    module, _, function = target.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loaded


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if len(words) == 4 and words[0] == "role" and words[2] == "--home":
        return _role(words[1], Path(words[3]))
    if words and words[0] in _PLATFORM:
        return int(load(_PLATFORM[words[0]])(words[1:]))
    return int(load("celadon.cli.main:main")(words) or 0)


def _role(name: str, home: Path) -> int:
    if name not in ROLES:
        print(f"cannot run the role {name}: there are {', '.join(ROLES)}", file=sys.stderr)
        return 2
    from celadon.platform import role

    return role.run_role(name, home, load(ROLES[name]))


if __name__ == "__main__":
    sys.exit(main())
