"""The world that is fuzzed: an operator, a collaborator, a stranger, tokens of every scope, and somebody's secrets."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.api import addons_role
from tests.api.examples import PAIR
from tests.api.examples_addons import by_provider
from tests.api.world import PASSWORD, World, make_store, open_world

from celadon.actions import accounts, builds, dynos
from celadon.actions.builds import Compiled
from celadon.model.account import Actor
from celadon.platform.settings import Settings
from celadon.store import dynos as stored_dynos

# In all that belongs to Frank; nobody but the operator may ever be shown it.
CANARY = "canary4f1c2a52"
_SCOPES = ("read", "write", "identity", "read-protected", "write-protected")


def settings_of(home: Path) -> Settings:
    """Limits that fuzzing does not reach."""
    return Settings(home=home, acme_email="ops@example.com", rate_limit=10**9, app_limit=10**6, dyno_limit=10**6)


def make(home: Path) -> None:
    """A store to copy, and beside it who has which token (`tokens`) and what there is, by its kind (`names`)."""
    make_store(home, furnished=True)
    world = open_world(settings_of(home))
    grace = accounts.log_in(world.context, "grace@example.com", PASSWORD)
    eve, frank = (_account(world, f"{name}@example.com") for name in ("eve", "frank"))
    tokens = {
        "operator": world.token,
        "collaborator": world.new_token(actor=grace),
        "stranger": world.new_token(actor=eve),
    }
    # The token of a scope is a collaborator's: the scope alone keeps it from what her other token may.
    tokens |= {f"only_{scope.replace('-', '_')}": world.new_token(scope, actor=grace) for scope in _SCOPES}
    _created(world, "/apps", {"name": "eves"}, tokens["stranger"])
    _created(world, "/apps/example/domains", {"hostname": "www.example.com"})
    endpoint = _created(world, "/apps/example/sni-endpoints", PAIR)
    pipeline = _created(world, "/pipelines", {"name": "road"})
    _created(world, "/teams", {"name": "makers"})
    provider, acme = by_provider(world)
    tokens["provider"] = provider.token
    of_addons = addons_role.furnish(world, world.actor, "example", "0123abcd")
    coupled = {"app": world.made["app"], "pipeline": pipeline["id"], "stage": "production"}
    coupling = _created(world, "/pipeline-couplings", coupled)
    names = {
        "1.team": "makers", "pipeline": pipeline["id"], "coupling": coupling["id"],
        "1.app": "example", "2.app": world.made["app"], "3.app": "eves", "4.app": "franks", "5.app": "example", "1.release": "v3", "2.release": "4",
        "3.release": world.made["release"], "build": world.made["build"], "slug": world.made["slug"], "1.dyno": "web.1",
        "2.dyno": "web", "3.dyno": world.made["dyno"], "1.type": "web", "2.type": "worker", "key": world.made["key"],
        "1.domain": "www.example.com", "2.domain": "example.localhost", "sni_endpoint": endpoint["name"], "feature": "preboot",
        "1.account": "~", "2.account": "grace@example.com", "3.account": world.made["other"], "collaborator": "grace@example.com",
        "authorization": "~", "session": "~", "size": "standard-2x", "region": "us", "stack": "cedar", "buildpack": "heroku/python",
        **{f"1.{name}": value for name, value in of_addons.items()}, "2.addon": acme.name, "3.addon": of_addons["database"],
        "service": "heroku-postgresql", "1.plan": "mini", "2.plan": "heroku-redis:mini", "allowed_addon_service": "scheduler",
        **_franks_app(world, frank),
    }  # fmt: skip
    (home / "fuzz.json").write_text(json.dumps({"tokens": tokens, "names": names}))
    world.context.database.close()


def _account(world: World, email: str) -> Actor:
    return Actor(account=accounts.create(world.context, world.actor, email=email, password=PASSWORD))


def _created(world: World, path: str, body: object, token: str = "") -> dict[str, str]:
    reply = world.call("POST", path, body, token=token)
    assert reply.status == 201, reply.content
    return dict(reply.json)


def _franks_app(world: World, frank: Actor) -> dict[str, str]:
    """Frank's app, with the canary in each of its parts; returns its ids, for others to try."""
    token = world.new_token(actor=frank)
    app = _created(world, "/apps", {"name": "franks"}, token)
    assert world.call("PATCH", "/apps/franks/config-vars", {"SECRET": CANARY}, token=token).status == 200
    domain = _created(world, "/apps/franks/domains", {"hostname": f"{CANARY}.example.com"}, token)
    pipeline = _created(world, "/pipelines", {"name": f"p-{CANARY}"}, token)
    team = _created(world, "/teams", {"name": f"t-{CANARY}"}, token)
    _created(world, "/pipeline-couplings", {"app": app["id"], "pipeline": pipeline["id"], "stage": "staging"}, token)
    build = builds.create(world.context, frank, "franks", commit=CANARY, commit_description=CANARY)
    compiled = Compiled(
        slug_id="2d3f7c1e-0000-4000-8000-000000000001",
        process_types={"web": f"run {CANARY}"},
        language=CANARY,
        checksum="SHA256:" + "0" * 64,
        size=1,
        config_vars={},
    )
    release = builds.succeed(world.context, build.id, compiled)
    assert release
    dyno = dynos.new(app["id"], release.id, "web", 1, f"run {CANARY}", "1X")
    with world.context.database.transaction() as tx:
        stored_dynos.insert(tx, dyno)
    of_addons = addons_role.furnish(world, frank, "franks", CANARY)
    return {
        **{f"frank.{name}": value for name, value in of_addons.items() if name not in ("credential", "schedule")},
        "frank.app": app["id"],
        "frank.release": release.id,
        "frank.slug": compiled.slug_id,
        "frank.build": build.id,
        "frank.dyno": dyno.id,
        "frank.domain": domain["id"],
        "frank.pipeline": pipeline["id"],
        "frank.team": team["id"],
    }


@dataclass
class FuzzedWorld:
    """Copies of the store at `prepared`, one after the other: requests wear a world out."""

    prepared: Path
    directory: Path
    tokens: dict[str, str] = field(init=False)
    names: dict[str, str] = field(init=False)
    _copies: int = 0

    def __post_init__(self) -> None:
        made = json.loads((self.prepared / "fuzz.json").read_text())
        self.tokens, self.names = made["tokens"], made["names"]

    @property
    def home(self) -> Path:
        """Where the present copy is."""
        return self.directory / f"world{self._copies}"

    def copy(self) -> World:
        """A new copy, opened; the one before it is removed."""
        self.remove()
        self._copies += 1
        shutil.copytree(self.prepared, self.home)
        return open_world(settings_of(self.home))

    def remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    def is_franks(self, app: str) -> bool:
        return app in ("franks", self.names["frank.app"])
