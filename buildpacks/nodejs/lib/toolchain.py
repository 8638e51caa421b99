"""Choose and fetch Node.js and its package manager, all of them packages of the npm registry.

`choose()` remembers its answers in the app's cache for a day, so that most builds ask nobody; with the registry out of
reach an answer of before still stands. `toolchain.py fetch FOLDER CACHE_DIR` unpacks what was chosen.
"""

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import registry
import semver

ANSWER_SECONDS = 24 * 3600
_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
_MACHINE = _MACHINES.get(os.uname().machine, os.uname().machine)
NODE_PACKAGE = f"node-linux-{_MACHINE}"
# From 12 on pnpm is a program for the machine; its own package has only what that needs beside it.
PNPM_PROGRAM = f"@pnpm/exe.linux-{_MACHINE}"
# The npm that each Node.js came with: from this major version of Node.js on, this major version of npm.
_NPM_BY_NODE = ((24, 11), (20, 10), (19, 9), (18, 10), (16, 8), (15, 7), (8, 6), (7, 4), (5, 3), (0, 2))


class VersionError(Exception):
    """No version fits; the message says what was asked for and what can be had."""


class Choice(NamedTuple):
    """A package of the registry at one version. `at` is when it was chosen, in seconds since 1970."""

    package: str
    wanted: str
    version: str
    dist: dict[str, Any]
    registry: str
    at: float


def choose(cache: Path, node: str, npm: str, yarn: str, pnpm: str = "") -> dict[str, Choice]:
    """The versions to use, by tool; yarn and pnpm only where asked for. Raises VersionError, RegistryError."""
    remembered = _recall(cache)
    chosen = {"node": _choose(remembered.get("node"), NODE_PACKAGE, node)}
    running = chosen["node"].version
    chosen["npm"] = _choose(remembered.get("npm"), "npm", npm or f"<={_npm_major(running)}", running)
    if yarn:
        chosen["yarn"] = _choose(remembered.get("yarn"), _yarn_package(yarn), yarn)
    if pnpm:
        chosen["pnpm"] = _choose(remembered.get("pnpm"), "pnpm", pnpm, running)
        version = chosen["pnpm"].version
        if (semver.parse(version) or (0, 0, 0)) >= (12, 0, 0):
            chosen["pnpm-program"] = _choose(remembered.get("pnpm-program"), PNPM_PROGRAM, version)
    _remember(cache, chosen)
    return chosen


def _choose(before: Choice | None, package: str, wanted: str, node: str = "") -> Choice:
    known = (package, wanted, registry.address())
    same = before and (before.package, before.wanted, before.registry) == known
    if before and same and (time.time() - before.at < ANSWER_SECONDS or semver.parse(wanted)):
        return before
    try:
        manifests = registry.versions(package)
    except registry.RegistryError as error:
        if before and same:
            print(f" !     {error}: staying with {before.version}", file=sys.stderr)
            return before
        raise
    version = _newest(package, wanted, manifests, node)
    return Choice(
        package=package,
        wanted=wanted,
        version=version,
        dist=manifests[version]["dist"],
        registry=registry.address(),
        at=time.time(),
    )


def _newest(package: str, wanted: str, manifests: dict[str, dict[str, Any]], node: str) -> str:
    fits = [version for version, manifest in manifests.items() if not node or _runs_on(manifest, node)]
    try:
        version = semver.newest(_by_name(wanted, fits), fits)
    except semver.RangeError:
        raise VersionError(f"{wanted[:100]!r} is not a version or a range of versions.") from None
    if not version:
        fit = f"fits {wanted} and runs on Node.js {node}" if node else f"fits {wanted}"
        raise VersionError(f"no version of {_named(package)} {fit}.\n{_can_be_had(wanted, fits)}")
    return version


def _named(package: str) -> str:
    """What people call it."""
    return {"node": "Node.js", "@yarnpkg": "yarn", "@pnpm": "pnpm"}.get(re.split("[-/]", package)[0], package)


