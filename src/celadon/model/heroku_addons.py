"""What Heroku's add-on services become here: one row for each, the rest keep their provider."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from celadon.model.heroku_app import AddOn, HerokuApp
from celadon.model.heroku_plan import Offer, Outcome, Part, Step, by_hand, step
from celadon.model.text import plain

POSTGRES = "heroku-postgresql"
REDIS = "heroku-redis"


@dataclass(frozen=True, slots=True)
class Successor:
    """`service` is the add-on service here, empty where none is needed; `advice` what to know or to do."""

    service: str
    advice: str = ""


_LOGS = "the logs stay in one stream here (celadon logs) and go on to any log service by a drain"
_OWN_REDIS = "move what is more than a cache with redis-cli --rdb or the provider's export"

_ROWS: Mapping[str, Successor] = {
    POSTGRES: Successor(POSTGRES),
    REDIS: Successor(REDIS, _OWN_REDIS),
    "rediscloud": Successor(REDIS, f"it gives REDIS_URL, not REDISCLOUD_URL; {_OWN_REDIS}"),
    "redistogo": Successor(REDIS, f"it gives REDIS_URL, not REDISTOGO_URL; {_OWN_REDIS}"),
    "upstash-redis": Successor(REDIS, _OWN_REDIS),
    "memcachier": Successor("memcachier", "a cache starts empty"),
    "memcachedcloud": Successor("memcachier", "it gives MEMCACHIER_*, not MEMCACHEDCLOUD_*; a cache starts empty"),
    "scheduler": Successor("scheduler", "no API tells its jobs: copy them from the add-on's page by hand"),
    "deployhooks": Successor("deployhooks", "give its URL or recipients again"),
    "pgbackups": Successor("", "backups are part of the database add-on here"),
    "ssl": Successor("", "certificates need no add-on here"),
    "ssl-endpoint": Successor("", "certificates need no add-on here"),
    "papertrail": Successor("papertrail", _LOGS),
    "logentries": Successor("", _LOGS),
    "loggly": Successor("", _LOGS),
    "sumologic": Successor("", _LOGS),
    "logdna": Successor("", _LOGS),
    "coralogix": Successor("", _LOGS),
    "newrelic": Successor("newrelic"),
    "wwwhisper": Successor("wwwhisper", "list its users again"),
    "tinfoilsecurity": Successor("tinfoilsecurity"),
}

# Plans of Heroku's Postgres that have other names here.
_POSTGRES_PLANS: Mapping[str, str] = {
    "essential-0": "mini",
    "essential-1": "basic",
    "essential-2": "basic",
    "hobby-dev": "mini",
    "dev": "mini",
    "hobby-basic": "basic",
}


def successor(service: str) -> Successor | None:
    """None for a service that has no place here."""
    return _ROWS.get(service)


def plan_here(service: str, plan: str) -> str:
    """The plan to ask for here; empty lets the platform choose its default."""
    if service == POSTGRES:
        for isolated in ("private-", "shield-"):
            plan = plan.replace(isolated, "premium-", 1) if plan.startswith(isolated) else plan
        return _POSTGRES_PLANS.get(plan, plan)
    return ""


def homeless(addon: AddOn) -> bool:
    """Whether nothing here takes its place: a service we do not know, or an add-on that another app owns."""
    return successor(addon.service) is None


def steps(
    source: HerokuApp, name: str, here: HerokuApp | None, offer: Offer, *, with_addon_config: bool
) -> Iterable[Step]:
    """One for each add-on."""
    present = {addon.service for addon in here.addons} if here else set()
    for addon in source.addons:
        what = f"{addon.service}:{addon.plan}".rstrip(":") or addon.name
        # The names as they can be shown: they are an add-on's own words.
        names = ", ".join(sorted(plain(key) for key in addon.config_vars if key in source.config))
        row = successor(addon.service)
        if row is None:
            yield by_hand(Part.ADDONS, what, _homeless_advice(addon, names, copied=with_addon_config))
        elif not row.service:
            yield step(Part.ADDONS, Outcome.LEFT_OUT, what, row.advice)
        elif row.service in present:
            yield step(Part.ADDONS, Outcome.SAME, what, f"{name} has {row.service} here")
        elif row.service in offer.services:
            yield _available(addon, what, row, name, offer.services[row.service])
        else:
            yield by_hand(Part.ADDONS, what, _missing_advice(row, names))


def _homeless_advice(addon: AddOn, names: str, *, copied: bool) -> str:
    advice = "use it by an account of your own with its provider"
    if addon.elsewhere:
        advice = f"an add-on of {addon.elsewhere}: import that app as well, or {advice}"
    elif not addon.service:
        advice = f"what it is could not be read; {advice}"
    if names and copied:
        return f"{advice}; {names} is copied as it is, and works as long as the add-on lives there"
    return f"{advice} and set {names}; --with-addon-config copies it as it is" if names else advice


def _missing_advice(row: Successor, names: str) -> str:
    advice = f"this platform offers no {row.service} yet"
    if names:
        advice += f": set {names} to one that runs elsewhere"
    return f"{advice}; {row.advice}" if row.advice else advice


def _available(addon: AddOn, what: str, row: Successor, name: str, plans: frozenset[str]) -> Step:
    plan, advice = plan_here(row.service, addon.plan), ["available here"]
    if plan and plans and plan not in plans:
        advice.append(f"not with a plan {plan}, but with {', '.join(sorted(plans))}")
        plan = ""
    commands = [f"celadon addons:create {row.service}{f':{plan}' if plan else ''} --app {name}"]
    if row.service == POSTGRES:
        advice.append("then move the data, with the app there in maintenance mode; OLD_DATABASE_URL is its database")
        commands.append(
            'pg_dump --format=custom --no-owner --no-acl "$OLD_DATABASE_URL" | pg_restore --no-owner --no-acl '
            f'--dbname "$(celadon config:get DATABASE_URL --app {name})"'
        )
    advice += [row.advice] if row.advice else []
    return by_hand(Part.ADDONS, what, "; ".join(advice), *commands)
