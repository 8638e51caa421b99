"""Who else gets what an app says: log drains get its lines, webhooks what happens to it."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from celadon.actions import log_drains, webhooks
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import settings, steps
from celadon.dashboard.pages import told


@told
def show(call: Call) -> Page:
    """URLs may hold secrets: `?reveal=` shows them whole."""
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, {"add": _add, "remove": _remove, "remove-webhook": _remove_webhook}, _page)


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    may, reveal = settings.allowed(call), "reveal" in call.request.query
    found = log_drains.list_of(call.context, call.actor, call.app)[1] if "drain:read" in may else []
    hooks = webhooks.list_of(call.context, call.actor, call.app)[1] if "webhook:read" in may else []
    return settings.settings_page(
        call,
        "drains",
        "drains.html",
        status,
        wrong,
        here=steps.whole(call),
        drains=[(one, one.url if reveal else place(one.url)) for one in found],
        webhooks=[(one, one.url if reveal else place(one.url)) for one in hooks],
        reveal=reveal,
    )


def place(url: str) -> str:
    """Where a URL leads, without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    hidden = "@" in parts.netloc or parts.path.strip("/") or parts.query
    return f"{parts.scheme}://{host}{'/…' if hidden else ''}"


def _add(call: Call, form: Mapping[str, str]) -> None:
    log_drains.add(call.context, call.actor, call.app, form.get("url", "").strip())


def _remove(call: Call, form: Mapping[str, str]) -> None:
    log_drains.remove(call.context, call.actor, call.app, form.get("drain", ""))


def _remove_webhook(call: Call, form: Mapping[str, str]) -> None:
    webhooks.remove(call.context, call.actor, call.app, form.get("webhook", ""))
