"""`doctor`: each line is ok, or says what is missing and what mends it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.cli.program import Program
from tests.cli.replay import Replay, Told
from tests.cli.world import KEY_BODY, World

from celadon.actions import keys
from celadon.model.check import numbers


def found(celadon: Program, *words: str, part: str = "client") -> dict[str, tuple[bool, str, str]]:
    """Check → whether it is ok, what of it, what mends it."""
    shown = celadon("doctor", "--json", *words)
    assert shown.err in (
        "",
        f" !    {celadon.home}/.netrc can be read by others, and your tokens are in it: chmod 600 {celadon.home}/.netrc\n",
    )
    checks = json.loads(shown.out)
    assert shown.status == (0 if all(check["ok"] for check in checks) else 1)
    return {check["name"]: (check["ok"], check["detail"], check["remedy"]) for check in checks if check["part"] == part}


def test_all_is_well(world: World, celadon: Program) -> None:
    (celadon.home / ".ssh").mkdir()
    (celadon.home / ".ssh" / "id_ed25519.pub").write_text(f"ssh-ed25519 {KEY_BODY} me@here\n")
    url = f"http://{world.machine}"
    celadon.repository(celadon=f"{url}/example.git", origin="https://git.example.com/x")
    of_client = found(celadon)
    assert {name for name, (ok, _, _) in of_client.items() if not ok} == set()
    assert of_client["login"] == (True, "ada@example.com", "")
    assert of_client["platform"] == (True, f"{url} runs celadon/0.1.0", "")
    assert of_client["clock"] == (True, "as the platform's", "")
    fingerprint = keys.list_of(world.context, world.actor)[0].fingerprint
    assert of_client["SSH key"] == (True, fingerprint, "")
    assert of_client["git remote celadon"] == (True, "leads to example", "")
    shown = celadon("doctor").out
    assert shown.startswith("=== Client\n[ok]      client: celadon/0.1.0 ")
    # On the platform's own machine also what that needs.
    assert f"\n\n=== Platform in {world.context.settings.home}\n[ok]      git: " in shown
    assert "[missing] roles: the platform is down\n           bin/up --home " in shown


def test_what_is_missing_is_named_with_what_mends_it(world: World, celadon: Program) -> None:
    url = f"http://{world.machine}"
    ssh = f"ssh://git@localhost:{world.context.settings.ssh_port}"
    celadon.repository(celadon=f"{url}/gone.git", ssh=f"{ssh}/example.git")
    (celadon.home / ".netrc").chmod(0o644)
    index = celadon.home / ".local/share/celadon/plugins/index.json"
    index.parent.mkdir(parents=True)
    plugin = {
        "name": "dim",
        "version": "1",
        "source": "x",
        "path": "/nowhere",
        "directory": "/nowhere",
        "linked": False,
    }
    index.write_text(json.dumps({"plugins": [{**plugin, "commands": {"dim": ["dim:dim", "", ""]}}]}))
    of_client = found(celadon)
    assert of_client["netrc"][0] is False and of_client["netrc"][2] == f"chmod 600 {celadon.home}/.netrc"
    assert of_client["git remote celadon"][0] is False
    assert of_client["git remote celadon"][1].startswith("leads to gone: ")
    assert of_client["SSH key"] == (False, "none of this machine is registered", "celadon keys:add")
    assert of_client["plugin dim"][:2] == (False, "its directory /nowhere is gone")


def test_who_is_not_logged_in_is_told_so(world: World, celadon: Program) -> None:
    (celadon.home / ".netrc").unlink()
    again = f"celadon login --platform http://{world.machine}"
    assert found(celadon)["login"] == (False, "not logged in", again)
    (celadon.home / ".netrc").mkdir()
    of_client = found(celadon)
    assert of_client["netrc"][1].endswith("/.netrc is no file") and "Is a directory" in of_client["login"][1]
    (celadon.home / ".netrc").rmdir()
    celadon.log_in(world.machine, "ada@example.com", "stale")
    assert (found(celadon)["login"][0], found(celadon)["login"][2]) == (False, again)
    celadon.env["CELADON_API_KEY"] = "stale"
    assert found(celadon)["login"][2] == "unset CELADON_API_KEY"


def test_a_platform_that_is_not_there_and_git_that_is_not(stranger: Program) -> None:
    stranger.env["PATH"] = "/nowhere"
    of_client = found(stranger, "--platform", "http://localhost:1")
    assert of_client["git"] == (False, "missing", "apt-get install git, or https://git-scm.com/downloads")
    assert of_client["platform"][0] is False and "nothing listens there" in of_client["platform"][1]
    assert "login" not in of_client
    assert found(stranger, "--platform", "http://a/b c")["platform"][0] is False


def test_a_clock_that_is_wrong(stranger: Program, replay: Callable[..., Replay]) -> None:
    late = format_datetime(datetime.now(UTC) - timedelta(minutes=5), usegmt=True)
    server = replay(answers={"GET /health": Told(body={"version": "9"}, headers={"Date": late})})
    clock = found(stranger, "--platform", server.url)["clock"]
    assert clock[0] is False and clock[2] == "timedatectl set-ntp true"
    assert clock[1].endswith(" seconds ahead of the platform's")


def test_versions_are_compared_by_their_numbers() -> None:
    assert numbers("2.39.5") == (2, 39, 5)
    assert numbers("2.9.rc1") < numbers("2.30")
    assert numbers("git") == ()
