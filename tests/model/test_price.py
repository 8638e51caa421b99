"""What a month would cost, and what a change of the formation says of itself."""

import pytest

from celadon.model import price, scaling
from celadon.model.addon import Plan
from celadon.model.size import parse_all

SIZES = parse_all()


def cents(dollars: float) -> int:
    return round(dollars * 100)


def test_seven_web_and_fourteen_worker_dynos_cost_what_they_should() -> None:
    found = price.estimate({"web": (7, "1X"), "worker": (14, "1X")}, SIZES)
    assert found.types == {"web": cents(214.50), "worker": cents(504)}
    assert (found.dynos, found.total, found.free) == (cents(718.50), cents(718.50), cents(37.50))


@pytest.mark.parametrize(
    ("formation", "total"),
    [
        ({}, 0),
        ({"web": (0, "1X")}, 0),
        ({"web": (1, "1X")}, 0),
        ({"web": (1, "2X")}, 720 * 10 - 375 * 10),
        ({"web": (2, "2X")}, 1440 * 10 - 375 * 10),
        ({"web": (1, "1X"), "worker": (1, "1X")}, (1440 - 750) * 5),
        ({"worker": (1, "1X"), "web": (1, "1X")}, (1440 - 750) * 5),
        ({"web": (9, "Free")}, 0),
        ({"web": (1, "PX")}, 720 * 80 - 3750),
        ({"web": (1, "gone")}, 0),
    ],
)
def test_free_hours_are_of_the_first_size(formation: dict[str, tuple[int, str]], total: int) -> None:
    assert price.estimate(formation, SIZES).total == total


def test_web_has_the_free_hours_first_and_what_is_left_goes_on() -> None:
    assert price.estimate({"clock": (1, "1X"), "web": (1, "1X")}, SIZES).types == {"web": 0, "clock": 690 * 5}


def test_addons_are_part_of_it() -> None:
    found = price.estimate({"web": (1, "1X")}, SIZES, [Plan(name="a", human_name="A", cents=500)] * 2)
    assert (found.addons, found.total) == (1000, 1000)


@pytest.mark.parametrize(("amount", "text"), [(0, "$0"), (5, "$0.05"), (21450, "$214.50"), (120450_00, "$120,450")])
def test_money_is_short(amount: int, text: str) -> None:
    assert price.dollars(amount) == text


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"web": (1, "1X")}, {"web": (1, "1X")}, ""),
        ({"web": (1, "1X")}, {"web": (3, "2X")}, "Scale web from 1 to 3 (1X → 2X); $36 → $108 a month."),
        (
            {"web": (1, "1X"), "worker": (5, "1X")},
            {"worker": (3, "1X"), "web": (2, "1X")},
            "Scale web from 1 to 2, stop 2 of 5 worker dynos; $36 → $108 a month.",
        ),
        ({"worker": (2, "1X")}, {"worker": (0, "1X")}, "Stop all 2 worker dynos; $36 → $108 a month."),
        ({"worker": (1, "1X")}, {"worker": (0, "2X")}, "Stop the only worker dyno (1X → 2X); $36 → $108 a month."),
        ({"web": (4, "1X")}, {"web": (2, "2X")}, "Scale web from 4 to 2 (1X → 2X); $36 → $108 a month."),
        (
            {"web": (2, "1X"), "clock": (0, "1X")},
            {"web": (2, "2X"), "clock": (0, "PX")},
            "Resize web from 1X to 2X, which restarts its 2 dynos, resize clock from 1X to PX; $36 → $108 a month.",
        ),
    ],
)
def test_a_change_says_what_it_does(
    before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]], words: str
) -> None:
    assert scaling.sentence(before, after, (3600, 10800)) == words


def test_a_change_that_costs_nothing_says_so() -> None:
    assert scaling.sentence({"web": (0, "1X")}, {"web": (1, "1X")}, (500, 500)).endswith("; $5 a month as before.")
