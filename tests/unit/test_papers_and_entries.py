"""Papers come last: entries before the next piece, broken pieces, and a courier that loses nothing over them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from schemas.papers import PIECE_BYTES_MAX, PIECE_BYTES_MIN
from sync.core.errors import RemoteFault
from sync.courier import OVERTAKEN_S, PIECE_PATIENCE_S, Courier, Timetable
from sync.exchange import LineDown
from sync.papers import PapersUnsupported
from tests.support.line import DOWN, UP, DirectLine, Party, SeededJitter, VirtualTime, note, township_and_village
from tests.support.papers import Holder

PHOTOGRAPH_BYTES = 300_000


class ThinLine(DirectLine):
    """A line of so many bytes a second and half a second each way, in virtual time; `said` tells what went on it."""

    def __init__(self, child: Party, township: Holder, time: VirtualTime, rate_bytes_s: float = 8_000) -> None:
        super().__init__(child, township.party)
        self.said: list[str] = []
        self.messages: list[int] = []
        self.is_stuck = False
        self.refuse_papers_with: Exception | None = None
        self._time = time
        self._rate_bytes_s = rate_bytes_s
        self._papers = township.responder()
        self._sender = child.node

    async def exchange(self, frame: bytes) -> bytes:
        """See `Transport.exchange`."""
        self.said.append("page")
        await self._time.sleep(0.6 + len(frame) / self._rate_bytes_s)
        return await super().exchange(frame)

    async def exchange_papers(self, message: bytes) -> bytes:
        """See `PaperTransport.exchange_papers`."""
        self.said.append("piece")
        self.messages.append(len(message))
        if self.refuse_papers_with is not None:
            raise self.refuse_papers_with
        if self.down:
            raise LineDown("line_down", "the line is cut")
        await self._time.sleep(10**6 if self.is_stuck else 0.6 + len(message) / self._rate_bytes_s)
        answer = await self._papers.respond(self._sender, message)
        await self._time.sleep(len(answer) / self._rate_bytes_s)
        return answer


class Desk:
    """A village with a photograph to send, over a thin line, and its courier."""

    def __init__(self, township: Party, village: Party) -> None:
        self.time = VirtualTime()
        self.township, self.village = Holder(township, self.time), Holder(village, self.time)
        self.line = ThinLine(village, self.township, self.time)
        self.courier = Courier(
            village.pen,
            self.line,
            clock=village.clock,
            sleeper=self.time,
            jitter=SeededJitter(1),
            timetable=Timetable(),
            papers=self.village.line(self.line),
        )

    def photograph(self, seed: int = 1, size: int = PHOTOGRAPH_BYTES) -> bytes:
        """Taken in at the village and wanted at the township."""
        digest = self.village.take_in(seed, size)
        self.township.policy.want(size, digest)
        return digest

    async def file(self, number: int) -> None:
        """An act of work, as the desk records one."""
        await self.village.party.pen.write(note(number))
        self.courier.wake()

    def arrived(self) -> int:
        """How many notes the township holds."""
        return len([entry for entry in self.township.party.tables.arrivals if entry.kind == UP])


@asynccontextmanager
async def desk() -> AsyncGenerator[Desk]:
    place = Desk(*await township_and_village())
    running = asyncio.create_task(place.courier.run())
    try:
        yield place
    finally:
        place.courier.stop()
        await running


async def test_a_photograph_goes_up_after_the_entries_in_pieces_of_about_two_seconds() -> None:
    async with desk() as place:
        digest = place.photograph()
        await place.file(1)
        await place.time.pass_by(90)
        assert digest in place.township.shelf.whole
        assert place.line.said[0] == "page"
        assert set(place.line.said[1:]) == {"piece"}
        pieces = [size for size in place.line.messages if size > PIECE_BYTES_MIN]
        assert 15_000 < pieces[-2] < 18_000
        assert sum(place.line.messages) < 1.05 * PHOTOGRAPH_BYTES
        assert place.courier.state.conversations == 1


async def test_a_case_filed_while_a_photograph_goes_up_goes_before_the_next_piece() -> None:
    async with desk() as place:
        place.photograph()
        await place.time.pass_by(20)
        for number in range(30):
            del place.line.said[:]
            await place.file(number)
            await place.time.pass_by(6)
            assert place.arrived() == number + 1
            # One piece at most was under way; then the page, and after it the papers go on.
            assert place.line.said[0] == "page"
            assert "piece" in place.line.said
        await place.time.pass_by(120)
        assert len(place.township.shelf.whole) == 1


async def test_entries_go_by_a_piece_that_hangs_and_it_goes_on_anew() -> None:
    async with desk() as place:
        digest = place.photograph()
        await place.time.pass_by(10)
        place.line.is_stuck = True
        await place.time.pass_by(5)
        await place.file(1)
        place.line.is_stuck = False
        await place.time.pass_by(PIECE_PATIENCE_S + 2)
        assert place.arrived() == 1
        assert place.line.hung_up == 0
        await place.time.pass_by(OVERTAKEN_S)
        assert place.line.hung_up == 1
        assert place.courier.state.failures == 0
        await place.time.pass_by(120)
        assert digest in place.township.shelf.whole


async def test_what_the_township_decides_meanwhile_comes_before_the_next_piece() -> None:
    async with desk() as place:
        place.photograph()
        await place.time.pass_by(20)
        del place.line.said[:]
        await place.township.party.pen.write(note(1, kind=DOWN))
        await place.time.pass_by(8)
        assert [entry.body for entry in place.village.party.tables.arrivals if entry.kind == DOWN] == [note(1).body]
        assert "page" in place.line.said


async def test_house_keeping_alone_interrupts_no_photograph() -> None:
    async with desk() as place:
        place.photograph()
        await place.time.pass_by(20)
        del place.line.said[:]
        await place.township.party.revoke(place.township.party.certificate.enrolment.node, [])
        await place.time.pass_by(8)
        assert set(place.line.said) == {"piece"}


async def test_papers_that_fail_are_tried_again_and_cost_no_conversation() -> None:
    async with desk() as place:
        digest = place.photograph()
        await place.time.pass_by(10)
        place.line.refuse_papers_with = RemoteFault("busy", "later")
        await place.time.pass_by(60)
        assert place.courier.state.papers_code == "busy"
        assert place.courier.state.failures == 0
        talked = place.courier.state.conversations
        await place.file(1)
        await place.time.pass_by(3)
        assert place.arrived() == 1
        place.line.refuse_papers_with = None
        await place.time.pass_by(900)
        assert digest in place.township.shelf.whole
        assert place.courier.state.papers_code == ""
        assert place.courier.state.conversations == talked + 1


async def test_a_township_without_papers_is_no_failure_of_the_line() -> None:
    async with desk() as place:
        place.photograph()
        place.line.refuse_papers_with = PapersUnsupported()
        await place.file(1)
        await place.time.pass_by(60)
        assert place.courier.state.papers_unsupported
        assert (place.courier.state.failures, place.courier.state.code, place.courier.state.papers_code) == (0, "", "")
        assert place.line.said.count("piece") == 1
        place.line.refuse_papers_with = None
        await place.file(2)
        await place.time.pass_by(120)
        assert not place.courier.state.papers_unsupported
        assert len(place.township.shelf.whole) == 1


async def test_a_line_that_breaks_ends_the_papers_and_they_go_on_where_the_receiver_stands() -> None:
    async with desk() as place:
        digest = place.photograph()
        await place.time.pass_by(30)
        held = len(place.township.shelf.parts[digest])
        assert held > PIECE_BYTES_MAX // 2
        place.line.down = True
        await place.file(1)
        await place.time.pass_by(300)
        assert place.courier.state.code == "line_down"
        place.line.down = False
        del place.line.messages[:]
        await place.time.pass_by(1800)
        assert digest in place.township.shelf.whole
        assert sum(place.line.messages) < 1.05 * (PHOTOGRAPH_BYTES - held) + PIECE_BYTES_MAX


async def test_a_paper_that_somebody_above_waits_for_is_carried_without_a_conversation() -> None:
    async with desk() as place:
        place.village.policy.allowed[bytes(32)] = 1
        await place.time.pass_by(60)
        talked = place.courier.state.conversations
        digest = place.photograph(size=5_000)
        place.courier.wake_papers()
        await place.time.pass_by(10)
        assert digest in place.township.shelf.whole
        assert place.courier.state.conversations == talked


async def test_a_photograph_comes_down_to_the_village() -> None:
    async with desk() as place:
        digest = place.township.take_in(3, 60_000)
        place.village.policy.want(60_000, digest)
        await place.time.pass_by(60)
        assert digest in place.village.shelf.whole
        assert place.township.policy.whole_there == [digest]


async def test_a_node_that_knows_no_paper_says_nothing_about_papers() -> None:
    async with desk() as place:
        await place.file(1)
        await place.time.pass_by(60)
        assert place.line.said == ["page"]
