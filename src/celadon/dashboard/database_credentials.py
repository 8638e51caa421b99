"""Credentials of a database: their addresses, hidden until they are asked for; new ones, new passwords, their end."""

from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

from celadon.actions import attachments
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.data_api import DataApi
from celadon.dashboard.databases import Shown, database_page, require, shown
from celadon.dashboard.forms import Form, confirm, take
from celadon.model.postgres_database import DEFAULT_CREDENTIAL, Origin, url


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A credential as the page shows it; `address` and `words` have the password in them."""

    name: str
    user: str
    state: str
    permission: str
    apps: tuple[str, ...]
    host: str = ""
    port: str = ""
    database: str = ""
    password: str = field(default="", repr=False)
    address: str = field(default="", repr=False)

    @property
    def words(self) -> str:
        """As libpq reads it."""
        return (
            f"dbname={self.database} host={self.host} port={self.port} user={self.user} password={self.password} "
            "sslmode=require"
        )


_MAY = {
    "owner": "everything, as its owner",
    "readonly": "read all tables",
    "readwrite": "read and write all tables",
    "none": "what its owner granted by hand",
}


class Credentials:
    """The page `credentials`."""

    def __init__(self, data_api: DataApi) -> None:
        self._data_api = data_api

    def show(self, call: Call, status: int = 200, wrong: str = "") -> Page:
        found = shown(call)
        require(found, "addon:config")
        logins = self._of_postgres(call, found) if found.postgres else self._of_redis(call, found)
        return database_page(
            call,
            found,
            "credentials",
            "database_credentials.html",
            status,
            wrong,
            logins=logins,
            revealed=call.request.query.get("show", ""),
            busy=any(one.state != "active" for one in logins),
            follows=found.postgres is not None and found.postgres.origin is Origin.FOLLOW,
            given=call.form() if wrong else {},
        )

    def _of_postgres(self, call: Call, found: Shown) -> list[Login]:
        attached: dict[str, dict[str, None]] = {}
        for one in attachments.list_of_addon(call.context, call.actor, found.described.addon):
            attached.setdefault(one.attachment.namespace or "", {})[f"{one.app.name} as {one.attachment.name}"] = None
        told = self._data_api.ask(call, f"GET {self._path(found)}")
        return [_login(one, tuple(attached.get(_namespace(one["name"]), ()))) for one in told]

    def _of_redis(self, call: Call, found: Shown) -> list[Login]:
        if found.cache is None:
            return []
        told = self._data_api.ask(call, f"GET /redis/v0/databases/{found.cache.addon_id}")
        names = attachments.list_of_addon(call.context, call.actor, found.described.addon)
        apps = tuple(f"{one.app.name} as {one.attachment.name}" for one in names)
        state = "active" if found.available else "changing"
        return [
            Login(
                name=DEFAULT_CREDENTIAL,
                user=found.cache.username,
                state=state,
                permission="everything",
                apps=apps,
                address=told["resource_url"] or "",
            )
        ]

    def _path(self, found: Shown) -> str:
        return f"/postgres/v0/databases/{found.place.addon_id}/credentials"

    def change(self, call: Call) -> Page:
        found = shown(call)
        steps = {"rotate": partial(self._rotate, call, found)}
        if found.postgres is not None:
            steps |= {
                "create": partial(self._create, call, found),
                "rotate-all": partial(self._rotate_all, call, found),
                "destroy": partial(self._destroy, call, found),
                "repair": partial(self._repair, call, found),
            }
        return take(call, steps, partial(self.show, call))

    def _create(self, call: Call, found: Shown, form: Form) -> str:
        permission = form.get("permission", "")
        body = {"name": form.get("name", "").strip(), **({"permission": permission} if permission else {})}
        self._data_api.ask(call, f"POST {self._path(found)}", body)
        return f"{found.path}/credentials"

    def _rotate(self, call: Call, found: Shown, form: Form) -> str:
        if found.postgres is None:
            path = f"/redis/v0/databases/{found.described.addon.id}/credentials_rotation"
        else:
            path = f"{self._path(found)}/{_segment(form)}/credentials_rotation"
        self._data_api.ask(call, f"POST {path}", {"forced": form.get("forced") == "yes"})
        return f"{found.path}/credentials"

    def _rotate_all(self, call: Call, found: Shown, form: Form) -> str:
        self._data_api.ask(call, f"POST {self._path(found)}_rotation", {"forced": form.get("forced") == "yes"})
        return f"{found.path}/credentials"

    def _destroy(self, call: Call, found: Shown, form: Form) -> str:
        confirm(form, form.get("credential", ""), "destroy the credential")
        self._data_api.ask(call, f"DELETE {self._path(found)}/{_segment(form)}")
        return f"{found.path}/credentials"

    def _repair(self, call: Call, found: Shown, form: Form) -> str:
        self._data_api.ask(call, f"POST /postgres/v0/databases/{found.place.addon_id}/repair-default", {})
        return f"{found.path}/credentials"


def _segment(form: Form) -> str:
    # A name that cannot be is a credential that is not there.
    return quote(form.get("credential", "")[:100], safe="") or "-"


def _namespace(name: str) -> str:
    return "" if name == DEFAULT_CREDENTIAL else f"credential:{name}"


def _login(told: dict[str, object], apps: tuple[str, ...]) -> Login:
    """One that the data API tells of; without a password while it is being made."""
    logins = told["credentials"]
    assert isinstance(logins, list), "the data API's shape"
    words = {name: str(told[name]) for name in ("host", "port", "database")}
    common = {
        "name": str(told["name"]),
        "state": str(told["state"]),
        "permission": _MAY.get(str(told["permission"]), ""),
    }
    if not logins:
        return Login(user=str(told["name"]), apps=apps, **common, **words)
    user, password = str(logins[0]["user"]), str(logins[0]["password"])
    address = url(user, password, words["host"], int(words["port"]), words["database"])
    return Login(user=user, apps=apps, password=password, address=address, **common, **words)
