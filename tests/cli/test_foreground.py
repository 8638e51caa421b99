"""Programs that have the terminal to themselves, such as psql: what is pressed is theirs."""

import subprocess
import sys

import pexpect

RUN = "import sys; from celadon.cli.terminal import foreground\ntry: print('ended with', foreground.run(sys.argv[1:]))\nexcept KeyboardInterrupt: print('ended by Ctrl-C')"


# Somebody ends us at the moment when there is a program, before we have been told which.
EARLY = """
import os, signal, subprocess
from celadon.cli.terminal import foreground

class Popen(subprocess.Popen):
    def __init__(self, *words, **options):
        super().__init__(*words, **options)
        os.kill(os.getpid(), signal.SIGTERM)

subprocess.Popen = Popen
print(foreground.run(["sleep", "20"]))
"""


def started(script: str) -> "pexpect.spawn[str]":
    return pexpect.spawn(sys.executable, ["-c", RUN, "bash", "-c", script], timeout=60, encoding="utf-8")


def test_ctrl_c_is_the_programs_and_does_not_end_it() -> None:
    asked = started("trap 'echo caught' INT; echo ready; read line; read line; echo said $line; (exit 7)")
    asked.expect_exact("ready\r\n")
    asked.sendintr()
    asked.expect_exact("caught\r\n")
    asked.sendline("one")
    asked.sendline("two")
    asked.expect_exact("said two\r\n")
    asked.expect_exact("ended with 7\r\n")
    asked.close()


def test_a_program_that_heeds_it_ends_and_tells() -> None:
    asked = started("echo ready; exec sleep 20")
    asked.expect_exact("ready\r\n")
    asked.sendintr()
    asked.expect_exact("ended by Ctrl-C\r\n")
    asked.close()


def test_whoever_ends_us_ends_the_program() -> None:
    asked = started("trap 'echo told; exit 3' TERM; echo ready; read line")
    asked.expect_exact("ready\r\n")
    asked.kill(15)
    asked.expect_exact("told\r\n")
    asked.expect_exact("ended with 3\r\n")
    asked.close()


def test_whoever_ends_us_while_the_program_starts_ends_it() -> None:
    done = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("143\n", "", 0)
