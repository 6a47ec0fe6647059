"""One conversation between a node and the node above: pages up, pages down, until nothing more waits on either side.

Knows a pen (the node's writer), a transport (bytes up, bytes down) and the link's numbers; never opens a socket, never
decides what a page holds, never acknowledges what is not committed. The child calls `converse`, the parent's server
calls `Responder.respond`; a page on a stick takes the same two doors. Sources: DESIGN 1.3, 4; RULINGS A3, A8, A9, A16.
Next: `sync.http` (a transport), `sync.courier` (when to talk), `sync.ledger` (what a page does).
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from schemas.codec import Malformed
from schemas.names import NodeId
from schemas.wire import KIND_BEACON, Certificate, Cursor, Lane, Line, Page, Preface, decode_head, is_line
from sync import recovery, second_path
from sync.books import Books
from sync.core.errors import Busy, Fault, GapFault, RemoteFault, UnknownSender
from sync.core.link import Link
from sync.frame import NO_DICTIONARY, best_dictionary, has_dictionary, pack, read_frame, unpack
from sync.ledger import Admission

T = TypeVar("T")

REORDER_PATIENCE_S = 5.0
"""How long a page waits for the one before it, which travels on another connection of the same window. A predecessor
that is not here by then was lost, and the sender is told the cursor."""

WAITING_PER_NODE_MAX = 8
"""Pages of one device at the door: twice the widest window. More is a fault or an attack: come back later."""

FRUITLESS_MAX = 4
"""Exchanges in a row that moved nothing in either direction, though something waits: then the courier backs off."""

REFUSED_HINTS = {
    "broken_chain": "the entries do not fit the signed tree: a copy was damaged on the way; it is asked for again",
    "bad_signature": "a checkpoint or an entry is not signed by its device's key; a good copy is asked for",
    "fork_suspected": "the entries contradict what is held here; run verify on the sending node, both copies are kept",
    "fork": "two different entries bear one number: run verify on the sending node; both are kept as evidence",
    "gap": "entries before these are missing here; they are asked for",
    "malformed": "a run of entries is not well formed; update the sending node's software",
    "unknown_origin": "the entries' device is not enrolled here yet; its enrolment is awaited, sync upward first. "
    "If that stays so after the office above got a new device, enrol again in the same folder with a new sheet: "
    "everything is kept, what former devices wrote as well",
    "unproved": "an entry outside its run needs a signature or a proof; update the sending node's software",
    "too_large": "an entry's body is larger than any node may write; update the sending node's software",
    "malformed_head": "an entry's head is not one; a good copy is asked for",
    "incomplete": "an entry came without its body; a good copy is asked for",
}
"""What an operator reads when a part of a page was consumed as refused (RULINGS A8)."""


class LineDown(Fault):
    """Nothing came back: no connection, cut, or silent for too long. Whether the page arrived is not known."""

    status = 503


class RunRefused(RemoteFault):
    """The page was taken in but for a part of it. Its numbers are consumed, so `cursors` stand behind it."""

    status = 422


class Pen(Protocol):
    """The node's one write path as a conversation uses it (`sync.writer.Writer`)."""

    @property
    def books(self) -> Books:
        """The state in memory; to be changed only through the methods below."""
        ...

    async def admit(self, page: Page) -> Admission:
        """Take in a page; returns when it is durable. Raises `Fault`."""
        ...

    async def page_for(self, neighbour: NodeId, *, receipts_due: bool = True) -> Page:
        """The next page toward a neighbour; everything it states is durable."""
        ...

    async def meet(self, chain: Sequence[Certificate]) -> None:
        """Take note of who answers above: perhaps the successor of the device we knew. Raises `RemoteFault`."""
        ...

    async def look(self, reading: Callable[[], T]) -> T:
        """Read the books between two transactions; what is seen is durable when this returns."""
        ...


