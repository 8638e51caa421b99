"""What every action is given: the store and the platform's settings."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from celadon.actions.rates import Guesses
from celadon.platform.settings import Settings
from celadon.store import database
from celadon.store.blobs import Blobs


@dataclass(frozen=True, slots=True)
class Context:
    database: database.Database
    settings: Settings
    guesses: Guesses = field(default_factory=Guesses)

    @property
    def blobs(self) -> Blobs:
        return Blobs(self.settings.home)


def connect(settings: Settings) -> Context:
    """A context over the platform's own store; raises SecretsError."""
    return Context(database.connect(settings), settings)


def now() -> datetime:
    return datetime.now(UTC)
