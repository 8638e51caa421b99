"""What dataclips answer: to their owner, and to whoever has a link; escaped, typed, kept for a while, revocable."""

import contextlib
import csv
import io
import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.api.examples_accounts import grace
from tests.dataclips.tenant import ROWS, Tenant
from tests.dataclips.world import Clips, clips_of

from celadon.actions import dataclips
from celadon.model.dataclip import FRESH, Dataclip
from celadon.postgres import clip_runs
from celadon.postgres.clips import Limits
from celadon.store import dataclips as stored
from celadon.store import tables


@pytest.fixture
def clips(tmp_path: Path, shared_tenant: Tenant) -> Iterator[Clips]:
    home = tmp_path / "home"
    home.mkdir()
    with clips_of(home, shared_tenant, Limits()) as found:
        yield found


def age(clips: Clips, dataclip: Dataclip) -> None:
    """As if a minute had passed since the last run."""
    with clips.world.context.database.transaction() as tx:
        kept = stored.result(tx, dataclip.id)
        assert kept is not None
        older = kept.ran_at - timedelta(seconds=FRESH + 1)
        tx.connection.execute(tables.dataclip_results.update().values(ran_at=older))


def test_the_owner_runs_a_clip(clips: Clips) -> None:
    dataclip = clips.add("select id, name, now() - now() as lag from people order by id")
    reply = clips.run(dataclip)
    assert reply.status == 200
    assert {**reply.json, "duration": 0, "executed_at": ""} == {
        "duration": 0,
        "executed_at": "",
        "fields": ["id", "name", "lag"],
        "row_count": ROWS,
        "title": "People",
        "truncated": False,
        "types": ["int8", "text", "interval"],
        "values": [[1, "ada", "PT0S"], [2, "grace", "PT0S"], [3, None, "PT0S"]],
        "version": 1,
    }


def test_everybody_with_the_link_reads_page_csv_and_json(clips: Clips) -> None:
    dataclip = clips.add("select id, name, name = 'ada' as first from people order by id")
    page, text, data = (clips.read(f"{dataclip.link}{ending}") for ending in ("", ".csv", ".json"))
    assert (page.status, text.status, data.status) == (200, 200, 200)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<td>grace</td>" in page.content.decode() and '<td class="null">null</td>' in page.content.decode()
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert text.headers["content-disposition"] == 'attachment; filename="dataclip.csv"'
    assert text.content == b"id,name,first\r\n1,ada,true\r\n2,grace,false\r\n3,,\r\n"
    assert data.headers["content-type"] == "application/json"
    assert data.json["values"] == [[1, "ada", True], [2, "grace", False], [3, None, None]]


def test_a_page_loads_nothing_runs_nothing_and_tells_no_other_site_its_address(clips: Clips) -> None:
    dataclip = clips.add("select 1")
    for ending in ("", ".csv"):
        headers = clips.read(f"{dataclip.link}{ending}").headers
        assert headers["referrer-policy"] == "same-origin"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
    page = clips.read(f"{dataclip.link}").content.decode()
    assert "<script" not in page and 'content="noindex"' in page
    loaded = [
        place for place in re.findall('href="([^"]*)"', page) if not place.startswith(("data:", "/dashboard/static/"))
    ]
    assert loaded == [f"{dataclip.link}.csv", f"{dataclip.link}.json"]


def test_what_a_database_holds_is_text_and_never_markup(clips: Clips) -> None:
    evil = "<script>alert(1)</script>\" onload='x' &amp; </td>"
    quoted = evil.replace("'", "''")
    dataclip = clips.add(f"""select '{quoted}' as "<b>name</b>", '{{"a": "<i>"}}'::json as j""", title="<u>Title</u>")
    page = clips.read(f"{dataclip.link}").content.decode()
    for markup in ("<script", "<b>", "<i>", "<u>", "onload='"):
        assert markup not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "&lt;u&gt;Title" in page
    assert clips.read(f"{dataclip.link}.json").json["values"] == [[evil, {"a": "<i>"}]]


def test_values_keep_all_they_are_in_csv_and_json(clips: Clips) -> None:
    dataclip = clips.add(
        "select 9007199254740993::bigint, 0.1000000000000000055511151231257827::numeric, '\\xdead'::bytea, "
        "timestamptz '2020-01-02 03:04:05+00', '{1,null}'::int[], E'a,\"b\"\\nc', '=1+1', -5, 'NaN'::float8, "
        "repeat('[', 900) || repeat(']', 900), (repeat('[', 900) || repeat(']', 900))::json"
    )
    raw = clips.read(f"{dataclip.link}.json").content.decode()
    assert (
        '[9007199254740993,0.1000000000000000055511151231257827,"\\\\xdead","2020-01-02T03:04:05+00:00",[1,null]' in raw
    )
    _, row = csv.reader(io.StringIO(clips.read(f"{dataclip.link}.csv").content.decode()))
    assert row[:9] == [
        "9007199254740993",
        "0.1000000000000000055511151231257827",
        "\\xdead",
        "2020-01-02T03:04:05+00:00",
        "[1,null]",
        'a,"b"\nc',
        "=1+1",
        "-5",
        "NaN",
    ]
    assert clips.read(f"{dataclip.link}").status == 200


