"""Backups, restores and copies on real clusters: whole, cancelled, in the way of an app, hostile, killed at each step."""

import contextlib
import functools
import http.server
import queue
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from celadon.actions import postgres_databases as databases
from celadon.actions import transferring
from celadon.model import event as model_event
from celadon.model.app import App
from celadon.model.engine import EngineState
from celadon.model.transfer import Check, Transfer, TransferKind, TransferStatus
from celadon.postgres import programs
from celadon.postgres.transfers import Transfers
from celadon.postgres.verification import Verification
from celadon.store import apps, engines, events, mails, tables
from tests.postgres.failing import wait_for
from tests.postgres.place import Place


class Killed(BaseException):
    """What stands for a SIGKILL: nothing of ours catches it."""


@dataclass
class Shop:
    """An app's database, and what moves it."""

    place: Place
    transfers: Transfers
    app_id: str
    addon_id: str
    connect: Callable[[], psycopg.Connection]

    def order(
        self, kind: TransferKind, *, url: str | None = None, scheduled: bool = False, of: str | None = None
    ) -> str:
        with self.place.context.database.transaction() as tx:
            return transferring.insert(
                tx,
                app_id=self.app_id,
                addon_id=self.addon_id,
                kind=kind,
                from_name="DATABASE",
                scheduled=scheduled,
                source_id=of,
                url=url,
            ).id

    def run(self, transfer_id: str) -> Transfer:
        self.transfers.run(transfer_id)
        return self.found(transfer_id)

    def found(self, transfer_id: str) -> Transfer:
        found = transferring.find(self.place.context, transfer_id)
        assert found is not None
        return found

    def backup(self, *, scheduled: bool = False) -> Transfer:
        found = self.run(self.order(TransferKind.BACKUP, scheduled=scheduled))
        assert found.status is TransferStatus.SUCCEEDED, found.error
        return found

    def rows(self, table: str = "t") -> int:
        with self.connect() as connection:
            (found,) = connection.execute(f"select count(*) from {table}").fetchone() or (0,)
            return int(found)

    def left(self) -> list[str]:
        """What should not be there when nothing runs."""
        runtime = self.place.clusters.engines.runtime
        work = [path.name for path in (self.place.settings.home / "backups").rglob("*.work")]
        return [name for name in runtime.list() if name.startswith("transfer-")] + work


def make_app(place: Place) -> str:
    at, account, app = datetime.now(UTC), str(uuid.uuid4()), str(uuid.uuid4())
    with place.context.database.transaction() as tx:
        tx.connection.execute(
            tables.accounts.insert(),
            {
                "id": account,
                "email": f"{account}@example.com",
                "password_hash": "",
                "operator": False,
                "verified": True,
                "created_at": at,
                "updated_at": at,
                "preferences": {},
            },
        )
        made = App(
            id=app,
            name=f"a{app[:8]}",
            number=apps.next_number(tx),
            owner_id=account,
            stack="cedar",
            region="us",
            maintenance=False,
            buildpack_provided_description=None,
            repo_size=None,
            slug_size=None,
            created_at=at,
            updated_at=at,
        )
        apps.insert(tx, made)
    return app


@pytest.fixture(scope="module", params=["mini", "standard-0"])
def shop(request: pytest.FixtureRequest, place: Place) -> Iterator[Shop]:
    order, made = place.provision(request.param)
    yield Shop(
        place=place,
        transfers=Transfers(place.context, place.pairs),
        app_id=make_app(place),
        addon_id=order.addon_id,
        connect=lambda: place.connect(made),
    )
    place.provider.deprovision(order.addon_id, None)


@pytest.fixture(autouse=True)
def table(shop: Shop) -> Iterator[None]:
    with shop.connect() as connection:
        connection.execute("drop table if exists t cascade")
        connection.execute("create table t as select n, md5(n::text) as word from generate_series(1, 1000) n")
    yield
    assert shop.left() == []


