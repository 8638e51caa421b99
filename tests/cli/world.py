"""The platform a test speaks to: a real store with an account and, if wanted, an app that has been deployed."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import stores

from celadon.actions import accounts, apps, authorizations, builds, context, dynos, keys
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.app import Collaborator
from celadon.model.dyno import DynoState
from celadon.platform.settings import Settings
from celadon.store import database, rows, tables
from celadon.store import dynos as stored_dynos
from celadon.store import releases as stored_releases

EMAIL = "ada@example.com"
OTHER = "grace@example.com"
PASSWORD = "correct horse"
KEY_BODY = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ"
PUBLIC_KEY = f"ssh-ed25519 {KEY_BODY} ada@laptop"


@dataclass
class World:
    context: Context
    actor: Actor
    token: str

    @property
    def machine(self) -> str:
        """What credentials for its API are kept under."""
        return f"localhost:{self.context.settings.http_port}"

    def deploy(self, app: str, process_types: Mapping[str, str], commit: str = "3063626deadbeef") -> str:
        """A build that has succeeded, as a push would make it; returns its id."""
        build = builds.create(self.context, self.actor, app, commit=commit)
        compiled = Compiled(
            slug_id=str(uuid.uuid4()),
            process_types=process_types,
            language="Python",
            checksum="SHA256:" + "0" * 64,
            size=2048,
            config_vars={},
        )
        assert builds.succeed(self.context, build.id, compiled)
        return build.id

    def run_dyno(self, app: str, process_type: str, number: int, command: str, size: str = "1X") -> None:
        """A dyno that is up, as the manifold would start it."""
        with self.context.database.transaction() as tx:
            found = apps.find(self.context, self.actor, app)
            current = stored_releases.current(tx, found.id)
            assert current is not None, "the app has been deployed"
            dyno = dynos.new(found.id, current.id, process_type, number, command, size)
            stored_dynos.insert(tx, dyno)
            stored_dynos.update(tx, dyno.id, now=context.now(), state=DynoState.UP)

    def new_token(self, email: str) -> str:
        return authorizations.create(self.context, accounts.log_in(self.context, email, PASSWORD))[1]


def make_store(home: Path) -> None:
    """A store with one operator; others are copies of it."""
    settings = Settings(home=home, acme_email="ops@example.com")
    stores.make(settings)
    opened = database.connect(settings)
    accounts.create_operator(opened, email=EMAIL, password=PASSWORD)
    opened.close()


def open_world(settings: Settings) -> World:
    opened = context.connect(settings)
    actor = accounts.log_in(opened, EMAIL, PASSWORD)
    return World(context=opened, actor=actor, token=authorizations.create(opened, actor)[1])


def furnish(world: World) -> None:
    """The app `example` with web and worker, a collaborator, and a key of the account."""
    app = apps.create(world.context, world.actor, name="example")
    world.deploy("example", {"web": "gunicorn app:app", "worker": "python work.py"})
    keys.create(world.context, world.actor, PUBLIC_KEY)
    other = accounts.create(world.context, world.actor, email=OTHER, password=PASSWORD)
    with world.context.database.transaction() as tx:
        shared = Collaborator(app_id=app.id, account_id=other.id, created_at=context.now())
        rows.insert(tx, tables.collaborators, shared)
    world.run_dyno("example", "web", 1, "gunicorn app:app")
