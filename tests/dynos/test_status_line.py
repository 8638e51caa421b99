"""Commands as Heroku's own client sends them with --exit-code, run by the shell that runs them in a dyno."""

import subprocess

import pytest

from celadon.dynos import status_line


def run(command: str) -> tuple[int, str]:
    sent = f'{command} ; echo "\uffff heroku-command-exit-status: $?"'
    ran = subprocess.run(["bash", "-c", status_line.reached(sent)], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("true", 0, ""),
        ("echo 'it is' \"said\"; false", 1, "it is said\n"),
        ("exit 3", 3, ""),
        ("exec sh -c 'exit 4'", 4, ""),
        ("set -e; false; echo not said", 1, ""),
        ("kill -9 $BASHPID", 137, ""),
        ("echo 'never closed", 2, ""),
        ("echo one # not a comment on the status", 0, "one\n"),
        ("cd /tmp && echo \\\ntwo", 0, "two\n"),
    ],
)
def test_status_is_told_whatever_the_command_is(command: str, status: int, said: str) -> None:
    assert run(command) == (status, f"{said}\uffff heroku-command-exit-status: {status}\n")


@pytest.mark.parametrize(
    "command", ["true", "true ; echo $?", "", 'echo "\uffff heroku-command-exit-status: $?" ; true']
)
def test_another_command_stays_as_it_is(command: str) -> None:
    assert status_line.reached(command) == command