def test_what_was_saved_is_there_again(shop: Shop) -> None:
    backup = shop.backup()
    assert backup.processed_bytes == shop.transfers.backup_files.path(backup).stat().st_size > 1000
    assert backup.source_bytes > backup.processed_bytes
    with shop.connect() as connection:
        connection.execute("delete from t where n > 10")
    restore = shop.run(shop.order(TransferKind.RESTORE, of=backup.id))
    assert (restore.status, restore.error) == (TransferStatus.SUCCEEDED, None)
    assert shop.rows() == 1000


def test_a_session_that_sleeps_in_a_transaction_does_not_stop_a_restore(shop: Shop) -> None:
    backup = shop.backup()
    with shop.connect() as idle:
        idle.execute("begin")
        idle.execute("delete from t")
        began = time.monotonic()
        restore = shop.run(shop.order(TransferKind.RESTORE, of=backup.id))
        assert (restore.status, restore.error) == (TransferStatus.SUCCEEDED, None)
        assert time.monotonic() - began < 120
        with pytest.raises(psycopg.OperationalError):
            idle.execute("commit")
    assert shop.rows() == 1000


def test_an_app_goes_on_reading_during_a_restore(shop: Shop) -> None:
    backup, over, counts, errors = shop.backup(), threading.Event(), [], []

    def read() -> None:
        with shop.connect() as connection:
            while not over.is_set():
                try:
                    counts.append(connection.execute("select count(*) from t").fetchone()[0])  # type: ignore[index]
                except psycopg.Error as error:
                    errors.append(error)
                    if connection.closed:
                        return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        # Who comes in late would find it over.
        wait_for("they read", lambda: len(counts) >= len(readers))
        restore = shop.run(shop.order(TransferKind.RESTORE, of=backup.id))
    finally:
        over.set()
        for reader in readers:
            reader.join()
    assert restore.status is TransferStatus.SUCCEEDED, restore.error
    assert set(counts) == {1000}
    # A query that was planned just before the table was replaced may fail; none does twice.
    assert len(errors) <= len(readers)


