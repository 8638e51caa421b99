"""App features: what an app's owner may switch on and off."""

from dataclasses import dataclass

from celadon.model.errors import InvalidParams, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """`on` is how it is before anybody switches it; a `fixed` one stays so."""

    name: str
    description: str
    on: bool
    fixed: bool = False


PREBOOT = "preboot"
RUNTIME_METRICS = "log-runtime-metrics"

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
    ),
    Feature(
        name=PREBOOT,
        description="New web dynos take requests before the old ones leave.",
        on=True,
    ),
)


def find(name: str) -> Feature:
    """Raises NotFound."""
    for feature in FEATURES:
        if feature.name == name:
            return feature
    known = ", ".join(feature.name for feature in FEATURES)
    raise NotFound("app_feature", f"Couldn't find that app feature: there are {known}.")


def check_switch(feature: Feature, enabled: bool) -> None:
    """Raises InvalidParams for one that cannot be switched."""
    if feature.fixed and enabled != feature.on:
        raise InvalidParams(
            f"cannot switch {feature.name} {'on' if enabled else 'off'}: it is the same for all apps here"
        )
