"""The one tree of errors that users see: each says "cannot X: why", and carries its Platform API id and HTTP status.

CeladonError
├── InvalidParams        422 invalid_params
├── BadRequest           400 bad_request
├── Unauthorized         401 unauthorized
├── Forbidden            403 forbidden
├── TwoFactorRequired    403 two_factor
├── NotFound             404 not_found
├── Conflict             409 conflict
├── VerificationRequired 402 verification_required
├── ConfirmationRequired 422 confirmation_required
├── MultipleMatches      422 multiple_matches
└── RateLimited          429 rate_limit
"""

from typing import ClassVar


class CeladonError(Exception):
    """Something that was asked for cannot be done; the message tells the user why and what to do next."""

    id: ClassVar[str] = "internal_server_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidParams(CeladonError):
    """A value is well formed but not allowed."""

    id = "invalid_params"
    status = 422


class BadRequest(CeladonError):
    """The request itself cannot be read."""

    id = "bad_request"
    status = 400


class Unauthorized(CeladonError):
    """Nobody we know asks."""

    id = "unauthorized"
    status = 401


class Forbidden(CeladonError):
    """Somebody we know asks for what they may not do."""

    id = "forbidden"
    status = 403


class TwoFactorRequired(CeladonError):
    """The account has a second factor and wants its code; clients ask for it and try again."""

    id = "two_factor"
    status = 403


class NotFound(CeladonError):
    """The thing is not there, or not there for the one who asks. `resource` is its kind in the API's words."""

    id = "not_found"
    status = 404

    def __init__(self, resource: str, message: str | None = None) -> None:
        super().__init__(message or f"Couldn't find that {resource.replace('_', ' ')}.")
        self.resource = resource


class Conflict(CeladonError):
    """The request is fine but not now."""

    id = "conflict"
    status = 409


class VerificationRequired(CeladonError):
    """The account must be verified first."""

    id = "verification_required"
    status = 402


class ConfirmationRequired(CeladonError):
    """What was asked destroys something and wants the app's name typed."""

    id = "confirmation_required"
    status = 422


class MultipleMatches(CeladonError):
    """What was named may be several things; the message names them."""

    id = "multiple_matches"
    status = 422


class RateLimited(CeladonError):
    """Too many requests for now; in so many seconds there may be room again."""

    id = "rate_limit"
    status = 429

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after
