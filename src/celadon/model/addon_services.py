"""The add-on services that come with the platform, and what the manifest of a third party's says.

Prices are in cents a month; they are shown and never charged.
"""

import re
from collections.abc import Mapping

from celadon.model.addon import AddOnService, Plan
from celadon.model.errors import InvalidParams


def _plan(name: str, human_name: str, cents: int, description: str = "", *, default: bool = False) -> Plan:
    return Plan(name=name, human_name=human_name, description=description, cents=cents, default=default)


def _database(name: str, cents: int, memory: str, storage: str, connections: int) -> Plan:
    human_name = name.replace("-", " ").title()
    text = f"{memory} of memory, {storage} of storage, {connections} connections"
    return _plan(name, human_name, cents, f"{text}, one standby" if name.startswith("premium") else text)


_POSTGRESQL = AddOnService(
    name="heroku-postgresql",
    human_name="Heroku Postgres",
    description="PostgreSQL databases",
    prefix="HEROKU_POSTGRESQL",
    first="DATABASE",
    single_sign_on=True,
    plans=(
        _plan("mini", "Mini", 500, "1 GB of storage, 20 connections, on a shared cluster", default=True),
        _plan("basic", "Basic", 900, "10 GB of storage, 20 connections, on a shared cluster"),
        _database("standard-0", 5_000, "400 MB", "64 GB", 120),
        _database("standard-2", 20_000, "1.7 GB", "256 GB", 400),
        _database("standard-3", 40_000, "3.75 GB", "512 GB", 500),
        _database("standard-4", 75_000, "7.5 GB", "512 GB", 500),
        _database("standard-5", 140_000, "15 GB", "1 TB", 500),
        _database("standard-6", 200_000, "34 GB", "1 TB", 500),
        _database("standard-7", 350_000, "68 GB", "1 TB", 500),
        _database("premium-0", 20_000, "400 MB", "64 GB", 120),
        _database("premium-2", 35_000, "1.7 GB", "256 GB", 400),
        _database("premium-3", 75_000, "3.75 GB", "512 GB", 500),
        _database("premium-4", 120_000, "7.5 GB", "512 GB", 500),
        _database("premium-5", 250_000, "15 GB", "1 TB", 500),
        _database("premium-6", 350_000, "34 GB", "1 TB", 500),
        _database("premium-7", 600_000, "68 GB", "1 TB", 500),
    ),
    aliases={
        "essential-0": "mini",
        "hobby-dev": "mini",
        "dev": "mini",
        "essential-1": "basic",
        "essential-2": "basic",
        "hobby-basic": "basic",
        "crane": "standard-0",
        "yanari": "standard-0",
        "standard-yanari": "standard-0",
        "kappa": "standard-0",
        "ronin": "standard-2",
        "tengu": "standard-2",
        "standard-tengu": "standard-2",
        "fugu": "standard-3",
        "ika": "standard-4",
        "standard-ika": "standard-4",
        "zilla": "standard-5",
        "baku": "standard-6",
        "standard-baku": "standard-6",
        "mecha": "standard-7",
        "standard-mecha": "standard-7",
        "premium-yanari": "premium-0",
        "premium-tengu": "premium-2",
        "premium-ika": "premium-4",
        "premium-baku": "premium-6",
        "premium-mecha": "premium-7",
    },
)

_REDIS = AddOnService(
    name="heroku-redis",
    human_name="Heroku Key-Value Store",
    description="Redis",
    prefix="REDIS",
    coloured="HEROKU_REDIS",
    plans=(
        _plan("mini", "Mini", 300, "25 MB of memory, 20 connections", default=True),
        _plan("premium-0", "Premium 0", 1_500, "50 MB of memory, 40 connections, kept on disk"),
        _plan("premium-1", "Premium 1", 3_000, "100 MB of memory, 80 connections, kept on disk"),
        _plan("premium-2", "Premium 2", 6_000, "250 MB of memory, 200 connections, kept on disk"),
        _plan("premium-3", "Premium 3", 12_000, "500 MB of memory, 400 connections, kept on disk"),
        _plan("premium-5", "Premium 5", 75_000, "1 GB of memory, 1,000 connections, kept on disk"),
    ),
    aliases={"hobby-dev": "mini"},
)

_MEMCACHIER = AddOnService(
    name="memcachier",
    human_name="MemCachier",
    description="memcached, with a password",
    prefix="MEMCACHIER",
    plans=(
        _plan("dev", "Developer", 0, "25 MB", default=True),
        _plan("100", "100 MB", 1_500, "100 MB"),
        _plan("250", "250 MB", 3_000, "250 MB"),
        _plan("500", "500 MB", 6_000, "500 MB"),
        _plan("1000", "1 GB", 11_500, "1 GB"),
    ),
    aliases={"25": "dev"},
)

_SCHEDULER = AddOnService(
    name="scheduler",
    human_name="Heroku Scheduler",
    description="Commands that run every ten minutes, every hour or every day",
    prefix="SCHEDULER",
    plans=(_plan("standard", "Standard", 0, default=True),),
    many=False,
    sharable=False,
    single_sign_on=True,
)

