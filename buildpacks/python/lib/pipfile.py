"""Read a Pipfile.lock: its Python version, or its packages as requirement lines with hashes."""

import json
import sys
from pathlib import Path
from typing import Any


def python_line(lock: dict[str, Any]) -> str:
    requires = lock.get("_meta", {}).get("requires", {})
    version = requires.get("python_full_version") or requires.get("python_version")
    return f"{version} Pipfile.lock" if version else ""


def requirement(name: str, package: dict[str, Any]) -> str:
    extras = f"[{','.join(package['extras'])}]" if package.get("extras") else ""
    marker = f" ; {package['markers']}" if package.get("markers") else ""
    if "git" in package:
        return f"{name}{extras} @ git+{package['git']}@{package['ref']}{marker}"
    if "path" in package:
        return f"{'-e ' if package.get('editable') else ''}{package['path']}{extras}"
    if "file" in package:
        return f"{name}{extras} @ {package['file']}{marker}"
    hashes = "".join(f" --hash={value}" for value in package.get("hashes", []))
    return f"{name}{extras}{package.get('version', '')}{marker}{hashes}"


def main(what: str, path: str) -> None:
    lock = json.loads(Path(path).read_text("utf-8"))
    if what == "python":
        print(python_line(lock))
        return
    indexes = [source["url"] for source in lock.get("_meta", {}).get("sources", [])]
    for url in indexes[1:]:
        print(f"--extra-index-url {url}")
    for name, package in lock.get("default", {}).items():
        print(requirement(name, package))


if __name__ == "__main__":
    main(*sys.argv[1:])
