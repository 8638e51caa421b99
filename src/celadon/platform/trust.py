"""The host's certificate authorities inside an image's trust store."""

import hashlib
import ssl
import subprocess
from pathlib import Path

from celadon.platform.failure import PlatformFailure

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"
_LOCAL = "usr/local/share/ca-certificates"
_STORE = "etc/ssl/certs/ca-certificates.crt"


def fingerprint(bundle: Path) -> str:
    """What changes when the host's bundle changes; empty when the host has none."""
    try:
        return hashlib.sha256(bundle.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def add_certificates(root: Path, bundle: Path) -> int:
    """Make the image at `root` trust every authority of `bundle`; returns how many it did not know by itself.

    Raises PlatformFailure when the image's own tool refuses.
    """
    local = root / _LOCAL
    for old in local.glob("host-*.crt"):
        old.unlink()
    _update(root)
    known = set(_certificates(root / _STORE))
    added = [certificate for certificate in _certificates(bundle) if certificate not in known]
    local.mkdir(parents=True, exist_ok=True)
    for number, certificate in enumerate(added):
        (local / f"host-{number}.crt").write_text(ssl.DER_cert_to_PEM_cert(certificate), "ascii")
    if added:
        _update(root)
    return len(added)


def _certificates(bundle: Path) -> list[bytes]:
    try:
        text = bundle.read_text("ascii", errors="ignore")
    except FileNotFoundError:
        return []
    parts = text.split(_BEGIN)[1:]
    return [ssl.PEM_cert_to_DER_cert(_BEGIN + part.split(_END, maxsplit=1)[0] + _END) for part in parts]


def _update(root: Path) -> None:
    argv = ["chroot", str(root), "update-ca-certificates", "--fresh"]
    finished = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if finished.returncode:
        raise PlatformFailure(f"cannot add certificates to {root}: {finished.stderr.strip()}")
