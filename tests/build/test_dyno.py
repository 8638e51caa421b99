"""What becomes of the end of a build dyno: the error of the build, and the last line of its output."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests import stores

from celadon.actions import accounts, apps, builds, context
from celadon.actions.context import Context
from celadon.build import dyno
from celadon.build.compiler import Compiler
from celadon.build.output import Output
from celadon.build.run import BuildError, Run
from celadon.model.account import Actor
from celadon.platform.settings import Settings
from celadon.runtime.protocol import ContainerSpec
from celadon.store.lines import Lines

STEPS = {11: "a buildpack could not be fetched", 13: "the buildpack could not compile the app"}


class Ending:
    """A runtime whose containers have ended with this status."""

    def __init__(self, status: int, out_of_memory: bool = False) -> None:
        self.ended = SimpleNamespace(exit_status=status, out_of_memory=out_of_memory)

    def remove(self, container_id: str) -> None:
        pass

    def start(self, container: ContainerSpec) -> None:
        container.log_path.write_bytes(b"")

    def exits(self) -> set[str]:
        return {"build"}

    def inspect(self, container_id: str) -> SimpleNamespace:
        return self.ended

    def refused_processes(self, container_id: str) -> bool:
        return False


@pytest.fixture
def world(tmp_path: Path) -> Context:
    settings = Settings(home=tmp_path, acme_email="ops@example.com")
    stores.make(settings)
    for name in ("builds", "logs"):
        (tmp_path / name).mkdir()
    return context.connect(settings)


def closed(world: Context, runtime: Ending, told: frozenset[int]) -> tuple[str, str]:
    """A build's error and the rest of its output, after its dyno has ended."""
    owner = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    app = apps.create(world, owner, name="shop")
    build = builds.create(world, owner, "shop", commit="1" * 40)
    output = Output(world.blobs.build_output(build.id), Lines(world.settings.home), app.id)
    watch = SimpleNamespace(stopped=lambda: None)
    workspace = SimpleNamespace(root=world.settings.home)
    run: Any = SimpleNamespace(context=world, runtime=runtime, output=output, watch=watch, workspace=workspace)
    container: Any = SimpleNamespace(id="build", log_path=world.settings.home / "dyno.log")
    with pytest.raises(BuildError) as raised:
        dyno.carry_out(cast(Run, run), container, STEPS, told)
    compiler = Compiler(context=world, runtime=cast(Any, runtime), stack_root=Path("/"), uv=Path("/"))
    compiler._failed(build, raised.value, output)
    output.close()
    return str(raised.value), world.blobs.build_output(build.id).read_text()


def test_what_the_dyno_has_closed_itself_is_not_said_again(world: Context) -> None:
    assert closed(world, Ending(13), frozenset({13})) == (STEPS[13], "")


def test_a_step_that_has_only_said_why_is_closed_in_a_word(world: Context) -> None:
    assert closed(world, Ending(11), frozenset({13})) == (STEPS[11], f" !     Push failed: {STEPS[11]}\n")


def test_a_limit_is_told_after_whatever_the_dyno_has_said(world: Context) -> None:
    why = "the build needed more than 8 MB of memory"
    small = replace(world, settings=replace(world.settings, build_memory=8 << 20))
    assert closed(small, Ending(13, out_of_memory=True), frozenset({13})) == (why, f" !     Push failed: {why}\n")
