"""An app's metrics: requests, response times, throughput, errors, memory, load, by what its log says; and its alerts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from celadon.actions import alerts, metrics
from celadon.actions.metrics import LastError, Read
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import charts
from celadon.dashboard.charts import Chart, Lane, Mark, Series
from celadon.dashboard.pages import app_page, shown, told
from celadon.model import alert as rules
from celadon.model import error_code
from celadon.model.errors import InvalidParams
from celadon.model.metrics import Counts, Use

# Of what could be many: so many are drawn.
_MOST_TYPES, _MOST_CODES, _MOST_RELEASES = 6, 15, 40
_ROWS = 12
_FIELDS = ("measure", "threshold", "minutes", "recipients")
_CLASSES = {2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx", 1: "1xx", 0: "other"}
_PERCENTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_NO_REQUESTS = "No requests in this time."


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def create_alert(call: Call) -> Page:
    return _changed(call, lambda: alerts.create(call.context, call.actor, call.app, **_rule(call)))


@told
def update_alert(call: Call) -> Page:
    alert_id = call.params["alert"]
    if call.form().get("step") == "remove":
        return _changed(call, lambda: alerts.remove(call.context, call.actor, call.app, alert_id))
    return _changed(call, lambda: alerts.update(call.context, call.actor, call.app, alert_id, **_rule(call)))


def _changed(call: Call, change: Callable[[], object]) -> Page:
    """The page anew; a value that is refused stands in its form, with the reason above."""
    try:
        change()
    except InvalidParams as error:
        return _page(call, error.status, error.message)
    return Page(status=303, location=f"/dashboard/apps/{call.app}/metrics#alerts")


def _rule(call: Call) -> dict[str, str]:
    form = call.form()
    return {name: form.get(name, "").strip() for name in _FIELDS}


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    wanted = metrics.stretch(call.request.query.get("range", "hour"))
    found = shown(call)
    read = metrics.read(call.context, call.actor, found.app.id, wanted)
    return app_page(
        call,
        found,
        "metrics",
        "metrics.html",
        status,
        wrong,
        # A form that was refused has another path: what is renewed is this page.
        here=f"/dashboard/apps/{found.app.name}/metrics",
        stretches=metrics.STRETCHES,
        read=read,
        facts=_facts(read),
        charts=[_requests(read), _times(read), _throughput(read), _memory(read), _load(read)],
        lanes=_lanes(read),
        codes=_codes(read),
        releases=_marks(read),
        starts=charts.strokes([counts.starts > 0 for counts in read.counts]),
        started=sum(counts.starts for counts in read.counts),
        times=_axis(read),
        alerts=alerts.list_of(call.context, call.actor, found.app.id),
        may_change=alerts.may_change(call.context, call.actor, found.app.id),
        kinds=rules.KINDS,
        typed=(call.params.get("alert", "new"), _rule(call)) if wrong else ("", {}),
        rows=_rows(read) if read.total != Counts() or any(read.uses) else [],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code that came, with what it means."""

    found: error_code.ErrorCode
    count: int
    last: datetime


def coded(errors: Sequence[LastError]) -> list[Code]:
    """With what they mean; what is nobody's error is left out."""
    found = [Code(found=error_code.known(one.code), count=one.count, last=one.last) for one in errors]
    return [code for code in found if code.found.fault]


def number(value: float) -> str:
    """`1,234`, `12.3`, `0.05`."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def milliseconds(value: float) -> str:
    return f"{number(value / 1000)} s" if value >= 1000 else f"{number(round(value, 1))} ms"


def size(value: float) -> str:
    """Bytes in the unit that leaves few digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            break
        value /= 1024
    return f"{number(value if value >= 100 else round(value, 1))} {unit}"


def _percent(value: float) -> str:
    return f"{number(round(value, 1))} %"


