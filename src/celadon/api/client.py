"""The command line, for whoever has none yet or another one than the platform's."""

from celadon.api import client_wheel
from celadon.api.answer import Answer, Download
from celadon.api.request import Call
from celadon.model.errors import NotFound


def show(call: Call) -> Answer:
    """Which one there is, and how to know that it is this; raises NotFound."""
    wheel = client_wheel.wheel()
    return Answer(
        value={
            "version": wheel.version,
            "url": f"/client/{wheel.name}",
            "sha256": wheel.sha256,
            "size": len(wheel.content),
        }
    )


def download(call: Call) -> Download:
    """The wheel. Under the name of another version there is nothing: who asks for that looks again. Raises NotFound."""
    wheel = client_wheel.wheel()
    if call.params["file"] != wheel.name:
        raise NotFound("client")
    return Download(content=wheel.content, etag=f'"{wheel.sha256}"')
