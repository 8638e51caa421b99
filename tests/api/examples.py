"""One call of every route: a new route without an example fails its test."""

from collections.abc import Callable

from tests import certified
from tests.api import (
    examples_accounts,
    examples_addons,
    examples_app_setups,
    examples_code,
    examples_dataclips,
    examples_log_drains,
    examples_pipelines,
    examples_scheduler_jobs,
    examples_teams,
    examples_webhooks,
)
from tests.api.world import OTHER_KEY, PASSWORD, Reply, World, basic

from celadon.actions import builds
from celadon.model.dyno import DynoState
from celadon.store import dynos as stored_dynos

Example = Callable[[World], Reply]


def _get(path: str) -> Example:
    return lambda world: world.get(path.format(**world.made))


def _send(method: str, path: str, body: object = None) -> Example:
    return lambda world: world.call(method, path.format(**world.made), body)


def _cancel_build(world: World) -> Reply:
    pending = builds.create(world.context, world.actor, "example", commit="abc")
    return world.call("DELETE", f"/apps/example/builds/{pending.id}")


def _log_in(world: World) -> Reply:
    body = {"description": "CLI login", "expires_in": 2592000, "scope": ["global"]}
    headers = {"Authorization": basic(world.actor.email, PASSWORD)}
    return world.call("POST", "/oauth/authorizations", body, token=None, headers=headers)


def _revoke(world: World) -> Reply:
    listed = world.get("/oauth/authorizations").json
    return world.call("DELETE", f"/oauth/authorizations/{listed[0]['id']}")


def _resize_terminal(world: World) -> Reply:
    body = {"attach": True, "command": "bash", "env": {"TERM": "xterm", "COLUMNS": 80, "LINES": 24}}
    name = world.call("POST", "/apps/example/dynos", body).json["name"]
    return world.call("PATCH", f"/apps/example/dynos/{name}", {"columns": 120, "lines": 40})


def _exec(world: World) -> Reply:
    with world.context.database.transaction() as tx:
        dyno = stored_dynos.find_by_id(tx, world.made["dyno"])
        assert dyno is not None
        stored_dynos.update(tx, dyno.id, now=dyno.updated_at, state=DynoState.UP, container_id="dyno-of-the-example")
    body = {"command": "bash", "env": {"TERM": "xterm", "COLUMNS": 80, "LINES": 24}}
    return world.call("POST", f"/apps/example/dynos/{dyno.name}/exec-sessions", body)


def _resize_exec(world: World) -> Reply:
    made = _exec(world).json
    path = f"/apps/example/dynos/{made['dyno']['name']}/exec-sessions/{made['id']}"
    return world.call("PATCH", path, {"columns": 120, "lines": 40})


_AUTHORITY = certified.root()
_CERTIFICATE = _AUTHORITY.issue("www.example.com", "www.example.com")
PAIR = {"certificate_chain": _CERTIFICATE.pem + _AUTHORITY.pem, "private_key": _CERTIFICATE.key}


def _with_certificate(method: str, body: object = None) -> Example:
    def call(world: World) -> Reply:
        name = world.call("POST", "/apps/example/sni-endpoints", PAIR).json["name"]
        return world.call(method, f"/apps/example/sni-endpoints/{name}", body)

    return call


def _attach_certificate(world: World) -> Reply:
    world.call("POST", "/apps/example/domains", {"hostname": "www.example.com"})
    name = world.call("POST", "/apps/example/sni-endpoints", PAIR).json["name"]
    return world.call("PATCH", "/apps/example/domains/www.example.com", {"sni_endpoint": name})


def _refresh_acm(world: World) -> Reply:
    world.call("POST", "/apps/example/acm", {})
    return world.call("PATCH", "/apps/example/acm")


def _remove_domain(world: World) -> Reply:
    world.call("POST", "/apps/example/domains", {"hostname": "www.example.com"})
    return world.call("DELETE", "/apps/example/domains/www.example.com")


