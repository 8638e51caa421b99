"""Reports on the health of a database: what is wrong is found, kept for a month, and nobody else's to read."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from celadon.actions import accounts, authorizations
from celadon.actions.context import now
from celadon.model import postgres_report as rules
from celadon.model.postgres_report import Status
from celadon.postgres import reports
from celadon.postgres.reports import Reports
from celadon.store import postgres_reports
from tests.api.world import PASSWORD, World
from tests.postgres.owned import Owned, owned, soon, world_of
from tests.postgres.place import Place


@pytest.fixture(scope="module")
def world(place: Place) -> World:
    return world_of(place, reports.routes(Reports(place.pairs)))


@pytest.fixture(scope="module", params=["mini", "standard-0"])
def made(request: pytest.FixtureRequest, world: World, place: Place) -> Iterator[Owned]:
    with owned(world, place, request.param, f"shop-{request.param}") as found:
        yield found


def diagnose(made: Owned, **body: str) -> Any:
    told = made.world.call("POST", "/reports", {"addon": made.addon.id, **body})
    assert told.status == 201, told.json
    return told.json


def check(report: Any, name: str) -> Any:
    return next(one for one in report["checks"] if one["name"] == name)


def test_a_database_that_is_well_is_green(made: Owned) -> None:
    report = diagnose(made, database="HEROKU_POSTGRESQL_RED_URL")
    assert (report["app"], report["database"]) == (f"shop-{made.addon.plan}", "HEROKU_POSTGRESQL_RED_URL")
    load = check(report, "Load")["status"]
    assert load == ("skipped" if made.addon.plan == "mini" else "green")
    assert {one["status"] for one in report["checks"] if one["name"] != "Load"} == {"green"}
    assert made.world.get(f"/reports/{report['id']}").json == report


def test_it_is_found_by_its_url_as_herokus_client_asks(made: Owned) -> None:
    assert made.provided.config is not None
    url = made.provided.config["HEROKU_POSTGRESQL_URL"]
    body = {"url": url, "plan": made.addon.plan, "app": "other", "database": "DATABASE_URL", "metrics": {}}
    told = made.world.call("POST", "/reports", body)
    assert told.status == 201 and told.json["app"] == f"shop-{made.addon.plan}"
    for wrong in (url.replace("@", "0@"), "postgres://localhost/x", "postgres://h:x/y", "", f"{url}x", "http://[/"):
        assert made.world.call("POST", "/reports", {**body, "url": wrong}).status in (404, 422)
    for end in ("metrics", "burst_status"):
        assert made.world.get(f"/client/v11/databases/{made.addon.id}/{end}").json == {}


def test_what_is_wrong_is_red_or_yellow(made: Owned) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(made.connect()) for _ in range(18)]
        holder, waiting, *_ = connections
        holder.execute("create table items (id serial primary key)")
        holder.execute("select setval('items_id_seq', 2000000000)")
        holder.execute("begin")
        holder.execute("lock table items in access exclusive mode")
        answered = threading.Thread(target=_count, args=(waiting,))
        answered.start()
        soon(lambda: check(diagnose(made), "Blocking Queries")["status"] == "red")
        report = diagnose(made)
        (blocked,) = check(report, "Blocking Queries")["results"]
        assert blocked["blocked_statement"] == "select count(*) from items"
        assert check(report, "Sequences")["results"] == [{"sequence": "public.items_id_seq", "used_pct": "93.1"}]
        assert check(report, "Sequences")["status"] == "red"
        connected = check(report, "Connection Count")
        assert connected["results"][0]["count"] == "18"
        assert connected["status"] == ("red" if made.addon.plan == "mini" else "green")
        holder.execute("rollback")
        answered.join()
        holder.execute("drop table items")


def _count(connection: psycopg.Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute("select count(*) from items")


@pytest.mark.parametrize(("value", "status"), [(0.74, "green"), (0.75, "yellow"), (0.89, "yellow"), (0.9, "red")])
def test_what_is_worse_is_graded_so(value: float, status: str) -> None:
    assert rules.grade(value, 0.75, 0.9) == status
    assert rules.worst([Status.GREEN, Status(status)]) == status and rules.worst([]) == "green"


def test_a_report_is_nobody_elses(made: Owned) -> None:
    context, email = made.place.context, f"reader-{made.addon.plan}@example.com"
    accounts.create(context, made.world.actor, email=email, password=PASSWORD)
    _, token = authorizations.create(context, accounts.log_in(context, email, PASSWORD))
    report = diagnose(made)
    assert made.world.get(f"/reports/{report['id']}", token=token).status == 404
    assert made.world.call("POST", "/reports", {"addon": made.addon.id}, token=token).status == 404
    assert made.provided.config is not None
    url = made.provided.config["HEROKU_POSTGRESQL_URL"]
    assert made.world.call("POST", "/reports", {"url": url}, token=token).status == 404
    for told in ("x", "00000000-0000-0000-0000-000000000000"):
        assert made.world.get(f"/reports/{told}").status == 404
    reader = made.world.new_token("read")
    assert made.world.get(f"/reports/{report['id']}", token=reader).status == 403


def test_it_is_encrypted_and_goes_after_a_month(made: Owned) -> None:
    report = diagnose(made, database="DATABASE_URL")
    with made.place.context.database.transaction() as tx:
        rows = tx.connection.execute(sa.text("select content from postgres_reports")).fetchall()
        assert rows and not any(b"DATABASE_URL" in bytes(content) for (content,) in rows)
        postgres_reports.prune(tx, now() - rules.KEPT)
        assert postgres_reports.find(tx, report["id"]) is not None
        postgres_reports.prune(tx, now() + timedelta(seconds=1))
        assert postgres_reports.find(tx, report["id"]) is None
