"""Automatic certificate management of an app."""

from celadon.actions import acm
from celadon.api import apps
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.errors import InvalidParams


def enable(call: Call) -> Answer:
    return apps.answer(call, acm.enable(call.context, call.actor, call.app))


def disable(call: Call) -> Answer:
    return apps.answer(call, acm.disable(call.context, call.actor, call.app))


def refresh(call: Call) -> Answer:
    if not call.body().flag("acm_refresh"):
        raise InvalidParams("cannot refresh: give `acm_refresh`: true")
    return apps.answer(call, acm.refresh(call.context, call.actor, call.app))
