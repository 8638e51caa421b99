"""Bringing an app from another platform: what was read of it there and what is here → a plan, as steps that are values.

Nothing here is done. What exists here already is never replaced: a step says what is different, and the user decides.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from celadon.model import config, domain, heroku_addons
from celadon.model.errors import InvalidParams
from celadon.model.feature import FEATURES
from celadon.model.heroku_app import HerokuApp
from celadon.model.heroku_plan import Offer, Outcome, Part, Request, Step, by_hand, path, step
from celadon.model.size import ALIASES
from celadon.model.text import plain

# What a platform allows unless its operator says otherwise.
_CONFIG_LIMIT = 64 << 10
# What Heroku's own data services call their config vars: for when nobody tells which belong to an add-on.
_ADDON_LIKE = re.compile(r"^(?:DATABASE|HEROKU_POSTGRESQL_[A-Z0-9_]+|REDIS|HEROKU_REDIS_[A-Z0-9_]+)(?:_TLS)?_URL\Z")


def plan(
    source: HerokuApp, name: str, here: HerokuApp | None, offer: Offer, *, with_addon_config: bool = False
) -> list[Step]:
    """All steps from the app there to the app `name` here, `here` being what exists of it; in the order of `Part`.

    `with_addon_config` copies the config vars of add-ons that have no place here, too.
    """
    return [
        *_app(source, name, here, offer),
        *_config(source, name, here, with_addon_config=with_addon_config),
        *_buildpacks(source, name, here),
        *_features(source, name, here),
        *_collaborators(source, name, here, offer),
        *_drains(source, name, here),
        *_pipeline(source, name, here, offer),
        *heroku_addons.steps(source, name, here, offer, with_addon_config=with_addon_config),
        *_code(source, name, here),
        *_formation(source, name, here, offer),
        *_webhooks(source, name),
        *_domains(source, name, here),
        *_certificates(source, name, here),
        *(by_hand(Part.UNREAD, part, why) for part, why in source.unread.items()),
    ]


def _app(source: HerokuApp, name: str, here: HerokuApp | None, offer: Offer) -> Iterable[Step]:
    region = source.region if source.region in offer.regions else ""
    if here is not None:
        yield step(Part.APP, Outcome.SAME, name, "exists here and is yours: what it lacks is added, nothing replaced")
    else:
        body = {"name": name, **({"region": region} if region else {})}
        yield Step(
            part=Part.APP,
            outcome=Outcome.DO,
            what=f"create {name}" + (f" in region {region}" if region else ""),
            why=""
            if region or not source.region
            else f"the platform's own region, as there is no {source.region} here",
            requests=(Request(method="POST", path="/apps", body=body),),
        )
    if source.stack == "container":
        why = "there it is built from a Dockerfile; here an image that was built elsewhere is imported"
        yield by_hand(Part.APP, "stack container", why, f"celadon container:import IMAGE --app {name}")
    elif source.stack and source.stack not in offer.stacks:
        why = "the platform's own stack is used instead: the next push builds on it"
        yield step(Part.APP, Outcome.LEFT_OUT, f"stack {source.stack}", why)
    if source.team:
        yield step(Part.APP, Outcome.LEFT_OUT, f"team {source.team}", "the app is yours here")
    elif source.owner and source.owner != offer.account:
        yield step(Part.APP, Outcome.LEFT_OUT, f"owner {source.owner}", f"here it is {offer.account}")
    if source.maintenance and not (here and here.maintenance):
        why = "it is on there; here visitors would get the app as soon as it is pushed"
        yield by_hand(Part.APP, "maintenance mode", why, f"celadon maintenance:on --app {name}")


def _config(source: HerokuApp, name: str, here: HerokuApp | None, *, with_addon_config: bool) -> Iterable[Step]:
    """Values are in the request's body only."""
    present = here.config if here else {}
    owners = _owners(source, with_addon_config=with_addon_config)
    wanted, refused = {}, []
    for key in sorted(set(source.config) - set(owners)):
        try:
            config.check(key, source.config[key])
        except InvalidParams as error:
            refused.append(step(Part.CONFIG, Outcome.LEFT_OUT, plain(key[:60]), error.message))
        else:
            wanted[key] = source.config[key]
    missing = {key: value for key, value in wanted.items() if key not in present}
    if missing:
        yield Step(
            part=Part.CONFIG,
            outcome=Outcome.DO,
            what=f"set {len(missing)}: {', '.join(missing)}",
            why=_too_large(present, missing),
            requests=(Request(method="PATCH", path=path(name, "/config-vars"), body=missing),),
        )
    if same := [key for key in wanted if present.get(key) == wanted[key]]:
        yield step(Part.CONFIG, Outcome.SAME, ", ".join(same))
    for key in wanted:
        if present.get(key, wanted[key]) != wanted[key]:
            why = "has another value here, which stays; to change it:"
            yield by_hand(Part.CONFIG, key, why, f"celadon config:edit {key} --app {name}")
    yield from refused
    for owner in sorted(set(owners.values())):
        names = ", ".join(sorted(plain(key) for key in owners if owners[key] == owner))
        yield step(Part.CONFIG, Outcome.LEFT_OUT, names, f"not copied: {owner}")


