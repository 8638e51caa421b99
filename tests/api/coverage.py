"""Which endpoints of Heroku's published schema are there, which come later and which never: docs/reference/api-coverage.md.

Implemented is what `celadon.api.routes` has. Of the rest, each resource (or single endpoint, which wins) is named here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from celadon.api import schema
from celadon.api.routes import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api-coverage.md"

_ACCOUNTS = "2 Accounts, keys, access"
_BUILD = "4 Build"
_ADD_ONS = "11 Add-ons"
_PIPELINES = "15 Pipelines, labs, status"

# The section of product.md that brings it.
LATER: Mapping[str, str] = {
    "GET /addons/:/log-drains": _ADD_ONS,
    "PUT /addons/:/log-drains/:": _ADD_ONS,
    "oci-image": _BUILD,
    "pipeline-config-var": _PIPELINES,
    "pipeline-coupling": _ACCOUNTS,
    "review-app": _PIPELINES,
    "review-app-config": _PIPELINES,
    "test-case": _PIPELINES,
    "test-node": _PIPELINES,
    "test-run": _PIPELINES,
}

_BILLING = "Heroku's billing: here prices are shown and never charged"
_ENTERPRISE = "contracts that Heroku sells to enterprises, with their members, usage and archives"
_SPACES = "networks that Heroku rents in another company's cloud: a private platform is one of its own"

# Why it never comes.
NEVER: Mapping[str, str] = {
    "account-delinquency": _BILLING,
    "archive": _ENTERPRISE,
    "audit-trail-event": _ENTERPRISE,
    "credit": _BILLING,
    "enterprise-account": _ENTERPRISE,
    "enterprise-account-daily-usage": _ENTERPRISE,
    "enterprise-account-member": _ENTERPRISE,
    "enterprise-account-monthly-usage": _ENTERPRISE,
    "generation": "Heroku's two kinds of runtime: here is one, and each app names it (`cedar`)",
    "identity-provider": "single sign-on of Heroku's enterprise teams",
    "inbound-ruleset": _SPACES,
    "invoice": _BILLING,
    "invoice-address": _BILLING,
    "peering": _SPACES,
    "peering-info": _SPACES,
    "sms-number": "codes by text message, which take a telephone company: the second factor is TOTP and recovery codes",
    "space": _SPACES,
    "space-app-access": _SPACES,
    "space-nat": _SPACES,
    "space-topology": _SPACES,
    "space-transfer": _SPACES,
    "GET /enterprise-accounts/:/teams": _ENTERPRISE,
    "POST /enterprise-accounts/:/teams": _ENTERPRISE,
    "team-daily-usage": _BILLING,
    "team-delinquency": _BILLING,
    "team-invoice": _BILLING,
    "team-monthly-usage": _BILLING,
    "team-space": _SPACES,
    "telemetry-drain": "OpenTelemetry of Heroku's other runtime: log drains carry an app's logs and runtime metrics",
    "vpn-connection": _SPACES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the published schema."""

    resource: str
    endpoint: str
    path: str
    title: str

    @property
    def place(self) -> str | None:
        """Its list: `implemented`, a section, a reason, or None where nobody has said."""
        if self.endpoint in SERVED:
            return "implemented"
        listed = {**LATER, **NEVER}
        return listed.get(self.endpoint) or listed.get(self.resource)


SERVED = frozenset(schema.endpoint(route.method, route.path) for route in ROUTES)


def _links() -> Iterator[Link]:
    for resource, link in schema.links(schema.published()):
        path = re.sub(r"{\(([^)]*)\)}", lambda match: f":{unquote(match[1]).split('/')[2]}", link["href"])
        yield Link(
            resource=resource, endpoint=schema.of_link(link), path=f"{link['method']} {path}", title=link["title"]
        )


LINKS = tuple(_links())


def written() -> str:
    """The page of now."""
    lines = [
        "# API coverage",
        "",
        "Every endpoint of the schema that Heroku publishes for its Platform API is in one of three lists. What Celadon has",
        "beyond it is in [API extensions](api-extensions.md); `GET /schema` of a platform describes the first list.",
        "",
        "This page is written by `.venv/bin/python -m tests.api.reference` from the table of routes and `tests/api/coverage.py`,",
        "and a test fails where they differ.",
        "",
        "## Implemented",
        "",
        *_table("", {"implemented": ""}),
        "",
        "## Later",
        "",
        "With the section of the product's description (`product.md`) that brings it.",
        "",
        *_table("section", {section: section for section in sorted(set(LATER.values()), key=_number)}),
        "",
        "## Never",
        "",
        *_table("why", {reason: reason for reason in sorted(set(NEVER.values()))}),
    ]
    return "\n".join(lines) + "\n"


def _number(section: str) -> int:
    return int(section.partition(" ")[0])


def _table(heading: str, places: Mapping[str, str]) -> list[str]:
    """One row for each resource: a title where two links are the same request."""
    rows: dict[tuple[str, str], list[str]] = {}
    for place, told in places.items():
        for link in LINKS:
            if link.place == place:
                rows.setdefault((told, link.resource), []).append(f"`{link.path}` {link.title.lower()}")
    columns = ["resource", "endpoints"] if not heading else [heading, "resource", "endpoints"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for (told, resource), endpoints in rows.items():
        cells = [resource, "; ".join(endpoints)] if not heading else [told, resource, "; ".join(endpoints)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
