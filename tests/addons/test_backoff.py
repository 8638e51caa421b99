"""What has failed waits, ever longer, and a slow one holds up no other."""

import threading
import time
from concurrent.futures import CancelledError

import pytest

from celadon.addons import backoff
from celadon.addons.backoff import Backoff
from celadon.addons.crew import Crew

DEADLINE = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


def test_it_waits_longer_after_each_failure_and_begins_anew_when_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, found = Clock(), Backoff((1.0, 5.0, 30.0))
    monkeypatch.setattr(backoff, "time", clock)
    for number, pause in enumerate((1.0, 5.0, 30.0, 30.0), start=1):
        assert found.due("one")
        assert found.failed("one") == number
        clock.now += pause - 0.01
        assert not found.due("one")
        assert found.due("another")
        clock.now += 0.01
    found.failed("one")
    found.done("one")
    assert found.due("one")
    assert found.failed("one") == 1
    found.done("one", again=2.0)
    assert not found.due("one")
    clock.now += 2.0
    assert found.due("one")


def test_a_slow_one_holds_up_no_other() -> None:
    crew, release = Crew(2), threading.Event()
    slow = crew.begin("slow", lambda: int(release.wait(DEADLINE)))
    assert slow is not None
    assert crew.begin("slow", lambda: 1) is None, "it is worked on"
    quick = crew.begin("quick", lambda: 7)
    assert quick is not None
    assert quick.result(DEADLINE) == 7
    assert not slow.done()
    other = crew.begin("other", lambda: int(release.wait(DEADLINE)))
    assert other is not None
    assert crew.begin("third", lambda: 1) is None, "no more than two at once"
    release.set()
    assert (slow.result(DEADLINE), other.result(DEADLINE)) == (1, 1)
    again = crew.begin("slow", lambda: 2)
    assert again is not None
    assert again.result(DEADLINE) == 2


def test_what_breaks_is_over() -> None:
    crew = Crew(1)

    def break_down() -> int:
        raise RuntimeError("broken")

    began = time.monotonic()
    broken = crew.begin("one", break_down)
    assert broken is not None
    with pytest.raises(CancelledError):
        broken.result(DEADLINE)
    assert time.monotonic() - began < DEADLINE
    after = crew.begin("one", lambda: 1)
    assert after is not None
    assert after.result(DEADLINE) == 1
