"""The Python client of PyPI, heroku3, with a platform: only its base URL is another."""

import itertools
import uuid

import heroku3.api

from tests.journeys import sources
from tests.journeys.conftest import Platform, wait_for


def _heroku(platform: Platform) -> heroku3.api.Heroku:
    heroku = heroku3.api.Heroku()
    heroku._heroku_url = f"http://localhost:{platform.ports['http-port']}"
    assert heroku.authenticate(platform.celadon("auth:token").strip())
    return heroku


def test_an_app_is_configured_scaled_and_rolled_back(platform: Platform) -> None:
    app = platform.create(sources.web(Procfile="web: python3 -u server.py\nworker: sleep 1000\n"))
    app.push()
    heroku = _heroku(platform)
    assert heroku.account().email == "admin@localhost"
    found = heroku.app(app.name)
    assert app.name in [listed.name for listed in heroku.apps()]
    found.config()["MARK"] = "three"
    assert found.config()["MARK"] == "three"
    wait_for("the config var serves", lambda: " three " in app.get().text)
    found.process_formation()["worker"].scale(1)
    wait_for("the worker is up", lambda: "up" in [dyno.state for dyno in found.dynos() if dyno.type == "worker"])
    found.rollback("v3")
    assert [release.version for release in found.releases(order_by="version", limit=2, sort="desc")] == [5, 4]
    assert [domain.hostname for domain in found.domains()] == [app.host]
    found.run_command_detached("echo detached")
    app.wait_for_log(": detached")
    assert len(found.get_log(lines=3).splitlines()) == 3
    assert len(list(itertools.islice(found.stream_log(lines=2), 2))) == 2
    found.enable_maintenance_mode()
    found.disable_maintenance_mode()
    wait_for("it is back from maintenance", lambda: app.get().status == 200)
    found.delete()
    assert app.name not in platform.celadon("apps")


def test_an_app_is_created_renamed_and_set_up_without_a_push(platform: Platform) -> None:
    heroku = _heroku(platform)
    name = f"t-{uuid.uuid4().hex[:12]}"
    created = heroku.create_app(name=name, stack_id_or_name="cedar", region_id_or_name="us")
    created.rename(f"{name}2")
    app = heroku.app(f"{name}2")
    assert app.id == created.id
    assert app.update_config({"ONE": "1", "TWO": "2"}).to_dict() == {"ONE": "1", "TWO": "2"}
    config = app.config()
    del config["ONE"]
    assert config.to_dict() == {"TWO": "2"}
    assert app.add_domain(f"www.{name}.example", None).hostname == f"www.{name}.example"
    app.remove_domain(f"www.{name}.example")
    assert [domain.hostname for domain in app.domains()] == [f"{name}2.localhost"]
    assert (app.enable_acm(), app.refresh_acm(), app.disable_acm()) == (True, True, True)
    assert app.enable_feature("preboot").enabled
    assert not app.disable_feature("preboot").enabled
    buildpacks = [f"https://example.com/{language}.git" for language in ("nodejs", "python")]
    app.update_buildpacks(buildpacks)
    assert [installed.buildpack.url for installed in app.buildpacks()] == buildpacks
    assert app.create_build("https://example.com/source.tgz").status == "pending"
    assert [person.user.email for person in app.collaborators()] == ["admin@localhost"]
    assert len(app.addons()) == 0
    app.restart()
    app.delete()
