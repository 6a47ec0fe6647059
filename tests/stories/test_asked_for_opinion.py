"""A department that is asked finds the case in its queue until it has answered, whatever happens to its node."""

from datetime import timedelta

from sqlalchemy import delete, func, select

from office.node import Node
from office.tables import asked, case_readers
from office.verifying import verify
from office.worklists import Queue
from schemas.casework.events import CaseReceived
from schemas.casework.roles import Role
from schemas.casework.values import Opinion
from schemas.names import CaseId, OfficeId, OfficerId
from tests.support.counties import COUNTY, TOWNSHIP, WINDOW, Person, agent, clerk, op
from tests.support.nodes import Network, Places

WINDOW_CLERK = Person(OfficerId(f"{WINDOW}/zhao"), WINDOW, frozenset({Role.CLERK}))


async def accepted(network: Network, number: int) -> CaseId:
    """A case that the township handles."""
    slip = await network.file(number, "NY01")
    await network.village.desk.offer_custody(agent(), slip.case, op(number + 1), to=TOWNSHIP)
    await network.settle()
    await network.township.desk.accept_custody(clerk(), slip.case, op(number + 2))
    return slip.case


async def ask(network: Network, case: CaseId, number: int, *, days: int) -> None:
    """The township asks the window."""
    due = network.township.today + timedelta(days=days)
    await network.township.desk.request_opinions(clerk(), case, op(number), to=[WINDOW], due=due)
    await network.settle()


async def queue_of(node: Node, office: OfficeId = WINDOW) -> list[CaseId]:
    """What the office is asked about, and the same number beside the queue."""
    page = await node.worklists.list_cases(office, Queue.ASKED)
    counts = await node.worklists.count(office)
    assert counts[Queue.ASKED] == page.total == len(page.rows)
    return [found.file.case for found in page.rows]


async def test_a_case_stands_in_the_queue_until_the_department_has_answered(places: Places) -> None:
    network = await Network.open(places)
    try:
        hub = network.hub
        late, soon = await accepted(network, 10), await accepted(network, 20)
        assert await queue_of(hub) == []
        await ask(network, late, 13, days=14)
        await ask(network, soon, 23, days=3)
        assert await queue_of(hub) == [soon, late], "the one that is due first"
        assert await queue_of(hub, COUNTY) == await queue_of(network.township, TOWNSHIP) == []
        await hub.desk.give_opinion(WINDOW_CLERK, soon, op(1), opinion=Opinion.OBJECTS, reason="占用林地")
        assert await queue_of(hub) == [late]
        await network.settle()
        await ask(network, soon, 24, days=3)
        assert await queue_of(hub) == [soon, late], "asked anew"
        await network.township.desk.withdraw_case(clerk(), late, op(14), reason="申请人自愿撤回")
        await network.settle()
        assert await queue_of(hub) == [soon], "nobody waits for an answer any more"
    finally:
        await network.close()


async def test_a_rebuild_restores_the_queue_and_verify_names_a_row_that_is_gone(places: Places) -> None:
    network = await Network.open(places)
    try:
        case = await accepted(network, 10)
        await ask(network, case, 13, days=6)
    finally:
        await network.close()
    hub = await Node.open(places.home(COUNTY), refold=True)
    try:
        assert await queue_of(hub) == [case]
        assert (await verify(hub)).faults == []
        async with hub.engines.write.begin() as connection:
            await connection.execute(delete(asked))
        (fault,) = (await verify(hub)).faults
        assert (fault.code, fault.where) == ("table_differs", f"case {case.hex()}")
        assert await queue_of(hub) == []
    finally:
        await hub.close()


async def test_a_request_that_came_just_before_the_end_is_received_after_the_next_start(places: Places) -> None:
    network = await Network.open(places)
    case, other = await accepted(network, 10), await accepted(network, 20)
    await ask(network, case, 13, days=6)
    await network.close()
    hub = await places.open(COUNTY)
    try:
        assert await hub.receiving.receive() == 1
        assert await hub.receiving.receive() == 0
        for one, count in ((case, 1), (other, 0)):
            found = await hub.worklists.get_case(COUNTY, one)
            receipts = found.file.contributed(CaseReceived.kind)
            assert [note.office for note in receipts] == [WINDOW] * count
        async with hub.engines.read.connect() as connection:
            assert await connection.scalar(select(func.count()).select_from(case_readers)) == 1
    finally:
        await hub.close()
