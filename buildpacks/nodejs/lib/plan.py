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
LOCKS = {
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}
# What else decides what an install makes.
SETTINGS = ("package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs")
# The pnpm for a format of its lock. Several read the last one; later ones than this ask an app to change its settings.
PNPM_BY_LOCK = (("6.", "8.x"), ("5.4", "7.x"), ("5.", "6.x"), ("", "10.x"))


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


def find_lock(folder: Path, package: dict[str, Any]) -> tuple[str, str]:
    """The package manager and its lock file ("" when there is none). Raises PackageError when there are several."""
    found = [name for name in LOCKS if (folder / name).is_file()]
    if len(found) > 1:
        raise PackageError(
            f"cannot tell which lock file counts: there are {' and '.join(found)}.\n"
            "Each is of one package manager, and they do not know of one another. Keep that of the one you use,"
            f" remove the other:\n  git rm {found[-1]}"
        )
    if found:
        return LOCKS[found[0]], found[0]
    return "pnpm" if pinned(package, "pnpm") else "npm", ""


def pinned(package: dict[str, Any], manager: str) -> str:
    """The version in `packageManager`, when it names this one."""
    found = re.match(rf"{manager}@([\w.-]+)", str(package.get("packageManager", "")))
    return found[1] if found else ""


def yarn_range(folder: Path, package: dict[str, Any], lock: str) -> str:
    asked = pinned(package, "yarn") or section(package, "engines").get("yarn")
    # Berry's lock files begin with their format, classic's with a comment that names it.
    berry = lock and "__metadata:" in _beginning(folder / lock)
    return str(asked or (">=2" if berry else "1.x"))


def pnpm_range(folder: Path, package: dict[str, Any], lock: str) -> str:
    asked = pinned(package, "pnpm") or section(package, "engines").get("pnpm")
    written = re.search(r"^lockfileVersion: *['\"]?([\d.]+)", _beginning(folder / lock) if lock else "", re.MULTILINE)
    by_lock = next(series for format, series in PNPM_BY_LOCK if (written[1] if written else "").startswith(format))
    return str(asked or by_lock)


def _beginning(lock: Path) -> str:
    return lock.read_text("utf-8", errors="replace")[:1000]


def is_workspace_of_pnpm(folder: Path) -> bool:
    """Whether there are packages of the app's own: the file may also hold settings alone."""
    try:
        text = (folder / "pnpm-workspace.yaml").read_text("utf-8", errors="replace")
    except OSError:
        return False
    return re.search(r"^packages:", text, re.MULTILINE) is not None


def has_local_code(folder: Path, package: dict[str, Any], lock: str) -> bool:
    """Whether node_modules would hold or link code of the app itself, which no lock's hash stands for."""
    if package.get("workspaces") or is_workspace_of_pnpm(folder):
        return True
    values = [
        str(value)
        for name in ("dependencies", "devDependencies", "optionalDependencies")
        for value in section(package, name).values()
    ]
    return any(value.startswith(("file:", "link:", "portal:", "workspace:", ".", "/", "~/")) for value in values)


def plan(folder: Path) -> dict[str, str]:
    package = read_package(folder)
    scripts, engines = section(package, "scripts"), section(package, "engines")
    manager, lock = find_lock(folder, package)
    build = "heroku-postbuild" if "heroku-postbuild" in scripts else "build" if "build" in scripts else ""
    return {
        "NODE_RANGE": str(engines.get("node") or DEFAULT_NODE),
        "NODE_ASKED": "yes" if engines.get("node") else "",
        "NPM_RANGE": pinned(package, "npm") or str(engines.get("npm") or ""),
        "YARN_RANGE": yarn_range(folder, package, lock) if manager == "yarn" else "",
        "PNPM_RANGE": pnpm_range(folder, package, lock) if manager == "pnpm" else "",
        "PNPM_WORKSPACE": "yes" if is_workspace_of_pnpm(folder) else "",
        "MANAGER": manager,
        "LOCK": lock,
        "EXPECTED_LOCK": "pnpm-lock.yaml" if manager == "pnpm" else "package-lock.json",
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
    """NODE_VERSION, NPM_VERSION and, where they are used, YARN_VERSION and PNPM_VERSION."""
    ranges = (values[f"{tool}_RANGE"] for tool in ("NODE", "NPM", "YARN", "PNPM"))
    chosen = toolchain.choose(cache, *ranges)
    versions = {tool: chosen[tool].version if tool in chosen else "" for tool in ("node", "npm", "yarn", "pnpm")}
    return {f"{tool.upper()}_VERSION": version for tool, version in versions.items()}


def main(folder: Path, cache: Path) -> int:
    try:
        values = plan(folder)
        values |= choose_tools(values, cache)
    except PackageError as error:
        return refuse(f"{error}", "Mend it, commit and push again.")
    except (toolchain.VersionError, semver.RangeError) as error:
        return refuse(
            f"cannot use the versions that package.json asks for: {error}",
            'Change "engines" or "packageManager", commit and push again.',
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
