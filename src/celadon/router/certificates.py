"""The certificates of apps in HAProxy: added, replaced and removed while it runs, without a reload.

Each has a file of its own, named by its content: another certificate or another name is another file. A new one is in
place before an old one leaves. HAProxy's list on disk has only what a running HAProxy has taken, so that no certificate
can keep the next one from starting.
"""

import logging
import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

from celadon.model.routing import ServedCertificate
from celadon.platform import certificates
from celadon.platform.settings import Settings
from celadon.router import haproxy
from celadon.router.admin import Admin, Refused
from celadon.store import sni_endpoints
from celadon.store.database import Database
from celadon.store.secrets import SecretsError

# Told in one go; dynos that come and go do not wait for thousands.
_AT_ONCE = 50
_REFUSED_SECONDS = 300.0

log = logging.getLogger(__name__)


class Certificates:
    """What HAProxy serves for the domains of apps. `taken` are the names of the files it took."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        # Names of files that HAProxy refused, and until when they are left alone.
        self._refused: dict[str, float] = {}
        # Whether there are more than were told at once.
        self.restless = False
        self.taken = _listed(settings.home / "router" / haproxy.CERTIFICATES)

    def ensure(self, wanted: Iterable[ServedCertificate], present: Collection[str], where: haproxy.Site) -> bool:
        """Close the gap between what is wanted and what HAProxy has; True when its list on disk has to change.

        One that HAProxy refuses is said in the log and left out; the others are served.
        """
        named = {certificate.name: certificate for certificate in wanted}
        own = where.certificate.name if where.certificate else ""
        # Another role renews it, and gives it its name when it is on the disk.
        coming = certificates.partial_of(where.certificate).name if where.certificate else ""
        self._refused = {name: until for name, until in self._refused.items() if until > time.monotonic()}
        new = [name for name in named if name not in present and name not in self._refused]
        old = [name for name in present if name not in named and name != own]
        self.restless = len(new) > _AT_ONCE
        before = set(self.taken)
        self.taken = {name for name in present if name in named}
        if new or old:
            with Admin(self._settings.run / haproxy.ADMIN_SOCKET) as conversation:
                for name in new[:_AT_ONCE]:
                    self._add(conversation, named[name], where)
                # What takes the place of an old one may be among those that are told later.
                for name in () if self.restless else old:
                    _remove(conversation, name, where)
        _forget(where, keep={*self.taken, own, coming})
        return self.taken != before

    def forget(self) -> None:
        """HAProxy does not start from what is listed; the next will be told one by one."""
        self.taken = set()

    def _add(self, conversation: Admin, certificate: ServedCertificate, where: haproxy.Site) -> None:
        try:
            pem = self._pem(certificate)
        except SecretsError as error:
            self._refused[certificate.name] = time.monotonic() + _REFUSED_SECONDS
            log.error("at=certificate endpoint=%s error=%r", certificate.sni_endpoint_id, str(error))
            return
        if pem is None:
            return
        path = haproxy.certificate_path(where, certificate.name)
        certificates.write_secret(path, pem.encode())
        _abort(conversation)
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
            self._refused[certificate.name] = time.monotonic() + _REFUSED_SECONDS
            log.error("at=certificate endpoint=%s error=%r", certificate.sni_endpoint_id, str(error))
            _abort(conversation)
            conversation.ask(f"del ssl cert {path}")
            return
        self.taken.add(certificate.name)
        log.info("at=certificate endpoint=%s names=%d", certificate.sni_endpoint_id, len(certificate.hostnames))

    def _pem(self, certificate: ServedCertificate) -> str | None:
        """Key and chain in one text, as HAProxy reads them; None when the endpoint is gone in the meantime."""
        if certificate.sni_endpoint_id is None:
            return certificates.for_hosts(self._settings, certificate.hostnames, datetime.now(UTC))
        with self._database.read() as tx:
            return sni_endpoints.pem(tx, certificate.sni_endpoint_id)


def _abort(conversation: Admin) -> None:
    """End what a killed role has left half told: HAProxy takes one certificate at a time."""
    for line in conversation.ask("show ssl cert").splitlines():
        if line.startswith("*"):
            conversation.ask(f"abort ssl cert {line[1:]}")


def _remove(conversation: Admin, name: str, where: haproxy.Site) -> None:
    path = haproxy.certificate_path(where, name)
    for command in (f"del ssl crt-list {where.files / haproxy.CERTIFICATES} {path}", f"del ssl cert {path}"):
        answer = conversation.ask(command)
        if "deleted" not in answer:
            # It is looked at again with the next change; nobody else's has to wait for it.
            log.warning("at=certificate command=%r answer=%r", command, answer)


def _forget(where: haproxy.Site, keep: Collection[str]) -> None:
    """Remove files that nobody serves any more, with the keys in them."""
    for path in (where.files / "certificates").iterdir():
        if path.name not in keep:
            path.unlink(missing_ok=True)


def _listed(path: Path) -> set[str]:
    """Names of the files in HAProxy's list on disk that are there."""
    if not path.is_file():
        return set()
    found = (Path(line.split(" ", 1)[0]) for line in path.read_text("utf-8", "replace").splitlines() if line)
    return {file.name for file in found if file.is_file()}
