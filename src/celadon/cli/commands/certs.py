"""Certificates of an app's domains: add, replace, remove, automatic ones; and help with the files on this machine."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, date, hash, header, say, show_json, table

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_name = click.option("--name", metavar="NAME", help="Which certificate, where the app has several.")
_files = click.argument("files", nargs=-1, type=click.Path(path_type=Path))


@command(app=True, json=True)
def list_certs(invocation: Invocation) -> None:
    """List the certificates of an app."""
    found = _list(invocation)
    if invocation.json:
        show_json(found)
        return
    if not found:
        say(f"{invocation.app} has no certificates.\nUse `celadon certs:add CRT KEY` or `celadon certs:auto:enable`.")
        return
    titles = ("Name", "Common Name(s)", "Expires", "Trusted", "Type", "Domains")
    table(titles, [_row(entry) for entry in found])


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    certificate = entry["ssl_cert"]
    names = ", ".join(certificate["cert_domains"])
    kind = "ACM" if certificate["acm"] else "SNI"
    return entry["name"], names, date(certificate["expires_at"]), _trusted(certificate), kind, len(entry["domains"])


def _trusted(certificate: dict[str, Any]) -> str:
    return "True" if certificate["ca_signed?"] else "False"


@command(app=True, json=True)
@_files
def add(invocation: Invocation, files: tuple[Path, ...]) -> None:
    """Serve a certificate for those of the app's domains that it speaks for.

    CRT is its PEM file, CHAIN those of its issuers where CRT lacks them, in any order; KEY is its private key.
    """
    chain, key = _pair(files, "certs:add CRT [CHAIN ...] KEY")
    with action(f"Adding certificate to {invocation.app}", quiet=invocation.json):
        body = {"certificate_chain": chain, "private_key": key}
        made = invocation.client.post(f"{invocation.app_path}/sni-endpoints", body)
    _show(invocation, made, f"Certificate details of {made['name']}:")


@command(app=True, json=True, confirm=True)
@_files
@_name
def update(invocation: Invocation, files: tuple[Path, ...], name: str | None) -> None:
    """Serve another certificate in the place of one; the old one stays when the new one cannot be used."""
    chain, key = _pair(files, "certs:update CRT [CHAIN ...] KEY")
    found = _one(invocation, name)
    invocation.confirm_destroy(
        str(invocation.app),
        f"This command will change the certificate of endpoint {found['name']} of {invocation.app}.",
    )
    with action(f"Updating certificate {found['name']} of {invocation.app}", quiet=invocation.json):
        body = {"certificate_chain": chain, "private_key": key}
        made = invocation.client.patch(_path(invocation, found), body)
    _show(invocation, made, "Updated certificate details:")


@command(app=True, confirm=True)
@_name
def remove(invocation: Invocation, name: str | None) -> None:
    """Serve a certificate no more; its domains then have the platform's own."""
    found = _one(invocation, name)
    invocation.confirm_destroy(
        str(invocation.app), f"This command will remove the certificate {found['name']} from {invocation.app}."
    )
    with action(f"Removing certificate {found['name']} from {invocation.app}"):
        invocation.client.delete(_path(invocation, found))


@command(app=True, json=True)
@_name
def info(invocation: Invocation, name: str | None) -> None:
    """Show a certificate: names, issuer, dates, and the domains it is served for."""
    found = _one(invocation, name)
    if not invocation.json:
        say(f"Fetching certificate {found['name']} info for {invocation.app}... done")
    _show(invocation, found, "Certificate details:")


@command()
@_files
def chain(invocation: Invocation, files: tuple[Path, ...]) -> None:
    """Print the certificates of these files in the order in which a server sends them; say what is missing."""
    if not files:
        raise UsageFailure("Usage: celadon certs:chain CRT [CRT ...]", "Must specify at least one certificate file.")
    from celadon.platform import x509

    with _said():
        ordered = x509.order(x509.read("\n".join(_read(file) for file in files)), None, _roots())
    print("".join(x509.pem(certificate) for certificate in ordered), end="")


@command()
@_files
def key(invocation: Invocation, files: tuple[Path, ...]) -> None:
    """Print the one of several private keys that belongs to a certificate."""
    if len(files) < 2:
        raise UsageFailure(
            "Usage: celadon certs:key CRT KEY [KEY ...]", "Must specify one certificate file and at least one key file."
        )
    from celadon.platform import x509

    crt, *keys = files
    with _said():
        certificates = x509.read(_read(crt))
    for file in keys:
        text = _read(file)
        try:
            if x509.belongs(certificates, text):
                print(text, end="" if text.endswith("\n") else "\n")
                return
        except x509.Unusable as error:
            say(f"{file}: {error.message}")
    raise Failure(f"cannot find the key of {crt}: none of {', '.join(map(str, keys))} is its")


