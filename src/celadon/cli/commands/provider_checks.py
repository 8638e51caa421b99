"""Checks of an add-on provider: the whole protocol is run against it once, and each step says what is wrong with it.

It makes one resource with an id of its own and takes it away again.
"""

import base64
import http.client
import json
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from celadon.model import addon_services, partner
from celadon.model.addon import AddOnService
from celadon.model.errors import InvalidParams
from celadon.model.partner import Doors, SignOn

# The platform waits no longer either.
_SECONDS = 20.0
_LIMIT = 1 << 20
_NO_PLAN = "no-such-plan"
# Seconds: a form of single sign-on this old must not be taken.
_OLD = 900
_REFUSED = 422
_MADE, _CHANGED, _REMOVED, _GONE = (200, 201, 202), (200, 202, 204), (200, 202, 204), (404, 410)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`wrong` is empty when it is as it must be."""

    what: str
    wrong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    content: bytes

    def object(self) -> dict[str, Any]:
        """The body, or nothing when it is no JSON object."""
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class _Wrong(Exception):
    """What a check has found."""


def run(
    manifest: Mapping[str, object], plan: str | None = None, options: Mapping[str, str] | None = None
) -> Iterator[Check]:
    """The checks in their order, each as soon as it is known. Those that cannot follow one that went wrong are left out.

    `options` are given with the resource that is made.
    """
    try:
        service, doors = addon_services.from_manifest(manifest), _doors(manifest)
        wanted = service.plan(plan or "")
        if wanted is None:
            raise InvalidParams(f"there is no plan {plan!r} in the manifest")
    except InvalidParams as error:
        yield Check(what="the manifest can be used", wrong=error.message)
        return
    yield Check(what=f"the manifest offers {service.name} in {len(service.plans)} plans")
    asked = _Asked(
        manifest=manifest,
        service=service,
        doors=doors,
        plan=wanted.name,
        options=options or {},
        id=str(uuid.uuid4()),
    )
    went_wrong = False
    for what, step in asked.steps():
        try:
            step()
        except (OSError, http.client.HTTPException) as error:
            yield Check(what=what, wrong=f"it does not answer: {type(error).__name__} {error}".rstrip())
            return
        except _Wrong as wrong:
            went_wrong = True
            yield Check(what=what, wrong=str(wrong))
        else:
            yield Check(what=what)
        if went_wrong and step == asked.provision:
            return


def _doors(manifest: Mapping[str, object]) -> Doors:
    api = manifest.get("api")
    values = api if isinstance(api, Mapping) else {}
    if not values.get("password"):
        raise InvalidParams("cannot use the manifest: give `api.password`, which the provider knows the platform by")
    return partner.doors(values.get("production"))


@dataclass(slots=True, kw_only=True)
class _Asked:
    """One resource on its way; each method is a check and raises _Wrong."""

    manifest: Mapping[str, Any]
    service: AddOnService
    doors: Doors
    plan: str
    options: Mapping[str, str]
    id: str
    provider_id: str = ""

    def steps(self) -> list[tuple[str, Any]]:
        found = [
            ("provisioning without the password is refused (401)", self.provision_as_stranger),
            ("provisioning a plan that it has not is refused with a message (422)", self.provision_wrong_plan),
            (f"provisioning {self.service.name}:{self.plan} makes a resource", self.provision),
            ("provisioning with the same uuid answers the same resource", self.provision_again),
            ("changing to a plan that it has not is refused with a message (422)", self.change_to_wrong_plan),
        ]
        if self._other_plan():
            what = f"changing the plan to {self._other_plan()} is done, or refused with a message (422)"
            found.append((what, self.change_plan))
        if self.service.single_sign_on and self.doors.sign_on:
            found += [
                ("single sign-on with the right token shows a page", self.sign_on),
                ("single sign-on with a wrong token is refused (403)", self.sign_on_as_stranger),
                ("single sign-on with a form that is old is refused (403)", self.sign_on_late),
            ]
        return [
            *found,
            ("deprovisioning without the password is refused (401)", self.deprovision_as_stranger),
            ("deprovisioning removes it", self.deprovision),
            ("deprovisioning what is gone says so (410)", self.deprovision_again),
            ("changing the plan of what is gone says so (410)", self.change_gone),
        ]

    def provision_as_stranger(self) -> None:
        _status(self._ask("POST", "", self._wanted(self.plan), password="nobody-knows-this-one"), (401,))

    def provision_wrong_plan(self) -> None:
        wanted = {**self._wanted(_NO_PLAN), "uuid": str(uuid.uuid4())}
        _refused(self._ask("POST", "", wanted))

    def provision(self) -> None:
        answer = self._ask("POST", "", self._wanted(self.plan))
        _status(answer, _MADE)
        told = answer.object()
        if not isinstance(told.get("id"), (str, int)):
            raise _Wrong("the answer is no JSON object with an `id`")
        self.provider_id = str(told["id"])
        if answer.status != 202:
            self._check_config(told.get("config"), self._promised())

    def provision_again(self) -> None:
        answer = self._ask("POST", "", self._wanted(self.plan))
        _status(answer, _MADE)
        if (again := str(answer.object().get("id"))) != self.provider_id:
            raise _Wrong(f"it has the id {again!r} now, and had {self.provider_id!r}")

    def change_to_wrong_plan(self) -> None:
        _refused(self._ask("PUT", f"/{self.id}", {"plan": _NO_PLAN}))

    def change_plan(self) -> None:
        answer = self._ask("PUT", f"/{self.id}", {"plan": self._other_plan()})
        if answer.status == _REFUSED:
            _refused(answer)
            return
        _status(answer, _CHANGED)
        if (config := answer.object().get("config")) is not None:
            self._check_config(config, ())

    def sign_on(self) -> None:
        _status(self._sign_on(self._form()), (200, 302, 303))

    def sign_on_as_stranger(self) -> None:
        form = self._form()
        _status(self._sign_on({**form, "token": "0" * 40, "resource_token": "0" * 40}), (401, 403))

    def sign_on_late(self) -> None:
        _status(self._sign_on(self._form(_OLD)), (401, 403))

    def deprovision_as_stranger(self) -> None:
        _status(self._ask("DELETE", f"/{self.id}", password="nobody-knows-this-one"), (401,))

    def deprovision(self) -> None:
        _status(self._ask("DELETE", f"/{self.id}"), _REMOVED)

    def deprovision_again(self) -> None:
        _status(self._ask("DELETE", f"/{self.id}"), _GONE)

    def change_gone(self) -> None:
        _status(self._ask("PUT", f"/{self.id}", {"plan": self.plan}), _GONE)

    def _other_plan(self) -> str | None:
        return next((plan.name for plan in self.service.plans if plan.name != self.plan), None)

    def _promised(self) -> tuple[str, ...]:
        names = self.manifest["api"].get("config_vars")
        return tuple(str(name) for name in names) if isinstance(names, list) else ()

    def _check_config(self, config: object, promised: tuple[str, ...]) -> None:
        if not isinstance(config, dict) or not all(isinstance(value, str) for value in config.values()):
            raise _Wrong("its `config` is no object of names with texts")
        strange = [name for name in config if not f"{name}_".startswith(f"{self.service.prefix}_")]
        if strange:
            raise _Wrong(f"its `config` has {strange[0]!r}, which does not begin with {self.service.prefix}")
        missing = [name for name in promised if name not in config]
        if missing:
            raise _Wrong(f"its `config` lacks {', '.join(missing)}, which the manifest promises")

    def _wanted(self, plan: str) -> dict[str, object]:
        return {
            "callback_url": f"http://localhost:9/addons/{self.id}",
            "log_drain_token": f"d.{self.id}",
            "name": f"{self.service.name}-checked-12345",
            "oauth_grant": {"code": "checked", "expires_at": "2030-01-01T00:00:00Z", "type": "authorization_code"},
            "options": dict(self.options),
            "plan": plan,
            "region": "amazon-web-services::us-east-1",
            "uuid": self.id,
        }

    def _form(self, age: int = 0) -> dict[str, str]:
        return SignOn(
            resource_id=self.id,
            timestamp=int(time.time()) - age,
            email="somebody@example.com",
            user_id=str(uuid.uuid4()),
            app_name="checked",
            context_app_name="checked",
            salt=str(self.manifest["api"].get("sso_salt") or ""),
        ).form()

    def _sign_on(self, form: Mapping[str, str]) -> Answer:
        content = urlencode(form).encode()
        return _exchange("POST", self.doors.sign_on, {"Content-Type": "application/x-www-form-urlencoded"}, content)

    def _ask(self, method: str, path: str, body: object = None, *, password: str | None = None) -> Answer:
        known = self.manifest["api"]["password"] if password is None else password
        user = base64.b64encode(f"{self.service.name}:{known}".encode()).decode()
        headers = {"Accept": partner.ACCEPT, "Authorization": f"Basic {user}", "Content-Type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        return _exchange(method, f"{self.doors.resources}{path}", headers, content)


def _status(answer: Answer, wanted: tuple[int, ...]) -> None:
    if answer.status not in wanted:
        raise _Wrong(f"it answers {answer.status}, not {' or '.join(str(status) for status in wanted)}")


def _refused(answer: Answer) -> None:
    _status(answer, (_REFUSED,))
    if not isinstance(answer.object().get("message"), str):
        raise _Wrong("the answer has no `message`: users are not told why")


class _UnixConnection(http.client.HTTPConnection):
    """To a provider on a Unix socket: `http+unix://%2Frun%2Fa.sock/path`."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(unquote(self.host))


def _connection(scheme: str, netloc: str) -> http.client.HTTPConnection:
    if scheme == "http+unix":
        return _UnixConnection(netloc, timeout=_SECONDS)
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    return kind(netloc, timeout=_SECONDS)


def _exchange(method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
    """Raises OSError, HTTPException."""
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.netloc.rpartition("@")[2])
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, content, dict(headers))
        answer = connection.getresponse()
        return Answer(status=answer.status, content=answer.read(_LIMIT))
    finally:
        connection.close()
