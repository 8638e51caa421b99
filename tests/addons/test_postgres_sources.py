"""Which database somebody means by a word, and that it must be theirs: a copy of it is all of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import stores

from celadon.actions import accounts, addons, apps, context, postgres_sources
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.platform.settings import Settings

SERVICE = "heroku-postgresql:standard-0"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(home=tmp_path)
    stores.make(settings)
    opened = context.connect(settings)
    yield opened
    opened.database.close()


@pytest.fixture
def owner(world: Context) -> Actor:
    return Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))


def asked_by(world: Context, actor: Actor, app: str) -> str:
    """The id of a new add-on that is to be made from another one."""
    return addons.create(world, actor, app, plan=SERVICE).addon.id


def test_a_database_is_known_by_its_name_its_id_and_its_attachments(world: Context, owner: Actor) -> None:
    for name in ("shop", "other"):
        apps.create(world, owner, name=name)
    source = addons.create(world, owner, "shop", plan=SERVICE, attachment="MAIN").addon
    near, far = asked_by(world, owner, "shop"), asked_by(world, owner, "other")
    for word in (source.id, source.name, "MAIN", "MAIN_URL", "shop::MAIN", "shop::MAIN_URL"):
        assert postgres_sources.find(world, word, near) == source.id
    for word in (source.id, source.name, "shop::MAIN_URL"):
        assert postgres_sources.find(world, word, far) == source.id
    assert postgres_sources.find(world, "MAIN", far) is None
    assert postgres_sources.find(world, "nowhere", near) is None


def test_what_is_somebody_elses_or_no_database_is_none(world: Context, owner: Actor) -> None:
    stranger = Actor(account=accounts.create(world, owner, email="c@d", password="long enough"))
    apps.create(world, owner, name="shop")
    apps.create(world, stranger, name="theirs")
    source = addons.create(world, owner, "shop", plan=SERVICE, attachment="MAIN").addon
    asking = asked_by(world, stranger, "theirs")
    for word in (source.id, source.name, "shop::MAIN"):
        assert postgres_sources.find(world, word, asking) is None
    assert postgres_sources.find(world, source.id, "no-such-id") is None