def _by_name(wanted: str, versions: list[str]) -> str:
    """`lts`, `lts/*` and `node` are names that .nvmrc files taught people."""
    if wanted.strip().lower() in ("node", "current", "stable"):
        return "*"
    if not wanted.strip().lower().startswith("lts"):
        return wanted
    majors = {numbers[0] for version in versions if (numbers := semver.parse(version))}
    # An even release is for the long term from the next odd one on.
    return f"{max(major for major in majors if major % 2 == 0 and major + 1 in majors)}.x"


def _runs_on(manifest: dict[str, Any], node: str) -> bool:
    asked = (manifest.get("engines") or {}).get("node") if isinstance(manifest.get("engines"), dict) else None
    try:
        return not asked or semver.newest(asked, [node]) is not None
    except semver.RangeError:
        return True


def _can_be_had(wanted: str, versions: list[str]) -> str:
    finals = sorted((numbers, version) for version in versions if (numbers := semver.parse(version)))
    newest = {numbers[0]: version for numbers, version in finals}
    asked = semver.bounds(wanted)[0][0]
    nearest = newest[min(newest, key=lambda major: abs(major - asked[0]))] if newest else "none"
    return f"Nearest that can be had: {nearest}. Newest of each major version: {', '.join(newest.values())}."


def _npm_major(node: str) -> int:
    numbers = semver.parse(node) or (0, 0, 0)
    return next(npm for since, npm in _NPM_BY_NODE if numbers[0] >= since)


def _yarn_package(wanted: str) -> str:
    """Yarn 1 and the later ones are two packages."""
    return "yarn" if any(low < (2, 0, 0) for low, _ in semver.bounds(wanted)) else "@yarnpkg/cli-dist"


def _recall(cache: Path) -> dict[str, Choice]:
    try:
        return {tool: Choice(**values) for tool, values in json.loads((cache / "toolchain.json").read_text()).items()}
    except (OSError, ValueError, TypeError):
        return {}


def _remember(cache: Path, chosen: dict[str, Choice]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "toolchain.json").write_text(json.dumps({tool: choice._asdict() for tool, choice in chosen.items()}))


def fetch(folder: Path, cache: Path) -> None:
    """Lay out bin/ and lib/node_modules/ in `folder`; Node's headers go to the cache. Raises RegistryError."""
    chosen = _recall(cache)
    modules = folder / "lib" / "node_modules"
    (folder / "bin").mkdir(parents=True)
    node = folder / "unpacked"
    registry.fetch(chosen["node"]._asdict(), node)
    (node / "bin" / "node").replace(folder / "bin" / "node")
    _keep_headers(node / "include", cache / "headers")
    shutil.rmtree(node)
    for tool, programs in (
        ("npm", {"npm": ("bin/npm-cli.js",), "npx": ("bin/npx-cli.js",)}),
        ("yarn", {"yarn": ("bin/yarn.js",)}),
        ("pnpm", {name: (name, *(f"bin/{name}.{kind}" for kind in ("mjs", "cjs", "js"))) for name in ("pnpm", "pnpx")}),
    ):
        if tool in chosen:
            registry.fetch(chosen[tool]._asdict(), modules / tool)
            for manual in ("docs", "man"):
                shutil.rmtree(modules / tool / manual, ignore_errors=True)
            if tool == "pnpm" and "pnpm-program" in chosen:
                program = folder / "unpacked"
                registry.fetch(chosen["pnpm-program"]._asdict(), program)
                (program / "pnpm").replace(modules / tool / "pnpm")
                shutil.rmtree(program)
            _link(folder / "bin", modules / tool, programs)


def _keep_headers(include: Path, headers: Path) -> None:
    """Only compiling a native module needs them: they stay out of the slug."""
    shutil.rmtree(headers, ignore_errors=True)
    headers.mkdir(parents=True)
    if include.is_dir():
        shutil.move(include, headers / "include")


def _link(programs_folder: Path, package: Path, programs: dict[str, tuple[str, ...]]) -> None:
    for name, scripts in programs.items():
        script = next((script for script in scripts if (package / script).is_file()), None)
        if script:
            (package / script).chmod(0o755)
            (programs_folder / name).symlink_to(Path("..") / "lib" / "node_modules" / package.name / script)


if __name__ == "__main__":
    try:
        fetch(Path(sys.argv[2]), Path(sys.argv[3]))
    except registry.RegistryError as problem:
        print(f" !     {problem}", file=sys.stderr)
        sys.exit(1)
