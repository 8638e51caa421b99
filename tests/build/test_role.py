"""What the build role takes up, in which order, and what it does with the disks of apps."""

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests import stores
from tests.runtime.running import until

from celadon.actions import accounts, apps, builds, context, slugs
from celadon.actions.context import Context, now
from celadon.build import role as role_module
from celadon.build import stream
from celadon.build.compiler import Compiler
from celadon.build.output import Output
from celadon.build.role import Builds
from celadon.build.workspace import Workspace
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.build import LAST_LINE_SECONDS, Build, BuildStatus
from celadon.model.errors import InvalidParams
from celadon.model.release import Release
from celadon.model.slug import Slug, SlugStatus
from celadon.platform import runtimes
from celadon.platform.settings import Settings
from celadon.store import builds as stored_builds
from celadon.store import changes
from celadon.store import slugs as stored_slugs

DISK = shutil.disk_usage("/")._replace(total=100 << 30, free=50 << 30)


class NoShares:
    def __init__(self, _: Settings) -> None:
        self.taken = contextlib.nullcontext


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    settings = Settings(home=tmp_path, acme_email="ops@example.com")
    stores.make(settings)
    (tmp_path / "cache").mkdir()
    # The control groups of this number may be those of a platform that runs here. A thread may outlive its test.
    monkeypatch.setattr(role_module, "Shares", NoShares)
    return context.connect(settings)


def test_a_purged_cache_is_gone_and_asked_for_no_more(world: Context) -> None:
    owner = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    purged, other = (apps.create(world, owner, name=name) for name in ("purged", "other"))
    for app in (purged, other):
        world.blobs.cache(app.id).mkdir()
        (world.blobs.cache(app.id) / "kept").touch()
        world.blobs.cache(app.id).with_name(f"{app.id}.img").touch()
    builds.purge_cache(world, owner, "purged")
    compiler = Compiler(context=world, runtime=runtimes.builds(world.settings), stack_root=Path("/"), uv=Path("/"))
    assert Builds(world, compiler).ensure() == ""
    assert {path.name for path in (world.settings.home / "cache").iterdir()} == {other.id, f"{other.id}.img"}
    assert builds.caches_to_purge(world) == []
    world.database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow(Compiler):
    """Compiles nothing; each build lasts until it is let go."""

    begun: list[str] = field(default_factory=list)
    ended: dict[str, threading.Event] = field(default_factory=dict)

    def compile(self, build: Build, app: App, output: Output, address: str) -> Release | None:
        self.begun.append(app.name)
        assert self.ended[app.name].wait(60)
        output.close()
        builds.fail(self.context, build.id, "it was let go")
        return None


@pytest.fixture
def slow(world: Context) -> Iterator[Slow]:
    for directory in ("builds", "logs"):
        (world.settings.home / directory).mkdir(exist_ok=True)
    found = Slow(context=world, runtime=runtimes.builds(world.settings), stack_root=Path("/"), uv=Path("/"))
    yield found
    for event in found.ended.values():
        event.set()


def push(slow: Slow, owner: Actor, name: str) -> Build:
    """A build of a new app."""
    apps.create(slow.context, owner, name=name)
    slow.ended[name] = threading.Event()
    return builds.create(slow.context, owner, name, commit="1" * 40)


def state(slow: Slow, build: Build) -> tuple[BuildStatus, str | None]:
    with slow.context.database.read() as tx:
        found = stored_builds.find_by_id(tx, build.id)
    assert found is not None
    return found.status, found.error


def test_as_many_builds_run_as_may_and_no_account_takes_all_places(slow: Slow) -> None:
    first = Actor(account=accounts.create_operator(slow.context.database, email="a@b", password="long enough"))
    second = Actor(account=accounts.create(slow.context, first, email="c@d", password="long enough"))
    for name in ("one", "two", "three"):
        push(slow, first, name)
    push(slow, second, "other")
    role = Builds(slow.context, slow)
    role.ensure()
    until(lambda: len(slow.begun) == 2, "two builds run")
    assert set(slow.begun) == {"one", "other"}
    assert role.ensure() == ""
    slow.ended["one"].set()
    # What it begins it says once, and its thread comes later.
    until(lambda: (role.ensure(), len(slow.begun) == 3)[1], "the next has its turn")
    assert slow.begun[2] == "two"