def fill(shop: Shop, megabytes: int) -> None:
    """Text that gzip hardly makes smaller: 1.6 MB of it again and again, further apart than it looks back."""
    with shop.connect() as connection:
        connection.execute("drop table if exists big")
        connection.execute(
            "create table big as with words as materialized "
            "(select string_agg(md5(random()::text), '') as word from generate_series(1, 50000) n group by n %% 1000) "
            "select one.word from generate_series(1, %s) again, lateral (select word from words offset 0 * again) one",
            [megabytes * 10 // 16],
        )


def test_progress_is_told_and_a_backup_can_be_cancelled(shop: Shop) -> None:
    fill(shop, 200)
    ordered = shop.order(TransferKind.BACKUP)
    running = threading.Thread(target=shop.transfers.run, args=(ordered,))
    running.start()
    seen: list[int] = []
    deadline = time.monotonic() + 60
    while len(set(seen)) < 2 and not shop.found(ordered).over and time.monotonic() < deadline:
        if bytes_now := shop.found(ordered).processed_bytes:
            seen.append(bytes_now)
    assert len(set(seen)) == 2 and seen == sorted(seen)
    # It stands still from here on: its end does not come before the word that it is to be cancelled.
    program = shop.transfers.programs.container_id(shop.found(ordered))
    shop.place.clusters.engines.runtime.signal(program, signal.SIGSTOP)
    with shop.place.context.database.transaction() as tx:
        tx.connection.execute(tables.transfers.update().values(cancel_asked=True))
    running.join(120)
    found = shop.found(ordered)
    assert found.status is TransferStatus.CANCELLED
    assert not shop.transfers.backup_files.path(found).exists()
    with shop.place.context.database.transaction() as tx:
        tx.connection.execute(tables.transfers.update().values(cancel_asked=False))
    with shop.connect() as connection:
        connection.execute("drop table big")


def test_a_hostile_archive_does_no_more_than_its_tenant_can(shop: Shop) -> None:
    """The words of a function's definition are replaced in the archive by others of the same length."""
    with shop.connect() as connection:
        text = "x" * 300
        connection.execute(f"create view evil as select '{text}'::text as x")
    backup = shop.backup()
    path = shop.transfers.backup_files.path(backup)
    content = path.read_bytes()
    assert text.encode() in content
    with shop.connect() as connection:
        connection.execute("drop view evil")
    for words in (
        "'; create role evil superuser; --",
        "'; reset role; set session authorization postgres; --",
        "'; copy (select 1) to program 'id'; --",
        "'; alter role current_user superuser; --",
        "'; \n\\! touch /tmp/evil\n --",
    ):
        crafted = content.replace(text.encode(), words.ljust(300, "-").encode())
        path.chmod(0o644)
        path.write_bytes(crafted)
        restore = shop.run(shop.order(TransferKind.RESTORE, of=backup.id))
        assert restore.status is TransferStatus.FAILED
        assert restore.error is not None and "The database is as it was" in restore.error, restore.error
    place = databases.find(shop.place.context, shop.addon_id)
    assert place is not None
    with shop.place.clusters.connect(place.engine) as connection:
        assert connection.execute("select rolname from pg_roles where rolsuper").fetchall() == [("postgres",)]
    assert shop.rows() == 1000


def test_what_is_no_archive_is_told_and_changes_nothing(shop: Shop) -> None:
    backup = shop.backup()
    path = shop.transfers.backup_files.path(backup)
    content = path.read_bytes()
    path.chmod(0o644)
    for wrong in (b"create table evil ()", content[: len(content) // 2], content[:5] + b"\xff" * 200):
        path.write_bytes(wrong)
        restore = shop.run(shop.order(TransferKind.RESTORE, of=backup.id))
        assert restore.status is TransferStatus.FAILED
        assert restore.error
    assert shop.rows() == 1000


@pytest.mark.parametrize("step", ["make_work", "step", "dump", "_watch_dump", "keep", "succeeded", "_clean"])
def test_a_backup_that_was_killed_is_finished_by_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ordered = shop.order(TransferKind.BACKUP)
    kill(shop, monkeypatch, step, ordered)
    found = shop.run(ordered)
    if not found.over:
        found = shop.run(ordered)
    shop.transfers.sweep()
    assert found.status is TransferStatus.SUCCEEDED, found.error
    restore = shop.run(shop.order(TransferKind.RESTORE, of=ordered))
    assert restore.status is TransferStatus.SUCCEEDED, restore.error


@pytest.mark.parametrize("step", ["list_contents", "step", "load", "_watch_load", "succeeded", "_clean"])
def test_a_restore_that_was_killed_ends_and_leaves_a_whole_database(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    backup = shop.backup()
    with shop.connect() as connection:
        connection.execute("delete from t where n > 10")
    ordered = shop.order(TransferKind.RESTORE, of=backup.id)
    kill(shop, monkeypatch, step, ordered)
    found = shop.run(ordered)
    shop.transfers.sweep()
    assert found.over
    assert (shop.rows(), found.status) in (
        (1000, TransferStatus.SUCCEEDED),
        (10, TransferStatus.FAILED),
    ), found.error
    assert found.error is None or "restore again" in found.error


def kill(shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str, ordered: str) -> None:
    def killed(*_: object, **__: object) -> None:
        raise Killed

    owners = (shop.transfers.programs, shop.transfers.backup_files, shop.transfers, transferring)
    owner = next(one for one in owners if hasattr(one, step))
    with monkeypatch.context() as patched:
        patched.setattr(owner, step, killed)
        with pytest.raises(Killed):
            shop.transfers.run(ordered)


def test_the_rows_of_a_backup_are_counted_by_nobody_but_the_tenant(shop: Shop) -> None:
    trap = (
        "create function trap(int) returns boolean language plpgsql immutable as $$ begin "
        "if current_setting('is_superuser') = 'on' then raise exception 'trapped'; end if; return true; end $$"
    )
    with shop.connect() as connection:
        for statement in (trap, "create table trapped (a int)", "create index on trapped (a) where public.trap(1)"):
            connection.execute(statement)  # type: ignore[arg-type]
        connection.execute("insert into trapped select generate_series(1, 10)")
    try:
        backup = shop.backup(scheduled=True)
        # The superuser would have been trapped, and had nothing to count.
        assert (backup.row_counts or {})["public.trapped"] == 10
        assert Verification(shop.place.context, shop.place.clusters, shop.transfers).ensure() == 1
        assert shop.found(backup.id).check is Check.PASSED
    finally:
        with shop.connect() as connection:
            connection.execute("drop table trapped")
            connection.execute("drop function trap")


def test_a_scheduled_backup_is_restored_to_check_it(shop: Shop) -> None:
    verification = Verification(shop.place.context, shop.place.clusters, shop.transfers)
    backup = shop.backup(scheduled=True)
    assert (backup.name[0], backup.check) == ("a", Check.DUE)
    assert backup.row_counts is not None and backup.row_counts["public.t"] == 1000
    assert verification.ensure() == 1
    found = shop.found(backup.id)
    assert (found.check, found.check_error) == (Check.PASSED, None)
    assert found.verified_at is not None
    assert verification.ensure() == 0


@pytest.mark.parametrize("harm", ["bytes", "rows"])
def test_a_backup_that_is_no_good_is_told(shop: Shop, harm: str) -> None:
    verification = Verification(shop.place.context, shop.place.clusters, shop.transfers)
    backup = shop.backup(scheduled=True)
    if harm == "bytes":
        path = shop.transfers.backup_files.path(backup)
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(content[: len(content) - 2000])
    else:
        transferring.counted(shop.place.context, backup.id, {"public.t": 1001, "public.gone": 1})
    verification.ensure()
    found = shop.found(backup.id)
    assert (found.check, found.verified_at) == (Check.FAILED, None)
    assert found.check_error
    with shop.place.context.database.read() as tx:
        told = [one for one in events.list_after(tx, 0) if one.action == "postgres:backup-unverified"]
        letters = [one.subject for one in mails.list_all(tx)]
    line = model_event.line(told[-1])
    assert line is not None and line[0].header == "app[heroku-postgres]:" and found.name in line[1]
    assert any("could not be verified" in subject for subject in letters)


@pytest.mark.parametrize("step", ["checking", "_restore", "try_out", "_remove", "checked"])
def test_a_check_that_was_killed_is_done_again_and_leaves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    verification = Verification(shop.place.context, shop.place.clusters, shop.transfers)
    backup = shop.backup(scheduled=True)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    owners = (verification, shop.transfers, transferring)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(next(one for one in owners if hasattr(one, step)), step, killed)
        verification.ensure()
    verification.ensure()
    assert shop.found(backup.id).check is Check.PASSED
    with shop.place.context.database.read() as tx:
        assert [one for one in engines.list_all(tx) if one.state is EngineState.RESTORING] == []


def test_an_archive_of_an_url_is_fetched_and_restored(shop: Shop, tmp_path: Path) -> None:
    backup = shop.backup()
    (tmp_path / "good.dump").write_bytes(shop.transfers.backup_files.path(backup).read_bytes())
    (tmp_path / "wrong.sql").write_text("drop table t;")
    with shop.connect() as connection:
        connection.execute("delete from t")

    def by(private: str) -> Transfers:
        settings = replace(shop.place.settings, private_destinations=private)
        return Transfers(replace(shop.place.context, settings=settings), shop.place.pairs)

    transfers = by("127.0.0.1/32")
    with served(tmp_path) as url:
        ordered = shop.order(TransferKind.RESTORE, url=f"{url}/good.dump")
        by("none").run(ordered)
        assert shop.found(ordered).error == "The URL leads to an address that is not of the internet."
        for name, why in (("wrong.sql", "custom format"), ("none", "status 404")):
            ordered = shop.order(TransferKind.RESTORE, url=f"{url}/{name}")
            transfers.run(ordered)
            assert why in (shop.found(ordered).error or "")
        ordered = shop.order(TransferKind.RESTORE, url=f"{url}/good.dump")
        transfers.run(ordered)
    assert shop.found(ordered).status is TransferStatus.SUCCEEDED, shop.found(ordered).error
    assert shop.rows() == 1000


@contextlib.contextmanager
def served(directory: Path) -> Iterator[str]:
    """The files of a directory, by HTTP."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(directory)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_locked_table_is_not_waited_for_for_ever(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_LOCK_WAIT", 300)
    with shop.connect() as holder:
        holder.execute("begin; lock table t in access exclusive mode")
        found = shop.run(shop.order(TransferKind.BACKUP))
    assert found.status is TransferStatus.FAILED
    assert found.error is not None and "was locked for longer than a minute" in found.error, found.error


def test_a_backup_begins_anew_when_its_password_is_changed_meanwhile(shop: Shop) -> None:
    place = databases.find(shop.place.context, shop.addon_id)
    assert place is not None
    change = sql.SQL("alter role {} password {}").format(sql.Identifier(place.database.role), "another")
    back = sql.SQL("alter role {} password {}").format(sql.Identifier(place.database.role), place.password)
    ordered = shop.order(TransferKind.BACKUP)
    with shop.place.clusters.connect(place.engine) as connection:
        connection.execute(change)
        try:
            found = shop.run(ordered)
        finally:
            connection.execute(back)
    assert (found.status, found.attempts, found.error) == (TransferStatus.PENDING, 1, None)
    found = shop.run(ordered)
    assert found.status is TransferStatus.SUCCEEDED, found.error


def test_one_owner_has_half_of_the_places(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of one's transfers take for ever; another's are carried out all the same."""
    at_work, released, over = queue.Queue[str](), threading.Event(), threading.Semaphore(0)

    def work(self: Transfers, transfer_id: str) -> None:
        at_work.put(transfer_id)
        released.wait(120)
        over.release()

    monkeypatch.setattr(Transfers, "run", work)
    mine = [shop.order(TransferKind.BACKUP) for _ in range(5)]
    other = replace(shop, app_id=make_app(shop.place))
    others = [other.order(TransferKind.BACKUP) for _ in range(3)]
    transfers = Transfers(shop.place.context, shop.place.pairs)
    try:
        assert (transfers.ensure(), transfers.ensure()) == (4, 0)
        found = {at_work.get(timeout=60) for _ in range(4)}
        assert found == {*mine[:2], *others[:2]}
    finally:
        released.set()
        for _ in range(4):
            assert over.acquire(timeout=60)
        with shop.place.context.database.transaction() as tx:
            ended = {"status": TransferStatus.CANCELLED, "finished_at": datetime.now(UTC)}
            tx.connection.execute(
                tables.transfers.update().where(tables.transfers.c.id.in_([*mine, *others])).values(ended)
            )


def test_a_copy_brings_one_database_into_another(shop: Shop) -> None:
    order, made = shop.place.provision("mini")
    try:
        with shop.place.context.database.transaction() as tx:
            ordered = transferring.insert(
                tx,
                app_id=shop.app_id,
                addon_id=order.addon_id,
                kind=TransferKind.COPY,
                from_name="A",
                to_name="B",
                source_id=shop.addon_id,
            )
        found = shop.run(ordered.id)
        assert found.status is TransferStatus.SUCCEEDED, found.error
        with shop.place.connect(made) as connection:
            assert connection.execute("select count(*) from t").fetchone() == (1000,)
    finally:
        shop.place.provider.deprovision(order.addon_id, None)
