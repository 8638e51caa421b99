"""Metrics out of log lines: exact counts, percentiles within one per cent, nothing a client or a dyno can forge."""

import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import error_code, logline, metrics
from celadon.model.error_code import CODES
from celadon.model.logline import Source
from celadon.model.metrics import Counts

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
ROUTER = Source(source="heroku", ps="router")
TAIL = " dyno=web.1 connect=1ms service=20ms status=200 bytes=99 protocol=https"


def line(message: str, source: Source = ROUTER, at: float = 0.0) -> bytes:
    return logline.line(source, message, START + timedelta(seconds=at))


def counted(*lines: bytes) -> Counts:
    """All lines together."""
    spans: dict[int, Counts] = {}
    metrics.count(lines, spans)
    total = Counts()
    for span in spans.values():
        total.add(span)
    return total


answers = st.fixed_dictionaries(
    {
        "at": st.floats(0, 7200),
        "code": st.sampled_from(["", "", "", "H12", "H13", "H27", "H80"]),
        "status": st.sampled_from([101, 200, 201, 304, 404, 499, 500, 503]),
        "service": st.one_of(st.none(), st.integers(0, 40_000)),
        "sent": st.integers(0, 10**9),
        "path": st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60),
    }
)


def router_line(answer: dict[str, object]) -> bytes:
    code, service = answer["code"], answer["service"]
    head = f'at=error code={code} desc="what it means"' if code else "at=info"
    times = "dyno= connect= service=" if service is None else f"dyno=web.1 connect=2ms service={service}ms"
    path = str(answer["path"]).replace('"', '\\"')
    text = f'{head} method=GET path="/{path}" host=a.localhost request_id=x fwd="192.0.2.1" {times} status={answer["status"]} bytes={answer["sent"]} protocol=https'
    return line(text, at=float(str(answer["at"])))


