"""One conversation over a line that loses answers, overtakes, refuses: what is said, how often, and when it ends."""

import asyncio

import pytest
from msgspec.structs import replace

from schemas.codec import Malformed
from schemas.names import Epoch, NodeId
from schemas.wire import Cursor, Lane, Page
from sync.core.errors import Busy, GapFault, RemoteFault
from sync.core.link import WINDOW_PAGES_MAX, Link
from sync.exchange import WAITING_PER_NODE_MAX, LineDown, Responder, RunRefused, converse
from sync.frame import LINE_DICTIONARY, NO_DICTIONARY, best_dictionary, pack, read_frame, unpack
from tests.support.line import DOWN, UP, DirectLine, Party, note, township_and_village


@pytest.fixture
async def parties() -> tuple[Party, Party]:
    return await township_and_village()


def link_up(parties: tuple[Party, Party]) -> Link:
    return parties[1].ledger.books.links[parties[0].node]


def arrived(party: Party, kind: str) -> list[bytes]:
    return [entry.body or b"" for entry in party.tables.arrivals if entry.kind == kind]


def bodies(count: int) -> list[bytes]:
    return [note(number).body or b"" for number in range(count)]


async def file(party: Party, count: int, *, kind: str = UP) -> None:
    await party.pen.write(*(note(number, kind=kind) for number in range(count)))


def pages_of(line: DirectLine) -> list[Page]:
    return [unpack(read_frame(frame)) for frame in line.frames]


async def test_one_round_trip_a_page_and_none_for_house_keeping(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 450)
    line = DirectLine(village, township)
    tally = await converse(village.pen, line)
    assert arrived(township, UP) == bodies(450)
    assert (len(line.frames), tally.pages) == (1, 1)


async def test_a_backlog_widens_the_window_to_four_pages(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 6000)
    line = DirectLine(village, township)
    await converse(village.pen, line)
    assert arrived(township, UP) == bodies(6000)
    assert line.under_way_max == WINDOW_PAGES_MAX
    sent = [stretch for page in pages_of(line) for stretch in page.stretches if stretch.lane == Lane.RUNS]
    assert sum(stretch.count for stretch in sent) == 6001  # With the epoch's opening; nothing is sent twice.


async def test_a_backlog_in_both_directions_at_once(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 3000)
    await file(township, 3000, kind=DOWN)
    line = DirectLine(village, township)
    await converse(village.pen, line)
    assert arrived(township, UP) == bodies(3000)
    assert arrived(village, DOWN) == bodies(3000)


async def test_a_lost_answer_costs_a_resend_and_halves_the_page(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 300)
    await file(township, 40, kind=DOWN)
    line = DirectLine(village, township)
    line.lose_answers = 1
    with pytest.raises(LineDown):
        await converse(village.pen, line)
    assert arrived(township, UP) == bodies(300)
    assert arrived(village, DOWN) == []
    assert link_up(parties).page_entries == 250
    assert not link_up(parties).in_flight

    await converse(village.pen, line)
    assert arrived(township, UP) == bodies(300)
    assert arrived(village, DOWN) == bodies(40)


async def test_what_went_with_a_lost_answer_comes_with_the_next_try(parties: tuple[Party, Party]) -> None:
    """The page is held, so it is answered unread; the decision that went with its first answer is not forgotten."""
    township, village = parties
    line = DirectLine(village, township)
    for count in (0, 1):
        await file(village, count)
        for _ in range(4):  # until neither side has anything to state
            await converse(village.pen, line)
    await file(village, 1)
    await file(township, 1, kind=DOWN)
    line.lose_answers = 1
    with pytest.raises(LineDown):
        await converse(village.pen, line)
    again = len(line.frames)
    await converse(village.pen, line)
    preface = read_frame(line.frames[again]).preface
    assert preface is not None
    assert preface.plain
    assert arrived(village, DOWN) == bodies(1)


