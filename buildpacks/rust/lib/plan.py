"""Read what an app says about its build.

`plan.py plan FOLDER` prints it as assignments for the shell; `plan.py program FOLDER` prints the name of the program that
the package means when it names none.
"""

import os
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Z_]+)=(.*)$", re.MULTILINE)


class PlanError(Exception):
    """A file cannot be used; the message says which, why, and what to do."""


class Toolchain(NamedTuple):
    """What is asked for: a channel or version, what says so, and what is wanted beside the minimal profile."""

    channel: str = ""
    source: str = ""
    components: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


def table(path: Path) -> dict[str, Any]:
    """A TOML file; empty where there is none. Raises PlanError."""
    try:
        return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"cannot read {path.name}: {error}.\nMend it, commit and push again.") from error


def part(value: object, *names: str) -> Any:
    """What is below these names; None where that is nothing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def rust_config(folder: Path) -> dict[str, str]:
    """The assignments in RustConfig, which is written in the shell's language; nothing of it is run."""
    path = folder / "RustConfig"
    text = path.read_text("utf-8", "replace") if path.is_file() else ""
    found = {}
    for name, value in _ASSIGNMENT.findall(text):
        try:
            found[name] = " ".join(shlex.split(value, comments=True))
        except ValueError as error:
            raise PlanError(f"cannot read RustConfig: {name} has {error}.\nMend it, commit and push again.") from error
    return found


def toolchain_file(folder: Path) -> Toolchain:
    """As rustup reads it: `rust-toolchain` (one line, or TOML) wins over `rust-toolchain.toml`. Raises PlanError."""
    path = folder / "rust-toolchain"
    if path.is_file():
        words = path.read_text("utf-8", "replace").split()
        if len(words) == 1:
            return Toolchain(words[0], path.name)
    else:
        path = folder / "rust-toolchain.toml"
    section = part(table(path), "toolchain") or {}
    if part(section, "path"):
        raise PlanError(
            f"cannot use the toolchain of {path.name}: its path leads to a folder of another computer.\n"
            "Name a channel in place of it, commit and push again."
        )
    channel, more, targets = (part(section, name) for name in ("channel", "components", "targets"))
    return Toolchain(str(channel or ""), path.name if section else "", _words(more), _words(targets))


def _words(value: object) -> tuple[str, ...]:
    return tuple(sorted(str(word) for word in value)) if isinstance(value, list) else ()


def toolchain(folder: Path, config: dict[str, str], variables: dict[str, str]) -> Toolchain:
    """The first that names a version; components and targets always come from the toolchain file."""
    file = toolchain_file(folder)
    asked = (
        (variables.get("RUST_VERSION", ""), "the config var RUST_VERSION"),
        (config.get("VERSION", ""), "RustConfig"),
        (file.channel, file.source),
    )
    channel, source = next(((name.strip(), source) for name, source in asked if name.strip()), ("", ""))
    return Toolchain(channel, source, file.components, file.targets)


def minimum(manifest: dict[str, Any]) -> str:
    """`rust-version`: the oldest Rust that will do, or nothing."""
    found = part(manifest, "package", "rust-version")
    if not isinstance(found, str):
        found = part(manifest, "workspace", "package", "rust-version")
    return found if isinstance(found, str) and re.fullmatch(r"\d+(\.\d+){0,2}", found) else ""


def program(manifest: dict[str, Any]) -> str:
    return str(part(manifest, "package", "default-run") or part(manifest, "package", "name") or "")


def flags(text: str, *, lock: bool) -> list[str]:
    """What cargo build is given. A lock is held to, unless the app says itself what to do about it."""
    try:
        found = shlex.split(text) if text.strip() else ["--release"]
    except ValueError as error:
        raise PlanError(f"cannot read RUST_CARGO_BUILD_FLAGS: {error}.\nMend it and push again.") from error
    said = {"--locked", "--frozen", "--offline"} & set(found)
    return found if said or not lock else [*found, "--locked"]


def assignments(folder: Path, variables: dict[str, str]) -> dict[str, str | list[str]]:
    manifest, config = table(folder / "Cargo.toml"), rust_config(folder)
    asked = toolchain(folder, config, variables)
    # What is set for the app wins over what is written in it.
    said = config | variables
    given = flags(said.get("RUST_CARGO_BUILD_FLAGS", ""), lock=(folder / "Cargo.lock").is_file())
    return {
        "WANTED": asked.channel,
        "SOURCE": asked.source,
        "COMPONENTS": list(asked.components),
        "TARGETS": list(asked.targets),
        "MINIMUM": minimum(manifest),
        "FLAGS": given,
        "SKIP": _on(said, "RUST_SKIP_BUILD"),
        "DIESEL": _on(said, "RUST_INSTALL_DIESEL"),
        "DIESEL_FLAGS": said.get("DIESEL_FLAGS", ""),
        "SQLX": _on(said, "RUST_INSTALL_SQLX"),
        "SQLX_FLAGS": said.get("SQLX_FLAGS", ""),
    }


def _on(said: dict[str, str], name: str) -> str:
    return "" if said.get(name, "") in ("", "0", "false") else "yes"


def main(what: str, folder: Path) -> int:
    try:
        if what == "program":
            print(program(table(folder / "Cargo.toml")))
            return 0
        for name, value in assignments(folder, dict(os.environ)).items():
            print(f"{name}={shlex.quote(value) if isinstance(value, str) else f'({shlex.join(value)})'}")
    except PlanError as error:
        print("\n".join(f" !     {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
