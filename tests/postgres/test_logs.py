"""Real servers' logs in the logs of apps: whose they are, in which words, and how much of them."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from celadon.actions import apps, attachments
from celadon.model import logline
from celadon.model import postgres_log as rules
from celadon.postgres import log_files
from celadon.postgres.logs import Logs
from celadon.postgres.samples import Samples
from tests.postgres.failing import Pair, kill_container, wait_for
from tests.postgres.limited import Made, actor, made
from tests.postgres.place import Place


def shown(place: Place, app_id: str) -> list[str]:
    """What there is of the database in an app's log."""
    path = place.context.settings.home / "logs" / app_id / logline.file_name(rules.SOURCE)
    return logline.plain_text(path.read_bytes()).decode().splitlines() if path.exists() else []


def fail(found: Made, *statements: str) -> None:
    with found.connect() as connection:
        for statement in statements:
            with contextlib.suppress(psycopg.Error):
                connection.execute(statement)  # type: ignore[call-overload]


def wait(keeper: Logs, found: Made, text: str, app_id: str = "") -> list[str]:
    def there() -> bool:
        keeper.ensure()
        return any(text in line for line in shown(found.place, app_id or found.addon.app_id))

    wait_for(f"{text} is there", there)
    return shown(found.place, app_id or found.addon.app_id)


@pytest.fixture(scope="module")
def keeper(place: Place) -> Logs:
    return Logs(place.context, place.pairs)


@pytest.fixture(scope="module")
def small(place: Place) -> Iterator[Made]:
    with made(place) as found:
        yield found


def test_an_error_is_in_the_log_of_each_app_that_has_the_database_and_in_no_other(
    place: Place, keeper: Logs, small: Made
) -> None:
    other = apps.create(place.context, actor(place))
    attachments.create(place.context, actor(place), app=other.name, addon=small.addon.name, name="BLUE")
    with made(place) as neighbour:
        fail(small, "select 'mine' form t")
        fail(neighbour, "select 'theirs' form t")
        lines, same = wait(keeper, small, "'mine'"), wait(keeper, small, "'mine'", other.id)
        theirs = wait(keeper, neighbour, "'theirs'")
    code = 'sql_error_code = 42601 ERROR:  syntax error at or near "t" at character 20'
    assert f"[BLUE] [1-1]  {code}" in same and "[BLUE] [1-2]  STATEMENT:  select 'mine' form t" in same
    assert any(line.endswith(f"[1-1]  {code}") and line.startswith("[") for line in lines)
    assert not any("theirs" in line for line in lines + same) and not any("mine" in line for line in theirs)


def test_the_servers_own_lines_are_for_who_has_a_server_of_his_own(place: Place, keeper: Logs, small: Made) -> None:
    with made(place, "standard-0") as own:
        for found in (own, small):
            fail(found, "select 'seen' form t")
            wait(keeper, found, "'seen'")
        assert any(
            "LOG:  database system is ready to accept connections" in line for line in shown(place, own.addon.app_id)
        )
    assert not any("LOG:  " in line and "duration" not in line for line in shown(place, small.addon.app_id))


def test_no_password_and_no_statement_of_the_platforms_is_there(place: Place, keeper: Logs, small: Made) -> None:
    with small.superuser() as connection, contextlib.suppress(psycopg.Error):
        connection.execute("select 'of the platform' form t")
    fail(small, "alter role nobody password 'geheim'", "create user x password 'geheim'", "select 'last' form t")
    fail(
        small,
        "do $$ begin execute 'alter role nobody password ' || quote_literal('geheim'); end $$",
        "select 'end' form t",
    )
    lines = wait(keeper, small, "'end'")
    assert any("STATEMENT:  alter role nobody password '***'" in line for line in lines)
    assert not any("geheim" in line or "of the platform" in line for line in lines)


