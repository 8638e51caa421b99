"""One cluster for all tests of clips: each leaves the rows as they were, which is what most of them are about."""

from collections.abc import Iterator

import pytest
from tests.dataclips.tenant import Tenant, tenant


@pytest.fixture(scope="session")
def shared_tenant() -> Iterator[Tenant]:
    with tenant() as found:
        yield found
