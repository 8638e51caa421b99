"""The production check of an app: what is fit, what is not, and where that is mended."""

from collections import Counter

from celadon.actions import production_check as checks
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import Shown, app_page, shown, told
from celadon.model import production_check as rules
from celadon.model.production_check import Facts, Status, Subject


@told
def show(call: Call) -> Page:
    found = shown(call)
    facts = checks.facts(call.context, call.actor, found.app.id)
    done = rules.run(facts)
    counts = Counter(check.status for check in done)
    return app_page(
        call,
        found,
        "check",
        "check.html",
        rows=[(check, *_mended(check.subject, found, facts)) for check in done],
        counts=[(status, counts[status]) for status in Status if counts[status]],
    )


def _mended(subject: Subject, found: Shown, facts: Facts) -> tuple[str, str]:
    """The page where somebody mends it, and what the way there is called."""
    app = f"/dashboard/apps/{found.app.name}"
    database = f"/dashboard/databases/{facts.databases[0].id}" if len(facts.databases) == 1 else "/dashboard/databases"
    places = {
        Subject.STACK: (f"{app}/settings", "Open settings"),
        Subject.DYNOS: (f"{app}/resources", "Scale web"),
        Subject.POSTGRES: (database, "Open databases"),
        Subject.BACKUPS: (database, "Open databases"),
        Subject.DNS: (f"{app}/settings/domains", "Open domains"),
        Subject.TLS: (f"{app}/settings/certificates", "Open certificates"),
        Subject.MONITORING: (f"{app}/metrics", "Set an alert"),
        Subject.LOGS: (f"{app}/settings/drains", "Add a drain"),
    }
    return places[subject]
