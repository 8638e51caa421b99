"""What each image consists of: pure values. The digest of a recipe names the image built from it."""

import hashlib
import json
from dataclasses import dataclass

SUITE = "trixie"
# What has the older PostgreSQL, which is the only one where this is the suite of the whole image.
OLDER_SUITE = "bookworm"

# Raised when the way an image is built changes although its recipe does not.
_FORMAT = 1

_BUILD_TOOLS = ("build-essential", "file", "git", "make", "patch", "pkg-config")
_SHELL_TOOLS = (
    *("bash", "bzip2", "ca-certificates", "curl", "gettext-base", "gnupg", "jq", "less", "locales", "lsb-release"),
    *("netcat-openbsd", "openssh-client", "procps", "rsync", "tzdata", "unzip", "wget", "xz-utils", "zip", "zstd"),
)
_PYTHON = ("python3", "python3-dev", "python3-venv")
# Serves static sites: their buildpack downloads nothing.
_SERVERS = ("nginx",)
# Neither can be moved to a folder of an app's own: dynos run the stack's.
_RUBY = ("bundler", "ruby", "ruby-dev")
_PHP = (
    *("apache2", "composer", "php-cli", "php-fpm", "php-apcu", "php-bcmath", "php-curl", "php-gd", "php-intl"),
    *("php-mbstring", "php-mysql", "php-pgsql", "php-redis", "php-sqlite3", "php-xml", "php-zip"),
)
# Makes the trust store of a Java runtime from the machine's authorities.
_JAVA = ("p11-kit",)
_HEADERS = (
    *("default-libmysqlclient-dev", "libcurl4-openssl-dev", "libffi-dev", "libpq-dev", "libsqlite3-dev", "libssl-dev"),
    *("libxml2-dev", "libxslt1-dev", "libyaml-dev", "zlib1g-dev"),
)

# Documentation and translations are most of the files of a minimal system and nothing that a dyno reads.
_LEAN = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
    "force-unsafe-io",
)

# PostgreSQL 15 names an LLVM of its own (110 MB) among what it needs. Nothing here compiles queries (`jit = off`), and a server that does
# not find the module for it goes on without.
_NO_COMPILER = (
    "path-exclude=/usr/lib/*/libLLVM-14*",
    "path-exclude=/usr/lib/llvm-14/*",
    "path-exclude=/usr/lib/postgresql/15/lib/llvmjit*",
    "path-exclude=/usr/lib/postgresql/15/lib/bitcode/*",
)

# A host's own name and resolvers must not travel inside an image: each container gets its own.
_ANONYMOUS = (
    'echo localhost > "$1/etc/hostname"',
    'printf "127.0.0.1 localhost\\n::1 localhost\\n" > "$1/etc/hosts"',
    'rm -f "$1/etc/resolv.conf" && touch "$1/etc/resolv.conf"',
    'rm -f "$1/etc/machine-id" && touch "$1/etc/machine-id"',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A Debian root filesystem: `hooks` are shell commands run at the end with the root as `$1`.

    `older_suite` is where packages come from that the suite itself has no longer.
    """

    name: str
    suite: str
    packages: tuple[str, ...]
    dpkg_options: tuple[str, ...] = _LEAN
    hooks: tuple[str, ...] = ()
    older_suite: str = ""

    @property
    def suites(self) -> tuple[str, ...]:
        """All that packages come from; what several have comes from the first, whose versions are the newest."""
        return tuple(dict.fromkeys(suite for suite in (self.suite, self.older_suite) if suite))

    @property
    def digest(self) -> str:
        parts: list[object] = [_FORMAT, self.suite, sorted(self.packages), self.dpkg_options, self.hooks]
        parts += self.suites[1:]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

    @property
    def directory(self) -> str:
        """The image's directory name in the cache."""
        return f"{self.name}-{self.digest}"


CEDAR = Recipe(
    name="cedar",
    suite=SUITE,
    packages=(*_BUILD_TOOLS, *_SHELL_TOOLS, *_PYTHON, *_RUBY, *_PHP, *_JAVA, *_HEADERS, *_SERVERS),
    hooks=(
        'echo "en_US.UTF-8 UTF-8" > "$1/etc/locale.gen" && chroot "$1" locale-gen',
        # Mount points: the root is read-only in a dyno, so what is mounted over must be there already.
        'mkdir -p "$1/app" "$1/buildpacks" "$1/layers" && touch "$1/usr/local/bin/uv"',
        *_ANONYMOUS,
    ),
)

SERVICES = Recipe(
    name="services",
    suite=SUITE,
    older_suite=OLDER_SUITE,
    dpkg_options=(*_LEAN, *_NO_COMPILER),
    packages=(
        *("ca-certificates", "haproxy", "procps"),
        *(
            "postgresql",
            "postgresql-client",
            # The newest of Debian before: databases of it can be made, and upgraded.
            "postgresql-15",
            "pgbackrest",
            "patroni",
            "etcd-server",
            "python3-etcd",
            "python3-psycopg2",
        ),
        *("redis-server", "memcached"),
        # PLAIN, and what writes the passwords that memcached asks for.
        *("libsasl2-modules", "sasl2-bin"),
        # Fetch and unpack images of apps: here and not on the stack, which no dyno needs them on.
        *("skopeo", "umoci"),
    ),
    hooks=(
        'mkdir -p "$1/celadon" "$1/engine"',
        # The packages start a cluster and write its key into the image; each of ours has a directory of its own.
        'rm -rf "$1"/var/lib/postgresql/*/main "$1"/etc/postgresql/* "$1"/etc/ssl/private/* "$1"/etc/redis/*',
        *_ANONYMOUS,
    ),
)

RECIPES = {recipe.name: recipe for recipe in (CEDAR, SERVICES)}
