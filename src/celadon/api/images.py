"""Imports of images: builds that take an image as it is, from a registry or from an uploaded archive."""

import re

from celadon.actions import builds
from celadon.api import builds as shown
from celadon.api.answer import Answer
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.model.errors import InvalidParams

_MOST = 4096


def create(call: Call) -> Answer:
    """The build that imports it; it is listed, followed and cancelled as others are."""
    body = call.body()
    image, source, login = body.text("image", 512), body.entry("source_blob"), body.entry("login")
    if (image is None) == (source is None):
        raise InvalidParams("cannot import without an image: give `image`, where it is, or `source_blob`, its archive")
    if source is not None and login is not None:
        raise InvalidParams("cannot use `login` with `source_blob`: it is for the registry of `image`")
    build = builds.create_import(
        call.context,
        call.actor,
        call.app,
        _called(source) if source else image or "",
        source_url=shown.source_url(source) if source else None,
        source_checksum=shown.checksum(source) if source else None,
        login=_login(login) if login else None,
    )
    app, build = builds.find(call.context, call.actor, call.app, build.id)
    return shown.answer(call, app, build, 201)


def _called(source: Body) -> str:
    """What the archive is called in output and releases: `version`, as far as that is a name."""
    return re.sub(r"[^A-Za-z0-9._:/@-]", "-", source.text("version", 100) or "")[:100].strip("-") or "archive"


def _login(login: Body) -> dict[str, str]:
    return {name: login.needed_text(name, _MOST) for name in ("username", "password")}
