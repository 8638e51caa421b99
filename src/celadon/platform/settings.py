"""Every setting of a platform, on one screen.

A platform is its `home` directory. `home/settings.toml` holds what was chosen at install time; an environment
variable `CELADON_<NAME>` overrides one value for one run. This module is a leaf: every role may import it.
"""

import dataclasses
import functools
import ipaddress
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celadon.model import build_environment, destination
from celadon.model import size as sizes

DEFAULT_HOME = Path("/var/lib/celadon")
IMAGE_CACHE = Path("/var/cache/celadon/images")
INSTANCES = Path("/etc/celadon/instances")
# This machine and its surroundings, but for the networks of dynos (10.200 to 10.255), where each is to meet its own.
_SURROUNDINGS = "127.0.0.0/8,::1/128,10.0.0.0/9,10.128.0.0/10,10.192.0.0/13,172.16.0.0/12,192.168.0.0/16,fc00::/7"

# Their values may have passwords in them, and are never shown.
SECRET = ("build_environment", "smtp_url", "store_url")
# Settings of earlier versions, and the variable of `build_environment` that stands for each.
_FORMER = {
    "pypi_mirror": "PIP_INDEX_URL",
    "npm_mirror": "NPM_CONFIG_REGISTRY",
    "python_mirror": "RUNTIME_MIRROR_PYTHON",
}


