"""From a compiled tree to a slug: process types, and one squashfs file."""

import hashlib
import os
import re
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import yaml

from celadon.build import squash
from celadon.build.squash import Watch
from celadon.build.workspace import Workspace
from celadon.model import config, procfile
from celadon.model.errors import InvalidParams

_SMALL = 1 << 20
# Bytes, and how deep: what `bin/release` prints is read by this role, while other builds run.
_MOST_YAML, _DEEPEST_YAML = 64 << 10, 16
# A hint, as Heroku gives it: large slugs take longer to start.
HINT = 90 << 20
_MOST_ADDONS = 10
ADVICE = "Name what the app does not need at run time in .slugignore."
_SQUASHFS = 0x73717368
# The bit of a metadata block's header that says it is not compressed.
_PLAIN = 1 << 15


class SlugError(Exception):
    """The compiled app cannot become a slug; the message tells the user why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What the buildpacks' `bin/release` said, all of them together; later ones win."""

    process_types: Mapping[str, str]
    config_vars: Mapping[str, str]
    addons: tuple[str, ...] = ()


def released(workspace: Workspace, count: int) -> Released:
    """Read the YAML of `bin/release`; raises SlugError when it is none."""
    types: dict[str, str] = {}
    variables: dict[str, str] = {}
    addons: dict[str, None] = {}
    for number in range(1, count + 1):
        text = workspace.read("out", f"release.{number}", limit=_MOST_YAML)
        if text is None and workspace.has("out", f"release.{number}"):
            raise SlugError(
                f"cannot read what the buildpack's bin/release printed: it is more than {_MOST_YAML >> 10} KB"
            )
        found = _yaml(text) if text else {}
        types |= _strings(found.get("default_process_types"))
        variables |= _strings(found.get("config_vars"))
        addons |= dict.fromkeys(_texts(found.get("addons")))
    for name, value in variables.items():
        try:
            config.check(name, value)
        except InvalidParams as error:
            raise SlugError(f"cannot use what bin/release said: {error.message}") from None
    return Released(process_types=_valid(types), config_vars=variables, addons=tuple(addons))


