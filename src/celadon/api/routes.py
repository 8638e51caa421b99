"""The table of routes: every endpoint of the API, one a line.

The third column is the permission (`actions/access.py`) or the scope that the action asks for; `-` wants a token only.
"""

from collections.abc import Callable

from celadon.api import (
    account,
    acm,
    addons,
    apps,
    authorizations,
    buildpacks,
    builds,
    collaborators,
    config_vars,
    domains,
    dyno_sizes,
    dynos,
    features,
    formations,
    keys,
    log_sessions,
    pipelines,
    platform,
    rate_limits,
    regions,
    releases,
    schema,
    sessions,
    slugs,
    sni_endpoints,
    stacks,
)
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.api.route import Door, Route


def _route(
    verb: str, permission: str, answer: Callable[[Call], Answer | Listing], door: Door = Door.TOKEN, free: bool = False
) -> Route:
    method, _, path = verb.partition(" ")
    return Route(method=method, path=path, permission=permission, answer=answer, door=door, free=free)


_ACCOUNT = (
    _route("GET /account", "identity", account.show),
    _route("PATCH /account", "global", account.update),
    _route("GET /users/:account", "identity", account.show_user),
    _route("PATCH /users/:account", "global", account.update_user),
    _route("GET /users/:account/apps", "read", apps.list_of_user),
    _route("GET /users/:account/addons", "-", addons.none_of_user),
    _route("GET /account/keys", "identity", keys.list_of),
    _route("POST /account/keys", "global", keys.create),
    _route("GET /account/keys/:key", "identity", keys.show),
    _route("DELETE /account/keys/:key", "global", keys.delete),
    _route("GET /account/features", "-", features.list_of_account),
    _route("GET /account/features/:feature", "-", features.show_of_account),
    _route("GET /account/rate-limits", "-", rate_limits.show, free=True),
    _route("GET /oauth/authorizations", "identity", authorizations.list_of),
    _route("POST /oauth/authorizations", "global", authorizations.create, Door.PASSWORD),
    _route("GET /oauth/authorizations/:authorization", "-", authorizations.show),
    _route("DELETE /oauth/authorizations/:authorization", "global, or the token itself", authorizations.revoke),
    _route("GET /oauth/sessions", "-", sessions.list_of),
    _route("DELETE /oauth/sessions/:session", "-", sessions.destroy),
    _route("POST /auth", "anybody", sessions.create, Door.OPEN),
    _route("GET /teams", "-", addons.none),
)

_APPS = (
    _route("GET /apps", "read", apps.list_visible),
    _route("POST /apps", "write", apps.create),
    _route("GET /apps/:app", "app:read", apps.show),
    _route("PATCH /apps/:app", "app:update; a name: app:rename", apps.update),
    _route("DELETE /apps/:app", "app:destroy", apps.destroy),
    _route("GET /apps/:app/collaborators", "app:read", collaborators.list_of),
    _route("GET /apps/:app/collaborators/:collaborator", "app:read", collaborators.show),
    _route("GET /apps/:app/config-vars", "config:read", config_vars.show),
    _route("PATCH /apps/:app/config-vars", "config:write", config_vars.update),
    _route("GET /apps/:app/domains", "app:read", domains.list_of),
    _route("POST /apps/:app/domains", "app:update", domains.create),
    _route("GET /apps/:app/domains/:domain", "app:read", domains.show),
    _route("PATCH /apps/:app/domains/:domain", "app:update", domains.update),
    _route("DELETE /apps/:app/domains/:domain", "app:update", domains.destroy),
    _route("GET /apps/:app/sni-endpoints", "app:read", sni_endpoints.list_of),
    _route("POST /apps/:app/sni-endpoints", "app:update", sni_endpoints.create),
    _route("GET /apps/:app/sni-endpoints/:sni_endpoint", "app:read", sni_endpoints.show),
    _route("PATCH /apps/:app/sni-endpoints/:sni_endpoint", "app:update", sni_endpoints.update),
    _route("DELETE /apps/:app/sni-endpoints/:sni_endpoint", "app:update", sni_endpoints.destroy),
    _route("POST /apps/:app/acm", "app:update", acm.enable),
    _route("PATCH /apps/:app/acm", "app:update", acm.refresh),
    _route("DELETE /apps/:app/acm", "app:update", acm.disable),
    _route("GET /apps/:app/features", "app:read", features.list_of),
    _route("GET /apps/:app/features/:feature", "app:read", features.show),
    _route("PATCH /apps/:app/features/:feature", "app:update", features.update),
    _route("POST /apps/:app/log-sessions", "log:read", log_sessions.create),
    _route("GET /apps/:app/pipeline-couplings", "app:read", pipelines.coupling_of_app),
)

