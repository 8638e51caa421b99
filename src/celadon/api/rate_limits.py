"""The rate limit; asking for it is free."""

from celadon.api.answer import Answer
from celadon.api.request import Call


def show(call: Call) -> Answer:
    return Answer(value={"remaining": call.remaining})
