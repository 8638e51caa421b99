"""Read a go.mod.

`plan.py plan go.mod` prints what a build asks of it, as assignments for the shell; `plan.py program go.mod` prints the
name of the program that its root package makes.
"""

import os
import re
import shlex
import sys
from pathlib import Path

_MODULE = re.compile(r'^module\s+(?:\(\s*)?"?([^\s"()]+)"?', re.MULTILINE)
_GO = re.compile(r"^go\s+([^\s/]+)", re.MULTILINE)
_TOOLCHAIN = re.compile(r"^toolchain\s+([^\s/]+)", re.MULTILINE)
# Heroku's way of telling a build what go.mod itself has no word for.
_VERSION_COMMENT = re.compile(r"^\s*//\s*\+heroku\s+goVersion\s+(\S+)", re.MULTILINE)
_INSTALL_COMMENT = re.compile(r"^\s*//\s*\+heroku\s+install\s+(.+)", re.MULTILINE)


def module(text: str) -> str:
    return _first(_MODULE, text)


def program(text: str) -> str:
    """What `go install` calls the program of the root package: a major version at the end is not part of the name."""
    parts = module(text).split("/")
    if len(parts) > 1 and re.fullmatch(r"v\d+", parts[-1]):
        parts.pop()
    return parts[-1]


def wanted(text: str, override: str) -> tuple[str, str]:
    """The Go version to use and what says so; both empty when the choice is left to us."""
    toolchain = _first(_TOOLCHAIN, text)
    asked = (
        (override, "the config var GOVERSION"),
        (_first(_VERSION_COMMENT, text), "+heroku goVersion in go.mod"),
        ("" if toolchain == "default" else toolchain, "the toolchain line of go.mod"),
        (_first(_GO, text), "the go line of go.mod"),
    )
    return next(((version, source) for version, source in asked if version), ("", ""))


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1].strip() if found else ""


def main(what: str, path: str) -> None:
    # A NUL, which no shell can hold, is left to go itself to complain of.
    text = Path(path).read_text("utf-8", "replace").replace("\0", "") if Path(path).is_file() else ""
    if what == "program":
        print(program(text))
        return
    version, source = wanted(text, os.environ.get("GOVERSION", "").strip())
    for name, value in {
        "MODULE": module(text),
        "WANTED": version,
        "SOURCE": source,
        "PACKAGES": os.environ.get("GO_INSTALL_PACKAGE_SPEC", "").strip() or _first(_INSTALL_COMMENT, text),
    }.items():
        print(f"{name}={shlex.quote(value)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
