"""The data API, asked by pages of the role that serves it: by the same routes as programs, for who looks at the page."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from celadon.api import request
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.api.route import Route, Table


class DataApi:
    """Its routes; a test has others."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._table = Table(routes)

    def ask(
        self, call: Call, verb: str, body: Mapping[str, object] | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """What `GET /path` and others answer. Raises what the route does: UnknownEndpoint when there is none."""
        method, _, path = verb.partition(" ")
        segments = request.segments(path.encode())
        route, params = self._table.match(method, segments)
        asked = replace(
            call.request,
            method=method,
            path=segments,
            query=query or {},
            content=b"" if body is None else msgspec.json.encode(body),
        )
        answer = route.answer(replace(call, request=asked, params=params))
        assert isinstance(answer, Answer), "the data API answers at once"
        return answer.value
