"""The rig's client when Home Assistant stops."""

import asyncio

from aiohttp import web
import pytest
from pytest_aiohttp.plugin import AiohttpServer

from tests.rig.api import Api


async def _logs_in_then_closes(request: web.Request) -> web.WebSocketResponse:
    """Act as Home Assistant that stops during a command."""
    response = web.WebSocketResponse()
    await response.prepare(request)
    await response.send_json({"type": "auth_required"})
    await response.receive_json()
    await response.send_json({"type": "auth_ok"})
    await response.receive_json()
    await response.close()
    return response


async def test_a_closed_websocket_is_a_lost_connection(
    socket_enabled: None, aiohttp_server: AiohttpServer
) -> None:
    """A command without a response raises OSError."""
    app = web.Application()
    app.router.add_get("/api/websocket", _logs_in_then_closes)
    server = await aiohttp_server(app)
    with Api(str(server.make_url("/"))) as api, pytest.raises(ConnectionError):
        await asyncio.to_thread(api.command, "anything")
