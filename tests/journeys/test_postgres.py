"""An app and its database: from the add-on to a row, over kills, and closed to everybody else."""

import json
import re
import threading
from urllib.parse import urlsplit

from celadon.platform import runtimes, settings
from tests.journeys.conftest import EXAMPLES, App, Platform, wait_for
from tests.journeys.test_kills import kill


def add(app: App, plan: str, *options: str) -> dict[str, object]:
    app.celadon("addons:create", f"heroku-postgresql:{plan}", *options)
    found: list[dict[str, object]] = json.loads(app.celadon("addons", "--json"))
    return found[-1]


def visits(app: App) -> int:
    """What the page counts, this visit included; 0 when it has no database."""
    answer = app.get()
    return int(answer.text.removeprefix("visits: ")) if answer.text.startswith("visits: ") else 0


def test_an_app_gets_a_database_keeps_it_over_kills_and_loses_it(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "python-postgres")
    app.push()
    assert app.get().text.startswith("No database yet")
    add(app, "mini")
    wait_for("the page counts its visits", lambda: visits(app))
    kill(platform, "addons")
    before = visits(app)
    assert before > 1
    # The server itself: its files are whole, and whoever looks after it starts it again.
    runtime = runtimes.addons(settings.load(platform.home))
    # Without those that work on the files of one: files for the next server may just be made.
    (server,) = [name for name in runtime.list() if re.fullmatch(r"postgresql-\d+", name)]
    runtime.kill(server)
    wait_for("the page counts on", lambda: visits(app) > before)
    (name,) = [addon["name"] for addon in json.loads(app.celadon("addons", "--json"))]
    app.celadon("addons:destroy", str(name), "--confirm", app.name)
    assert "DATABASE_URL" not in app.celadon("config")
    wait_for("the page has no database", lambda: app.get().text.startswith("No database yet"))


def test_a_kill_in_the_middle_of_making_one_only_delays_it(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "python-postgres")
    runtime = runtimes.addons(settings.load(platform.home))
    before = set(runtime.list())
    words = ("addons:create", "heroku-postgresql:standard-0", "--wait")
    adding = threading.Thread(target=app.celadon, args=words, kwargs={"timeout": 300})
    adding.start()
    try:
        for _ in range(3):
            kill(platform, "addons")
    finally:
        adding.join()
    (addon,) = json.loads(app.celadon("addons", "--json"))
    assert addon["state"] == "provisioned"
    assert "DATABASE_URL" in app.celadon("config")
    made = set(runtime.list()) - before
    assert made
    app.celadon("addons:destroy", addon["name"], "--confirm", app.name)
    wait_for("its server is gone", lambda: not made & set(runtime.list()))


PROBE = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
    print("open")
except OSError:
    print("closed")
"""


def test_the_dynos_of_another_app_do_not_even_reach_its_port(platform: Platform) -> None:
    app, other = (platform.create({"Procfile": "job: true\n", "probe.py": PROBE, "requirements.txt": ""}) for _ in "ab")
    for one in (app, other):
        one.push()
    add(app, "mini", "--wait")
    url = urlsplit(app.celadon("config:get", "DATABASE_URL").strip())
    words = ("run", "--", "python3", "probe.py", str(url.hostname), str(url.port))
    wait_for("its own dynos reach it", lambda: "open" in app.celadon(*words))
    assert "closed" in other.celadon(*words)