def _yaml(text: bytes) -> dict[str, object]:
    depth = 0
    try:
        # libyaml's parser: Python's own needs a second for 10 KB that are written for it. It has no bound for the depth.
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST_YAML:
                raise SlugError("cannot read what the buildpack's bin/release printed: it is nested too deeply")
        # Nothing but text: what YAML takes for numbers and dates is the tenant's to write wrongly.
        found = yaml.load(text, Loader=yaml.CBaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise SlugError("cannot read what the buildpack's bin/release printed: it is not YAML") from None
    if found and not isinstance(found, dict):
        raise SlugError("cannot read what the buildpack's bin/release printed: it is no mapping")
    return found or {}


def _strings(found: object) -> dict[str, str]:
    if not isinstance(found, dict):
        return {}
    for name, value in found.items():
        # Nested aliases of a few bytes could stand for gigabytes.
        if not isinstance(name, str) or not isinstance(value, str):
            raise SlugError("cannot use what bin/release said: names and values must be plain text")
    return dict(found)


def _texts(found: object) -> list[str]:
    """The add-ons of a buildpack: at most so many as make sense."""
    if not isinstance(found, list):
        return []
    if len(found) > _MOST_ADDONS or not all(isinstance(entry, str) for entry in found):
        raise SlugError(f"cannot use what bin/release said: addons is a list of at most {_MOST_ADDONS} names")
    return found


def _valid(types: Mapping[str, str]) -> dict[str, str]:
    try:
        procfile.check(types)
    except procfile.ProcfileError as error:
        raise SlugError(f"cannot use what bin/release said: {error}") from None
    return dict(types)


def declared(workspace: Workspace, build_dir: str) -> dict[str, str] | None:
    """The process types of the app's Procfile, None without one; raises SlugError for one that cannot be read."""
    text = workspace.read(*workspace.target(build_dir, "Procfile"), limit=_SMALL)
    if text is None:
        if workspace.has(build_dir, "Procfile"):
            raise SlugError("cannot read Procfile: it must be a plain file of the app, of at most 1 MB")
        return None
    try:
        return procfile.parse(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise SlugError("cannot read Procfile: save it as UTF-8 text") from None
    except procfile.ProcfileError as error:
        raise SlugError(str(error)) from None


def languages(workspace: Workspace, count: int) -> list[str]:
    """What each buildpack calls the app."""
    found = (workspace.read("out", f"language.{number}", limit=_SMALL) for number in range(1, count + 1))
    words = [re.sub(r"[^\x20-\x7e]", "", name.decode("utf-8", "replace")).strip()[:60] for name in found if name]
    return words or ["Other"]


def pack(
    workspace: Workspace, build_dir: str, target: Path, uid: int, limit: int, watch: Watch, advice: str = ADVICE
) -> tuple[str, int]:
    """Pack the tree into `target`; returns its checksum and size in bytes.

    Raises SlugError, with `advice` for one that is too large.
    """
    tree = workspace.root / build_dir
    if tree.is_symlink() or not tree.is_dir():
        raise SlugError("cannot pack the slug: the buildpack has removed BUILD_DIR")
    part = target.with_suffix(".part")
    try:
        with part.open("w+b") as image:
            squash.write(tree, image.fileno(), uid, limit, watch)
            size = os.fstat(image.fileno()).st_size
            os.fsync(image.fileno())
        digest = _checksum(part)
        part.rename(target)
    except squash.TooLarge:
        raise SlugError(f"cannot use the slug: the limit is {limit >> 20}MB and it is larger. {advice}") from None
    except squash.SquashError as error:
        raise SlugError(f"cannot pack the slug: {error}") from None
    except squash.Stopped as error:
        raise SlugError(str(error)) from None
    finally:
        part.unlink(missing_ok=True)
    return digest, size


def copy_for(source: Path, target: Path, uid: int, checksum: str) -> str:
    """Make another app's slug of a packed one: the same files, owned by that app's uid; returns the copy's checksum.

    `pack` has given every file one owner, so the image names it in one place. Raises SlugError when the source is gone,
    is not what it was (`checksum`), or was packed by others.
    """
    part = target.with_suffix(".part")
    try:
        shutil.copyfile(source, part)
        if _checksum(part) != checksum:
            raise SlugError("the slug has changed on disk since it was built (R17); deploy it again and promote that")
        with part.open("r+b") as image:
            image.seek(_owner_at(image))
            image.write(struct.pack("<I", uid))
            image.flush()
            os.fsync(image.fileno())
        digest = _checksum(part)
        part.rename(target)
        return digest
    except FileNotFoundError:
        raise SlugError("its slug is no longer kept; deploy it again and promote that") from None
    finally:
        part.unlink(missing_ok=True)


def _owner_at(image: BinaryIO) -> int:
    """Where a squashfs (4.0) with one owner names it: superblock → table of ids → its one block, two bytes in."""
    magic, ids, table = struct.unpack("<I22xH20xQ", image.read(56))
    if (magic, ids) != (_SQUASHFS, 1):
        raise SlugError("the slug's files have several owners; deploy it again and promote that")
    image.seek(table)
    (block,) = struct.unpack("<Q", image.read(8))
    image.seek(block)
    (header,) = struct.unpack("<H", image.read(2))
    # Four bytes never get smaller by compression, so they are as they are.
    assert header == _PLAIN | 4, "the table of one id is one plain block"
    return int(block) + 2


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return f"SHA256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def shown_size(size: int) -> str:
    """Bytes as push output shows them: `9.0MB`, `512K`."""
    return f"{size / (1 << 20):.1f}MB" if size >= 1 << 20 else f"{max(size >> 10, 1)}K"
