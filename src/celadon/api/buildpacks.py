"""Buildpack installations, and the short names of buildpacks."""

from celadon.actions import buildpack_names, buildpacks
from celadon.actions.context import Context
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model import buildpack
from celadon.model.build import BuildpackInstallation
from celadon.model.errors import InvalidParams, NotFound

_BY_ORDINAL = {"ordinal": lambda installation: installation.ordinal}


def list_of(call: Call) -> Listing:
    _, found = buildpacks.list_of(call.context, call.actor, call.app)
    return Listing(items=found, attributes=_BY_ORDINAL, shape=shape)


def replace(call: Call) -> Answer:
    urls = [checked(call.context, update.text("buildpack")) for update in call.body().needed_entries("updates")]
    _, found = buildpacks.replace(call.context, call.actor, call.app, urls)
    return Answer(value=[shape(installation) for installation in found])


def search(call: Call) -> Listing:
    """All names, or those of a namespace, of a name, or whose description has a text, as the official client asks."""
    query = call.request.query
    found = [_in_registry(name, target) for name, target in buildpack.listed(_known(call.context)).items()]
    for field in ("namespace", "name"):
        if wanted := query.get(f"in[{field}][]"):
            found = [one for one in found if one[field] == wanted]
    if wanted := query.get("like[description]"):
        found = [one for one in found if wanted.casefold() in str(one["description"]).casefold()]
    return Listing(items=found, attributes={"id": lambda one: str(one["id"])}, shape=dict)


def show_in_registry(call: Call) -> Answer:
    """Where a short name leads; also what the official client asks before it sets one: `blob_url` is what it sets."""
    name = call.params["buildpack"].removeprefix(buildpack.URN)
    return Answer(value=_in_registry(name, _target(call.context, name)))


def list_revisions(call: Call) -> Listing:
    """A name leads to one place, so it has one version."""
    name = call.params["buildpack"].removeprefix(buildpack.URN)
    _, _, ref = _target(call.context, name).partition("#")
    revision = {"id": f"{name}@1", "release": 1, "status": "published", "ref": ref or None}
    revision |= {"created_at": None, "license": None}
    return Listing(items=[revision], attributes={"id": lambda one: str(one["id"])}, shape=dict)


def show_readme(call: Call) -> Answer:
    """Nothing: what a buildpack says of itself stands where it is kept."""
    _target(call.context, call.params["buildpack"].removeprefix(buildpack.URN))
    return Answer(value={"content": None, "encoding": "base64"})


def _known(context: Context) -> dict[str, str]:
    return buildpack_names.known(context.settings.home)


def _target(context: Context, name: str) -> str:
    try:
        return buildpack.find(_known(context), name)
    except InvalidParams as error:
        raise NotFound("buildpack", error.message) from None


def _in_registry(name: str, target: str) -> dict[str, object]:
    namespace, _, short = name.rpartition("/")
    elsewhere = "://" in target
    return {
        "id": name,
        "namespace": namespace,
        "name": short,
        "category": "third-party" if elsewhere else "built-in",
        "description": target if elsewhere else f"the buildpack {target} of this platform",
        "blob_url": name,
        "source": {"type": "url" if elsewhere else "platform", "url": target if elsewhere else None},
        "support": {"method": "url", "address": target if elsewhere else None},
    }


def checked(context: Context, url: str | None) -> str:
    """A buildpack as it is kept; raises InvalidParams."""
    if not url:
        raise InvalidParams("cannot set a buildpack without its name or URL: give it as `buildpack`")
    short = url.removeprefix(buildpack.URN)
    buildpacks.check(context, short)
    return short


def reference(url: str) -> dict[str, object]:
    """A short name (`heroku/python`) has a URN for URL, anything else is its own name."""
    return {"url": url if "://" in url else buildpack.URN + url, "name": url}


def shape(installation: BuildpackInstallation) -> dict[str, object]:
    return {"ordinal": installation.ordinal, "buildpack": reference(installation.url)}
