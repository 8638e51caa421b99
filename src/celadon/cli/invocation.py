"""One call of `celadon`: the platform, the app and the client that a command works with, found when first asked for."""

import base64
import dataclasses
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from celadon.cli import detection
from celadon.cli.connection import netrc
from celadon.cli.connection.client import Client, segment
from celadon.cli.connection.platforms import Platform
from celadon.cli.detection import Options
from celadon.cli.failure import Failure, UsageFailure, warn
from celadon.cli.terminal import unfinished
from celadon.cli.terminal.output import interactive

# The header of who shows no credentials: neither name nor password.
ANONYMOUS = f"Basic {base64.b64encode(b':').decode()}"


@dataclass(slots=True, kw_only=True)
class Invocation:
    """`json` and `confirm` are what the user said; the rest is found out. `takes_app` says that the command works on
    an app, so that the platform is that app's.
    """

    options: Options
    takes_app: bool = True
    json: bool = False
    confirm: str | None = None
    _platform: Platform | None = field(default=None, init=False)
    _app: str | None = field(default=None, init=False)
    _client: Client | None = field(default=None, init=False)

    @property
    def platform(self) -> Platform:
        if self._platform is None:
            if self.takes_app:
                self._platform, self._app = detection.target(self.options)
            else:
                self._platform = detection.platform(self.options)
        return self._platform

    @property
    def app(self) -> str:
        """The app's name; raises Failure when it cannot be told."""
        if self._app is None:
            self._platform, self._app = detection.target(self.options)
        return self._app

    def app_if_known(self) -> str | None:
        """The app's name, or None when nothing says which one: the platform is then that of the user."""
        if self._app is None:
            try:
                self._platform, self._app = detection.target(self.options)
            except UsageFailure:
                self._platform = detection.platform(self.options)
        return self._app

    def choose(self, app: str) -> None:
        """The app was named as an argument, not by `--app`."""
        self.options = dataclasses.replace(self.options, app=app)

    @property
    def app_path(self) -> str:
        return f"/apps/{segment(self.app)}"

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client(
                platform=self.platform,
                authorization=lambda: authorization(self.platform),
                log_in_again=lambda: _log_in_again(self.platform),
                ask_code=ask_code,
            )
        return self._client

    def confirm_destroy(self, app: str, consequence: str) -> None:
        """Ask for the app's name before something is destroyed; raises Failure when another one is given."""
        self.confirm_change(app, "WARNING: Potentially Destructive Action", consequence)

    def confirm_change(self, app: str, *lines: str) -> None:
        """Ask for the app's name, after these lines, unless `--confirm` gave it; raises Failure when another one is given."""
        answer = self.confirm
        if answer is None:
            warn([*lines, f'To proceed, type "{app}" or re-run this command with --confirm {app}'])
            print(file=sys.stderr)
            answer = ask("> ")
        if answer != app:
            raise Failure(f"Confirmation did not match {app}. Aborted.")


def token(platform: Platform) -> str | None:
    """`CELADON_API_KEY`, or what logging in has left in `.netrc`."""
    if key := os.environ.get("CELADON_API_KEY"):
        return key
    found = credentials(platform)
    return found[1] if found else None


def credentials(platform: Platform) -> tuple[str, str] | None:
    """E-mail address and token of the login."""
    for machine in platform.machines:
        if found := netrc.find(machine):
            return found
    return None


def authorization(platform: Platform) -> str:
    """The header of a request; without credentials the platform answers 401, and the login follows."""
    known = token(platform)
    return f"Bearer {known}" if known else ANONYMOUS


def _log_in_again(platform: Platform) -> bool:
    """Whether new credentials have been entered, where there is somebody to enter them."""
    if os.environ.get("CELADON_API_KEY"):
        raise Failure(
            f"The token in CELADON_API_KEY is not valid for {platform.api_url}.",
            "Give it another one, or unset it and run `celadon login`.",
        )
    if not interactive():
        return False
    from celadon.cli.commands import accounts

    ended = credentials(platform) is not None
    warn([f"{'Your login has ended at' if ended else 'Not logged in to'} {platform.api_url}."])
    accounts.enter(platform)
    return True


def ask_secret(question: str) -> str:
    """A password or a code: typed unseen on a terminal, else the next line of standard input. Raises Failure at its end."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        if not line:
            raise Failure(f"cannot ask for it: standard input has ended ({question.partition(' (')[0].rstrip(': ')})")
        return line.rstrip("\n")
    import getpass

    unfinished.interrupt()
    try:
        return getpass.getpass(question)
    except EOFError:
        print(file=sys.stderr)
        raise Failure("Aborted.") from None


def ask_password(question: str = "Password") -> str:
    """Raises Failure at the end of input."""
    return ask_secret(f"{question} (typing will be hidden): ")


def ask_code() -> str | None:
    """A code of the second factor; None when there is nobody to ask and none on standard input."""
    try:
        return ask_secret("Two-factor code: ").strip() or None
    except Failure:
        return None


def ask(question: str) -> str:
    """A line from the user, the question on stderr; raises Failure at the end of input."""
    unfinished.interrupt()
    print(question, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
        raise Failure("Aborted.")
    return answer.strip()


def choose(question: str, choices: Sequence[str]) -> int:
    """The position of the one that the user picks by its number."""
    print(question, file=sys.stderr)
    for number, choice in enumerate(choices, start=1):
        print(f"{number}) {choice}", file=sys.stderr)
    answer = ask("Which would you like to use? ")
    if not answer.isdigit() or not 1 <= int(answer) <= len(choices):
        raise Failure(f"Aborted: {answer or 'nothing'} is none of the numbers.")
    return int(answer) - 1
