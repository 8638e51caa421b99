"""Add-ons: those of all one's apps with their prices, and one of them: its plan, where it is attached, its end."""

from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlsplit

from celadon.actions import addon_services, addons, apps, attachments, sign_ons
from celadon.actions.addons import Described
from celadon.api import live
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import permits, plan_tables
from celadon.dashboard.forms import Form, confirm, take
from celadon.dashboard.pages import dashboard_page, told
from celadon.model import addon as rules
from celadon.model.addon import AddOn, AddOnState, Work
from celadon.model.cache import REDIS
from celadon.model.errors import NotFound
from celadon.model.postgres_database import SERVICE
from celadon.model.range import Range

PAGE = "/dashboard/addons"
_SHOWN = 150
# Services whose add-ons have a page among the databases.
DATABASES = (SERVICE, REDIS)
# Of apps to choose from.
_APPS = 500


@told
def list_of(call: Call) -> Page:
    """Also what the platform offers."""
    mine = addons.list_visible(call.context, call.actor)
    words = call.request.query.get("q", "")[:100].lower().split()
    found = [one for one in mine if all(word in _text(one) for word in words)]
    return dashboard_page(
        call,
        "addons.html",
        section="addons",
        found=found[:_SHOWN],
        left=len(found[_SHOWN:]),
        there=len(mine),
        wanted=" ".join(words),
        cents=rules.monthly_cents(one.plan for one in found),
        state=state,
        busy=any(one.addon.work for one in found[:_SHOWN]),
        services=addon_services.list_of(call.context),
    )


def _text(one: Described) -> str:
    return f"{one.addon.name} {one.app.name} {one.service.name} {one.service.human_name} {one.plan.name}".lower()


def state(addon: AddOn) -> tuple[str, str]:
    """What it is doing, in a word, and the kind of badge that says so."""
    if addon.work is Work.CHANGE_PLAN:
        return f"moving to {addon.plan_wanted}", "warn"
    return {
        AddOnState.PROVISIONING: ("creating", "warn"),
        AddOnState.PROVISIONED: ("created", "good"),
        AddOnState.DEPROVISIONING: ("destroying", "warn"),
        AddOnState.DEPROVISIONED: ("failed", "bad"),
    }[addon.state]


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def change(call: Call) -> Page:
    found = addons.find(call.context, call.actor, call.params["addon"])
    steps = {name: partial(step, call, found) for name, step in _STEPS.items()}
    return take(call, steps, partial(_page, call))


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    after = live.latest(call.context)
    found = addons.find(call.context, call.actor, call.params["addon"])
    addon, app = found.addon, found.app
    may = permits.may(call, app.id, "app:read", "addon:update", "addon:pay", "addon:config")
    given = call.form() if wrong else {}
    shown = (AddOnState.PROVISIONING, AddOnState.PROVISIONED)
    return dashboard_page(
        call,
        "addon.html",
        status,
        wrong,
        section="addons",
        found=found,
        addon=addon,
        app=app,
        # Who sees it by an attachment alone is told nothing of its app.
        feed=f"/dashboard/apps/{app.name}/changes?after={after}" if "app:read" in may else "",
        state=state(addon),
        busy=addon.work is not None,
        attached=attachments.list_of_addon(call.context, call.actor, addon) if addon.alive else [],
        may_change="addon:update" in may and ("addon:pay" in may or not found.plan.cents),
        may_rename="addon:update" in may,
        may_attach="addon:config" in may and found.service.sharable,
        usable=addon.state in shown,
        plans=plan_tables.compare(found.service),
        opens=_opens(call, found),
        database=f"/dashboard/databases/{addon.name}" if found.service.name in DATABASES else "",
        apps=app_names(call) if "addon:config" in may and found.service.sharable else [],
        given=given,
    )


def app_names(call: Call) -> list[str]:
    """Apps to choose from, by name."""
    found = apps.list_visible(call.context, call.actor, Range(attribute="name", most=_APPS))
    return [app.name for app, _, _ in found]


def _opens(call: Call, found: Described) -> bool:
    ready = found.addon.state is AddOnState.PROVISIONED
    return ready and sign_ons.web_url(call.context, found.app, found.addon, found.service) is not None


def _plan(call: Call, found: Described, form: Form) -> str:
    changed = addons.change_plan(call.context, call.actor, found.addon.id, form.get("plan", ""))
    return f"{PAGE}/{changed.addon.name}"


def _rename(call: Call, found: Described, form: Form) -> str:
    renamed = addons.rename(call.context, call.actor, found.addon.id, form.get("name", "").strip())
    return f"{PAGE}/{renamed.addon.name}"


def _attach(call: Call, found: Described, form: Form) -> str:
    attachments.create(
        call.context,
        call.actor,
        addon=found.addon.id,
        app=form.get("app", "").strip(),
        name=form.get("as", "").strip().upper() or None,
    )
    return f"{PAGE}/{found.addon.name}"


def _detach(call: Call, found: Described, form: Form) -> str:
    wanted = form.get("attachment", "")
    of_addon = [one.attachment.id for one in attachments.list_of_addon(call.context, call.actor, found.addon)]
    if wanted not in of_addon:
        raise NotFound("add_on attachment")
    attachments.destroy(call.context, call.actor, wanted)
    return f"{PAGE}/{found.addon.name}"


def _destroy(call: Call, found: Described, form: Form) -> str:
    confirm(form, found.addon.name, "destroy it")
    addons.destroy(call.context, call.actor, found.addon.id, force=form.get("force") == "yes")
    return PAGE


def _open(call: Call, found: Described, form: Form) -> str:
    """To the same page of ours as by any other door; of it the browser is at the same host."""
    url, _ = sign_ons.begin(call.context, call.actor, found.addon.id)
    return urlsplit(url).path


_STEPS: Mapping[str, Callable[[Call, Described, Form], str]] = {
    "plan": _plan,
    "rename": _rename,
    "attach": _attach,
    "detach": _detach,
    "destroy": _destroy,
    "open": _open,
}