def _facts(read: Read) -> list[tuple[str, str]]:
    """The stretch in a few numbers."""
    total = read.total
    slowest = total.percentile(0.95)
    failed = total.classes.get(5, 0)
    peaks = [use.memory_peak for uses in read.uses for use in uses.values()]
    return [
        ("Requests", number(total.requests)),
        ("Response time, p95", "none" if slowest is None else milliseconds(slowest)),
        ("Answers 5xx", f"{number(failed)} ({_percent(100 * failed / total.requests)})" if total.requests else "0"),
        ("Sent", size(total.sent)),
        ("Memory of a dyno, most", size(max(peaks)) if peaks else "none"),
        ("Dyno starts", number(total.starts)),
    ]


def _rates(read: Read, of: Callable[[Counts], float]) -> list[float]:
    return [of(counts) / read.seconds(at) for at, counts in enumerate(read.counts)]


def _of_class(digit: int) -> Callable[[Counts], float]:
    return lambda counts: counts.classes.get(digit, 0)


def _requests(read: Read) -> Chart:
    total = read.total
    most = charts.top(max(_rates(read, lambda counts: counts.requests)), 0.1)
    there = [digit for digit in _CLASSES if total.classes.get(digit)]
    paths = charts.stacked([_rates(read, _of_class(digit)) for digit in there], most)
    series = [
        Series(name=_CLASSES[digit], kind=f"of-{digit}", path=path, value=number(total.classes[digit]), filled=True)
        for digit, path in zip(there, paths, strict=True)
    ]
    return Chart(
        id="requests",
        heading="Requests per second",
        series=series,
        scale=charts.scale(most, number),
        note="By the class of the status; the router’s own answers count as well.",
        empty="" if series else _NO_REQUESTS,
    )


def _times(read: Read) -> Chart:
    values = {name: [counts.percentile(part) for counts in read.counts] for name, part in _PERCENTILES}
    # From fast to a time-out is four powers of ten: on a plain scale one of these hides all others.
    most = charts.decades(max((value for value in values["p99"] if value is not None), default=0.0))
    heights = {name: [None if one is None else charts.powers(one) for one in of] for name, of in values.items()}
    series = [
        Series(name=name, kind=name, path=charts.steps(heights[name], most), value=milliseconds(whole))
        for name, part in _PERCENTILES
        if (whole := read.total.percentile(part)) is not None
    ]
    return Chart(
        id="times",
        heading="Response time",
        series=series,
        scale=[milliseconds(10**power) for power in range(most, -1, -1)],
        note="What the router’s lines have as connect and service, within 1 %; without WebSockets. "
        "Each line is ten times the one below.",
        empty="" if series else _NO_REQUESTS,
    )


def _throughput(read: Read) -> Chart:
    rates = _rates(read, lambda counts: counts.sent)
    unit = next(unit for unit in (1 << 30, 1 << 20, 1 << 10, 1) if max(rates) >= unit or unit == 1)
    most = charts.top(max(rates) / unit) * unit
    path = charts.stacked([rates], most)[0]
    series = [Series(name="sent", kind="sent", path=path, value=size(read.total.sent), filled=True)] if path else []
    return Chart(
        id="throughput",
        heading="Throughput",
        series=series,
        scale=charts.scale(most, lambda value: f"{size(value)}/s"),
        note="Bytes of the answers that clients got.",
        empty="" if series else _NO_REQUESTS,
    )


def _types(read: Read) -> list[str]:
    """Process types, those that use most memory first."""
    most: dict[str, int] = {}
    for uses in read.uses:
        for name, use in uses.items():
            most[name] = max(most.get(name, 0), use.memory_peak)
    return sorted(most, key=lambda name: (name != "web", -most[name], name))


def _memory(read: Read) -> Chart:
    """In per cent of the quota, so that types of different sizes are on one scale."""

    def used(use: Use | None) -> float | None:
        return 100 * use.memory_peak / use.quota if use and use.quota else None

    types = _types(read)
    values = {name: [used(uses.get(name)) for uses in read.uses] for name in types}
    most = charts.top(max((value for of in values.values() for value in of if value is not None), default=0.0), 100)
    series = [
        Series(
            name=name, kind=f"type-{at}", path=charts.steps(values[name], most), value=_memory_of(_whole(read, name))
        )
        for at, name in enumerate(types[:_MOST_TYPES])
    ]
    return Chart(
        id="memory",
        heading="Memory of the quota",
        series=series,
        scale=charts.scale(most, _percent),
        note=_left(types, "The fullest dyno of each process type; the line is the quota, beyond it is R14."),
        empty="" if series else "No dyno ran in this time.",
        limit=charts.height(100, most),
    )