def _too_large(present: Mapping[str, str], missing: Mapping[str, str | None]) -> str:
    try:
        config.merge(present, missing, _CONFIG_LIMIT)
    except InvalidParams as error:
        return f"the platform refuses it unless its limit is higher: {error.message}"
    return ""


def _owners(source: HerokuApp, *, with_addon_config: bool) -> dict[str, str]:
    """Config var → whose it is, for those that add-ons own."""
    found: dict[str, str] = {}
    if {"add-ons", "attachments"} & set(source.unread):
        why = "it looks like an add-on's, and the add-ons could not be read; set it by hand if it is yours"
        found |= {key: why for key in source.config if _ADDON_LIKE.match(key)}
    for addon in source.addons:
        if not (with_addon_config and heroku_addons.homeless(addon)):
            found |= {key: f"the add-on {addon.name} owns it" for key in addon.config_vars if key in source.config}
    return found


def _buildpacks(source: HerokuApp, name: str, here: HerokuApp | None) -> Iterable[Step]:
    wanted, present = source.buildpacks, here.buildpacks if here else ()
    listed = ", then ".join(wanted)
    commands = tuple(
        f"celadon buildpacks:{'add' if at else 'set'} {shlex.quote(url)} --app {name}" for at, url in enumerate(wanted)
    )
    if not wanted and "buildpacks" not in source.unread:
        language = f" ({source.language} there)" if source.language else ""
        yield step(Part.BUILDPACKS, Outcome.SAME, f"none set: each push detects the language{language}")
    elif wanted and wanted == present:
        yield step(Part.BUILDPACKS, Outcome.SAME, listed)
    elif wanted and present:
        why = f"here it is {', then '.join(present)}, which stays; to change it:"
        clear = f"celadon buildpacks:clear --app {name}"
        yield by_hand(Part.BUILDPACKS, listed, why, clear, *commands)
    elif wanted:
        body = {"updates": [{"buildpack": url} for url in wanted]}
        yield Step(
            part=Part.BUILDPACKS,
            outcome=Outcome.DO,
            what=f"set {listed}",
            commands=commands,
            requests=(Request(method="PUT", path=path(name, "/buildpack-installations"), body=body),),
        )


def _features(source: HerokuApp, name: str, here: HerokuApp | None) -> Iterable[Step]:
    known = {feature.name: feature for feature in FEATURES}
    for feature in sorted(key for key, enabled in source.features.items() if enabled):
        if feature not in known:
            yield step(Part.FEATURES, Outcome.LEFT_OUT, feature, "there is no such feature here")
        elif (here.features.get(feature, known[feature].on) if here else known[feature].on) or known[feature].fixed:
            yield step(Part.FEATURES, Outcome.SAME, feature)
        else:
            yield Step(
                part=Part.FEATURES,
                outcome=Outcome.DO,
                what=f"switch {feature} on",
                commands=(f"celadon features:enable {feature} --app {name}",),
                requests=(Request(method="PATCH", path=path(name, f"/features/{feature}"), body={"enabled": True}),),
            )


