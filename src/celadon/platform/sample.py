"""The sample app: pushed once by a real `git push`, its page fetched through the router each time."""

import html.parser
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from celadon.platform import client, login
from celadon.platform.failure import PlatformFailure
from celadon.platform.install import CHECKOUT
from celadon.platform.login import Credentials, Person
from celadon.platform.settings import Settings

APP = "sample"
SOURCE = CHECKOUT / "examples" / "python-flask"

_PAGE_SECONDS = 60.0
# After a start of the platform its dynos start again.
_AGAIN_SECONDS = 10.0
_BLOCKS = {"h1", "h2", "h3", "p", "div", "li", "pre", "tr", "title"}
_AUTHOR = ("-c", "user.name=Celadon", "-c", "user.email=sample@localhost")


def deployed(settings: Settings) -> bool:
    """Whether it was deployed before; somebody who destroyed it since does not get it back."""
    return _mark(settings).is_file()


def deploy(settings: Settings, credentials: Credentials, who: tuple[str, str], log: Path) -> None:
    """Create the app and push it as `who` (e-mail, token), in a directory and with a git configuration of its own.

    What the programs say goes to `log`. Raises PlatformFailure.
    """
    with tempfile.TemporaryDirectory(prefix="celadon-sample-") as scratch:
        person = Person(home=Path(scratch), uid=os.getuid(), gid=os.getgid())
        login.as_person(person, lambda: credentials.remember(settings, *who))
        checkout = person.home / APP
        shutil.copytree(SOURCE, checkout, ignore=shutil.ignore_patterns("__pycache__"))
        env = _environment(settings, person.home)
        celadon = str(CHECKOUT / "bin" / "celadon")
        log.write_bytes(b"")
        for argv in (
            ["git", "init", "--quiet", "--initial-branch=main"],
            ["git", "add", "--all"],
            ["git", *_AUTHOR, "commit", "--quiet", "--message", "The sample app"],
            *([] if _exists(settings, who[1]) else [[celadon, "create", APP]]),
            [celadon, "git:remote", "--app", APP],
            ["git", "push", "--quiet", "--force", "celadon", "main"],
        ):
            _run(argv, checkout, env, log)
    _mark(settings).write_text(f"{APP}\n", "utf-8")


def first_line(settings: Settings, token: str, *, fresh: bool) -> str | None:
    """The first line that a reader of the sample's page sees; None when it does not answer.

    Its web dynos are given time to come up, unless it has none by its owner's will.
    """
    host = f"{APP}.{settings.domain}"
    pages: list[bytes] = []

    def answers() -> bool:
        answer = client.page(settings, host)
        if answer is None or answer.status != 200:
            return False
        pages.append(answer.content)
        return True

    try:
        seconds = _PAGE_SECONDS if fresh else _AGAIN_SECONDS
        client.wait_until(answers, seconds if fresh or _wanted(settings, token) else 0.0)
    except TimeoutError:
        return None
    return visible_line(pages[-1].decode("utf-8", errors="replace"))


def visible_line(page: str) -> str:
    """The first line of text in a page's body."""
    reader = _Text()
    reader.feed(page)
    return next((line.strip() for line in "".join(reader.found).splitlines() if line.strip()), "")


class _Text(html.parser.HTMLParser):
    """Collects text outside of the head."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._skipping = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipping = tag == "head" or (self._skipping and tag != "body")

    def handle_endtag(self, tag: str) -> None:
        self._skipping = self._skipping and tag != "head"
        if tag in _BLOCKS:
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self.found.append(data)


def _environment(settings: Settings, home: Path) -> Mapping[str, str]:
    """Nothing of the caller's: their git may sign, rewrite URLs or know nobody."""
    return {
        "PATH": f"{CHECKOUT / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "CELADON_HOME": str(settings.home),
    }


def _run(argv: list[str], cwd: Path, env: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as output:
        output.write(f"$ {' '.join(argv)}\n".encode())
        output.flush()
        finished = subprocess.run(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    if finished.returncode:
        tail = "\n".join(f"    {line}" for line in log.read_text("utf-8", errors="replace").splitlines()[-20:])
        raise PlatformFailure(f"cannot deploy the sample app: {' '.join(argv)} failed\n{tail}\n    ({log})")


def _exists(settings: Settings, token: str) -> bool:
    return client.api(settings, "GET", f"/apps/{APP}", f"Bearer {token}").status == 200


def _wanted(settings: Settings, token: str) -> bool:
    """Whether it is there and has web dynos."""
    answer = client.api(settings, "GET", f"/apps/{APP}/formation/web", f"Bearer {token}")
    return answer.status == 200 and json.loads(answer.content)["quantity"] > 0


def _mark(settings: Settings) -> Path:
    return settings.home / "sample"
