"""Read package.json and print what the build needs to know, as shell assignments: `plan.py BUILD_DIR CACHE_DIR`."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import registry
import semver
import toolchain

DEFAULT_NODE = "24.x"
LIFECYCLE = ("preinstall", "install", "postinstall", "prepublish", "prepare")
LOCKS = {"yarn": ("yarn.lock",), "npm": ("package-lock.json", "npm-shrinkwrap.json")}
# What else decides what an install makes.
SETTINGS = ("package.json", ".npmrc", ".yarnrc", ".yarnrc.yml")


class PackageError(Exception):
    """package.json cannot be used."""


def read_package(folder: Path) -> dict[str, Any]:
    try:
        package = json.loads((folder / "package.json").read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise PackageError(f"cannot read package.json: {error}") from None
    if not isinstance(package, dict):
        raise PackageError("cannot read package.json: it is not an object")
    return package


def section(package: dict[str, Any], name: str) -> dict[str, Any]:
    value = package.get(name)
    return value if isinstance(value, dict) else {}


def find_lock(folder: Path) -> tuple[str, str]:
    """The package manager and its lock file ("" when there is none)."""
    for manager, names in LOCKS.items():
        for name in names:
            if (folder / name).is_file():
                return manager, name
    return "npm", ""


def yarn_range(folder: Path, package: dict[str, Any], lock: str) -> str:
    pinned = re.match(r"yarn@([\w.-]+)", str(package.get("packageManager", "")))
    if pinned:
        return pinned[1]
    asked = section(package, "engines").get("yarn")
    # Berry's lock files begin with their format, classic's with a comment that names it.
    berry = lock and "__metadata:" in (folder / lock).read_text("utf-8", errors="replace")[:1000]
    return str(asked or (">=2" if berry else "1.x"))


def has_local_code(folder: Path, package: dict[str, Any], lock: str) -> bool:
    """Whether node_modules would hold or link code of the app itself, which no lock's hash stands for."""
    if package.get("workspaces"):
        return True
    values = [
        str(value)
        for name in ("dependencies", "devDependencies", "optionalDependencies")
        for value in section(package, name).values()
    ]
    return any(value.startswith(("file:", "link:", "portal:", ".", "/", "~/")) for value in values)


def plan(folder: Path) -> dict[str, str]:
    package = read_package(folder)
    scripts, engines = section(package, "scripts"), section(package, "engines")
    manager, lock = find_lock(folder)
    build = "heroku-postbuild" if "heroku-postbuild" in scripts else "build" if "build" in scripts else ""
    return {
        "NODE_RANGE": str(engines.get("node") or DEFAULT_NODE),
        "NODE_ASKED": "yes" if engines.get("node") else "",
        "NPM_RANGE": str(engines.get("npm") or ""),
        "YARN_RANGE": yarn_range(folder, package, lock) if manager == "yarn" else "",
        "MANAGER": manager,
        "LOCK": lock,
        "LAYER_FILES": "\n".join(name for name in (*SETTINGS, lock) if name and (folder / name).is_file()),
        "PREBUILD_SCRIPT": "heroku-prebuild" if "heroku-prebuild" in scripts else "",
        "BUILD_SCRIPT": build,
        "CLEANUP_SCRIPT": "heroku-cleanup" if "heroku-cleanup" in scripts else "",
        "LIFECYCLE_SCRIPTS": " ".join(name for name in LIFECYCLE if name in scripts),
        "DEV_DEPENDENCIES": "yes" if section(package, "devDependencies") else "",
        "LOCAL_CODE": "yes" if has_local_code(folder, package, lock) else "",
        "START": "yes" if "start" in scripts or (folder / "server.js").is_file() else "",
    }


def choose_tools(values: dict[str, str], cache: Path) -> dict[str, str]:
    """NODE_VERSION, NPM_VERSION and, where it is used, YARN_VERSION."""
    chosen = toolchain.choose(cache, values["NODE_RANGE"], values["NPM_RANGE"], values["YARN_RANGE"])
    return {f"{tool.upper()}_VERSION": choice.version for tool, choice in chosen.items()}


def main(folder: Path, cache: Path) -> int:
    try:
        values = plan(folder)
        values |= choose_tools(values, cache)
    except PackageError as error:
        return refuse(f"{error}", "Mend it, commit and push again.")
    except (toolchain.VersionError, semver.RangeError) as error:
        return refuse(
            f"cannot use the versions that package.json asks for: {error}", 'Change "engines", commit and push again.'
        )
    except registry.RegistryError as error:
        return refuse(
            f"{error}", "Push again when the registry can be reached, or name another in NPM_CONFIG_REGISTRY."
        )
    for name, value in values.items():
        # JSON can name halves of characters, which no text has.
        print(f"{name}={shlex.quote(value.encode('utf-8', 'replace').decode())}")
    return 0


def refuse(*lines: str) -> int:
    for line in "\n".join(lines).splitlines():
        print(f" !     {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
