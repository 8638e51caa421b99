"""Promotions of a slug from one app of a pipeline to others."""

from celadon.actions import promotions
from celadon.api import shapes
from celadon.api.answer import BY_ID, Answer, Listing
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.model.errors import InvalidParams
from celadon.model.promotion import Promotion, Target, status_of


def create(call: Call) -> Answer:
    body = call.body()
    pipeline, source = body.reference("pipeline"), body.entry("source")
    app = source.reference("app") if source else None
    if pipeline is None or source is None or app is None:
        raise InvalidParams("cannot promote: give `pipeline` and `source.app`, each with its `id`, and `targets`")
    targets = [_app(entry) for entry in body.needed_entries("targets")]
    release = source.reference("release")
    return _answer(*promotions.create(call.context, call.actor, pipeline, app, targets, release), status=201)


def _app(target: Body) -> str:
    app = target.reference("app")
    if app is None:
        raise InvalidParams("cannot promote: each of `targets` needs its `app`")
    return app


def show(call: Call) -> Answer:
    return _answer(*promotions.find(call.context, call.actor, call.params["promotion"]))


def targets_of(call: Call) -> Listing:
    _, targets = promotions.find(call.context, call.actor, call.params["promotion"])
    return Listing(items=promotions.seen(call.context, call.actor, targets), attributes=BY_ID, shape=target_shape)


def _answer(promotion: Promotion, targets: list[Target], status: int = 200) -> Answer:
    changed_at = max(target.updated_at for target in targets)
    value = {
        "created_at": shapes.instant(promotion.created_at),
        "id": promotion.id,
        "pipeline": {"id": promotion.pipeline_id},
        "source": {"app": {"id": promotion.source_app_id}, "release": {"id": promotion.source_release_id}},
        "status": status_of(targets),
        "updated_at": shapes.instant(changed_at),
    }
    return Answer(value=value, status=status, changed_at=changed_at)


def target_shape(target: Target) -> dict[str, object]:
    return {
        "app": {"id": target.app_id},
        "error_message": target.error_message,
        "id": target.id,
        "pipeline_promotion": {"id": target.promotion_id},
        "release": {"id": target.release_id} if target.release_id else None,
        "status": target.status,
    }
