"""How a role starts and ends, in processes of its own."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings

# A role that says it is up and then waits.
MAIN = """
import signal, sys
from pathlib import Path
from celadon.platform import role

def main(settings):
    print("up", flush=True)
    if sys.argv[2] == "crash":
        raise ValueError("first line\\nsecond line")
    signal.pause()

sys.exit(role.run_role("clock", Path(sys.argv[1]), main))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # A number of its own: the lock is in /run, which all platforms share.
    settings = Settings(home=tmp_path, instance=1000 + int(time.time() * 1000) % 900_000_000)
    platform_settings.save(settings)
    yield tmp_path
    for path in settings.run.iterdir():
        path.unlink()
    settings.run.rmdir()


def start(home: Path, how: str = "wait") -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", MAIN, str(home), how]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def line(stream: object) -> str:
    return stream.readline()  # type: ignore[attr-defined, no-any-return]


def test_role_ends_orderly_on_sigterm(home: Path) -> None:
    with start(home) as role:
        assert line(role.stdout) == "up\n"
        role.send_signal(signal.SIGTERM)
        assert role.wait(60) == 0
        assert "at=stop" in role.stderr.read()  # type: ignore[union-attr]


def test_second_process_of_a_role_waits_until_the_first_is_gone(home: Path) -> None:
    with start(home) as first:
        assert line(first.stdout) == "up\n"
        with start(home) as second:
            assert "at=wait" in line(second.stderr)
            first.kill()
            assert line(second.stdout) == "up\n"
            second.terminate()


def test_crash_is_one_line_with_its_traceback(home: Path) -> None:
    with start(home, "crash") as role:
        assert role.wait(60) == 1
        last = role.stderr.read().splitlines()[-1]  # type: ignore[union-attr]
    assert last.startswith("level=error role=clock ")
    assert "ValueError: first line | second line" in last


def test_unknown_role_is_refused_with_those_there_are() -> None:
    argv = [sys.executable, "-m", "celadon", "role", "cook", "--home", "/nowhere"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "api, git, build, dynos, router, logplex, addons, clock" in ended.stderr
