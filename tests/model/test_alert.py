"""Alerts: what may be asked for, what is measured, and when somebody is told."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import alert as rules
from celadon.model import metrics
from celadon.model.alert import Alert, AlertState, Measure
from celadon.model.errors import InvalidParams
from celadon.model.metrics import Counts

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def alert(state: AlertState = AlertState.OK, changed_at: datetime = START, minutes: int = 5) -> Alert:
    return Alert(
        id="1",
        app_id="2",
        measure=Measure.P95,
        threshold=800.0,
        minutes=minutes,
        recipients=("ada@example.com",),
        state=state,
        value=None,
        changed_at=changed_at,
        created_at=START,
        updated_at=START,
    )


def test_what_is_asked_for_is_kept() -> None:
    wanted = rules.check("errors", "2.5", "30", "Ada@example.com, grace@example.com;ada@example.com")
    assert (wanted.measure, wanted.threshold, wanted.minutes) == (Measure.ERRORS, 2.5, 30)
    assert wanted.recipients == ("ada@example.com", "grace@example.com")
    assert rules.check("memory", "90", "1", "").recipients == ()


@pytest.mark.parametrize(
    "fields",
    [
        ("cpu", "1", "1", ""),
        ("", "1", "1", ""),
        ("p95", "", "1", ""),
        ("p95", "nan", "1", ""),
        ("p95", "inf", "1", ""),
        ("p95", "-1", "1", ""),
        ("p95", "0", "1", ""),
        ("p95", "600001", "1", ""),
        ("errors", "101", "1", ""),
        ("p95", "1", "0", ""),
        ("p95", "1", "31", ""),
        ("p95", "1", "²", ""),
        ("p95", "1", "9" * 5000, ""),
        ("p95", "1", "1.5", ""),
        ("p95", "1", "1", "nobody"),
        ("p95", "1", "1", "a@b.example\r\nBcc: c@d.example"),
        ("p95", "1", "1", " ".join(f"a{n}@example.com" for n in range(6))),
    ],
)
def test_what_cannot_be_is_refused_with_words(fields: tuple[str, str, str, str]) -> None:
    with pytest.raises(InvalidParams, match=r"^cannot "):
        rules.check(*fields)


def test_the_rule_is_a_sentence() -> None:
    assert alert().rule == "Response time (p95) above 800 ms in 5 minutes"
    assert rules.line(alert(), AlertState.FIRING, 912.4) == (
        'at=firing alert="Response time (p95) above 800 ms in 5 minutes" value="912.4 ms"'
    )


def test_what_is_measured() -> None:
    counts = Counts(classes={2: 18, 5: 2}, times={metrics.bin_of(100): 18, metrics.bin_of(2000): 2})
    assert rules.measured(Measure.ERRORS, counts, {}) == 10.0
    assert rules.measured(Measure.P95, counts, {}) == pytest.approx(2000, rel=metrics.ERROR)
    assert rules.measured(Measure.ERRORS, Counts(classes={5: 9}), {}) is None
    assert rules.measured(Measure.MEMORY, counts, {}) is None
    uses = {"web": metrics.sample(90, 100, 0), "worker": metrics.sample(100, 200, 0)}
    assert rules.measured(Measure.MEMORY, Counts(), uses) == 90.0


@pytest.mark.parametrize(
    ("state", "value", "minutes_ago", "becomes"),
    [
        (AlertState.OK, 801.0, 0, AlertState.FIRING),
        (AlertState.OK, 800.0, 0, AlertState.OK),
        (AlertState.OK, None, 0, AlertState.OK),
        (AlertState.FIRING, 801.0, 60, AlertState.FIRING),
        (AlertState.FIRING, 10.0, 4, AlertState.FIRING),
        (AlertState.FIRING, 10.0, 5, AlertState.OK),
        (AlertState.FIRING, None, 5, AlertState.OK),
    ],
)
def test_states(state: AlertState, value: float | None, minutes_ago: int, becomes: AlertState) -> None:
    assert rules.next_state(alert(state), value, START + timedelta(minutes=minutes_ago)) is becomes


@given(st.lists(st.one_of(st.none(), st.floats(0, 2000)), max_size=120), st.integers(1, 30))
def test_however_a_value_swings_somebody_is_told_once_in_as_long_as_it_looks_back(
    values: list[float | None], minutes: int
) -> None:
    seen, fired = alert(minutes=minutes), []
    for minute, value in enumerate(values):
        now = START + timedelta(minutes=minute)
        state = rules.next_state(seen, value, now)
        if state is not seen.state:
            seen = alert(state, now, minutes)
            if state is AlertState.FIRING:
                fired.append(minute)
    assert all(later - earlier > minutes for earlier, later in itertools.pairwise(fired))
    assert bool(fired) == any(value is not None and value > 800 for value in values)
