"""A real uvicorn on loopback inside the test's process, serving the sync routes of one node."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from litestar import Litestar, Router

from sync.exchange import Pen, Responder
from sync.http import Enroller, sync_router
from sync.papers import PaperResponder
from sync.session import Doorkeeper
from tests.support.line import Party
from tests.support.waiting import until


class Serving:
    """Where a node serves, and what it serves with."""

    def __init__(self, port: int, doorkeeper: Doorkeeper, responder: Responder, *, secure: bool) -> None:
        self.port = port
        self.doorkeeper = doorkeeper
        self.responder = responder
        self.address = f"{'https' if secure else 'http'}://127.0.0.1:{port}"


Certificate = tuple[Path, Path, bytes]
"""PEM file, key file, digest of the certificate."""


@asynccontextmanager
async def serving(
    party: Party,
    *,
    pen: Pen | None = None,
    enroller: Enroller | None = None,
    certificate: Certificate | None = None,
    port: int = 0,
    papers: PaperResponder | None = None,
) -> AsyncGenerator[Serving]:
    """Serve a node until the block ends. `port`: 0 = any free one. `papers`: None = as a node that knows none."""
    doorkeeper = Doorkeeper(party.pen.books, certificate=certificate[2] if certificate else b"")
    responder = Responder(pen or party.pen)
    async with serving_routes(sync_router(doorkeeper, responder, enroller, papers=papers), certificate, port) as bound:
        yield Serving(bound, doorkeeper, responder, secure=certificate is not None)


@asynccontextmanager
async def serving_routes(routes: Router, certificate: Certificate | None = None, port: int = 0) -> AsyncGenerator[int]:
    """Serve these routes until the block ends; gives the port on loopback."""
    config = uvicorn.Config(
        Litestar([routes], openapi_config=None, logging_config=None),
        host="127.0.0.1",
        port=port,
        loop="asyncio",
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate[0] if certificate else None,
        ssl_keyfile=certificate[1] if certificate else None,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def up() -> bool:
        return server.started

    await until(up, "the sync server")
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task
