"""Reports on the health of a database: checks, each red, yellow or green, with what made it so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

KEPT = timedelta(days=30)


class Status(StrEnum):
    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`content` is its checks as JSON: they have statements of the app in them."""

    id: str
    addon_id: str
    content: str
    created_at: datetime


def grade(value: float, yellow: float, red: float) -> Status:
    """The more the worse: yellow and red from these on."""
    return Status.RED if value >= red else Status.YELLOW if value >= yellow else Status.GREEN


def worst(found: Sequence[Status]) -> Status:
    """Of several things the worst; green when there are none."""
    order = (Status.RED, Status.YELLOW)
    return next((status for status in order if status in found), Status.GREEN)
