from collections.abc import Iterator

import pytest
from tests.router import mesh as meshes


@pytest.fixture
def mesh() -> Iterator[meshes.Mesh]:
    with meshes.mesh() as running:
        yield running
