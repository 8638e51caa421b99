"""Guests: who has begun something in an app that goes on, such as a terminal in a dyno or the tail of its log."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Whose it is, in which app, and with which token it was begun: None for a password."""

    account_id: str
    authorization_id: str | None
    app_id: str


class Loss(StrEnum):
    """Why a guest may not stay."""

    APP = "app_destroyed"
    TOKEN = "token_revoked"
    ACCESS = "access_lost"


def why(loss: Loss, what: str) -> str:
    """The same for the guest, in words; `what` is what they may not do any more."""
    if loss is Loss.ACCESS:
        return f"you may not {what} any more"
    return "the app was destroyed" if loss is Loss.APP else "you have logged out, or your token was revoked"
