"""The table of pages."""

from celadon.api.answer import Page
from celadon.api.route import Door, Route, route
from celadon.dashboard import (
    account_invitations,
    account_keys,
    account_profile,
    account_sessions,
    account_teams,
    account_tokens,
    account_transfers,
    account_two_factor,
    accounts,
    addons,
    apps,
    databases,
    logging_in,
    logins,
    marketplace,
    overview,
    pages,
    resources,
    scheduler_jobs,
    sign_ons,
    static_files,
)

# Below the account: what is shown, and the forms of it.
_ACCOUNT = {
    "": account_profile,
    "/keys": account_keys,
    "/tokens": account_tokens,
    "/sessions": account_sessions,
    "/two-factor": account_two_factor,
    "/invitations": account_invitations,
    "/transfers": account_transfers,
    "/teams/:team": account_teams,
}

ROUTES: tuple[Route, ...] = (
    route("GET /", "anybody", lambda _: Page(status=303, location="/dashboard"), Door.OPEN),
    route("GET /dashboard/login", "anybody", logging_in.ask, Door.OPEN),
    route("POST /dashboard/login", "address and password", logging_in.log_in, Door.OPEN),
    route("GET /dashboard/static/:version/:file", "anybody", static_files.show, Door.OPEN),
    route("POST /dashboard/logout", "who is logged in", logging_in.log_out, Door.BROWSER),
    route("GET /dashboard", "app:read", apps.list_of, Door.BROWSER),
    route("POST /dashboard", "write", apps.create, Door.BROWSER),
    *(
        route(f"{method} /dashboard/account{path}", permission, answer, Door.BROWSER)
        for path, module in _ACCOUNT.items()
        for method, permission, answer in (
            ("GET", "account:read", module.show),
            ("POST", "account:write", module.update),
        )
    ),
    route("GET /dashboard/account/teams", "team:read", account_teams.list_of, Door.BROWSER),
    route("POST /dashboard/account/teams", "account:write", account_teams.create, Door.BROWSER),
    route("GET /dashboard/apps/:app", "app:read", overview.show, Door.BROWSER),
    route("GET /dashboard/apps/:app/changes", "app:read", pages.changes, Door.BROWSER),
    route("GET /dashboard/apps/:app/resources", "app:read", resources.show, Door.BROWSER),
    route("POST /dashboard/apps/:app/resources", "formation:update", resources.apply, Door.BROWSER),
    route("GET /dashboard/apps/:app/resources/change", "formation:update", resources.plan, Door.BROWSER),
    route("POST /dashboard/apps/:app/resources/dynos", "dyno:stop", resources.change_dynos, Door.BROWSER),
    route("POST /dashboard/apps/:app/resources/addons", "addon:update", resources.change_addons, Door.BROWSER),
    route("GET /dashboard/addons", "addon:read", addons.list_of, Door.BROWSER),
    route("GET /dashboard/addons/services/:service", "app:read", marketplace.show, Door.BROWSER),
    route("POST /dashboard/addons/services/:service", "addon:update", marketplace.provision, Door.BROWSER),
    route("GET /dashboard/addons/:addon", "addon:read", addons.show, Door.BROWSER),
    route("POST /dashboard/addons/:addon", "addon:update", addons.change, Door.BROWSER),
    # What is below the page of one is served by the role that reaches it: database_routes.py.
    route("GET /dashboard/databases", "addon:read", databases.list_of, Door.BROWSER),
    route("GET /dashboard/databases/:database", "addon:read", databases.show, Door.BROWSER),
    route("GET /signup", "anybody", accounts.ask_to_sign_up, Door.OPEN),
    route("POST /signup", "anybody", accounts.sign_up, Door.OPEN),
    route("GET /account/accept/:token", "who has the link", accounts.show_invitation, Door.OPEN),
    route("POST /account/accept/:token", "who has the link", accounts.accept_invitation, Door.OPEN),
    route("GET /account/password/reset", "anybody", accounts.ask_to_reset, Door.OPEN),
    route("POST /account/password/reset", "anybody", accounts.request_reset, Door.OPEN),
    route("GET /account/password/reset/:token", "who has the link", accounts.show_reset, Door.OPEN),
    route("POST /account/password/reset/:token", "who has the link", accounts.reset, Door.OPEN),
    route("GET /account/email/:token", "who has the link", accounts.show_email, Door.OPEN),
    route("POST /account/email/:token", "who has the link", accounts.take_email, Door.OPEN),
    route("GET /auth/browser/:login", "who has the link", logins.show_login, Door.OPEN),
    route("POST /auth/browser/:login", "address and password", logins.answer_login, Door.OPEN),
    route("GET /sso/:token", "who has the link", sign_ons.take, Door.OPEN),
    route("GET /sso/apps/:app/addons/:addon", "anybody", sign_ons.ask, Door.OPEN),
    route("POST /sso/apps/:app/addons/:addon", "address and password", sign_ons.sign_on, Door.OPEN),
    route("GET /oauth/authorize", "anybody", logins.show_authorize, Door.OPEN),
    route("POST /oauth/authorize", "address and password", logins.authorize, Door.OPEN),
    route("GET /scheduler/:token", "who has the link", scheduler_jobs.show, Door.OPEN),
    route("POST /scheduler/:token", "who has the link", scheduler_jobs.change, Door.OPEN),
)