class SettingsError(Exception):
    """The settings file is missing, unreadable or has a value of the wrong kind."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one platform is told. Times are in seconds, sizes in bytes."""

    home: Path
    # Names and numbers everything this platform owns on the host, so that several live side by side (0 to 39).
    instance: int = 0
    domain: str = "localhost"
    http_port: int = 8080
    https_port: int = 8443
    ssh_port: int = 2222
    rendezvous_port: int = 5000
    # SQLite in `home` unless a PostgreSQL URL is given.
    store_url: str = ""
    # Where images come from and are kept; the cache is shared by all homes.
    images: Path = IMAGE_CACHE
    debian_mirror: str = "http://deb.debian.org/debian"
    debian_security_mirror: str = "http://deb.debian.org/debian-security"
    # The Debian release of the services image: bookworm, where a mirror has no newer one, brings HAProxy 2.6.
    services_suite: str = "trixie"
    # The host's certificate authorities; images trust them too.
    ca_bundle: Path = Path("/etc/ssl/certs/ca-certificates.crt")
    # What every build finds in its environment, each as NAME=VALUE: mirrors, proxies, perhaps with a password.
    build_environment: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    # The name by which third-party buildpacks know the stack (they read it from $STACK).
    stack_compatibility: str = "heroku-24"
    # Dynos
    boot_timeout: float = 60.0
    stop_timeout: float = 30.0
    drain_timeout: float = 30.0
    crash_backoff: tuple[float, ...] = (0.0, 10.0, 60.0, 300.0, 1200.0, 3600.0)
    dyno_disk_limit: int = 4 << 30
    # Each as NAME:MEMORY_MB:SHARE:CENTS:VAST:IDLE_AFTER; see celadon.model.size.
    dyno_sizes: tuple[str, ...] = sizes.DEFAULTS
    # Every dyno is replaced after so long, and up to a seventh more.
    cycle_after: float = 86_400.0
    one_off_limit: float = 86_400.0
    release_timeout: float = 3_600.0
    # How often memory is looked at, and runtime metrics are written.
    sample_interval: float = 20.0
    # Builds
    build_timeout: float = 900.0
    build_memory: int = 2 << 30
    build_disk_limit: int = 4 << 30
    builds_at_once: int = 2
    slug_limit: int = 500 << 20
    source_limit: int = 1 << 30
    push_wait: float = 60.0
    # Networks that are not of the internet and that the platform may all the same send to what users name (drains,
    # webhooks); `none` for none. Where nothing is said it is those of the machine itself and its surroundings while the
    # domain is `localhost`, else none.
    private_destinations: str = ""
    # Accounts and apps. Who may make an account: whoever has an invitation, or anybody (`open`).
    signup: str = "invited"
    # Mail: smtp://USER:PASSWORD@HOST:PORT or smtps://…; without one letters stay in the outbox.
    smtp_url: str = dataclasses.field(default="", repr=False)
    mail_from: str = ""
    app_limit: int = 100
    dyno_limit: int = 100
    config_limit: int = 64 << 10
    rate_limit: int = 4500
    # Logplex
    log_window: int = 100 << 20
    # Certificates: an ACME directory (Let's Encrypt's by default, none switches automatic ones off), whom it may write to,
    # and the authorities its own server is trusted by.
    acme_directory: str = "https://acme-v02.api.letsencrypt.org/directory"
    acme_email: str = ""
    acme_ca_bundle: Path = Path("/etc/ssl/certs/ca-certificates.crt")
    # Who is asked where domains lead, as ADDRESS or ADDRESS:PORT; the host's own resolvers where none is given.
    dns_server: str = ""
    # How often a domain that DNS does not lead here yet is looked at.
    domain_check_interval: float = 5.0
    # Router. Requests at once: of one dyno, that wait for each dyno beyond (H11), of one app (H22); connections of one
    # address.
    dyno_connections: int = 500
    dyno_backlog: int = 50
    app_connections: int = 4_000
    address_connections: int = 1_000
    first_byte_timeout: float = 30.0
    idle_timeout: float = 55.0
    boot_queue_timeout: float = 75.0

    @property
    def sizes(self) -> sizes.Sizes:
        """The sizes a dyno may have."""
        return sizes.parse_all(self.dyno_sizes)

    @property
    def name(self) -> str:
        """The prefix of everything this platform owns on the host."""
        return f"celadon{self.instance}"

    @property
    def run(self) -> Path:
        """Sockets, locks and mounts: short, because a Unix socket path is at most 107 bytes."""
        return Path("/run") / self.name

    @property
    def bridge(self) -> str:
        return f"{self.name}br"

    @property
    def subnet(self) -> str:
        """The dynos' network; `.0.1` is the bridge itself."""
        return f"10.{200 + self.instance}.0.0/16"

    @property
    def gateway(self) -> str:
        """The host's own address in the dynos' network."""
        return f"10.{200 + self.instance}.0.1"

    @property
    def engine_host(self) -> str:
        """Where people, programs and dynos reach the engines of add-ons, each at a port of its own."""
        return self.domain if self.public else self.gateway

    @property
    def nft_table(self) -> str:
        return self.name

    @property
    def cgroup(self) -> str:
        """The cgroup all dynos, builds and engines live under, relative to each controller's root."""
        return f"/{self.name}"

    @property
    def uid_base(self) -> int:
        """App number n runs as uid (and gid) `uid_base + n`."""
        return (self.instance + 1) * 1_000_000

    @property
    def public(self) -> bool:
        return self.domain != "localhost"

    @property
    def private_networks(self) -> tuple[destination.Network, ...]:
        """What `private_destinations` comes to."""
        if self.private_destinations == "none":
            return ()
        return destination.networks(self.private_destinations or ("" if self.public else _SURROUNDINGS))

    @property
    def bind_address(self) -> str:
        """Loopback only while the domain is `localhost`."""
        return "0.0.0.0" if self.public else "127.0.0.1"

    @property
    def database_url(self) -> str:
        return self.store_url or f"sqlite:///{self.home / 'store.db'}"

    @property
    def api_host(self) -> str:
        return f"api.{self.domain}" if self.public else "localhost"

    @property
    def api_url(self) -> str:
        return f"http://{self.api_host}{_port(self.http_port, 80)}"

    @functools.cached_property
    def api_https_url(self) -> str:
        return f"https://{self.api_host}{_port(self.https_port, 443)}"

    @property
    def ca_file(self) -> Path:
        return self.home / "ca" / "ca.pem"

    def web_url(self, app: str) -> str:
        """Where an app answers, as Heroku's `web_url`: with a slash at the end."""
        return f"http://{app}{self._web_suffix}"

    @functools.cached_property
    def _web_suffix(self) -> str:
        return f".{self.domain}{_port(self.http_port, 80)}/"

    def git_ssh_url(self, app: str) -> str:
        return f"ssh://git@{self.domain}{_port(self.ssh_port, 22)}/{app}.git"

    def git_url(self, app: str) -> str:
        return f"{self.api_https_url}/{app}.git"