def _load(read: Read) -> Chart:
    types = _types(read)
    values = {name: [use.load / use.count if (use := uses.get(name)) else None for uses in read.uses] for name in types}
    most = charts.top(max((value for of in values.values() for value in of if value is not None), default=0.0), 0.1)
    series = [
        Series(
            name=name,
            kind=f"type-{at}",
            path=charts.steps(values[name], most),
            value=f"{whole.load / whole.count:.2f}, most {whole.load_peak:.2f}",
        )
        for at, name in enumerate(types[:_MOST_TYPES])
        if (whole := _whole(read, name)).count
    ]
    return Chart(
        id="load",
        heading="Load of a dyno",
        series=series,
        scale=charts.scale(most, number),
        note=_left(types, "Threads that run or wait to, averaged over a minute; the mean of a type’s dynos."),
        empty="" if series else "No dyno ran in this time.",
    )


def _whole(read: Read, name: str) -> Use:
    found = Use()
    for uses in read.uses:
        if name in uses:
            found.add(uses[name])
    return found


def _memory_of(use: Use) -> str:
    return f"{size(use.memory / use.count)} of {size(use.quota)}, most {size(use.memory_peak)}"


def _left(types: Sequence[str], note: str) -> str:
    left = len(types) - _MOST_TYPES
    return f"{note} And {left} more types." if left > 0 else note


def _codes(read: Read) -> list[Code]:
    """Those that came, most often first."""
    return coded(sorted(metrics.errors(read.total), key=lambda error: (-error.count, error.code)))


def _lanes(read: Read) -> list[Lane]:
    return [
        Lane(
            code=code.found.code,
            path=charts.ticks([code.found.code in counts.codes for counts in read.counts]),
            title=f"{code.found.code} {code.found.name}: {number(code.count)}, last at {_clock(read, code.last)}",
        )
        for code in _codes(read)[:_MOST_CODES]
    ]


def _marks(read: Read) -> list[Mark]:
    return [
        Mark(
            at=round((release.created_at.timestamp() - read.start) / read.stretch.step, 1),
            title=f"{release.name} {release.description}, {_clock(read, release.created_at)}",
        )
        for release in read.releases[-_MOST_RELEASES:]
    ]


def _axis(read: Read) -> list[str]:
    """Five times below a chart."""
    whole = read.stretch.step * read.stretch.points
    times = [datetime.fromtimestamp(read.start + whole * part / 4, UTC) for part in range(5)]
    return [f"{at:%a} {at.day}" if read.stretch.name == "week" else _clock(read, at) for at in times]


def _clock(read: Read, at: datetime) -> str:
    return f"{at:%a %H:%M}" if read.stretch.name == "week" else f"{at:%H:%M}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A twelfth of the stretch, for those who read a table."""

    time: str
    counts: Counts
    seconds: int
    times: Sequence[str]
    sent: str
    errors: str
    memory: str


def _rows(read: Read) -> list[Row]:
    each = read.stretch.points // _ROWS
    found = []
    for first in range(0, read.stretch.points, each):
        counts = Counts()
        memory = []
        for at in range(first, first + each):
            counts.add(read.counts[at])
            memory += [100 * use.memory_peak / use.quota for use in read.uses[at].values() if use.quota]
        began = datetime.fromtimestamp(read.start + first * read.stretch.step, UTC)
        times = [counts.percentile(part) for _, part in _PERCENTILES]
        found.append(
            Row(
                time=_clock(read, began),
                counts=counts,
                seconds=each * read.stretch.step,
                times=["" if time is None else milliseconds(time) for time in times],
                sent=size(counts.sent),
                errors=", ".join(f"{code} {number(seen.count)}" for code, seen in sorted(counts.codes.items())),
                memory=_percent(max(memory)) if memory else "",
            )
        )
    return found
