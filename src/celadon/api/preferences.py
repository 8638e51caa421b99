"""Preferences of the account: what its dashboard remembers."""

import re
from collections.abc import Mapping

from celadon.actions import access, accounts
from celadon.api.account import require_self
from celadon.api.answer import Answer
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.model.errors import InvalidParams

_TEXTS = ("timezone", "default-organization")
_FLAGS = (
    "dismissed-getting-started",
    "dismissed-github-banner",
    "dismissed-org-access-controls",
    "dismissed-org-wizard-notification",
    "dismissed-pipelines-banner",
    "dismissed-pipelines-github-banner",
    "dismissed-sms-banner",
)
# Pipelines whose banner has been sent away.
_PIPELINES = "dismissed-pipelines-github-banners"
_MOST_PIPELINES = 1000
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def show(call: Call) -> Answer:
    require_self(call)
    access.require_account_read(call.actor)
    return Answer(value=shape(call.actor.account.preferences))


def update(call: Call) -> Answer:
    require_self(call)
    values = _given(call.body())
    return Answer(value=shape(accounts.preferences(call.context, call.actor, values).preferences))


def _given(body: Body) -> dict[str, object]:
    """What the body changes; null takes a preference back."""
    given: dict[str, object] = {name: body.text(name, 100) for name in _TEXTS if name in body.values}
    if _PIPELINES in body.values:
        given[_PIPELINES] = _pipelines(body)
    return given | {name: body.flag(name) for name in _FLAGS if name in body.values}


def _pipelines(body: Body) -> list[str] | None:
    given = body.texts(_PIPELINES)
    if given is not None and not (len(given) <= _MOST_PIPELINES and all(_ID.match(one) for one in given)):
        raise InvalidParams(f"cannot keep {_PIPELINES}: it lists ids of pipelines, {_MOST_PIPELINES:,} at most")
    return given


def shape(preferences: Mapping[str, object]) -> dict[str, object]:
    texts = {name: preferences.get(name) for name in (*_TEXTS, _PIPELINES)}
    return texts | {name: preferences.get(name, False) for name in _FLAGS}
