"""A village, its township and the county count the same days from the same entries; a new calendar moves them once."""

from collections.abc import AsyncGenerator
from datetime import date
from pathlib import Path

import pytest

from office.dues import Dues, day_from
from office.node import Node
from office.publishing import records_of
from office.seeds import load_calendar
from office.verifying import verify
from schemas.calendar import DueDay, YearStatus
from schemas.casework.clocks import Clock, ClockKind, StartEvent
from schemas.names import CaseId
from schemas.register import CalendarPublished
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, County, agent, clerk, leader, op, run
from tests.support.dated import at
from tests.support.nodes import Network, found_network

TIERS = (VILLAGE, TOWNSHIP, COUNTY)


def published(year: int, status: YearStatus, document: str, *rest: date) -> CalendarPublished:
    """A year of the county's calendar in which these days are free."""
    days = tuple((day.month * 100 + day.day, False) for day in rest)
    return CalendarPublished(op(year), COUNTY, leader().officer, year, status, document, days)


def test_over_the_year_s_end_all_three_tiers_agree_before_and_after_the_notice() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village, township = county[VILLAGE], county[TOWNSHIP]
    offices = [county[seat] for seat in TIERS]
    dues = {
        office.office: Dues(office.catalogue, lambda office=office: office.casebook.register.calendar(load_calendar()))
        for office in offices
    }

    def clocks(case: CaseId, today: date | None = None) -> list[Clock]:
        """As every tier counts them; they must not differ."""
        counted = [dues[office.office].clocks(office.case(case), today) for office in offices]
        assert counted[0] == counted[1] == counted[2]
        return list(counted[0])

    def promised(case: CaseId) -> DueDay | None:
        return next(clock.due for clock in clocks(case) if clock.kind is ClockKind.PROMISED)

    # Tuesday, 15 December: filed and passed on; the township's computer receives it, and its line is down for a while.
    county.at = at(date(2026, 12, 15))
    slip = village.file(operation=1, item="MZ06")
    run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    run(township.receiving.receive())
    county.settle()
    assert {clock.kind for clock in clocks(slip.case) if clock.is_running} == {ClockKind.ACCEPTANCE}

    # Nobody answers. On the sixth working day every tier says by itself that the case was accepted on the 15th …
    silent = clocks(slip.case, date(2026, 12, 23))
    assert [(clock.start, clock.start_event) for clock in silent if clock.kind is ClockKind.PROMISED] == [
        (date(2026, 12, 15), StartEvent.DEEMED)
    ]
    # … and so does the acceptance when it is written at last.
    county.at = at(date(2026, 12, 24))
    run(township.desk.accept_custody(clerk(), slip.case, op(3)))
    assert township.case(slip.case).course.deemed_on == date(2026, 12, 15)
    county.settle()
    assert promised(slip.case) == DueDay(date(2027, 1, 6), True), "assumed: the notice for 2027 is not here yet"

    # The notice comes; the village hears of it last.
    notice = published(
        2027, YearStatus.OFFICIAL, "国办发明电〔2026〕9号", date(2027, 1, 1), date(2027, 1, 4), date(2027, 1, 5)
    )
    county[COUNTY].publish(notice)
    before = [dues[seat].clocks(county[seat].case(slip.case)) for seat in (VILLAGE, COUNTY)]
    assert before[0] != before[1], "until its line is up the village still shows the assumed day"
    county.settle()
    assert promised(slip.case) == DueDay(date(2027, 1, 8), False)


@pytest.fixture
async def network(tmp_path: Path) -> AsyncGenerator[Network]:
    """Three nodes on disk."""
    network = await Network.open(await found_network(tmp_path))
    yield network
    await network.close()


async def test_a_local_day_of_rest_moves_the_stored_days_of_all_three_nodes_and_is_told_once(network: Network) -> None:
    nodes = (network.village, network.township, network.hub)
    slip = await network.file(item="MZ06")
    await network.village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP)
    await network.settle()
    await network.township.receiving.receive()
    await network.township.desk.accept_custody(clerk(), slip.case, op(3))
    await network.settle()
    await network.hub.accounts.add_officer("wang", "王", COUNTY, leader().roles, "three quiet herons")

    async def due(node: Node) -> int:
        listed = await node.worklists.list_cases(node.seat)
        found = node.dues.of(listed.rows[0].file).day
        assert found is not None
        return found

    for node in nodes:
        await node.reminders.tend()
    (before,) = {await due(node) for node in nodes}
    flood = published(day_from(before).year, YearStatus.LOCAL, "苍府发〔2026〕31号", day_from(before))
    assert await network.hub.publishing.publish(records_of(flood)) == 1
    await network.settle()
    for node in nodes:
        assert (await verify(node)).faults == [], "days that are still to be counted anew are no damage"
    for _ in range(2):
        for node in nodes:
            await node.reminders.tend()
    (after,) = {await due(node) for node in nodes}
    assert after > before
    for node in nodes:
        told = [one for one in await node.reminders.of_case(slip.case) if one.kind == "moved"]
        assert [(one.old_day, one.due_day, one.reason) for one in told] == [
            (day_from(before), day_from(after), "苍府发〔2026〕31号")
        ]
        assert (await verify(node)).faults == []
        await node.rebuild()
        await node.reminders.tend()
        assert told == [one for one in await node.reminders.of_case(slip.case) if one.kind == "moved"]
