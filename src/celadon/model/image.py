"""Images of apps: what an OCI image says about how it is run, as rules of ours.

Everything here was written by strangers: what cannot be used is refused with a reason, nothing is guessed.
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from celadon.model import procfile

# What dynos run.
_PLATFORM = ("linux", "amd64")
# The configuration of an image, in bytes, and what its environment may hold.
MOST = 1 << 20
_MOST_ENV = 64 << 10
_MOST_REFERENCE = 512
_LABEL = "celadon.process."
_CNB = "io.buildpacks.build.metadata"
_LAUNCHER = "/cnb/lifecycle/launcher"
_HUB = "docker.io"
_REFERENCE = re.compile(
    r"(?:(?P<domain>[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?(?::[0-9]{1,5})?)/)?"
    r"(?P<path>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class ImageError(ValueError):
    """The image cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where an image is: `domain` is its registry with an optional port, `path` the repository in it."""

    domain: str
    path: str
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        return f"{self.domain}/{self.path}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"


def reference(text: str) -> Reference:
    """Read `registry/repository:tag` as Docker does: without a registry it is Docker Hub's, without a tag `latest`.

    Raises ImageError.
    """
    found = _REFERENCE.fullmatch(text) if len(text) <= _MOST_REFERENCE else None
    if found is None:
        raise ImageError(
            f"cannot import {text[:100]!r}: write an image as REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:…, "
            "without https://"
        )
    domain, path = found["domain"], found["path"]
    if domain is None or not ("." in domain or ":" in domain or domain == "localhost"):
        path, domain = path if domain is None else f"{domain}/{path}", _HUB
    if domain == _HUB and "/" not in path:
        path = f"library/{path}"
    tag = found["tag"] or (None if found["digest"] else "latest")
    meant = Reference(domain=domain, path=path, tag=tag, digest=found["digest"])
    if len(str(meant)) > _MOST_REFERENCE:
        raise ImageError(f"cannot import {text[:100]!r}: its name is longer than {_MOST_REFERENCE} characters")
    return meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What is kept of an image beside its files, with its slug.

    `direct` are the process types that are run without a shell, `shell` whether the image has one, `launcher` whether
    commands are run by a Cloud Native Buildpack's launcher. `home` is that of the image's `user`, who is not who runs it.
    """

    reference: str
    digest: str
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str]
    working_dir: str = "/"
    user: str = ""
    stop_signal: str = ""
    exposed_ports: tuple[str, ...] = ()
    home: str = "/"
    shell: bool = False
    launcher: bool = False
    direct: tuple[str, ...] = ()

    @property
    def pinned(self) -> str:
        """The image as one that can never be another: `registry/app:1@sha256:…`."""
        return self.reference if self.reference.endswith(self.digest) else f"{self.reference}@{self.digest}"


def to_json(image: Image) -> str:
    return json.dumps(asdict(image))


def from_json(text: str) -> Image:
    """What `to_json` wrote."""
    read: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()
    }
    return Image(**read)


def parse(config: bytes, *, reference: str, digest: str, passwd: str, shell: bool) -> tuple[Image, dict[str, str]]:
    """An image's configuration (OCI or Docker) → the image and its process types. `passwd` is its /etc/passwd.

    Raises ImageError.
    """
    whole = _mapping(_loaded(config), "its configuration")
    _check_platform(whole)
    told = _mapping(whole.get("config") or {}, "its configuration")
    entrypoint, cmd = _words(told, "Entrypoint"), _words(told, "Cmd")
    labels = _texts(told.get("Labels") or {}, "its labels")
    user = _text(told.get("User") or "", "its user")
    env = _environment(told.get("Env") or [])
    types, direct, launcher = _process_types(labels, (*entrypoint, *cmd))
    image = Image(
        reference=reference,
        digest=digest,
        entrypoint=entrypoint,
        cmd=cmd,
        env=env,
        working_dir=_directory(told.get("WorkingDir") or "/"),
        user=user,
        stop_signal=_text(told.get("StopSignal") or "", "its stop signal"),
        exposed_ports=tuple(sorted(_mapping(told.get("ExposedPorts") or {}, "its ports")))[:100],
        home=env.get("HOME") or home_of(passwd, user),
        shell=shell,
        launcher=launcher,
        direct=direct,
    )
    return image, types


def argv(image: Image, types: Mapping[str, str], command: str) -> tuple[str, ...]:
    """What runs a command in the image: that of a process type in `direct` as it is, another by the image's own shell.

    Where there is no shell the command is cut into words as a shell would; raises ImageError when it cannot be.
    """
    if command in {types[name] for name in image.direct if name in types} or not image.shell:
        try:
            found = tuple(shlex.split(command))
        except ValueError as error:
            raise ImageError(f"cannot run {command[:60]!r}: {error}, and the image has no shell") from None
        if not found:
            raise ImageError("cannot run: there is no command")
        return found
    words = ("/bin/sh", "-c", command)
    return (_LAUNCHER, "--", *words) if image.launcher else words


