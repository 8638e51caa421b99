"""Which platform a command speaks to, and what this machine knows about it.

A platform is known by its API's URL. One that is installed here is read from the settings in its home; of others we
keep what logging in has told, in `config.json`.
"""

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celadon.cli import files
from celadon.cli.failure import Failure, UsageFailure, warn

DEFAULT_URL = "http://localhost:8080"
_DEFAULT_HOME = Path("/var/lib/celadon")
_INSTANCES = Path("/etc/celadon/instances")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DOOR = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """`git_host` and `ssh_host` are `host[:port]` of its doors for code, None where nobody has told them yet.

    `home` is set for a platform of this machine.
    """

    api_url: str
    git_host: str | None = None
    ssh_host: str | None = None
    ca_file: Path | None = None
    home: Path | None = None

    @property
    def host(self) -> str:
        """What its credentials are kept under: host and port of the API."""
        return self.api_url.split("://", 1)[1]

    @property
    def hostname(self) -> str:
        return urlsplit(self.api_url).hostname or ""

    @property
    def default(self) -> bool:
        """Only this platform may use the bare host name in `.netrc`, where curl and git look."""
        return self.home == _DEFAULT_HOME or (self.home is None and self.api_url == DEFAULT_URL)

    @property
    def machines(self) -> list[str]:
        """The names its credentials are written under."""
        names = [self.host, self.git_host or "", self.hostname if self.default else ""]
        return list(dict.fromkeys(name for name in names if name))

    @property
    def own_entry(self) -> str | None:
        """The name whose login says which entries of `.netrc` are this platform's; None for one of this machine, which
        has its doors from its settings, and is believed."""
        return None if self.home is not None else self.host

    @property
    def address(self) -> str | None:
        """Where to connect instead of asking DNS: a platform of this machine is reached by its loopback address."""
        return "127.0.0.1" if self.home is not None or is_loopback(self.hostname) else None


def is_loopback(hostname: str) -> bool:
    return hostname in _LOOPBACK or hostname.endswith(".localhost")


def named(text: str) -> Platform:
    """The platform of `--platform`, `CELADON_HOST` or `CELADON_HOME`: an URL, a host or a home."""
    if text.startswith(("http://", "https://")):
        return of_url(clean_url(text))
    if text.startswith(("/", ".", "~")) or "/" in text:
        return of_home(Path(text).expanduser().absolute())
    if not re.fullmatch(r"[A-Za-z0-9._\[\]:-]+", text):
        raise UsageFailure(
            f"cannot use {text!r} as platform: give an URL, a host name or the platform's home directory"
        )
    name = text.partition(":")[0]
    if is_loopback(name):
        return of_url(f"http://{text if ':' in text else text + ':8080'}")
    return of_url(f"https://{text if name.startswith('api.') else f'api.{text}'}")


def of_home(home: Path) -> Platform:
    """The platform installed in a directory; raises Failure when there is none that can be read."""
    from celadon.platform import settings

    try:
        found = settings.load(home)
    except settings.SettingsError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot read {error.filename}: {error.strerror}") from None
    port = "" if found.ssh_port == 22 else f":{found.ssh_port}"
    return Platform(
        api_url=found.api_url,
        git_host=found.api_https_url.split("://", 1)[1],
        ssh_host=f"{found.domain}{port}",
        ca_file=found.ca_file,
        home=home,
    )


def of_url(url: str) -> Platform:
    """The platform with this API URL, with what this machine knows of it."""
    for platform in known():
        if platform.api_url == url:
            return platform
    git_host = url.split("://", 1)[1] if url.startswith("https://") else None
    ca_file = os.environ.get("CELADON_CA_FILE")
    return Platform(api_url=url, git_host=git_host, ca_file=Path(ca_file) if ca_file else None)


def known() -> Iterator[Platform]:
    """Platforms of this machine and those that have been logged in to; nearest first, read as late as possible."""
    seen: set[str] = set()
    for platform in _candidates():
        if platform.api_url not in seen:
            seen.add(platform.api_url)
            yield platform


def _candidates() -> Iterator[Platform]:
    config = _read_config()
    remembered = config.get("platforms", {})
    last = config.get("last")
    for url in sorted(remembered, key=lambda url: url != last):
        if (platform := _remembered(url, remembered[url])) is not None:
            yield platform
    for home in _homes():
        with contextlib.suppress(Failure):
            yield of_home(home)


def _homes() -> Iterator[Path]:
    yield _DEFAULT_HOME
    with contextlib.suppress(OSError):
        for file in sorted(_INSTANCES.iterdir()):
            if file.name.isdigit():
                with contextlib.suppress(OSError):
                    yield Path(file.read_text("utf-8").strip())


def _remembered(url: str, entry: Mapping[str, Any]) -> Platform | None:
    home = Path(entry["home"]) if entry.get("home") else None
    if home is not None:
        # Its ports may have changed since; a home that is gone is forgotten.
        with contextlib.suppress(Failure):
            platform = of_home(home)
            return platform if platform.api_url == url else None
        return None
    ca_file = os.environ.get("CELADON_CA_FILE") or entry.get("ca_file")
    return believed(
        Platform(
            api_url=url,
            git_host=entry.get("git_host"),
            ssh_host=entry.get("ssh_host"),
            ca_file=Path(ca_file) if ca_file else None,
        )
    )


