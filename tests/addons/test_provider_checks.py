"""The checks of a provider: the sample one passes all of them, and one that is wrong is told what is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from tests import ports, receiver
from tests.addons import sample
from tests.addons.sample import Sample

from celadon.cli.commands import provider_checks
from celadon.model import partner

MANIFEST = json.loads((sample.FOLDER / "addon-manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with sample.running(tmp_path_factory.mktemp("provider")) as found:
        yield found


@pytest.mark.parametrize("plan", ["free", "basic", "slow"])
def test_the_sample_provider_is_as_it_must_be(provider: Sample, plan: str) -> None:
    checks = list(provider_checks.run(provider.manifest, plan))
    assert not [check for check in checks if check.wrong]
    assert len(checks) == 14


def _wrong(manifest: dict[str, Any]) -> dict[str, str]:
    return {check.what: check.wrong for check in provider_checks.run(manifest) if check.wrong}


def test_a_wrong_password_and_a_wrong_salt_are_found(provider: Sample) -> None:
    api = provider.manifest["api"]
    wrong = _wrong({**provider.manifest, "api": {**api, "password": "another one"}})
    assert wrong["provisioning notes:free makes a resource"] == "it answers 401, not 200 or 201 or 202"
    wrong = _wrong({**provider.manifest, "api": {**api, "sso_salt": "another one"}})
    assert wrong == {"single sign-on with the right token shows a page": "it answers 403, not 200 or 302 or 303"}


def test_a_config_var_that_is_promised_and_not_given_is_found(provider: Sample) -> None:
    api = {**provider.manifest["api"], "config_vars": ["NOTES_URL", "NOTES_KEY"]}
    wrong = _wrong({**provider.manifest, "api": api})
    assert wrong["provisioning notes:free makes a resource"] == (
        "its `config` lacks NOTES_KEY, which the manifest promises"
    )


def test_what_takes_everybody_for_the_platform_is_found() -> None:
    class Careless(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = b'{"id": 7, "config": {"OTHER_URL": "x"}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with receiver.serving(Careless) as url:
        wrong = _wrong(partner.moved(MANIFEST, url))
    assert wrong == {
        "provisioning without the password is refused (401)": "it answers 200, not 401",
        "provisioning a plan that it has not is refused with a message (422)": "it answers 200, not 422",
        "provisioning notes:free makes a resource": "its `config` has 'OTHER_URL', which does not begin with NOTES",
    }


def test_nobody_there_is_said() -> None:
    with ports.held() as (port,):
        (wrong,) = _wrong(partner.moved(MANIFEST, f"http://127.0.0.1:{port}")).values()
    assert wrong.startswith("it does not answer: ConnectionRefusedError")


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({**MANIFEST, "id": "N"}, "its manifest's `id`"),
        ({**MANIFEST, "api": {**MANIFEST["api"], "password": ""}}, "give `api.password`"),
        ({**MANIFEST, "api": {**MANIFEST["api"], "production": {}}}, "give `api.production.base_url`"),
        ({**MANIFEST, "plans": [{"name": "B@D"}]}, "each of its `plans`"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_said(manifest: dict[str, Any], said: str) -> None:
    (check,) = provider_checks.run(manifest)
    assert said in check.wrong


def test_the_token_is_as_herokus_partners_check_it() -> None:
    found = partner.SignOn(
        resource_id="123",
        timestamp=1267597772,
        email="a@example.com",
        user_id="u",
        app_name="a",
        context_app_name="b",
        salt="2f97bfa52ca103f8874716bc90eceb74",
    )
    # sha1("123:2f97bfa52ca103f8874716bc90eceb74:1267597772")
    assert found.form()["resource_token"] == "4ee0e6f6922f61706809cf20f62ae7f316e7ce49"
    assert replace(found, salt="x").token != found.token
    assert "2f97" not in repr(found)
