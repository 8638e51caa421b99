"""Pipelines: which app is in which stage with which code, and bringing it further."""

from collections.abc import Mapping
from urllib.parse import urlencode

from celadon.actions import apps, pipeline_stages, pipelines
from celadon.actions.pipeline_stages import Place
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import steps
from celadon.dashboard.pages import dashboard_page, told
from celadon.model.errors import ConfirmationRequired, InvalidParams
from celadon.model.pipeline import Stage, stage_named
from celadon.model.range import Range

# Columns in this order; tests are run elsewhere, their column is there only when something is in it.
_STAGES = (Stage.TEST, Stage.REVIEW, *pipeline_stages.ORDER)
# Pipelines, apps of a stage, and apps to choose from: so many are in a page.
_PIPELINES, _PLACES, _CHOICES = 200, 50, 500


@told
def list_of(call: Call) -> Page:
    return _list(call)


@told
def create(call: Call) -> Page:
    return steps.take(call, {"create": _create}, _list)


def _list(call: Call, status: int = 200, wrong: str = "") -> Page:
    found = pipelines.list_visible(call.context, call.actor)
    couplings = pipelines.couplings(call.context, call.actor)
    counts: dict[str, int] = {}
    for coupling, _ in couplings:
        counts[coupling.pipeline_id] = counts.get(coupling.pipeline_id, 0) + 1
    given = call.form().get("name", "") if wrong else ""
    return dashboard_page(
        call,
        "pipelines.html",
        status,
        wrong,
        section="pipelines",
        pipelines=found[:_PIPELINES],
        left=len(found[_PIPELINES:]),
        counts=counts,
        given=given,
    )


def _create(call: Call, form: Mapping[str, str]) -> str:
    made = pipelines.create(call.context, call.actor, form.get("name", "").strip())
    return f"/dashboard/pipelines/{made.id}"


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    pipeline, places = pipeline_stages.places(call.context, call.actor, call.params["pipeline"])
    taken = {coupling.app_id for coupling, _ in pipelines.couplings(call.context, call.actor)}
    visible = apps.list_visible(call.context, call.actor, Range(attribute="name", most=_CHOICES))
    return dashboard_page(
        call,
        "pipeline.html",
        status,
        wrong,
        section="pipelines",
        pipeline=pipeline,
        owner=pipeline_stages.owner(call.context, pipeline),
        mine=pipeline_stages.may_change(call.actor, pipeline),
        columns=_columns(places),
        stages=list(_STAGES),
        nexts={stage: pipeline_stages.following(stage) for stage in _STAGES},
        filled={place.coupling.stage for place in places},
        free=[app.name for app, _, _ in visible if app.id not in taken],
        given=call.form() if wrong else {},
    )


def _columns(places: list[Place]) -> list[tuple[Stage, list[Place], int]]:
    """Each stage with its apps, and how many more it has."""
    found = []
    for stage in _STAGES:
        inside = [place for place in places if place.coupling.stage is stage]
        if inside or stage is not Stage.TEST:
            found.append((stage, inside[:_PLACES], len(inside[_PLACES:])))
    return found


def _add(call: Call, form: Mapping[str, str]) -> None:
    name = form.get("app", "").strip()
    if not name:
        raise InvalidParams("cannot add an app: choose one")
    pipelines.couple(call.context, call.actor, call.params["pipeline"], name, stage_named(form.get("stage", "")))


def _move(call: Call, form: Mapping[str, str]) -> None:
    pipelines.move(call.context, call.actor, form.get("coupling", ""), stage_named(form.get("stage", "")))


def _remove(call: Call, form: Mapping[str, str]) -> None:
    pipelines.uncouple(call.context, call.actor, form.get("coupling", ""))


def _rename(call: Call, form: Mapping[str, str]) -> str:
    changed = pipelines.rename(call.context, call.actor, call.params["pipeline"], form.get("name", "").strip())
    return f"/dashboard/pipelines/{changed.id}"


def _destroy(call: Call, form: Mapping[str, str]) -> str:
    pipeline = pipelines.find(call.context, call.actor, call.params["pipeline"])
    if form.get("confirm", "").strip() != pipeline.name:
        raise ConfirmationRequired(f"cannot destroy {pipeline.name}: type its name to say that you mean it")
    pipelines.destroy(call.context, call.actor, pipeline.id)
    return "/dashboard/pipelines"


def address(pipeline_id: str, *words: str, **query: str) -> str:
    """Of a page below a pipeline's."""
    path = "/".join(("/dashboard/pipelines", pipeline_id, *words))
    return f"{path}?{urlencode(query)}" if query else path


_STEPS: dict[str, steps.Step] = {
    "add": _add,
    "move": _move,
    "remove": _remove,
    "rename": _rename,
    "destroy": _destroy,
}
