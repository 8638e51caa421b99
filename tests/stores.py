"""A new platform's store: one is migrated in each test process, all others are copies of it."""

import functools
import tempfile
from pathlib import Path

from celadon.platform.settings import Settings
from celadon.store import database
from celadon.store.secrets import Secrets


def make(settings: Settings) -> None:
    """What `database.migrate` makes, with a key of its own."""
    Secrets.make(settings.home)
    path = settings.home / "store.db"
    # As with a migration, one that is there already stays as it is; its place may have been made, empty.
    if not path.exists() or not path.stat().st_size:
        path.write_bytes(migrated())


@functools.cache
def migrated() -> bytes:
    """A file of SQLite without rows."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        database.migrate(Settings(home=home))
        return (home / "store.db").read_bytes()
