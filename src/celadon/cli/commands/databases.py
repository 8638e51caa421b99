"""Which database is meant: those attached to an app, by the names that they have in this app."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celadon.cli.connection.client import segment
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action

_INCLUDED = {"Accept-Inclusion": "addon:plan,config_vars"}
_CREDENTIAL = "credential:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """An add-on service that has databases. `promoted` is the attachment that apps look at; `prefix` that of the names
    which the platform thinks of; `assumed` is what is meant where nobody says: None for the only one there is.
    """

    slug: str
    promoted: str
    prefix: str
    assumed: str | None
    noun: str
    none: str


POSTGRES = Service(
    slug="heroku-postgresql",
    promoted="DATABASE",
    prefix="HEROKU_POSTGRESQL_",
    assumed="DATABASE_URL",
    noun="database",
    none="{app} has no database {named}: celadon pg lists those it has",
)
REDIS = Service(
    slug="heroku-redis",
    promoted="REDIS",
    prefix="HEROKU_REDIS_",
    assumed=None,
    noun="instance",
    none="No Redis instances found.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database as an app has it.

    `id` and `name` are the add-on's, `owner` is the app that owns it, `app` the one whose names these are; `attachment` is
    the name by which it is meant, with the rights of `namespace`; `config_vars` are all it has in the app.
    """

    id: str
    name: str
    owner: str
    app: str
    attachment: str
    namespace: str | None
    config_vars: tuple[str, ...]

    @property
    def described(self) -> str:
        """What somebody is to know who is about to change it."""
        return self.name if self.owner == self.app else f"{self.name}, which {self.owner} owns,"

    @property
    def url_name(self) -> str:
        return f"{self.attachment}_URL"

    @property
    def credential(self) -> str:
        return self.namespace.removeprefix(_CREDENTIAL) if self.namespace else "default"


def resolve(invocation: Invocation, named: str | None, service: Service) -> Database:
    """The one that is meant; raises UsageFailure when there are none or several."""
    wanted = named or service.assumed
    found = matching(invocation, wanted, service)
    if not named and service.assumed:
        # Nobody has said a part of a name.
        found = [one for one in found if one.attachment == service.promoted]
    if not found:
        raise UsageFailure(service.none.format(app=invocation.app, named=wanted))
    if len(found) > 1:
        raise UsageFailure(
            f"Please specify a single {service.noun}. Found: {', '.join(sorted(one.name for one in found))}"
        )
    return found[0]


def matching(invocation: Invocation, named: str | None, service: Service) -> list[Database]:
    """All that an app has attached, its own and others', or those that are called so: exactly, or else in part.

    `APP::NAME` is one by its name in another app.
    """
    app, _, wanted = (named or "").rpartition("::")
    app = app or invocation.app
    listed = invocation.client.all(f"/apps/{segment(app)}/addon-attachments", headers=_INCLUDED)
    ours = [one for one in listed if one["addon"]["plan"]["name"].partition(":")[0] == service.slug]
    ours.sort(key=lambda one: (one["name"] != service.promoted, one["name"]))
    meant = _called(ours, wanted, service) if named is not None else ours
    return [_database(app, ours, meant, addon_id) for addon_id in dict.fromkeys(one["addon"]["id"] for one in meant)]


def _called(ours: Sequence[Mapping[str, Any]], named: str, service: Service) -> list[Mapping[str, Any]]:
    """The attachments with this name: the first of these ways that finds any."""
    name = named.upper()
    ways: tuple[Callable[[Mapping[str, Any]], bool], ...] = (
        lambda one: one["name"] == name,
        lambda one: name in (f"{one['name']}_URL", *one["config_vars"]),
        lambda one: named.lower() in (one["id"], one["addon"]["id"], one["addon"]["name"]),
        lambda one: one["name"] == f"{service.prefix}{name.removesuffix('_URL')}",
        lambda one: any(name in part for part in (f"{one['name']}_URL", one["addon"]["name"].upper())),
    )
    for is_meant in ways:
        if found := [one for one in ours if is_meant(one)]:
            return found
    return []


def _database(
    app: str, ours: Sequence[Mapping[str, Any]], meant: Sequence[Mapping[str, Any]], addon_id: str
) -> Database:
    # Of several names of one database that with its own rights.
    one = min((one for one in meant if one["addon"]["id"] == addon_id), key=lambda one: one["namespace"] or "")
    names = [name for other in ours if other["addon"]["id"] == addon_id for name in other["config_vars"]]
    return Database(
        id=one["addon"]["id"],
        name=one["addon"]["name"],
        owner=one["addon"]["app"]["name"],
        app=app,
        attachment=one["name"],
        namespace=one["namespace"],
        config_vars=tuple(dict.fromkeys(names)),
    )


def given_url(invocation: Invocation, found: Database) -> str | None:
    """The address that the app was given, with which it can do what it may, also where another app owns the database; None
    as long as there is none.
    """
    config: dict[str, str] = invocation.client.get(f"/apps/{segment(found.app)}/config-vars")
    return config.get(found.url_name)


def promote(invocation: Invocation, named: str, service: Service) -> None:
    """Attach a database under the name that apps look at; what had it keeps another one."""
    found, url = resolve(invocation, named, service), f"{service.promoted}_URL"
    attached = invocation.client.all(f"{invocation.app_path}/addon-attachments")
    current = next((one for one in attached if one["name"] == service.promoted), None)
    shown = found.attachment if found.namespace else found.name
    if current is not None:
        present = (current["addon"]["id"], current["namespace"])
        if present == (found.id, found.namespace):
            raise UsageFailure(f"{shown} is already promoted on {invocation.app}")
        if sum((one["addon"]["id"], one["namespace"]) == present for one in attached) == 1:
            with action(f"Ensuring an alternate alias for existing {url}") as running:
                running.status = f"{_attach(invocation, *present)}_URL"
    with action(f"Promoting {shown} to {url} on {invocation.app}"):
        _attach(invocation, found.id, found.namespace, service.promoted)


def _attach(invocation: Invocation, addon_id: str, namespace: str | None, name: str | None = None) -> str:
    """Under this name, or one that the platform thinks of; returns it."""
    given = {"name": name, "namespace": namespace}
    body = {"addon": addon_id, "app": invocation.app, "confirm": invocation.app}
    made = invocation.client.post("/addon-attachments", body | {key: value for key, value in given.items() if value})
    return str(made["name"])