@command(app=False, must="DOMAIN to make a certificate for")
@click.argument("domain")
@click.option("--selfsigned", is_flag=True, help="Make a certificate at once, which browsers do not trust.")
@click.option("--keysize", type=click.IntRange(2048, 8192), help="An RSA key of so many bits, instead of an EC one.")
@click.option("--owner", default="", help="The organisation that owns the domain.")
@click.option("--country", default="", help="Its country, as two letters.")
@click.option("--area", default="", help="Its state or province.")
@click.option("--city", default="", help="Its city.")
def generate(invocation: Invocation, domain: str, selfsigned: bool, keysize: int | None, **place: str) -> None:
    """Make a private key and a request for a certificate authority to sign, or a self-signed certificate."""
    from celadon.platform import x509

    stem = domain.replace("*", "wildcard")
    if not re.fullmatch(r"(wildcard\.)?([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+", stem):
        raise Failure(f"cannot make a certificate for {domain!r}: it is no host name")
    second = Path(f"{stem}.{'crt' if selfsigned else 'csr'}")
    for file in (Path(f"{stem}.key"), second):
        if file.exists():
            raise Failure(f"cannot write {file}: it is there already; move it away first")
    with _said():
        made = x509.generate(domain, selfsigned=selfsigned, rsa_bits=keysize, **place)
    _write(Path(f"{stem}.key"), made.key, secret=True)
    _write(second, made.text)
    if selfsigned:
        say(
            f"Your key and self-signed certificate have been generated.\nNext, run:\n$ celadon certs:add {second} {stem}.key"
        )
    else:
        say(
            f"Your key and certificate signing request have been generated.\nSubmit {second} to a certificate authority; "
            f"when you have its certificate, run:\n$ celadon certs:add CRT [CHAIN ...] {stem}.key"
        )


@command()
def show_ca(invocation: Invocation) -> None:
    """Print the authority that the platform's own certificates are from, for those who are to trust it."""
    found = invocation.client.get("/platform")["ca_certificate"]
    if not found:
        raise Failure("This platform has no certificate authority yet: run bin/up")
    print(found, end="")


# Automatic ones


@command(app=True, json=True)
@click.option("--wait", is_flag=True, help="Wait until every domain has its certificate, or does not get one.")
def auto(invocation: Invocation, wait: bool) -> None:
    """Show how far the automatic certificates of an app's domains are."""
    enabled = bool(invocation.client.get(invocation.app_path)["acm"])
    if invocation.json:
        show_json({"acm": enabled, "domains": _wait_for_all(invocation) if wait and enabled else _custom(invocation)})
        return
    if not enabled:
        header(f"Automatic Certificate Management is disabled on {invocation.app}")
        say("`celadon certs:auto:enable` gets a certificate for each of its domains, and renews it.")
        return
    header(f"Automatic Certificate Management is enabled on {invocation.app}")
    if wait:
        with _leaving(invocation), action("Waiting for certificates"):
            _wait_for_all(invocation)
    domains = _custom(invocation)
    if not domains:
        say("Add a domain to the app: `celadon domains:add www.example.com`")
        return
    titles = ("Domain", "Status", "Reason")
    table(titles, [(entry["hostname"], _status(entry), entry["acm_status_reason"] or "") for entry in domains])
    if any(entry["acm_status"] == "failed" for entry in domains):
        raise Failure("Some domains have no certificate after several tries: `celadon certs:auto:refresh` tries again")


@command(app=True)
@click.option("--wait", is_flag=True, help="Wait until every domain has its certificate, or does not get one.")
def enable(invocation: Invocation, wait: bool) -> None:
    """Get a certificate for each domain of the app that DNS leads here, and renew it in time."""
    with action("Enabling Automatic Certificate Management") as running:
        invocation.client.post(f"{invocation.app_path}/acm", {})
        running.status = "see `celadon certs:auto`"
    if wait:
        with _leaving(invocation), action("Waiting for certificates"):
            failed = [entry["hostname"] for entry in _wait_for_all(invocation) if entry["acm_status"] != "cert issued"]
            if failed:
                raise Failure(f"No certificate for {', '.join(failed)}: see `celadon certs:auto`")


@command(app=True, confirm=True)
def disable(invocation: Invocation) -> None:
    """Serve the automatic certificates of an app no more."""
    invocation.confirm_destroy(
        str(invocation.app), f"This command will remove the automatic certificates of {invocation.app}."
    )
    with action("Disabling Automatic Certificate Management"):
        invocation.client.delete(f"{invocation.app_path}/acm")


@command(app=True)
def refresh(invocation: Invocation) -> None:
    """Try again now for the domains that did not get a certificate."""
    with action("Refreshing Automatic Certificate Management"):
        invocation.client.patch(f"{invocation.app_path}/acm", {"acm_refresh": True})


