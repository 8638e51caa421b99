"""Express with WebSockets."""

import socket
from concurrent.futures import ThreadPoolExecutor

from websockets.exceptions import ConnectionClosed
from websockets.sync import client

from tests.journeys.conftest import EXAMPLES, Platform, wait_for


def test_pages_and_web_sockets_of_an_express_app(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "node-express")
    output = app.push()
    assert "-----> Node.js app detected" in output
    assert app.get("/hello").text.startswith("Hello from web.1, Node.js v22.")
    assert "<h1>Echo</h1>" in app.get("/").text
    port = platform.ports["http-port"]
    # The name is known to browsers and not to Python: connected here, named there.
    connected = socket.create_connection(("127.0.0.1", port))
    with client.connect(f"ws://{app.host}:{port}/echo", sock=connected) as echo:
        echo.send("over a socket")
        assert echo.recv(10) == "over a socket"
        echo.send(b"\x00\x01" * 50_000)
        assert echo.recv(10) == b"\x00\x01" * 50_000
        app.celadon("ps:restart")
        # A deploy does not wait for it for ever: ten seconds, once the next dyno is up.
        for _ in range(1000):
            try:
                echo.recv(60)
            except ConnectionClosed:
                break
    app.wait_for_log("hello to ")
    app.wait_for_log('path="/echo"')
    # Asleep, it is woken once, by requests and a WebSocket at the same time.
    app.celadon("ps:resize", "web=nap")
    wait_for("it sleeps", lambda: ": idle " in app.celadon("ps"), 60)
    with ThreadPoolExecutor(10) as pool:
        pages = [pool.submit(app.get, f"/{number}") for number in range(9)]
        connected = socket.create_connection(("127.0.0.1", port))
        with client.connect(f"ws://{app.host}:{port}/echo", sock=connected, open_timeout=60) as echo:
            echo.send("good morning")
            assert echo.recv(10) == "good morning"
        assert {page.result().status for page in pages} <= {200, 404}
    assert app.wait_for_log("Unidling").count("Unidling") == 1
