"""Errors that only HTTP has, and how every error is told."""

from collections.abc import Mapping

from celadon.model.errors import CeladonError, NotFound, RateLimited


class NotAcceptable(CeladonError):
    """The client does not say that it speaks version 3."""

    id = "not_acceptable"
    status = 406


class PreconditionFailed(CeladonError):
    """If-Match names another state of the resource than the present one."""

    id = "precondition_failed"
    status = 412


class RequestTooLarge(CeladonError):
    """The body is longer than the API reads."""

    id = "request_too_large"
    status = 413


class RangeNotSatisfiable(CeladonError):
    """The Range header cannot be understood."""

    id = "requested_range_not_satisfiable"
    status = 416


class Unavailable(CeladonError):
    """The platform cannot answer now."""

    id = "service_unavailable"
    status = 503


class Pending(CeladonError):
    """There is no answer yet: the application asks again for a while before it says so."""

    id = "pending"
    status = 503


def shape(error: CeladonError) -> dict[str, object]:
    """The body of an error; `resource` is the kind of thing that was not found, clients of sessions look at it."""
    told: dict[str, object] = {"id": error.id, "message": error.message}
    if isinstance(error, NotFound):
        told["resource"] = error.resource
    return told


def headers(error: CeladonError) -> Mapping[str, str]:
    """What the status demands besides a body."""
    if error.status == 401:
        return {"WWW-Authenticate": 'Basic realm="Celadon"'}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after)}
    if error.status == 503:
        return {"Retry-After": "1"}
    return {}


UNEXPECTED = {"id": "internal_server_error"}


def unexpected(request_id: str) -> dict[str, object]:
    """The body for an error of our own: no detail but the number to find it by."""
    sentence = (
        f"Something went wrong on the platform's side: tell its operator the request id {request_id}, or try again."
    )
    return {**UNEXPECTED, "message": sentence}
