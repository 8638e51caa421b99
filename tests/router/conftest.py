from collections.abc import Iterator

import pytest
from tests.router import mesh as meshes


@pytest.fixture
def mesh() -> Iterator[meshes.Mesh]:
    with meshes.mesh() as running:
        yield running


@pytest.fixture
def patient() -> Iterator[meshes.Mesh]:
    """A router whose times are long enough for a machine that has much else to do."""
    with meshes.mesh(
        first_byte_timeout=20.0, idle_timeout=20.0, boot_queue_timeout=20.0, drain_timeout=20.0
    ) as running:
        yield running
