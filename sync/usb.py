"""Pages on a stick: writes a bundle for one neighbour and takes one in, through the same pen as a conversation.

A bundle is many pages that nobody answers: they are composed one behind the other from what the neighbour acknowledged,
and each is taken in alone, so that any cut, repetition or loss ends where a repeated conversation would. Works on bytes
in memory; files and sticks are `office.sticks`, words and records `office.bundles`.
Must never: leave the line other than it found it, take in a part before the manifest's signature and the part's digest
were checked, or stop at one bad part. Sources: DESIGN 1.3, 4; RULINGS A3, A8. Next: `sync.core.bundle` (the format).
"""

from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from schemas.codec import Malformed, decode, encode
from schemas.names import Instant, NodeId, within
from schemas.papers import PaperPage
from schemas.wire import Certificate, Cursor, Line, Page, decode_head, is_line
from sync import second_path
from sync.books import Books
from sync.core import note
from sync.core.bundle import (
    BUNDLE_BYTES_MAX,
    CHAIN,
    PAGE,
    PAPERS,
    PARTS_MAX,
    Manifest,
    Part,
    check_part,
    ended,
    image,
    part_of,
    read_manifest,
    signing_key,
    split,
    write_manifest,
)
from sync.core.errors import GapFault, RemoteFault, UnknownSender
from sync.enrolment import admit_chain
from sync.exchange import REFUSED_HINTS
from sync.frame import pack, read_frame, unpack
from sync.ledger import Admission
from sync.paging import Load
from sync.papers import read_message
from sync.session import CHAIN_LENGTH_MAX

MANIFEST_ROOM_BYTES: Final = 192 * 1024
"""Kept free in a file for the manifest: 2,048 parts of 75 bytes, a signature, and age's own."""

OTHER_HINT: Final = "a part of it was refused; see the findings on the page of the line"

CHAIN_BYTES_MAX: Final = 16 * 1024
"""As any message of a session (`sync.http`)."""

Seal = Callable[[bytes], bytes]
"""Seals a part for whoever may open it."""
Open = Callable[[bytes], bytes]
"""Opens a part. Raises `RemoteFault`: `bundle_for_other`, `bundle_part_damaged`."""


class Pen(Protocol):
    """The node's one write path: its writer, or in a simulation its ledger."""

    @property
    def books(self) -> Books:
        """The state in memory."""
        ...

    async def admit(self, page: Page) -> Admission:
        """Take in a page; returns when it is durable. Raises `Fault`."""
        ...

    async def page_for(self, neighbour: NodeId, *, receipts_due: bool = True, load: Load | None = None) -> Page:
        """The next page toward a neighbour; with a `load` the next one for a stick."""
        ...

    async def meet(self, chain: Sequence[Certificate]) -> None:
        """Take note of who is above: perhaps the successor of the device we knew. Raises `RemoteFault`."""
        ...


class PaperSource(Protocol):
    """What goes onto a stick besides pages: messages about papers (`sync.papers`)."""

    async def look(self) -> PaperPage | None:
        """The next message; None when nothing is left. The same again until `keep`."""
        ...

    def keep(self, page: PaperPage) -> None:
        """The message is in the bundle."""
        ...


class PaperTaker(Protocol):
    """Who takes in what a bundle brings of papers."""

    async def take(self, page: PaperPage) -> None:
        """Take a message in. Raises `RemoteFault`, and what keeping a piece raises."""
        ...


class Written(Struct, frozen=True):
    """A bundle as it is to be kept on a stick."""

    data: bytes
    manifest: Manifest
    entries: int
    """Entries that are work; house-keeping is not counted."""
    cases: int
    """How many cases they are about."""
    upto: list[Cursor]
    """Up to which number of each stream the stick holds what the receiver has not acknowledged."""


class Flaw(Struct, frozen=True):
    """Why a part was not taken in, or not wholly. `part`: from 1; 0 = the bundle as a whole."""

    code: str
    hint: str
    part: int
    count: int = 1
    """How many parts in a row it is about."""