def believed(platform: Platform) -> Platform:
    """A platform as it was kept, without doors that are not its own."""
    git_host, ssh_host = (
        door if door and may_be_at(platform, door) else None for door in (platform.git_host, platform.ssh_host)
    )
    return dataclasses.replace(platform, git_host=git_host, ssh_host=ssh_host)


def may_be_at(platform: Platform, door: str) -> bool:
    """Whether this `host[:port]` can be a platform's door: its host is the one that the user named, or is below the
    same domain. Logins are kept under such names, so that a platform must not choose them freely.
    """
    if platform.home is not None:
        return True
    if not _DOOR.fullmatch(door):
        return False
    hostname = urlsplit(f"//{door}").hostname or ""
    if is_loopback(hostname) or is_loopback(platform.hostname):
        return is_loopback(hostname) and is_loopback(platform.hostname)
    domain = platform.hostname.removeprefix("api.")
    return hostname in (platform.hostname, domain) or ("." in domain and hostname.endswith(f".{domain}"))


def last() -> Platform:
    """The platform that was logged in to last, else the one of this machine, else the default address."""
    return next(known(), None) or Platform(api_url=DEFAULT_URL, git_host="localhost:8443", ssh_host="localhost:2222")


def is_default_open() -> bool:
    """Whether anything listens at the default address, on this machine: a platform whose home is nobody else's to read."""
    import socket

    port = urlsplit(DEFAULT_URL).port or 80
    with socket.socket(socket.AF_INET) as made:
        return made.connect_ex(("127.0.0.1", port)) == 0


def remember(platform: Platform, *, take_over: bool = True) -> None:
    """Keep what is known of a platform, and make it the last one; without `take_over` only where there is none."""
    entry: dict[str, str] = {}
    if platform.home is not None:
        entry["home"] = str(platform.home)
    else:
        told = {"git_host": platform.git_host, "ssh_host": platform.ssh_host}
        entry = {name: value for name, value in told.items() if value}
        if platform.ca_file is not None:
            entry["ca_file"] = str(platform.ca_file.absolute())
    with _changed_config() as config:
        if take_over or not config.get("last"):
            config["last"] = platform.api_url
        config["platforms"] = {**config.get("platforms", {}), platform.api_url: entry}


def informed(platform: Platform, told: Mapping[str, Any]) -> Platform:
    """A platform of another machine, with what its API says of its doors; its CA is kept beside our configuration."""
    ca_file = platform.ca_file
    if ca_file is None and (certificate := told.get("ca_certificate")):
        ca_file = config_file().with_name(f"{platform.host.replace(':', '-')}.pem")
        _write(ca_file, _checked_certificate(platform, certificate))
    ssh_port = "" if told.get("ssh_port") == 22 else f":{told.get('ssh_port')}"
    git_host = _believed_door(platform, "git", str(told.get("api_https_url")).removeprefix("https://"))
    ssh_host = _believed_door(platform, "SSH", f"{told.get('domain')}{ssh_port}")
    return dataclasses.replace(
        platform, git_host=git_host or platform.git_host, ssh_host=ssh_host or platform.ssh_host, ca_file=ca_file
    )


def _believed_door(platform: Platform, kind: str, door: str) -> str | None:
    if may_be_at(platform, door):
        return door
    below = platform.hostname.removeprefix("api.")
    warn([f"{platform.api_url} says that its door for {kind} is {door}: not believed, which is not below {below}."])
    return None


def _checked_certificate(platform: Platform, text: object) -> str:
    """Raises Failure for what is no certificate."""
    if (
        isinstance(text, str)
        and all(line.isprintable() for line in text.splitlines())
        and "-----BEGIN CERTIFICATE-----" in text
    ):
        return text
    raise Failure(f"cannot use the CA certificate that {platform.api_url} tells: it is none")


def forget(platform: Platform) -> None:
    if platform.api_url not in _read_config().get("platforms", {}):
        return
    with _changed_config() as config:
        config.get("platforms", {}).pop(platform.api_url, None)
        if config.get("last") == platform.api_url:
            config.pop("last")


def config_file() -> Path:
    return files.configuration() / "config.json"


def _read_config() -> dict[str, Any]:
    try:
        config = json.loads(config_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(config, dict) or not isinstance(config.get("platforms", {}), dict):
        return {}
    return config


@contextlib.contextmanager
def _changed_config() -> Iterator[dict[str, Any]]:
    file = config_file()
    _make_room(file)
    with files.changing(file):
        config = _read_config()
        yield config
        _write(file, json.dumps(config, indent=2) + "\n")


def _write(file: Path, text: str) -> None:
    _make_room(file)
    files.replace(file, text.encode(), mode=0o644)


def _make_room(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable(file, error) from None


def clean_url(text: str) -> str:
    """Scheme, host and port, where it is not the scheme's own; raises UsageFailure."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        raise UsageFailure(f"cannot use {text} as platform: its port is no number") from None
    if not parts.hostname:
        raise UsageFailure(f"cannot use {text} as platform: it names no host")
    default = 443 if parts.scheme == "https" else 80
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{'' if port in (None, default) else f':{port}'}"
