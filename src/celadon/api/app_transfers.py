"""App transfers: offers of apps to others."""

from celadon.actions import app_transfers
from celadon.api import shapes
from celadon.api.answer import BY_ID, Answer, Listing
from celadon.api.request import Call
from celadon.model.app_transfer import AppTransfer, answer_of


def create(call: Call) -> Answer:
    body = call.body()
    app, recipient = body.needed_reference("app"), body.needed_reference("recipient")
    silent = bool(body.flag("silent"))
    return _answer(app_transfers.create(call.context, call.actor, app, recipient, silent=silent), status=201)


def list_of(call: Call) -> Listing:
    found = app_transfers.list_of(call.context, call.actor)
    by_id = {name: (lambda told, read=read: read(told[0])) for name, read in BY_ID.items()}
    return Listing(items=found, attributes=by_id, shape=shape)


def show(call: Call) -> Answer:
    return _answer(app_transfers.find(call.context, call.actor, call.params["transfer"]))


def update(call: Call) -> Answer:
    state = answer_of(call.body().needed_text("state"))
    return _answer(app_transfers.answer(call.context, call.actor, call.params["transfer"], state))


def destroy(call: Call) -> Answer:
    return _answer(app_transfers.cancel(call.context, call.actor, call.params["transfer"]))


def shape(told: app_transfers.Told) -> dict[str, object]:
    transfer, app, owner, recipient = told
    return {
        "app": shapes.app(app),
        "created_at": shapes.instant(transfer.created_at),
        "id": transfer.id,
        "owner": shapes.user(owner),
        "recipient": shapes.user(recipient),
        "state": str(transfer.state),
        "updated_at": shapes.instant(transfer.updated_at),
    }


def _answer(told: app_transfers.Told, status: int = 200) -> Answer:
    transfer: AppTransfer = told[0]
    return Answer(value=shape(told), status=status, changed_at=transfer.updated_at)