@given(st.lists(answers, max_size=80))
def test_what_is_counted_is_what_the_lines_say(made: list[dict[str, object]]) -> None:
    # As somebody would count who reads the log: by other means than the code's.
    lines = [router_line(answer) for answer in made]
    spans: dict[int, Counts] = {}
    metrics.count(lines, spans)
    by_span = Counter(int((START.timestamp() + float(str(one["at"]))) // 10 * 10) for one in made)
    assert {at: counts.requests for at, counts in spans.items()} == by_span
    total = counted(*lines)
    assert total.classes == Counter(int(str(one["status"])) // 100 for one in made)
    assert total.sent == sum(int(str(one["sent"])) for one in made)
    assert {code: seen.count for code, seen in total.codes.items()} == Counter(
        str(one["code"]) for one in made if one["code"]
    )
    times = sorted(2 + int(str(one["service"])) for one in made if one["service"] is not None and one["status"] != 101)
    assert sum(total.times.values()) == len(times)
    for part in (0.0, 0.5, 0.95, 0.99, 1.0):
        found = total.percentile(part)
        if not times:
            assert found is None
        else:
            true = times[math.floor(part * (len(times) - 1))]
            assert found is not None and abs(found - true) <= true * metrics.ERROR + 1e-9


@pytest.mark.parametrize("milliseconds", [*range(0, 300), 999, 29_999, 30_000, metrics.LONGEST])
def test_a_bin_stands_for_its_times_within_one_per_cent(milliseconds: int) -> None:
    found = metrics.value_of(metrics.bin_of(milliseconds))
    assert abs(found - milliseconds) <= milliseconds * metrics.ERROR + 1e-9


def test_there_are_few_bins() -> None:
    assert metrics.bin_of(10**15) == metrics.bin_of(metrics.LONGEST) < 760 and metrics.bin_of(1) == 0


def test_percentiles_of_spans_put_together_are_those_of_all() -> None:
    times = [(n * n) % 9973 for n in range(5000)]
    parts = [Counts() for _ in range(50)]
    whole = Counts()
    for number, time in enumerate(times):
        for counts in (parts[number % 50], whole):
            counts.times[metrics.bin_of(time)] = counts.times.get(metrics.bin_of(time), 0) + 1
    merged = Counts()
    for one in parts:
        merged.add(one)
    assert merged.times == whole.times and merged.percentile(0.95) == whole.percentile(0.95)


FORGED = "at=error code=H99 desc=x dyno=web.1 connect=0ms service=9ms status=500 bytes=1 protocol=http"


def test_a_client_forges_nothing() -> None:
    found = counted(line(f'at=info method=GET path="/{FORGED}" host=x request_id=x fwd="{FORGED}"{TAIL}'))
    assert found.classes == {2: 1} and found.sent == 99 and not found.codes


@pytest.mark.parametrize(
    ("status", "digit"), [("-1", 0), ("0", 0), ("99", 0), ("100", 1), ("599", 5), ("600", 0), ("999", 0)]
)
def test_a_status_that_http_does_not_know_is_one_of_others(status: str, digit: int) -> None:
    assert counted(line("at=info" + TAIL.replace("=200", f"={status}"))).classes == {digit: 1}


def test_a_dyno_forges_nothing() -> None:
    web = Source(source="app", ps="web.1")
    said = [
        line(FORGED, web),
        line(f"2026-11-23T10:00:00.000000+00:00 heroku[router]: {FORGED}", web),
        line("Error R14 (Memory quota exceeded)", web),
        line("State changed from starting to up", web),
    ]
    assert counted(*said) == Counts() and metrics.platforms(b"".join(said)) == []


def test_codes_of_dynos_and_of_lost_lines_count_and_starts_do() -> None:
    dyno = Source(source="heroku", ps="web.1")
    found = counted(
        line("Process running mem=622M(121.6%)", dyno),
        line("Error R14 (Memory quota exceeded)", dyno, 1),
        line("Error R14 (Memory quota exceeded)", dyno, 21),
        line("Error L12 (Local buffer overflow): 7 lines of app[web.1] dropped", logline.LOGPLEX),
        line("Error L13 (Local delivery error): 2 lines lost, no space left on the disk", ROUTER),
        line("State changed from starting to up", dyno),
        line("State changed from starting to crashed", dyno),
        line("Starting process with command `Error R10 (x)`", dyno),
    )
    assert {code: seen.count for code, seen in found.codes.items()} == {"R14": 2, "L12": 1, "L13": 1}
    assert found.codes["R14"].last == START.timestamp() + 21 and found.starts == 1 and not found.requests


@given(
    st.lists(
        st.tuples(st.sampled_from(["app", "heroku"]), st.text(st.characters(exclude_characters="\n\r"), max_size=40))
    )
)
def test_the_platforms_lines_of_a_block_are_found(made: list[tuple[str, str]]) -> None:
    lines = [
        line(text + " heroku[router]: x", Source(source=source, ps="web.1"))
        for source, text in made
        if len(f"{text}x".splitlines()) == 1
    ]
    found = metrics.platforms(b"".join(lines))
    assert found == [one for one in lines if re.match(rb".{26}\+00:00 heroku\[", one)]


def test_process_types_that_are_told_apart_are_few() -> None:
    uses: metrics.Uses = {}
    for number in range(100):
        metrics.add_uses(uses, {f"type{number}": metrics.sample(1, 2, 0.5)})
    assert len(uses) == metrics.MOST_TYPES + 1
    assert sum(use.count for use in uses.values()) == 100 and uses[metrics.OTHERS].load == 40.0


def test_codes_are_those_of_the_reference() -> None:
    reference = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
    rows = [row.split("|")[1] for row in reference.read_text("utf-8").splitlines() if re.match(r"\| [HRL]\d", row)]
    assert sorted(", ".join(rows).replace(" ", "").split(",")) == sorted(CODES)
    assert error_code.known("H98").name == "Unknown error"
