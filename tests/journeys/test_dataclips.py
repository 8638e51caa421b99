"""Dataclips as a user has them: a database is added, a query kept, its link opened by somebody without an account."""

import json
import os
import signal

from tests.journeys.conftest import Platform, wait_for

_ROWS = "create table orders as select n as id, 'it ''s <b>' || n as name from generate_series(1, 3) as n"


def test_a_query_of_a_new_database_is_shared_and_its_link_revoked(platform: Platform) -> None:
    app = platform.create({"Procfile": "web: true\n"})
    headers = {
        "Accept": "application/vnd.heroku+json; version=3",
        "Authorization": f"Bearer {platform.celadon('auth:token').strip()}",
    }
    body = json.dumps({"plan": "heroku-postgresql:mini"}).encode()
    added = platform.request("localhost", f"/apps/{app.name}/addons", "POST", body, headers)
    assert added.status in (201, 202), added.text
    wait_for("the database is there", lambda: "DATABASE_URL" in app.celadon("config"), 120)
    made = json.loads(app.celadon("dataclips:create", "select 40 + 2 as answer", "--json", "--title", "Answer"))
    name = made["id"]
    assert app.celadon("dataclips:run", name, "--csv") == "answer\n42\n"
    refused = app.celadon("dataclips:create", _ROWS, "--json")
    told = app.celadon("dataclips:run", json.loads(refused)["id"], check=False)
    assert "read-only transaction" in told
    link = app.celadon("dataclips:share", name).splitlines()[0]
    path = link[link.index("/dataclips/") :]
    page, text, data = (platform.request("localhost", f"{path}{ending}") for ending in ("", ".csv", ".json"))
    assert page.status == 200 and ">42</td>" in page.text and page.headers["referrer-policy"] == "same-origin"
    assert (text.status, text.text) == (200, "answer\r\n42\r\n")
    assert json.loads(data.text)["values"] == [[42]]
    os.kill(platform.pids()["addons"], signal.SIGKILL)
    assert platform.request("localhost", path).status == 200, "the role is back before its reader has left"
    app.celadon("dataclips:revoke", name)
    assert platform.request("localhost", path).status == 404
