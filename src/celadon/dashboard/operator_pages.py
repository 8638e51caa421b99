"""What the pages of operators share: their frame, whom they let in, and lists of which one page is shown."""

from dataclasses import dataclass
from urllib.parse import urlencode

from celadon.actions import access
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import dashboard_page

HOME = "/dashboard/operator"
_DONE = {
    "saved": "Saved.",
    "sent": "The letter with the link is written: see Letters.",
    "invited": "Invited. The letter with the link is written: see Letters.",
    "opened": "The incident is on the status page.",
    "told": "Told.",
    "resolved": "Resolved.",
}
_LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which page (from 0) of a list is shown, of how many items with these words in them."""

    path: str
    wanted: str
    page: int
    size: int
    there: int

    @property
    def first(self) -> int:
        return self.page * self.size + 1

    @property
    def last(self) -> int:
        return min(self.there, (self.page + 1) * self.size)

    def link(self, page: int) -> str:
        return f"{self.path}?{urlencode({'q': self.wanted, 'page': page})}"


def operator_page(call: Call, item: str, template: str, status: int = 200, wrong: str = "", **values: object) -> Page:
    """A page under this item of the operator's navigation; raises Forbidden for anybody else."""
    access.require_operator(call.actor)
    done = _DONE.get(call.request.query.get("done", ""), "") if call.request.method == "GET" else ""
    return dashboard_page(call, template, status, wrong, section="operator", item=item, done=done, **values)


def asked(call: Call) -> tuple[str, int]:
    """The words of a search, and which page."""
    page = call.request.query.get("page", "0")
    return call.request.query.get("q", "").strip()[:_LONGEST], int(page) if page.isascii() and page.isdigit() and len(
        page
    ) < 7 else 0
