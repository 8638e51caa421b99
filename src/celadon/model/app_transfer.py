"""App transfers: an owner offers an app to another account, which accepts or declines."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from celadon.model.errors import InvalidParams


class TransferState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTransfer:
    """One offer, from the owner of that moment to a recipient."""

    id: str
    app_id: str
    owner_id: str
    recipient_id: str
    state: TransferState
    created_at: datetime
    updated_at: datetime


def answer_of(text: str) -> TransferState:
    """What a recipient may say; raises InvalidParams."""
    if text not in (TransferState.ACCEPTED, TransferState.DECLINED):
        raise InvalidParams(f"cannot answer a transfer with {text[:40]!r}: say accepted or declined")
    return TransferState(text)
