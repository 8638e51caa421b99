"""This machine, and whether the platform on it is well."""

from celadon.actions import machine
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.operator_pages import operator_page
from celadon.dashboard.pages import told
from celadon.dashboard.status import WORDS


@told
def show(call: Call) -> Page:
    return operator_page(
        call,
        "machine",
        "operator_machine.html",
        machine=machine.look(call.context, call.actor),
        health=machine.health(call.context, call.actor),
        restart_days=machine.RESTART_DAYS,
        words=WORDS,
        settings=call.settings,
    )