def _collaborators(source: HerokuApp, name: str, here: HerokuApp | None, offer: Offer) -> Iterable[Step]:
    present = {email.lower() for email in here.collaborators} if here else set()
    for email in source.collaborators:
        if email.lower() in (source.owner.lower(), offer.account.lower()):
            continue
        if email.lower() in present:
            yield step(Part.COLLABORATORS, Outcome.SAME, email)
            continue
        yield Step(
            part=Part.COLLABORATORS,
            outcome=Outcome.DO,
            what=f"give {email} access",
            commands=(f"celadon access:add {shlex.quote(email)} --app {name}",),
            requests=(Request(method="POST", path=path(name, "/collaborators"), body={"user": email}),),
        )


def _drains(source: HerokuApp, name: str, here: HerokuApp | None) -> Iterable[Step]:
    """A drain's URL often has a password or a key in it: only the host is shown."""
    for url in source.drains:
        host = _host(url)
        if not host:
            yield step(Part.DRAINS, Outcome.LEFT_OUT, "a drain", "its URL is none")
        elif here and url in here.drains:
            yield step(Part.DRAINS, Outcome.SAME, host)
        else:
            yield Step(
                part=Part.DRAINS,
                outcome=Outcome.DO,
                what=f"send the log to {host}",
                why="by the URL that it has there",
                commands=(f"celadon drains:add URL --app {name}",),
                requests=(Request(method="POST", path=path(name, "/log-drains"), body={"url": url}),),
            )


