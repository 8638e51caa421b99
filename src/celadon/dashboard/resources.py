"""What an app runs and uses: its formation, the dynos that run now, its add-ons, and what that would cost a month."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from celadon.actions import addons, apps, attachments, dynos, formations, sign_ons
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import Shown, app_page, page, shown, told
from celadon.model import price, scaling
from celadon.model.addon import AddOnState
from celadon.model.dyno import WEB, Dyno
from celadon.model.errors import CeladonError, InvalidParams, NotFound
from celadon.model.formation import MAX_QUANTITY, Formation, Update

# So many are shown of each; a form has at most 100 fields, and each type has two.
_TYPES, _DYNOS, _ADDONS = 25, 40, 20

Formed = Sequence[tuple[Formation, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A process type in the form, with what somebody has typed already."""

    type: str
    command: str
    quantity: str
    size: str
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An add-on as this app sees it: `names` are those it has here, `elsewhere` other apps that have it."""

    found: addons.Described
    names: tuple[attachments.Described, ...]
    elsewhere: tuple[str, ...]
    own: bool
    opens: bool
    removable: bool


@told
def show(call: Call) -> Page:
    return _page(call, shown(call))


@told
def plan(call: Call) -> Page:
    """What the form's values would do, for the page that has the form; a refusal is part of that answer."""
    found = shown(call)
    if "hx-request" not in call.request.headers:
        return Page(status=303, location=_path(found))
    _, formation = formations.list_of(call.context, call.actor, found.app.id)
    try:
        words, refused = _sentence(call, found, formation, call.request.query), ""
    except InvalidParams as error:
        words, refused = "", error.message
    return page("resources_plan.html", words=words, refused=refused)


@told
def apply(call: Call) -> Page:
    """Scale and resize, once somebody has read what that does; when it has come to do something else, they read again."""
    found, form = shown(call), call.form()
    _, formation = formations.list_of(call.context, call.actor, found.app.id)
    try:
        words = _sentence(call, found, formation, form)
        if words and form.get("said") != words:
            return _confirm(call, found, formation, words, again="said" in form)
        formations.update(call.context, call.actor, found.app.id, _updates(formation, form))
    except CeladonError as error:
        return _page(call, found, error.status, error.message, form)
    return Page(status=303, location=_path(found))


@told
def change_dynos(call: Call) -> Page:
    """Restart one or all, or stop one. The dyno manager does it."""
    found, form = shown(call), call.form()
    named = form.get("dyno") or None
    try:
        if form.get("step") == "restart":
            dynos.restart(call.context, call.actor, found.app.id, named)
        elif form.get("step") == "stop" and named:
            dynos.stop(call.context, call.actor, found.app.id, named)
        else:
            raise NotFound("step", "Couldn't find that step: go back and use the page's buttons.")
    except CeladonError as error:
        return _page(call, found, error.status, error.message)
    return Page(status=303, location=f"{_path(found)}#dynos")


@told
def change_addons(call: Call) -> Page:
    """Open, detach or remove an add-on; who removes it types its name."""
    found, form = shown(call), call.form()
    named = form.get("addon", "")
    try:
        if form.get("step") == "open":
            url, _ = sign_ons.begin(call.context, call.actor, named, found.app.id)
            return Page(status=303, location=url.removeprefix(call.settings.api_https_url))
        if form.get("step") == "detach":
            _detach(call, found, named)
        elif form.get("step") == "remove":
            addon = addons.find(call.context, call.actor, named, found.app.id).addon
            if form.get("confirm", "").strip() != addon.name:
                raise InvalidParams(f"cannot remove {addon.name}: type its name, {addon.name}, to confirm")
            addons.destroy(call.context, call.actor, addon.id, found.app.id)
        else:
            raise NotFound("step", "Couldn't find that step: go back and use the page's buttons.")
    except CeladonError as error:
        return _page(call, found, error.status, error.message, form)
    return Page(status=303, location=f"{_path(found)}#addons")


def _detach(call: Call, found: Shown, attachment_id: str) -> None:
    attachment = attachments.find_in_app(call.context, call.actor, found.app.id, attachment_id).attachment
    attachments.destroy(call.context, call.actor, attachment.id)


def _path(found: Shown) -> str:
    return f"/dashboard/apps/{found.app.name}/resources"


def _updates(formation: Formed, form: Mapping[str, str]) -> list[Update]:
    """What differs in the form's fields; a type that the code has lost since is none of its business any more."""
    updates = []
    for entry, _ in formation:
        quantity = form.get(f"quantity:{entry.type}", str(entry.quantity)).strip()
        size = form.get(f"size:{entry.type}", entry.size)
        if quantity != str(entry.quantity) or size != entry.size:
            updates.append(Update(type=entry.type, quantity=quantity, size=size))
    return updates


