"""A primary and its standby under a load of acknowledged writes: nothing is lost, whatever of them goes."""

from collections.abc import Iterator

import pytest

from celadon.actions import postgres_databases as databases
from tests.postgres import failing
from tests.postgres.failing import KILLS, Pair, Writer, wait_for
from tests.postgres.place import Place


@pytest.fixture(scope="module")
def pair(place: Place) -> Iterator[Pair]:
    with failing.pair(place) as found:
        yield found
    assert databases.running(place.context) == []


@pytest.mark.parametrize("what", KILLS)
def test_nothing_acknowledged_is_lost_and_writing_goes_on(pair: Pair, what: str) -> None:
    with Writer(pair) as writer:
        KILLS[what](pair)
        writer.wait_for_more(50)
    assert writer.lost() == set()
    wait_for("there is a standby again", pair.available)


def test_who_agrees_may_go_and_nobody_stops_writing(pair: Pair) -> None:
    etcd = databases.pair(pair.manager.context, pair.first)[1]
    with Writer(pair) as writer:
        pair.manager.clusters.engines.runtime.kill(etcd.name)
        writer.wait_for_more(200)
    assert writer.lost() == set()