class Taken(Struct, frozen=True):
    """What became of a bundle."""

    manifest: Manifest
    parts: int
    """How many of its parts were taken in, or were here already."""
    admitted: int
    """Entries that were new."""
    duplicate: int
    flaws: list[Flaw]

    @property
    def is_whole(self) -> bool:
        """Whether everything in it is here now."""
        return not self.flaws


# --- writing ---------------------------------------------------------------------------------------------------------


async def write_bundle(
    pen: Pen,
    neighbour: NodeId,
    load: Load,
    *,
    seal: Seal,
    serial: int,
    bytes_max: int = BUNDLE_BYTES_MAX,
    papers: PaperSource | None = None,
) -> Written:
    """The next bundle for a neighbour: what it has not acknowledged and `load` does not hold yet, as far as it fits.

    Entries go first, papers in the room that they leave. `load.more` says whether something is left for another bundle.
    Raises `UnknownSender` for a stranger, and what the pen raises when it cannot write.
    """
    books = pen.books
    writer = _BundleWriter(seal, bytes_max)
    link = second_path.find_link(books, neighbour)
    if link is None:
        raise UnknownSender("unknown_neighbour", "no line to this device is known here; enrol it first")
    if within(link.seat, books.seat.office):
        writer.add(CHAIN, encode(books.seat.chain))
    while load.more and len(writer.parts) < PARTS_MAX - 1:
        before = replace(load, sent=dict(load.sent), given=dict(load.given))
        page = await pen.page_for(neighbour, receipts_due=load.is_first, load=load)
        try:
            frame = pack(page)
        except Malformed:
            if before.page_entries <= 1:
                raise
            _put_back(load, before)
            load.page_entries = before.page_entries // 2
            continue
        if load.sent == before.sent and not (page.answers or before.is_first):
            load.more = False  # What is left can go nowhere now: a part of it is damaged here.
            break
        if not writer.add(PAGE, frame):
            _put_back(load, before)
            break
        writer.count(page)
    if papers is not None and not load.more:
        load.more = await _add_papers(writer, papers)
    return _finish(books, neighbour, writer, load, serial)


async def _add_papers(writer: "_BundleWriter", papers: PaperSource) -> bool:
    """Fill the file up. True when something is left."""
    while (message := await papers.look()) is not None:
        if len(writer.parts) >= PARTS_MAX - 1 or not writer.add(PAPERS, encode(message)):
            return True
        papers.keep(message)
    return False


def _put_back(load: Load, before: Load) -> None:
    load.sent, load.given, load.is_first, load.more = before.sent, before.given, before.is_first, True


class _BundleWriter:
    """Collects sealed parts as long as they fit into one file."""

    def __init__(self, seal: Seal, bytes_max: int) -> None:
        self.seal = seal
        self.parts: list[Part] = []
        self.sealed: list[bytes] = []
        self.entries = 0
        self.cases: set[bytes] = set()
        self._room = bytes_max - MANIFEST_ROOM_BYTES

    def add(self, kind: str, clear: bytes) -> bool:
        """Take one more part. False when the file has no room for it."""
        sealed = self.seal(clear)
        if len(sealed) + 4 > self._room:
            return False
        self._room -= len(sealed) + 4
        self.parts.append(part_of(kind, clear))
        self.sealed.append(sealed)
        return True

    def count(self, page: Page) -> None:
        """Note what a page holds, for people."""
        for line in _lines_of(page):
            try:
                head = decode_head(line.head)
            except Malformed:
                continue  # Gone bad on our disk; the receiver asks elsewhere.
            if not is_line(head.kind):
                self.entries += 1
                if head.subject is not None:
                    self.cases.add(head.subject)


def _lines_of(page: Page) -> list[Line]:
    runs = [run for stretch in page.stretches for run in stretch.runs]
    runs += [answer.run for answer in page.answers if answer.run is not None]
    lines = [line for run in runs for line in run.lines]
    return [*lines, *(excerpt.line for stretch in page.stretches for excerpt in stretch.excerpts)]