def _host(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host if host.isprintable() else ""


def _pipeline(source: HerokuApp, name: str, here: HerokuApp | None, offer: Offer) -> Iterable[Step]:
    wanted, present = source.coupling, here.coupling if here else None
    if wanted is None:
        return
    what = f"{wanted.stage} of {wanted.pipeline}"
    if present == wanted:
        yield step(Part.PIPELINE, Outcome.SAME, what)
        return
    if present is not None:
        yield by_hand(Part.PIPELINE, what, f"here it is {present.stage} of {present.pipeline}, which stays")
        return
    known = offer.pipelines.get(wanted.pipeline)
    body = {"app": name, "stage": wanted.stage, **({"pipeline": known} if known else {})}
    couple = Request(method="POST", path="/pipeline-couplings", body=body, taken={} if known else {"pipeline": "id"})
    create = Request(method="POST", path="/pipelines", body={"name": wanted.pipeline})
    yield Step(
        part=Part.PIPELINE,
        outcome=Outcome.DO,
        what=f"make it {what}",
        why="" if known else "the pipeline is created",
        commands=(
            f"celadon pipelines:{'add' if known else 'create'} {shlex.quote(wanted.pipeline)} "
            f"--stage {wanted.stage} --app {name}",
        ),
        requests=(couple,) if known else (create, couple),
    )


def _code(source: HerokuApp, name: str, here: HerokuApp | None) -> Iterable[Step]:
    there = f"there it is {source.release}" if source.release else ""
    if here and here.released:
        yield step(Part.CODE, Outcome.SAME, "the app has code here", there)
        return
    commands = (f"celadon git:remote --app {name}", "git push celadon HEAD:main")
    clone: tuple[str, ...] = ()
    why = "in a checkout of its repository"
    if source.git_url:
        why = "in a checkout of your own begin with git:remote (a clone that comes empty was deployed without git)"
        clone = (f"git clone {shlex.quote(source.git_url)} {name}", f"cd {name}")
    yield by_hand(Part.CODE, "push the code", f"{why}; {there}" if there else why, *clone, *commands)


def _formation(source: HerokuApp, name: str, here: HerokuApp | None, offer: Offer) -> Iterable[Step]:
    """Process types come with the code, so they are scaled after the first push."""
    wanted, notes = [], []
    for process in source.formation:
        if process.quantity or process.type == "web":
            size, note = size_here(process.size, source.sizes, offer.sizes)
            wanted.append((process.type, process.quantity, size))
            notes += [f"{process.type}: {note}"] if note else []
    present = {(process.type, process.quantity, process.size) for process in here.formation} if here else set()
    shown = [f"{kind}={quantity}{f':{size}' if size else ''}" for kind, quantity, size in wanted]
    if not wanted:
        return
    if set(wanted) <= present:
        yield step(Part.FORMATION, Outcome.SAME, " ".join(shown))
        return
    here_now = ", ".join(f"{kind}={quantity}:{size}" for kind, quantity, size in sorted(present))
    when = f"here it is {here_now}" if present else "after the first push, which brings the process types"
    command = f"celadon ps:scale {' '.join(shown)} --app {name}"
    yield by_hand(Part.FORMATION, f"scale to {' '.join(shown)}", "; ".join((when, *notes)), command)


def size_here(name: str, there: Mapping[str, float], here: Mapping[str, float]) -> tuple[str, str]:
    """The dyno size here for one there, empty where nobody can tell, and what is to be said of it.

    The same name or Heroku's other words for it; else the smallest with as much memory, else the largest.
    """
    by_name = {size.lower(): size for size in here}
    memory = next((found for size, found in there.items() if size.lower() == name.lower()), None)
    size = by_name.get(name.lower()) or by_name.get(ALIASES.get(name.lower(), ""))
    if size is None and memory is not None and here:
        enough = [(found, size) for size, found in here.items() if found >= memory]
        size = min(enough)[1] if enough else max((found, size) for size, found in here.items())[1]
    if size is None:
        return "", f"there is no size {name} here, it gets the default" if name else ""
    if memory is not None and here[size] < memory:
        return size, f"{name} has {memory:g} GB there, {size} has {here[size]:g} GB"
    return size, ""


def _webhooks(source: HerokuApp, name: str) -> Iterable[Step]:
    if source.webhooks:
        why = "the secrets that sign their deliveries cannot be read: give each one that its receiver knows"
        yield by_hand(Part.WEBHOOKS, f"create {source.webhooks} again", why, f"celadon webhooks --app {name}")


def _domains(source: HerokuApp, name: str, here: HerokuApp | None) -> Iterable[Step]:
    for hostname in source.domains:
        try:
            domain.check(hostname, ())
        except InvalidParams as error:
            yield step(Part.DOMAINS, Outcome.LEFT_OUT, hostname[:80], error.message)
            continue
        if here and hostname in here.domains:
            yield step(Part.DOMAINS, Outcome.SAME, hostname)
            continue
        yield Step(
            part=Part.DOMAINS,
            outcome=Outcome.DO,
            what=f"add {hostname}",
            why="it serves here once you change its DNS record",
            commands=(f"celadon domains:add {shlex.quote(hostname)} --app {name}",),
            requests=(
                Request(method="POST", path=path(name, "/domains"), body={"hostname": hostname, "sni_endpoint": None}),
            ),
        )


def _certificates(source: HerokuApp, name: str, here: HerokuApp | None) -> Iterable[Step]:
    if source.acm and here and here.acm:
        yield step(Part.CERTIFICATES, Outcome.SAME, "automatic certificates are on")
    elif source.acm:
        why = "once DNS leads the domains here"
        yield by_hand(Part.CERTIFICATES, "automatic certificates", why, f"celadon certs:auto:enable --app {name}")
    for names in source.certificates:
        why = "its private key cannot be read: add it from your own files, best before DNS changes"
        yield by_hand(Part.CERTIFICATES, names, why, f"celadon certs:add CRT KEY --app {name}")