def test_a_tenant_that_logs_without_end_fills_no_disk_and_nobody_elses_log(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_READ", 64 << 10), ("_FULL", 256 << 10), ("_BACKLOG", 1 << 20)):
        monkeypatch.setattr(log_files, name, value)
    keeper, most = Logs(place.context, place.pairs), 0
    # They go on side by side: a machine that holds up one of them would let the other get ahead by any measure.
    turn = threading.Barrier(2)
    began = time.monotonic()
    with made(place) as found, made(place) as quiet:
        noise = "do $$ begin for n in 1..250 loop raise warning '%', repeat('x', 1000); end loop; end $$"

        def shout() -> None:
            with contextlib.suppress(threading.BrokenBarrierError), found.connect() as connection:
                while True:
                    turn.wait(60)
                    connection.execute(noise)

        loud = threading.Thread(target=shout)
        loud.start()
        try:
            directory = place.clusters.engines.directory(found.known.engine) / "log"
            for _ in range(150):
                turn.wait(60)
                keeper.ensure()
                most = max(most, sum(_size(path) for path in directory.iterdir()))
        finally:
            turn.abort()
            loud.join()
        assert most < 16 << 20
        wait(keeper, found, "messages dropped: more than 50 lines a second")
        fail(quiet, "select 'quiet' form t")
        wait(keeper, quiet, "'quiet'")
        assert not any("xxxx" in line for line in shown(place, quiet.addon.app_id))
        loudest = len(shown(place, found.addon.app_id))
        # At once, and then so many a second; on a machine that has much else to do there are more of those.
        assert 900 < loudest < max(6_000, 1_500 + 60 * (time.monotonic() - began))


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def test_a_server_is_read_on_after_it_was_told_to_begin_another_file(
    place: Place, monkeypatch: pytest.MonkeyPatch, small: Made
) -> None:
    monkeypatch.setattr(log_files, "_FULL", 2_000)
    numbers = []
    for number in range(40):
        fail(small, f"select 'number {number}.' form t")
        # Each time by somebody who has just been started.
        wait(Logs(place.context, place.pairs), small, f"'number {number}.'")
    for line in shown(place, small.addon.app_id):
        if "STATEMENT:  select 'number" in line:
            numbers.append(int(line.split("number ")[1].split(".")[0]))
    assert numbers == list(range(40))


def test_without_the_platform_a_servers_log_ends_by_itself(place: Place, small: Made) -> None:
    """The limit is on the server's processes, its collector too."""
    inside = place.clusters.engines.runtime.inspect(small.known.engine.name)
    assert inside is not None
    own = Path(f"/proc/{inside.pid}/ns/pid").readlink()
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (path / "ns/pid").readlink() == own and (path / "comm").read_text() == "postgres\n":
                lines = (path / "limits").read_text().splitlines()
                found |= {line.split()[3] for line in lines if line.startswith("Max file size")}
    assert found == {str(1100 << 20)}


def test_a_sample_of_each_server_of_its_own_and_of_no_other(place: Place, small: Made) -> None:
    with made(place, "standard-0") as own, own.connect() as connection:
        connection.execute("create table t ()")
        keeper = Samples(place.context, place.pairs)
        assert keeper.ensure() == 1 and keeper.ensure() == 0
        (line,) = [line for line in shown(place, own.addon.app_id) if "sample#" in line]
        assert line.startswith(f"source=DATABASE_URL addon={own.addon.name} sample#current_transaction=")
        assert "sample#tables=1 sample#active-connections=1 sample#waiting-connections=0" in line
    assert not any("sample#" in line for line in shown(place, small.addon.app_id))


@pytest.mark.long
def test_of_a_pair_the_primary_speaks_also_when_it_is_another_one(place: Place, keeper: Logs) -> None:
    with made(place, "premium-0") as found:
        pair = Pair(place, found.provided, found.known.engine)
        thread = threading.Thread(target=pair.keep)
        thread.start()
        try:
            wait_for("the standby has everything", pair.available)
            fail(found, "select 'before' form t")
            lines = wait(keeper, found, "'before'")
            assert sum("STATEMENT:  select 'before'" in line for line in lines) == 1
            kill_container(pair)
            wait_for("the standby has everything", pair.available)

            def said() -> bool:
                with contextlib.suppress(psycopg.Error):
                    fail(found, "select 'after' form t")
                keeper.ensure()
                return any("'after'" in line for line in shown(place, found.addon.app_id))

            wait_for("it is said", said)
        finally:
            pair.stopped.set()
            thread.join()


def test_postgres_finds_them() -> None:
    pattern = logline.pattern(None, "postgres")
    assert pattern is not None
    assert pattern.search(b"2026-11-23T10:13:57.821929+00:00 app[heroku-postgres]: [ROSE] [1-1]  x\n")
    assert rules.SOURCE.header == "app[heroku-postgres]:"