class Transport(Protocol):
    """One line to the node above: HTTP, or a test's wire."""

    async def connect(self) -> NodeId:
        """Open a session if none is open. Returns who answers there. Raises `Fault`, `LineDown`."""
        ...

    async def exchange(self, frame: bytes) -> bytes:
        """Send one page and return the answering page. Raises the neighbour's refusal as a `Fault`, or `LineDown`."""
        ...

    def hang_up(self) -> None:
        """Give up whatever is under way: the next exchange begins with a fresh connection."""
        ...

    def break_off(self) -> None:
        """Give up whatever is under way; a connection that waits for the next exchange is sound, and is kept."""
        ...


class Tally(Struct):
    """What a conversation did: for the line page, the log and the tests."""

    pages: int = 0
    entries_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    refused: list[str] = []
    """Codes under which the other side consumed a part of a page as refused (RULINGS A8)."""


# --- the child's side ----------------------------------------------------------------------------------------------


async def converse(pen: Pen, transport: Transport) -> Tally:
    """Talk with the node above until nothing waits on either side. Opens the session first.

    Pages are packed with the dictionary that this release ships; a node above that has it not says so, and it is left
    out.

    Raises `LineDown` (try again later; the link has already halved its page), `Busy` (after `retry_after_s`) or the
    refusal of the other side. Whatever was exchanged before stays exchanged.
    """
    neighbour = await transport.connect()
    return await _Conversation(pen, neighbour, transport).run()


class _Conversation:
    """One call of `converse`."""

    def __init__(self, pen: Pen, neighbour: NodeId, transport: Transport) -> None:
        self.pen = pen
        self.neighbour = neighbour
        self.transport = transport
        self.dictionary = best_dictionary()
        self.tally = Tally(refused=[])
        self.window: deque[asyncio.Task[bytes]] = deque()
        self.more = False
        self.regrouping = False
        """Something was refused or lost: no new page before all pages under way are answered."""
        self.fruitless = 0

    @property
    def link(self) -> Link:
        """The link's numbers. Looked up each time: after a failed commit the books are read again."""
        link = self.pen.books.links.get(self.neighbour)
        if link is None:
            raise UnknownSender("unknown_neighbour", "no line to this device is known here; check the address above")
        return link

    async def run(self) -> Tally:
        self.link.in_flight.clear()  # Of an earlier conversation, if it broke off: nothing is under way now.
        try:
            await self._send_next()
            while self.window:
                await self._take_answer()
                while await self._may_send():
                    await self._send_next()
        except BaseException:
            await self._drop_window()
            raise
        return self.tally

    async def _may_send(self) -> bool:
        """Whether another page is worth while now: new numbers within the window, or anything once all are answered."""
        if self.regrouping:
            if self.window:
                return False
            self.link.in_flight.clear()
            self.regrouping = False
        link = self.link
        unsent = bool(link.unsent(Lane.EXCERPTS) or link.unsent(Lane.RUNS))
        if self.window:
            return unsent and len(self.window) < link.window
        if self.fruitless >= FRUITLESS_MAX:
            return False
        return unsent or self.more or await self.pen.look(self._question_waits)

    def _question_waits(self) -> bool:
        books = self.pen.books
        link = self.link
        return bool(
            link.unsettled
            or link.to_list
            or books.asked.get(self.neighbour)
            or recovery.wants_for(books, link)
            or second_path.pushes_wait(books, link)
        )

    async def _send_next(self) -> None:
        overlaps = bool(self.window)
        page = await self.pen.page_for(self.neighbour, receipts_due=not overlaps and not self.more)
        try:
            frame = pack(page, overlaps=overlaps, dictionary=self.dictionary)
        except Malformed:
            if not self._smaller():
                raise
            return await self._send_next()
        self.tally.bytes_sent += len(frame)
        self.window.append(asyncio.create_task(self.transport.exchange(frame)))
        return None

    async def _take_answer(self) -> None:
        """Answers are taken in the order of the questions: what came down is numbered in that order."""
        before = self._position()
        try:
            await self._admit(await self.window.popleft())
        except GapFault as gap:
            self.regrouping = True
            self._hear(gap.cursors)
        except RunRefused as refused:
            # Its numbers are consumed. What the lost answer would have brought comes with the next one.
            self.regrouping = self.more = True
            self.tally.refused.append(refused.code)
            self._hear(refused.cursors)
        except LineDown:
            self.link.exchange_failed()
            raise
        except Fault as fault:
            self._after_refusal(fault)
        self.fruitless = 0 if self._position() != before else self.fruitless + 1

    def _after_refusal(self, fault: Fault) -> None:
        """Refusals that a changed page can cure; everything else is raised."""
        if fault.code == "unknown_dictionary" and self.dictionary != NO_DICTIONARY:
            self.dictionary = NO_DICTIONARY
        elif fault.code != "too_large" or not self._smaller():
            raise fault
        self.regrouping = self.more = True

    async def _admit(self, answer: bytes) -> None:
        page = _read_answer(answer, self.neighbour)
        self.tally.pages += 1
        self.tally.bytes_received += len(answer)
        self.more = page.more
        try:
            admission = await self.pen.admit(page)
        except GapFault:
            # An earlier answer was lost. Our next page states the cursor, and overlaps nothing: it is sent again.
            self.regrouping = self.more = True
            return
        self.tally.entries_received += admission.admitted
        self.tally.refused += admission.codes
        self.link.exchange_succeeded()

    def _position(self) -> object:
        """Everything that moves when an exchange bears fruit."""
        link = self.link
        return (
            dict(link.acknowledged),
            dict(link.held),
            dict(link.given),
            sum(map(len, link.not_held.values())),
            (len(link.heard), len(link.to_list)),
            link.page_entries if self.more else 0,
            self.pen.books.arrival,
            self.dictionary,
        )

    def _hear(self, cursors: list[Cursor]) -> None:
        """A refusal's cursors. Whether they show a rollback is judged when a page states them (`recovery`)."""
        self.link.hear_cursors(cursors, set(), full=True)

    def _smaller(self) -> bool:
        """Halve the page. False when it is one entry already."""
        link = self.link
        can = link.page_entries > 1
        link.exchange_failed()
        return can

    async def _drop_window(self) -> None:
        """Wait for what is still under way and forget its answers; nothing is in flight afterwards."""
        tasks = list(self.window)
        self.window.clear()
        if tasks:
            self.transport.hang_up()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        link = self.pen.books.links.get(self.neighbour)
        if link is not None:
            link.in_flight.clear()