_DEPLOYHOOKS = AddOnService(
    name="deployhooks",
    human_name="Deploy Hooks",
    description="Tells people and programs of each deploy",
    prefix="DEPLOYHOOKS",
    plans=(
        _plan("http", "HTTP Post Hook", 0, "options: url", default=True),
        _plan("email", "Email Hook", 0, "options: recipient, subject, body"),
        _plan("irc", "IRC Hook", 0, "options: server, port, ssl, room, nick, password, message"),
        _plan("basecamp", "Basecamp Hook", 0, "options: url, username, password, project, category, title, body"),
        _plan("campfire", "Campfire Hook", 0, "options: url, ssl, api_key, room, message"),
        _plan("slack", "Chat Hook", 0, "options: url, message"),
    ),
    sharable=False,
)

_PGBACKUPS = AddOnService(
    name="pgbackups",
    human_name="PG Backups",
    description="Backups of the app's Postgres databases; they are part of heroku-postgresql",
    prefix="PGBACKUPS",
    plans=(
        _plan("plus", "Plus", 0, "backups by hand", default=True),
        _plan("auto-week", "Auto (one week)", 0, "a backup each day, kept for a week"),
        _plan("auto-month", "Auto (one month)", 0, "a backup each day, kept for a month"),
    ),
    aliases={"basic": "plus"},
    many=False,
    sharable=False,
)

_SSL = AddOnService(
    name="ssl",
    human_name="SSL Endpoint",
    description="Accepted and not needed: certificates need no add-on here",
    prefix="SSL",
    plans=(_plan("endpoint", "Endpoint", 0, default=True),),
    aliases={"hostname": "endpoint", "sni": "endpoint", "ip": "endpoint", "piggyback": "endpoint"},
    many=False,
    sharable=False,
)

_LOGGING = AddOnService(
    name="logging",
    human_name="Logging",
    description="Accepted and not needed: every app has its log",
    prefix="LOGGING",
    plans=(_plan("basic", "Basic", 0, default=True), _plan("expanded", "Expanded", 0)),
    many=False,
    sharable=False,
)

BUILT_IN: Mapping[str, AddOnService] = {
    service.name: service
    for service in (_DEPLOYHOOKS, _LOGGING, _POSTGRESQL, _REDIS, _MEMCACHIER, _PGBACKUPS, _SCHEDULER, _SSL)
}

_SERVICE_NAME = re.compile(r"^[a-z][a-z0-9-]{1,48}[a-z0-9]\Z")
_PLAN_NAME = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,48}\Z")
_PREFIX = re.compile(r"^[A-Z][A-Z0-9_]{0,60}\Z")
_CHEAPEST = Plan(name="test", human_name="Test", default=True)


def from_manifest(manifest: Mapping[str, object]) -> AddOnService:
    """What a manifest of Heroku's add-on format offers, with our own list of `plans`; raises InvalidParams."""
    name = str(manifest.get("id", ""))
    if not _SERVICE_NAME.match(name):
        raise InvalidParams(
            "cannot offer this add-on: its manifest's `id` is 3 to 50 lower-case letters, digits and dashes"
        )
    api = manifest.get("api")
    api = api if isinstance(api, Mapping) else {}
    prefix = str(api.get("config_vars_prefix") or name.upper().replace("-", "_"))
    if not _PREFIX.match(prefix):
        raise InvalidParams(
            "cannot offer this add-on: `api.config_vars_prefix` is upper-case letters, digits and underscores"
        )
    regions = api.get("regions")
    named = tuple(str(region) for region in regions) if isinstance(regions, (list, tuple)) else ()
    return AddOnService(
        name=name,
        human_name=str(manifest.get("name") or name)[:100],
        prefix=prefix,
        plans=_plans(manifest.get("plans")),
        regions=() if "*" in named else named,
        sharable=bool(manifest.get("supports_sharing", True)),
        many=bool(manifest.get("supports_multiple_installations", True)),
        single_sign_on=bool(api.get("sso_salt")),
    )


def _plans(listed: object) -> tuple[Plan, ...]:
    if listed is None or listed == () or listed == []:
        return (_CHEAPEST,)
    found: list[Plan] = []
    for entry in listed if isinstance(listed, (list, tuple)) else [listed]:
        values: Mapping[str, object] = entry if isinstance(entry, Mapping) else {"name": entry}
        name, cents = str(values.get("name", "")), values.get("cents", 0)
        if not _PLAN_NAME.match(name) or not isinstance(cents, int) or not 0 <= cents <= 10**9:
            raise InvalidParams(
                "cannot offer this add-on: each of its `plans` has a `name` (lower-case letters, digits, dashes) and a "
                "price in `cents` a month"
            )
        human_name, text = str(values.get("human_name") or name)[:100], str(values.get("description") or "")[:500]
        found.append(_plan(name, human_name, cents, text, default=not found))
    return tuple(found)
