"""App setups: an app made from a source and the app.json in it, or from an app.json alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class SetupStep(StrEnum):
    """What a setup is at: app.json is to be read; the add-ons that it wants are made; the build runs, and what it released
    its release command; the postdeploy script runs; it is over, well or not. One from an app.json alone begins with
    waiting for the first release of code that succeeds.
    """

    READING = "reading"
    AWAITING = "awaiting"
    PROVISIONING = "provisioning"
    BUILDING = "building"
    POSTDEPLOY = "postdeploy"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


OVER = frozenset({SetupStep.SUCCEEDED, SetupStep.FAILED})

# What stands for an exit code that nobody saw.
UNSEEN = -1
# Of what a postdeploy script writes so many bytes are kept, the last ones.
OUTPUT_LIMIT = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSetup:
    """`env` and `buildpacks` are overrides of app.json, `env` until that has been read.

    `build_id` is None for a setup from an app.json alone. `addons` are the ids of those that app.json wants before the build;
    `formation` (type → quantity and size), `postdeploy`, the size of its dyno and `success_url` are what it wants once the app
    is built. `dyno_id` is the one-off that runs the postdeploy script; `output` and `exit_code` are how that ended.
    """

    id: str
    app_id: str
    account_id: str
    step: SetupStep
    created_at: datetime
    updated_at: datetime
    build_id: str | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    buildpacks: tuple[str, ...] | None = None
    addons: tuple[str, ...] = ()
    formation: Mapping[str, tuple[int | None, str | None]] = field(default_factory=dict)
    postdeploy: str | None = None
    postdeploy_size: str | None = None
    success_url: str | None = None
    dyno_id: str | None = None
    output: str | None = field(default=None, repr=False)
    exit_code: int | None = None
    manifest_errors: tuple[str, ...] = ()
    failure_message: str | None = None

    @property
    def status(self) -> str:
        """In the API's words."""
        return self.step.value if self.step in OVER else "pending"

    @property
    def keeps_app(self) -> bool:
        """Whether the app stays when this fails: its code comes from its people, who go on with it."""
        return self.build_id is None