def _status(entry: dict[str, Any]) -> str:
    if entry["acm_status"] is None:
        if entry["hostname"].startswith("*."):
            return "Not for wildcards"
        return "Waiting" if entry["status"] == "succeeded" else "Waiting for DNS"
    status = str(entry["acm_status"])
    return {"verified": "In Progress", "cert issued": "OK"}.get(status, status.capitalize())


def _leaving(invocation: Invocation) -> contextlib.AbstractContextManager[None]:
    from celadon.cli.connection import waiting

    return waiting.leaving(
        "The platform goes on asking for certificates.", f"To look: celadon certs:auto -a {invocation.app}"
    )


def _wait_for_all(invocation: Invocation) -> list[dict[str, Any]]:
    from celadon.cli.connection.waiting import until

    def settled() -> list[dict[str, Any]] | None:
        # A wildcard gets none this way, and one that somebody brought stays.
        brought = {entry["name"] for entry in _list(invocation) if not entry["ssl_cert"]["acm"]}
        found = [
            entry
            for entry in _custom(invocation)
            if not entry["hostname"].startswith("*.") and (entry["sni_endpoint"] or {}).get("name") not in brought
        ]
        done = all(entry["acm_status"] in ("cert issued", "failing", "failed") for entry in found)
        return found if done else None

    return until(settled)


def _custom(invocation: Invocation) -> list[dict[str, Any]]:
    found = invocation.client.all(f"{invocation.app_path}/domains", range="id ..; max=1000;")
    return [entry for entry in found if entry["kind"] == "custom"]


# Shared


def _list(invocation: Invocation) -> list[dict[str, Any]]:
    return invocation.client.all(f"{invocation.app_path}/sni-endpoints", range="id ..; max=1000;")


def _one(invocation: Invocation, name: str | None) -> dict[str, Any]:
    found = _list(invocation)
    if not found:
        raise Failure(f"{invocation.app} has no certificates.")
    if name is None:
        if len(found) > 1:
            raise Failure(
                f"Must pass --name when the app has more than one certificate: {', '.join(e['name'] for e in found)}"
            )
        return found[0]
    for entry in found:
        if name in (entry["name"], entry["id"]):
            return entry
    raise Failure(f"Couldn't find that certificate: {invocation.app} has no {name}; see `celadon certs`.")


def _path(invocation: Invocation, entry: dict[str, Any]) -> str:
    return f"{invocation.app_path}/sni-endpoints/{segment(entry['name'])}"


def _show(invocation: Invocation, entry: dict[str, Any], title: str) -> None:
    if invocation.json:
        show_json(entry)
        return
    certificate = entry["ssl_cert"]
    say(title)
    hash(
        {
            "Common Name(s)": certificate["cert_domains"],
            "Expires At": date(certificate["expires_at"]),
            "Issuer": certificate["issuer"],
            "Starts At": date(certificate["starts_at"]),
            "Subject": certificate["subject"],
        }
    )
    if certificate["ca_signed?"]:
        say("SSL certificate is verified by a root authority.")
    else:
        say(f"SSL certificate is {'self signed' if certificate['self_signed?'] else 'not trusted'}.")
    custom = _custom(invocation)
    if served := [found["hostname"] for found in custom if found["id"] in entry["domains"]]:
        say(f"Served for {', '.join(served)}.")
        return
    spoken = certificate["cert_domains"]
    others = [found for found in custom if found["sni_endpoint"] and found["hostname"] in spoken]
    for found in others:
        say(f"{found['hostname']} is still served with {found['sni_endpoint']['name']}: remove or update that one.")
    if not others:
        say("Served for no domain yet: `celadon domains:add` one it speaks for.")


def _pair(files: tuple[Path, ...], usage: str) -> tuple[str, str]:
    if len(files) < 2:
        raise UsageFailure(f"Usage: celadon {usage}", "Must specify a certificate file and a key file.")
    *chain_files, key_file = files
    return "\n".join(_read(file) for file in chain_files), _read(key_file)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise Failure(
            f"cannot read {file}: it is not PEM; `openssl x509 -inform der -in {file}` makes PEM of it"
        ) from None
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}") from None


def _write(file: Path, text: str, *, secret: bool = False) -> None:
    import os

    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644), "w") as out:
            out.write(text)
    except OSError as error:
        raise Failure(f"cannot write {file}: {error.strerror}") from None


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """What the rules of certificates refuse, as a failure of the command."""
    from celadon.platform import x509

    try:
        yield
    except x509.Unusable as error:
        raise Failure(error.message) from None


def _roots() -> "list[Certificate]":
    """The authorities that this machine trusts."""
    from celadon.platform import x509
    from celadon.platform.settings import Settings

    bundle = Settings(home=Path()).ca_bundle
    return x509.roots(bundle) if bundle.is_file() else []
