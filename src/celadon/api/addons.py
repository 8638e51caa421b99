"""Add-ons, attachments and what else an app may have and here has none of: readable as empty lists."""

from celadon.actions import apps
from celadon.api import account
from celadon.api.answer import Listing, nothing
from celadon.api.request import Call


def none(call: Call) -> Listing:
    return nothing()


def none_of_app(call: Call) -> Listing:
    apps.find(call.context, call.actor, call.app)
    return nothing()


def none_of_user(call: Call) -> Listing:
    account.require_self(call)
    return nothing()
