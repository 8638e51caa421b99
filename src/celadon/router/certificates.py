"""The certificates of apps in HAProxy: added, replaced and removed while it runs, without a reload.

Each has a file of its own, named by its content: another certificate or another name is another file. A new one is in
place before an old one leaves. HAProxy's list on disk has only what a running HAProxy has taken, so that no certificate
can keep the next one from starting.
"""

import logging
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from celadon.model.routing import ServedCertificate
from celadon.platform.settings import Settings
from celadon.router import haproxy
from celadon.router.admin import Admin, Refused
from celadon.store import sni_endpoints
from celadon.store.database import Database

log = logging.getLogger(__name__)


class Certificates:
    """What HAProxy serves for the domains of apps. `taken` are the names of the files it took."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._refused: set[str] = set()
        self.taken = _listed(settings.home / "router" / haproxy.CERTIFICATES)

    def ensure(self, wanted: Iterable[ServedCertificate], present: Collection[str], where: haproxy.Place) -> bool:
        """Close the gap between what is wanted and what HAProxy has; True when its list on disk has to change.

        One that HAProxy refuses is said in the log and left out; the others are served.
        """
        named = {certificate.name: certificate for certificate in wanted}
        own = where.certificate.name if where.certificate else ""
        new = [name for name in named if name not in present and name not in self._refused]
        old = [name for name in present if name not in named and name != own]
        before = set(self.taken)
        self.taken = {name for name in present if name in named}
        if new or old:
            with Admin(self._settings.run / haproxy.ADMIN_SOCKET) as conversation:
                for name in new:
                    self._add(conversation, named[name], where)
                for name in old:
                    _remove(conversation, name, where)
        self._refused &= named.keys()
        if self.taken != before:
            _forget(where, keep={*self.taken, own})
        return self.taken != before

    def _add(self, conversation: Admin, certificate: ServedCertificate, where: haproxy.Place) -> None:
        pem = self._pem(certificate)
        if pem is None:
            return
        path = haproxy.certificate_path(where, certificate.name)
        _write(path, pem)
        try:
            conversation.tell(f"new ssl cert {path}", accept=("New empty", "already exists"))
            # A payload ends with an empty line: `tell` gives the one line break that is still missing.
            conversation.tell(f"set ssl cert {path} <<\n{pem}", accept=("Transaction",))
            conversation.tell(f"commit ssl cert {path}", accept=("Success",))
            line = haproxy.certificate_line(where, certificate)
            conversation.tell(
                f"add ssl crt-list {where.files / haproxy.CERTIFICATES} <<\n{line}\n", accept=("Success",)
            )
        except Refused as error:
            self._refused.add(certificate.name)
            log.error("at=certificate endpoint=%s error=%r", certificate.sni_endpoint_id, str(error))
            conversation.ask(f"abort ssl cert {path}")
            conversation.ask(f"del ssl cert {path}")
            return
        self.taken.add(certificate.name)
        log.info("at=certificate endpoint=%s names=%d", certificate.sni_endpoint_id, len(certificate.hostnames))

    def _pem(self, certificate: ServedCertificate) -> str | None:
        """Key and chain in one text, as HAProxy reads them; None when the endpoint is gone in the meantime."""
        with self._database.read() as tx:
            return sni_endpoints.pem(tx, certificate.sni_endpoint_id)


def _remove(conversation: Admin, name: str, where: haproxy.Place) -> None:
    path = haproxy.certificate_path(where, name)
    gone = ("doesn't exist", "not found", "unknown", "didn't find")
    conversation.tell(f"del ssl crt-list {where.files / haproxy.CERTIFICATES} {path}", accept=("deleted", *gone))
    conversation.tell(f"del ssl cert {path}", accept=("deleted", *gone))


def _forget(where: haproxy.Place, keep: Collection[str]) -> None:
    """Remove files that nobody serves any more, with the keys in them."""
    for path in (where.files / "certificates").glob("*.pem"):
        if path.name not in keep:
            path.unlink(missing_ok=True)


def _listed(path: Path) -> set[str]:
    """Names of the files in HAProxy's list on disk that are there."""
    if not path.is_file():
        return set()
    found = (Path(line.split(" ", 1)[0]) for line in path.read_text("utf-8").splitlines() if line)
    return {file.name for file in found if file.is_file()}


def _write(path: Path, pem: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(pem)
    fresh.rename(path)
