"""SIGKILL at any moment leaves nothing half-made."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from celadon.actions import accounts, apps, context, releases
from celadon.model.account import Actor
from celadon.platform.settings import Settings
from celadon.store import configs
from celadon.store.database import Database

ROUNDS = int(os.environ.get("CELADON_KILL_ROUNDS", "25"))

# Changes config vars as fast as it can and says each release that was accepted.
WRITER = """
import sys
from pathlib import Path
from celadon.actions import accounts, config_vars, context
from celadon.model.account import Actor
from celadon.platform.settings import Settings
from celadon.store.database import Database
from celadon.store.secrets import Secrets
home = Path(sys.argv[1])
world = context.Context(Database(sys.argv[2], Secrets.load(home)), Settings(home=home))
owner = Actor(account=accounts.create_operator(world.database, email="admin@localhost", password="long enough"))
number = int(sys.argv[3])
print("ready", flush=True)
while True:
    number += 1
    _, release = config_vars.update(world, owner, "hello", {"COUNT": str(number)})
    print(release.version, number, flush=True)
"""


def test_accepted_releases_survive_and_nothing_is_half_made(database: Database, url: str, tmp_path: Path) -> None:
    world = context.Context(database, Settings(home=tmp_path))
    owner = Actor(account=accounts.create_operator(database, email="admin@localhost", password="long enough"))
    app = apps.create(world, owner, name="hello")
    accepted: dict[int, int] = {}
    rng = random.Random(7)
    for number in range(ROUNDS):
        argv = [sys.executable, "-c", WRITER, str(tmp_path), url, str(number * 100_000)]
        writer = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        if number % 2:
            # In half of the rounds something is under way for certain, however slow the machine.
            version, count = writer.stdout.readline().split()
            accepted[int(version)] = int(count)
        # The random moment is what is tested; nothing waits for it.
        time.sleep(rng.uniform(0, 0.06))
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout.read().splitlines():
            # The last line may be cut.
            if len(words := line.split()) == 2:
                version, count = words
                accepted[int(version)] = int(count)
        writer.wait()
    _, found, current = releases.list_of(world, owner, "hello")
    versions = [release.version for release in found]
    assert versions == list(range(1, len(versions) + 1))
    assert current is not None and current.version == versions[-1]
    by_version = {release.version: release for release in found}
    with database.read() as tx:
        for version, count in accepted.items():
            assert configs.find(tx, by_version[version].config_id) == {"COUNT": str(count)}
    assert accepted, "the writer never got as far as a release"
    assert app.name == "hello"


@pytest.mark.long
def test_two_hundred_rounds(database: Database, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROUNDS", 200)
    test_accepted_releases_survive_and_nothing_is_half_made(database, url, tmp_path)
