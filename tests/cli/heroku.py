"""An app at Heroku, as its API answers for it: excerpts of what the published schema describes (a test holds them to it)."""

from collections.abc import Mapping
from typing import Any

from tests.cli.replay import Told

ID = "01234567-89ab-cdef-0123-456789abcdef"
TOKEN = "HRKU-0123-secret"
SECRET = "s3cr3t value"
DRAIN = "https://logs.example.com/in?key=drain-secret"
APP: Mapping[str, Any] = {
    "acm": True,
    "build_stack": {"id": ID, "name": "heroku-24"},
    "buildpack_provided_description": "Python",
    "created_at": "2012-01-01T12:00:00Z",
    "git_url": "https://git.heroku.com/shop.git",
    "id": ID,
    "maintenance": False,
    "name": "shop",
    "owner": {"email": "ada@example.com", "id": ID},
    "region": {"id": ID, "name": "us"},
    "slug_size": 4096,
    "stack": {"id": ID, "name": "heroku-24"},
    "team": None,
    "web_url": "https://shop.herokuapp.com/",
}


def addon(service: str, plan: str, name: str, *config_vars: str) -> dict[str, Any]:
    return {
        "addon_service": {"id": ID, "name": service},
        "app": {"id": ID, "name": "shop"},
        "config_vars": list(config_vars),
        "id": ID,
        "name": name,
        "plan": {"id": ID, "name": f"{service}:{plan}"},
        "state": "provisioned",
    }


def attachment(name: str, addon: str, app: str = "shop") -> dict[str, Any]:
    return {"addon": {"id": ID, "name": addon, "app": {"id": ID, "name": app}}, "id": ID, "name": name}


def process(kind: str, quantity: int, size: str) -> dict[str, Any]:
    return {"command": "run", "id": ID, "quantity": quantity, "size": size, "type": kind}


ANSWERS: Mapping[str, Any] = {
    "/apps/shop": APP,
    "/apps/shop/config-vars": {
        "DATABASE_URL": "postgres://u:database-secret@db/x",
        "GREETING": "Hello",
        "PORT": "80",
        "SECRET_KEY": SECRET,
        "SENDGRID_KEY": "sendgrid-secret",
    },
    "/apps/shop/formation": [process("worker", 1, "Performance-L"), process("web", 2, "Standard-2X")],
    "/apps/shop/domains": [
        {"cname": None, "hostname": "shop.herokuapp.com", "id": ID, "kind": "heroku", "status": "none"},
        {"cname": "x.herokudns.com", "hostname": "www.example.com", "id": ID, "kind": "custom", "status": "succeeded"},
    ],
    "/apps/shop/buildpack-installations": [
        {"ordinal": 1, "buildpack": {"url": "https://buildpacks.example/python.tgz", "name": "heroku/python"}},
        {"ordinal": 0, "buildpack": {"url": "https://github.com/acme/pack", "name": "https://github.com/acme/pack"}},
    ],
    "/apps/shop/addons": [
        addon("heroku-postgresql", "essential-0", "postgresql-flat-1", "DATABASE_URL"),
        addon("sendgrid", "starter", "sendgrid-round-2", "SENDGRID_KEY"),
    ],
    "/apps/shop/addon-attachments": [attachment("DATABASE", "postgresql-flat-1")],
    "/apps/shop/collaborators": [
        {"id": ID, "role": "owner", "user": {"email": "ada@example.com", "id": ID}},
        {"id": ID, "role": "collaborator", "user": {"email": "grace@example.com", "id": ID}},
    ],
    "/apps/shop/features": [
        {"enabled": True, "id": ID, "name": "log-runtime-metrics"},
        {"enabled": True, "id": ID, "name": "runtime-new-layer-extract"},
        {"enabled": False, "id": ID, "name": "preboot"},
    ],
    "/apps/shop/pipeline-couplings": {"app": {"id": ID}, "id": ID, "pipeline": {"id": ID}, "stage": "production"},
    f"/pipelines/{ID}": {"id": ID, "name": "shops"},
    "/apps/shop/sni-endpoints": [
        {"id": ID, "name": "tokyo-1", "ssl_cert": {"id": ID, "cert_domains": ["www.example.com"]}}
    ],
    "/apps/shop/log-drains": [{"addon": None, "id": ID, "token": "d.1", "url": DRAIN}],
    "/apps/shop/webhooks": [{"id": ID, "include": ["api:release"], "level": "notify", "url": "https://example.com/x"}],
    "/apps/shop/releases": [{"description": "Deploy 3063626", "id": ID, "slug": {"id": ID}, "version": 42}],
    f"/apps/shop/slugs/{ID}": {"commit": "3063626deadbeef", "id": ID},
    "/dyno-sizes": [
        {"id": ID, "memory": 1.0, "name": "Standard-2X"},
        {"id": ID, "memory": 14.0, "name": "Performance-L"},
    ],
}


def answers(changes: Mapping[str, Told] | None = None) -> dict[str, Told | list[Told]]:
    """What a server replays: all of it, with changes by path."""
    told = {path: Told(body=body) for path, body in ANSWERS.items()} | dict(changes or {})
    return {f"GET {path}": answer for path, answer in told.items()}
