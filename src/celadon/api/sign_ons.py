"""Single sign-on for who is known already: an URL for a browser, good once and for a minute."""

from celadon.actions import sign_ons
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call


def create(call: Call) -> Answer:
    app = call.body().reference("app")
    url, expires_at = sign_ons.begin(call.context, call.actor, call.params["addon"], app)
    return Answer(value={"expires_at": shapes.instant(expires_at), "url": url}, status=201)
