"""The Add-on Partner API v3 in values: what a manifest says of where its provider is, and the form of single sign-on."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from celadon.model.errors import InvalidParams

ACCEPT = "application/vnd.heroku-addons+json; version=3"
RESOURCES = "/heroku/resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """`resources` is the URL of `POST /heroku/resources`; `sign_on`, where browsers send the form, is empty without one."""

    resources: str
    sign_on: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOn:
    """Who comes from which app to which add-on. `timestamp` is in seconds since 1970."""

    resource_id: str
    timestamp: int
    email: str
    user_id: str
    app_name: str
    context_app_name: str
    salt: str = field(repr=False)

    @property
    def token(self) -> str:
        """SHA-1, as Heroku's partners check it: the salt is what nobody else knows."""
        return hashlib.sha1(f"{self.resource_id}:{self.salt}:{self.timestamp}".encode()).hexdigest()

    def form(self) -> dict[str, str]:
        """What the browser sends; `id` and `token` are older names of the same."""
        return {
            "id": self.resource_id,
            "resource_id": self.resource_id,
            "timestamp": str(self.timestamp),
            "token": self.token,
            "resource_token": self.token,
            # There is no bar of ours that a provider could show.
            "nav-data": "",
            "email": self.email,
            "user": self.email,
            "user_id": self.user_id,
            "app": self.app_name,
            "context_app": self.context_app_name,
        }


def doors(production: object) -> Doors:
    """Of a manifest's `api.production`: an object with `base_url` and `sso_url`, or an URL. Raises InvalidParams."""
    values = production if isinstance(production, Mapping) else {"base_url": production}
    base, sign_on = values.get("base_url"), values.get("sso_url")
    if not isinstance(base, str) or not base:
        raise InvalidParams("cannot use the manifest: give `api.production.base_url`, where its provider is reached")
    stem = base.rstrip("/").removesuffix(RESOURCES)
    return Doors(resources=f"{stem}{RESOURCES}", sign_on=sign_on if isinstance(sign_on, str) else "")


def moved(manifest: Mapping[str, object], url: str) -> dict[str, object]:
    """The manifest of a provider that is reached at this URL: its paths stay."""
    api = manifest.get("api")
    values = dict(api) if isinstance(api, Mapping) else {}
    try:
        known = doors(values.get("production"))
    except InvalidParams:
        known = Doors(resources=RESOURCES)
    production: dict[str, object] = {"base_url": f"{url.rstrip('/')}{RESOURCES}"}
    if known.sign_on:
        production["sso_url"] = f"{url.rstrip('/')}{urlsplit(known.sign_on).path}"
    return {**manifest, "api": {**values, "production": production}}
