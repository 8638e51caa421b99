"""Imports of images before and beside their build dyno: what is accepted, what its programs are told, and the login."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import stores

from celadon.actions import accounts, apps, builds, context
from celadon.actions.context import Context
from celadon.build import images
from celadon.build.run import BuildError
from celadon.build.workspace import Workspace
from celadon.model.account import Actor
from celadon.model.errors import Conflict, InvalidParams
from celadon.platform.settings import Settings

LOGIN = {"username": "me", "password": "secret-of-the-registry"}
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(home=tmp_path, acme_email="ops@example.com")
    stores.make(settings)
    found = context.connect(settings)
    yield found
    found.database.close()


@pytest.fixture
def owner(world: Context) -> Actor:
    found = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    apps.create(world, found, name="shop")
    return found


def test_a_login_is_kept_encrypted_and_only_until_the_end(world: Context, owner: Actor) -> None:
    build = builds.create_import(world, owner, "shop", "registry.example.com/me/app:1", login=LOGIN)
    assert builds.login_of(world, build.id) == LOGIN
    written = b"".join(path.read_bytes() for path in world.settings.home.rglob("*") if path.is_file())
    assert b"registry.example.com" in written and LOGIN["password"].encode() not in written
    with pytest.raises(Conflict, match="another build of it is running"):
        builds.create_import(world, owner, "shop", "busybox")
    builds.fail(world, build.id, "it was let go")
    assert builds.login_of(world, build.id) == {}


def test_a_login_goes_to_its_registry_and_into_no_environment(world: Context, owner: Actor) -> None:
    build = builds.create_import(world, owner, "shop", f"registry.example.com:5000/me/app:1@{DIGEST}", login=LOGIN)
    pair = base64.b64encode(b"me:secret-of-the-registry").decode()
    assert json.loads(images.auth_file(build, LOGIN)) == {"auths": {"registry.example.com:5000": {"auth": pair}}}
    told = images.environment(build)
    assert told["IMAGE"] == f"registry.example.com:5000/me/app@{DIGEST}"
    assert told["IMAGE_NAME"] == "registry.example.com:5000/me/app"
    assert not any(LOGIN["password"] in value for value in told.values())


def test_docker_hubs_login_is_called_as_its_programs_call_it(world: Context, owner: Actor) -> None:
    build = builds.create_import(world, owner, "shop", "me/app", login=LOGIN)
    assert list(json.loads(images.auth_file(build, LOGIN))["auths"]) == ["docker.io"]


def test_an_archive_has_to_be_one_that_was_uploaded_here(world: Context, owner: Actor) -> None:
    with pytest.raises(InvalidParams, match="upload it to a source of this platform"):
        builds.create_import(world, owner, "shop", "app.tar", source_url="https://example.com/app.tar")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "larger than 1 MB, or is none"),
        ({"out/digest": DIGEST}, "larger than 1 MB, or is none"),
        ({"out/digest": "sha256:no", "out/config.json": "{}"}, "larger than 1 MB, or is none"),
        ({"out/digest": DIGEST, "out/config.json": " " * (1 << 20) + "{}"}, "larger than 1 MB, or is none"),
        ({"out/digest": DIGEST, "out/config.json": "{}"}, "no platform"),
    ],
)
def test_what_a_build_dyno_left_is_not_believed(
    world: Context, owner: Actor, tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    build = builds.create_import(world, owner, "shop", "busybox")
    for path, text in files.items():
        (tmp_path / "disk" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "disk" / path).write_text(text)
    with pytest.raises(BuildError, match=reason):
        images.described(build, Workspace(tmp_path / "disk", os.getuid(), 1 << 20))


def test_a_link_in_the_place_of_a_description_is_not_followed(world: Context, owner: Actor, tmp_path: Path) -> None:
    build = builds.create_import(world, owner, "shop", "busybox")
    (tmp_path / "disk" / "out").mkdir(parents=True)
    (tmp_path / "disk" / "out" / "digest").write_text(DIGEST)
    (tmp_path / "config.json").write_text('{"os": "linux", "architecture": "amd64", "config": {"Cmd": ["/x"]}}')
    (tmp_path / "disk" / "out" / "config.json").symlink_to(tmp_path / "config.json")
    with pytest.raises(BuildError, match="or is none"):
        images.described(build, Workspace(tmp_path / "disk", os.getuid(), 1 << 20))
