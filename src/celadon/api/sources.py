"""Sources: URLs to upload an archive of code to, and to build it from."""

from celadon.actions import sources
from celadon.api.answer import Answer
from celadon.api.request import Call


def create(call: Call) -> Answer:
    return _answer(call, None)


def create_of_app(call: Call) -> Answer:
    return _answer(call, call.app)


def _answer(call: Call, app_name: str | None) -> Answer:
    source = sources.create(call.context, call.actor, app_name)
    urls = {f"{verb}_url": f"{call.api_url}{sources.path(call.context, verb, source.id)}" for verb in ("get", "put")}
    return Answer(value={"source_blob": urls}, status=201)
