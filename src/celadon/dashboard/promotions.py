"""Promoting: what it would bring is shown first, then how it goes."""

from collections.abc import Mapping

from celadon.actions import apps, pipeline_stages, promotions, releases
from celadon.actions.pipeline_stages import Difference
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import steps
from celadon.dashboard.pages import dashboard_page, told
from celadon.dashboard.pipelines import address
from celadon.git import history
from celadon.git.history import Between
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.promotion import PromotionStatus, status_of

_TARGETS, _DEPLOYS = 50, 30
# A field of the form that chooses an app: each has one of its own, with its id.
_CHOSEN = "to-"


@told
def ask(call: Call) -> Page:
    """`?app=` goes to the next stage, or to `?to=` alone."""
    return _ask(call)


@told
def create(call: Call) -> Page:
    return steps.take(call, {"promote": _promote}, _ask)


def _ask(call: Call, status: int = 200, wrong: str = "") -> Page:
    query = call.request.query
    to = [query["to"]] if query.get("to") else []
    pipeline, source, found = pipeline_stages.differences(
        call.context, call.actor, call.params["pipeline"], query.get("app", ""), to
    )
    chosen = set(_chosen(call.form())) if wrong else {one.target.app.id for one in found if not one.same}
    return dashboard_page(
        call,
        "promote.html",
        status,
        wrong,
        section="pipelines",
        pipeline=pipeline,
        source=source,
        differences=found[:_TARGETS],
        left=len(found[_TARGETS:]),
        between={one.target.app.id: _between(call, one) for one in found[:_TARGETS]},
        chosen=chosen,
        most=_DEPLOYS,
    )


def _between(call: Call, difference: Difference) -> Between | None:
    """The commits in between, where the source's repository has both and the asker may read it."""
    source, target = difference.source, difference.target
    old, new = (place.slug.commit if place.slug else None for place in (target, source))
    if difference.same or not old or not new or "code:read" not in source.allowed:
        return None
    return history.between(call.context, call.actor, source.app.id, old, new, _DEPLOYS)


def _chosen(form: Mapping[str, str]) -> list[str]:
    return [name.removeprefix(_CHOSEN) for name in form if name.startswith(_CHOSEN)]


def _promote(call: Call, form: Mapping[str, str]) -> str:
    """What was shown is promoted, also when something newer was released meanwhile."""
    targets = _chosen(form)
    if not targets:
        raise InvalidParams("cannot promote: choose at least one app to promote to")
    made, _ = promotions.create(
        call.context,
        call.actor,
        call.params["pipeline"],
        call.request.query.get("app", ""),
        targets,
        form.get("release") or None,
    )
    return address(made.pipeline_id, "promotions", made.id)


@told
def show(call: Call) -> Page:
    """How it goes; the part that changes is asked for again until all is over."""
    promotion, every = promotions.find(call.context, call.actor, call.params["promotion"])
    if promotion.pipeline_id != call.params["pipeline"]:
        raise NotFound("pipeline_promotion")
    targets = promotions.seen(call.context, call.actor, every)
    known = {app.id: app for app in apps.list_of(call.context, call.actor, [one.app_id for one in targets])}
    source = apps.list_of(call.context, call.actor, [promotion.source_app_id])[0]
    made = {
        one.id: releases.find(call.context, call.actor, one.app_id, one.release_id)[1]
        for one in targets[:_TARGETS]
        if one.release_id
    }
    return dashboard_page(
        call,
        "promotion.html",
        section="pipelines",
        promotion=promotion,
        source=source,
        targets=[(one, known[one.app_id], made.get(one.id)) for one in targets[:_TARGETS]],
        left=len(targets[_TARGETS:]),
        pending=status_of(every) is PromotionStatus.PENDING,
    )
