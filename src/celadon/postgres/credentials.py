"""The data API of a database's credentials, as Heroku's client asks for it.

What is asked for is a row before it is done: who is killed in between leaves it to the next look of `Changes`.
"""

from celadon.actions import postgres_credentials as credentials
from celadon.actions import provisioning
from celadon.actions.postgres_credentials import Known
from celadon.actions.postgres_databases import Place
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model import postgres_credential as rules
from celadon.model.errors import Conflict, InvalidParams, NotFound
from celadon.model.postgres_database import SIZES, CredentialState
from celadon.postgres import clips, tenants
from celadon.postgres import credential_roles as roles
from celadon.postgres.changes import Changes
from celadon.postgres.databases import Databases
from celadon.postgres.provider import tenant_of

# Bytes of the log: a follower that lacks more would not know a new password soon.
_MOST_LAG = 16 << 20


class Credentials:
    """Answers the routes."""

    def __init__(self, databases: Databases, changes: Changes) -> None:
        self._databases = databases
        self._changes = changes

    def list_all(self, call: Call) -> Answer:
        place = self._databases.find(call, "addon:config").place
        known = credentials.known(call.context, place.database.addon_id)
        return Answer(value=[self._shown(place, one) for one in known])

    def show(self, call: Call) -> Answer:
        place = self._databases.find(call, "addon:config").place
        return Answer(value=self._shown(place, self._known(call, place, call.params["credential"])))

    def create(self, call: Call) -> Answer:
        """POST with `name`, and with `permission`: `none`, which its owner grants by hand, `readonly`, `readwrite`."""
        place = self._databases.available(call)
        body = call.body()
        name, permission = body.needed_text("name"), rules.permission(body.text("permission"))
        addon_id = place.database.addon_id
        rules.check_name(name)
        if not SIZES[place.database.plan].shared:
            self._check_free(call, place, name)
        credentials.create(call.context, addon_id, name, permission, tenants.new_password())
        self._changes.attempt(addon_id)
        return Answer(status=201, value=self._shown(place, self._known(call, place, name)))

    def rotate(self, call: Call) -> Answer:
        name = call.params["credential"]
        place = self._rotating(call)
        self._known(call, place, name)
        credentials.rotate(call.context, place.database.addon_id, {name: tenants.new_password()})
        return self._rotated(call, place)

    def rotate_all(self, call: Call) -> Answer:
        """Those that are there: what is being created has no old password, what is being destroyed needs no new one."""
        place = self._rotating(call)
        known = [one.credential for one in credentials.known(call.context, place.database.addon_id)]
        wanted = [one.name for one in known if one.state in (CredentialState.ACTIVE, CredentialState.ROTATING)]
        passwords = {name: tenants.new_password() for name in wanted}
        credentials.rotate(call.context, place.database.addon_id, passwords)
        return self._rotated(call, place)

    def destroy(self, call: Call) -> Answer:
        place, name = self._databases.available(call), call.params["credential"]
        addon_id = place.database.addon_id
        credentials.remove(call.context, call.actor, addon_id, name)
        self._changes.attempt(addon_id)
        return Answer(value={"message": f"Credential {name} is destroyed; what it owned is the default credential's."})

    def repair(self, call: Call) -> Answer:
        """Everything is the default credential's again."""
        place = self._databases.available(call)
        if SIZES[place.database.plan].shared:
            raise InvalidParams("You can't perform this operation on Essential-tier databases.")
        credentials.check_own(call.context, place.database.addon_id, "repair the default credential")
        with (
            self._databases.locks.of(place.engine.id),
            self._databases.connected(call, place, "repair it") as connection,
        ):
            additional = credentials.additional(call.context, place.database.addon_id)
            present = [one for one in additional if roles.exists(connection, one.role)]
            with connection.transaction():
                roles.repair(connection, tenant_of(place), present)
                tenants.ensure_inside(connection, tenant_of(place), statistics=True)
        return Answer(value={"message": "Repaired the default credential."})

    def _rotating(self, call: Call) -> Place:
        """Unless it is `forced`, no follower may be so far behind that its apps could not log in for a while."""
        forced = bool(call.body().flag("forced"))
        place = self._databases.available(call)
        lagging = [] if forced else self._changes.lagging(place, _MOST_LAG)
        if lagging:
            follower = provisioning.find(call.context, lagging[0])
            raise Conflict(
                f"cannot rotate: {follower.name if follower else 'a follower'} does not follow closely enough to know a "
                "new password soon; wait until it has caught up, or rotate with --force"
            )
        return place

    def _rotated(self, call: Call, place: Place) -> Answer:
        done = self._changes.attempt(place.database.addon_id)
        told = "Rotated." if done else "Being rotated: its server does not answer now."
        return Answer(value={"message": told})

    def _check_free(self, call: Call, place: Place, name: str) -> None:
        """No role of the server's is called so: it may be anything's that the platform makes there."""
        present = {one.role for one in credentials.additional(call.context, place.database.addon_id)}
        if name in present:
            return
        with self._databases.connected(call, place, "create a credential") as connection:
            if roles.exists(connection, name) or name == clips.role_of(place.database.name):
                raise InvalidParams(f"cannot create credential {name!r}: the name is reserved; choose another")

    def _known(self, call: Call, place: Place, name: str) -> Known:
        for one in credentials.known(call.context, place.database.addon_id):
            if one.credential.name == name:
                return one
        raise NotFound("credential", f"The database has no credential {name[:60]!r}; pg:credentials lists them.")

    def _shown(self, place: Place, known: Known) -> dict[str, object]:
        credential = known.credential
        logins = []
        if credential.state in (CredentialState.ACTIVE, CredentialState.ROTATING):
            logins.append({"password": known.password, "state": "active", "user": credential.role})
        return {
            "credentials": logins,
            "database": place.database.name,
            "host": self._databases.clusters.engines.settings.engine_host,
            "name": credential.name,
            "permission": credential.permission,
            "port": place.engine.port,
            "state": credential.state,
        }
