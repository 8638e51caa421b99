"""Reports on databases, kept for a month; who may see one is asked of its add-on (`postgres/reports.py`)."""

import uuid

from celadon.actions.context import Context, now
from celadon.model.errors import NotFound
from celadon.model.postgres_report import Report
from celadon.store import postgres_reports


def keep(context: Context, addon_id: str, content: str) -> Report:
    report = Report(id=str(uuid.uuid4()), addon_id=addon_id, content=content, created_at=now())
    with context.database.transaction() as tx:
        postgres_reports.insert(tx, report)
    return report


def find(context: Context, report_id: str) -> Report:
    """Raises NotFound."""
    with context.database.read() as tx:
        found = postgres_reports.find(tx, report_id)
    if found is None:
        raise NotFound("report", "There is no such report: they are kept for a month, make one with pg:diagnose.")
    return found
