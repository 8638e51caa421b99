"""Completion: what a shell is told, and what a person sees who presses the tab key in a real bash."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from tests.cli.program import Program
from tests.cli.replay import Replay, Told
from tests.cli.world import World

Asks = Callable[[str], list[str]]

# A shell is answered within two seconds or not at all, which one start of git may take on a busy machine.
PATIENT = "import sys; from celadon.cli import completion, main; completion._PATIENCE = 60.0; sys.exit(main.main())"


class Patient(Program):
    """The program, with more time for an answer than a person who has pressed a key would give it."""

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "-c", PATIENT]


@pytest.fixture
def program(celadon: Program) -> Program:
    """With `celadon` in the PATH, as the shell calls it."""
    directory = celadon.home / "bin"
    directory.mkdir()
    file = directory / "celadon"
    file.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-c", PATIENT])} "$@"\n')
    file.chmod(0o755)
    celadon.env["PATH"] = f"{directory}:{celadon.env['PATH']}"
    (celadon.home / "complete.bash").write_text(celadon("autocomplete", "bash").out)
    return celadon


@pytest.fixture
def bash(program: Program) -> Asks:
    """What a bash without a terminal has in COMPREPLY for a line, split as bash splits it."""

    def ask(line: str) -> list[str]:
        code = (
            f"source {shlex.quote(str(program.home / 'complete.bash'))}; COMP_LINE={shlex.quote(line)}; "
            'COMP_POINT=${#COMP_LINE}; _celadon_completion celadon; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        argv = ["bash", "--norc", "-c", code]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=program.work, env=program.env)
        assert done.stderr == ""
        return done.stdout.split()

    return ask


def test_bash_completes_commands_options_and_apps(bash: Asks, program: Program, world: World) -> None:
    assert bash("celadon ps:sc") == ["scale"]
    assert {"whoami", "webhooks:deliveries:info"} <= set(bash("celadon w"))
    assert bash("celadon pg:backups:un") == ["unschedule"]
    assert bash("celadon ps:scale --re") == ["--remote"]
    assert bash("celadon ps:scale web=1 --app ex") == ["example"]
    assert bash("celadon ps --app=ex") == ["example"]
    program.repository(staging="https://example.com/x.git")
    assert bash("celadon ps -r ") == ["staging"]
    assert bash("celadon nothing-like-it ") == []
    assert bash("celadon ps 'unfinished") == []


def test_apps_come_from_a_list_that_is_kept_for_a_minute(replay: Callable[..., Replay], tmp_path: Path) -> None:
    stranger = Patient(tmp_path)
    server = replay(answers={"GET /apps": Told(body=[{"name": "lemon"}, {"name": "lime"}])})
    environment = {
        "_CELADON_COMPLETE": "zsh_complete",
        "COMP_WORDS": f"celadon ps --platform {server.url} -a l",
        "COMP_CWORD": "5",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for _ in range(2):
        assert stranger(env=environment).out == "plain\nlemon\n_\nplain\nlime\n_\n"
    assert len(server.asked) == 1
    (kept,) = (tmp_path / "cache" / "celadon").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    os.utime(kept, (time.time() - 61,) * 2)
    assert "lime" in stranger(env=environment).out
    assert len(server.asked) == 2
    server.answers["GET /apps"] = Told(500, {"message": "no"})
    os.utime(kept, (time.time() - 61,) * 2)
    failed = stranger(env=environment)
    assert (failed.out, failed.err, failed.status) == ("", "", 0)


def test_a_name_that_is_code_is_not_offered(
    bash: Asks, program: Program, replay: Callable[..., Replay], tmp_path: Path
) -> None:
    names = [f"$(touch${{IFS}}{tmp_path}/ran)", "x;y", "a\nplain", "`id`", "hidden\x1b[8m", "lemon"]
    server = replay(answers={"GET /apps": Told(body=[{"name": name} for name in names])})
    assert bash(f"celadon ps --platform {server.url} -a ") == ["lemon"]
    program.repository(**{"fine/one": "https://example.com/x.git", "$(touch${IFS}ran)": "https://example.com/x.git"})
    assert bash("celadon ps -r ") == ["fine/one"]
    # Whatever celadon answers, the shell quotes it.
    (program.home / "bin" / "celadon").write_text("#!/bin/sh\necho 'plain,$(touch${IFS}ran)'\n")
    assert bash("celadon ps -r ") == ["\\$\\(touch\\$\\{IFS\\}ran\\)"]


def test_the_tab_key_in_a_real_bash(program: Program) -> None:
    environment = {**program.env, "TERM": "dumb", "PS1": "ready> ", "INPUTRC": "/dev/null"}
    shell: pexpect.spawn[str] = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], env=environment, cwd=str(program.work), encoding="utf-8", timeout=60
    )
    shell.sendline(f"source {program.home}/complete.bash; echo so''urced")
    shell.expect("sourced")
    shell.send("echo celadon; celadon releases:rollb\t")
    shell.expect_exact("celadon releases:rollback ")
    shell.send("--he\t")
    shell.expect_exact("--help ")
    shell.send("\n")
    shell.expect("Usage: celadon releases:rollback")
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    shell.close()


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_the_script_says_where_to_put_it(stranger: Program, shell: str) -> None:
    shown = stranger("autocomplete", env={"SHELL": f"/usr/bin/{shell}"})
    assert f"_CELADON_COMPLETE={shell}_complete" in shown.out
    assert shown.out.splitlines()[-1].startswith("#     ") and f"celadon autocomplete {shell}" in shown.out


def test_another_shell_is_told_which_there_are(stranger: Program) -> None:
    assert stranger("autocomplete", "csh").err.endswith("cannot complete in csh: there are bash, fish, zsh.\n")
    assert stranger("autocomplete").status == 2
