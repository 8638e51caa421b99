"""Attachments of add-ons."""

from collections.abc import Mapping

from celadon.actions import addons, attachments, sign_ons
from celadon.actions.attachments import Described
from celadon.api import plans, shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.addon import Attachment
from celadon.model.app import App

_BY_ID = {"id": lambda one: one.attachment.id, "name": lambda one: f"{one.attachment.name}~{one.attachment.id}"}


def list_visible(call: Call) -> Listing:
    return _listing(call, attachments.list_visible(call.context, call.actor))


def list_of_app(call: Call) -> Listing:
    return _listing(call, attachments.list_of_app(call.context, call.actor, call.app))


def list_of_addon(call: Call) -> Listing:
    addon = addons.find(call.context, call.actor, call.params["addon"]).addon
    return _listing(call, attachments.list_of_addon(call.context, call.actor, addon))


def _listing(call: Call, found: list[Described]) -> Listing:
    return Listing(items=found, attributes=_BY_ID, shape=lambda one: shape(call, one))


def show(call: Call) -> Answer:
    return _answer(call, attachments.find(call.context, call.actor, call.params["attachment"]))


def show_in_app(call: Call) -> Answer:
    return _answer(call, attachments.find_in_app(call.context, call.actor, call.app, call.params["attachment"]))


def create(call: Call) -> Answer:
    body = call.body()
    made = attachments.create(
        call.context,
        call.actor,
        addon=body.needed_reference("addon"),
        app=body.needed_reference("app"),
        name=body.text("name"),
        namespace=body.text("namespace"),
        confirm=body.text("confirm"),
    )
    return _answer(call, made, 201)


def destroy(call: Call) -> Answer:
    gone = attachments.destroy(call.context, call.actor, call.params["attachment"])
    return Answer(value=shape(call, gone))


def resolve(call: Call) -> Listing:
    body = call.body()
    found = attachments.resolve(
        call.context,
        call.actor,
        body.needed_reference("addon_attachment"),
        body.reference("app"),
        body.reference("addon_service"),
    )
    return _listing(call, found)


def _answer(call: Call, found: Described, status: int = 200) -> Answer:
    return Answer(value=shape(call, found), status=status, changed_at=found.attachment.updated_at)


def shape(call: Call, found: Described) -> dict[str, object]:
    included = {part.strip() for part in call.request.headers.get("accept-inclusion", "").split(",")}
    addon: dict[str, object] = {"app": shapes.app(found.owner), "id": found.addon.id, "name": found.addon.name}
    if "addon:plan" in included:
        addon["plan"] = plans.shape(found.service, found.plan)
    url = sign_ons.web_url(call.context, found.app, found.addon, found.service)
    shown = shape_of(found.attachment, found.app, addon, url)
    return {**shown, "config_vars": list(found.config_vars)} if "config_vars" in included else shown


def shape_of(
    attachment: Attachment, app: App, addon: Mapping[str, object], web_url: str | None = None
) -> dict[str, object]:
    """Of an attachment, or of what is known of one that is gone."""
    return {
        "addon": addon,
        "app": shapes.app(app),
        "created_at": shapes.instant(attachment.created_at),
        "id": attachment.id,
        "log_input_url": None,
        "name": attachment.name,
        "namespace": attachment.namespace,
        "updated_at": shapes.instant(attachment.updated_at),
        "web_url": web_url,
    }
