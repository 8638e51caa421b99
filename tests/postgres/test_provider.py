"""heroku-postgresql as a provider: plans, retries after a kill at each step, removal."""

from collections.abc import Callable

import psycopg
import pytest

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.addons.provider import ProviderRefused
from celadon.model.postgres_database import Step
from celadon.postgres import provider as module
from celadon.postgres.manager import Manager
from celadon.postgres.provider import PostgresProvider
from tests.postgres.place import Place, wanted


@pytest.fixture(scope="module")
def context(place: Place) -> Context:
    return place.context


@pytest.fixture(scope="module")
def provider(place: Place) -> PostgresProvider:
    return place.provider


@pytest.mark.parametrize("plan", ["mini", "standard-0"])
def test_a_database_of_a_plan_takes_rows_and_is_gone_when_it_is_removed(
    place: Place, provider: PostgresProvider, plan: str
) -> None:
    order = wanted(plan)
    made = provider.provision(order)
    with place.connect(made) as connection:
        connection.execute("create table t as select 1 as n")
    assert provider.provision(order) == made
    for _ in range(2):
        provider.deprovision(order.addon_id, made.provider_id)
    assert databases.find(provider.context, order.addon_id) is None
    with pytest.raises(psycopg.OperationalError):
        place.connect(made)


def test_databases_of_the_shared_plans_are_in_one_cluster_and_others_have_their_own(provider: PostgresProvider) -> None:
    orders = [wanted(plan) for plan in ("mini", "basic", "standard-0")]
    for order in orders:
        provider.provision(order)
    engines = [databases.find(provider.context, order.addon_id).engine.number for order in orders]  # type: ignore[union-attr]
    assert engines[0] == engines[1] != engines[2]
    for order in orders:
        provider.deprovision(order.addon_id, None)


def test_what_is_no_plan_or_no_option_is_refused_and_leaves_nothing(provider: PostgresProvider) -> None:
    for order in (wanted("huge"), wanted("mini", colour="red")):
        with pytest.raises(ProviderRefused, match="cannot make a database"):
            provider.provision(order)
        assert databases.find(provider.context, order.addon_id) is None


class Killed(BaseException):
    """What stands for a SIGKILL: nothing of ours catches it."""


@pytest.mark.parametrize("plan", ["mini", "standard-0"])
@pytest.mark.parametrize(
    "step", ["clusters.make", "clusters.configure", "clusters.start", "publish", "ensure", "ensure_inside", "step"]
)
def test_a_provision_that_was_killed_is_finished_by_the_next(
    place: Place, provider: PostgresProvider, monkeypatch: pytest.MonkeyPatch, plan: str, step: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise Killed

    order = wanted(plan)
    with monkeypatch.context() as patched:
        target = {"ensure": module.tenants, "ensure_inside": module.tenants, "step": module.databases}.get(
            step, provider
        )
        owner, _, name = step.rpartition(".")
        patched.setattr(getattr(target, owner) if owner else target, name, killed)
        with pytest.raises(Killed):
            provider.provision(order)
    with place.connect(provider.provision(order)) as connection:
        connection.execute("create table t ()")
    known = databases.find(provider.context, order.addon_id)
    assert known is not None
    assert known.database.step is Step.AVAILABLE
    provider.deprovision(order.addon_id, None)


def test_a_removal_that_was_killed_is_finished_by_the_next(
    provider: PostgresProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_remove", "publish"):
        order = wanted("standard-0")
        provider.provision(order)
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(provider, name, _raise(Killed()))
            provider.deprovision(order.addon_id, None)
        provider.deprovision(order.addon_id, None)
        assert databases.find(provider.context, order.addon_id) is None


def _raise(error: BaseException) -> Callable[..., None]:
    def raising(*_: object) -> None:
        raise error

    return raising


def test_a_cluster_that_dies_is_started_again(place: Place, provider: PostgresProvider, context: Context) -> None:
    order = wanted("standard-0")
    made = provider.provision(order)
    manager = Manager(context, provider.pairs)
    assert manager.ensure() == 0
    known = databases.find(context, order.addon_id)
    assert known is not None
    provider.clusters.engines.runtime.kill(known.engine.name)
    assert manager.ensure() == 1
    with place.connect(made) as connection:
        connection.execute("select 1")
    provider.deprovision(order.addon_id, None)
    assert manager.ensure() == 0


def test_files_are_kept_ready_and_each_cluster_has_an_identity_of_its_own(
    provider: PostgresProvider, context: Context
) -> None:
    manager = Manager(context, provider.pairs)
    orders, identities = [wanted("standard-0") for _ in range(3)], set()
    for order in orders:
        manager.keep_spare()
        assert provider.clusters.spare.is_dir()
        provider.provision(order)
        assert not provider.clusters.spare.exists()
        known = databases.find(context, order.addon_id)
        assert known is not None
        with provider.clusters.connect(known.engine) as connection:
            identities.add(connection.execute("select system_identifier from pg_control_system()").fetchone())
    assert len(identities) == 3
    for order in orders:
        provider.deprovision(order.addon_id, None)
