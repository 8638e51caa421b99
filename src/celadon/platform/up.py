"""bin/up: from a machine with Python to a page that answers, step by step."""

import os
import sys
from collections.abc import Sequence

import celadon
from celadon.platform import certificates, install, login, options, sample, supervise, unit
from celadon.platform.failure import PlatformFailure
from celadon.platform.install import Store
from celadon.platform.login import Credentials
from celadon.platform.options import Options
from celadon.platform.settings import DEFAULT_HOME, Settings, SettingsError
from celadon.platform.steps import Steps


def main(arguments: Sequence[str], store: Store, credentials: Credentials) -> int:
    """Run bin/up; returns the exit status."""
    steps = Steps()
    try:
        chosen = options.parse(arguments)
        if os.geteuid() != 0:
            raise PlatformFailure("cannot install: run bin/up as root (sudo bin/up)")
        with install.only_one(chosen.home):
            up(chosen, steps, store, credentials)
    except (PlatformFailure, SettingsError) as failure:
        print(f"\nbin/up: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbin/up: stopped; run it again to go on", file=sys.stderr)
        return 130
    return 0


def images_only() -> int:
    """Build the images that are missing, as tests without a platform need them; returns the exit status."""
    steps = Steps()
    try:
        with steps.step("Images") as step:
            step.result = install.build_images(options.from_environment(), step.tell)
    except (PlatformFailure, SettingsError) as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    return 0


def up(chosen: Options, steps: Steps, store: Store, credentials: Credentials) -> None:
    """The whole of it, in order. Every step may run again and then changes nothing."""
    with steps.step("Settings") as step:
        settings = install.choose_settings(chosen)
        install.make_directories(settings)
        step.result = f"{settings.home} (instance {settings.instance})"
    with steps.step("Certificates") as step:
        step.result = "made" if certificates.issue(settings, install.now()) else "present"
    with steps.step("Images") as step:
        step.result = install.build_images(settings, step.tell)
    with steps.step("Store") as step:
        store.migrate(settings)
        new_password = not install.password_file(settings).is_file()
        password = install.operator_password(settings)
        email = store.create_operator(settings, chosen.email, password)
        step.result = f"operator {email}"
    with steps.step("Roles") as step:
        install.load_kernel_modules()
        step.result = install.start_roles(settings)
    with steps.step("API") as step:
        install.wait_for_api(settings)
        step.result = settings.api_url
    caller = login.person()
    with steps.step("Log in") as step:
        token, fresh = login.log_in(settings, credentials, caller, email, password)
        step.result = f"{email}{'' if fresh else ' (already)'}"
    with steps.step("Command") as step:
        step.result = install.link_celadon(settings)
    line = None
    if chosen.sample:
        line = _sample(settings, steps, credentials, (email, token))
    _summary(settings, steps, email, password if new_password else "", line)


def _sample(settings: Settings, steps: Steps, credentials: Credentials, who: tuple[str, str]) -> str | None:
    """Deploy the sample once and fetch its page; returns the page's first line."""
    with steps.step("Sample app") as step:
        fresh = not sample.deployed(settings)
        if fresh:
            step.tell(f"git push to {sample.APP}")
            sample.deploy(settings, credentials, who, settings.home / "log" / "sample")
        line = sample.first_line(settings, who[1], fresh=fresh)
        if fresh and line is None:
            raise PlatformFailure(
                f"cannot fetch {settings.web_url(sample.APP)}: the app was pushed but does not answer; "
                f"look at celadon logs --app {sample.APP}"
            )
        step.result = ("pushed" if fresh else "present") if line else "does not answer (destroyed, or scaled to zero?)"
    return line


def _summary(settings: Settings, steps: Steps, email: str, password: str, line: str | None) -> None:
    say = steps.say
    program = "celadon" if install.LINK.is_symlink() else str(install.CHECKOUT / "bin" / "celadon")
    say(f"\nCeladon {celadon.__version__} is up ({steps.seconds:.1f} s).\n")
    if line:
        say(f"  Page       {settings.web_url(sample.APP)}")
        say(f"             {line}")
    say(f"  Dashboard  {settings.api_url}/dashboard")
    say(f"  API        {settings.api_url}  (HTTPS: {settings.api_https_url}, CA: {settings.ca_file})")
    say(f"  Operator   {email}{f', password {password}' if password else ''}  ({install.password_file(settings)})")
    say(f"  State      {settings.home}")
    say(f"  Logs       {settings.home / 'log'}/{{{','.join(supervise.ROLES)}}}/current")
    if not unit.systemd_runs():
        say("  At boot    systemd does not run here: run bin/up after a restart of the machine")
    home = "" if settings.home == DEFAULT_HOME else f" --home {settings.home}"
    say("\nNext, in a git repository of your own:\n")
    if home:
        say(f"  export CELADON_HOME={settings.home}")
    say(f"  {program} create\n  git push celadon main\n  {program} open\n")
    say(f"Stop everything with bin/down{home}, remove it with bin/down{home} --purge.")