EXAMPLES: dict[str, Example] = {
    **examples_pipelines.EXAMPLES,
    **examples_teams.EXAMPLES,
    "GET /account": _get("/account"),
    "PATCH /account": _send("PATCH", "/account", {"name": "Ada"}),
    "GET /users/:account": _get("/users/~"),
    "PATCH /users/:account": _send("PATCH", "/users/ada@example.com", {"name": "Ada"}),
    "GET /users/:account/apps": _get("/users/~/apps"),
    "GET /account/keys": _get("/account/keys"),
    "POST /account/keys": _send("POST", "/account/keys", {"public_key": OTHER_KEY}),
    "GET /account/keys/:key": _get("/account/keys/{key}"),
    "DELETE /account/keys/:key": _send("DELETE", "/account/keys/{key}"),
    "GET /account/features": _get("/account/features"),
    "GET /account/rate-limits": _get("/account/rate-limits"),
    "GET /oauth/authorizations": _get("/oauth/authorizations"),
    "POST /oauth/authorizations": _log_in,
    "GET /oauth/authorizations/:authorization": _get("/oauth/authorizations/~"),
    "DELETE /oauth/authorizations/:authorization": _revoke,
    "GET /oauth/sessions": _get("/oauth/sessions"),
    "GET /apps": _get("/apps"),
    "POST /apps": _send("POST", "/apps", {"name": "another", "region": "us", "stack": {"name": "cedar"}}),
    "GET /apps/:app": _get("/apps/example"),
    "PATCH /apps/:app": _send(
        "PATCH",
        "/apps/{app}",
        {"name": "renamed", "maintenance": True, "repository_url": "https://github.com/example/shop"},
    ),
    "DELETE /apps/:app": _send("DELETE", "/apps/example"),
    "GET /apps/:app/collaborators": _get("/apps/example/collaborators"),
    "GET /apps/:app/collaborators/:collaborator": _get("/apps/example/collaborators/grace@example.com"),
    "GET /apps/:app/config-vars": _get("/apps/example/config-vars"),
    "PATCH /apps/:app/config-vars": _send("PATCH", "/apps/example/config-vars", {"A": "1", "B": None}),
    "GET /apps/:app/domains": _get("/apps/example/domains"),
    "POST /apps/:app/domains": _send(
        "POST", "/apps/example/domains", {"hostname": "www.example.com", "sni_endpoint": None}
    ),
    "DELETE /apps/:app/domains/:domain": _remove_domain,
    "PATCH /apps/:app/domains/:domain": _attach_certificate,
    "GET /apps/:app/sni-endpoints/:sni_endpoint": _with_certificate("GET"),
    "POST /apps/:app/sni-endpoints": _send("POST", "/apps/example/sni-endpoints", PAIR),
    "PATCH /apps/:app/sni-endpoints/:sni_endpoint": _with_certificate("PATCH", PAIR),
    "DELETE /apps/:app/sni-endpoints/:sni_endpoint": _with_certificate("DELETE"),
    "POST /apps/:app/acm": _send("POST", "/apps/example/acm", {}),
    "PATCH /apps/:app/acm": _refresh_acm,
    "DELETE /apps/:app/acm": _send("DELETE", "/apps/example/acm"),
    "GET /apps/:app/domains/:domain": _get("/apps/example/domains/example.localhost"),
    "GET /apps/:app/features": _get("/apps/example/features"),
    "GET /apps/:app/features/:feature": _get("/apps/example/features/preboot"),
    "PATCH /apps/:app/features/:feature": _send("PATCH", "/apps/example/features/preboot", {"enabled": False}),
    "POST /apps/:app/log-sessions": _send("POST", "/apps/example/log-sessions", {"lines": 20, "tail": True}),
    "GET /apps/:app/builds": _get("/apps/example/builds"),
    "POST /apps/:app/builds": _send(
        "POST",
        "/apps/example/builds",
        {
            "source_blob": {"url": "https://example.com/source.tgz", "version": "v1", "checksum": None},
            "buildpacks": [{"url": "https://github.com/heroku/heroku-buildpack-ruby"}, {"name": "heroku/python"}],
        },
    ),
    "GET /apps/:app/builds/:build": _get("/apps/example/builds/{build}"),
    "DELETE /apps/:app/builds/:build": _cancel_build,
    "GET /apps/:app/buildpack-installations": _get("/apps/example/buildpack-installations"),
    "PUT /apps/:app/buildpack-installations": _send(
        "PUT", "/apps/example/buildpack-installations", {"updates": [{"buildpack": "heroku/python"}]}
    ),
    "GET /apps/:app/releases": _get("/apps/example/releases"),
    "POST /apps/:app/releases": _send("POST", "/apps/example/releases", {"release": "v3"}),
    "GET /apps/:app/releases/:release": _get("/apps/example/releases/3"),
    "GET /apps/:app/releases/:release/config-vars": _get("/apps/example/releases/v3/config-vars"),
    "GET /apps/:app/slugs/:slug": _get("/apps/example/slugs/{slug}"),
    "GET /apps/:app/formation": _get("/apps/example/formation"),
    "PATCH /apps/:app/formation": _send(
        "PATCH", "/apps/example/formation", {"updates": [{"type": "web", "quantity": "+1", "size": "Standard-2X"}]}
    ),
    "GET /apps/:app/formation/:type": _get("/apps/example/formation/web"),
    "PATCH /apps/:app/formation/:type": _send("PATCH", "/apps/example/formation/worker", {"quantity": 3}),
    "GET /apps/:app/dynos": _get("/apps/example/dynos"),
    "POST /apps/:app/dynos": _send(
        "POST",
        "/apps/example/dynos",
        {"attach": True, "command": "bash", "env": {"TERM": "xterm", "COLUMNS": 80, "LINES": 0}, "size": None},
    ),
    "DELETE /apps/:app/dynos": _send("DELETE", "/apps/example/dynos"),
    "GET /apps/:app/dynos/:dyno": _get("/apps/example/dynos/web.1"),
    "PATCH /apps/:app/dynos/:dyno": _resize_terminal,
    "DELETE /apps/:app/dynos/:dyno": _send("DELETE", "/apps/example/dynos/{dyno}"),
    "POST /apps/:app/dynos/:dyno/exec-sessions": _exec,
    "PATCH /apps/:app/dynos/:dyno/exec-sessions/:session": _resize_exec,
    "POST /apps/:app/dynos/:dyno/actions/stop": _send("POST", "/apps/example/dynos/web.1/actions/stop"),
    "DELETE /apps/:app/formations/:dyno": _send("DELETE", "/apps/example/formations/web"),
    "POST /apps/:app/formations/:dyno/actions/stop": _send("POST", "/apps/example/formations/web/actions/stop"),
    "GET /apps/:app/available-dyno-sizes": _get("/apps/example/available-dyno-sizes"),
    "GET /dyno-sizes": _get("/dyno-sizes"),
    "GET /dyno-sizes/:size": _get("/dyno-sizes/standard-2x"),
    "GET /regions": _get("/regions"),
    "GET /regions/:region": _get("/regions/us"),
    "GET /stacks": _get("/stacks"),
    "GET /stacks/:stack": _get("/stacks/cedar"),
    "GET /apps/:app/available-stacks": _get("/apps/example/available-stacks"),
    "GET /platform": _get("/platform"),
    "GET /buildpacks": _get("/buildpacks"),
    "GET /buildpacks/:buildpack": _get("/buildpacks/heroku%2Fpython"),
    "GET /buildpacks/:buildpack/readme": _get("/buildpacks/heroku%2Fpython/readme"),
    "GET /buildpacks/:buildpack/revisions": _get("/buildpacks/heroku%2Fpython/revisions"),
    "GET /schema": _get("/schema"),
    "GET /health": _get("/health"),
    "GET /client": _get("/client"),
    "GET /client/:file": lambda world: world.get(world.get("/client").json["url"]),
    "GET /api/v4/current-status": _get("/api/v4/current-status"),
    "GET /apps/:app/sni-endpoints": _get("/apps/example/sni-endpoints"),
    "GET /spaces": _get("/spaces"),
    **examples_accounts.EXAMPLES,
    **examples_addons.EXAMPLES,
    **examples_app_setups.EXAMPLES,
    **examples_code.EXAMPLES,
    **examples_dataclips.EXAMPLES,
    **examples_log_drains.EXAMPLES,
    **examples_scheduler_jobs.EXAMPLES,
    **examples_webhooks.EXAMPLES,
}