async def test_every_answer_of_a_window_is_lost_once_and_everything_arrives(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 2500)
    await file(township, 900, kind=DOWN)
    line = DirectLine(village, township)
    for lost in range(12):
        line.lose_answers = 1 if lost % 2 else 0
        try:
            await converse(village.pen, line)
        except LineDown:
            continue
    assert arrived(township, UP) == bodies(2500)
    assert arrived(village, DOWN) == bodies(900)


async def test_a_page_that_overtakes_its_predecessor_waits_for_it(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 128)
    link = link_up(parties)
    link.page_entries = 64
    first = pack(await village.pen.page_for(township.node))
    second = pack(await village.pen.page_for(township.node), overlaps=True)
    responder = Responder(township.pen)
    early = asyncio.create_task(responder.respond(village.node, second))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not early.done()
    await responder.respond(village.node, first)
    await early
    assert len(arrived(township, UP)) == 127


async def test_a_page_whose_predecessor_never_comes_is_told_the_cursor(
    parties: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.exchange.REORDER_PATIENCE_S", 0.0)
    township, village = parties
    await file(village, 128)
    link_up(parties).page_entries = 64
    await village.pen.page_for(township.node)
    second = pack(await village.pen.page_for(township.node), overlaps=True)
    with pytest.raises(GapFault):
        await Responder(township.pen).respond(village.node, second)


async def test_a_gap_is_healed_by_the_cursor_in_the_refusal(parties: tuple[Party, Party]) -> None:
    """The township was restored from a backup of this morning; the village remembers this noon."""
    township, village = parties
    morning = township.store.copy()
    await file(village, 100)
    await converse(village.pen, DirectLine(village, township))
    township.tables = morning
    await township.start()
    await file(village, 10)

    await converse(village.pen, DirectLine(village, township))

    assert len(arrived(township, UP)) == 110
    assert township.ledger.books.tips[village.ledger.books.own] == village.ledger.books.tips[village.ledger.books.own]


async def test_a_refused_run_does_not_end_the_conversation(parties: tuple[Party, Party]) -> None:
    """RULINGS A8: its numbers are consumed, the line goes on; a good copy is had once the village repaired its own.

    Until then what lies behind the hole comes entry by entry, each with its own proof (RULINGS A7).
    """
    township, village = parties
    await file(village, 10)
    own = village.ledger.books.own
    good = village.tables.entries[own][3]
    village.tables.entries[own][3] = replace(good, body=b"damaged")
    line = DirectLine(village, township)
    tally = await converse(village.pen, line)
    assert "broken_chain" in tally.refused
    assert sorted(arrived(township, UP)) == sorted(body for body in bodies(10) if body != good.body)
    await file(township, 3, kind=DOWN)
    await converse(village.pen, line)
    assert arrived(village, DOWN) == bodies(3)

    village.tables.entries[own][3] = good
    await village.start()
    await converse(village.pen, DirectLine(village, township))
    assert sorted(arrived(township, UP)) == sorted(bodies(10))
    assert arrived(village, DOWN) == bodies(3)


class Refusing(DirectLine):
    """Refuses frames by a rule before anybody reads them."""

    def __init__(self, child: Party, parent: Party) -> None:
        super().__init__(child, parent)
        self.entries_max = 10_000
        self.knows_dictionary = True

    async def exchange(self, frame: bytes) -> bytes:
        page = unpack(read_frame(frame))
        if sum(stretch.count for stretch in page.stretches) > self.entries_max:
            raise RemoteFault("too_large", "smaller")
        if frame[4] != NO_DICTIONARY and not self.knows_dictionary:
            raise RemoteFault("unknown_dictionary", "without")
        return await super().exchange(frame)


async def test_a_receiver_with_smaller_limits_gets_smaller_pages(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 200)
    line = Refusing(village, township)
    line.entries_max = 40
    await converse(village.pen, line)
    assert len(arrived(township, UP)) == 200


async def test_a_receiver_that_takes_nothing_at_all_is_a_fault_not_a_loop(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 3)
    line = Refusing(village, township)
    line.entries_max = 0
    with pytest.raises(RemoteFault) as refused:
        await converse(village.pen, line)
    assert refused.value.code == "too_large"


async def test_a_receiver_without_our_dictionary_gets_pages_without_one(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 3)
    line = Refusing(village, township)
    line.knows_dictionary = False
    await converse(village.pen, line)
    assert arrived(township, UP) == bodies(3)
    assert {frame[4] for frame in line.frames} == {NO_DICTIONARY}


async def test_small_pages_use_the_dictionary_both_ways(parties: tuple[Party, Party]) -> None:
    township, village = parties
    assert best_dictionary() == LINE_DICTIONARY
    await file(village, 3)
    page = pack(await village.pen.page_for(township.node), dictionary=LINE_DICTIONARY)
    answer = await Responder(township.pen).respond(village.node, page)
    assert (page[4], answer[4]) == (LINE_DICTIONARY, LINE_DICTIONARY)


async def test_busy_is_for_the_courier(parties: tuple[Party, Party]) -> None:
    township, village = parties
    line = DirectLine(village, township)
    line.refuse_with = Busy("busy", "full", retry_after_s=30)
    with pytest.raises(Busy) as busy:
        await converse(village.pen, line)
    assert busy.value.retry_after_s == 30


async def test_one_device_cannot_occupy_the_door(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await file(village, 128)
    link_up(parties).page_entries = 64
    first = pack(await village.pen.page_for(township.node))
    second = pack(await village.pen.page_for(township.node), overlaps=True)
    responder = Responder(township.pen)
    waiting = [asyncio.create_task(responder.respond(village.node, second)) for _ in range(WAITING_PER_NODE_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await responder.respond(village.node, second)
    for task in waiting[1:]:
        task.cancel()
    await asyncio.gather(*waiting[1:], return_exceptions=True)
    await responder.respond(village.node, first)
    assert isinstance(await waiting[0], bytes)


async def test_a_line_that_answers_nonsense_ends_the_conversation(parties: tuple[Party, Party]) -> None:
    township, village = parties

    class Nonsense(DirectLine):
        async def exchange(self, frame: bytes) -> bytes:
            return b"<html>welcome to the hotel's network</html>"

    with pytest.raises(RemoteFault) as refused:
        await converse(village.pen, Nonsense(village, township))
    assert refused.value.code == "answer_not_a_frame"


async def test_a_conversation_that_moves_nothing_ends(parties: tuple[Party, Party]) -> None:
    """A parent that always says «more» but never gives anything: after a few exchanges the courier may back off."""
    township, village = parties

    class Promising(DirectLine):
        async def exchange(self, frame: bytes) -> bytes:
            page = unpack(read_frame(await super().exchange(frame)))
            return pack(replace(page, more=True))

    line = Promising(village, township)
    await asyncio.wait_for(converse(village.pen, line), 30)
    assert len(line.frames) < 12


async def test_the_courier_above_wakes_for_work_and_not_for_house_keeping(parties: tuple[Party, Party]) -> None:
    township, village = parties
    woken: list[int] = []
    line = DirectLine(village, township)
    line.responder = Responder(township.pen, on_work=lambda: woken.append(1))
    await converse(village.pen, line)  # The opening of the village's epoch travels: house-keeping.
    assert woken == []
    await file(village, 3)
    await converse(village.pen, line)
    assert woken == [1]


def test_a_refused_part_carries_the_cursor_behind_it() -> None:
    cursor = Cursor(1, Epoch(1, bytes(6)), 5)
    refused = RunRefused("broken_chain", "a copy is asked for", cursors=[cursor])
    assert refused.refusal().cursors == [cursor]
    assert refused.status == 422


async def test_a_page_of_another_device_than_the_session(parties: tuple[Party, Party]) -> None:
    township, village = parties
    page = pack(await village.pen.page_for(township.node))
    with pytest.raises(RemoteFault) as refused:
        await Responder(township.pen).respond(NodeId("a" * 16), page)
    assert refused.value.code == "wrong_sender"


async def test_nothing_larger_than_a_page_is_packed(parties: tuple[Party, Party]) -> None:
    page = await parties[1].pen.page_for(parties[0].node)
    with pytest.raises(Malformed):
        pack(replace(page, cursors=[Cursor(1, Epoch(1, bytes(6)), number) for number in range(400_000)]))
