"""Webhooks: whom an app tells of what happens to it. What is secret of them is shown once, in a header."""

from celadon.actions import webhooks
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.errors import InvalidParams
from celadon.model.webhook import Webhook

_URL_LIMIT = 4000


def list_of(call: Call) -> Listing:
    app, found = webhooks.list_of(call.context, call.actor, call.app)
    return Listing(items=found, attributes=BY_TIME, shape=lambda webhook: shape(app, webhook))


def show(call: Call) -> Answer:
    return _answer(*webhooks.find(call.context, call.actor, call.app, call.params["webhook"]))


def create(call: Call) -> Answer:
    body = call.body()
    include, level, url = body.texts("include"), body.text("level"), body.text("url", _URL_LIMIT)
    if include is None or level is None or url is None:
        raise InvalidParams("cannot add a webhook: give `include` (a list), `level` (notify or sync) and `url`")
    app, webhook, secret = webhooks.create(
        call.context,
        call.actor,
        call.app,
        url=url,
        include=include,
        level=level,
        secret=body.text("secret"),
        authorization=body.text("authorization"),
    )
    return Answer(value=shape(app, webhook), status=201, headers={"Heroku-Webhook-Secret": secret})


def update(call: Call) -> Answer:
    body = call.body()
    app, webhook = webhooks.update(
        call.context,
        call.actor,
        call.app,
        call.params["webhook"],
        url=body.text("url", _URL_LIMIT),
        include=body.texts("include"),
        level=body.text("level"),
        secret=body.text("secret"),
        authorization=body.text("authorization"),
        forget_authorization=body.values.get("authorization", "") is None,
    )
    return _answer(app, webhook)


def destroy(call: Call) -> Answer:
    app, webhook = webhooks.remove(call.context, call.actor, call.app, call.params["webhook"])
    return Answer(value=shape(app, webhook))


def _answer(app: App, webhook: Webhook) -> Answer:
    return Answer(value=shape(app, webhook), changed_at=webhook.updated_at)


def shape(app: App, webhook: Webhook) -> dict[str, object]:
    return {
        "app": shapes.app(app),
        "created_at": shapes.instant(webhook.created_at),
        "id": webhook.id,
        "include": list(webhook.include),
        "level": webhook.level,
        "updated_at": shapes.instant(webhook.updated_at),
        "url": webhook.url,
    }
