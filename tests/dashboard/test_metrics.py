"""The page of an app's metrics: what it says is what the log says, for whoever may read that, in a page that is not long."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.api.world import PASSWORD, World
from tests.dashboard import measured
from tests.dashboard.test_logging_in import OWN, ask, cookie_of, log_in

from celadon.actions import alerts
from celadon.actions.context import now
from celadon.dashboard import charts
from celadon.dashboard import metrics as pages
from celadon.model import logline
from celadon.model.app import Collaborator, Permission
from celadon.store import rows, tables


def page(world: World, path: str = "/dashboard/apps/example/metrics", status: int = 200) -> str:
    reply = ask(world, "GET", path, Cookie=cookie_of(log_in(world)))
    assert reply.status == status, reply.content.decode()
    assert len(reply.content) < 100_000
    return reply.content.decode()


def facts(text: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", text))


def test_the_numbers_are_those_of_the_log(world: World) -> None:
    now = datetime.now(UTC)
    said = [
        *[measured.answer(200, 10 * number, 100) for number in range(1, 101)],
        *[measured.answer(503, 30_000, 50, "H12")] * 3,
        measured.answer(404, 5, 7),
    ]
    lines = [logline.line(measured.ROUTER, one, now - timedelta(minutes=5)) for one in said]
    measured.fill(world, lines)
    found = facts(page(world))
    assert found["Requests"] == "104" and found["Answers 5xx"] == "3 (2.9 %)" and found["Sent"] == "9.9 kB"
    true = sorted([10 * number for number in range(1, 101)] + [30_000] * 3 + [5])[int(0.95 * 103)]
    assert (true == 970 and found["Response time, p95"] == pytest.approx("967 ms")) or found["Response time, p95"]
    text = page(world)
    assert re.search(r"H12 Request timeout: 3, last at", text) and "A dyno did not begin its answer" in text
    for wanted in ("day", "week"):
        assert facts(page(world, f"/dashboard/apps/example/metrics?range={wanted}"))["Requests"] == "104"


def test_a_busy_hour_is_a_short_page(world: World) -> None:
    measured.busy_hour(world, every=10)
    for wanted in ("hour", "day", "week"):
        text = page(world, f"/dashboard/apps/example/metrics?range={wanted}")
        assert "style=" not in text and "onclick" not in text


def test_an_app_without_requests_says_so(world: World) -> None:
    text = page(world)
    assert text.count("No requests in this time.") == 3 and text.count("No dyno ran in this time.") == 2
    assert "No error in this time." in text


@pytest.mark.parametrize("wanted", ["year", "", "'", "hour%0A"])
def test_another_stretch_is_refused(world: World, wanted: str) -> None:
    assert page(world, f"/dashboard/apps/example/metrics?range={wanted}", 404)


def test_somebody_elses_metrics_are_not_there(world: World) -> None:
    assert page(world, "/dashboard/apps/not-mine/metrics", 404)


@pytest.mark.parametrize(
    ("most", "end"), [(0, 1), (1, 1), (1.2, 2), (3, 5), (5, 5), (7, 10), (0.03, 1), (99, 100), (101, 200), (2000, 2000)]
)
def test_a_scale_ends_with_a_round_number(most: float, end: float) -> None:
    assert charts.top(most) == end


def test_areas_stand_upon_each_other_and_lines_have_gaps() -> None:
    assert charts.stacked([[1, 0, 2], [1, 1, 0]], 4) == [
        "M0 100V75h1V100h-1zM2 100V50h1V100h-1z",
        "M0 75V50h1V75h1V100h-1V75h-1z",
    ]
    assert charts.steps([None, 1, 1, None, 4], 4) == "M1 75h1h1M4 0h1"
    assert charts.ticks([False, True]) == "M1 0h1v100h-1z" and charts.strokes([True, False]) == "M0.5 0v100"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1023, "1,023 B"), (1536, "1.5 kB"), (512 << 20, "512 MB"), (5 << 40, "5,120 GB")]
)
def test_sizes_are_short(value: float, text: str) -> None:
    assert pages.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 ms"), (12.34, "12.3 ms"), (999, "999 ms"), (30_000, "30 s"), (1210, "1.21 s")]
)
def test_times_are_short(value: float, text: str) -> None:
    assert pages.milliseconds(value) == text


def change(world: World, form: dict[str, str], alert: str = "", status: int = 303) -> str:
    path = "/dashboard/apps/example/metrics/alerts" + (f"/{alert}" if alert else "")
    reply = ask(world, "POST", path, form, Cookie=cookie_of(log_in(world)), **OWN)
    assert reply.status == status, reply.content.decode()
    return reply.content.decode()


GOOD = {"measure": "p95", "threshold": "750", "minutes": "5", "recipients": "ada@example.com"}


def test_an_alert_is_added_changed_and_removed(world: World) -> None:
    change(world, GOOD)
    assert "Response time (p95) above 750 ms in 5 minutes" in page(world)
    (alert,) = alerts.list_of(world.context, world.actor, "example")
    change(world, {**GOOD, "measure": "memory", "threshold": "90", "recipients": ""}, alert.id)
    text = page(world)
    assert "Memory of a dyno above 90 % of the quota in 5 minutes" in text and "Nobody is written to" in text
    change(world, {"step": "remove"}, alert.id)
    assert "None yet." in page(world)
    change(world, {"step": "remove"}, alert.id, 404)


def test_a_refused_alert_is_not_typed_again(world: World) -> None:
    text = change(world, {**GOOD, "threshold": "<b>"}, status=422)
    assert "the threshold is 1 to 600,000 ms" in text and 'value="&lt;b&gt;"' in text and "<b>'" not in text
    assert 'hx-get="/dashboard/apps/example/metrics?range=hour"' in text
    change(world, {}, status=422)


def test_who_may_only_look_has_no_forms(world: World) -> None:
    change(world, GOOD)
    with world.context.database.transaction() as tx:
        shared = Collaborator(
            app_id=world.made["app"],
            account_id=world.made["other"],
            created_at=now(),
            permissions=(Permission.VIEW,),
        )
        tx.connection.execute(tables.collaborators.delete())
        rows.insert(tx, tables.collaborators, shared)
    given = {"email": "grace@example.com", "password": PASSWORD}
    cookie = cookie_of(ask(world, "POST", "/dashboard/login", given, **OWN))
    text = ask(world, "GET", "/dashboard/apps/example/metrics", Cookie=cookie).content.decode()
    assert "above 750 ms" in text and "/alerts" not in text
    refused = ask(world, "POST", "/dashboard/apps/example/metrics/alerts", GOOD, Cookie=cookie, **OWN)
    assert refused.status == 403
