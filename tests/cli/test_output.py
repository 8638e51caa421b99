import io
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from celadon.cli.failure import Failure
from celadon.cli.terminal import output, spinner

NOW = datetime(2012, 9, 11, 12, 34, 56, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("ago", "suffix"),
    [
        (0, " (~ 0s ago)"),
        (60, " (~ 60s ago)"),
        (61, " (~ 1m ago)"),
        (3600, " (~ 60m ago)"),
        (3601, " (~ 1h ago)"),
        (25 * 3600, " (~ 25h ago)"),
        (25 * 3600 + 1, ""),
    ],
)
def test_time_ago_has_a_suffix_for_25_hours(ago: int, suffix: str) -> None:
    assert output.time_ago("2012-09-11T12:34:56Z", NOW + timedelta(seconds=ago)) == f"2012/09/11 12:34:56{suffix}"


def test_a_clock_that_is_behind_the_platforms_shows_no_negative_age() -> None:
    assert output.time_ago("2012-09-11T12:34:56Z", NOW - timedelta(seconds=9)) == "2012/09/11 12:34:56 (~ 0s ago)"


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True

    def turned(self, moment: str) -> None:
        deadline = time.monotonic() + 60
        while moment not in self.getvalue() and time.monotonic() < deadline:
            time.sleep(0.001)


def test_what_takes_longer_turns_on_a_terminal_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spinner, "_AFTER", 0.001)
    monkeypatch.setattr(spinner, "_EACH", 0.001)
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    with output.action("Going", stream=screen) as going:
        screen.turned("|\b/\b")
        going.status = "there"
    assert re.fullmatch(r"Going\.\.\. (/\x08-\x08\\\x08\|\x08)+(.\x08){0,3} \x08done, there\n", screen.getvalue())
    with pytest.raises(Failure), output.action("Going", stream=screen):
        screen.turned("there\nGoing... /\b")
        raise Failure("no")
    assert screen.getvalue().endswith(" \bfailed\n")


def test_what_is_quick_or_goes_elsewhere_shows_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, file = Screen(), io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    # A busy machine may take a second to get from here to there.
    monkeypatch.setattr(spinner, "_AFTER", 60.0)
    with output.action("Going", stream=screen):
        pass
    monkeypatch.setattr(spinner, "_AFTER", 0.0)
    with output.action("Going", stream=file):
        assert spinner._present is None
    assert (screen.getvalue(), file.getvalue()) == ("Going... done\n", "Going... done\n")


def test_date_is_in_utc() -> None:
    assert output.date("2013-08-01T23:34:00+02:00") == "2013-08-01 21:34 UTC"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "(empty)"), (None, "(empty)"), (512, "512"), (5 << 10, "5k"), (3 << 20, "3M"), (1 << 30, "1G")],
)
def test_sizes(count: int | None, shown: str) -> None:
    assert output.size(count) == shown


def test_a_long_description_is_cut_to_40_characters() -> None:
    shown = output.truncate("Config add SUPER_LONG_CONFIG_VAR_TO_GET_PAST_THE_WIDTH", 40)
    assert shown == "Config add SUPER_LONG_CONFIG_VAR_TO_GE.."
    assert output.truncate("x" * 40, 40) == "x" * 40


def test_hash_sorts_keys_skips_none_and_breaks_lists(capsys: pytest.CaptureFixture[str]) -> None:
    output.hash({"Web URL": "http://x/", "Addons": ["b", "a"], "Collaborators": [], "Gone": None, "One": ["c"]})
    assert capsys.readouterr().out == (
        "Addons:        a\n"
        "               b\n"
        "\n"
        "One:           c\n"
        "Web URL:       http://x/\n"
    )  # fmt: skip


def test_listing_sorts_aligns_and_ends_with_a_blank_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.listing([("us", "United States"), ("europe", "Europe")])
    assert capsys.readouterr().out == "europe  Europe\nus      United States\n\n"


def test_table_pads_all_but_the_last_column_and_puts_integers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("Type", "Qty", "Size"), [("web", 2, "1X"), ("worker", 10, "Performance")])
    assert capsys.readouterr().out == (
        "Type    Qty  Size\n"
        "------  ---  -----------\n"
        "web       2  1X\n"
        "worker   10  Performance\n"
    )  # fmt: skip


def test_action_says_done_and_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    with output.action("Setting x") as setting:
        setting.status = "v1"
    assert capsys.readouterr().out == "Setting x... done, v1\n"


def test_action_says_failed_before_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Failure), output.action("Setting x"):
        raise Failure("no")
    assert capsys.readouterr().out == "Setting x... failed\n"


def test_every_form_is_plain_on_a_terminal_and_as_it_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "a\x1b[2Jb"

    def show() -> None:
        output.say(bad)
        output.header(bad)
        output.listing([(bad, bad)])
        output.table([bad], [[bad]])
        output.hash({bad: bad, "list": [bad, bad]})
        with output.action(bad) as running:
            running.status = bad

    show()
    assert capsys.readouterr().out.count("\x1b") == 12
    monkeypatch.setattr(spinner, "start", lambda stream: None)
    monkeypatch.setattr(spinner, "stop", lambda: None)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show()
    assert capsys.readouterr().out.count("\ufffd[2Jb") == 12
