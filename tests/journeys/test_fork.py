"""A copy of an app with its code, its rows and its config, also over a client that is killed in the middle."""

import json
import subprocess

from tests.journeys import sources
from tests.journeys.conftest import CELADON, Platform, wait_for


def test_a_fork_has_code_rows_and_config_and_goes_on_after_a_kill(platform: Platform) -> None:
    app = platform.create(sources.web(Procfile="web: python3 -u server.py\nworker: sleep 1000\n"))
    app.push()
    app.celadon("addons:create", "heroku-postgresql:mini", "--wait")
    app.celadon("pg:psql", "-c", "CREATE TABLE notes AS SELECT 'kept' AS text FROM generate_series(1, 7)")
    app.celadon("config:set", "MARK=copied")
    app.celadon("ps:scale", "web=2", "worker=1")
    copy = f"{app.name}-2"
    words = ("fork", "--app", app.name, copy)
    # Outside of a repository, so that no remote says which app is meant.
    begun = subprocess.Popen([str(CELADON), *words], env=platform.env, stdout=subprocess.PIPE, text=True)
    assert begun.stdout is not None
    said = ""
    # What it asks for then is its own: an add-on that is on its way to the store yet would be in the next one's way.
    while "Copying" not in said:
        piece = begun.stdout.read(1)
        assert piece, said
        said += piece
    begun.kill()
    begun.communicate()
    shown = platform.celadon(*words, timeout=300)
    assert shown.startswith(f"Going on with {copy}, which is half-made.\nCopying slug... done\n")
    assert "Transferring database (this can take some time)... done, DATABASE " in shown
    assert "Copying config vars... done\n" in shown and f"Launching {copy}... done, v" in shown
    wait_for("the copy serves", lambda: " one copied " in platform.request(f"{copy}.localhost").text)
    assert "7" in platform.celadon("pg:psql", "--app", copy, "-c", "SELECT count(*) FROM notes WHERE text = 'kept'")
    theirs, own = (json.loads(platform.celadon("config", "--json", "--app", name)) for name in (app.name, copy))
    assert set(theirs) == set(own) and theirs["DATABASE_URL"] != own["DATABASE_URL"]
    assert f"  Forked from {app.name}  " in platform.celadon("releases", "--app", copy)
    assert platform.celadon("ps:scale", "--app", copy) == "web=1:1X worker=0:1X\n"
    assert "no half-made copy" in platform.celadon(*words, check=False)
    for name in (app.name, copy):
        platform.celadon("apps:destroy", "--app", name, "--confirm", name)
