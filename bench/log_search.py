"""Looking through an app's log: `bench/log_search.py [--lines N]`.

A log of so many lines, and the time from the question to the last line found: of a rare word, a pattern, a request's id,
and of what is not there; median and most of ten.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from celadon.logplex.channel import Channel
from celadon.logplex.manager import Logplex
from celadon.logplex.search import Search, Searcher
from celadon.model import logline
from celadon.store.lines import Lines

APP = "app-1"
_BATCH = 10_000
_LINE = 'at=info method=GET path="/page/{}" request_id={} dyno=web.1 service={}ms status={} bytes=512'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    with tempfile.TemporaryDirectory(prefix="search-bench-") as directory:
        asyncio.run(measure(Path(directory), parser.parse_args().lines))
    return 0


async def measure(home: Path, lines: int) -> None:
    logplex = Logplex(home, 1 << 30)
    writer, source = Lines(home), logline.Source(source="heroku", ps="router")
    now, wanted = datetime.now(UTC), ""
    for first in range(0, lines, _BATCH):
        ids = [str(uuid.uuid4()) for _ in range(_BATCH)]
        text = "\n".join(_LINE.format(first + n, one, n % 100, 503 if n == 7 else 200) for n, one in enumerate(ids))
        now += timedelta(milliseconds=1)
        writer.append(APP, source, text, now)
        wanted = wanted or ids[3]
        while logplex.channel(APP).advance().more:
            pass
    channel = logplex.channel(APP)
    print(f"{lines:,} lines, {channel.end >> 20} MB; milliseconds: median, most; lines found")
    for name, text, fixed in (
        ("status=503", "status=503", False),
        ('path=.*/page/12[0-9]*5"', 'path=.*/page/12[0-9]*5"', False),
        ("a request's id", wanted, True),
        ("what is not there", "no such word", False),
    ):
        found = [await look(channel, Search(text=text, fixed=fixed, since=None, lines=1500)) for _ in range(10)]
        times = [seconds * 1000 for seconds, _ in found]
        print(f"{name:28} {statistics.median(times):7.0f} {max(times):7.0f} {found[0][1]:6,}")


async def look(channel: Channel, wanted: Search) -> tuple[float, int]:
    began, count = time.perf_counter(), 0
    async for piece in Searcher().stream(channel, wanted, None):
        count += piece.text.count("\n")
    return time.perf_counter() - began, count


if __name__ == "__main__":
    sys.exit(main())