def _finish(books: Books, neighbour: NodeId, writer: _BundleWriter, load: Load, serial: int) -> Written:
    seat = books.seat
    assert books.epoch is not None
    manifest = Manifest(
        seat.root.county,
        seat.root.digest,
        seat.node,
        seat.office,
        neighbour,
        books.links[neighbour].seat,
        Instant(books.clock.now()),
        books.epoch,
        serial,
        not load.more,
        tuple(writer.parts),
    )
    first = writer.seal(write_manifest(manifest, seat.signer.public_keys.log, seat.signer.sign))
    upto = sorted(Cursor(lane, epoch, number) for (lane, epoch), number in load.sent.items())
    return Written(image([first, *writer.sealed]), manifest, writer.entries, len(writer.cases), upto)


# --- reading ---------------------------------------------------------------------------------------------------------


def look_into(books: Books, data: bytes, open_part: Open) -> Manifest:
    """What a bundle says of itself, checked as far as possible without taking anything in: to read sticks in order.

    Raises what `take_in` raises before its first part.
    """
    return _Reader(books, data, open_part).manifest


async def take_in(pen: Pen, data: bytes, *, open_part: Open, papers: PaperTaker | None = None) -> Taken:
    """Take in a bundle, each part alone and durably. Without `papers` those that it brings are passed over.

    A part that is damaged, misplaced or missing is named in `flaws`, and the others are taken in. Raises `Malformed` or
    `RemoteFault`, and changes nothing, for what is no bundle for us; `Busy` or `LocalFault` when this node cannot
    write: what was taken in stays, and the bundle is read again later.
    """
    reader = _Reader(pen.books, data, open_part)
    manifest = reader.manifest
    is_other = pen.books.parent not in (None, manifest.sender)
    if reader.chain and is_other and not second_path.may_come(pen.books, manifest.sender):
        await _meet(pen, reader.chain)
    flaws: list[Flaw] = []
    total = Admission()
    taken = 0
    for index, part in enumerate(manifest.parts):
        if index >= len(reader.sealed):
            break
        try:
            admission = await _take_part(pen, papers, manifest, part, reader.clear(index))
        except (Malformed, RemoteFault) as fault:
            flaws.append(_flaw_of(_gap() if isinstance(fault, GapFault) else fault, index + 1))
            continue
        taken += 1
        total.admitted += admission.admitted
        total.duplicate += admission.duplicate
        if admission.codes:
            code = admission.codes[0]
            flaws.append(Flaw(code, REFUSED_HINTS.get(code, OTHER_HINT), index + 1))
    flaws = _in_short(flaws)
    if reader.missing:
        flaws.append(_flaw_of(ended(reader.end or "bundle_cut"), len(reader.sealed) + 1, reader.missing))
    elif reader.end or len(reader.sealed) > len(manifest.parts):
        flaws.append(_flaw_of(_trailing(), 0))
    return Taken(manifest, taken, total.admitted, total.duplicate, flaws)


async def _meet(pen: Pen, chain: Sequence[Certificate]) -> None:
    try:
        await pen.meet(chain)
    except RemoteFault as fault:
        raise (_replaced() if fault.code == "other_device" else fault) from fault


async def _take_part(pen: Pen, papers: PaperTaker | None, manifest: Manifest, part: Part, clear: bytes) -> Admission:
    if part.kind == CHAIN:
        return Admission()
    if part.kind == PAPERS:
        message = read_message(clear)
        if papers is not None:
            await papers.take(message)
        return Admission()
    if part.kind != PAGE:
        raise RemoteFault(
            "bundle_part_unknown",
            "a newer version of this program wrote a part that this one does not know; update this node's program, "
            "then read the bundle again",
        )
    page = unpack(read_frame(clear))
    if page.sender != manifest.sender:
        raise RemoteFault("wrong_sender", "a page of the bundle is from another device; have it written again")
    return await pen.admit(page)


def _flaw_of(fault: Malformed | RemoteFault, part: int, count: int = 1) -> Flaw:
    return Flaw(fault.code, fault.hint, part, count)


