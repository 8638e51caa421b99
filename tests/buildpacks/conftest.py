from pathlib import Path

import pytest
from tests.buildpacks import stack


@pytest.fixture
def app(tmp_path: Path) -> stack.App:
    """An app of the test's own, without files."""
    made = stack.App(folder=tmp_path)
    made.source.mkdir()
    return made
