"""The outbox, for the platform's operator."""

from celadon.actions import mails
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Listing
from celadon.api.request import Call
from celadon.model.mail import Mail


def list_of(call: Call) -> Listing:
    return Listing(items=mails.outbox(call.context, call.actor), attributes=BY_TIME, shape=shape)


def shape(mail: Mail) -> dict[str, object]:
    return {
        "created_at": shapes.instant(mail.created_at),
        "error": mail.error,
        "id": mail.id,
        "recipient": mail.recipient,
        "sent_at": shapes.instant_or_none(mail.sent_at),
        "subject": mail.subject,
        "text": mail.text,
    }
