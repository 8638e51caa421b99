"""Gives backups to whoever has the URL of one, whole or in parts (`Range`), as the bytes of a file."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from celadon.actions import transfers
from celadon.actions.context import Context
from celadon.model.errors import CeladonError


def application(context: Context) -> Starlette:
    """The ASGI application of `transfers.PATH`; it never lists anything."""

    async def download(request: Request) -> Response:
        try:
            path = await asyncio.to_thread(transfers.to_read, context, request.path_params["token"])
        except CeladonError as error:
            return JSONResponse({"id": error.id, "message": error.message}, error.status)
        if not path.is_file():
            return JSONResponse({"id": "not_found", "message": "Couldn't find that backup."}, 404)
        headers = {"Cache-Control": "private, no-store"}
        return FileResponse(path, media_type="application/octet-stream", filename="latest.dump", headers=headers)

    return Starlette(routes=[Route(f"{transfers.PATH}/{{token}}", download, methods=["GET", "HEAD"])])