def home_of(passwd: str, user: str) -> str:
    """The home directory of an image's user (a name or a number, with or without a group), `/` when it has none."""
    name = user.partition(":")[0] or "0"
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) >= 7 and name in (fields[0], fields[2]) and fields[5].startswith("/") and "\0" not in fields[5]:
            return fields[5]
    return "/"


def _process_types(labels: Mapping[str, str], default: tuple[str, ...]) -> tuple[dict[str, str], tuple[str, ...], bool]:
    """Types and their commands, which of them need no shell, and whether a launcher runs commands."""
    buildpacks = _CNB in labels
    direct = _of_buildpacks(labels[_CNB]) if buildpacks else {}
    own = {name.removeprefix(_LABEL): text for name, text in labels.items() if name.startswith(_LABEL)}
    if default and not buildpacks:
        direct["web"] = shlex.join(default)
    if empty := [name for name, text in own.items() if not text.strip()]:
        raise ImageError(f"cannot use the image's label {_LABEL}{empty[0][:40]}: it has no command")
    direct = {name: command for name, command in direct.items() if name not in own}
    types = {**direct, **own}
    if not types:
        raise ImageError(
            "cannot run this image: it has neither ENTRYPOINT nor CMD, and no label says what to run, such as "
            f'LABEL {_LABEL}web="command"'
        )
    try:
        procfile.check(types)
    except procfile.ProcfileError as error:
        raise ImageError(f"cannot use the image's process types: {error}") from None
    return types, tuple(direct), buildpacks


def _of_buildpacks(label: str) -> dict[str, str]:
    """The processes of a Cloud Native Buildpacks image: each is a program of its own below /cnb/process."""
    what = f"its label {_CNB}"
    processes = _mapping(_loaded(label.encode("utf-8", "replace")), what).get("processes") or []
    if not isinstance(processes, list):
        raise _unusable(what)
    names = [_text(_mapping(entry, what).get("type"), what) for entry in processes]
    # Others are for `docker run --entrypoint`; a process type of ours has no dots.
    return {name: f"/cnb/process/{name}" for name in names if procfile.PROCESS_TYPE.match(name)}


def _check_platform(whole: Mapping[str, object]) -> None:
    found = (whole.get("os"), whole.get("architecture"))
    if found != _PLATFORM:
        said = re.sub(r"[^a-z0-9/]", "", "/".join(str(part)[:20] for part in found if part)) or "no platform"
        raise ImageError(
            f"cannot run this image: it is for {said}, dynos are {'/'.join(_PLATFORM)}; build it with "
            f"`docker build --platform {'/'.join(_PLATFORM)}`"
        )


def _environment(entries: object) -> dict[str, str]:
    found = {}
    for entry in _list(entries, "its environment"):
        name, equals, value = _text(entry, "its environment").partition("=")
        if not name or not equals:
            raise _unusable("its environment")
        found[name] = value
    if sum(len(name.encode()) + len(value.encode()) for name, value in found.items()) > _MOST_ENV:
        raise ImageError(f"cannot use this image: its environment is larger than {_MOST_ENV >> 10} KB")
    return found


def _directory(found: object) -> str:
    text = _text(found, "its working directory")
    if not text.startswith("/") or len(text) > 4000:
        raise _unusable("its working directory")
    return text


def _words(told: Mapping[str, object], name: str) -> tuple[str, ...]:
    return tuple(_text(word, f"its {name.upper()}") for word in _list(told.get(name) or [], f"its {name.upper()}"))


def _texts(found: object, what: str) -> dict[str, str]:
    return {_text(name, what): _text(value, what) for name, value in _mapping(found, what).items()}


def _text(found: object, what: str) -> str:
    if not isinstance(found, str) or "\0" in found:
        raise _unusable(what)
    try:
        found.encode()
    except UnicodeEncodeError:
        raise _unusable(what) from None
    return found


def _list(found: object, what: str) -> list[object]:
    if not isinstance(found, list):
        raise _unusable(what)
    return found


def _mapping(found: object, what: str) -> dict[str, object]:
    if not isinstance(found, dict):
        raise _unusable(what)
    return found


def _loaded(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ImageError("cannot read the image's description of itself: it is not JSON") from None


def _unusable(what: str) -> ImageError:
    return ImageError(f"cannot use this image: {what} is not written as the OCI image specification has it")
