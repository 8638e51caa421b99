"""Deploys told to real servers of mail, HTTP and IRC: what they get, what the app's log says, what a kill loses."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from tests import certified, dns_server, irc_server, receiver, stores
from tests.clock.test_mails import Box, Server
from tests.dns_server import DnsServer
from tests.irc_server import IrcServer
from tests.receiver import Receiver
from tests.router.mesh import wait_for

from celadon.actions import accounts, apps, builds, context, deploy_hooks
from celadon.actions.builds import Compiled
from celadon.actions.context import Context, now
from celadon.addons.provider import ProviderRefused, Wanted
from celadon.clock import deploy_hooks as clock_hooks
from celadon.clock import irc, posting
from celadon.clock.deploy_hooks import Hooks
from celadon.clock.mails import Post
from celadon.deployhooks.provider import DeployHooksProvider
from celadon.model.account import Actor
from celadon.model.deploy_hook import Chat
from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings
from celadon.store import tables

_COMMIT = "4f20bdd0123456789012345678901234567890ab"
_SECONDS = 30.0


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver.running() as running:
        yield running


@pytest.fixture
def chat() -> Iterator[IrcServer]:
    with irc_server.running() as running:
        yield running


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with dns_server.running() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, dns: DnsServer) -> Iterator[Context]:
    settings = Settings(home=tmp_path, dns_server=dns.address, private_destinations="127.0.0.0/8")
    stores.make(settings)
    opened = context.connect(settings)
    yield opened
    opened.database.close()


@pytest.fixture
def owner(world: Context) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    apps.create(world, actor, name="hello")
    return actor


def hook(world: Context, owner: Actor, plan: str, **options: str) -> str:
    app = apps.find(world, owner, "hello")
    wanted = Wanted(
        addon_id=str(uuid.uuid4()),
        name="deployhooks-1",
        plan=plan,
        region="amazon-web-services::us-east-1",
        app_id=app.id,
        app_name=app.name,
        options=options,
    )
    return DeployHooksProvider(world).provision(wanted).provider_id


def deploy(world: Context, owner: Actor) -> None:
    build = builds.create(world, owner, "hello", commit=_COMMIT, git_log="  * Ada: add bar\n  * Ada: add foo")
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types={"web": "serve"},
        language="Python",
        checksum="SHA256:0",
        size=1,
        config_vars={},
    )
    assert builds.succeed(world, build.id, compiled)


def tell(world: Context) -> None:
    """All that is due now, to its end."""
    hooks = Hooks(world, _SECONDS)
    wait_for("all is told", lambda: told_by(world, hooks))


def told_by(world: Context, *all_hooks: Hooks) -> bool:
    """Whether nothing is due any more, nor under way.

    Neither alone says so: what is under way is not due, and who is busy is asked one after the other, where one may
    have begun what another has left.
    """
    for hooks in all_hooks:
        hooks.ensure()
    return not deploy_hooks.due(world, 1) and not any(hooks.busy() for hooks in all_hooks)


def make_due(world: Context) -> None:
    table = tables.deploy_hook_deliveries
    with world.database.transaction() as tx:
        past = table.update().where(table.c.next_attempt_at.is_not(None)).values(next_attempt_at=now())
        tx.connection.execute(past)


def log_of(world: Context, owner: Actor) -> list[str]:
    """What `heroku[deployhooks]` says, without times."""
    app = apps.find(world, owner, "hello")
    path = world.settings.home / "logs" / app.id / "heroku.deployhooks.log"
    text = path.read_text() if path.exists() else ""
    return [re.sub(r"^\S+ stdout F ", "", line) for line in text.splitlines()]


def test_mail_reaches_every_recipient(world: Context, owner: Actor) -> None:
    hook(
        world,
        owner,
        "email",
        recipient="ops@example.com dev@example.com",
        subject="[{{app}}] {{release}}",
        body="{{git_log}}",
    )
    deploy(world, owner)
    tell(world)
    box = Box()
    server = Server(box)
    server.start()
    try:
        sending = Context(world.database, replace(world.settings, smtp_url=f"smtp://127.0.0.1:{server.port}"))
        assert Post(sending).ensure() == 2
    finally:
        server.stop()
    assert sorted(letter["To"] for letter in box.letters) == ["dev@example.com", "ops@example.com"]
    assert {letter["Subject"] for letter in box.letters} == {"[hello] v3"}
    assert box.letters[0].get_content().replace("\r", "") == "  * Ada: add bar\n  * Ada: add foo\n"
    assert log_of(world, owner) == ["Sent email notification to ops@example.com, dev@example.com"]


def test_an_address_with_many_letters_is_written_to_later_no_more(world: Context, owner: Actor) -> None:
    hook(world, owner, "email", recipient="ops@example.com")
    for _ in range(11):
        deploy(world, owner)
        tell(world)
    assert log_of(world, owner)[-2:] == [
        "Sent email notification to ops@example.com",
        "Could not send email notification to ops@example.com: too many letters were written to it within ten minutes",
    ]


def test_a_form_is_posted(world: Context, owner: Actor, server: Receiver) -> None:
    hook(world, owner, "http", url=server.url("/200?key=SECRET"))
    server.answers["/200?key=SECRET"] = 200
    deploy(world, owner)
    tell(world)
    (got,) = server.received
    assert (got.path, got.headers["content-type"]) == ("/200?key=SECRET", "application/x-www-form-urlencoded")
    form = {name: value for name, (value,) in parse_qs(got.content.decode(), keep_blank_values=True).items()}
    assert form.pop("app_uuid") == apps.find(world, owner, "hello").id
    assert form == {
        "app": "hello",
        "git_log": "  * Ada: add bar\n  * Ada: add foo",
        "head": _COMMIT[:7],
        "head_long": _COMMIT,
        "prev_head": "",
        "release": "v3",
        "url": "http://hello.localhost:8080/",
        "user": "a@b",
    }
    assert log_of(world, owner) == [f"Sent http notification to 127.0.0.1:{server.port}"]


def test_a_chat_is_told_by_its_webhook(world: Context, owner: Actor, server: Receiver) -> None:
    hook(world, owner, "slack", url=server.url("/200"), message="{{user}} → {{app}}")
    deploy(world, owner)
    tell(world)
    (got,) = server.received
    assert (json.loads(got.content), got.headers["content-type"]) == ({"text": "a@b → hello"}, "application/json")


def test_basecamp_and_campfire_are_told(world: Context, owner: Actor, server: Receiver) -> None:
    site = server.url("")
    for path in ("/projects/12/posts.xml", "/room/5/speak.json"):
        server.answers[path] = 201
    hook(world, owner, "basecamp", url=site, username="ada", password="x", project="12", category="3")
    hook(world, owner, "campfire", url=site, api_key="key", room="5")
    deploy(world, owner)
    tell(world)
    assert sorted(server.paths()) == ["/projects/12/posts.xml", "/room/5/speak.json"]
    assert all(got.headers["authorization"].startswith("Basic ") for got in server.received)


def test_what_fails_is_tried_again_a_few_times(world: Context, owner: Actor, server: Receiver) -> None:
    hook(world, owner, "http", url=server.url("/500"))
    deploy(world, owner)
    tell(world)
    tell(world)
    assert len(server.received) == 1, "it waits"
    for _ in range(5):
        make_due(world)
        tell(world)
    assert len(server.received) == 4
    start = f"Could not send http notification to 127.0.0.1:{server.port}: it answered 500"
    assert log_of(world, owner) == [
        f"{start}; trying again in 10 seconds",
        f"{start}; trying again in 60 seconds",
        f"{start}; trying again in 300 seconds",
        start,
    ]


@pytest.mark.parametrize(
    ("plan", "options"),
    [
        ("http", {"url": "http://hooks.example.com/"}),
        ("slack", {"url": "http://10.0.0.1/"}),
        ("irc", {"server": "hooks.example.com", "room": "ops"}),
        ("basecamp", {"url": "http://hooks.example.com", "username": "a", "project": "1", "category": "1"}),
    ],
)
def test_nothing_is_sent_into_the_operators_network(
    world: Context, owner: Actor, dns: DnsServer, plan: str, options: dict[str, str]
) -> None:
    dns.records["hooks.example.com"] = "10.0.0.1"
    hook(world, owner, plan, **options)
    deploy(world, owner)
    tell(world)
    (line,) = log_of(world, owner)
    assert "DestinationNotAllowed" in line


# IRC


def test_a_message_is_said_in_a_room(world: Context, owner: Actor, chat: IrcServer) -> None:
    chat.taken, chat.password = {"deployer", "deployer_"}, "hunter2"
    options = {"port": str(chat.port), "room": "ops", "nick": "deployer", "password": "hunter2"}
    hook(world, owner, "irc", server="127.0.0.1", message="{{app}} is {{release}}:\n{{git_log}}", **options)
    deploy(world, owner)
    tell(world)
    lines = ["hello is v3:", "* Ada: add bar", "* Ada: add foo"]
    assert chat.said == [("deployer__", "#ops", line) for line in lines]
    # Its good-bye is not waited for long.
    wait_for("it has left", lambda: chat.quits == ["deployer__"])
    assert log_of(world, owner) == ["Sent irc notification to #ops on 127.0.0.1"]


@pytest.mark.parametrize(
    ("given", "said"),
    [({"room": "#secret"}, "Cannot join channel"), ({"password": "wrong"}, "Password incorrect")],
)
def test_what_the_server_refuses_is_told(
    world: Context, owner: Actor, chat: IrcServer, given: dict[str, str], said: str
) -> None:
    chat.closed = {"#secret"}
    hook(world, owner, "irc", **{"server": "127.0.0.1", "port": str(chat.port), "room": "ops", **given})
    deploy(world, owner)
    tell(world)
    (line,) = log_of(world, owner)
    assert said in line and "wrong" not in line
    assert chat.said == []


def test_a_silent_server_is_left(world: Context, chat: IrcServer) -> None:
    chat.silent = True
    began = time.monotonic()
    said = Chat(server="127.0.0.1", port=chat.port, secure=False, room="#a", nick="n", password="", lines=("x",))
    with pytest.raises(TimeoutError):
        irc.tell(world.settings, posting.trust(world.settings), said, 0.5)
    assert time.monotonic() - began < 10


def test_irc_by_tls_wants_the_certificate_of_the_name(world: Context, dns: DnsServer) -> None:
    dns.records["irc.example.com"] = "127.0.0.1"
    authority = certified.root()
    bundle = world.settings.home / "authorities.pem"
    bundle.write_text(authority.pem)
    trusting = replace(world.settings, ca_bundle=bundle)
    refused = {}
    for name in ("irc.example.com", "other.example.com"):
        issued = authority.issue(name, name)
        files = world.settings.home / "pair.pem"
        files.write_text(issued.key + issued.pem)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(files)
        with irc_server.running(tls) as server:
            said = Chat(
                server="irc.example.com", port=server.port, secure=True, room="#a", nick="n", password="", lines=("x",)
            )
            try:
                irc.tell(trusting, posting.trust(trusting), said)
            except ssl.SSLCertVerificationError as error:
                refused[name] = type(error)
            assert server.said == ([("n", "#a", "x")] if name == "irc.example.com" else [])
    assert refused == {"other.example.com": ssl.SSLCertVerificationError}


# The provider


def test_a_hook_without_its_options_is_refused(world: Context, owner: Actor) -> None:
    with pytest.raises(ProviderRefused, match="without --recipient"):
        hook(world, owner, "email")
    addon_id = hook(world, owner, "email", recipient="ops@example.com")
    with pytest.raises(ProviderRefused, match="then destroy this"):
        DeployHooksProvider(world).change_plan(addon_id, addon_id, "http")
    DeployHooksProvider(world).deprovision(addon_id, addon_id)
    deploy(world, owner)
    tell(world)
    assert log_of(world, owner) == []


# Crashes

_DYING = """
import sys, threading
from pathlib import Path
from celadon.actions import context
from celadon.clock.deploy_hooks import Hooks
from celadon.platform import settings
Hooks(context.connect(settings.load(Path(sys.argv[1]))), 60.0).ensure()
threading.Event().wait()
"""


def test_who_is_killed_while_telling_loses_nothing(world: Context, owner: Actor, server: Receiver) -> None:
    platform_settings.save(world.settings)
    hook(world, owner, "http", url=server.url("/silent"))
    deploy(world, owner)
    dying = subprocess.Popen([sys.executable, "-c", _DYING, str(world.settings.home)], env={**os.environ})
    wait_for("the request is there", lambda: len(server.received) == 1)
    dying.send_signal(signal.SIGKILL)
    dying.wait()
    server.release.set()
    tell(world)
    assert len(server.received) == 1, "nobody knows that it is dead before its time has passed"
    make_due(world)
    tell(world)
    assert len(server.received) == 2
    (line,) = log_of(world, owner)
    assert line.endswith("trying again in 60 seconds"), "it is the second attempt, and that server says nothing"
    assert clock_hooks.SOURCE.header == "heroku[deployhooks]:"


def test_two_tell_nothing_twice(world: Context, owner: Actor, server: Receiver) -> None:
    for _ in range(3):
        hook(world, owner, "http", url=server.url("/200"))
    for _ in range(3):
        deploy(world, owner)
    both = [Hooks(world, 10.0), Hooks(world, 10.0)]
    wait_for("all is told", lambda: told_by(world, *both), 60)
    assert len(server.received) == 9
