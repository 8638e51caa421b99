"""SNI endpoints: the certificates of an app."""

from celadon.actions import sni_endpoints
from celadon.actions.sni_endpoints import Served
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.errors import InvalidParams
from celadon.platform.settings import Settings

# More than the longest that can be served, so that the error says what is wrong with it.
_LONGEST_TEXT = 256 << 10


def list_of(call: Call) -> Listing:
    found = sni_endpoints.list_of(call.context, call.actor, call.app)
    attributes = {"id": lambda served: served.endpoint.id, "name": lambda served: served.endpoint.name}
    return Listing(items=found, attributes=attributes, shape=lambda served: shape(call.settings, served))


def show(call: Call) -> Answer:
    found = sni_endpoints.find(call.context, call.actor, call.app, call.params["sni_endpoint"])
    return _answer(call, found)


def create(call: Call) -> Answer:
    chain, key = _pair(call)
    return _answer(call, sni_endpoints.create(call.context, call.actor, call.app, chain, key), 201)


def update(call: Call) -> Answer:
    chain, key = _pair(call)
    name = call.params["sni_endpoint"]
    return _answer(call, sni_endpoints.update(call.context, call.actor, call.app, name, chain, key))


def destroy(call: Call) -> Answer:
    return _answer(call, sni_endpoints.remove(call.context, call.actor, call.app, call.params["sni_endpoint"]))


def _pair(call: Call) -> tuple[str, str]:
    body = call.body()
    chain, key = body.text("certificate_chain", _LONGEST_TEXT), body.text("private_key", _LONGEST_TEXT)
    if chain is None or key is None:
        raise InvalidParams("cannot read the certificate: give `certificate_chain` and `private_key`, both PEM")
    return chain, key


def _answer(call: Call, served: Served, status: int = 200) -> Answer:
    return Answer(value=shape(call.settings, served), status=status, changed_at=served.endpoint.updated_at)


def shape(settings: Settings, served: Served) -> dict[str, object]:
    endpoint = served.endpoint
    return {
        "app": shapes.app(served.app),
        "certificate_chain": endpoint.certificate_chain,
        "created_at": shapes.instant(endpoint.created_at),
        "display_name": None,
        "domains": [domain.id for domain in served.domains],
        "id": endpoint.id,
        "name": endpoint.name,
        "ssl_cert": _certificate(settings, endpoint.id, endpoint.certificate_chain, acm=endpoint.acm),
        "updated_at": shapes.instant(endpoint.updated_at),
    }


def _certificate(settings: Settings, endpoint_id: str, chain: str, *, acm: bool) -> dict[str, object]:
    details = sni_endpoints.details(settings, chain)
    return {
        "acm": acm,
        "ca_signed?": details.trusted,
        "cert_domains": list(details.names),
        "expires_at": shapes.instant(details.expires_at),
        "id": shapes.fixed_id("certificate", endpoint_id),
        "issuer": details.issuer,
        "self_signed?": details.self_signed,
        "starts_at": shapes.instant(details.starts_at),
        "subject": details.subject,
    }
