"""A third party's provider: Heroku's Add-on Partner API v3, of which this is the platform's side.

`POST`, `PUT` and `DELETE` of `{base URL}/heroku/resources`. An add-on is known to its provider by our id, so that what is
asked again after a crash is the same add-on.
"""

import base64
import functools
import json
from collections.abc import Mapping
from typing import Any

from celadon.actions import partners, provisioning
from celadon.actions.context import Context, now
from celadon.addons.provider import Provided, ProviderFailed, ProviderRefused, Wanted
from celadon.clock import posting
from celadon.clock.posting import Answered
from celadon.model import destination
from celadon.model.errors import InvalidParams
from celadon.model.webhook import instant
from celadon.store.addon_services import Credentials

# For one answer of a provider; what takes longer is for the asynchronous way (202).
SECONDS = 20.0
_LIMIT = 256 << 10
_ACCEPT = "application/vnd.heroku-addons+json; version=3"
_LONGEST_ID = 500


class HttpProvider:
    """A provider behind an URL."""

    def __init__(self, context: Context, known: Credentials, seconds: float = SECONDS) -> None:
        self._context = context
        self._known = known
        self._seconds = seconds

    def provision(self, wanted: Wanted) -> Provided:
        code = partners.grant_code(self._context, wanted.addon_id)
        body = {
            "callback_url": wanted.callback,
            "log_drain_token": wanted.log_token,
            "log_input_url": self._log_input_url(wanted.log_token),
            "name": wanted.name,
            "oauth_grant": {"code": code, "expires_at": instant(now()), "type": "authorization_code"},
            "options": dict(wanted.options),
            "plan": wanted.plan,
            "region": wanted.region,
            "uuid": wanted.addon_id,
        }
        answered = self._ask("POST", "", body)
        if answered.code not in (200, 201, 202):
            raise _unexpected(answered)
        told = _object(answered)
        provider_id = told.get("id")
        if not isinstance(provider_id, (str, int)) or not 0 < len(str(provider_id)) <= _LONGEST_ID:
            raise ProviderFailed("its provider answers without the `id` of what it has made")
        config = None if answered.code == 202 else self._config(told) or {}
        return Provided(provider_id=str(provider_id), config=config, message=_message(told))

    def change_plan(self, addon_id: str, provider_id: str, plan: str) -> Provided:
        answered = self._ask("PUT", f"/{addon_id}", {"plan": plan})
        if answered.code == 204:
            return Provided(provider_id=provider_id, config=None)
        if answered.code not in (200, 202):
            raise _unexpected(answered)
        told = _object(answered)
        return Provided(provider_id=provider_id, config=self._config(told), message=_message(told))

    def deprovision(self, addon_id: str, provider_id: str | None) -> None:
        answered = self._ask("DELETE", f"/{addon_id}", None)
        if answered.code not in (200, 202, 204, 404, 410):
            raise _unexpected(answered)

    def _log_input_url(self, token: str) -> str:
        scheme, _, host = self._context.settings.api_https_url.partition("://")
        return f"{scheme}://token:{token}@{host}/logs"

    @functools.cached_property
    def _prefix(self) -> str:
        return provisioning.prefix(self._context, self._known.name)

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None) -> Answered:
        content = b"" if body is None else json.dumps(body).encode()
        user = f"{self._known.name}:{self._known.password}".encode()
        headers = {
            "Accept": _ACCEPT,
            "Authorization": f"Basic {base64.b64encode(user).decode()}",
            "Content-Type": "application/json",
        }
        settings = self._context.settings
        try:
            to = destination.parse(f"{self._known.base_url}/heroku/resources{path}")
            tls = posting.trust(settings)
            answered = posting.ask(settings, tls, method, to, content, headers, self._seconds, _LIMIT)
        except (*posting.ERRORS, InvalidParams) as error:
            # The class alone: its words may repeat what was sent.
            raise ProviderFailed(f"its provider cannot be asked: {type(error).__name__}") from error
        if answered.code == 422:
            raise ProviderRefused(_reason(answered))
        return answered

    def _config(self, told: Mapping[str, Any]) -> dict[str, str] | None:
        """The config vars of an answer; None where it has none. Raises ProviderFailed."""
        config = told.get("config")
        if config is None:
            return None
        if not isinstance(config, dict) or not all(isinstance(value, str) for value in config.values()):
            raise ProviderFailed("its provider answers with a `config` that is not names with texts")
        for name in config:
            if name != self._prefix and not name.startswith(f"{self._prefix}_"):
                raise ProviderFailed(
                    f"its provider answers with a config var {name[:60]!r}, which does not begin with {self._prefix}"
                )
        return config


def _unexpected(answered: Answered) -> ProviderFailed:
    return ProviderFailed(f"its provider answers with status {answered.code}")


def _object(answered: Answered) -> Mapping[str, Any]:
    try:
        told = json.loads(answered.content)
    except (ValueError, RecursionError):
        raise ProviderFailed("its provider answers with what is not JSON") from None
    if not isinstance(told, dict):
        raise ProviderFailed("its provider answers with what is not a JSON object")
    return told


def _message(told: Mapping[str, Any]) -> str:
    found = told.get("message")
    return found if isinstance(found, str) else ""


def _reason(answered: Answered) -> str:
    """What a provider says of why it will not."""
    try:
        return _message(_object(answered)) or "its provider refused, and gave no reason"
    except ProviderFailed:
        return "its provider refused, and gave no reason"
