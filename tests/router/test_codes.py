"""What a visitor sees and what the app's log says, with dynos that really misbehave."""

import http.client
import re
import socket
import time
from concurrent import futures

import pytest
from tests.router import servers
from tests.router.mesh import Mesh, wait_for

from celadon.model.dyno import DynoState


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/hang", "H12", "Request timeout"),
        ("/close", "H13", "Connection closed without response"),
        ("/reset", "H13", "Connection closed without response"),
        ("/junk", "H17", "Poorly formatted HTTP response"),
        ("/half-head", "H17", "Poorly formatted HTTP response"),
        ("/long-field", "H25", "HTTP restriction"),
        ("/many-fields", "H25", "HTTP restriction"),
        ("/long-line", "H25", "HTTP restriction"),
    ],
)
def test_a_dyno_that_does_not_answer_well_is_a_503_with_its_code(mesh: Mesh, path: str, code: str, words: str) -> None:
    app_id = mesh.app("bad")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        status, page = mesh.get("bad.localhost", path)
    assert status == 503
    assert b"Application error" in page
    line = mesh.line(app_id, f'path="{path}"')
    assert line.startswith(
        f'at=error code={code} desc="{words}" method=GET path="{path}" host=bad.localhost request_id='
    )
    assert " dyno=web.1 connect=" in line
    assert line.endswith(" protocol=http")
    assert " status=503 " in line


def test_a_response_that_stops_is_h15_and_one_that_is_cut_is_h18(mesh: Mesh) -> None:
    app_id = mesh.app("bad")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        for path in ("/stall", "/half"):
            with pytest.raises(http.client.IncompleteRead):
                mesh.get("bad.localhost", path)
    assert mesh.line(app_id, 'path="/stall"').startswith('at=error code=H15 desc="Idle connection"')
    line = mesh.line(app_id, 'path="/half"')
    assert line.startswith('at=error code=H18 desc="Server request interrupted"')
    assert " status=200 " in line


def test_the_apps_own_503_is_passed_on_untouched_and_no_error_of_ours(mesh: Mesh) -> None:
    app_id = mesh.app("own")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        assert mesh.get("own.localhost", "/503") == (503, b"mine")
    assert mesh.line(app_id, 'path="/503"').startswith("at=info method=GET")


def test_the_line_of_a_good_request_is_as_heroku_writes_it(mesh: Mesh) -> None:
    app_id = mesh.app("good")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno, 3)
        headers = {"X-Request-ID": "0123456789-0123456789", "X-Forwarded-For": "1.2.3.4"}
        mesh.get("good.localhost", "/echo?a=b", "POST", b"abc", headers)
    line = mesh.line(app_id, "at=info")
    pattern = (
        r'at=info method=POST path="/echo\?a=b" host=good\.localhost request_id=0123456789-0123456789 '
        r'fwd="1\.2\.3\.4, 127\.0\.0\.1" dyno=web\.3 connect=\d+ms service=\d+ms status=200 bytes=\d+ protocol=http'
    )
    assert re.fullmatch(pattern, line)


def test_the_line_of_a_request_that_no_proxy_brings_has_the_clients_address(mesh: Mesh) -> None:
    app_id = mesh.app("near")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        mesh.get("near.localhost", "/")
    assert ' fwd="127.0.0.1" ' in mesh.line(app_id, "at=info")


def test_an_app_whose_dynos_have_all_crashed_is_h10(mesh: Mesh) -> None:
    app_id = mesh.app("crashed")
    mesh.dyno(app_id, state=DynoState.CRASHED)
    # The role may have seen the app without its dyno first, and who waits for one too long is told H20.
    wait_for("the crash is known", lambda: mesh.has_route(app_id, "H10"))
    assert mesh.status("crashed.localhost") == 503
    line = mesh.line(app_id, "code=H10")
    assert line.startswith('at=error code=H10 desc="App crashed" method=GET path="/" host=crashed.localhost')
    assert " dyno= connect= service= status=503 " in line


@pytest.mark.parametrize(("web", "types"), [(0, ("web",)), (1, ("worker",))])
def test_an_app_without_web_dynos_to_be_is_h14(mesh: Mesh, web: int, types: tuple[str, ...]) -> None:
    app_id = mesh.app("noweb", web=web, types=types)
    mesh.wait_status("noweb.localhost", 503)
    assert mesh.line(app_id, "code=H14").startswith('at=error code=H14 desc="No web processes running"')


def test_an_app_without_code_is_h81_and_its_page_tells_how_to_push(mesh: Mesh) -> None:
    app_id = mesh.app("blank", deployed=False)
    mesh.wait_status("blank.localhost", 503)
    assert b"git push celadon main" in mesh.get("blank.localhost")[1]
    assert mesh.line(app_id, "code=H81").startswith('at=error code=H81 desc="Blank app"')


