"""Pipelines: no app is in one."""

from celadon.actions import apps
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.errors import NotFound


def coupling_of_app(call: Call) -> Answer:
    app = apps.find(call.context, call.actor, call.app)
    raise NotFound("pipeline_coupling", f"Couldn't find that pipeline coupling: {app.name} is in no pipeline.")
