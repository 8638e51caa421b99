"""Choose a Node.js for an app's assets and print its versions as shell assignments: `node.py BUILD_DIR CACHE_DIR`."""

import json
import shlex
import sys
from pathlib import Path

import registry
import semver
import toolchain

DEFAULT_NODE = "24.x"


def main(folder: Path, cache: Path) -> int:
    try:
        package = json.loads((folder / "package.json").read_text("utf-8-sig"))
    except FileNotFoundError:
        package = {}
    except (OSError, ValueError, RecursionError) as error:
        return refuse(f"cannot read package.json: {error}", "Mend it, commit and push again.")
    engines = package.get("engines") if isinstance(package, dict) else None
    asked = engines if isinstance(engines, dict) else {}
    yarn = str(asked.get("yarn") or "1.x") if (folder / "yarn.lock").is_file() else ""
    try:
        chosen = toolchain.choose(cache, str(asked.get("node") or DEFAULT_NODE), str(asked.get("npm") or ""), yarn)
    except (toolchain.VersionError, semver.RangeError) as error:
        return refuse(
            f"cannot use the versions that package.json asks for: {error}", 'Change "engines", commit and push again.'
        )
    except registry.RegistryError as error:
        return refuse(
            f"{error}", "Push again when the registry can be reached, or name another in NPM_CONFIG_REGISTRY."
        )
    print(f"TOOLS={shlex.quote(', '.join(f'{tool} {choice.version}' for tool, choice in chosen.items()))}")
    return 0


def refuse(*lines: str) -> int:
    for line in "\n".join(lines).splitlines():
        print(f" !     {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
