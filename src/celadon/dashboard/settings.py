"""Settings of an app: its name, what is known of it, maintenance, pages of its own, the link to its code, features."""

from collections import defaultdict
from collections.abc import Mapping

from celadon.actions import apps, config_vars, features, repositories
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import steps
from celadon.dashboard.pages import app_page, shown, told
from celadon.model.errors import InvalidParams

# Config vars that name the pages that the router shows instead of its own.
ERROR_PAGE, MAINTENANCE_PAGE = "ERROR_PAGE_URL", "MAINTENANCE_PAGE_URL"


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, _STEPS, _page)


def allowed(call: Call) -> frozenset[str]:
    """What the asker may do to the app."""
    return apps.allowed(call.context, call.actor, call.app)


def settings_page(call: Call, part: str, template: str, status: int = 200, wrong: str = "", **values: object) -> Page:
    """One of the pages of settings; `given` is what was typed and could not be taken."""
    found = shown(call)
    given = defaultdict(str, call.form() if wrong else {})
    may = apps.allowed(call.context, call.actor, found.app.id)
    place = f"/dashboard/apps/{found.app.name}/settings"
    common = {"part": part, "page": place, "may": may, "given": given}
    return app_page(call, found, "settings", template, status, wrong, **common, **values)


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    app, switched = features.list_of(call.context, call.actor, call.app)
    may = apps.allowed(call.context, call.actor, app.id)
    config = config_vars.find(call.context, call.actor, app.id) if "config:read" in may else {}
    return settings_page(
        call,
        "general",
        "settings.html",
        status,
        wrong,
        features=switched,
        source_path=repositories.source_path(call.context, app.id) or "",
        git_url=call.settings.git_url(app.name),
        slug_limit=call.settings.slug_limit,
        error_page=config.get(ERROR_PAGE, ""),
        maintenance_page=config.get(MAINTENANCE_PAGE, ""),
    )


def _rename(call: Call, form: Mapping[str, str]) -> str:
    app = apps.update(call.context, call.actor, call.app, name=form.get("name", "").strip())
    return f"/dashboard/apps/{app.name}/settings"


def _maintenance(call: Call, form: Mapping[str, str]) -> None:
    apps.update(call.context, call.actor, call.app, maintenance=form.get("on") == "yes")


def _link(call: Call, form: Mapping[str, str]) -> None:
    apps.update(call.context, call.actor, call.app, repository_url=form.get("repository_url", ""))


def _folder(call: Call, form: Mapping[str, str]) -> None:
    repositories.set_source_path(call.context, call.actor, call.app, form.get("source_path", ""))


def _own_pages(call: Call, form: Mapping[str, str]) -> None:
    wanted = {
        ERROR_PAGE: form.get("error_page", "").strip(),
        MAINTENANCE_PAGE: form.get("maintenance_page", "").strip(),
    }
    for url in filter(None, wanted.values()):
        if not url.startswith(("http://", "https://")):
            raise InvalidParams(f"cannot show the page {url[:80]!r}: give an address that begins with https://")
    config_vars.update(call.context, call.actor, call.app, {name: url or None for name, url in wanted.items()})


def _feature(call: Call, form: Mapping[str, str]) -> None:
    features.update(call.context, call.actor, call.app, form.get("feature", ""), form.get("on") == "yes")


_STEPS: dict[str, steps.Step] = {
    "rename": _rename,
    "maintenance": _maintenance,
    "link": _link,
    "folder": _folder,
    "pages": _own_pages,
    "feature": _feature,
}
