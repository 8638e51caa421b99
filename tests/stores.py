"""A new platform's store: one is migrated in each test process, all others are copies of it."""

import functools
import tempfile
from pathlib import Path

from celadon.platform.settings import Settings
from celadon.store import database
from celadon.store.secrets import Secrets


def make(settings: Settings) -> None:
    """What `database.migrate` makes in a home where there is none, with a key of its own."""
    Secrets.make(settings.home)
    with (settings.home / "store.db").open("xb") as file:
        file.write(migrated())


@functools.cache
def migrated() -> bytes:
    """A file of SQLite without rows."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        database.migrate(Settings(home=home))
        return (home / "store.db").read_bytes()
