"""Which files a build has made for the app to run: `artifacts.py MESSAGES TARGET_DIR` reads what
`cargo build --message-format=json` says and prints their paths below the target folder.

Those are programs, and libraries that another language loads.
"""

import json
import sys
from pathlib import Path
from typing import Any

_LOADED = {"cdylib", "dylib"}


def files(message: dict[str, Any]) -> list[str]:
    if message.get("reason") != "compiler-artifact":
        return []
    if message.get("executable"):
        return [str(message["executable"])]
    if _LOADED & set(message["target"].get("crate_types", [])):
        return [str(name) for name in message.get("filenames", []) if str(name).endswith(".so")]
    return []


def artifacts(text: str, target: Path) -> list[str]:
    """Paths below `target`, in the order in which they were made; what is elsewhere is not the app's."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        if line.startswith("{"):
            for name in files(json.loads(line)):
                path = Path(name)
                # Libraries of dependencies lie one folder deeper, under names with a hash.
                if path.is_relative_to(target) and path.parent.name != "deps":
                    found[str(path.relative_to(target))] = None
    return list(found)


if __name__ == "__main__":
    print("\n".join(artifacts(Path(sys.argv[1]).read_text("utf-8"), Path(sys.argv[2]))))
