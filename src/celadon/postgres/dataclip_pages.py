"""The result of a dataclip for who may change it: a page of rows at a time, loaded into the clip's own page; CSV, JSON."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from itertools import islice

import msgspec

from celadon.actions import dataclips
from celadon.actions.context import now
from celadon.actions.dataclips import Described
from celadon.api.answer import Answer, Awaited, Page
from celadon.api.request import Call
from celadon.api.route import Door, Route, route
from celadon.dashboard.dataclips import path_of
from celadon.dashboard.pages import dashboard_page
from celadon.model.dataclip import FRESH, Result
from celadon.model.errors import CeladonError
from celadon.postgres import clip_forms
from celadon.postgres.clip_runs import Runs
from celadon.postgres.dataclips import NUMBERS, PATIENCE

# Of one page: rows, cells and characters of a cell.
_ROWS, _CELLS, _CELL = 100, 1_200, 300

Showing = Callable[[Call, Described, Result], Page | Answer]


class DataclipPages:
    """Answers the routes."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def show(self, call: Call) -> Awaited | Page | Answer:
        """What it answered within the last minute, or a run; later pages are of what the first one was."""
        later = _number(call) > 1
        return self._shown(call, _page, None if later else FRESH, anew="run" in call.request.query)

    def csv(self, call: Call) -> Awaited | Page | Answer:
        """Of the result that is shown, if there is one."""
        return self._shown(call, _csv, None)

    def json(self, call: Call) -> Awaited | Page | Answer:
        return self._shown(call, _json, None)

    def _shown(
        self, call: Call, showing: Showing, seconds: float | None, *, anew: bool = False
    ) -> Awaited | Page | Answer:
        """A result that is not older than that, if one is kept; otherwise a run. Raises NotFound, Forbidden."""
        found = dataclips.find(call.context, call.actor, call.app, call.params["dataclip"])
        kept = dataclips.result(call.context, found.dataclip)
        fresh = kept is not None and (seconds is None or kept.ran_at > now() - timedelta(seconds=seconds))
        if kept is not None and fresh and not anew:
            return _told(call, found, kept, showing)
        try:
            future = self._runs.begin(found.dataclip)
        except CeladonError as error:
            return _failed(call, found, error.message)
        return Awaited(look=lambda: _look(call, found, future, showing), seconds=self._runs.limits.deadline + PATIENCE)


def _look(call: Call, found: Described, future: "Future[Result]", showing: Showing) -> tuple[Answer | Page, bool]:
    if not future.done():
        return _failed(call, found, "It still runs: look again in a moment."), False
    try:
        return _told(call, found, future.result(), showing), True
    except CeladonError as error:
        return _failed(call, found, error.message), True


def _told(call: Call, found: Described, result: Result, showing: Showing) -> Page | Answer:
    """What the server says against a query is the page: whoever sees it may change that."""
    outcome = clip_forms.outcome_of(result)
    if outcome.failure is not None:
        return _failed(call, found, clip_forms.sentence(outcome.failure))
    return showing(call, found, result)


def _failed(call: Call, found: Described, words: str) -> Page:
    return dashboard_page(
        call,
        "dataclip_result.html",
        section="dataclips",
        found=found,
        path=path_of(found),
        failure=words,
        result=None,
        outcome=None,
    )


def _page(call: Call, found: Described, result: Result) -> Page:
    outcome, number = clip_forms.outcome_of(result), _number(call)
    size = max(1, min(_ROWS, _CELLS // max(1, len(outcome.columns))))
    pages = max(1, -(-outcome.count // size))
    first = (min(number, pages) - 1) * size
    rows = [[_short(cell) for cell in row] for row in islice(clip_forms.cells(outcome), first, first + size)]
    return dashboard_page(
        call,
        "dataclip_result.html",
        section="dataclips",
        found=found,
        path=path_of(found),
        failure="",
        result=result,
        outcome=outcome,
        rows=rows,
        first=first + 1,
        page=min(number, pages),
        pages=pages,
        numbers=NUMBERS,
    )


def _short(cell: str | None) -> str | None:
    return cell if cell is None or len(cell) <= _CELL else f"{cell[:_CELL]}…"


def _number(call: Call) -> int:
    given = call.request.query.get("page", "")
    return max(1, int(given)) if given.isascii() and given.isdigit() and len(given) < 7 else 1


def _csv(call: Call, found: Described, result: Result) -> Page:
    text = clip_forms.as_csv(clip_forms.answered(result))
    return _file(text, "text/csv; charset=utf-8", "dataclip.csv")


def _json(call: Call, found: Described, result: Result) -> Page:
    value = clip_forms.as_json(found.dataclip, result, clip_forms.answered(result))
    return _file(msgspec.json.encode(value).decode(), "application/json", "dataclip.json")


def _file(text: str, kind: str, name: str) -> Page:
    return Page(text=text, kind=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def routes(runs: Runs) -> tuple[Route, ...]:
    pages = DataclipPages(runs)
    one = "/dashboard/dataclips/:app/:dataclip"
    return (
        route(f"GET {one}/result", "dataclip:read", pages.show, Door.BROWSER),
        route(f"GET {one}/csv", "dataclip:read", pages.csv, Door.BROWSER),
        route(f"GET {one}/json", "dataclip:read", pages.json, Door.BROWSER),
    )
