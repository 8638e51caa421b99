"""The platform says no: what the user reads of it."""

from typing import TYPE_CHECKING, Any

from celadon.cli.connection import patience
from celadon.cli.failure import ApiFailure

if TYPE_CHECKING:
    from celadon.cli.connection.client import Reply
    from celadon.cli.connection.platforms import Platform


def failure(platform: "Platform", reply: "Reply", method: str, path: str, sent: Any) -> ApiFailure:
    """The API's own sentence where there is one, and what to do."""
    body = reply.body if isinstance(reply.body, dict) else {}
    return ApiFailure(
        *_lines(platform.api_url, reply, method, str(body.get("message") or "").splitlines()),
        http_status=reply.status,
        id=str(body.get("id", "")),
        resource=str(body.get("resource", "")),
        path=path,
        sent=sent,
    )


def _lines(url: str, reply: "Reply", method: str, said: list[str]) -> list[str]:
    if reply.status == 401:
        return [
            f"Not logged in to {url}: the credentials are missing or no longer valid.",
            "Run `celadon login` first.",
        ]
    if reply.status < 400:
        # Following it would give our token to whoever the answer names.
        return [f"{url} answered {reply.status}: it sends us elsewhere, and we do not go there."]
    if reply.status == 429:
        return [*(said or ["Too many requests for now."]), *_when(reply, said)]
    if reply.status in (502, 503, 504) and not said:
        again = (
            "Try again in a minute."
            if reply.status == 503 or method == "GET"
            else "What you asked for may have been done: look, before you try again."
        )
        return [f"{url} is not available for now: its router answered {reply.status}.", again]
    lines = said or [f"{url} answered {reply.status} without saying why."]
    if reply.status >= 500 and (request_id := reply.headers.get("request-id")):
        lines = [*lines, f"The platform's log has more under Request-Id {request_id}."]
    return lines


def _when(reply: "Reply", said: list[str]) -> list[str]:
    wait = patience.retry_after(reply)
    if wait is not None and wait > patience.LONGEST_WAIT:
        return [f"Try again in {_duration(int(wait))}."]
    return [] if said else ["Wait a minute and try again."]


def _duration(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
