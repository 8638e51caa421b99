"""Copies of a database: forks, followers, and what it was at a moment of its past; the end of following."""

from datetime import datetime
from functools import partial

from celadon.actions import addon_services, addons
from celadon.actions import postgres_databases as databases
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.addons import PAGE as ADDONS
from celadon.dashboard.addons import app_names
from celadon.dashboard.data_api import DataApi
from celadon.dashboard.databases import Shown, database_page, require, shown, span
from celadon.dashboard.forms import Form, confirm, take, text
from celadon.dashboard.marketplace import moment
from celadon.model.addon import Plan
from celadon.model.errors import NotFound
from celadon.model.postgres_database import SERVICE, SIZES, Origin


class Copies:
    """The page `copies`."""

    def __init__(self, data_api: DataApi) -> None:
        self._data_api = data_api

    def show(self, call: Call, status: int = 200, wrong: str = "") -> Page:
        found = shown(call)
        require(found, "addon:update")
        plans = [plan for plan in addon_services.find(call.context, SERVICE).plans if not SIZES[plan.name].shared]
        possible = span(call, found)
        return database_page(
            call,
            found,
            "copies",
            "database_copies.html",
            status,
            wrong,
            plans=plans,
            # A follower has no standby.
            following_plans=[plan for plan in plans if not SIZES[plan.name].available],
            apps=app_names(call),
            follows=found.place.origin is Origin.FOLLOW,
            followers=_followers(call, found),
            earliest=_picked(possible[0]) if possible else "",
            latest=_picked(possible[1]) if possible else "",
            larger=_default(plans, found),
            given=call.form() if wrong else {},
        )

    def change(self, call: Call) -> Page:
        found = shown(call)
        steps = {word: partial(_copy, call, found, word) for word in ("fork", "follow", "rollback")}
        return take(call, {**steps, "unfollow": partial(self._unfollow, call, found)}, partial(self.show, call))

    def _unfollow(self, call: Call, found: Shown, form: Form) -> str:
        confirm(form, found.described.addon.name, "unfollow")
        self._data_api.ask(call, f"PUT /client/v11/databases/{found.place.addon_id}/unfollow", {})
        return found.path


def _copy(call: Call, found: Shown, word: str, form: Form) -> str:
    """Ask for an add-on that is made from this one; its page says what comes of it."""
    source = found.place.addon_id
    options = {word: source, **({"to": moment(form.get("to", ""))} if word == "rollback" else {})}
    made = addons.create(
        call.context,
        call.actor,
        form.get("app", "").strip(),
        plan=f"{SERVICE}:{form.get('plan', '')}",
        name=text(form, "name"),
        attachment=(text(form, "as") or "").upper() or None,
        options=options,
    )
    return f"{ADDONS}/{made.addon.name}"


def _picked(at: datetime) -> str:
    """As a browser's field for a time has it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def _default(plans: list[Plan], found: Shown) -> str:
    """A plan with room for it: its own, if that has a server of its own."""
    names = [plan.name for plan in plans]
    plan = found.place.plan
    return plan if plan in names else names[0]


def _followers(call: Call, found: Shown) -> list[str]:
    names = []
    for site in databases.followers(call.context, found.place.addon_id):
        try:
            names.append(addons.find(call.context, call.actor, site.database.addon_id).addon.name)
        except NotFound:
            names.append("")
    return names