def _read_answer(data: bytes, neighbour: NodeId) -> Page:
    """The page in an answer. Raises `RemoteFault` when it is none or another device's."""
    try:
        page = unpack(read_frame(data))
    except Malformed as fault:
        raise RemoteFault(f"answer_{fault.code}", "the other side's answer is not a page; try again later") from fault
    if page.sender != neighbour:
        raise RemoteFault("wrong_sender", "another device answered than opened the session; check the address")
    return page


# --- the parent's side ---------------------------------------------------------------------------------------------


class Responder:
    """Answers the pages of the devices below. One per serving process, in front of the node's pen."""

    def __init__(self, pen: Pen, on_work: Callable[[], None] | None = None) -> None:
        """`on_work` is called when a page brought more than house-keeping: the courier upward wakes (RULINGS A9)."""
        self._pen = pen
        self._on_work = on_work
        self._turns: dict[NodeId, asyncio.Condition] = {}
        self._waiting: dict[NodeId, int] = {}

    async def respond(self, sender: NodeId, data: bytes) -> bytes:
        """Take in a page of `sender` (whose session was checked) and return the answering page, both as frames.

        Raises `Malformed` or `Fault`; `RunRefused` when a part was consumed as refused; `GapFault` when the page begins
        above the cursor. A page that raises anything but `RunRefused` changed nothing, unless it was taken and only the
        answer could not be made (a full queue, or too large): then it is sent again and is held.
        """
        frame = read_frame(data)
        preface = frame.preface
        if preface is None:
            raise Malformed("not_a_question", "this page is an answer; only the node below begins an exchange")
        if preface.sender != sender:
            raise RemoteFault(
                "wrong_sender", "the page is from another device than the session; open a session of its own"
            )
        if self._waiting.get(sender, 0) >= WAITING_PER_NODE_MAX:
            raise Busy("too_many_pages", "too many pages of this device are under way; wait", retry_after_s=5)
        self._waiting[sender] = self._waiting.get(sender, 0) + 1
        try:
            turn = self._turns.setdefault(sender, asyncio.Condition())
            async with turn:
                reply = await self._pen.look(lambda: self._answer_if_held(preface))
                if reply is None:
                    reply = await self._take(sender, unpack(frame), turn, overlaps=preface.overlaps)
                # Whoever packs with a dictionary can read it.
                words = frame.dictionary if has_dictionary(frame.dictionary) else NO_DICTIONARY
                return pack(reply, dictionary=words, answer=True)
        finally:
            self._waiting[sender] -= 1

    async def _take(self, sender: NodeId, page: Page, turn: asyncio.Condition, *, overlaps: bool) -> Page:
        if page.sender != sender:
            raise RemoteFault(
                "wrong_sender", "the page is from another device than the session; open a session of its own"
            )
        admission = await self._admit_in_order(page, turn, overlaps=overlaps)
        turn.notify_all()
        if admission.admitted and self._on_work is not None and _brings_work(page):
            self._on_work()
        if admission.codes:
            raise self._refused(sender, admission.codes[0])
        if not overlaps:
            # The sender had every answer when it made this page, and its cursors say what came with them.
            self._pen.books.links[sender].in_flight.clear()
        return await self._pen.page_for(sender, receipts_due=not page.more)

    def _refused(self, sender: NodeId, code: str) -> RunRefused:
        hint = REFUSED_HINTS.get(code, "a part of the page was refused; see the findings of the receiving node")
        return RunRefused(code, hint, cursors=self._pen.books.links[sender].cursors())

    async def _admit_in_order(self, page: Page, turn: asyncio.Condition, *, overlaps: bool) -> Admission:
        """Admit; a page of a window that overtook its predecessor waits for it a little."""
        while True:
            try:
                return await self._pen.admit(page)
            except GapFault:
                if not overlaps:
                    raise
            try:
                async with asyncio.timeout(REORDER_PATIENCE_S):
                    await turn.wait()
            except TimeoutError:
                overlaps = False

    def _answer_if_held(self, preface: Preface) -> Page | None:
        """The answer to a page that carries only what is held already, from its preface alone: nothing is unpacked.

        None when there is more to it. Downward nothing goes with it: such a page does not show the sender's cursors.
        """
        books = self._pen.books
        link = books.links.get(preface.sender)
        if (
            link is None
            or not preface.plain
            or not preface.ranges
            or link.epoch != preface.epoch
            or books.epoch is None
        ):
            return None
        # Asked without `Link.place`, which notes streams: nobody has checked these numbers.
        if any(
            first < 1 or count < 1 or first + count - 1 > link.held.get((lane, epoch), 0)
            for lane, epoch, first, count in preface.ranges
        ):
            return None
        if not preface.overlaps:
            # Sent again because its answer was lost, and what went with that answer waits here: `more` must say so.
            link.in_flight.clear()
        more = bool(link.unsent(Lane.EXCERPTS) or link.unsent(Lane.RUNS))
        return Page(
            sender=books.seat.node,
            receiver=link.neighbour,
            epoch=books.epoch,
            echo=link.epoch,
            cursors=link.cursors(),
            statement=0,
            seen=link.heard_statement,
            full=False,
            sizes=[],
            stretches=[],
            wants=[],
            answers=[],
            more=more,
            unsettled=sorted(link.unsettled),
        )


def _brings_work(page: Page) -> bool:
    """Whether anything but house-keeping stands in a page: `line.*` never causes an exchange (RULINGS A9)."""
    lines = (line for stretch in page.stretches for run in stretch.runs for line in run.lines)
    excerpts = (excerpt.line for stretch in page.stretches for excerpt in stretch.excerpts)
    return any(not is_line(_kind(line)) for line in itertools.chain(lines, excerpts))


def _kind(line: Line) -> str:
    try:
        return decode_head(line.head).kind
    except Malformed:
        return KIND_BEACON  # Refused where it was admitted: no work.
