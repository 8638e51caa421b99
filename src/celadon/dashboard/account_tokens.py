"""What acts for one's account: its API key, authorizations, and the programs of others."""

from celadon.actions import authorizations, oauth_clients
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.account_pages import Form, Step, account_page, answered, password_of
from celadon.dashboard.logins import SCOPES
from celadon.dashboard.pages import told
from celadon.model.errors import InvalidParams

_SHOWN = 200
# How long a new token lasts, in seconds; empty: until it is revoked.
LASTS = (("", "Until revoked"), ("86400", "1 day"), ("2592000", "30 days"), ("31536000", "1 year"))


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None, **shown_once: object) -> Page:
    """`shown_once`: a token or a secret that is told now, and by whom it was made."""
    found = authorizations.list_of(call.context, call.actor)
    own = [one for one in found if one.session_id is None]
    return account_page(
        call,
        "tokens",
        "account_tokens.html",
        status,
        wrong,
        key=next((one for one in own if authorizations.is_api_key(one)), None),
        tokens=[one for one in reversed(own) if not authorizations.is_api_key(one)][:_SHOWN],
        clients=oauth_clients.list_of(call.context, call.actor),
        programs=authorizations.clients_of(call.context, found),
        scopes=SCOPES,
        lasts=LASTS,
        typed=typed or {},
        **{"token": "", "token_of": "", "secret": "", "secret_of": "", **shown_once},
    )


def _regenerate(call: Call, form: Form) -> Page:
    token = authorizations.regenerate_api_key(call.context, call.actor, password_of(form))
    return _page(call, token=token, token_of="Your API key")


def _create(call: Call, form: Form) -> Page:
    lasts = form.get("lasts", "")
    if lasts not in dict(LASTS):
        raise InvalidParams("cannot authorize: choose how long it lasts")
    made, token = authorizations.create(
        call.context,
        call.actor,
        description=form.get("description", "").strip() or None,
        scope=[form.get("scope", "")],
        expires_in=int(lasts) if lasts else None,
    )
    return _page(call, token=token, token_of=made.description)


def _revoke(call: Call, form: Form) -> str:
    authorizations.revoke(call.context, call.actor, form.get("id", ""))
    return "revoked"


def _create_client(call: Call, form: Form) -> Page:
    name, uri = form.get("name", "").strip(), form.get("redirect_uri", "").strip()
    made = oauth_clients.create(call.context, call.actor, name, uri)
    return _page(call, secret=made.secret, secret_of=made.name)


def _rotate_client(call: Call, form: Form) -> Page:
    made = oauth_clients.rotate(call.context, call.actor, form.get("id", ""))
    return _page(call, secret=made.secret, secret_of=made.name)


def _destroy_client(call: Call, form: Form) -> str:
    oauth_clients.destroy(call.context, call.actor, form.get("id", ""))
    return "removed"


_STEPS: dict[str, Step] = {
    "regenerate": _regenerate,
    "create": _create,
    "revoke": _revoke,
    "create-client": _create_client,
    "rotate-client": _rotate_client,
    "destroy-client": _destroy_client,
}