_CODE = (
    _route("GET /apps/:app/builds", "app:read", builds.list_of),
    _route("POST /apps/:app/builds", "build:create", builds.create),
    _route("GET /apps/:app/builds/:build", "app:read", builds.show),
    _route("DELETE /apps/:app/builds/:build", "build:create", builds.cancel),
    _route("GET /apps/:app/buildpack-installations", "app:read", buildpacks.list_of),
    _route("PUT /apps/:app/buildpack-installations", "buildpack:update", buildpacks.replace),
    _route("GET /apps/:app/releases", "app:read", releases.list_of),
    _route("POST /apps/:app/releases", "release:create", releases.create),
    _route("GET /apps/:app/releases/:release", "app:read", releases.show),
    _route("GET /apps/:app/releases/:release/config-vars", "config:read", config_vars.show_of_release),
    _route("GET /apps/:app/slugs/:slug", "app:read", slugs.show),
)

_DYNOS = (
    _route("GET /apps/:app/formation", "app:read", formations.list_of),
    _route("PATCH /apps/:app/formation", "formation:update", formations.update_many),
    _route("GET /apps/:app/formation/:type", "app:read", formations.show),
    _route("PATCH /apps/:app/formation/:type", "formation:update", formations.update),
    _route("GET /apps/:app/dynos", "app:read", dynos.list_of),
    _route("POST /apps/:app/dynos", "dyno:run", dynos.run),
    _route("DELETE /apps/:app/dynos", "dyno:stop", dynos.restart_all),
    _route("GET /apps/:app/dynos/:dyno", "app:read", dynos.show),
    _route("PATCH /apps/:app/dynos/:dyno", "dyno:run", dynos.update),
    _route("DELETE /apps/:app/dynos/:dyno", "dyno:stop", dynos.restart),
    _route("POST /apps/:app/dynos/:dyno/actions/stop", "dyno:stop", dynos.stop),
    _route("DELETE /apps/:app/formations/:dyno", "dyno:stop", dynos.restart),
    _route("POST /apps/:app/formations/:dyno/actions/stop", "dyno:stop", dynos.stop),
    _route("GET /apps/:app/available-dyno-sizes", "app:read", dyno_sizes.list_of_app),
    _route("GET /dyno-sizes", "-", dyno_sizes.list_all),
    _route("GET /dyno-sizes/:size", "-", dyno_sizes.show),
)

_PLATFORM = (
    _route("GET /regions", "-", regions.list_all),
    _route("GET /regions/:region", "-", regions.show),
    _route("GET /stacks", "-", stacks.list_all),
    _route("GET /stacks/:stack", "-", stacks.show),
    _route("GET /apps/:app/available-stacks", "app:read", stacks.list_of_app),
    _route("GET /platform", "-", platform.show),
    _route("GET /buildpacks/:buildpack", "anybody", buildpacks.show_in_registry, Door.OPEN),
    _route("GET /schema", "anybody", schema.show, Door.OPEN),
    _route("GET /health", "anybody", platform.health, Door.OPEN),
    _route("GET /api/v4/current-status", "anybody", platform.status, Door.OPEN),
)

# What there is none of yet, so that clients that list it go on.
_NONE_YET = (
    _route("GET /addons", "-", addons.none),
    _route("GET /addon-services", "-", addons.none),
    _route("GET /addon-attachments", "-", addons.none),
    _route("GET /apps/:app/addons", "app:read", addons.none_of_app),
    _route("GET /apps/:app/addon-attachments", "app:read", addons.none_of_app),
    _route("GET /apps/:app/log-drains", "app:read", addons.none_of_app),
    _route("GET /apps/:app/webhooks", "app:read", addons.none_of_app),
    _route("GET /client/v11/apps/:app/transfers", "app:read", addons.none_of_app),
    _route("GET /oauth/clients", "-", addons.none),
    _route("GET /pipelines", "-", addons.none),
    _route("GET /spaces", "-", addons.none),
)

ROUTES = (*_ACCOUNT, *_APPS, *_CODE, *_DYNOS, *_PLATFORM, *_NONE_YET)
