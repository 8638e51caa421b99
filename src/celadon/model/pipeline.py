"""Pipelines: apps of one code base in stages, between which slugs are promoted."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from celadon.model.errors import InvalidParams

# Apps of one pipeline: clients ask for all of them at once.
MOST = 1000
_NAME = re.compile(r"^[a-z][a-z0-9-]{2,29}\Z")


class Stage(StrEnum):
    """What an app is for; code moves from development to staging to production."""

    TEST = "test"
    REVIEW = "review"
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """`name` is one of its owner's: others may have pipelines of the same name."""

    id: str
    name: str
    owner_id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupling:
    """An app's place in a pipeline; an app has one at most."""

    id: str
    pipeline_id: str
    app_id: str
    stage: Stage
    created_at: datetime
    updated_at: datetime


def check_name(name: str) -> str:
    """The name; raises InvalidParams when it cannot be a pipeline's."""
    if not _NAME.match(name):
        raise InvalidParams(
            f"cannot name a pipeline {name[:40]!r}: a name has 3 to 30 lower-case letters, digits and dashes, and "
            "begins with a letter"
        )
    return name


def stage_named(name: str) -> Stage:
    """Raises InvalidParams for a stage there is not."""
    try:
        return Stage(name)
    except ValueError:
        raise InvalidParams(f"cannot use stage {name[:40]!r}: the stages are {', '.join(Stage)}") from None
