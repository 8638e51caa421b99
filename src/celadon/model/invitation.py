"""What a link in a mail lets somebody do: make an account, set a password, use an address."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# How long such links work, and how soon another letter may go to the same address.
INVITED_FOR = timedelta(days=14)
CONFIRMED_WITHIN = timedelta(hours=24)
BETWEEN_LETTERS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Whoever has the token may make the account of this address. `invited_by` is None for one who asked."""

    id: str
    email: str
    token_hash: str
    invited_by: str | None
    created_at: datetime
    expires_at: datetime


class Purpose(StrEnum):
    PASSWORD = "password"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """Whoever has the token may set a new password, or make `value` the account's address."""

    id: str
    account_id: str
    purpose: Purpose
    value: str | None
    token_hash: str
    created_at: datetime
    expires_at: datetime
