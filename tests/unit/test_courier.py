"""When the courier talks: at once for work, by the timetable, with jitter after failures, never for house-keeping."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from sync.core.errors import Busy, LocalFault, RemoteFault
from sync.courier import Courier, Timetable
from sync.exchange import LineDown
from tests.support.line import UP, DirectLine, Party, SeededJitter, VirtualTime, note, township_and_village

HOUR_S = 3600.0
CUT = LineDown("line_down", "the line is cut")
REVOKED = RemoteFault("revoked_device", "this device was revoked")


class Desk:
    """A village with a courier, and the time in which it works."""

    def __init__(self, township: Party, village: Party, timetable: Timetable, seed: int = 1) -> None:
        self.township = township
        self.village = village
        self.time = VirtualTime()
        self.jitter = SeededJitter(seed)
        self.line = DirectLine(village, township)
        self.courier = Courier(
            village.pen,
            self.line,
            clock=village.clock,
            sleeper=self.time,
            jitter=self.jitter,
            timetable=timetable,
        )

    async def file(self, number: int) -> None:
        """An act of work, as the desk records one."""
        await self.village.pen.write(note(number))
        self.courier.wake()

    def arrived(self) -> int:
        """How many notes the township holds."""
        return len([entry for entry in self.township.tables.arrivals if entry.kind == UP])


@asynccontextmanager
async def desk(timetable: Timetable | None = None) -> AsyncGenerator[Desk]:
    township, village = await township_and_village()
    place = Desk(township, village, timetable or Timetable())
    running = asyncio.create_task(place.courier.run())
    try:
        yield place
    finally:
        place.courier.stop()
        await running


async def test_the_first_conversation_begins_within_the_spread_and_the_next_by_the_timetable() -> None:
    async with desk() as place:
        await place.time.pass_by(5)
        assert place.courier.state.conversations == 1
        await place.time.pass_by(HOUR_S / 2 - 6)
        assert place.courier.state.conversations == 1
        await place.time.pass_by(HOUR_S / 2 + 6)
        assert place.courier.state.conversations in (2, 3)


async def test_why_a_line_fails_is_logged_once_until_the_reason_changes(caplog: pytest.LogCaptureFixture) -> None:
    async with desk() as place:
        for fault in (CUT, CUT, REVOKED, REVOKED, CUT, None, CUT):
            place.line.refuse_with = fault
            place.courier.talk_now()
            await place.time.settle()
        told = [record.getMessage() for record in caplog.records if record.name == "tongban.courier"]
    assert [text.split("'")[1] for text in told] == ["line_down", "revoked_device", "line_down", "line_down"]


async def test_new_work_goes_at_once() -> None:
    async with desk() as place:
        await place.time.pass_by(5)
        await place.file(1)
        await place.time.settle()
        assert place.arrived() == 1


async def test_house_keeping_alone_never_causes_a_conversation() -> None:
    async with desk() as place:
        await place.time.pass_by(5)
        # A receipt is written for what came down; nobody wakes the courier for it.
        await place.village.ledger.page_for(place.township.node)
        before = place.courier.state.conversations
        await place.time.pass_by(60)
        assert place.courier.state.conversations == before


async def test_it_talks_at_least_daily_whatever_the_timetable_says() -> None:
    async with desk(Timetable(every_s=30 * 86_400)) as place:
        await place.time.pass_by(5)
        await place.time.pass_by(86_400)
        assert place.courier.state.conversations >= 2


async def test_while_the_line_is_down_waits_grow_to_their_ceiling_and_work_does_not_hammer() -> None:
    async with desk() as place:
        place.line.down = True
        await place.time.pass_by(4 * HOUR_S)
        ceilings = [ceiling for ceiling in place.jitter.ceilings_s[1:] if ceiling]
        assert ceilings[:4] == [2, 4, 8, 16]
        assert max(ceilings) == 900
        failures = place.courier.state.failures
        for number in range(50):
            await place.file(number)
        await place.time.settle()
        assert place.courier.state.failures == failures
        assert place.courier.state.code == "line_down"
        assert place.arrived() == 0

        place.line.down = False
        await place.time.pass_by(900)
        assert place.arrived() == 50
        assert place.courier.state.code == ""


async def test_a_person_who_asks_does_not_wait() -> None:
    async with desk() as place:
        place.line.down = True
        await place.time.pass_by(HOUR_S)
        place.line.down = False
        await place.file(1)
        place.courier.talk_now()
        await place.time.settle()
        assert place.arrived() == 1


async def test_a_stranger_at_the_door_is_asked_about_at_once_but_only_once_a_minute() -> None:
    async with desk() as place:
        await place.time.pass_by(5)
        talked = place.courier.state.conversations
        for second in range(59):
            for _ in range(100):
                place.courier.inquire()
            await place.time.pass_by(1)
            assert place.courier.state.conversations == talked + 1, second
        await place.time.pass_by(1)
        place.courier.inquire()
        await place.time.settle()
        assert place.courier.state.conversations == talked + 2


async def test_strangers_hammer_no_line_that_is_down_and_leave_room_for_work() -> None:
    async with desk() as place:
        place.line.down = True
        await place.time.pass_by(HOUR_S)
        failures = place.courier.state.failures
        place.courier.inquire()
        await place.time.settle()
        assert place.courier.state.failures == failures

        place.line.down = False
        await place.time.pass_by(900)
        for minute in range(120):
            place.courier.inquire()
            await place.time.pass_by(61)
            await place.file(minute)
            await place.time.settle()
            assert place.arrived() == minute + 1


async def test_whoever_asks_is_told_how_that_conversation_ended() -> None:
    async with desk() as place:
        await place.time.pass_by(5)
        await place.village.pen.write(note(1))
        tally = await place.courier.talk()
        assert tally.pages >= 1
        assert place.arrived() == 1

        place.line.down = True
        with pytest.raises(LineDown):
            await place.courier.talk()
        # One who goes away while waiting leaves the others and the courier alone.
        gone, stays = (asyncio.create_task(place.courier.talk()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(LineDown):
            await stays
        late = asyncio.create_task(place.courier.talk())
        await asyncio.sleep(0)
        place.courier.stop()
        with pytest.raises(LocalFault, match="stopping"):
            await late


async def test_whoever_is_told_to_come_back_later_comes_then_or_later() -> None:
    async with desk() as place:
        place.line.refuse_with = Busy("busy", "full", retry_after_s=120)
        await place.time.pass_by(5)
        tried = len(place.line.frames)
        await place.time.pass_by(110)
        assert len(place.line.frames) == tried
        place.line.refuse_with = None
        await place.time.pass_by(140)
        assert place.courier.state.conversations >= 1


@pytest.mark.parametrize("told_s", [10**9, 10**400, -(10**9)], ids=["long", "absurd", "negative"])
async def test_no_answer_silences_a_village_for_longer_than_a_line_that_is_down(told_s: int) -> None:
    """Nobody has proved who he is when a session begins: a captive portal answers as well."""
    async with desk() as place:
        place.line.refuse_with = Busy("busy", "full", retry_after_s=told_s)
        await place.time.pass_by(HOUR_S)
        place.line.refuse_with = None
        assert len(place.line.frames) < 20
        await place.file(1)
        await place.time.pass_by(2 * 900)
        assert place.arrived() == 1


async def test_a_busy_office_stays_within_its_budget_and_nothing_stays_behind() -> None:
    async with desk(Timetable(burst=5, budget_per_hour=60)) as place:
        await place.time.pass_by(5)
        for number in range(600):
            await place.file(number)
            await place.time.pass_by(1)
        assert place.courier.state.conversations <= 5 + 60 * 606 / HOUR_S + 2
        await place.time.pass_by(61)
        assert place.arrived() == 600


async def test_work_that_comes_during_a_conversation_is_sent_after_it() -> None:
    async with desk() as place:
        await place.time.pass_by(5)
        await place.file(1)
        await asyncio.sleep(0)
        await place.file(2)
        await place.time.settle()
        assert place.arrived() == 2


async def test_stop_is_clean_in_the_middle_of_a_wait_and_of_a_conversation() -> None:
    async with desk() as place:
        await place.time.pass_by(5)
    assert place.line.hung_up

    async with desk() as place:
        await place.time.pass_by(5)
        await place.file(1)
        while not place.line.under_way:
            await asyncio.sleep(0)
    assert place.line.under_way == 0
    assert not place.courier.state.talking


async def test_our_own_defect_does_not_end_all_talking(caplog: pytest.LogCaptureFixture) -> None:
    async with desk() as place:

        def broken(_: object) -> None:
            raise ZeroDivisionError("王秀英")

        place.village.store.before_commit = broken
        await place.time.pass_by(5)
        assert place.courier.state.code == "own_fault"
        assert "王秀英" not in caplog.text
        place.village.store.before_commit = None
        await place.time.pass_by(60)
        assert place.courier.state.code == ""