def test_an_app_in_maintenance_is_h80_which_is_no_error(mesh: Mesh) -> None:
    app_id = mesh.app("closed")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        mesh.wait_status("closed.localhost", 200)
        mesh.maintenance(app_id, True)
        mesh.wait_status("closed.localhost", 503)
        assert b"maintenance" in mesh.get("closed.localhost")[1]
        mesh.maintenance(app_id, False)
        mesh.wait_status("closed.localhost", 200)
    assert mesh.line(app_id, "code=H80").startswith('at=info code=H80 desc="Maintenance mode"')


def test_a_request_waits_for_the_first_dyno_whatever_its_size_and_is_answered_by_it(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("booting")
    dyno_id = mesh.dyno(app_id, state=DynoState.STARTING)
    wait_for("the wait is known", lambda: mesh.has_route(app_id, "wait"))
    body = b"x" * 300_000
    with futures.ThreadPoolExecutor(20) as pool, servers.Dyno() as dyno:
        answers = [pool.submit(mesh.get, "booting.localhost", "/echo", "POST", body) for _ in range(20)]
        time.sleep(3.0)
        assert not any(answer.done() for answer in answers)
        mesh.change(
            dyno_id,
            state=DynoState.UP,
            container_id="c0ffee",
            address=dyno.address,
            port=dyno.port,
        )
        assert [answer.result() for answer in answers] == [(200, body)] * 20
    wait_for("all lines", lambda: len(mesh.log(app_id)) == 20)
    services = [int(found) for found in re.findall(r"service=(\d+)ms", "\n".join(mesh.log(app_id)))]
    # Twenty at once take their time: the quickest of them had hardly to wait for the others.
    assert len(services) == 20 and min(services) < 2000, "the wait is none of the dyno's"


def test_a_wait_that_is_too_long_is_h20(mesh: Mesh) -> None:
    app_id = mesh.app("slow")
    mesh.dyno(app_id, state=DynoState.STARTING)
    wait_for("the wait is known", lambda: mesh.has_route(app_id, "wait"))
    start = time.monotonic()
    assert mesh.get("slow.localhost")[0] == 503
    assert 1.9 < time.monotonic() - start < 10
    assert mesh.line(app_id, "code=H20").startswith('at=error code=H20 desc="App boot timeout"')


def test_a_wait_ends_when_the_dyno_crashes(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("doomed")
    dyno_id = mesh.dyno(app_id, state=DynoState.STARTING)
    wait_for("the wait is known", lambda: mesh.has_route(app_id, "wait"))
    with futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(mesh.get, "doomed.localhost")
        time.sleep(0.2)
        mesh.change(dyno_id, state=DynoState.CRASHED)
        assert answer.result()[0] == 503
    assert mesh.line(app_id, "code=H10")


def test_a_dyno_that_refuses_connections_is_h21(mesh: Mesh) -> None:
    app_id = mesh.app("deaf")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        mesh.wait_status("deaf.localhost", 200)
    assert mesh.get("deaf.localhost", "/refused")[0] == 503
    line = mesh.line(app_id, 'path="/refused"')
    assert line.startswith('at=error code=H21 desc="Backend connection refused"')
    assert " dyno=web.1 " in line


def test_one_dyno_that_refuses_is_passed_over_while_another_accepts(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("half", web=2)
    with servers.Dyno("127.0.0.2") as good:
        with servers.Dyno("127.0.0.3") as deaf:
            for number, dyno in ((1, good), (2, deaf)):
                mesh.serve(app_id, dyno, number)
        assert [mesh.status("half.localhost") for _ in range(20)] == [200] * 20


def test_a_route_that_leads_nowhere_is_h99(mesh: Mesh) -> None:
    app_id = mesh.app("lost")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        mesh.wait_status("lost.localhost", 200)
        # Else the role, who looks once more when a dyno is reached, tells the route as it should be.
        mesh.stop_role()
        mesh.tell(f"set map {mesh.settings.home}/router/routes.map {app_id} slot9999")
        assert mesh.get("lost.localhost", "/lost")[0] == 503
    assert mesh.line(app_id, 'path="/lost"').startswith('at=error code=H99 desc="Platform error"')


def test_a_client_that_leaves_is_h27_with_status_499(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("left")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        with socket.create_connection(("127.0.0.1", mesh.settings.http_port)) as client:
            client.sendall(b"GET /hang HTTP/1.1\r\nHost: left.localhost\r\n\r\n")
            wait_for("the dyno has the request", lambda: dyno.requests)
        line = mesh.line(app_id, 'path="/hang"')
    assert line.startswith('at=error code=H27 desc="Client request interrupted"')
    assert " status=499 " in line


def test_a_name_of_nobody_is_a_404_in_nobodys_log(mesh: Mesh) -> None:
    status, page = mesh.get("nobody.localhost")
    assert status == 404
    assert b"nothing here yet" in page
    assert not list((mesh.settings.home / "logs").iterdir())
