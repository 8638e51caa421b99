"""`python -m celadon`: wires everything, imports nothing before it is needed."""

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celadon.platform.login import Credentials
    from celadon.platform.settings import Settings

# Role → where it starts: each is a function of the platform's settings that runs until it is stopped.
ROLES = {
    "api": "celadon.api.role:main",
    "git": "celadon.git.role:main",
    "build": "celadon.build.role:main",
    "dynos": "celadon.dynos.role:main",
    "router": "celadon.router.role:main",
    "logplex": "celadon.logplex.role:main",
    "addons": "celadon.addons.role:main",
    "clock": "celadon.clock.role:main",
}


def load(target: str) -> Callable[..., Any]:
    """The function named by "module:function"."""
    module, _, function = target.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loaded


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except ModuleNotFoundError as missing:
        if missing.name is None or words[0] not in ("role", "up", "images", "down"):
            raise
        text = f"this is the client alone, without {missing.name}: a platform is installed by bin/up of its checkout"
        print(f"cannot run {' '.join(words[:2])}: {text}", file=sys.stderr)
        return 1


def _run(words: list[str]) -> int:
    if len(words) == 4 and words[0] == "role" and words[2] == "--home":
        return _role(words[1], Path(words[3]))
    if words and words[0] == "up":
        return _up(words[1:])
    if words == ["images"]:
        return int(load("celadon.platform.up:images_only")())
    if words and words[0] == "down":
        return int(load("celadon.platform.down:main")(words[1:], credentials()))
    try:
        return int(load("celadon.cli.main:main")(words) or 0)
    except KeyboardInterrupt:
        # While it was still being imported.
        return 130


def _up(arguments: Sequence[str]) -> int:
    from celadon.platform import install, up

    store = install.Store(migrate=_migrate, create_operator=_create_operator)
    return up.main(arguments, store, credentials())


def credentials() -> "Credentials":
    """What the command line keeps for a person, for installing to use."""
    from celadon.cli.connection import netrc, platforms
    from celadon.platform import login

    def find(settings: "Settings") -> str | None:
        entries = [netrc.find(machine) for machine in platforms.of_home(settings.home).machines]
        return entries[0][1] if entries and entries[0] and len(set(entries)) == 1 else None

    def remember(settings: "Settings", email: str, token: str) -> None:
        platform = platforms.of_home(settings.home)
        netrc.write(dict.fromkeys(platform.machines, (email, token)))
        # One that is started beside others does not take commands from them: these name it.
        platforms.remember(platform, take_over=platform.default)

    def forget(settings: "Settings") -> None:
        platform = platforms.of_home(settings.home)
        netrc.remove(platform.machines)
        platforms.forget(platform)

    return login.Credentials(find=find, remember=remember, forget=forget)


def _migrate(settings: "Settings") -> None:
    from celadon.platform.failure import PlatformFailure
    from celadon.store import database, secrets

    try:
        database.migrate(settings)
    except (database.StoreError, secrets.SecretsError) as error:
        raise PlatformFailure(str(error)) from None


def _create_operator(settings: "Settings", email: str, password: str) -> str:
    from celadon.actions import accounts
    from celadon.model.errors import CeladonError
    from celadon.platform.failure import PlatformFailure
    from celadon.store import database

    opened = database.connect(settings)
    try:
        return accounts.create_operator(opened, email=email, password=password).email
    except CeladonError as error:
        raise PlatformFailure(error.message) from None
    finally:
        opened.close()


def _role(name: str, home: Path) -> int:
    if name not in ROLES:
        print(f"cannot run the role {name}: there are {', '.join(ROLES)}", file=sys.stderr)
        return 2
    from celadon.platform import role

    return role.run_role(name, home, load(ROLES[name]))


if __name__ == "__main__":
    sys.exit(main())
