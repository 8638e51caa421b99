"""Whether any request makes the API fail, be slow, or tell what it should not.

    .venv/bin/python bench/fuzz.py [--requests 20000] [--seed 1]

Nine of ten requests go to the API in this process, with all but its HTTP server; the tenth to a running role on its Unix
socket, which is also sent what is no HTTP at all. Prints the answers by status and each failure with a line that repeats
it, and exits 1 when there is one. Each few requests have a seed of their own, printed with a failure: `--requests 1 --seed
that` repeats them.
"""

import argparse
import contextlib
import http.client
import itertools
import math
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import api_role
from common import CHECKOUT

sys.path.insert(0, str(CHECKOUT))
from tests.api import fuzz, fuzz_world
from tests.api.fuzz_requests import Sent
from tests.api.world import Reply

# Seeds for one role on a socket, and every how many such batches it is one.
_BATCH, _SOCKET = 36, 10
_SLOWEST = 2.0
_SHOWN = 40
_REQUEST = b"POST /apps HTTP/1.1\r\nHost: localhost\r\n"
# What the server must refuse or hang up on, and live.
_NO_HTTP = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\r\n\r\n", b"\x00" * 5000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"GET /apps\x00 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET  /apps  HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET http://other.example/apps HTTP/1.1\r\nHost: a\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    _REQUEST + b"Content-Length: -1\r\n\r\n", _REQUEST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    _REQUEST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    _REQUEST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", _REQUEST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    _REQUEST + b"No colon here\r\n\r\n", _REQUEST + b"A\x00B: c\r\n\r\n", _REQUEST + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    _REQUEST + b"X: y\r\n" * 5000 + b"\r\n", _REQUEST + b"Content-Length: 10\r\n\r\n{}", _REQUEST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    _REQUEST + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
)  # fmt: skip


class OverSocket:
    """Sends requests as bytes to a role's socket, each on a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, sent: Sent) -> Reply:
        lines = [b"%s %s HTTP/1.1" % (sent.method.encode(), sent.target), b"Host: localhost"]
        lines += [name.encode() + b": " + value for name, value in sent.headers]
        lines += [b"Content-Length: %d" % len(sent.body), b"Connection: close", b"", sent.body]
        with self.connected() as connection:
            # The server may answer and hang up before it has read a body that it does not want.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(b"\r\n".join(lines))
            answer = http.client.HTTPResponse(connection, method=sent.method)
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, headers, answer.read())

    def connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(30)
        connection.connect(str(self._path))
        return connection


def send_no_http(transport: OverSocket, outcome: fuzz.Outcome) -> None:
    """Bytes that are no request: an answer below 500 or none, and the role goes on."""
    for sent in _NO_HTTP:
        with transport.connected() as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda reading=connection: reading.recv(65536), b""))  # type: ignore[misc]
        status = int(answer[9:12]) if answer.startswith(b"HTTP/1.") else 0
        outcome.statuses[status] += 1
        if status >= 500 or b"Traceback" in answer:
            outcome.failures.append((f"{status}: fails", f"{sent[:300]!r}"))


def over_socket(fuzzed: fuzz_world.FuzzedWorld, seeds: Iterable[int], outcome: fuzz.Outcome) -> None:
    fuzzed.copy().context.database.close()
    log = fuzzed.home / "role.log"
    with api_role.serving(fuzz_world.settings_of(fuzzed.home), log) as (path, _):
        transport = OverSocket(path)
        for seed in seeds:
            fuzz.run(fuzzed, transport, seed, outcome, _SLOWEST)
        send_no_http(transport, outcome)
        if api_role.Client(path).ask("GET", "/health")[0] != 200:
            outcome.failures.append(("the role is not well afterwards", f"seed {seed}"))
    if "Traceback" in (told := log.read_text("utf-8", "replace")):
        outcome.failures.append(
            (f"the role's log has a traceback: {told[told.index('Traceback') :][:1200]}", f"seed {seed}")
        )
    fuzzed.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    outcome, began = fuzz.Outcome(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="celadon-fuzz-") as directory:
        prepared = Path(directory) / "prepared"
        prepared.mkdir()
        fuzz_world.make(prepared)
        fuzzed = fuzz_world.FuzzedWorld(prepared, Path(directory))
        in_process = fuzz.InProcess(fuzzed)
        seeds = range(options.seed, options.seed + math.ceil(options.requests / fuzz.REQUESTS_OF_SEED))
        for batch, group in itertools.groupby(seeds, key=lambda seed: seed // _BATCH):
            if batch % _SOCKET == _SOCKET - 1:
                in_process.close_world()
                over_socket(fuzzed, group, outcome)
            else:
                for seed in group:
                    fuzz.run(fuzzed, in_process, seed, outcome, _SLOWEST)
        in_process.close()
    report(outcome, options, time.monotonic() - began)
    return 1 if outcome.failures else 0


def report(outcome: fuzz.Outcome, options: argparse.Namespace, seconds: float) -> None:
    for sentence, line in outcome.failures[:_SHOWN]:
        print(f"{sentence}\n    {line}")
    by_status = Counter(outcome.statuses)
    statuses = " · ".join(f"{status or 'none'}: {by_status[status]:,}" for status in sorted(by_status))
    print(
        f"{time.strftime('%Y-%m-%d')} · seed {options.seed} · {by_status.total():,} requests in {seconds:.0f} s · "
        f"{len(outcome.failures)} failures · slowest {outcome.slowest * 1000:.0f} ms\n{statuses}"
    )


if __name__ == "__main__":
    sys.exit(main())
