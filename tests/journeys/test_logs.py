"""One stream of lines: of dynos, the router, the manifold, the API, the build; and a part of it on request."""

import re
import subprocess
import time
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.journeys import sources
from tests.journeys.conftest import CELADON, App, Platform

# Writes twenty lines, then waits for its end: who went on writing would push all others out of the last 1,500, which
# are asked for, while the commands of a test take their time.
WORKER = """\
import os
import signal

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
for number in range(1, 21):
    print(f"line {number}", flush=True)
while True:
    signal.pause()
"""
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 (app|heroku)\[([a-z]+(\.\d+)?)\]: .*$")


@pytest.fixture(scope="module")
def app(platform: Platform) -> App:
    found = platform.create(
        sources.web(Procfile="web: python3 -u server.py\nworker: python3 worker.py\n", **{"worker.py": WORKER})
    )
    found.push()
    found.celadon("ps:scale", "worker=1")
    assert found.get("/for-the-log").status == 200
    found.wait_for_log("line 20")
    found.wait_for_log("/for-the-log")
    found.celadon("ps:scale", "worker=0")
    found.wait_for_log("heroku[worker.1]: Process exited with status 0")
    return found


def test_every_source_is_in_one_stream_in_order_of_time(app: App) -> None:
    lines = app.logs().splitlines()
    assert [line for line in lines if not LINE.match(line)] == []
    sources_seen = {line.split()[1].rstrip(":") for line in lines}
    assert sources_seen >= {
        "app[web.1]",
        "app[worker.1]",
        "app[slugc]",
        "app[api]",
        "heroku[web.1]",
        "heroku[worker.1]",
        "heroku[router]",
        "heroku[slugc]",
    }
    times = [datetime.fromisoformat(line.split()[0]) for line in lines]
    # Lines of two sources that come in one moment may change places. An event has the time before its transaction is
    # written, which may take a slow disk some seconds.
    assert all(later > earlier - timedelta(seconds=5) for earlier, later in pairwise(times))
    for source in ("app[web.1]", "app[worker.1]"):
        mine = [at for at, line in zip(times, lines, strict=True) if line.split()[1] == f"{source}:"]
        assert mine == sorted(mine), source
    for text in (
        "app[api]: Build started by user admin@localhost",
        "app[api]: Release v3 created by user admin@localhost",
        "app[api]: Scaled to worker@1:1X by user admin@localhost",
        "heroku[slugc]: Slug compilation started",
        "app[slugc]: -----> Procfile app detected",
        "heroku[slugc]: Slug compilation finished",
        "heroku[web.1]: Starting process with command `python3 -u server.py`",
        "heroku[web.1]: State changed from starting to up",
        "heroku[worker.1]: Stopping all processes with SIGTERM",
    ):
        assert any(line.endswith(text) or text in line for line in lines), text
    router = next(line for line in lines if "/for-the-log" in line)
    assert re.search(
        rf'heroku\[router\]: at=info method=GET path="/for-the-log" host={app.host}(:\d+)? request_id=\S+ '
        r'fwd="127\.0\.0\.1" dyno=web\.1 connect=\d+ms service=\d+ms status=200 bytes=\d+ protocol=http$',
        router,
    ), router


def test_a_number_of_lines_and_filters(app: App) -> None:
    assert len(app.celadon("logs", "-n", "7").splitlines()) == 7
    assert app.celadon("logs", "-n", "0") == ""
    web = app.celadon("logs", "-n", "1500", "--ps", "web").splitlines()
    assert web and all("[web.1]:" in line for line in web)
    both = app.celadon("logs", "-n", "1500", "--ps", "worker.1", "--source", "heroku").splitlines()
    assert both and all(" heroku[worker.1]:" in line for line in both)
    routed = app.celadon("logs", "-n", "1500", "-p", "router").splitlines()
    assert routed and all(" heroku[router]:" in line for line in routed)
    mine = app.celadon("logs", "-n", "1500", "-s", "app").splitlines()
    assert mine and all(" app[" in line for line in mine)


def test_a_tail_goes_on_and_ends_with_its_client(app: App) -> None:
    tail = subprocess.Popen(
        [str(CELADON), "logs", "--tail", "-n", "1", "--ps", "router", "--app", app.name],
        env=app.platform.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert tail.stdout is not None
    try:
        assert "heroku[router]" in tail.stdout.readline()
        assert app.get("/while-tailed").status == 200
        # From here on: the request itself has other measures. A tail that nobody tells of more looks after fifteen seconds.
        began = time.monotonic()
        assert "/while-tailed" in tail.stdout.readline()
        assert time.monotonic() - began < 10
    finally:
        tail.terminate()
        tail.wait(10)


def test_a_line_that_is_too_long_is_split_and_terminal_codes_are_made_harmless(app: App) -> None:
    said = app.celadon("run:detached", "--", "head -c 25000 /dev/zero | tr '\\0' x; echo; printf '\\033[31mred\\n'")
    found = re.search(r"run\.\d+", said)
    assert found
    lines = app.wait_for_log(f"heroku[{found[0]}]: Process exited").splitlines()
    mine = [line.partition("]: ")[2] for line in lines if f" app[{found[0]}]: " in line]
    assert [len(line) for line in mine[:3]] == [10_000, 10_000, 5_000]
    assert mine[3] == "^[[31mred"
