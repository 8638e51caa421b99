"""The pure table: who answers, from apps, releases, formations and dynos."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from celadon.model import routing
from celadon.model.app import App
from celadon.model.dyno import Dyno, DynoRequest, DynoState
from celadon.model.formation import Formation
from celadon.model.release import Release, ReleaseStatus
from celadon.model.routing import Answer, Backend

NOW = datetime(2026, 11, 23, tzinfo=UTC)
S = DynoState


def app(*, maintenance: bool = False) -> App:
    return App(
        id="app-1",
        name="alpha",
        number=1,
        owner_id="me",
        stack="cedar",
        region="us",
        maintenance=maintenance,
        buildpack_provided_description=None,
        repo_size=None,
        slug_size=None,
        created_at=NOW,
        updated_at=NOW,
    )


def release(slug: str | None = "slug-1") -> Release:
    return Release(
        id="r",
        app_id="app-1",
        version=1,
        status=ReleaseStatus.SUCCEEDED,
        description="",
        account_id="me",
        slug_id=slug,
        config_id="c",
        created_at=NOW,
        updated_at=NOW,
    )


def dyno(
    state: DynoState, *, number: int = 1, process_type: str = "web", draining: bool = False, of: str = "r"
) -> Dyno:
    there = state in (S.UP, S.STARTING, S.STOPPING)
    return Dyno(
        id=str(uuid.uuid4()),
        app_id="app-1",
        release_id=of,
        type=process_type,
        number=number,
        command="",
        size="1X",
        state=state,
        request=None,
        attach=False,
        secret_hash=None,
        env={},
        account_id=None,
        container_id=f"c{number}" if there else None,
        address="10.0.0.2" if there else None,
        port=5000 + number if there else None,
        starts=1,
        crashes=0,
        next_start_at=None,
        deadline=None,
        routed=False,
        draining_at=NOW if draining else None,
        exit_status=None,
        created_at=NOW,
        updated_at=NOW,
    )


def backend(
    *dynos: Dyno,
    web: int = 1,
    slug: str | None = "slug-1",
    types: tuple[str, ...] = ("web", "worker"),
    maintenance: bool = False,
) -> Backend:
    entry = Formation(id="f", app_id="app-1", type="web", quantity=web, size="1X", created_at=NOW, updated_at=NOW)
    table = routing.routes(
        domain="localhost",
        apps=[app(maintenance=maintenance)],
        releases={"app-1": release(slug)},
        process_types={"slug-1": types},
        formations={"app-1": [entry]},
        dynos={"app-1": dynos},
    )
    (found,) = table.backends
    return found


@pytest.mark.parametrize(
    ("dynos", "values", "answer"),
    [
        ([], {"slug": None}, Answer.BLANK),
        ([], {"web": 0}, Answer.NO_WEB),
        ([], {"types": ("worker",)}, Answer.NO_WEB),
        ([], {}, Answer.WAIT),
        ([dyno(S.CREATED)], {}, Answer.WAIT),
        ([dyno(S.STARTING)], {}, Answer.WAIT),
        ([dyno(S.CRASHED)], {}, Answer.CRASHED),
        ([dyno(S.CRASHED), dyno(S.CRASHED, number=2)], {"web": 2}, Answer.CRASHED),
        ([dyno(S.CRASHED), dyno(S.STARTING, number=2)], {"web": 2}, Answer.WAIT),
        ([dyno(S.CRASHED), dyno(S.UP, number=2)], {"web": 2}, Answer.SERVE),
        ([dyno(S.UP)], {}, Answer.SERVE),
        ([dyno(S.UP)], {"maintenance": True}, Answer.MAINTENANCE),
        ([], {"slug": None, "maintenance": True}, Answer.MAINTENANCE),
        ([dyno(S.UP, draining=True)], {}, Answer.WAIT),
        ([dyno(S.UP, draining=True)], {"web": 0}, Answer.NO_WEB),
        ([dyno(S.UP)], {"web": 0}, Answer.SERVE),
        ([dyno(S.STOPPING)], {}, Answer.WAIT),
        ([dyno(S.UP, process_type="worker")], {}, Answer.WAIT),
        ([dyno(S.UP, process_type="worker")], {"web": 0}, Answer.NO_WEB),
    ],
)
def test_who_answers(dynos: list[Dyno], values: dict[str, object], answer: Answer) -> None:
    assert backend(*dynos, **values).answer is answer  # type: ignore[arg-type]


def test_servers_are_the_web_dynos_that_are_up() -> None:
    found = backend(
        dyno(S.UP), dyno(S.UP, number=2, draining=True), dyno(S.STARTING, number=3), dyno(S.CRASHED, number=4)
    )
    assert [(one.name, one.address, one.port, one.draining) for one in found.servers] == [
        ("web.1_c1", "10.0.0.2", 5001, False),
        ("web.2_c2", "10.0.0.2", 5002, True),
    ]
    assert [one.dyno for one in found.servers] == ["web.1", "web.2"]


@pytest.mark.parametrize(
    ("present", "web", "switched"),
    [
        ([dyno(S.UP), dyno(S.UP, number=2)], 2, True),
        ([dyno(S.UP)], 2, False),
        ([dyno(S.UP), dyno(S.STARTING, number=2)], 2, False),
        ([dyno(S.UP), dyno(S.CRASHED, number=2)], 2, False),
        ([dyno(S.UP), dyno(S.UP, number=2, draining=True)], 2, False),
        # On its way out: the one that takes its place is of the same number.
        ([replace(dyno(S.UP), request=DynoRequest.RESTART), dyno(S.UP)], 2, False),
        ([replace(dyno(S.UP), size="2X"), dyno(S.UP, number=2)], 2, False),
        ([dyno(S.CRASHED), dyno(S.UP, number=2)], 1, False),
        ([dyno(S.UP)], 1, True),
        ([], 2, False),
        ([], 0, False),
    ],
)
def test_a_release_before_drains_once_the_present_one_has_all_its_dynos(
    present: list[Dyno], web: int, switched: bool
) -> None:
    before = [dyno(S.UP, number=number, of="r-before") for number in (1, 2)]
    servers = {one.dyno_id: one.draining for one in backend(*before, *present, web=web).servers}
    assert [servers[one.id] for one in before] == [switched, switched]
    assert all(servers[one.id] == (one.draining_at is not None) for one in present if one.id in servers)


def test_an_app_has_its_name_and_its_domains() -> None:
    table = routing.routes(
        domain="example.org",
        apps=[app()],
        releases={},
        process_types={},
        formations={},
        dynos={},
        domains={"www.Shop.example": "app-1", "*.shop.example": "app-1"},
    )
    assert table.hosts == {"alpha.example.org": "app-1", "www.shop.example": "app-1"}
    assert table.wildcards == {".shop.example": "app-1"}
