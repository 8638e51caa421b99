"""The apps that somebody sees, favourites first, and a new one."""

from collections.abc import Sequence
from urllib.parse import urlencode

from celadon.actions import apps, favourites
from celadon.actions.apps import Owned
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard import account_transfers
from celadon.dashboard.pages import dashboard_page, owner_of, told
from celadon.model.errors import InvalidParams
from celadon.model.range import Range

# So many are looked through, and so many shown on a page.
_READ, _SHOWN = 2000, 100
# So many words that search knows are offered.
_HINTS = 30


@told
def list_of(call: Call) -> Page:
    return _listed(call)


@told
def create(call: Call) -> Page:
    """Where there can be no such app, the form says why."""
    try:
        app = apps.create(call.context, call.actor, name=call.form().get("name", "").strip() or None)
    except InvalidParams as error:
        return _listed(call, error.status, error.message)
    return Page(status=303, location=f"/dashboard/apps/{app.name}")


def _listed(call: Call, status: int = 200, wrong: str = "") -> Page:
    words = call.request.query.get("q", "")[:100].lower().split()
    visible = apps.list_visible(call.context, call.actor, Range(attribute="name", most=_READ))
    starred = favourites.app_ids(call.context, call.actor)
    found = [owned for owned in visible[:_READ] if all(word in _text(owned) for word in words)]
    found.sort(key=lambda owned: (owned[0].id not in starred, owned[0].name))
    pages = max(1, -(-len(found) // _SHOWN))
    number = min(_number(call.request.query.get("page", "")), pages)
    return dashboard_page(
        call,
        "apps.html",
        status,
        wrong,
        found=found[(number - 1) * _SHOWN : number * _SHOWN],
        count=len(found),
        there=min(len(visible), _READ),
        more=len(visible) > _READ,
        wanted=" ".join(words),
        offered=account_transfers.offered_to(call),
        hints=_hints(visible),
        starred=starred,
        number=number,
        pages=pages,
        address=lambda page: _address(words, page),
    )


def _number(given: str) -> int:
    return max(1, int(given)) if given.isascii() and given.isdigit() and len(given) < 7 else 1


def _address(words: Sequence[str], page: int) -> str:
    asked = {"q": " ".join(words)} if words else {}
    query = urlencode({**asked, "page": page} if page > 1 else asked)
    return f"/dashboard?{query}" if query else "/dashboard"


def _text(owned: Owned) -> str:
    """What a search looks into: name, owner, buildpack, region, stack."""
    return " ".join([owned[0].name, *_known(owned)]).lower()


def _known(owned: Owned) -> list[str]:
    app = owned[0]
    return [owner_of(owned), app.buildpack_provided_description or "", app.region, app.stack]


def _hints(visible: Sequence[Owned]) -> list[str]:
    """Owners, buildpacks, regions and stacks by which these apps are told apart."""
    columns = zip(*(_known(owned) for owned in visible), strict=True)
    several = [sorted(set(filter(None, column))) for column in columns]
    return [word for column in several if len(column) > 1 for word in column][:_HINTS]
