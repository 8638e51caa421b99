"""Password resets: the same answer whether or not the address has an account."""

from celadon.actions import password_resets
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.account import check_email
from celadon.model.errors import InvalidParams


def create(call: Call) -> Answer:
    email = check_email(call.body().needed_text("email"))
    asked = password_resets.request(call.context, email)
    user = {"email": email, "id": shapes.fixed_id("password-reset", email)}
    return Answer(value={"created_at": shapes.instant(asked), "user": user}, status=201)


def finalize(call: Call) -> Answer:
    body = call.body()
    password = body.needed_text("password", 1024)
    if body.text("password_confirmation", 1024) != password:
        raise InvalidParams("cannot set the password: password and password_confirmation are not the same")
    account = password_resets.finalize(call.context, call.params["token"], password, call.request.address)
    return Answer(value={"created_at": shapes.instant(account.updated_at), "user": shapes.user(account)})
