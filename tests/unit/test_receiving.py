"""What a node writes by itself when a case is offered to it: once, where the law counts from, and never twice."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from office.receiving import AT_ONCE_MAX, BACKLOG_ENTRIES, BY_ITSELF, PAUSE_S, PAUSES_MAX, Receiving
from schemas.casework.casefile import Contributed
from schemas.casework.events import CaseReceived, decode_event
from schemas.names import CaseId, OfficeId
from sync.core.errors import LocalFault
from sync.ledger import Drafting, Ledger
from sync.ports import Stored
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, WINDOW, County, agent, clerk, op, run
from tests.support.nodes import Network, found_network


def offered(county: County, count: int = 1) -> list[CaseId]:
    """Cases that the village has offered to the township."""
    village = county[VILLAGE]
    cases: list[CaseId] = []
    for number in range(count):
        case = village.file(operation=10 * number + 1, item="NY01").case
        run(village.desk.offer_custody(agent(), case, op(10 * number + 2), to=TOWNSHIP))
        cases.append(case)
    county.settle()
    return cases


def received(county: County, case: CaseId, office: OfficeId = TOWNSHIP) -> tuple[Contributed, ...]:
    return county[office].case(case).contributed(CaseReceived.kind)


def test_an_offer_is_received_once_and_everybody_knows_since_when() -> None:
    county = County(TOWNSHIP, VILLAGE)
    (case,) = offered(county)
    assert received(county, case) == ()
    assert run(county[TOWNSHIP].receiving.receive()) == 1
    county.settle()
    (note,) = received(county, case)
    for office in (COUNTY, TOWNSHIP, VILLAGE):
        assert received(county, case, office) == (note,)
        assert county[office].case(case).received_at == note.at
    entry = next(one for one in run(county[TOWNSHIP].store.entries_about([case])) if one.hash == note.hash)
    event = decode_event(entry.kind, entry.body or b"")
    assert (event.office, event.officer) == (TOWNSHIP, f"{TOWNSHIP}/{BY_ITSELF}")
    county.settle()
    assert run(county[TOWNSHIP].receiving.receive()) == 0


def test_many_offers_are_received_in_few_transactions() -> None:
    county = County(TOWNSHIP, VILLAGE)
    cases = offered(county, AT_ONCE_MAX + 3)
    assert run(county[TOWNSHIP].receiving.receive()) == len(cases)
    assert all(len(received(county, case)) == 1 for case in cases)


def test_a_window_receives_what_is_offered_to_it_at_its_seat() -> None:
    county = County(TOWNSHIP, VILLAGE)
    (case,) = offered(county)
    run(county[TOWNSHIP].desk.accept_custody(clerk(), case, op(3)))
    run(county[TOWNSHIP].desk.offer_custody(clerk(), case, op(4), to=WINDOW))
    county.settle()
    # Accepted before anybody could write it down: nothing is received afterwards.
    assert run(county[TOWNSHIP].receiving.receive()) == 0
    assert run(county[COUNTY].receiving.receive()) == 1
    assert [note.office for note in received(county, case, COUNTY)] == [WINDOW]


def test_every_window_that_is_asked_says_that_it_has_the_request() -> None:
    county = County(TOWNSHIP, VILLAGE)
    (case,) = offered(county)
    township, hub = county[TOWNSHIP], county[COUNTY]
    run(township.receiving.receive())
    since = township.case(case).received_at
    run(township.desk.accept_custody(clerk(), case, op(3)))
    run(township.desk.request_opinions(clerk(), case, op(4), to=[WINDOW, COUNTY], due=date(2026, 3, 20)))
    assert township.case(case).asked_at(WINDOW) is None
    county.settle()
    assert run(hub.receiving.receive()) == 2
    county.settle()
    assert run(hub.receiving.receive()) == run(township.receiving.receive()) == 0
    for office in (COUNTY, TOWNSHIP, VILLAGE):
        file = county[office].case(case)
        assert file.asked_at(WINDOW) is not None
        assert file.asked_at(COUNTY) is not None
        assert file.received_at == since, "a department's receipt says nothing about the acceptance"
    run(township.desk.request_opinions(clerk(), case, op(5), to=[WINDOW], due=date(2026, 3, 24)))
    county.settle()
    run(hub.receiving.receive())
    assert len([note for note in received(county, case, COUNTY) if note.office == WINDOW]) == 2, "asked anew"


def test_a_village_receives_nothing_and_a_result_is_not_received() -> None:
    county = County(TOWNSHIP, VILLAGE)
    (case,) = offered(county)
    township = county[TOWNSHIP]
    run(township.desk.accept_custody(clerk(), case, op(3)))
    run(township.desk.offer_custody(clerk(), case, op(4), to=VILLAGE, note="补充情况"))
    county.settle()
    assert run(county[VILLAGE].receiving.receive()) == 0
    run(county[VILLAGE].desk.decline_custody(agent(), case, op(5), reason="材料已齐"))
    county.settle()
    assert run(township.receiving.receive()) == 0


def test_a_second_offer_is_received_again() -> None:
    county = County(TOWNSHIP, VILLAGE)
    (case,) = offered(county)
    township = county[TOWNSHIP]
    run(township.receiving.receive())
    run(township.desk.decline_custody(clerk(), case, op(3), reason="应由他镇受理"))
    county.settle()
    run(county[VILLAGE].desk.offer_custody(agent(), case, op(5), to=TOWNSHIP))
    county.settle()
    assert run(township.receiving.receive()) == 1
    assert [note.turn for note in received(county, case)] == [2, 4]


def test_a_restored_node_that_writes_it_again_adds_nothing() -> None:
    county = County(TOWNSHIP, VILLAGE)
    (case,) = offered(county)
    township = county[TOWNSHIP]
    backup = township.back_up()
    run(township.receiving.receive())
    county.settle()
    first = received(county, case, COUNTY)
    township.start(*backup, restored=True)
    # Somebody touches the case before the neighbours have given this node its own work back.
    run(township.desk.add_remark(clerk(), case, op(9), text="数据恢复中"))
    assert run(township.receiving.receive()) == 1
    county.settle()
    for office in (COUNTY, TOWNSHIP, VILLAGE):
        assert received(county, case, office) == first


class FullDisk:
    """The node's pen on a disk that is full until somebody makes room."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.is_full = True

    async def record(self, drafting: Drafting) -> list[Stored]:
        if self.is_full:
            raise LocalFault("store_full", "free some room")
        return await self.ledger.record(drafting)