def _sentence(call: Call, found: Shown, formation: Formed, form: Mapping[str, str]) -> str:
    """Raises InvalidParams, Forbidden."""
    updates = _updates(formation, form)
    if not updates:
        return ""
    wanted = formations.planned(call.context, call.actor, found.app.id, updates)
    before = {entry.type: (entry.quantity, entry.size) for entry, _ in formation}
    addons_cost = addons.monthly_cents(call.context, call.actor, found.app.id)
    old, new = (price.estimate(amounts, call.settings.sizes).total + addons_cost for amounts in (before, wanted))
    return scaling.sentence(before, wanted, (old, new))


def _confirm(call: Call, found: Shown, formation: Formed, words: str, *, again: bool) -> Page:
    wrong = "The formation has changed while you looked at it; this is what your change does now." if again else ""
    updates = _updates(formation, call.form())
    return app_page(
        call, found, "resources", "resources_confirm.html", 409 if again else 200, wrong, words=words, updates=updates
    )


def _page(call: Call, found: Shown, status: int = 200, wrong: str = "", typed: Mapping[str, str] | None = None) -> Page:
    context, actor, app = call.context, call.actor, found.app
    _, formation = formations.list_of(context, actor, app.id)
    _, running = dynos.list_of(context, actor, app.id)
    present = [dyno for dyno, _ in running]
    may = apps.allowed(context, actor, app.id)
    listed = _listed(call, found, may)
    own = [one.found.plan for one in listed if one.own]
    amounts = {entry.type: (entry.quantity, entry.size) for entry, _ in formation}
    cost = price.estimate(amounts, call.settings.sizes, own)
    rows = _rows(formation, cost, typed or {})
    return app_page(
        call,
        found,
        "resources",
        "resources.html",
        status,
        wrong,
        # Whichever of the forms is answered: the page is asked for again at its own address.
        here=_path(found),
        opened=(typed or {}).get("addon", ""),
        rows=rows[:_TYPES],
        left=len(rows[_TYPES:]),
        sizes=call.settings.sizes.all,
        most=min(MAX_QUANTITY, call.settings.dyno_limit),
        dynos=present[:_DYNOS],
        more_dynos=len(present[_DYNOS:]),
        summary=_summary(present),
        addons=listed[:_ADDONS],
        more_addons=len(listed[_ADDONS:]),
        cost=cost,
        free_hours=price.FREE_HOURS,
        may=may,
        words="",
        refused="",
    )


def _rows(formation: Formed, cost: price.Estimate, typed: Mapping[str, str]) -> list[Row]:
    """`web` first, then those of which there are some."""
    return [
        Row(
            type=entry.type,
            command=command,
            quantity=typed.get(f"quantity:{entry.type}", str(entry.quantity))[:20],
            size=typed.get(f"size:{entry.type}", entry.size),
            cents=cost.types[entry.type],
        )
        for entry, command in sorted(formation, key=lambda one: (one[0].type != WEB, not one[0].quantity, one[0].type))
    ]


def _summary(present: Sequence[Dyno]) -> list[tuple[str, str]]:
    """Process type → how many are in which state."""
    types = dict.fromkeys(sorted((dyno.type for dyno in present), key=lambda name: (name != WEB, name)))
    states = {name: Counter(dyno.state for dyno in present if dyno.type == name) for name in types}
    return [(name, ", ".join(f"{count} {state}" for state, count in sorted(states[name].items()))) for name in types]


def _listed(call: Call, found: Shown, may: frozenset[str]) -> list[Listed]:
    context, actor, app = call.context, call.actor, found.app
    here: dict[str, list[attachments.Described]] = {}
    for one in attachments.list_of_app(context, actor, app.id):
        here.setdefault(one.addon.id, []).append(one)
    listed = []
    for addon in addons.list_of_app(context, actor, app.id):
        own = addon.app.id == app.id
        everywhere = attachments.list_of_addon(context, actor, addon.addon)
        page_of_it = sign_ons.web_url(context, app, addon.addon, addon.service)
        provisioned = addon.addon.state is AddOnState.PROVISIONED
        listed.append(
            Listed(
                found=addon,
                names=tuple(here.get(addon.addon.id, ())),
                elsewhere=tuple(sorted({one.app.name for one in everywhere if one.app.id != app.id})),
                own=own,
                opens=bool(page_of_it) and provisioned and "addon:update" in may,
                removable=own and ("addon:pay" if addon.plan.cents else "addon:update") in may,
            )
        )
    return listed
