"""Which names and stages a pipeline has, and what targets make of their promotion."""

from datetime import UTC, datetime

import pytest

from celadon.model import pipeline, promotion, release
from celadon.model.errors import InvalidParams
from celadon.model.promotion import PromotionStatus, Target, TargetStatus


@pytest.mark.parametrize("name", ["abc", "my-shop", "a" * 30, "a--", "a01"])
def test_a_name_can_be_a_pipelines(name: str) -> None:
    assert pipeline.check_name(name) == name


@pytest.mark.parametrize("name", ["", "ab", "a" * 31, "1abc", "-abc", "My-shop", "a_b", "abc\n", "büc"])
def test_a_name_cannot_be_a_pipelines(name: str) -> None:
    with pytest.raises(InvalidParams, match="cannot name a pipeline"):
        pipeline.check_name(name)


def test_stages_are_those_of_the_schema() -> None:
    for name in ("test", "review", "development", "staging", "production"):
        assert pipeline.stage_named(name) == name
    with pytest.raises(InvalidParams, match="the stages are test, review, development, staging, production"):
        pipeline.stage_named("Production")


def target(status: TargetStatus) -> Target:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Target(
        id="t",
        promotion_id="p",
        app_id="a",
        status=status,
        error_message=None,
        release_id=None,
        created_at=at,
        updated_at=at,
    )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["pending"], "pending"),
        (["succeeded", "pending", "failed"], "pending"),
        (["succeeded", "failed"], "completed"),
        (["failed"], "completed"),
    ],
)
def test_a_promotion_is_completed_when_no_target_is_pending(statuses: list[str], expected: str) -> None:
    targets = [target(TargetStatus(status)) for status in statuses]
    assert promotion.status_of(targets) is PromotionStatus(expected)


def test_the_description_names_app_release_and_commit() -> None:
    assert release.promote_description("shop-staging", 12, "abc1234def") == "Promote shop-staging v12 abc1234"
    assert release.promote_description("shop-staging", 12, None) == "Promote shop-staging v12"
