"""Promotions: the slug of one app's release goes to other apps of its pipeline, each of which makes a release of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PromotionStatus(StrEnum):
    """Completed when no target is pending, however they ended."""

    PENDING = "pending"
    COMPLETED = "completed"


class TargetStatus(StrEnum):
    """Pending until the target's release has succeeded or failed, its release phase included."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What is promoted: the slug of a release of the source app. It outlives its pipeline.

    `description` is that of the releases it makes.
    """

    id: str
    pipeline_id: str
    source_app_id: str
    source_release_id: str
    slug_id: str
    description: str
    account_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One app that is promoted to. `release_id` is None until the slug has been copied and the release made."""

    id: str
    promotion_id: str
    app_id: str
    status: TargetStatus
    error_message: str | None
    release_id: str | None
    created_at: datetime
    updated_at: datetime


# What a target whose release phase failed says, in Heroku's words.
RELEASE_FAILED = "Release command failed"


def status_of(targets: Iterable[Target]) -> PromotionStatus:
    """What the targets make of their promotion."""
    pending = any(target.status is TargetStatus.PENDING for target in targets)
    return PromotionStatus.PENDING if pending else PromotionStatus.COMPLETED