@pytest.mark.parametrize("places", [1, 2])
def test_many_builds_of_one_account_keep_nobodys_slug_waiting(
    slow: Slow, places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Actor(account=accounts.create_operator(slow.context.database, email="a@b", password="long enough"))
    second = Actor(account=accounts.create(slow.context, first, email="c@d", password="long enough"))
    for number in range(4):
        push(slow, first, f"app-{number}")
    settings = replace(slow.context.settings, builds_at_once=places)
    role = Builds(replace(slow.context, settings=settings), slow)
    packed: list[Slug] = []

    def pack(slug: Slug, slot: int) -> None:
        slugs.refuse(slow.context, slug.id, "it was packed")
        packed.append(slug)

    monkeypatch.setattr(role, "_pack", pack)
    role.ensure()
    until(lambda: len(slow.begun) == places, "builds run")
    app = apps.create(slow.context, second, name="other")
    slug = slugs.create(slow.context, second, "other", {"web": "x"})
    with slow.context.database.transaction() as tx:
        stored_slugs.update(tx, slug.id, now=context.now(), status=SlugStatus.UPLOADED)
    slow.ended[slow.begun[0]].set()
    until(lambda: (role.ensure(), packed)[1], "the slug has its turn")
    assert [one.app_id for one in packed] == [app.id]
    assert len(slow.begun) == places


def test_a_build_that_is_cancelled_before_its_turn_ends_at_once(slow: Slow) -> None:
    owner = Actor(account=accounts.create_operator(slow.context.database, email="a@b", password="long enough"))
    role = Builds(slow.context, slow)
    for name in ("one", "two"):
        push(slow, owner, name)
    role.ensure()
    waits = push(slow, owner, "three")
    builds.cancel(slow.context, owner, "three")
    assert role.ensure() == ""
    assert state(slow, waits) == (BuildStatus.FAILED, "the build was cancelled")
    # The app can be pushed to again.
    builds.create(slow.context, owner, "three", commit="2" * 40)


def test_a_build_that_was_cancelled_while_its_role_was_dead_is_not_begun_again(slow: Slow) -> None:
    owner = Actor(account=accounts.create_operator(slow.context.database, email="a@b", password="long enough"))
    build = push(slow, owner, "one")
    assert builds.begin(slow.context, build.id)
    builds.cancel(slow.context, owner, "one")
    Builds(slow.context, slow).ensure()
    assert state(slow, build) == (BuildStatus.FAILED, "the build was cancelled")
    assert slow.begun == []


def told(slow: Slow, build: Build) -> str:
    path = slow.context.blobs.build_output(build.id)
    return path.read_text() if path.exists() else ""


def test_who_follows_a_build_that_never_began_is_told_why_it_ended(slow: Slow) -> None:
    owner = Actor(account=accounts.create_operator(slow.context.database, email="a@b", password="long enough"))
    role = Builds(slow.context, slow)
    for name in ("one", "two"):
        push(slow, owner, name)
    role.ensure()
    cancelled = push(slow, owner, "cancelled")
    builds.cancel(slow.context, owner, "cancelled")
    role.ensure()
    assert told(slow, cancelled) == " !     Push failed: the build was cancelled\n"
    deadly = push(slow, owner, "deadly")
    for _ in range(3):
        builds.begin(slow.context, deadly.id)
    slow.ended["one"].set()
    until(lambda: (role.ensure(), state(slow, deadly)[0] is BuildStatus.FAILED)[1], "it is given up")
    assert told(slow, deadly) == " !     Push failed: it was interrupted 3 times; push again\n"
    apps.create(slow.context, owner, name="image")
    slow.ended["image"] = threading.Event()
    image = builds.create_import(slow.context, owner, "image", "busybox")
    for _ in range(3):
        builds.begin(slow.context, image.id)
    until(lambda: (role.ensure(), state(slow, image)[0] is BuildStatus.FAILED)[1], "it is given up too")
    assert told(slow, image) == " !     Import failed: it was interrupted 3 times; import it again\n"


def test_a_build_that_has_ended_well_is_not_said_to_have_failed(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Actor(account=accounts.create_operator(slow.context.database, email="a@b", password="long enough"))
    build = push(slow, owner, "one")

    def broken(*_: object) -> None:
        made = builds.Compiled(slug_id="1", process_types={}, language="x", checksum="", size=1, config_vars={})
        assert builds.succeed(slow.context, build.id, made)
        raise RuntimeError("after its end")

    monkeypatch.setattr(Slow, "compile", broken)
    role = Builds(slow.context, slow)
    role.ensure()
    until(lambda: state(slow, build)[0] is BuildStatus.SUCCEEDED and role._bell.is_set(), "it is over")
    assert told(slow, build) == ""


def test_a_build_that_was_cancelled_is_not_released(slow: Slow) -> None:
    owner = Actor(account=accounts.create_operator(slow.context.database, email="a@b", password="long enough"))
    build = push(slow, owner, "one")
    builds.cancel(slow.context, owner, "one")
    compiled = builds.Compiled(slug_id="1", process_types={}, language="Other", checksum="", size=1, config_vars={})
    with pytest.raises(InvalidParams, match="the build was cancelled"):
        builds.succeed(slow.context, build.id, compiled)


def test_an_output_is_over_with_its_last_line_or_soon_after_its_build(slow: Slow) -> None:
    """The line names the release, which is there before it."""
    context = slow.context
    owner = Actor(account=accounts.create_operator(context.database, email="a@b", password="long enough"))
    build, output = push(slow, owner, "one"), context.blobs.build_output("1")
    output.write_text("-----> Launching...")
    assert not stream.build_over(context, build.id, output)
    compiled = builds.Compiled(slug_id="1", process_types={}, language="Other", checksum="", size=1, config_vars={})
    builds.succeed(context, build.id, compiled)
    assert not stream.build_over(context, build.id, output)
    output.write_text("-----> Launching... done, v3\n       http://one.localhost/ deployed to Celadon\n")
    assert stream.build_over(context, build.id, output)
    # A role that dies in between leaves it without.
    output.unlink()
    with context.database.transaction() as tx:
        long_ago = now() - timedelta(seconds=LAST_LINE_SECONDS + 1)
        stored_builds.update(tx, build.id, now=now(), finished_at=long_ago)
    assert stream.build_over(context, build.id, output)


def test_a_cache_is_purged_only_when_no_build_uses_it(slow: Slow) -> None:
    owner = Actor(account=accounts.create_operator(slow.context.database, email="a@b", password="long enough"))
    build = push(slow, owner, "one")
    slow.context.blobs.cache(build.app_id).mkdir()
    role = Builds(slow.context, slow)
    role.ensure()
    until(lambda: slow.begun == ["one"], "it runs")
    builds.purge_cache(slow.context, owner, "one")
    role.ensure()
    assert slow.context.blobs.cache(build.app_id).exists()
    slow.ended["one"].set()
    until(lambda: (role.ensure(), not builds.caches_to_purge(slow.context))[1], "it is purged")
    assert not slow.context.blobs.cache(build.app_id).exists()


def test_builds_that_fill_the_disk_are_noticed_while_nothing_else_happens(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing tells of it: there is no change, and no build ends."""
    owner = Actor(account=accounts.create_operator(slow.context.database, email="a@b", password="long enough"))
    running, idle = push(slow, owner, "running"), apps.create(slow.context, owner, name="idle")
    full = threading.Event()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DISK._replace(free=0) if full.is_set() else DISK)
    role = Builds(slow.context, slow)
    role.ensure()
    until(lambda: slow.begun == ["running"], "it runs")
    images = [slow.context.blobs.cache(app_id).with_name(f"{app_id}.img") for app_id in (running.app_id, idle.id)]
    for image in images:
        image.touch()
    feed = changes.Feed(slow.context.database)
    waits = threading.Thread(target=role._wait, args=(feed, feed.look()))
    waits.start()
    full.set()
    try:
        until(lambda: not images[1].exists(), "there is room")
    finally:
        slow.ended["running"].set()
        waits.join(60)
    assert images[0].exists() and not waits.is_alive()


def test_a_workspace_that_never_was_can_be_removed(tmp_path: Path) -> None:
    Workspace(tmp_path / "cache" / "app", os.getuid(), 1 << 20).remove()
