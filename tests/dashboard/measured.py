"""An app with metrics: lines as the router writes them, and what dynos used, over the last hours."""

import math
import random
from datetime import UTC, datetime, timedelta

from tests.api.world import World

from celadon.model import logline, metrics
from celadon.model.logline import Source
from celadon.model.metrics import Counts, Uses
from celadon.store.metrics import Batch, Metrics

ROUTER = Source(source="heroku", ps="router")
WEB = Source(source="heroku", ps="web.1")


def answer(status: int, milliseconds: int, sent: int, code: str = "") -> str:
    word = f'at=error code={code} desc="x"' if code else "at=info"
    return (
        f'{word} method=GET path="/" host=x request_id=x fwd="192.0.2.1" dyno=web.1 connect=1ms '
        f"service={milliseconds - 1}ms status={status} bytes={sent} protocol=https"
    )


def fill(world: World, lines: list[bytes], uses: dict[int, Uses] | None = None) -> None:
    """As Logplex and the sampler would have kept it."""
    store, app = Metrics(world.context.settings.home), world.made["app"]
    counts: dict[int, Counts] = {}
    metrics.count(lines, counts)
    known = store.positions().get(app, 0)
    assert not store.add([Batch(app, known, known + 1, counts)], datetime.now(UTC).timestamp())
    for at, used in (uses or {}).items():
        store.add_samples({app: used}, at)
    store.close()


def busy_hour(world: World, seconds: int = 3700, every: int = 2) -> None:
    """Waves of requests, a deploy with errors in the middle, dynos of three types."""
    chance = random.Random(7)
    end = datetime.now(UTC)
    lines = []
    for second in range(0, seconds, every):
        at = end - timedelta(seconds=seconds - second)
        broken = 0.55 < second / seconds < 0.6
        for _ in range(int(6 + 5 * math.sin(second / 500) + chance.random() * 3)):
            time = int(chance.lognormvariate(4, 0.7)) + 2
            status = chance.choices([200, 304, 404, 500], [80, 12, 6, 1])[0]
            lines.append(logline.line(ROUTER, answer(status, time, chance.randint(200, 40_000)), at))
        if broken:
            lines.append(logline.line(ROUTER, answer(503, 30_000, 400, chance.choice(["H12", "H12", "H13"])), at))
        if broken and second % 60 < every:
            lines.append(logline.line(WEB, "Error R14 (Memory quota exceeded)", at))
    for minute in (20, 25):
        lines.append(logline.line(WEB, "State changed from starting to up", end - timedelta(minutes=minute)))
    quota = 512 << 20
    uses: dict[int, Uses] = {}
    for second in range(0, seconds, 20):
        part = second / seconds
        uses[int(end.timestamp()) - seconds + second] = {
            "web": metrics.sample(
                int(quota * (0.4 + 0.7 * part * (part < 0.6))), quota, 0.4 + 0.3 * math.sin(part * 9)
            ),
            "worker": metrics.sample(int(quota * 0.9), quota * 2, 0.9),
            "clock": metrics.sample(60 << 20, quota, 0.02),
        }
    fill(world, lines, uses)
