"""Features: what an app's owner may switch on and off, and what an account may for itself."""

from dataclasses import dataclass

from celadon.model.errors import InvalidParams, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """`on` is how it is before anybody switches it; a `fixed` one stays so.

    Clients list what is `general` as `features`, the rest as `labs`.
    """

    name: str
    description: str
    on: bool
    fixed: bool = False
    state: str = "general"


PREBOOT = "preboot"
RUNTIME_METRICS = "log-runtime-metrics"
RUNTIME_METADATA = "runtime-dyno-metadata"

FEATURES = (
    Feature(
        name="http-request-id",
        description="Each request has an X-Request-ID, in its headers and in the router's line.",
        on=True,
        fixed=True,
    ),
    Feature(
        name=RUNTIME_METRICS,
        description="Every 20 seconds the load and the memory of each dyno are lines of the log.",
        on=False,
        state="public",
    ),
    Feature(
        name="pipelines",
        description="Apps are in stages, between which their code is promoted.",
        on=True,
        fixed=True,
    ),
    Feature(
        name=PREBOOT,
        description="New web dynos take requests before the old ones leave.",
        on=True,
    ),
    Feature(
        name=RUNTIME_METADATA,
        description="New dynos know their app, release and commit, by variables that begin with HEROKU_.",
        on=False,
        state="public",
    ),
    Feature(
        name="websockets",
        description="WebSockets reach the web dynos.",
        on=True,
        fixed=True,
    ),
)

# What Heroku's client asks of a team, to know how to speak to it.
TEAM_FEATURES = (
    Feature(
        name="org-access-controls",
        description="Access to an app of the team is given by permissions.",
        on=True,
        fixed=True,
    ),
    Feature(
        name="team-invite-acceptance",
        description="Who is added to the team by the command line is invited, and accepts.",
        on=True,
        fixed=True,
    ),
)


PRIVATE_ACCOUNT = "private-account"

ACCOUNT_FEATURES = (
    Feature(
        name=PRIVATE_ACCOUNT,
        description="No program of others may act for the account: OAuth grants and the sign-on to add-ons are refused.",
        on=False,
        state="public",
    ),
)


def find(name: str) -> Feature:
    """A feature of apps; raises NotFound."""
    return _find(FEATURES, "app_feature", name)


def find_of_account(name: str) -> Feature:
    """Raises NotFound."""
    return _find(ACCOUNT_FEATURES, "account_feature", name)


def _find(features: tuple[Feature, ...], kind: str, name: str) -> Feature:
    for feature in features:
        if feature.name == name:
            return feature
    known = ", ".join(feature.name for feature in features)
    raise NotFound(kind, f"Couldn't find that {kind.replace('_', ' ')}: there are {known}.")


def check_switch(feature: Feature, enabled: bool) -> None:
    """Raises InvalidParams for one that cannot be switched."""
    if feature.fixed and enabled != feature.on:
        raise InvalidParams(
            f"cannot switch {feature.name} {'on' if enabled else 'off'}: it is the same for all apps here"
        )
