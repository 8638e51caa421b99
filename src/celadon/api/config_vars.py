"""Config vars: one JSON object of names and values."""

from celadon.actions import config_vars, releases
from celadon.api.answer import Answer
from celadon.api.request import Call


def show(call: Call) -> Answer:
    return Answer(value=config_vars.find(call.context, call.actor, call.app))


def show_of_release(call: Call) -> Answer:
    return Answer(value=releases.config_vars(call.context, call.actor, call.app, call.params["release"]))


def update(call: Call) -> Answer:
    body = call.body()
    changed = {name: body.raw_text(name) for name in body.values}
    after, _ = config_vars.update(call.context, call.actor, call.app, changed)
    return Answer(value=after)
