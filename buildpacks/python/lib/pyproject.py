"""Read what pyproject.toml says to Poetry: `pyproject.py requires-poetry|package-mode pyproject.toml [poetry.lock]`.

A file that is no TOML is refused, the lock too: nothing need be fetched to know that.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any


def requires_poetry(tool: dict[str, Any]) -> str:
    """The range as pip writes it ("" when none is asked for). Poetry also knows `^2.1`, `~2.1` and `2.*`."""
    parts = str(tool.get("requires-poetry", "")).replace(" ", "").split(",")
    return ",".join(_translated(part) for part in parts if part not in ("", "*"))


def _translated(part: str) -> str:
    operator, numbers = re.match(r"(\^|~(?!=)|)(.*)", part).groups()  # type: ignore[union-attr]
    given = [int(number) for number in re.findall(r"\d+", numbers)] or [0]
    if operator == "^":
        return f">={numbers},<{given[0] + 1}"
    if operator == "~":
        after = [given[0], given[1] + 1] if len(given) > 1 else [given[0] + 1]
        return f">={numbers},<{'.'.join(map(str, after))}"
    return part if part[0] in "<>=!~" else f"=={part}"


def main(what: str, *paths: str) -> int:
    read = []
    for path in paths:
        try:
            read.append(tomllib.loads(Path(path).read_text("utf-8")))
        except (OSError, ValueError) as error:
            print(f" !     cannot read {path}: {error}.", file=sys.stderr)
            print(" !     Mend it (an unfinished merge leaves marks in it), commit and push again.", file=sys.stderr)
            return 1
    tool = read[0].get("tool", {}).get("poetry", {})
    print(requires_poetry(tool) if what == "requires-poetry" else "yes" if tool.get("package-mode", True) else "no")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