def test_a_revoked_link_is_as_one_that_never_was(clips: Clips) -> None:
    dataclip = clips.add("select 4711 as secret")
    world = clips.world
    assert clips.read(f"{dataclip.link}.json").status == 200
    dataclips.revoke(world.context, world.actor, "example", dataclip.id)
    guesses = ["A" * 22, "A" * 21, "A" * 23, "A" * 22000, dataclip.id, "%27%20or%201=1--", "..", "%00"[:0] + "%2e"]
    for ending in ("", ".csv", ".json"):
        revoked = clips.read(f"{dataclip.link}{ending}")
        guessed = {clips.read(f"{guess}{ending}").content for guess in guesses[:1]}
        assert (revoked.status, guessed) == (404, {revoked.content})
        assert b"4711" not in revoked.content
    assert {clips.read(guess).status for guess in guesses} == {404}
    assert clips.read(f"{dataclip.link}.exe").status == 404
    again = dataclips.share(world.context, world.actor, "example", dataclip.id).dataclip
    assert again.link != dataclip.link
    assert (clips.read(f"{again.link}").status, clips.read(f"{dataclip.link}").status) == (200, 404)


def test_links_differ_and_have_128_bits(clips: Clips) -> None:
    links = {clips.add("select 1").link for _ in range(20)}
    assert len(links) == 20 and {len(link or "") for link in links} == {22}


def test_what_is_destroyed_has_no_link(clips: Clips) -> None:
    dataclip, world = clips.add("select 1"), clips.world
    dataclips.remove(world.context, world.actor, "example", dataclip.id)
    assert clips.read(f"{dataclip.link}").status == 404
    with world.context.database.read() as tx:
        assert stored.versions(tx, dataclip.id) == [] and stored.result(tx, dataclip.id) is None


def test_a_result_is_shown_for_a_minute_and_then_asked_again(clips: Clips) -> None:
    dataclip = clips.add("select clock_timestamp()")
    first, second = (clips.read(f"{dataclip.link}.json").json["values"] for _ in range(2))
    assert first == second
    age(clips, dataclip)
    third = clips.read(f"{dataclip.link}.json").json["values"]
    assert third != first
    assert clips.run(dataclip).json["values"] not in (first, third), "its owner asked for a new run"


def test_another_version_is_asked_at_once_and_older_ones_are_kept(clips: Clips) -> None:
    dataclip, world = clips.add("select 1 as n"), clips.world
    assert clips.read(f"{dataclip.link}.json").json["values"] == [[1]]
    dataclips.update(world.context, world.actor, "example", dataclip.id, query="select 2 as n")
    assert clips.read(f"{dataclip.link}.json").json["values"] == [[2]]
    found = dataclips.versions(world.context, world.actor, "example", dataclip.id)
    assert [(version.version, version.query) for version, _ in found] == [(2, "select 2 as n"), (1, "select 1 as n")]


