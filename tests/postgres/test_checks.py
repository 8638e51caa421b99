"""Whom a check of a backup blames: the backup when it cannot be restored, nobody when the platform was in its way."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from celadon.model.transfer import CHECKS, Check, Transfer, TransferKind
from celadon.postgres.verification import Verification
from celadon.runtime.protocol import ContainerSpec
from celadon.store import engines, events, mails, tables
from tests.postgres.test_transfers import Shop
from tests.postgres.test_transfers import shop as shop
from tests.postgres.test_transfers import table as table

Harm = Callable[[Shop, Transfer], None]


def kill_program(shop: Shop, transfer: Transfer) -> None:
    """As the kernel does when memory is short, or whoever stops the machine."""
    shop.transfers.programs.runtime.kill(shop.transfers.programs.container_id(transfer))


def lose_program(shop: Shop, transfer: Transfer) -> None:
    shop.transfers.programs.end(transfer)


def kill_server(shop: Shop, transfer: Transfer) -> None:
    engine_id = shop.found(transfer.id).check_engine_id
    assert engine_id is not None
    with shop.place.context.database.read() as tx:
        engine = engines.find(tx, engine_id)
    assert engine is not None
    shop.place.clusters.engines.runtime.kill(engine.name)


@pytest.fixture
def verification(shop: Shop) -> Verification:
    return Verification(shop.place.context, shop.place.clusters, shop.transfers, pauses=(0.0,))


def fall_asleep(shop: Shop, patched: pytest.MonkeyPatch) -> None:
    """Have each program sleep: one that is done in a moment might be over before it is killed."""
    runtime = shop.transfers.programs.runtime
    run = runtime.start

    def asleep(spec: ContainerSpec) -> None:
        run(replace(spec, argv=("sleep", "60")))

    patched.setattr(runtime, "start", asleep)


def harmed(shop: Shop, patched: pytest.MonkeyPatch, harm: Harm, step: str = "load") -> None:
    """Have something happen just after a program of the check was started."""
    # What is loaded is little: it might be there before its server is dead.
    first = harm is kill_server and step == "load"
    started = getattr(shop.transfers.programs, step)

    def start(transfer: Transfer, *words: object) -> None:
        with pytest.MonkeyPatch.context() as here:
            if harm is kill_program:
                fall_asleep(shop, here)
            if first:
                harm(shop, transfer)
            started(transfer, *words)
        if not first:
            harm(shop, transfer)

    patched.setattr(shop.transfers.programs, step, start)


def told(shop: Shop, transfer: Transfer) -> list[str]:
    """What its owner and the app's log were told of a backup."""
    with shop.place.context.database.read() as tx:
        actions = [one.action for one in events.list_after(tx, 0) if one.resource_id == transfer.id]
        letters = [one.subject for one in mails.list_all(tx) if f"pg:backups:info {transfer.name} " in one.text]
    return [one for one in actions if one != "postgres:backup"] + letters


@pytest.mark.parametrize("step", ["list_contents", "load"])
@pytest.mark.parametrize("harm", [kill_program, lose_program, kill_server])
def test_a_check_that_was_killed_from_outside_is_done_again_and_blames_nobody(
    shop: Shop, verification: Verification, monkeypatch: pytest.MonkeyPatch, harm: Harm, step: str
) -> None:
    backup = shop.backup(scheduled=True)
    with monkeypatch.context() as patched:
        harmed(shop, patched, harm, step)
        verification.ensure()
    found = shop.found(backup.id)
    assert (found.check, found.check_error, told(shop, backup)) == (Check.DUE, None, [])
    verification.ensure()
    assert (shop.found(backup.id).check, told(shop, backup)) == (Check.PASSED, [])


def test_what_can_never_be_checked_is_said_to_be_so_and_nobody_is_blamed(
    shop: Shop, verification: Verification, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = shop.backup(scheduled=True)
    with monkeypatch.context() as patched:
        harmed(shop, patched, kill_program)
        for _ in range(CHECKS - 1):
            assert verification.ensure() == 1
            assert shop.found(backup.id).check is Check.DUE
        verification.ensure()
        assert verification.ensure() == 0
    found = shop.found(backup.id)
    assert (found.check, found.verified_at) == (Check.UNKNOWN, None)
    assert found.check_error is not None and "could not be checked" in found.check_error
    assert told(shop, backup) == []


def test_a_check_that_the_whole_platform_dies_of_is_given_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    backup = shop.backup(scheduled=True)
    with monkeypatch.context() as patched:
        patched.setattr(shop.transfers.programs, "load", killed)
        patched.setattr(Verification, "_remove", lambda *_: None)
        for _ in range(CHECKS):
            with pytest.raises(Killed):
                Verification(shop.place.context, shop.place.clusters, shop.transfers).ensure()
    Verification(shop.place.context, shop.place.clusters, shop.transfers).ensure()
    assert (shop.found(backup.id).check, told(shop, backup)) == (Check.UNKNOWN, [])


def test_the_work_of_a_check_that_runs_is_not_swept_away(
    shop: Shop, verification: Verification, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, looked = shop.backup(scheduled=True), []

    def sweep(shop: Shop, transfer: Transfer) -> None:
        shop.transfers.sweep()
        looked.append(shop.transfers.backup_files.work(transfer).is_dir())
        looked.append(shop.transfers.programs.find(transfer) is not None)

    harmed(shop, monkeypatch, sweep)
    verification.ensure()
    assert (looked, shop.found(backup.id).check) == ([True, True], Check.PASSED)


def test_a_cancel_that_came_too_late_keeps_no_backup_from_being_checked(shop: Shop, verification: Verification) -> None:
    backup = shop.backup(scheduled=True)
    with shop.place.context.database.transaction() as tx:
        tx.connection.execute(
            tables.transfers.update().where(tables.transfers.c.id == backup.id).values(cancel_asked=True)
        )
    verification.ensure()
    assert shop.found(backup.id).check is Check.PASSED


def test_a_backup_whose_program_was_killed_from_outside_is_begun_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        started = shop.transfers.programs.dump

        def dump(transfer: Transfer, *words: object, **more: object) -> None:
            with pytest.MonkeyPatch.context() as here:
                if not transfer.attempts:
                    fall_asleep(shop, here)
                started(transfer, *words, **more)  # type: ignore[arg-type]
            if not transfer.attempts:
                kill_program(shop, transfer)

        patched.setattr(shop.transfers.programs, "dump", dump)
        ordered = shop.order(TransferKind.BACKUP)
        assert not shop.run(ordered).over
        assert shop.run(ordered).kept
