"""The providers that come with the platform, spoken to as third parties' are: Add-on Partner API v3 over HTTP.

A Unix socket that only the platform's own user opens, with a manifest for each service beside it that
`celadon addons:providers:test` reads. The platform itself has no need of it and calls the same objects.
"""

import base64
import hmac
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from celadon.actions import addon_services, provisioning
from celadon.actions.context import Context
from celadon.addons.locks import Locks
from celadon.addons.provider import OwnProvider, Provided, ProviderFailed, ProviderRefused, Wanted
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.api.route import Door, Route, route
from celadon.model import partner
from celadon.model.addon import AddOnService, Plan
from celadon.model.errors import InvalidParams, NotFound, Unauthorized
from celadon.platform.settings import Settings
from celadon.store import apps

# In the platform's `run`; nobody else enters the directory.
MANIFESTS = "providers"
SOCKET = f"{MANIFESTS}/port.sock"
# Option of a resource → the app it is for: a partner is told by us alone, and no provider of ours has such an option.
APP = "app"
_PURPOSE = "provider-port"
_LONGEST_ID = 36


class ProviderPort:
    """Answers for each of these providers. Calls of one resource never overlap, as the port wants it."""

    def __init__(self, context: Context, own: Mapping[str, OwnProvider]) -> None:
        self._context = context
        self._own = own
        self._locks = Locks()

    def routes(self) -> tuple[Route, ...]:
        start = f"/:service{partner.RESOURCES}"
        return (
            route(f"POST {start}", "its password", self.provision, Door.OPEN),
            route(f"PUT {start}/:resource", "its password", self.change_plan, Door.OPEN),
            route(f"DELETE {start}/:resource", "its password", self.deprovision, Door.OPEN),
        )

    def provision(self, call: Call) -> Answer:
        service, provider = self._known(call)
        body = call.body()
        resource, plan = self._id(body.needed_text("uuid")), _plan(service, body.needed_text("plan"))
        given = body.entry("options")
        options = {name: str(value) for name, value in given.values.items()} if given else {}
        with self._context.database.read() as tx:
            found = apps.find(tx, options.pop(APP, ""))
        wanted = Wanted(
            addon_id=resource,
            name=body.text("name") or service.name,
            plan=plan.name,
            region=body.text("region") or "",
            app_id=found.id if found else "",
            app_name=found.name if found else "",
            options=options,
        )
        with self._locks.of(resource):
            return _told(lambda: _provided(provider.provision(wanted)))

    def change_plan(self, call: Call) -> Answer:
        service, provider = self._known(call)
        resource = self._id(call.params["resource"])
        with self._locks.of(resource):
            if not provider.has(resource):
                return _gone(resource)
            plan = _plan(service, call.body().needed_text("plan"))
            return _told(lambda: _provided(provider.change_plan(resource, resource, plan.name)))

    def deprovision(self, call: Call) -> Answer:
        _, provider = self._known(call)
        resource = self._id(call.params["resource"])
        with self._locks.of(resource):
            if not provider.has(resource):
                return _gone(resource)

            def remove() -> Answer:
                provider.deprovision(resource, resource)
                return Answer(value={"id": resource, "message": "removed"})

            return _told(remove)

    def _known(self, call: Call) -> tuple[AddOnService, OwnProvider]:
        """Raises NotFound for a service without a provider here, Unauthorized for who does not know its password."""
        name = call.params["service"]
        if name not in self._own:
            raise NotFound("add_on_service")
        wanted = base64.b64encode(f"{name}:{self.password(name)}".encode()).decode()
        given = call.request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Basic {wanted}".encode()):
            raise Unauthorized(
                f"cannot let you in: the user is {name}, its password is in the manifest beside the socket"
            )
        return addon_services.find(self._context, name), self._own[name]

    def _id(self, resource: str) -> str:
        """Raises InvalidParams for what is no id, and for the platform's own: it asks for those itself."""
        if not 0 < len(resource) <= _LONGEST_ID or not resource.isascii():
            raise InvalidParams("cannot use that uuid: it has 1 to 36 letters, digits and dashes")
        if provisioning.find(self._context, resource) is not None:
            raise InvalidParams("cannot touch that resource: it is an add-on of the platform, change it there")
        return resource

    def password(self, service: str) -> str:
        return self._context.database.secrets.sign(_PURPOSE, service)

    def write_manifests(self, settings: Settings) -> None:
        """One for each service, for the eyes of the platform's own user."""
        directory = settings.run / MANIFESTS
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)
        for name in self._own:
            service = addon_services.find(self._context, name)
            content = json.dumps(self._manifest(service, settings.run / SOCKET), indent=2)
            partial = directory / f".{name}.partial"
            partial.unlink(missing_ok=True)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(content)
            partial.rename(directory / f"{name}.json")

    def _manifest(self, service: AddOnService, socket: Path) -> dict[str, object]:
        plans = sorted(service.plans, key=lambda plan: not plan.default)
        return {
            "id": service.name,
            "name": service.human_name,
            "api": {
                "config_vars_prefix": service.prefix,
                "password": self.password(service.name),
                "production": {
                    "base_url": f"http+unix://{quote(str(socket), safe='')}/{service.name}{partner.RESOURCES}"
                },
            },
            "plans": [{"name": plan.name, "human_name": plan.human_name, "cents": plan.cents} for plan in plans],
        }


def _plan(service: AddOnService, name: str) -> Plan:
    found = service.plan(name)
    if found is None:
        raise InvalidParams(f"there is no plan {name[:40]!r} of {service.name}")
    return found


def _provided(made: Provided) -> Answer:
    told = {"id": made.provider_id, "message": made.message}
    if made.config is None:
        return Answer(value=told, status=202)
    return Answer(value={**told, "config": dict(made.config)})


def _told(ask: Callable[[], Answer]) -> Answer:
    """Raises InvalidParams where the provider refuses."""
    try:
        return ask()
    except ProviderRefused as refusal:
        raise InvalidParams(str(refusal)) from None
    except ProviderFailed as failure:
        return Answer(value={"id": "service_unavailable", "message": str(failure)}, status=503)


def _gone(resource: str) -> Answer:
    return Answer(value={"id": "gone", "message": f"there is no resource {resource}"}, status=410)