def _port(port: int, default: int) -> str:
    return "" if port == default else f":{port}"


def load(home: Path) -> Settings:
    """Read `home/settings.toml` and the `CELADON_*` overrides.

    Raises SettingsError when there is no platform in `home` or a value cannot be read.
    """
    path = home / "settings.toml"
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"cannot find a platform in {home}: run bin/up --home {home}") from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}") from None
    _rename_former(values)
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise SettingsError(f"cannot read {path}: unknown setting {', '.join(unknown)}")
    values |= _overrides()
    values["home"] = home
    try:
        return Settings(**{name: convert(fields[name], value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise SettingsError(f"cannot read {path}: {error}") from None


def _rename_former(values: dict[str, Any]) -> None:
    """Read what an earlier version wrote; the next bin/up writes it in today's words."""
    entries = [f"{variable}={value}" for name, variable in _FORMER.items() if (value := values.pop(name, ""))]
    if entries:
        values["build_environment"] = [*entries, *values.get("build_environment", ())]


def overridden(settings: Settings) -> Settings:
    """The settings with the `CELADON_*` overrides of the environment; raises SettingsError."""
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    try:
        return dataclasses.replace(
            settings, **{name: convert(fields[name], value) for name, value in _overrides().items()}
        )
    except ValueError as error:
        raise SettingsError(f"cannot use the environment: {error}") from None


def _overrides() -> dict[str, str]:
    names = [field.name for field in dataclasses.fields(Settings) if field.name not in ("home", "instance")]
    found = {name: os.environ.get(f"CELADON_{name.upper()}") for name in names}
    return {name: value for name, value in found.items() if value is not None}


def save(settings: Settings) -> None:
    """Write what differs from the defaults; the file stays as short as what the operator chose."""
    # Only who installs a platform writes them: the command line reads them without this package.
    import tomli_w

    values: dict[str, object] = {}
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        if field.name == "instance" or (field.name != "home" and value != field.default):
            values[field.name] = str(value) if isinstance(value, Path) else value
    partial = settings.home / "settings.toml.partial"
    partial.write_text(tomli_w.dumps(values), "utf-8")
    partial.rename(settings.home / "settings.toml")


def convert(field: "dataclasses.Field[Any]", value: Any) -> Any:
    """A setting's value from text or TOML; raises ValueError."""
    try:
        if field.name == "home" or isinstance(field.default, Path):
            return Path(str(value))
        if field.name == "build_environment":
            return build_environment.checked(value)
        if isinstance(field.default, tuple):
            parts = value.split(",") if isinstance(value, str) else value
            found = tuple(type(field.default[0])(part) for part in parts)
            if field.name == "dyno_sizes":
                sizes.parse_all(found)
            return found
        if field.name == "signup" and value not in ("invited", "open"):
            raise ValueError("it is invited or open")
        if field.name == "smtp_url" and value and urlsplit(str(value)).scheme not in ("smtp", "smtps"):
            raise ValueError("it begins with smtp:// or smtps://")
        if field.name == "dns_server" and value:
            address, _, port = str(value).partition(":")
            return f"{ipaddress.IPv4Address(address)}:{int(port or 53)}"
        if field.name == "private_destinations" and value != "none":
            destination.networks(str(value))
        if isinstance(field.default, (int, float, str)):
            return type(field.default)(value)
    except (TypeError, ValueError) as error:
        why = f": {error}" if field.name in ("dyno_sizes", "signup", *SECRET) else ""
        shown = "that" if field.name in SECRET else repr(value)
        raise ValueError(f"{field.name} cannot be {shown}{why}") from None
    return value
