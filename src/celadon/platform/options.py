"""What bin/up is asked for: its flags, checked before anything is changed."""

import argparse
import dataclasses
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celadon.platform import ports, settings
from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import DEFAULT_HOME, Settings

PORTS = ("http_port", "https_port", "ssh_port", "rendezvous_port")

_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_EMAIL = re.compile(r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,255}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One bin/up: `chosen` are the settings that were named on the command line, already converted."""

    home: Path
    chosen: dict[str, Any]
    email: str
    sample: bool


def parse(arguments: Sequence[str]) -> Options:
    """Read the flags of bin/up; raises PlatformFailure for a value that cannot be used, exits 2 for unknown flags."""
    flags = parser().parse_args(list(arguments))
    chosen: dict[str, Any] = dict(_assignment(text) for text in flags.set)
    for name in (*PORTS, "domain"):
        value = getattr(flags, name)
        if value is not None:
            chosen[name] = value
    if "domain" in chosen:
        chosen["domain"] = checked_domain(str(chosen["domain"]))
    if not _EMAIL.match(flags.email):
        raise PlatformFailure(f"cannot use {flags.email!r} as e-mail address: it must look like name@host (--email)")
    return Options(home=checked_home(flags.home), chosen=chosen, email=flags.email.lower(), sample=not flags.no_sample)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="bin/up",
        description="Install what is missing, start the platform, log in, deploy the sample app.",
        allow_abbrev=False,
    )
    made.add_argument("--home", metavar="DIR", default=os.environ.get("CELADON_HOME") or str(DEFAULT_HOME))
    made.add_argument("--domain", metavar="NAME", help="apps answer at APP.NAME (default: localhost, loopback only)")
    for name in PORTS:
        default = getattr(Settings(home=DEFAULT_HOME), name)
        made.add_argument(f"--{name.replace('_', '-')}", metavar="N", type=int, help=f"default: {default}")
    made.add_argument("--email", default="admin@localhost", help="the operator's account (default: %(default)s)")
    made.add_argument("--no-sample", action="store_true", help="do not deploy the sample app")
    made.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="any setting of docs/reference/settings.md"
    )
    return made


def checked_domain(domain: str) -> str:
    """The domain in lower case; raises PlatformFailure unless it is `localhost` or a host name with a dot."""
    name = domain.lower().rstrip(".")
    labels = name.split(".")
    if name == "localhost":
        return name
    if len(labels) < 2 or len(name) > 200 or not all(_LABEL.match(label) for label in labels):
        raise PlatformFailure(f"cannot use {domain!r} as domain: it must be a host name such as apps.example.com")
    if labels[-1].isdigit():
        raise PlatformFailure(f"cannot use {domain!r} as domain: apps need names below it, an address has none")
    return name


def from_environment() -> Settings:
    """The default settings with the `CELADON_*` overrides of the environment, without a platform."""
    return settings.overridden(Settings(home=DEFAULT_HOME))


def merged(options: Options, known: Settings | None, instance: int) -> Settings:
    """The settings to run with: what was installed before, and what was chosen now on top.

    Raises PlatformFailure when two ports are the same.
    """
    before = known or settings.overridden(Settings(home=options.home))
    made = dataclasses.replace(before, **options.chosen, home=options.home, instance=instance)
    numbers = [getattr(made, name) for name in PORTS]
    for name, number in zip(PORTS, numbers, strict=True):
        flag = f"--{name.replace('_', '-')}"
        if not 0 < number < 65536:
            raise PlatformFailure(f"cannot use port {number}: {flag} must be 1 to 65535")
        if numbers.count(number) > 1:
            raise PlatformFailure(f"cannot use port {number} twice: choose another with {flag}")
    return made


def check_ports(made: Settings, changed: Sequence[str] = PORTS) -> None:
    """Raises PlatformFailure when somebody else listens on a port of `changed`; our own engines may."""
    for name in changed:
        port = getattr(made, name)
        if ports.free(made.bind_address, port):
            continue
        holder = ports.holder(port)
        if holder and f"{made.cgroup}/" in holder.cgroups:
            continue
        by = f" by {holder.name} (process {holder.pid})" if holder else ""
        flag = f"--{name.replace('_', '-')}"
        raise PlatformFailure(f"cannot listen on port {port}: it is in use{by}; stop it or choose another with {flag}")


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    if not equals or name not in fields or name in ("home", "instance"):
        raise PlatformFailure(
            f"cannot set {text!r}: it must be NAME=VALUE with a setting of docs/reference/settings.md"
        )
    try:
        return name, settings.convert(fields[name], value)
    except ValueError as error:
        shown = repr(name if name in settings.SECRET else text)
        raise PlatformFailure(f"cannot set {shown}: {error}") from None


def checked_home(text: str) -> Path:
    """A home as an absolute path; raises PlatformFailure for one that cannot be a directory of its own."""
    home = Path(text).expanduser()
    home = Path(os.path.abspath(home))  # noqa: PTH100 - keeps symbolic links as the operator wrote them
    if home == Path("/") or len(home.parts) < 3:
        raise PlatformFailure(f"cannot use {home} as home: name a directory of its own, such as {DEFAULT_HOME}")
    if home.exists() and not home.is_dir():
        raise PlatformFailure(f"cannot use {home} as home: it is not a directory")
    return home
