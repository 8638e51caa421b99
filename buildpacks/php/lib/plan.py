"""What a build asks of composer.json and composer.lock: `plan.py composer.json composer.lock` prints it for the shell.

JSON that cannot be read is not its business: Composer's own words about that are better. LOCAL are the locked packages
whose code is a folder of the app: a copy of it in the cache may be an older one. COMPILE says whether there is a script
of this name, AUTOLOADED which files of the app every program begins with.
"""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

# Composer's word for what is no package: PHP itself, its extensions, libraries, and parts of Composer.
_PLATFORM = re.compile(r"^(php(-[a-z0-9]+)?|hhvm|(ext|lib)-.+|composer(-(plugin|runtime)-api)?)$", re.IGNORECASE)


class ManifestError(Exception):
    """The files cannot be built from; the message says why and what to do."""


def packages(manifest: dict[str, Any]) -> list[str]:
    """What is required that is to be installed, development packages included: a lock file has them too."""
    required = {**_object(manifest, "require"), **_object(manifest, "require-dev")}
    return [name for name in required if not _PLATFORM.match(name)]


def local(lock: dict[str, Any]) -> list[str]:
    entries = lock.get("packages")
    return [
        str(package.get("name"))
        for package in (entries if isinstance(entries, list) else [])
        if isinstance(package, dict) and _object(package, "dist").get("type") == "path"
    ]


def autoloaded(manifest: dict[str, Any]) -> list[str]:
    """The files that Composer's autoloader reads each time, as far as they are in the app's folder."""
    files = _object(manifest, "autoload").get("files")
    names = [name for name in files if isinstance(name, str)] if isinstance(files, list) else []
    return [
        name
        for name in names
        if name and "\0" not in name and not Path(name).is_absolute() and ".." not in Path(name).parts
    ]


def _object(values: dict[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def read_lock(path: Path, manifest: dict[str, Any], name: str) -> dict[str, Any]:
    """Raises ManifestError."""
    if not path.is_file():
        needed = packages(manifest)
        if needed:
            raise ManifestError(
                f"cannot install the packages of {name}: there is no {path} beside it, which says their versions.\n"
                f"Run composer update, commit {path} and push again."
            )
        return {}
    return _read(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def main(manifest_path: Path, lock_path: Path) -> int:
    manifest = _read(manifest_path)
    try:
        lock = read_lock(lock_path, manifest, str(manifest_path))
    except ManifestError as error:
        print("\n".join(f" !     {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 1
    names = [name for name in local(lock) if re.fullmatch(r"[a-z0-9_.-]+/[a-z0-9_.-]+", name) and ".." not in name]
    print(f"LOCAL={shlex.quote(' '.join(names))}")
    print(f"AUTOLOADED=({shlex.join(autoloaded(manifest))})")
    print(f"COMPILE={'yes' if 'compile' in _object(manifest, 'scripts') else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
