"""What HAProxy is told, from what is wanted and what it has: no HAProxy needed."""

from pathlib import Path

from celadon.model.routing import Answer, Backend, RoutingTable, Server
from celadon.router import haproxy, plan
from celadon.router.admin import Actual, RunningServer

WHERE = haproxy.Site(
    files=Path("/f"), run=Path("/r"), bind="127.0.0.1", http_port=80, https_port=443, api_hosts=("localhost",)
)


def server(name: str, *, port: int = 1, draining: bool = False) -> Server:
    return Server(name=name, address="10.0.0.1", port=port, dyno_id=name, draining=draining)


def backend(app: str, *servers: Server, answer: Answer = Answer.SERVE) -> Backend:
    return Backend(app_id=app, app_name=app, answer=answer, servers=servers)


def table(*backends: Backend) -> RoutingTable:
    return RoutingTable(hosts={f"{one.app_id}.d": one.app_id for one in backends}, wildcards={}, backends=backends)


def running(name: str, *, port: int = 1, ready: bool = True, draining: bool = False) -> RunningServer:
    return RunningServer(name=name, address="10.0.0.1", port=port, ready=ready, draining=draining)


def actual(
    servers: dict[str, list[RunningServer]] | None = None,
    routes: dict[str, str] | None = None,
    hosts: dict[str, str] | None = None,
) -> Actual:
    found: dict[str, dict[str, RunningServer]] = {haproxy.slot(number): {} for number in range(8)}
    found |= {slot: {one.name: one for one in of_slot} for slot, of_slot in (servers or {}).items()}
    maps = {name: {} for name in haproxy.MAPS} | {haproxy.HOSTS: hosts or {}, haproxy.ROUTES: routes or {}}
    return Actual(process=1, template="t", servers=found, maps=maps)


def texts(steps: plan.Plan) -> list[str]:
    return [command.text for command in steps.commands]


def test_a_new_dyno_is_added_and_ready_before_a_map_leads_to_it() -> None:
    wanted = table(backend("a", server("web.1_x")))
    assert texts(plan.plan(wanted, {"a": "slot0"}, actual(), WHERE)) == [
        f"add server slot0/web.1_x 10.0.0.1:1 {WHERE.server_options}",
        "set server slot0/web.1_x state ready",
        "enable health slot0/web.1_x",
        "set server slot0/web.1_x health up",
        "add map /f/routes.map a slot0",
        "add map /f/hosts.map a.d a",
    ]


def test_nothing_to_do_is_nothing_to_tell() -> None:
    wanted = table(backend("a", server("web.1_x")))
    have = actual({"slot0": [running("web.1_x")]}, {"a": "slot0"}, {"a.d": "a"})
    assert plan.plan(wanted, {"a": "slot0"}, have, WHERE) == plan.Plan(commands=(), draining=(), gone=())


def test_a_server_left_in_maintenance_by_a_kill_becomes_ready() -> None:
    wanted = table(backend("a", server("web.1_x")))
    have = actual({"slot0": [running("web.1_x", ready=False)]}, {"a": "slot0"}, {"a.d": "a"})
    assert texts(plan.plan(wanted, {"a": "slot0"}, have, WHERE)) == ["set server slot0/web.1_x state ready"]


def test_a_draining_dyno_is_drained_once_and_then_watched() -> None:
    wanted = table(backend("a", server("web.1_x", draining=True), server("web.1_y", port=2)))
    have = actual({"slot0": [running("web.1_x"), running("web.1_y", port=2)]}, {"a": "slot0"}, {"a.d": "a"})
    steps = plan.plan(wanted, {"a": "slot0"}, have, WHERE)
    assert texts(steps) == ["set server slot0/web.1_x state drain"]
    assert steps.draining == (plan.Place("slot0", "web.1_x"),)
    have = actual(
        {"slot0": [running("web.1_x", ready=False, draining=True), running("web.1_y", port=2)]},
        {"a": "slot0"},
        {"a.d": "a"},
    )
    steps = plan.plan(wanted, {"a": "slot0"}, have, WHERE)
    assert texts(steps) == []
    assert steps.draining == (plan.Place("slot0", "web.1_x"),)


def test_a_crashed_dyno_is_gone_at_once_but_the_map_changes_first() -> None:
    wanted = table(backend("a", answer=Answer.CRASHED))
    have = actual({"slot0": [running("web.1_x")]}, {"a": "slot0"}, {"a.d": "a"})
    steps = plan.plan(wanted, {}, have, WHERE)
    assert texts(steps) == ["set map /f/routes.map a H10"]
    assert steps.gone == (plan.Place("slot0", "web.1_x"),)


def test_a_destroyed_app_leaves_every_map() -> None:
    have = actual({"slot0": [running("web.1_x")]}, {"a": "slot0"}, {"a.d": "a"})
    steps = plan.plan(table(), {}, have, WHERE)
    assert texts(steps) == ["del map /f/routes.map a", "del map /f/hosts.map a.d"]
    assert steps.gone == (plan.Place("slot0", "web.1_x"),)


def test_a_server_whose_address_changed_is_replaced() -> None:
    wanted = table(backend("a", server("web.1_x", port=2)))
    have = actual({"slot0": [running("web.1_x", port=1)]}, {"a": "slot0"}, {"a.d": "a"})
    assert plan.plan(wanted, {"a": "slot0"}, have, WHERE).gone == (plan.Place("slot0", "web.1_x"),)


def test_an_app_keeps_its_slot() -> None:
    backends = [backend("a", server("web.1_x")), backend("b", server("web.1_y"))]
    have = actual({"slot5": [running("web.1_x")]}, {"a": "slot5"})
    assert plan.assign(backends, have, have.routes) == {"a": "slot5", "b": "slot0"}


def test_an_app_in_maintenance_keeps_the_slot_of_its_servers() -> None:
    backends = [backend("a", server("web.1_x"), answer=Answer.MAINTENANCE)]
    have = actual({"slot5": [running("web.1_x")]}, {"a": "H80"})
    assert plan.assign(backends, have, have.routes) == {"a": "slot5"}


def test_a_slot_with_servers_or_a_route_is_given_to_no_other_app() -> None:
    have = actual({"slot0": [running("web.1_old")]}, {"gone": "slot1"})
    assert plan.assign([backend("a", server("web.1_x"))], have, have.routes) == {"a": "slot2"}


def test_apps_without_a_server_to_stay_need_no_slot() -> None:
    backends = [backend("a", answer=Answer.WAIT), backend("b", server("web.1_y", draining=True), answer=Answer.WAIT)]
    assert plan.assign(backends, actual(), {}) == {}
