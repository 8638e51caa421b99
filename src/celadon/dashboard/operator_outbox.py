"""Letters: what was sent, and what waits for a mail server, for operators to hand over themselves."""

from celadon.actions import mails
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.operator_pages import operator_page
from celadon.dashboard.pages import told

_SHOWN = 50


@told
def show(call: Call) -> Page:
    found = mails.outbox(call.context, call.actor)
    mailed = bool(call.settings.smtp_url)
    return operator_page(
        call, "outbox", "operator_outbox.html", letters=found[:_SHOWN], left=len(found[_SHOWN:]), mailed=mailed
    )
