"""Courier bundles (信使包, on a U 盘) of one node: what is written for whom, taken in from whom, and what is safe.

Seals to the receiver, to this device itself (so that it knows its own bundles again), and upward to the county as well,
which gets every entry anyhow. Remembers in a small file of the node's folder what went onto sticks and came from them:
counts, codes and numbers, no case and no person. Bytes in, bytes out: files on a stick are `office.sticks`.
Must never: count something as safe because it is on a stick, or refuse a bundle for its date.
Next: `sync.usb` (what a bundle does), `office.cli_bundle`, `office.web.pages.sticks` (who asks).
"""

import asyncio
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from office.papers import StickShelf
from office.paths import write_private
from office.sticks import name_of
from office.web.line import count_waiting
from schemas.names import Epoch, Instant, NodeId, OfficeId
from schemas.refusals import Refused
from schemas.wire import Cursor, Size
from sync import second_path
from sync.core.bundle import BUNDLE_BYTES_MAX, BUNDLE_BYTES_MIN, Manifest
from sync.core.link import Link
from sync.paging import Load

if TYPE_CHECKING:
    from office.node import Node
    from sync.age import Opener
    from sync.stick_papers import OutgoingPapers
    from sync.usb import Written

REMEMBERED_MAX: Final = 200
"""Bundles remembered each way: two a day for three months."""

COUNTY: Final = OfficeId("county")
"""Stands for the county's own node, whatever its code: where a village's second path leads (`sync.second_path`)."""

PAPERS_MAX: Final = 500
"""Papers acknowledged in each bundle for a neighbour: a month of a busy village; older words of it have arrived."""

AHEAD_MS: Final = 3600 * 1000
"""A bundle dated so far ahead of our clock is told as such. It is taken in: clocks refuse nobody (DESIGN 4)."""

OLDER: Final = "bundle_older"
AHEAD: Final = "bundle_ahead"
NOTES: Final[dict[str, tuple[str, str]]] = {
    OLDER: (
        "该信使包以前读过，或比已读的更早：没有新内容，不会重复，也不影响任何数据。",
        "This bundle was read before, or is older than one that was: nothing new in it, nothing doubled, no harm done.",
    ),
    AHEAD: (
        "该信使包标注的时间比本机时钟快一小时以上：已照常收下；请核对两台电脑的时钟。",
        "This bundle is dated over an hour ahead of this computer's clock: it was taken in; look at both clocks.",
    ),
}
"""What is told besides refusals: (Chinese, English)."""


class Slip(Struct, frozen=True):
    """What a bundle says of itself, for whoever handles files."""

    sender: NodeId
    office: OfficeId
    """The sender's."""
    receiver: NodeId
    epoch: Epoch
    serial: int
    at: Instant


class Gone(Struct, frozen=True):
    """A bundle that was written here."""

    receiver: NodeId
    office: OfficeId
    """The receiver's."""
    epoch: Epoch
    serial: int
    at: Instant
    name: str
    size: int
    entries: int
    cases: int
    is_last: bool
    upto: list[Cursor]
    papers: int = 0
    """Papers in it, in part or whole."""
    papers_upto: dict[str, int] = {}
    """How far papers are on the stick, while another bundle is to go on behind: digest, hexadecimal → bytes."""
    papers_ended: list[str] = []
    """Photographs and PDF whose last byte is in it: digests, hexadecimal."""
    place: str = ""
    """Where it went: `stick`, `browser`; empty while that is not known to have succeeded."""
    own_upto: list[Size] = []
    """On a second path: how far our own journals are on the stick, while another bundle is to go on behind."""


class Flawed(Struct, frozen=True):
    """Why a part of a bundle was not taken in (`sync.usb.Flaw`)."""

    code: str
    hint: str
    part: int
    count: int


class Came(Struct, frozen=True):
    """A bundle that was taken in here, wholly or in part."""

    slip: Slip
    read_at: Instant
    parts: int
    """In it."""
    taken: int
    admitted: int
    flaws: list[Flawed] = []
    notes: list[str] = []
    """Codes of `NOTES`."""


