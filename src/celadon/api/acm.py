"""Automatic certificate management of an app."""

from celadon.actions import acm
from celadon.api import apps
from celadon.api.answer import Answer
from celadon.api.request import Call


def enable(call: Call) -> Answer:
    return apps.answer(call, acm.enable(call.context, call.actor, call.app))


def disable(call: Call) -> Answer:
    return apps.answer(call, acm.disable(call.context, call.actor, call.app))


def refresh(call: Call) -> Answer:
    return apps.answer(call, acm.refresh(call.context, call.actor, call.app))
