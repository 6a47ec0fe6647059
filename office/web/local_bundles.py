"""Courier bundles for the command line beside a running node: files are its own, the pen and the keys the node's.

    POST /local/bundles/look     a bundle                          what it says of itself (`office.bundles.Slip`)
    POST /local/bundles/read     a bundle                          take it in (`office.bundles.Came`)
    POST /local/bundles/write    {"office", "bytes_max", "after"}  MessagePack of [what it is, the bundle]
    POST /local/bundles/keep     {"receiver", "serials"}           they are on a stick; names of older ones

A bundle is at most 16 MiB and stays in memory. Must never open a path that a caller names: a node that runs as a
service cannot reach a stick, and need not. Next: `office.cli_bundle`.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from office.bundles import Came, Gone, Slip
from office.node import Node
from office.web.guards import AnyRequest
from office.web.inputs import read_json
from schemas.names import NodeId, OfficeId
from sync.core.bundle import BUNDLE_BYTES_MAX

LOOK_PATH: Final = "/local/bundles/look"
READ_PATH: Final = "/local/bundles/read"
WRITE_PATH: Final = "/local/bundles/write"
KEEP_PATH: Final = "/local/bundles/keep"

BUNDLE_TYPE: Final = "application/octet-stream"


class Write(Struct, frozen=True, forbid_unknown_fields=True):
    """Make a bundle."""

    office: OfficeId | None
    bytes_max: int
    after: int | None = None


class Keep(Struct, frozen=True, forbid_unknown_fields=True):
    """Bundles reached their stick."""

    receiver: NodeId
    serials: list[int]


def bundle_handlers(node: Node, opt: dict[str, object]) -> Sequence[HTTPRouteHandler]:
    """The four routes, below `/local`."""

    @post("/bundles/look", status_code=200, opt=opt, request_max_body_size=BUNDLE_BYTES_MAX + 1)
    async def look(request: AnyRequest) -> Slip:
        """What a bundle says of itself."""
        return await node.bundles.look(await request.body())

    @post("/bundles/read", status_code=200, opt=opt, request_max_body_size=BUNDLE_BYTES_MAX + 1)
    async def read(request: AnyRequest) -> Came:
        """Take a bundle in."""
        return await node.bundles.read(await request.body())

    @post("/bundles/write", status_code=200, opt=opt)
    async def write(request: AnyRequest) -> Response[bytes]:
        """Make the next bundle for a neighbour."""
        given = await read_json(request, Write)
        made: tuple[Gone, bytes] = await node.bundles.write(
            node.bundles.receiver(given.office), bytes_max=given.bytes_max, after=given.after
        )
        return Response(msgspec.msgpack.encode(made), media_type=BUNDLE_TYPE)

    @post("/bundles/keep", status_code=200, opt=opt)
    async def keep(request: AnyRequest) -> list[str]:
        """Note that bundles are where they belong."""
        given = await read_json(request, Keep)
        return await node.bundles.keep(given.receiver, given.serials, "stick")

    return [look, read, write, keep]