class Remembered(Struct, frozen=True):
    """The file `sticks.json`."""

    gone: list[Gone] = []
    came: list[Came] = []
    whole: dict[NodeId, list[str]] = {}
    """Papers that came by stick from a neighbour and are whole here: what the next bundles for it acknowledge."""


class OnSticks(Struct, frozen=True):
    """One bundle of ours, for the page."""

    gone: Gone
    is_acknowledged: bool
    """The receiver has stated that it holds all of it, papers too."""
    is_for_former: bool
    """The receiver's device was replaced since: it must be written again."""


class Safety(Struct, frozen=True):
    """What a neighbour has not acknowledged yet."""

    office: OfficeId
    node: NodeId
    is_above: bool
    waiting: int
    """Entries that are work and not acknowledged."""
    is_more: bool
    only_here: int
    """Those of them that are on no stick either."""
    papers: int
    """Photographs and PDF of a village's cases that are not acknowledged."""
    papers_only_here: int
    """Those of them that are on no stick either."""


class Bundles:
    """Writes and takes in bundles with the pen of an open node, one at a time."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._lock = asyncio.Lock()
        self._opener: Opener | None = None

    # --- whom for ------------------------------------------------------------------------------------------------

    def receiver(self, office: OfficeId | None = None) -> NodeId:
        """The neighbour at an office; the one above where none is named. Raises `Refused`."""
        books = self._node.books
        if office is None:
            if books.parent is None:
                raise Refused(
                    "bundle_no_receiver",
                    "县节点没有上级，没有写入；请用 --to 指明写给哪个下级单位，或用 bundle reply 写回执。",
                    "Nobody is above the county; nothing was written. Name an office below with --to, or answer the "
                    "bundles on a stick with bundle reply.",
                )
            return books.parent
        county = second_path.county_of(books)
        if office == COUNTY and (county is None or second_path.find_link(books, county) is None):
            raise Refused(
                "bundle_no_second_path",
                "只有村级节点才能越过乡镇直接写给县中心，没有写入；请用 bundle write（不加 --county）写给上级。",
                "Only a village writes past its township to the county itself; nothing was written. Write to the "
                "office above with bundle write, without --county.",
            )
        if office == COUNTY and county is not None:
            return county
        for node in (books.parent, *books.children.values()):
            if node is not None and node in books.links and books.links[node].seat == office:
                return node
        for link in books.links.values():
            if books.parent is None and second_path.is_second(books, link) and link.seat == office:
                return link.neighbour  # a village whose township is silent, which has spoken with us so
        raise Refused(
            "bundle_no_neighbour",
            f"{office} 不是本单位的上级或直接下级，或还没有设备，没有写入；请核对单位代码。",
            f"{office} is not the office above or directly below this one, or has no device yet; nothing was written. "
            "Check the code.",
        )

    # --- writing -------------------------------------------------------------------------------------------------

    async def write(
        self, receiver: NodeId, *, bytes_max: int = BUNDLE_BYTES_MAX, after: int | None = None
    ) -> tuple[Gone, bytes]:
        """The next bundle for a neighbour: all that it has not acknowledged, or what goes on behind bundle `after`.

        `keep` says that it reached its stick. Raises `Refused` `bundle_size`, and what the pen raises.
        """
        from sync.age import seal
        from sync.stick_papers import OutgoingPapers
        from sync.usb import write_bundle

        if not BUNDLE_BYTES_MIN <= bytes_max <= BUNDLE_BYTES_MAX:
            low, high = BUNDLE_BYTES_MIN // 2**20, BUNDLE_BYTES_MAX // 2**20
            raise Refused(
                "bundle_size",
                f"每个文件的上限须在 {low} 到 {high} 兆字节之间，没有写入；请改正后重试。",
                f"A file may be limited to {low} to {high} MB; nothing was written. Correct it and try again.",
            )
        async with self._lock:
            epoch = self._node.books.epoch
            remembered = self._load()
            mine = [gone for gone in remembered.gone if (gone.receiver, gone.epoch) == (receiver, epoch)]
            load, on_stick = Load({}), dict[bytes, int]()
            for gone in mine:
                if gone.serial == after:
                    load.sent = {(cursor.lane, cursor.epoch): cursor.number for cursor in gone.upto}
                    load.given = {size.journal: size.size for size in gone.own_upto}
                    on_stick = {bytes.fromhex(digest): upto for digest, upto in gone.papers_upto.items()}
            acknowledged = [bytes.fromhex(digest) for digest in remembered.whole.get(receiver, [])]
            papers = OutgoingPapers(self._node.writer, receiver, self._node.papers, on_stick)
            link = second_path.find_link(self._node.books, receiver)
            if link is None or not second_path.is_second(self._node.books, link):  # there papers never go
                await papers.plan(self._node.paper_wants, acknowledged)
            serial = 1 + max((gone.serial for gone in mine), default=0)
            keys = self._keys_for(receiver)
            written = await write_bundle(
                self._node.writer,
                receiver,
                load,
                seal=lambda clear: seal(clear, keys),
                serial=serial,
                bytes_max=bytes_max,
                papers=papers,
            )
            own_upto = [Size(journal.origin, journal.epoch, upto) for journal, upto in sorted(load.given.items())]
            gone = replace(_gone(written, papers), own_upto=own_upto)
            before = [replace(one, papers_upto={}) if one.receiver == receiver else one for one in remembered.gone]
            await self._save(replace(remembered, gone=[*before, gone][-REMEMBERED_MAX:]))
            return gone, written.data

    async def keep(self, receiver: NodeId, serials: Sequence[int], place: str) -> list[str]:
        """The bundles of this start with these numbers are where they belong. Returns the names of older ones to the
        same receiver, when these hold everything that it has not acknowledged.
        """
        async with self._lock:
            remembered = self._load()
            epoch = self._node.books.epoch
            now = {(receiver, epoch, serial) for serial in serials}
            gone = [
                replace(one, place=place) if (one.receiver, one.epoch, one.serial) in now else one
                for one in remembered.gone
            ]
            await self._save(replace(remembered, gone=gone))
        kept = [one for one in gone if (one.receiver, one.epoch, one.serial) in now]
        if not any(one.is_last for one in kept):
            return []
        names = {one.name for one in kept}
        return [one.name for one in gone if one.receiver == receiver and one.name not in names]

    def _keys_for(self, receiver: NodeId) -> list[bytes]:
        """Log keys of who may open a bundle: the receiver, ourselves, and upward the county."""
        books = self._node.books
        nodes = {receiver, books.seat.node}
        if receiver == books.parent:
            county = self._node.county
            nodes |= {
                device.node
                for device in books.keyring.devices_of(county)
                if not books.keyring.is_revoked(device.node) and (county, device.node) not in books.replaced
            }
        return [books.keyring.get(node).keys.log for node in sorted(nodes)]

    # --- reading -------------------------------------------------------------------------------------------------

    async def look(self, data: bytes) -> Slip:
        """What a bundle for this node says of itself. Raises `Malformed`, `RemoteFault` (`sync.usb.take_in`)."""
        from sync.usb import look_into

        manifest = await self._node.writer.look(lambda: look_into(self._node.books, data, self._opener_here().open))
        return _slip(manifest)

    async def read(self, data: bytes) -> Came:
        """Take a bundle in. Raises what `sync.usb.take_in` raises."""
        from sync.stick_papers import IncomingPapers
        from sync.usb import look_into, take_in

        async with self._lock:
            opener = self._opener_here().open
            sender = look_into(self._node.books, data, opener).sender
            node = self._node
            papers = IncomingPapers(node.writer, sender, StickShelf(node.papers), node.paper_wants, node.clock)
            taken = await take_in(node.writer, data, open_part=opener, papers=papers)
            remembered = self._load()
            slip = _slip(taken.manifest)
            now = Instant(self._node.clock.now())
            notes: list[str] = []
            if not taken.admitted and any(_is_not_older(came.slip, slip) for came in remembered.came):
                notes.append(OLDER)
            if slip.at > now + AHEAD_MS:
                notes.append(AHEAD)
            flaws = [Flawed(flaw.code, flaw.hint, flaw.part, flaw.count) for flaw in taken.flaws]
            came = Came(slip, now, len(taken.manifest.parts), taken.parts, taken.admitted, flaws, notes)
            whole = remembered.whole.get(sender, [])
            whole = [*whole, *(digest.hex() for digest in papers.whole if digest.hex() not in whole)][-PAPERS_MAX:]
            remembered = replace(remembered, whole={**remembered.whole, sender: whole})
            await self._save(replace(remembered, came=[*remembered.came, came][-REMEMBERED_MAX:]))
        if taken.admitted and self._node.pen.on_work is not None:
            self._node.pen.on_work()
        return came

    def _opener_here(self) -> "Opener":
        from sync.age import Opener

        if self._opener is None:
            self._opener = Opener(self._node.books.seat.signer)
        return self._opener

    # --- what is where -------------------------------------------------------------------------------------------

    def remembered(self) -> Remembered:
        """What went onto sticks and came from them, oldest first."""
        return self._load()

    async def on_sticks(self) -> list[OnSticks]:
        """The bundles written here that reached a stick, newest first."""
        books = self._node.books
        papers = {digest.hex() for digest in await self._node.paper_wants.unacknowledged()}
        return [
            OnSticks(
                gone,
                _is_acknowledged(books.links.get(gone.receiver), gone)
                and not (gone.receiver == books.parent and papers.intersection(gone.papers_ended)),
                second_path.find_link(books, gone.receiver) is None,
            )
            for gone in reversed(self._load().gone)
            if gone.place
        ]

    async def safety(self) -> list[Safety]:
        """For each neighbour with something unacknowledged: how much, and how much of it is on no stick."""
        node = self._node
        kept = [gone for gone in self._load().gone if gone.place]
        photographs = {digest.hex() for digest in await node.paper_wants.unacknowledged()}
        found: list[Safety] = []
        for link in list(node.books.links.values()):
            if second_path.is_second(node.books, link):
                continue  # All of it waits for the township as well.
            is_above = link.neighbour == node.books.parent
            papers = photographs if is_above else set[str]()
            waiting, is_more, _ = await count_waiting(link, node.store)
            if not waiting and not papers:
                continue
            covered = copy(link)
            covered.acknowledged = dict(link.acknowledged)
            on_stick = [gone for gone in kept if gone.receiver == link.neighbour]
            for cursor in (cursor for gone in on_stick for cursor in gone.upto):
                stream = (cursor.lane, cursor.epoch)
                covered.acknowledged[stream] = max(cursor.number, covered.acknowledged.get(stream, 0))
            only_here, _, _ = await count_waiting(covered, node.store)
            papers_only_here = len(papers.difference(*(gone.papers_ended for gone in on_stick)))
            found.append(
                Safety(link.seat, link.neighbour, is_above, waiting, is_more, only_here, len(papers), papers_only_here)
            )
        return found

    # --- the file ------------------------------------------------------------------------------------------------

    def _load(self) -> Remembered:
        """An unreadable file is as good as none: it decides nothing but what the page tells."""
        try:
            return msgspec.json.decode(self._node.home.sticks.read_bytes(), type=Remembered)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return Remembered()

    async def _save(self, remembered: Remembered) -> None:
        await asyncio.to_thread(write_private, self._node.home.sticks, msgspec.json.encode(remembered))


def _slip(manifest: Manifest) -> Slip:
    return Slip(
        manifest.sender, manifest.sender_office, manifest.receiver, manifest.epoch, manifest.serial, manifest.at
    )


def _gone(written: "Written", papers: "OutgoingPapers") -> Gone:
    manifest = written.manifest
    return Gone(
        manifest.receiver,
        manifest.receiver_office,
        manifest.epoch,
        manifest.serial,
        manifest.at,
        name_of(manifest),
        len(written.data),
        written.entries,
        written.cases,
        manifest.is_last,
        written.upto,
        papers.moved,
        {} if manifest.is_last else {digest.hex(): count for digest, count in papers.sent.items()},
        [digest.hex() for digest in papers.ended],
    )


def _is_not_older(read: Slip, slip: Slip) -> bool:
    return read.sender == slip.sender and (read.epoch.ordinal, read.serial) >= (slip.epoch.ordinal, slip.serial)


def _is_acknowledged(link: Link | None, gone: Gone) -> bool:
    return link is not None and all(
        link.acknowledged.get((cursor.lane, cursor.epoch), 0) >= cursor.number for cursor in gone.upto
    )
