"""The second factor of one's account: on, by a code that a phone reads off the page; off; recovery codes."""

import segno
from markupsafe import Markup

from celadon.actions import two_factor
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.account_pages import Form, Step, account_page, answered, password_of
from celadon.dashboard.pages import told
from celadon.model.errors import TwoFactorRequired


@told
def show(call: Call) -> Page:
    return _page(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _page)


def _page(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None, **shown_once: object) -> Page:
    """`shown_once`: the secret with its picture, or recovery codes. A code that was wrong may be typed again."""
    step = (typed or {}).get("step")
    values = {
        "secret": "",
        "picture": "",
        "codes": [],
        "typed_step": step,
        "confirming": step == "enable",
        **shown_once,
    }
    return account_page(
        call, "two-factor", "account_two_factor.html", status, wrong, on=call.actor.account.two_factor, **values
    )


def _begin(call: Call, form: Form) -> Page:
    secret, url = two_factor.begin(call.context, call.actor, password_of(form))
    drawn = segno.make(url, error="m").svg_inline(scale=5, border=2, light="#fff", title="QR code of the secret")
    return _page(
        call,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        picture=Markup(drawn),
        confirming=True,
    )


def _enable(call: Call, form: Form) -> Page:
    codes = two_factor.enable(call.context, call.actor, _code(form), recovery=True)
    return _codes(call, codes)


def _renew(call: Call, form: Form) -> Page:
    return _codes(call, two_factor.new_recovery_codes(call.context, call.actor, password_of(form), _code(form)))


def _codes(call: Call, codes: list[str]) -> Page:
    return _page(call, codes=codes)


def _disable(call: Call, form: Form) -> str:
    two_factor.disable(call.context, call.actor, password_of(form), _code(form))
    return "off"


def _code(form: Form) -> str:
    """Phones show codes in two halves. Raises TwoFactorRequired for none."""
    code = "".join(form.get("code", "")[:40].split())
    if not code:
        raise TwoFactorRequired("cannot do that without a code: type what the app on your phone shows")
    return code


_STEPS: dict[str, Step] = {"begin": _begin, "enable": _enable, "renew": _renew, "disable": _disable}
