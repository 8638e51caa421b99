"""Explain what the stack lacks: `requirements.py composer.json PHP_VERSION EXTENSIONS`, with Composer's list (its
check-platform-reqs as JSON) on the standard input. Ends with 1 when something is missing.
"""

import difflib
import json
import sys
from pathlib import Path
from typing import NamedTuple


class Missing(NamedTuple):
    """`package` asks for it; empty where composer.json itself does. `here` is what the stack has, empty for nothing."""

    name: str
    constraint: str
    package: str
    here: str


def read(text: str, app: str) -> list[Missing]:
    """`app` is the name that composer.json gives itself."""
    found = []
    for entry in json.loads(text):
        if entry["status"] == "success":
            continue
        failed = entry.get("failed_requirement") or {}
        source, here = str(failed.get("source") or ""), str(entry.get("version") or "")
        found.append(
            Missing(
                str(entry["name"]),
                str(failed.get("constraint") or "*"),
                "" if source in ("__root__", app) else source,
                "" if entry["status"] == "missing" or here == "n/a" else here,
            )
        )
    return found


def explain(missing: Missing, manifest: str, php: str, extensions: list[str]) -> list[str]:
    """What is missing, what there is instead, and what to change."""
    asks = f"{missing.package}, which is locked," if missing.package else manifest
    wanted = f"{missing.name} {missing.constraint}".removesuffix(" *")
    again = "commit both files and push again."
    if missing.name.startswith("php"):
        lines = [f"cannot use the PHP that {asks} asks for ({wanted}): there is PHP {php} of the stack, and no other."]
        if missing.package:
            return [*lines, _relock(missing, php, again)]
        series = ".".join(php.split(".")[:2])
        return [*lines, f'Change "php" in {manifest}, to "^{series}" for example, run composer update --lock, {again}']
    if missing.here:
        lines = [f"cannot install the packages: {asks} requires {wanted}, and the stack has {missing.here}."]
    elif missing.name.startswith("ext-"):
        near = difflib.get_close_matches(missing.name[4:].lower(), extensions, 1, 0.75)
        lines = [
            f"cannot install the packages: {asks} requires {wanted}, and the stack's PHP has no such extension.",
            *([f"Did you mean ext-{near[0]}?"] if near else []),
            f"There are {', '.join(extensions)}.",
        ]
    else:
        lines = [f"cannot install the packages: {asks} requires {wanted}, which the stack has not."]
    if missing.package:
        return [*lines, _relock(missing, php, again)]
    return [*lines, f"Change {missing.name} in {manifest}, run composer update --lock, {again}"]


def _relock(missing: Missing, php: str, again: str) -> str:
    return (
        "Lock a version of it that can do with what there is, or another package: "
        f"composer config platform.php {php}, composer update {missing.package}; {again}"
    )


def names(modules: str) -> list[str]:
    """Extensions as composer.json writes them, of what PHP calls its modules."""
    return sorted(set(modules.lower().replace("zend opcache", "zend-opcache").split()))


def main(manifest: str, php: str, modules: str) -> int:
    missing = read(sys.stdin.read(), str(json.loads(Path(manifest).read_text("utf-8-sig")).get("name", "")).lower())
    for entry in missing:
        print("\n".join(f" !     {line}" for line in explain(entry, manifest, php, names(modules))), file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
