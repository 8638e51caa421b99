"""Pipelines: one call of every route."""

from collections.abc import Callable

from tests.api.world import Reply, World

Example = Callable[[World], Reply]


def pipeline(world: World) -> dict[str, str]:
    """The pipeline `shop` with `example` in staging and the fresh app `live` in production; ids by what they are of."""
    made = _made(world, "/pipelines", {"name": "shop"})
    live = _made(world, "/apps", {"name": "live"})
    ids = {"pipeline": made, "live": live, "example": world.made["app"]}
    for app, stage in (("example", "staging"), ("live", "production")):
        body = {"app": app, "pipeline": made, "stage": stage}
        ids[f"{app}-coupling"] = _made(world, "/pipeline-couplings", body)
    return ids


def _made(world: World, path: str, body: object) -> str:
    """The id of something that the example needs."""
    reply = world.call("POST", path, body)
    assert reply.status == 201, reply.content
    return str(reply.json["id"])


def promote(world: World, ids: dict[str, str]) -> Reply:
    """As the official client does."""
    body = {
        "pipeline": {"id": ids["pipeline"]},
        "source": {"app": {"id": ids["example"]}},
        "targets": [{"app": {"id": ids["live"]}}],
    }
    return world.call("POST", "/pipeline-promotions", body)


def _with(method: str, path: str, body: object = None) -> Example:
    def call(world: World) -> Reply:
        return world.call(method, path.format(**pipeline(world)), body)

    return call


def _couple(world: World) -> Reply:
    made = _made(world, "/pipelines", {"name": "shop"})
    return world.call("POST", "/pipeline-couplings", {"app": "example", "pipeline": made, "stage": "staging"})


def _filter(world: World) -> Reply:
    return world.call(
        "POST", "/filters/apps", {"in": {"id": [world.made["app"]]}}, headers={"Range": "id ..; max=1000;"}
    )


def _promote(world: World) -> Reply:
    return promote(world, pipeline(world))


def _promoted(path: str) -> Example:
    def call(world: World) -> Reply:
        return world.get(path.format(promote(world, pipeline(world)).json["id"]))

    return call


def _transfer(world: World) -> Reply:
    ids = pipeline(world)
    owner = {"id": world.made["other"], "type": "user"}
    return world.call("POST", "/pipeline-transfers", {"pipeline": {"id": ids["pipeline"]}, "new_owner": owner})


EXAMPLES: dict[str, Example] = {
    "GET /pipelines": _with("GET", "/pipelines?eq[name]=shop"),
    "POST /pipelines": lambda world: world.call(
        "POST", "/pipelines", {"name": "shop", "owner": {"id": world.actor.account.id, "type": "user"}}
    ),
    "GET /pipelines/:pipeline": _with("GET", "/pipelines/shop"),
    "PATCH /pipelines/:pipeline": _with("PATCH", "/pipelines/{pipeline}", {"name": "store"}),
    "DELETE /pipelines/:pipeline": _with("DELETE", "/pipelines/{pipeline}", {"name": "shop"}),
    "POST /pipeline-transfers": _transfer,
    "GET /pipelines/:pipeline/pipeline-couplings": _with("GET", "/pipelines/{pipeline}/pipeline-couplings"),
    "GET /pipelines/:pipeline/pipeline-stack": _with("GET", "/pipelines/{pipeline}/pipeline-stack"),
    "GET /pipelines/:pipeline/latest-builds": _with("GET", "/pipelines/{pipeline}/latest-builds"),
    "GET /pipelines/:pipeline/latest-deployments": _with("GET", "/pipelines/{pipeline}/latest-deployments"),
    "GET /pipelines/:pipeline/latest-releases": _with("GET", "/pipelines/{pipeline}/latest-releases"),
    "GET /pipeline-couplings": _with("GET", "/pipeline-couplings"),
    "POST /pipeline-couplings": _couple,
    "GET /pipeline-couplings/:coupling": _with("GET", "/pipeline-couplings/{example-coupling}"),
    "PATCH /pipeline-couplings/:coupling": _with(
        "PATCH", "/pipeline-couplings/{example-coupling}", {"stage": "development"}
    ),
    "DELETE /pipeline-couplings/:coupling": _with("DELETE", "/pipeline-couplings/{example-coupling}"),
    "GET /users/~/pipeline-couplings": _with("GET", "/users/~/pipeline-couplings"),
    "GET /apps/:app/pipeline-couplings": _with("GET", "/apps/example/pipeline-couplings"),
    "POST /pipeline-promotions": _promote,
    "GET /pipeline-promotions/:promotion": _promoted("/pipeline-promotions/{}"),
    "GET /pipeline-promotions/:promotion/promotion-targets": _promoted("/pipeline-promotions/{}/promotion-targets"),
    "POST /filters/apps": _filter,
}
CREATED = {
    "POST /pipelines",
    "POST /pipeline-couplings",
    "POST /pipeline-promotions",
    "POST /pipeline-transfers",
}
