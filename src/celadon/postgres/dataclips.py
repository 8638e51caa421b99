"""What dataclips answer: for who may change them, and for whoever has the link of one, as a page, CSV or JSON."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta

from celadon.actions import dataclips
from celadon.actions.context import now
from celadon.api.answer import Answer, Awaited, Page
from celadon.api.request import Call
from celadon.dashboard.pages import page, said
from celadon.model.dataclip import FRESH, Dataclip, Result
from celadon.model.errors import CeladonError, Conflict, NotFound, RateLimited
from celadon.postgres import clip_forms
from celadon.postgres.clip_outcome import Outcome
from celadon.postgres.clip_runs import Runs

# Seconds beyond those that a run may take: for the start of its program on a busy machine.
PATIENCE = 20.0
NUMBERS = ("int2", "int4", "int8", "float4", "float8", "numeric", "money")
_NOT_INDEXED = {"X-Robots-Tag": "noindex"}

Told = Answer | Page
Showing = Callable[[Dataclip, Result], Told]


class Dataclips:
    """Answers the routes that need a database: those of the role that reaches them."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def run(self, call: Call) -> Awaited:
        """POST /apps/:app/dataclips/:dataclip/actions/run: a new run, for who may read the app's config vars."""
        found = dataclips.find(call.context, call.actor, call.app, call.params["dataclip"])
        return self._awaited(found.dataclip, self._runs.begin(found.dataclip), _anew)

    def show(self, call: Call) -> Answer | Page | Awaited:
        """GET /dataclips/:token, …csv, …json: what was answered within the last minute, or a run."""
        link, dot, ending = call.params["token"].partition(".")
        showing = _SHOWN.get(dot + ending)
        if showing is None:
            raise NotFound("dataclip", f"There is no dataclip as {ending[:20]!r}: there are .csv and .json.")
        try:
            return self._shown(call, link, showing)
        except CeladonError as error:
            return _failed(error, showing)

    def _shown(self, call: Call, link: str, showing: Showing) -> Answer | Page | Awaited:
        dataclip = dataclips.find_shared(call.context, link)
        kept = dataclips.result(call.context, dataclip)
        if kept is not None and kept.ran_at > now() - timedelta(seconds=FRESH):
            return showing(dataclip, kept)
        try:
            return self._awaited(dataclip, self._runs.begin(dataclip), showing)
        except RateLimited:
            if kept is None:
                raise
            return showing(dataclip, kept)

    def _awaited(self, dataclip: Dataclip, future: "Future[Result]", showing: Showing) -> Awaited:
        def look() -> tuple[Told, bool]:
            try:
                if not future.done():
                    raise Conflict("cannot show the dataclip: it still runs; try again in a moment")
                return showing(dataclip, future.result()), True
            except CeladonError as error:
                return _failed(error, showing), future.done()

        return Awaited(look=look, seconds=self._runs.limits.deadline + PATIENCE)


def _failed(error: CeladonError, showing: Showing) -> Told:
    """Errors of a page are a page; the others are told as the API tells them."""
    if showing is _as_page:
        return said("That did not work", error.message, error.status)
    return Answer(value={"id": error.id, "message": error.message}, status=error.status)


def _anew(dataclip: Dataclip, result: Result) -> Answer:
    return Answer(value=clip_forms.as_json(dataclip, result, clip_forms.answered(result)))


def _as_json(dataclip: Dataclip, result: Result) -> Answer:
    return Answer(value=clip_forms.as_json(dataclip, result, _for_everybody(result)), headers=_NOT_INDEXED)


def _as_csv(dataclip: Dataclip, result: Result) -> Page:
    headers = {**_NOT_INDEXED, "Content-Disposition": 'attachment; filename="dataclip.csv"'}
    return Page(text=clip_forms.as_csv(_for_everybody(result)), kind="text/csv; charset=utf-8", headers=headers)


def _as_page(dataclip: Dataclip, result: Result) -> Page:
    outcome = _for_everybody(result)
    rows, more = clip_forms.as_table(outcome)
    return page(
        "dataclip.html", dataclip=dataclip, result=result, outcome=outcome, rows=rows, more=more, numbers=NUMBERS
    )


def _for_everybody(result: Result) -> Outcome:
    """Raises Conflict: what the server says of a query tells of tables and columns that the reader need not know."""
    outcome = clip_forms.outcome_of(result)
    if outcome.failure is not None:
        raise Conflict(
            "cannot show the dataclip: its query has no result now. Who has made it sees why with `celadon dataclips:run`"
        )
    return outcome


_SHOWN: dict[str, Showing] = {"": _as_page, ".csv": _as_csv, ".json": _as_json}
