"""Who has replayed more of a timeline than was kept of it cannot follow any more."""

import pytest

from celadon.model.timeline import parted

_HISTORY = "1\t0/3000000\tno recovery target specified\n\n2\t1/5000148\tno recovery target specified\n"


@pytest.mark.parametrize(
    ("timeline", "at", "expected"),
    [
        (3, 1 << 40, False),
        (2, 0x105000148, False),
        (2, 0x105000149, True),
        (1, 0x3000000, False),
        (1, 0x3000001, True),
        (4, 0, True),
    ],
)
def test_a_server_parts_where_its_timeline_was_left(timeline: int, at: int, expected: bool) -> None:
    assert parted(_HISTORY, 3, timeline, at) is expected


def test_a_leader_without_a_history_has_only_its_own_timeline() -> None:
    assert not parted("", 1, 1, 7)
