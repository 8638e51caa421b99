"""Accounts and what proves who they are: keys, authorizations, the actor of a request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from celadon.model import team
from celadon.model.errors import InvalidParams

# What browsers take for an address (HTML, 4.10.5.1.5), a host of one label included: no quotes, no blanks, ASCII alone.
_EMAIL = re.compile(
    r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}\Z)[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*\Z"
)

GLOBAL_SCOPE = ("global",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who: a person with an e-mail address. The operator may do everything on the platform."""

    id: str
    email: str
    name: str | None
    password_hash: str
    operator: bool
    verified: bool
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None = None
    deleted_at: datetime | None = None
    allow_tracking: bool = False
    preferences: Mapping[str, object] = field(default_factory=dict)
    # A second factor: the secret (encrypted) may be there before it is on. `two_factor_step` is the time step (30 s) of
    # the last code that was taken, so that none is taken twice.
    two_factor: bool = False
    two_factor_secret: bytes | None = field(default=None, repr=False)
    two_factor_step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public SSH key; it belongs to one account. `fingerprint` is `SHA256:…` as ssh-keygen prints it."""

    id: str
    account_id: str
    public_key: str
    fingerprint: str
    comment: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A token with scopes. The token itself is known only to its holder; `token_hint` is its first characters."""

    id: str
    account_id: str
    description: str
    scope: tuple[str, ...]
    token_hash: str
    token_hint: str
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    # Somebody else's program that acts with it, and what that program gets new tokens or its first ones for.
    client_id: str | None = None
    session_id: str | None = None
    refresh_hash: str | None = None
    grant_hash: str | None = None
    grant_expires_at: datetime | None = None
    # Seconds that a token of it lasts from when it is made; None: until it is revoked.
    lifetime: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks for an action, with which scopes and from which IP address.

    `authorization_id` is None for a password or an SSH key.
    """

    account: Account
    scope: tuple[str, ...] = field(default=GLOBAL_SCOPE)
    authorization_id: str | None = None
    address: str | None = None

    @property
    def email(self) -> str:
        return self.account.email


def check_email(email: str) -> str:
    """The address as it is kept (lower case); raises InvalidParams when it is none, or one of a team."""
    # `=?` begins what mail headers read as other text (RFC 2047).
    if not _EMAIL.match(email) or "=?" in email:
        raise InvalidParams(f"cannot use {email[:80]!r} as an e-mail address: it must look like name@host")
    if email.lower().endswith(team.ADDRESS):
        raise InvalidParams(f"cannot use {email[:80]!r} as an e-mail address: it stands for a team")
    return email.lower()