# Routes whose answer is always that there is none, in Heroku's words.
NOT_FOUND = {}
CREATED = {
    *examples_pipelines.CREATED,
    *examples_teams.CREATED,
    "POST /apps/:app/domains",
    "POST /apps/:app/sni-endpoints",
    "POST /account/keys",
    "POST /apps",
    "POST /apps/:app/builds",
    "POST /apps/:app/dynos",
    "POST /apps/:app/dynos/:dyno/exec-sessions",
    "POST /apps/:app/log-sessions",
    "POST /apps/:app/releases",
    "POST /oauth/authorizations",
    *examples_accounts.CREATED,
    *examples_addons.CREATED,
    *examples_code.CREATED,
    *examples_dataclips.CREATED,
    *examples_log_drains.CREATED,
    *examples_scheduler_jobs.CREATED,
    *examples_webhooks.CREATED,
}
ACCEPTED = {
    "DELETE /apps/:app/dynos",
    "DELETE /apps/:app/dynos/:dyno",
    "DELETE /apps/:app/formations/:dyno",
    "POST /apps/:app/dynos/:dyno/actions/stop",
    "POST /apps/:app/formations/:dyno/actions/stop",
    *examples_app_setups.ACCEPTED,
    *examples_code.ACCEPTED,
}
# Answered with a file.
FILES = {"GET /client/:file"}
# Not in the published schema: used by the official client all the same, or ours (docs/reference/api-extensions.md).
UNPUBLISHED = {
    "POST /account/keys",
    "DELETE /account/keys/:key",
    "GET /oauth/sessions",
    "DELETE /oauth/sessions/:session",
    "POST /auth",
    "PATCH /apps/:app/dynos/:dyno",
    "POST /apps/:app/dynos/:dyno/exec-sessions",
    "PATCH /apps/:app/dynos/:dyno/exec-sessions/:session",
    "POST /apps/:app/images",
    "GET /platform",
    "GET /buildpacks",
    "GET /buildpacks/:buildpack",
    "GET /buildpacks/:buildpack/readme",
    "GET /buildpacks/:buildpack/revisions",
    "GET /health",
    "GET /client",
    "GET /client/:file",
    "GET /api/v4/current-status",
    "GET /apps/:app/log-drain-statuses",
    *examples_accounts.UNPUBLISHED,
    *examples_code.UNPUBLISHED,
    *examples_scheduler_jobs.UNPUBLISHED,
    *examples_addons.UNPUBLISHED,
    *examples_dataclips.UNPUBLISHED,
}
