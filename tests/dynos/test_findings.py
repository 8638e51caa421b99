"""What the manager makes of what it sees: tables, no container needed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.model.test_formation import a_dyno

from celadon.dynos import findings
from celadon.dynos.findings import Act, Effect, Finding, Started, What
from celadon.model import dyno as rules
from celadon.model.dyno import Dyno, DynoEvent, DynoState
from celadon.platform.settings import Settings
from celadon.runtime.protocol import Container, ContainerState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = Settings(home=Path("/nowhere"), boot_timeout=60, stop_timeout=30)


def container(state: ContainerState = ContainerState.RUNNING, **values: Any) -> Container:
    return Container(id="c", state=state, pid=1, exit_status=None, **values)


def audit(
    dyno: Dyno | None,
    seen: Container | None,
    *,
    first: bool = False,
    again: Container | None = None,
    busy: bool = False,
) -> tuple[list[What], list[Act]]:
    found, effects = findings.of_audit(
        [dyno] if dyno else [],
        {"c": seen} if seen else {},
        frozenset({"c"} if busy else ()),
        lambda _: again,
        first=first,
    )
    return [finding.what for finding in found], [effect.act for effect in effects]


def test_a_container_without_a_row_is_removed() -> None:
    assert audit(None, container()) == ([], [Act.REMOVE])


def test_a_dyno_whose_monitor_was_killed_is_killed() -> None:
    assert audit(a_dyno(), container(ContainerState.UNMONITORED)) == ([], [Act.KILL])


def test_a_dyno_without_a_container_has_exited() -> None:
    assert audit(a_dyno(), None) == ([What.EXIT], [])


def test_a_container_that_started_between_the_two_looks_is_no_loss() -> None:
    assert audit(a_dyno(state=DynoState.STARTING), None, again=container()) == ([], [])


def test_what_a_thread_is_at_work_on_says_nothing() -> None:
    assert audit(a_dyno(state=DynoState.STARTING), None, busy=True) == ([], [])


@pytest.mark.parametrize("seen", [None, container(ContainerState.UNFINISHED)])
def test_a_start_that_died_with_its_manager_is_made_again_and_is_no_crash(seen: Container | None) -> None:
    assert audit(a_dyno(state=DynoState.STARTING), seen, first=True) == ([], [Act.RUN_AGAIN])


def test_a_stop_is_told_again_after_a_restart_of_the_manager() -> None:
    assert audit(a_dyno(state=DynoState.STOPPING), container(), first=True) == ([], [Act.TERM])


def test_an_attached_dyno_whose_manager_died_is_hung_up() -> None:
    assert audit(a_dyno(type="run", attach=True), container(), first=True) == ([], [Act.HANG_UP])


def test_a_worker_is_up_when_it_has_started_and_a_web_dyno_is_not() -> None:
    worker = a_dyno(type="worker", state=DynoState.STARTING, container_id="w")
    web = a_dyno(state=DynoState.STARTING, container_id="c")
    found, _ = findings.of_starts([Started("w"), Started("c")], {"w": worker, "c": web})
    assert found == [Finding(What.UP, worker)]


def test_a_start_that_failed_is_an_exit_with_its_reason() -> None:
    dyno = a_dyno(state=DynoState.STARTING)
    found, _ = findings.of_starts([Started("c", rules.CHECKSUM_ERROR)], {"c": dyno})
    assert found == [Finding(What.EXIT, dyno, None, (rules.CHECKSUM_ERROR,))]


def test_a_dyno_told_to_stop_while_it_started_is_told_again() -> None:
    _, effects = findings.of_starts([Started("c")], {"c": a_dyno(state=DynoState.STOPPING)})
    assert effects == [Effect(Act.TERM, "c")]


def late(dyno: Dyno, after: float, bound: tuple[tuple[str, int], ...] = ()) -> tuple[list[Finding], list[Effect]]:
    return findings.overdue([dyno], SETTINGS, NOW + timedelta(seconds=after), lambda _: bound)


def test_a_web_dyno_that_does_not_boot_gets_r10_once_and_is_killed_until_it_is_gone() -> None:
    dyno = a_dyno(state=DynoState.STARTING, deadline=NOW + timedelta(seconds=60))
    assert late(dyno, 59) == ([], [])
    found, effects = late(dyno, 61)
    assert [message[:9] for message in found[0].messages] == ["Error R10", "Stopping "]
    assert effects == [Effect(Act.KILL, "c")]
    again = a_dyno(state=DynoState.STARTING, deadline=NOW + timedelta(seconds=61) + findings.KILL_AGAIN)
    found, effects = late(again, 80)
    assert (found[0].messages, effects) == ((), [Effect(Act.KILL, "c")])


def test_a_web_dyno_that_listens_elsewhere_gets_r11() -> None:
    dyno = a_dyno(state=DynoState.STARTING, deadline=NOW + timedelta(seconds=60), port=12345)
    found, effects = late(dyno, 61, (("127.0.0.1", 12345), ("0.0.0.0", 5000)))
    assert found[0].messages[0] == (
        "Error R11 (Bad bind) -> Process bound to 127.0.0.1:12345, 0.0.0.0:5000 and not to 0.0.0.0:12345 "
        "(see the environment variable PORT)"
    )
    assert effects == [Effect(Act.KILL, "c")]


def test_a_dyno_of_which_one_process_was_killed_for_memory_goes() -> None:
    assert audit(a_dyno(), container(out_of_memory=True)) == ([], [Act.KILL])


def test_an_exit_for_memory_is_r15_with_its_measure() -> None:
    ended = container(ContainerState.EXITED, out_of_memory=True)
    found = findings.of_exit(a_dyno(), ended, SETTINGS.sizes.find("1X"))
    assert found.messages[:2] == ("Process running mem=1536M(300.0%)", "Error R15 (Memory quota vastly exceeded)")


def test_a_client_that_left_and_a_dyno_that_goes_on_are_r16() -> None:
    dyno = a_dyno(type="run", attach=True, deadline=NOW)
    found, effects = late(dyno, 1)
    assert ([finding.what for finding in found], effects) == ([What.DETACHED], [])
    assert found[0].messages[0].startswith("Error R16")


def test_dynos_cycle_after_their_time_and_not_together() -> None:
    moments = [rules.cycles_at(a_dyno(id=f"{first}0000000-0"), 86400) - NOW for first in "08f"]
    assert moments[0] == timedelta(days=1)
    assert moments[0] < moments[1] < moments[2] < timedelta(days=8 / 7)


def test_a_dyno_that_does_not_stop_gets_r12() -> None:
    found, _ = late(a_dyno(state=DynoState.STOPPING, deadline=NOW + timedelta(seconds=30)), 31)
    assert found[0].messages[0].startswith("Error R12")


def test_nobody_came_to_attach() -> None:
    waiting = a_dyno(type="run", attach=True, container_id=None, state=DynoState.STARTING, deadline=NOW)
    assert [finding.what for finding in late(waiting, 1)[0]] == [What.NO_CLIENT]


@pytest.mark.parametrize("state", list(DynoState))
@pytest.mark.parametrize("event", list(DynoEvent))
def test_only_the_table_is_legal(state: DynoState, event: DynoEvent) -> None:
    if (state, event) in rules.TRANSITIONS:
        assert rules.next_state(state, event) is rules.TRANSITIONS[state, event]
    else:
        with pytest.raises(rules.IllegalTransition, match=f"cannot {event} a dyno while it is {state}"):
            rules.next_state(state, event)


@pytest.mark.parametrize(("crashes", "wait"), [(0, 0), (1, 0), (2, 10), (3, 60), (9, 60)])
def test_backoff_grows_to_the_tables_end(crashes: int, wait: float) -> None:
    assert rules.backoff(crashes, (0.0, 10.0, 60.0)) == wait
