"""What a service offers: its plans side by side, and the form by which an app gets one."""

from collections.abc import Mapping

from celadon.actions import addon_services, addons
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import plan_tables
from celadon.dashboard.addons import PAGE, app_names
from celadon.dashboard.pages import dashboard_page, told
from celadon.model.addon import AddOnService, AddOnState
from celadon.model.cache import POLICIES, REDIS
from celadon.model.errors import CeladonError, ConfirmationRequired, InvalidParams
from celadon.model.postgres_database import SERVICE, SIZES

_ORIGINS = ("fork", "follow", "rollback")
_OPTION_LINES = 50


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def provision(call: Call) -> Page:
    form = call.form()
    service = addon_services.find(call.context, call.params["service"])
    try:
        made = addons.create(
            call.context,
            call.actor,
            form.get("app", "").strip(),
            plan=f"{service.name}:{form.get('plan', '')}",
            name=form.get("name", "").strip() or None,
            attachment=form.get("as", "").strip().upper() or None,
            options=options(form),
            confirm=form.get("confirm", "").strip() or None,
        )
    except CeladonError as error:
        return _page(call, error.status, error.message, confirm=isinstance(error, ConfirmationRequired))
    return Page(status=303, location=f"{PAGE}/{made.addon.name}")


def options(form: Mapping[str, str]) -> dict[str, str]:
    """What the form says to the provider: its own fields, and lines of `name=value`. Raises InvalidParams."""
    found: dict[str, str] = {}
    lines = [line.strip() for line in form.get("options", "").splitlines() if line.strip()]
    if len(lines) > _OPTION_LINES:
        raise InvalidParams(f"cannot give the provider these options: there are more than {_OPTION_LINES} lines")
    for line in lines:
        name, equals, value = line.removeprefix("--").partition("=")
        if not name.strip() or name.strip() in found:
            raise InvalidParams(f"cannot read the option {line[:60]!r}: write each once, as name=value on a line")
        found[name.strip()] = value.strip() if equals else "true"
    origin, source = form.get("origin", ""), form.get("source", "").strip()
    if origin in _ORIGINS and source:
        found[origin] = source
        if origin == "rollback":
            found["to"] = moment(form.get("to", ""))
    found |= {name: form[name] for name in ("maxmemory_policy", "timeout") if form.get(name, "").strip()}
    return found


def moment(picked: str) -> str:
    """What a browser's field for a time gives, in UTC."""
    return f"{picked.replace('T', ' ').strip()}+00" if picked.strip() else ""


def _page(call: Call, status: int = 200, wrong: str = "", *, confirm: bool = False) -> Page:
    service = addon_services.find(call.context, call.params["service"])
    known = app_names(call)
    asked = call.request.query
    plan = service.plan(asked.get("plan", "")) or service.plan("")
    assert plan is not None, "every service has a default plan"
    given = call.form() if wrong else {"app": asked.get("app", ""), "plan": plan.name}
    return dashboard_page(
        call,
        "addon_service.html",
        status,
        wrong,
        section="addons",
        service=service,
        plans=plan_tables.compare(service),
        apps=known,
        given=given,
        confirm=confirm,
        origins=service.name == SERVICE,
        sources=_sources(call) if service.name == SERVICE else [],
        policies=POLICIES if service.name == REDIS else {},
        mine=_mine(call, service),
    )


def _sources(call: Call) -> list[str]:
    """Databases that others can be made from: those with a server of their own."""
    found = addons.list_visible(call.context, call.actor)
    return [
        one.addon.name
        for one in found
        if one.service.name == SERVICE
        and one.addon.state is AddOnState.PROVISIONED
        and one.addon.plan in SIZES
        and not SIZES[one.addon.plan].shared
    ]


def _mine(call: Call, service: AddOnService) -> list[addons.Described]:
    found = addons.list_visible(call.context, call.actor)
    return [one for one in found if one.service.name == service.name][:20]
