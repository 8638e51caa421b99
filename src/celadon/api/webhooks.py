"""Webhooks: whom an app tells of what happens to it. What is secret of them is shown once, in a header."""

from celadon.actions import webhooks
from celadon.actions.webhooks import OfAddOn, Whose
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.request import Call
from celadon.model.addon import AddOn
from celadon.model.app import App
from celadon.model.errors import InvalidParams
from celadon.model.webhook import Webhook

_URL_LIMIT = 4000


def whose(call: Call) -> Whose:
    """An add-on's provider has its own routes, an app the others."""
    return OfAddOn(call.params["addon"]) if "addon" in call.params else call.app


def list_of(call: Call) -> Listing:
    of, found = webhooks.list_of(call.context, call.actor, whose(call))
    return Listing(items=found, attributes=BY_TIME, shape=lambda webhook: shape(of, webhook))


def show(call: Call) -> Answer:
    return _answer(*webhooks.find(call.context, call.actor, whose(call), call.params["webhook"]))


def create(call: Call) -> Answer:
    body = call.body()
    include, level, url = body.texts("include"), body.text("level"), body.text("url", _URL_LIMIT)
    if include is None or level is None or url is None:
        raise InvalidParams("cannot add a webhook: give `include` (a list), `level` (notify or sync) and `url`")
    of, webhook, secret = webhooks.create(
        call.context,
        call.actor,
        whose(call),
        url=url,
        include=include,
        level=level,
        secret=body.text("secret"),
        authorization=body.text("authorization"),
    )
    return Answer(value=shape(of, webhook), status=201, headers={"Heroku-Webhook-Secret": secret})


def update(call: Call) -> Answer:
    body = call.body()
    of, webhook = webhooks.update(
        call.context,
        call.actor,
        whose(call),
        call.params["webhook"],
        url=body.text("url", _URL_LIMIT),
        include=body.texts("include"),
        level=body.text("level"),
        secret=body.text("secret"),
        authorization=body.text("authorization"),
        forget_authorization=body.values.get("authorization", "") is None,
    )
    return _answer(of, webhook)


def destroy(call: Call) -> Answer:
    of, webhook = webhooks.remove(call.context, call.actor, whose(call), call.params["webhook"])
    return Answer(value=shape(of, webhook))


def _answer(of: App | AddOn, webhook: Webhook) -> Answer:
    return Answer(value=shape(of, webhook), changed_at=webhook.updated_at)


def shape(of: App | AddOn, webhook: Webhook) -> dict[str, object]:
    about = {"addon": {"id": of.id, "name": of.name}} if isinstance(of, AddOn) else {"app": shapes.app(of)}
    return {
        **about,
        "created_at": shapes.instant(webhook.created_at),
        "id": webhook.id,
        "include": list(webhook.include),
        "level": webhook.level,
        "updated_at": shapes.instant(webhook.updated_at),
        "url": webhook.url,
    }