def test_what_could_not_be_written_waits() -> None:
    county = County(TOWNSHIP, VILLAGE)
    township = county[TOWNSHIP]
    pen = FullDisk(township.ledger)
    receiving = Receiving(pen, township.casebook, TOWNSHIP)
    (case,) = offered(county)
    for _ in range(2):
        with pytest.raises(LocalFault, match="store_full"):
            run(receiving.receive())
        run(receiving.wait())
    pen.is_full = False
    assert run(receiving.receive()) == 1
    assert len(received(county, case)) == 1


class BusyPen:
    """The node's pen with others behind it: `meanwhile` happens once, before whoever wrote first hears of it."""

    def __init__(self, ledger: Ledger, meanwhile: Callable[[], None]) -> None:
        self.ledger = ledger
        self.meanwhile = [meanwhile]

    async def record(self, drafting: Drafting) -> list[Stored]:
        written = await self.ledger.record(drafting)
        while self.meanwhile:
            self.meanwhile.pop()()
        return written


def test_an_offer_that_comes_while_another_one_is_being_received_is_not_forgotten() -> None:
    county = County(TOWNSHIP, VILLAGE)
    township, village = county[TOWNSHIP], county[VILLAGE]

    def offered_again() -> None:
        run(township.desk.decline_custody(clerk(), case, op(3), reason="应由他镇受理"))
        county.settle()
        run(village.desk.offer_custody(agent(), case, op(5), to=TOWNSHIP))
        county.settle()

    receiving = Receiving(BusyPen(township.ledger, offered_again), township.casebook, TOWNSHIP)
    (case,) = offered(county)
    assert run(receiving.receive()) == 2
    assert [note.turn for note in received(county, case)] == [2, 4]


@pytest.mark.parametrize(
    ("offered", "pauses"),
    [
        ([0], 0),
        ([BACKLOG_ENTRIES - 1], 0),  # what a village brings on an ordinary day waits for nothing
        ([500, 1000, 1600, 1601], 3),
        ([500 * number for number in range(1, 200)], PAUSES_MAX),  # however long it lasts
    ],
)
def test_receipts_wait_until_a_backlog_is_in_but_no_longer_than_a_minute(offered: list[int], pauses: int) -> None:
    county = County(TOWNSHIP, VILLAGE)
    receiving = Receiving(county[TOWNSHIP].ledger, county[TOWNSHIP].casebook, TOWNSHIP)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    counts = iter(offered)
    run(receiving.let_pass(lambda: next(counts), sleep))
    assert slept == [PAUSE_S] * pauses


async def test_what_came_just_before_the_end_is_received_after_the_next_start(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    slip = await network.file()
    await network.village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP)
    await network.settle()
    await network.close()
    township = await places.open(TOWNSHIP)
    try:
        assert await township.receiving.receive() == 1
        assert await township.receiving.receive() == 0
        found = await township.worklists.get_case(TOWNSHIP, slip.case)
        assert len(found.file.contributed(CaseReceived.kind)) == 1
    finally:
        await township.close()
    again = await places.open(TOWNSHIP)
    try:
        assert await again.receiving.receive() == 0
    finally:
        await again.close()
