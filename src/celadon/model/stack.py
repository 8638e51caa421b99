"""Stacks: the system that apps are built and run on. There is one to build on; the names of
Heroku's former ones are known."""

from celadon.model.errors import InvalidParams

CURRENT = "cedar"
# What runs an app whose code is an image: that brings its own system.
CONTAINER = "container"
# Their systems get no security patches any more. A platform never had them: who brings an app asks for them.
RETIRED = (
    "aspen-mri-1.8.6",
    "bamboo-mri-1.9.2",
    "bamboo-ree-1.8.7",
    "cedar-14",
    "heroku-16",
    "heroku-18",
    "heroku-20",
)


def check(name: str | None, intent: str) -> None:
    """Raises InvalidParams for a stack that nothing can be built on; `intent` is what was asked for."""
    if name in (None, CURRENT):
        return
    if name == CONTAINER:
        raise InvalidParams(
            f"cannot {intent} stack {CONTAINER}: an app gets it with an image, by `celadon container:import IMAGE`, and "
            f"goes back to {CURRENT} with the next push"
        )
    only = f"the only stack here is {CURRENT}"
    if name in RETIRED:
        raise InvalidParams(
            f"cannot {intent} stack {name}: it is retired, its system gets no security patches; {only}. Set it, and push: "
            f"the next build says what does not work on it"
        )
    raise InvalidParams(f"cannot {intent} stack {str(name)[:40]!r}: {only}")
