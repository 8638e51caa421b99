"""Certificates by the command line: what is added, shown, replaced, removed; files are put in order and matched."""

import json
from pathlib import Path

import pytest
from tests import certified
from tests.cli.program import Program
from tests.cli.world import World

from celadon.platform import certificates

ROOT = certified.root()
BETWEEN = certified.intermediate(ROOT)


@pytest.fixture(autouse=True)
def app(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Paths of a certificate, its chain, its key, and a key that is none of its."""
    leaf = BETWEEN.issue("www.example.com", "www.example.com")
    texts = {
        "crt": leaf.pem,
        "chain": BETWEEN.pem + ROOT.pem,
        "key": leaf.key,
        "other": certified.key_pem(certified.ec_key()),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in texts}


def test_a_certificate_is_added_shown_replaced_and_removed(celadon: Program, files: dict[str, str]) -> None:
    assert celadon("certs").out.startswith("example has no certificates.\n")
    celadon("domains:add", "www.example.com")
    added = celadon("certs:add", files["crt"], files["chain"], files["key"])
    assert added.out.startswith("Adding certificate to example... done\nCertificate details of ")
    assert "Common Name(s): www.example.com\n" in added.out
    assert added.out.endswith("SSL certificate is not trusted.\nServed for www.example.com.\n")
    (listed,) = json.loads(celadon("certs", "--json").out)
    name = listed["name"]
    rows = celadon("certs").out.splitlines()
    assert rows[0].split() == ["Name", "Common", "Name(s)", "Expires", "Trusted", "Type", "Domains"]
    assert rows[2].split()[0] == name
    assert "Issuer:         /CN=Test Intermediate\n" in celadon("certs:info").out
    updated = celadon("certs:update", files["key"], files["crt"], "--confirm", "example")
    assert updated.status == 1 and "cannot read the key" in updated.err
    updated = celadon("certs:update", files["crt"], files["chain"], files["key"], "--confirm", "example")
    assert "Updated certificate details:" in updated.out
    removed = celadon("certs:remove", "--name", name, "--confirm", "example")
    assert removed.out == f"Removing certificate {name} from example... done\n"
    assert celadon("certs:info").err == " !    example has no certificates.\n"


def test_what_is_wrong_is_said(celadon: Program, files: dict[str, str], tmp_path: Path) -> None:
    assert "the key is not that of" in celadon("certs:add", files["crt"], files["chain"], files["other"]).err
    assert "chain is incomplete" in celadon("certs:add", files["crt"], files["key"]).err
    assert celadon("certs:add", files["crt"]).status == 2
    assert "No such file" in celadon("certs:add", files["crt"], "nowhere").err
    (tmp_path / "der").write_bytes(b"\x30\x82\xff\xfe")
    assert "-inform der" in celadon("certs:add", str(tmp_path / "der"), files["key"]).err
    assert celadon("certs:remove", "--name", "nobody").status == 1


def test_files_are_put_in_order_and_matched(celadon: Program, files: dict[str, str]) -> None:
    shown = celadon("certs:chain", files["chain"], files["crt"])
    assert shown.out == Path(files["crt"]).read_text() + Path(files["chain"]).read_text()
    assert "That of 'Test Intermediate'" in celadon("certs:chain", files["crt"]).err
    assert celadon("certs:key", files["crt"], files["other"], files["key"]).out == Path(files["key"]).read_text()
    assert celadon("certs:key", files["crt"], files["other"]).status == 1
    assert celadon("certs:key", files["crt"]).status == 2


@pytest.mark.parametrize("options", [[], ["--keysize", "2048"]])
def test_a_self_signed_certificate_can_be_made_and_added(celadon: Program, options: list[str]) -> None:
    made = celadon("certs:generate", "www.example.com", "--selfsigned", "--owner", "Example", *options)
    assert made.out.endswith("$ celadon certs:add www.example.com.crt www.example.com.key\n")
    assert (celadon.work / "www.example.com.key").stat().st_mode & 0o777 == 0o600
    added = celadon("certs:add", "www.example.com.crt", "www.example.com.key")
    assert "Subject:        /O=Example/CN=www.example.com\n" in added.out
    assert "SSL certificate is self signed.\n" in added.out
    assert celadon("certs:generate", "www.example.com").status == 1


def test_a_request_can_be_made_for_an_authority(celadon: Program) -> None:
    assert "Submit wildcard.example.com.csr" in celadon("certs:generate", "*.example.com").out
    assert (celadon.work / "wildcard.example.com.csr").read_text().startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert celadon("certs:generate", "../x").status == 1


def test_automatic_certificates_are_switched_and_shown(celadon: Program) -> None:
    assert celadon("certs:auto").out.startswith("=== Automatic Certificate Management is disabled on example\n")
    assert celadon("certs:auto:enable").out == (
        "Enabling Automatic Certificate Management... done, see `celadon certs:auto`\n"
    )
    celadon("domains:add", "www.example.com")
    assert "www.example.com  Waiting for DNS" in celadon("certs:auto").out
    assert celadon("certs:auto:refresh").status == 0
    assert celadon("certs:auto:disable", "--confirm", "example").status == 0
    assert celadon("certs:auto:refresh").status == 1


def test_the_platforms_authority_is_printed(celadon: Program, world: World) -> None:
    assert celadon("platform:ca").status == 1
    certificates.issue(world.context.settings, certified.NOW)
    assert celadon("platform:ca").out == world.context.settings.ca_file.read_text()