def test_only_so_many_versions_are_kept(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    dataclip, world = clips.add("select 0"), clips.world
    for number in range(1, 55):
        dataclips.update(world.context, world.actor, "example", dataclip.id, query=f"select {number}")
    found = dataclips.versions(world.context, world.actor, "example", dataclip.id)
    assert [version.version for version, _ in found] == list(range(55, 5, -1))


def test_who_may_change_a_query_is_told_what_is_wrong_with_it_and_readers_are_not(clips: Clips) -> None:
    dataclip = clips.add("select salary from people")
    reply = clips.run(dataclip)
    assert (reply.status, reply.json["id"]) == (422, "invalid_params")
    assert reply.json["message"] == 'cannot run the query: column "salary" does not exist at character 8'
    for ending in ("", ".csv", ".json"):
        shown = clips.read(f"{dataclip.link}{ending}")
        assert shown.status == 409
        assert b"salary" not in shown.content and b"people" not in shown.content
        assert b"dataclips:run" in shown.content


def test_a_query_that_fails_is_not_run_for_every_reader(clips: Clips) -> None:
    dataclip = clips.add("select pg_sleep(60)")
    clips.runs.limits = Limits(seconds=2.0)
    assert clips.read(f"{dataclip.link}.json").status == 409
    clips.places.down = True
    assert clips.read(f"{dataclip.link}.json").json["id"] == "conflict"
    with clips.world.context.database.read() as tx:
        assert stored.result(tx, dataclip.id) is not None


def test_a_database_that_cannot_be_asked_is_said(clips: Clips) -> None:
    dataclip = clips.add("select 1")
    clips.places.down = True
    assert (clips.run(dataclip).status, clips.read(f"{dataclip.link}").status) == (409, 409)
    clips.places.down = False
    assert clips.run(dataclip).status == 200


def test_rights_that_are_missing_are_given_before_the_next_run(clips: Clips) -> None:
    clips.tenant.super.execute("create table if not exists public.of_others as select 1 as n")
    assert clips.run(clips.add("select n from of_others")).status == 422
    assert clips.places.forgotten


# Waits for `held`, however fast or slow the machine is.
WAITS = "select pg_advisory_lock_shared(4711), {number}"


@contextlib.contextmanager
def held(clips: Clips) -> Iterator[None]:
    """Queries that wait go on when the block ends."""
    clips.runs.limits = Limits(seconds=60.0)
    clips.tenant.super.execute("select pg_advisory_lock(4711)")
    try:
        yield
    finally:
        clips.tenant.super.execute("select pg_advisory_unlock(4711)")


def test_many_readers_are_one_run_and_many_clips_wait_for_their_turn(clips: Clips) -> None:
    slow = [clips.add(WAITS.format(number=number)) for number in range(3)]
    with held(clips):
        first, second = clips.runs.begin(slow[0]), clips.runs.begin(slow[1])
        assert clips.runs.begin(slow[0]) is first
        refused = clips.read(f"{slow[2].link}.json")
        assert (refused.status, refused.json["id"]) == (429, "rate_limit")
    for future in (first, second):
        future.result(timeout=60)
    assert clips.read(f"{slow[2].link}.json").status == 200


def test_who_finds_no_turn_is_shown_what_was_last(clips: Clips) -> None:
    dataclip = clips.add("select clock_timestamp()")
    first = clips.read(f"{dataclip.link}.json").json
    age(clips, dataclip)
    waiting = [clips.add(WAITS.format(number=number)) for number in range(clip_runs.OF_ACCOUNT)]
    with held(clips):
        running = [clips.runs.begin(one) for one in waiting]
        assert clips.read(f"{dataclip.link}.json").json["values"] == first["values"]
    for future in running:
        future.result(timeout=60)


def test_no_more_than_so_many_run_whatever_happens(clips: Clips) -> None:
    """Twenty readers at once of ten clips: each has an answer, and nobody's run is left behind."""
    some = [clips.add(f"select {number}") for number in range(10)]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: statuses.append(clips.read(f"{one.link}.json").status))
        for one in some * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 429} and statuses.count(200) >= clip_runs.OF_ACCOUNT
    assert clips.runs._running == {}


def test_large_results_are_shown_in_part(clips: Clips) -> None:
    dataclip = clips.add("select n, repeat('y', 3000) as long from generate_series(1, 12000) n")
    page = clips.read(f"{dataclip.link}").content.decode()
    assert page.count("<tr>") == 1001 and "first 1000 rows" in page and "…" in page
    data = clips.read(f"{dataclip.link}.json").json
    assert data["truncated"] and data["row_count"] == len(data["values"]) < 12_000
    wide = clips.add(f"select {', '.join(['1'] * 1600)} from generate_series(1, 100)")
    assert clips.read(f"{wide.link}").content.count(b"<td") <= 20_000


def test_a_collaborator_may_and_a_stranger_may_not(clips: Clips) -> None:
    dataclip, world = clips.add("select 1"), clips.world
    assert clips.run(dataclip, grace(world)).status == 200
    assert clips.run(dataclip, world.new_token("read")).status == 403
    assert clips.run(dataclip, world.new_token("read-protected")).status == 200
    path = f"/apps/example/dataclips/{dataclip.id}/actions/run"
    assert clips.api.call("POST", path, token=None).status == 401


def test_nothing_of_a_clip_is_readable_in_the_store_or_the_trail(clips: Clips) -> None:
    world = clips.world
    dataclip = clips.add("select 'find-' || 'me-result' as x -- find-me-query")
    assert clips.run(dataclip).json["values"] == [["find-me-result"]]
    events = json.dumps(world.get("/apps/example/events").json)
    assert "dataclip:create" in events and "dataclip:share" in events and "find-me" not in events
    assert dataclip.link and dataclip.link not in events
    world.context.database.close()
    for path in world.context.settings.home.glob("store.db*"):
        content = path.read_bytes()
        assert b"find-me" not in content and dataclip.link.encode() not in content


def test_links_are_in_no_log(clips: Clips, caplog: pytest.LogCaptureFixture) -> None:
    dataclip = clips.add("select 1")
    with caplog.at_level("INFO"):
        clips.read(f"{dataclip.link}.csv")
    assert "route=/dataclips/:token" in caplog.text
    assert dataclip.link and dataclip.link not in caplog.text