def _gap() -> RemoteFault:
    return RemoteFault(
        "bundle_gap",
        "an earlier bundle is missing: read all that were written before it, then this one again; if they are lost, "
        "carry an answer back and have a new one written",
    )


def _trailing() -> RemoteFault:
    return RemoteFault(
        "bundle_trailing", "bytes follow the bundle's last part and were left alone; the bundle itself was read"
    )


def _in_short(flaws: list[Flaw]) -> list[Flaw]:
    """The same trouble of parts in a row, told once."""
    short: list[Flaw] = []
    for flaw in flaws:
        last = short[-1] if short else None
        if last is not None and last.code == flaw.code and last.part + last.count == flaw.part:
            short[-1] = replace(last, count=last.count + 1)
        else:
            short.append(flaw)
    return short


class _Reader:
    """A bundle whose manifest has been believed."""

    def __init__(self, books: Books, data: bytes, open_part: Open) -> None:
        parts, self.end = split(data)
        self._open = open_part
        self.manifest, signed = read_manifest(open_part(parts[0]))
        self.sealed = parts[1:]
        self.missing = max(0, len(self.manifest.parts) - len(self.sealed))
        _check_address(books, self.manifest)
        has_chain = bool(self.sealed) and self.manifest.parts[:1] and self.manifest.parts[0].kind == CHAIN
        self.chain = _chain_of(self.clear(0)) if has_chain else []
        key = self._log_key(books)
        verifier = signing_key(self.manifest, key)
        signature = signed.find_signature(verifier)
        message = note.note_message(signed.text)
        if signature is None or not books.keyring.verify(key, message, signature):
            raise RemoteFault(
                "bundle_unsigned",
                "the bundle is not signed by the device it names; do not use it, and tell the administrator",
            )

    def clear(self, index: int) -> bytes:
        """Part `index` behind the manifest, opened and held against it."""
        clear = self._open(self.sealed[index])
        check_part(self.manifest.parts, index, clear)
        return clear

    def _log_key(self, books: Books) -> bytes:
        """The sender's log key: known here, or by the chain that comes with the bundle."""
        manifest = self.manifest
        keyring = books.keyring
        if keyring.is_revoked(manifest.sender):
            raise UnknownSender(
                "bundle_revoked_sender",
                "the device that wrote the bundle was revoked: nothing of it is taken in; the office above decides "
                "what becomes of its work",
            )
        if self.chain:
            keyring = admit_chain(keyring, books.seat.root, self.chain)
        device = keyring.find(manifest.sender)
        if device is None or device.office != manifest.sender_office:
            raise UnknownSender(
                "bundle_unknown_sender",
                "the device that wrote the bundle is not enrolled here, or not yet known here: let this node talk with "
                "the office above, or read its bundle first, then read this one again",
            )
        if second_path.find_link(books, manifest.sender) is None and not self.chain:
            raise _replaced()
        return device.keys.log


def _replaced() -> UnknownSender:
    return UnknownSender(
        "bundle_replaced_sender",
        "another device took the place of the one that wrote the bundle: have it written on the present one",
    )


def _check_address(books: Books, manifest: Manifest) -> None:
    seat = books.seat
    if not compare_digest(manifest.root, seat.root.digest):
        raise RemoteFault("bundle_other_county", "the bundle belongs to another county; take it there")
    if manifest.sender == seat.node:
        raise RemoteFault(
            "bundle_own", "this node wrote the bundle itself: it is for the office on its name, and is left as it is"
        )
    if manifest.receiver != seat.node:
        raise RemoteFault(
            "bundle_for_other",
            "the bundle is sealed for another device: carry it to the office on its name; or that device was replaced, "
            "then have it written again",
        )


def _chain_of(clear: bytes) -> list[Certificate]:
    chain = decode(clear, list[Certificate], limit=CHAIN_BYTES_MAX)
    if not 0 < len(chain) <= CHAIN_LENGTH_MAX:
        raise Malformed("malformed", "the sender's certificates are not a chain; have the bundle written again")
    return chain
