"""The part of `office.web.local` about devices: confirming, revoking and replacing them beside a running node.

Must never answer anybody but the command line on this computer: the router that takes these handlers in checks that.
Next: `office.devices`, `office.cli_devices`.
"""

from collections.abc import Sequence

from litestar import post
from litestar.handlers import HTTPRouteHandler

from office.enrolling import Sheet
from office.local import Countersign, Replace, Revoke, WrittenEntry
from office.node import Node
from office.web.guards import AnyRequest
from office.web.inputs import read_json


def device_handlers(node: Node, opt: dict[str, object]) -> Sequence[HTTPRouteHandler]:
    """The three routes."""

    @post("/countersign", status_code=201, opt=opt)
    async def countersign(request: AnyRequest) -> WrittenEntry:
        """Confirm a device that a township enrolled."""
        given = await read_json(request, Countersign)
        return WrittenEntry((await node.enrolling.countersign(given.device)).hash.hex())

    @post("/revoke", status_code=201, opt=opt)
    async def revoke(request: AnyRequest) -> WrittenEntry:
        """End a lost device."""
        given = await read_json(request, Revoke)
        return WrittenEntry((await node.devices.revoke(given.device, given.officer, given.reason)).hash.hex())

    @post("/replace", status_code=201, opt=opt)
    async def replace(request: AnyRequest) -> Sheet:
        """End an office's device; its successor's sheet."""
        given = await read_json(request, Replace)
        return await node.devices.replace(given.office, given.officer, given.reason)

    return [countersign, revoke, replace]
