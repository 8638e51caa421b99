"""Buildpack installations."""

from celadon.actions import buildpacks
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.build import BuildpackInstallation
from celadon.model.errors import InvalidParams

# How clients of today name a buildpack of the registry; it is kept by its short name.
_URN = "urn:buildpack:"
_BY_ORDINAL = {"ordinal": lambda installation: installation.ordinal}


def list_of(call: Call) -> Listing:
    _, found = buildpacks.list_of(call.context, call.actor, call.app)
    return Listing(items=found, attributes=_BY_ORDINAL, shape=shape)


def replace(call: Call) -> Answer:
    urls = [checked(update.text("buildpack")) for update in call.body().needed_entries("updates")]
    _, found = buildpacks.replace(call.context, call.actor, call.app, urls)
    return Answer(value=[shape(installation) for installation in found])


def show_in_registry(call: Call) -> Answer:
    """What the official client asks before it sets a buildpack by name: where its archive is. Here a name is enough."""
    name = checked(call.params["buildpack"])
    namespace, _, short = name.rpartition("/")
    return Answer(value={"blob_url": name, "name": short, "namespace": namespace})


def checked(url: str | None) -> str:
    """A buildpack as it is kept; raises InvalidParams."""
    if not url:
        raise InvalidParams("cannot set a buildpack without its name or URL: give it as `buildpack`")
    short = url.removeprefix(_URN)
    buildpacks.check(short)
    return short


def reference(url: str) -> dict[str, object]:
    """A short name (`heroku/python`) has a URN for URL, anything else is its own name."""
    return {"url": url if "://" in url else _URN + url, "name": url}


def shape(installation: BuildpackInstallation) -> dict[str, object]:
    return {"ordinal": installation.ordinal, "buildpack": reference(installation.url)}
