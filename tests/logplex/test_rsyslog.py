"""Drains to Debian's rsyslog, over TCP and TLS, which is stopped and started while lines come."""

import asyncio
import contextlib
import re
import signal
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests import ports
from tests.logplex.receivers import until
from tests.logplex.test_drains import Place, running

from celadon.platform import certificates

RSYSLOG = "/usr/sbin/rsyslogd"
_PLAIN = """
global(workDirectory="{home}" maxMessageSize="64k"{tls})
module(load="imtcp"{mode})
template(name="message" type="string" string="%procid% %msg%\\n")
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="in")
ruleset(name="in") {{ action(type="omfile" file="{home}/out" template="message") }}
"""
_TLS = ' defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{home}/chain.pem" '
_TLS += 'defaultNetstreamDriverCertFile="{home}/chain.pem" defaultNetstreamDriverKeyFile="{home}/key.pem"'
_TLS_MODE = ' streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon"'


class Rsyslog:
    """One rsyslogd with a directory and a port of its own."""

    def __init__(self, home: Path, *, tls: bool) -> None:
        home.mkdir()
        self.home = home
        # It stays ours while rsyslogd is stopped.
        self.held = ports.reserved()
        self.port = self.held.getsockname()[1]
        chosen = {"tls": _TLS.format(home=home), "mode": _TLS_MODE} if tls else {"tls": "", "mode": ""}
        (home / "conf").write_text(_PLAIN.format(home=home, port=self.port, **chosen))

    async def start(self) -> None:
        argv = [RSYSLOG, "-n", "-f", str(self.home / "conf"), "-i", str(self.home / "pid")]
        self._process = await asyncio.create_subprocess_exec(*argv)
        await until("it listens", self._listens)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    async def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        await self._process.wait()

    @property
    def numbers(self) -> list[int]:
        with contextlib.suppress(FileNotFoundError):
            return [int(found) for found in re.findall(rb"line (\d+)\n", (self.home / "out").read_bytes())]
        return []


def _certificate(place: Place, rsyslog: Rsyslog) -> None:
    now = datetime.now(UTC)
    certificates.issue(place.settings, now)
    pem = certificates.for_hosts(place.settings, ["127.0.0.1"], now)
    end = pem.index("-----BEGIN CERTIFICATE-----")
    (rsyslog.home / "key.pem").write_text(pem[:end])
    (rsyslog.home / "chain.pem").write_text(pem[end:])


@contextlib.asynccontextmanager
async def _drained(tmp_path: Path, *, tls: bool) -> AsyncIterator[tuple[Place, Rsyslog]]:
    async with running(tmp_path / "home", log_window=1 << 30) as place:
        rsyslog = Rsyslog(tmp_path / "rsyslog", tls=tls)
        if tls:
            _certificate(place, rsyslog)
        await rsyslog.start()
        try:
            await place.add(f"syslog{'+tls' if tls else ''}://127.0.0.1:{rsyslog.port}")
            yield place, rsyslog
        finally:
            await rsyslog.stop()
            rsyslog.held.close()


async def _all_arrive(place: Place, rsyslog: Rsyslog, lines: int) -> None:
    """Lines come all the time; twice rsyslog ends, when it has what there was, and starts anew."""
    piece = lines // 100
    for number in range(100):
        place.say("\n".join(f"line {number * piece + one}" for one in range(piece)))
        if number in (33, 66):
            await until("it has them", lambda n=number: len(rsyslog.numbers) == (n + 1) * piece, 300)
            await rsyslog.stop()
            await rsyslog.start()
        await place.keep_up()
    await until("it has all", lambda: len(rsyslog.numbers) >= lines, 300)
    assert rsyslog.numbers == list(range(lines))


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("lines", [10_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_rsyslog_has_each_line_once_and_in_order(tmp_path: Path, tls: bool, lines: int) -> None:
    async def body() -> None:
        async with _drained(tmp_path, tls=tls) as (place, rsyslog):
            await _all_arrive(place, rsyslog, lines)

    asyncio.run(body())


def test_what_a_receiver_lost_with_its_own_buffers_is_no_more_than_they_hold(tmp_path: Path) -> None:
    """rsyslog is stopped in the middle of a flood: what it had acknowledged and not read is lost, the rest comes."""

    async def body() -> None:
        async with _drained(tmp_path, tls=False) as (place, rsyslog):
            for number in range(40):
                place.say("\n".join(f"line {number * 1000 + one}" for one in range(1000)))
            await until("some came", lambda: len(rsyslog.numbers) > 2000)
            await rsyslog.stop()
            await rsyslog.start()
            place.say("line 40000")
            await until("the last came", lambda: 40000 in rsyslog.numbers[-5:])
            assert rsyslog.numbers == sorted(set(rsyslog.numbers))

    asyncio.run(body())
