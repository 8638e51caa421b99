"""Certificates of an app's domains: those that people bring, and automatic ones."""

from collections.abc import Mapping

from celadon.actions import acm, domains, sni_endpoints
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import settings, steps
from celadon.dashboard.pages import told
from celadon.model.errors import InvalidParams

_SHOWN = 50


@told
def show(call: Call) -> Page:
    """`?replace=NAME`: the form is for another one in the place of this."""
    return _page(call)


@told
def update(call: Call) -> Page:
    return steps.take(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "") -> Page:
    served = sni_endpoints.list_of(call.context, call.actor, call.app)
    _, found, _ = domains.list_of(call.context, call.actor, call.app)
    names = [one.endpoint.name for one in served if not one.endpoint.acm]
    replaced = call.request.query.get("replace", "")
    return settings.settings_page(
        call,
        "certificates",
        "certificates.html",
        status,
        wrong,
        served=[(one, sni_endpoints.details(call.settings, one.endpoint.certificate_chain)) for one in served[:_SHOWN]],
        left=len(served[_SHOWN:]),
        replaced=replaced if replaced in names else "",
        waiting=[domain for domain in found if domain.acm_status][:_SHOWN],
        offered=bool(call.settings.acme_directory and call.settings.acme_email),
    )


def _pair(form: Mapping[str, str]) -> tuple[str, str]:
    chain, key = form.get("chain", "").strip(), form.get("key", "").strip()
    if not chain or not key:
        raise InvalidParams("cannot read the certificate: paste it and its private key, both in PEM form")
    return f"{chain}\n", f"{key}\n"


def _add(call: Call, form: Mapping[str, str]) -> None:
    sni_endpoints.create(call.context, call.actor, call.app, *_pair(form))


def _replace(call: Call, form: Mapping[str, str]) -> None:
    sni_endpoints.update(call.context, call.actor, call.app, form.get("name", ""), *_pair(form))


def _remove(call: Call, form: Mapping[str, str]) -> None:
    sni_endpoints.remove(call.context, call.actor, call.app, form.get("name", ""))


def _automatic(call: Call, form: Mapping[str, str]) -> None:
    switch = acm.enable if form.get("on") == "yes" else acm.disable
    switch(call.context, call.actor, call.app)


def _refresh(call: Call, form: Mapping[str, str]) -> None:
    acm.refresh(call.context, call.actor, call.app)


_STEPS: dict[str, steps.Step] = {
    "add": _add,
    "replace": _replace,
    "remove": _remove,
    "automatic": _automatic,
    "refresh": _refresh,
}
