"""bin/down: stop everything, dynos too, and keep the state; with --purge remove that as well."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from celadon.platform import containers, install, instances, login, mounts, options, runtimes, supervise, unit
from celadon.platform import settings as platform_settings
from celadon.platform.failure import PlatformFailure
from celadon.platform.login import Credentials
from celadon.platform.settings import DEFAULT_HOME, Settings
from celadon.platform.steps import Steps
from celadon.runtime import protocol

# Dynos and engines get this long to end by themselves before they are killed.
_STOP_SECONDS = 10.0


def main(arguments: Sequence[str], credentials: Credentials) -> int:
    """Run bin/down; returns the exit status."""
    flags = _parser().parse_args(list(arguments))
    steps = Steps()
    try:
        home = options.checked_home(flags.home)
        if os.geteuid() != 0:
            raise PlatformFailure("cannot stop the platform: run bin/down as root (sudo bin/down)")
        if not (home / install.LOCK_NAME).is_file():
            steps.say(f"There is no platform in {home}.")
            return 0
        with install.only_one(home):
            down(home, steps, credentials, purge=flags.purge)
    except (PlatformFailure, protocol.RuntimeFailure) as failure:
        print(f"\nbin/down: {failure}", file=sys.stderr)
        return 1
    return 0


def down(home: Path, steps: Steps, credentials: Credentials, *, purge: bool) -> None:
    """The whole of it, in order: who restarts things goes first."""
    settings = install.known(home)
    if settings is not None:
        _stop(settings, steps)
    if not purge:
        steps.say(f"\nStopped. State stays in {home}: bin/up starts it again, bin/down --purge removes it.")
        return
    if settings is not None:
        with steps.step("Traces on this machine") as step:
            unit.remove(settings)
            install.unlink_celadon(settings)
            login.log_out(settings, credentials, login.person())
            step.result = "unit, link, login"
    with steps.step("State") as step:
        step.result = f"{home} removed"
        _remove_home(home, installed=settings is not None)
        instances.release(home)
    cache = settings.images if settings else platform_settings.IMAGE_CACHE
    steps.say(f"\nRemoved. The Debian packages that bin/up installed and the image cache {cache} stay;")
    steps.say(f"other platforms on this machine may use them. (rm -r {cache} frees the cache's space.)")


def _stop(settings: Settings, steps: Steps) -> None:
    with steps.step("Roles") as step:
        step.result = f"{len(supervise.pids(settings))} stopped"
        unit.stop(settings)
        supervise.stop(settings)
    with steps.step("Dynos, builds, engines") as step:
        count = containers.stop_all(settings, min(_STOP_SECONDS, settings.stop_timeout), step.tell)
        containers.remove_groups(settings)
        step.result = f"{count} stopped"
    with steps.step("Mounts") as step:
        points = [*mounts.unmount_below(settings.run), *mounts.unmount_below(settings.home)]
        step.result = f"{len(points)} unmounted"
        # Sockets, locks and the runtime's notes about containers that are gone.
        shutil.rmtree(settings.run, ignore_errors=True)
    with steps.step("Network") as step:
        runtimes.network(settings).teardown()
        step.result = f"{settings.subnet} removed"


def _remove_home(home: Path, *, installed: bool) -> None:
    if not installed and install.foreign_files(home):
        raise PlatformFailure(f"cannot remove {home}: it holds files but no platform (settings.toml is missing)")
    left = mounts.below(home)
    if left:
        raise PlatformFailure(f"cannot remove {home}: {left[0]} is still mounted")
    try:
        shutil.rmtree(home)
    except OSError as error:
        raise PlatformFailure(f"cannot remove {home}: {error}") from None


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="bin/down", description="Stop the platform, dynos too; state stays.", allow_abbrev=False
    )
    made.add_argument("--home", metavar="DIR", default=os.environ.get("CELADON_HOME") or str(DEFAULT_HOME))
    made.add_argument("--purge", action="store_true", help="also remove state, network, mounts, unit, link, logins")
    return made
