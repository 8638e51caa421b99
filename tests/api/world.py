"""A platform's store with somebody in it and an app that has been deployed, and a client of the API over it."""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import stores

from celadon.actions import accounts, apps, authorizations, builds, context, dynos, keys
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.api import request, role
from celadon.api.answer import Response
from celadon.api.application import Api
from celadon.model.account import Actor
from celadon.model.app import Collaborator
from celadon.model.dyno import DynoState
from celadon.platform.settings import Settings
from celadon.store import dynos as stored_dynos
from celadon.store import releases as stored_releases
from celadon.store import rows, tables

EMAIL = "ada@example.com"
PASSWORD = "correct horse"
ACCEPT = "application/vnd.heroku+json; version=3"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ ada@laptop"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada@desk"


@dataclass(frozen=True)
class Reply:
    """An answer as a client sees it: header names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> str:
        return str(self.json["id"])


@dataclass
class World:
    context: Context
    api: Api
    actor: Actor
    token: str
    made: dict[str, str] = field(default_factory=dict)
    # What happens while a client waits for the answer to a change; without it nobody waits.
    meanwhile: Callable[[], object] | None = None

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply:
        """One request, as somebody with a token (None: as nobody), by the way of a real one but for the socket."""
        sent = {"accept": ACCEPT, "x-forwarded-for": "192.0.2.1"}
        if token is not None:
            sent["authorization"] = f"Bearer {token or self.token}"
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        if content is None:
            content = b"" if body is None else json.dumps(body).encode()
        raw_path, _, query = path.partition("?")
        asked = request.Request(
            id=request.new_id(),
            method=request.method_of(method, sent),
            path=request.segments(raw_path.encode()),
            query=request.query_of(query.encode()),
            headers={name: value for name, value in sent.items() if value is not None},
            content=content,
        )
        response = self.api.answer(asked)
        while response.again is not None and self.meanwhile is not None:
            self.meanwhile()
            response = response.again()
        return _reply(response)

    def get(self, path: str, **options: Any) -> Reply:
        return self.call("GET", path, **options)

    def new_token(self, *scope: str, actor: Actor | None = None) -> str:
        return authorizations.create(self.context, actor or self.actor, scope=scope or ("global",))[1]

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


def _reply(response: Response) -> Reply:
    return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, response.content)


def basic(user: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def make_store(home: Path, *, furnished: bool) -> None:
    """A store with one operator, and perhaps the app `example`; worlds are copies of it."""
    settings = Settings(home=home, acme_email="ops@example.com")
    stores.make(settings)
    opened = context.connect(settings)
    accounts.create_operator(opened.database, email=EMAIL, password=PASSWORD)
    actor = accounts.log_in(opened, EMAIL, PASSWORD)
    _, token = authorizations.create(opened, actor)
    world = World(context=opened, api=Api(opened, role.ROUTES), actor=actor, token=token)
    if furnished:
        furnish(world)
    (home / "made.json").write_text(json.dumps({"token": token, **world.made}))
    opened.database.close()


def open_world(settings: Settings) -> World:
    opened = context.connect(settings)
    made = json.loads((settings.home / "made.json").read_text())
    token = made.pop("token")
    actor = accounts.actor_of_token(opened, token)
    return World(context=opened, api=Api(opened, role.ROUTES), actor=actor, token=token, made=made)


def furnish(world: World) -> None:
    """An app `example` with releases, dynos, a collaborator; `made` has the ids."""
    opened, actor = world.context, world.actor
    app = apps.create(opened, actor, name="example")
    world.made["build"] = world.deploy("example", {"web": "gunicorn app:app", "worker": "python work.py"})
    world.deploy("example", {"web": "gunicorn app:app", "release": "python migrate.py", "worker": "python work.py"})
    world.made["key"] = keys.create(opened, actor, PUBLIC_KEY).id
    other = accounts.create(opened, actor, email="grace@example.com", password=PASSWORD)
    with opened.database.transaction() as tx:
        shared = Collaborator(app_id=app.id, account_id=other.id, created_at=context.now())
        rows.insert(tx, tables.collaborators, shared)
        current = stored_releases.current(tx, app.id)
        assert current and current.slug_id
        web = dynos.new(app.id, current.id, "web", 1, "gunicorn app:app", "1X")
        stored_dynos.insert(tx, web)
        stored_dynos.update(tx, web.id, now=context.now(), state=DynoState.UP)
    world.made |= {"app": app.id, "release": current.id, "slug": current.slug_id, "dyno": web.id, "other": other.id}
