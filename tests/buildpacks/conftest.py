import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.buildpacks import stack


@pytest.fixture
def app(tmp_path: Path) -> stack.App:
    """An app of the test's own, without files."""
    made = stack.App(folder=tmp_path)
    made.source.mkdir()
    return made


@pytest.fixture(scope="module")
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[stack.App, stack.Compiled]:
    """The module's EXAMPLE, and how its first build by BUILDPACK went; its cache serves all other tests there."""
    app = stack.App(folder=tmp_path_factory.mktemp(request.module.BUILDPACK))
    shutil.copytree(request.module.EXAMPLE, app.source)
    return app, app.compile(request.module.BUILDPACK)


@pytest.fixture
def example(request: pytest.FixtureRequest, first: tuple[stack.App, stack.Compiled]) -> Iterator[stack.App]:
    """It as it was pushed first, after that build."""
    app, built = first
    assert built.status == 0, built.output
    yield app
    for folder in (app.source, app.config):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(request.module.EXAMPLE, app.source)
