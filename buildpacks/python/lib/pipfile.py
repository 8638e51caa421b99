"""Read a Pipfile.lock: `pipfile.py python|requirements|options Pipfile.lock`, or `pipfile.py fresh Pipfile Pipfile.lock`."""

import hashlib
import json
import os
import re
import sys
import urllib.parse
from pathlib import Path
from typing import Any

PYPI = re.compile(r"^https?://pypi\.(python\.)?org/simple/?$")
# The tables of a Pipfile that are no groups of packages.
OTHER_TABLES = ("source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv", "default", "develop")


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


def options(lock: dict[str, Any]) -> list[str]:
    """The sources as options of uv. One that stands for PyPI gives way to the index that the platform or the app names."""
    named = os.environ.get("UV_DEFAULT_INDEX")
    words: list[str] = []
    urls = []
    for source in lock.get("_meta", {}).get("sources", []):
        # Passwords stand in config vars: https://$USER:${PASSWORD}@host/simple
        url = os.path.expandvars(source["url"])
        if not source.get("verify_ssl", True):
            words += ["--allow-insecure-host", urllib.parse.urlsplit(url).netloc.rpartition("@")[2]]
        if not (named and PYPI.match(url)):
            urls.append(url)
    if urls and not named:
        words += ["--default-index", urls.pop(0)]
    for url in urls:
        words += ["--index", url]
    # Each package may come from any source, as with Pipenv: its hashes say which file it must be.
    return [*words, "--index-strategy", "unsafe-best-match"]


def is_fresh(pipfile: Path, lock: dict[str, Any]) -> bool:
    """Whether the lock was made from this Pipfile: Pipenv notes its hash. A lock without one is believed."""
    import tomllib

    told = lock.get("_meta", {}).get("hash", {}).get("sha256")
    content = tomllib.loads(pipfile.read_text("utf-8"))
    pypi = [{"name": "pypi", "url": "https://pypi.org/simple", "verify_ssl": True}]
    plain = {
        "_meta": {"sources": content.get("source", pypi), "requires": content.get("requires", {})},
        "default": content.get("packages", {}),
        "develop": content.get("dev-packages", {}),
    }
    groups = {name: table for name, table in content.items() if name not in OTHER_TABLES}
    # Pipenv before 2022.10 knew no other groups.
    return told in (None, _hash(plain | groups), _hash(plain))


def _hash(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def main(what: str, *paths: str) -> int:
    try:
        lock = json.loads(Path(paths[-1]).read_text("utf-8"))
        if what == "python":
            print(python_line(lock))
        elif what == "options":
            print("\n".join(options(lock)))
        elif what == "requirements":
            for name, package in lock.get("default", {}).items():
                print(requirement(name, package))
        elif not is_fresh(Path(paths[0]), lock):
            return refuse("Pipfile.lock does not fit Pipfile, which has changed since it was made.")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        return refuse(f"cannot read {' or '.join(paths)}: {error}.")
    return 0


def refuse(why: str) -> int:
    print(f" !     {why}", file=sys.stderr)
    print(" !     Run pipenv lock, commit Pipfile.lock and push again.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
