"""The role as its supervisor runs it: with the platform's store, killed and started again."""

import asyncio
import contextlib
import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from tests import stores
from tests.logplex.listener import PATIENCE, Running

from celadon.actions import accounts, apps, authorizations, collaborators, config_vars, log_sessions
from celadon.actions.context import Context
from celadon.logplex.manager import Logplex
from celadon.model.account import Actor
from celadon.model.logline import Source
from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings
from celadon.store import database, rows, tables
from celadon.store.lines import Lines

GRACE = "grace@example.com"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    home = tmp_path / "home"
    home.mkdir()
    # A number of its own: the socket is in /run, which all platforms share.
    settings = Settings(home=home, instance=random.randrange(1000, 900_000_000))
    platform_settings.save(settings)
    stores.make(settings)
    yield settings
    for name in ("logplex.sock", "logplex.lock"):
        (settings.run / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        settings.run.rmdir()


@contextlib.contextmanager
def role(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "celadon", "role", "logplex", "--home", str(settings.home)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


async def client(settings: Settings) -> Running:
    """A client of the role, once it listens."""
    socket = str(settings.run / "logplex.sock")
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(socket)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.02)
    logplex = Logplex.__new__(Logplex)
    return Running(home=settings.home, lines=Lines(settings.home), logplex=logplex, socket=socket, sessions={})


def messages(text: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in text.splitlines()]


def test_lines_and_events_of_an_app_are_shown_once_though_the_role_is_killed(settings: Settings) -> None:
    context = Context(database.connect(settings), settings)
    operator = accounts.create_operator(context.database, email="a@example.com", password="correct horse")
    actor = Actor(account=operator)
    app = apps.create(context, actor, name="shop")
    lines, web = Lines(settings.home), Source(source="app", ps="web.1")

    async def first() -> None:
        _, secret = log_sessions.create(context, actor, "shop", tail=True)
        running = await client(settings)
        async with running.get(secret) as answer:
            lines.append(app.id, web, "one")
            await answer.until("app[web.1]: one\n")
            config_vars.update(context, actor, "shop", {"COLOR": "green"})
            await answer.until("Set COLOR config vars by user a@example.com\n")

    async def second() -> None:
        _, secret = log_sessions.create(context, actor, "shop", tail=True)
        running = await client(settings)
        async with running.get(secret) as answer:
            await answer.until("app[web.1]: two\n")
            found = messages(await answer.until("Set SIZE config vars by user a@example.com\n"))
            assert found.count("app[web.1]: one") == found.count("app[web.1]: two") == 1
            assert sum("Set COLOR" in message for message in found) == 1

    with role(settings) as process:
        asyncio.run(first())
        process.kill()
    lines.append(app.id, web, "two")
    config_vars.update(context, actor, "shop", {"SIZE": "9"})
    with role(settings) as process:
        asyncio.run(second())
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    context.database.close()


def test_role_stops_on_sigterm_though_somebody_follows_a_tail(settings: Settings) -> None:
    context = Context(database.connect(settings), settings)
    operator = accounts.create_operator(context.database, email="a@example.com", password="correct horse")
    apps.create(context, Actor(account=operator), name="shop")
    _, secret = log_sessions.create(context, Actor(account=operator), "shop", tail=True)

    async def follow(process: subprocess.Popen[bytes]) -> None:
        running = await client(settings)
        async with running.get(secret) as answer:
            assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, PATIENCE) == 0

    with role(settings) as process:
        asyncio.run(follow(process))
    context.database.close()


def test_tails_end_with_the_app_the_access_and_the_token(settings: Settings) -> None:
    context = Context(database.connect(settings), settings)
    operator = accounts.create_operator(context.database, email="a@example.com", password="correct horse")
    ada = Actor(account=operator)
    grace = Actor(account=accounts.create(context, ada, email=GRACE, password="correct horse"))
    for name in ("shop", "blog"):
        apps.create(context, ada, name=name)
        collaborators.add(context, ada, name, GRACE, silent=True)
    token, _ = authorizations.create(context, grace)
    by_token = replace(grace, authorization_id=token.id)

    async def ends(running: Running, by: Actor, app: str, why: str, lose: Callable[[], object]) -> None:
        """Both forms of a tail end for this reason, and its session is no more."""
        secret = log_sessions.create(context, by, app, tail=True)[1]
        async with running.get(secret, "text/event-stream") as answer, running.get(secret) as plain:
            lose()
            assert json.loads((await answer.all()).rpartition("data: ")[2])["id"] == why
            await plain.all()
        async with running.get(secret) as again:
            assert again.status == 404

    async def scenes() -> None:
        running = await client(settings)
        staying = log_sessions.create(context, ada, "blog", tail=True)[1]
        async with running.get(staying) as stays:
            await ends(
                running, by_token, "blog", "token_revoked", lambda: authorizations.revoke(context, grace, token.id)
            )
            await ends(
                running, grace, "blog", "access_lost", partial(collaborators.remove, context, ada, "blog", GRACE)
            )
            await ends(running, grace, "shop", "app_destroyed", lambda: apps.destroy(context, ada, "shop"))
            config_vars.update(context, ada, "blog", {"COLOR": "green"})
            await stays.until("Set COLOR config vars")

    with role(settings):
        asyncio.run(scenes())
    context.database.close()


def test_expired_session_is_not_found(settings: Settings) -> None:
    context = Context(database.connect(settings), settings)
    operator = accounts.create_operator(context.database, email="a@example.com", password="correct horse")
    apps.create(context, Actor(account=operator), name="shop")
    session, secret = log_sessions.create(context, Actor(account=operator), "shop")
    with context.database.transaction() as tx:
        rows.update(tx, tables.log_sessions, session.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))

    async def ask() -> None:
        running = await client(settings)
        async with running.get(secret) as answer:
            assert answer.status == 404

    with role(settings):
        asyncio.run(ask())
    context.database.close()
