"""When a request is sent again: what the platform, or the router before it, says only for a moment."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celadon.cli.connection.client import Reply

# A role that was killed is back within a second; the router answers for it in the meantime.
_RETRY_WAITS = (0.2, 0.5, 1.0)
# So many times, and so many seconds at most at once, `Retry-After` is heeded; what lasts longer is for the user.
_LIMITED_TRIES = 3
LONGEST_WAIT = 10.0


def after_reply(reply: "Reply", method: str, tried: int) -> float | None:
    """Seconds until the request is sent again after `tried` others were; None when this is the answer."""
    if reply.status == 429:
        wait = retry_after(reply)
        return wait if wait is not None and wait <= LONGEST_WAIT and tried < _LIMITED_TRIES else None
    # Without a word from the API itself it was the router that answered: a 503 reached nobody. What a 502 or 504 has
    # reached may have been done, so that only a question is asked again.
    by_router = reply.status == 503 or (reply.status in (502, 504) and method == "GET")
    return after_silence(tried) if by_router and reply.body is None else None


def after_silence(tried: int) -> float | None:
    """The same where nobody answered."""
    return _RETRY_WAITS[tried] if tried < len(_RETRY_WAITS) else None


def retry_after(reply: "Reply") -> float | None:
    """The seconds of `Retry-After`; None where it has none, or a date."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None
