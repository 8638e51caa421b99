"""Whose an app is: handing it to somebody else, and its end."""

from collections.abc import Mapping

from celadon.actions import app_transfers, apps, team_apps, teams
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import settings, steps
from celadon.dashboard.pages import told
from celadon.model.app_transfer import TransferState
from celadon.model.errors import ConfirmationRequired, InvalidParams, NotFound


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, {"transfer": _transfer, "withdraw": _withdraw, "destroy": _destroy}, _page)


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    app = apps.find(call.context, call.actor, call.app)
    people = [
        account.email for account, role in apps.collaborators(call.context, call.actor, app.id) if role != "owner"
    ]
    mine = [team.name for team, _ in teams.list_of(call.context, call.actor) if team.account_id != app.owner_id]
    return settings.settings_page(
        call, "ownership", "ownership.html", status, wrong, people=people, teams=mine, offered=_offered(call, app.id)
    )


def _offered(call: Call, app_id: str) -> str:
    """To whom the app is offered; nobody, or none of the asker's business, is empty."""
    try:
        transfer, _, _, recipient = app_transfers.find(call.context, call.actor, app_id)
    except NotFound:
        return ""
    return recipient.email if transfer.state is TransferState.PENDING else ""


def _confirm(call: Call, form: Mapping[str, str], what: str) -> str:
    """The app's id, when its name was typed; raises ConfirmationRequired."""
    app = apps.find(call.context, call.actor, call.app)
    if form.get("confirm", "").strip() != app.name:
        raise ConfirmationRequired(f"cannot {what} {app.name}: type its name, {app.name}, to say that you mean it")
    return app.id


def _transfer(call: Call, form: Mapping[str, str]) -> str | None:
    """A person is asked, and may decline; a team has it at once."""
    kind, _, to = form.get("to", "").partition(":")
    if kind not in ("person", "team") or not to:
        raise InvalidParams("cannot transfer the app: choose a person or a team")
    app = apps.find(call.context, call.actor, call.app)
    if kind == "person" and not _of_team(call, app.owner_id):
        app_transfers.create(call.context, call.actor, app.id, to, silent=False)
        return None
    team_apps.transfer(call.context, call.actor, _confirm(call, form, "transfer"), to)
    # Who gave it away may not see it any more.
    return "/dashboard"


def _of_team(call: Call, owner_id: str) -> bool:
    return bool(teams.of_apps(call.context, {owner_id}))


def _withdraw(call: Call, form: Mapping[str, str]) -> None:
    app_transfers.cancel(call.context, call.actor, apps.find(call.context, call.actor, call.app).id)


def _destroy(call: Call, form: Mapping[str, str]) -> str:
    apps.destroy(call.context, call.actor, _confirm(call, form, "destroy"))
    return "/dashboard"
