"""What years of starts cost at each further one: older journals stand in one digest, and are listed if it differs."""

import pytest
from msgspec.structs import replace

from schemas.names import Epoch, JournalId, OfficeId
from schemas.wire import Page, Want
from sync import recovery
from sync.core.link import RECENT_EPOCHS
from sync.exchange import converse
from sync.frame import encode_page, pack, read_frame, unpack
from tests.support.line import UP, DirectLine, note, township_and_village
from tests.support.network import COUNTY, SECOND_VILLAGE, TOWNSHIP, VILLAGE, Network, Node

MANY = RECENT_EPOCHS + 4


@pytest.fixture
def network() -> Network:
    return Network(TOWNSHIP, VILLAGE)


def work(network: Network, node: Node, starts: int = MANY) -> None:
    """A device starts so many times, and files one matter each."""
    above = network.parent_of(node)
    assert above is not None
    for number in range(starts):
        node.start()
        node.write(f"start {number}".encode())
        network.talk(node, above)


def first_pages(child: Node, above: Node) -> tuple[Page, Page]:
    """What both say first in a new start of the child."""
    child.start()
    above.start()
    up = child.page(above)
    above.admit(up)
    down = above.page(child)
    child.admit(down)
    return up, down


# --- in step ---------------------------------------------------------------------------------------------------------


def test_older_journals_are_stated_in_one_digest_and_heard_as_if_they_were_listed(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    work(network, village)
    up, down = first_pages(village, township)
    for page in (up, down):
        assert [settled.origin for settled in page.settled] == [village.id]
        assert sum(size.origin == village.id for size in page.sizes) == RECENT_EPOCHS
    held = {journal: tip.size for journal, tip in village.books.tips.items() if journal.origin == village.id}
    for link in (village.link(township), township.link(village)):
        assert link.heard_fully
        assert not link.unsettled
        heard = {journal: size for journal, size in link.heard.items() if journal.origin == village.id}
        assert heard == {journal: size for journal, size in held.items() if journal in heard}
        assert len(heard) >= MANY


def test_nobody_has_anything_to_list_where_all_are_in_step(network: Network) -> None:
    for _ in range(MANY):
        for node in network.nodes.values():
            node.start()
            node.write(b"work")
        network.settle_all()
    for child, above in ((VILLAGE, TOWNSHIP), (TOWNSHIP, COUNTY)):
        pages = first_pages(network[child], network[above])
        assert all(page.settled for page in pages)
        assert not any(page.unsettled for page in pages)
        assert not network[child].link(network[above]).unsettled


def test_of_the_office_above_single_entries_are_held_so_its_journals_are_listed(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    for _ in range(MANY):
        township.start()
        network.talk(village, township)
    for page in first_pages(village, township):
        assert township.id not in {settled.origin for settled in page.settled}
        assert sum(size.origin == township.id for size in page.sizes) >= MANY


def test_ten_years_of_forty_villages_are_stated_in_four_kibibytes() -> None:
    """One start every working day; 2,500 journals of each device, of which all but the newest are settled."""
    villages = [OfficeId(f"{TOWNSHIP}{number}") for number in range(201, 241)]
    network = Network(TOWNSHIP, *villages)
    township, county = network[TOWNSHIP], network[COUNTY]
    for node in [township, *map(network.__getitem__, villages)]:
        for number in range(100, 150):  # as many as 2,500 would state: the others stand behind the digest
            journal = JournalId(node.id, Epoch(number, network.random.randbytes(6)))
            for holder in (township, county):
                holder.books.journal_state(journal).size = network.random.randrange(1, 50)
                holder.books.touch(journal)
    county.link(township).seen_by_neighbour = 0
    page = replace(county.page(township), stretches=[], cursors=[])
    assert page.full
    assert len(page.settled) == len(villages) + 1
    assert len(pack(page)) < 4096


def test_a_page_that_has_nothing_to_say_about_it_has_no_such_fields(network: Network) -> None:
    page = network[VILLAGE].page(network[TOWNSHIP])
    assert encode_page(page)[0] == 0x9D  # thirteen fields
    assert unpack(read_frame(pack(page))) == page


# --- not in step -----------------------------------------------------------------------------------------------------


def test_where_a_digest_does_not_fit_nothing_is_concluded_before_the_list_came(network: Network) -> None:
    """A village restored from an old backup, which it knows: whatever it forgot lies behind the digest."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    old = village.store.copy()
    work(network, village)
    village.start(old, restored=True)
    township.admit(village.page(township))
    down = township.page(village)
    village.admit(down)
    link = village.link(township)
    assert link.unsettled == {village.id}
    assert (link.heard_fully, link.heard_statement, link.quarantined) == (False, 0, True)

    asking = village.page(township)
    assert asking.unsettled == [village.id]
    township.admit(asking)
    listing = township.page(village)
    assert listing.full
    assert not listing.settled
    village.admit(listing)
    assert link.heard_fully
    network.talk(village, township)
    assert sorted(village.bodies()) == sorted(f"start {number}".encode() for number in range(MANY))
    assert not link.quarantined
    assert not village.page(township).unsettled


def test_even_if_nothing_recent_is_missing_the_quarantine_waits_for_the_list(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    work(network, village)
    oldest = min(journal for journal in township.books.journals if journal.origin == village.id)
    village.start(restored=True)
    township.books.journal_state(oldest).size += 1
    township.admit(village.page(township))
    village.admit(township.page(village))
    assert village.link(township).unsettled == {village.id}
    assert village.link(township).quarantined


def test_a_list_that_was_lost_is_made_again(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    old = village.store.copy()
    work(network, village)
    village.start(old, restored=True)
    for _ in range(3):
        township.admit(village.page(township))
        down = township.page(village)
        assert down.full
        if village.link(township).unsettled:
            continue  # the line took it
        village.admit(down)
    network.talk(village, township)
    assert len(village.bodies()) == MANY


def test_long_lists_are_cut_over_several_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A township restored after years would be told about all its villages at once, and a page has a limit."""
    monkeypatch.setattr("sync.stating.LISTED_MAX", 1)
    network = Network(TOWNSHIP, VILLAGE, SECOND_VILLAGE)
    township, county = network[TOWNSHIP], network[COUNTY]
    old = township.store.copy()
    for village in (network[VILLAGE], network[SECOND_VILLAGE]):
        work(network, village)
    network.settle_all()
    township.start(old, restored=True)
    link = township.link(county)
    county.admit(township.page(county))
    township.admit(county.page(township))
    assert link.unsettled == {network[VILLAGE].id, network[SECOND_VILLAGE].id}
    for left in (1, 0):
        county.admit(replace(township.page(county), wants=[]))
        township.admit(county.page(township))
        assert len(link.unsettled) == left
    assert link.heard_fully
    behind = {journal for journal, size in link.heard.items() if recovery.extent(township.books, journal) < size}
    assert len(behind) > 2 * RECENT_EPOCHS
    assert behind <= link.news
    network.talk(township, county)
    assert len(township.bodies()) == 2 * MANY


def test_a_late_page_with_another_digest_costs_a_list_and_nothing_else(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    work(network, village)
    village.start()
    early = village.page(township)
    network.talk(village, township)
    wrong = replace(early.settled[0], digest=bytes(16))
    township.admit(replace(early, settled=[wrong]))
    assert township.link(village).unsettled == {village.id}
    network.talk(village, township)
    assert not township.link(village).unsettled
    assert township.link(village).heard_fully


def test_a_want_waits_until_the_asker_has_listed_what_it_holds(network: Network) -> None:
    """How far it holds the journal decides whether it can use a run."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    work(network, village)
    village.start()
    page = village.page(township)
    oldest = min(journal for journal in village.books.journals if journal.origin == village.id)
    wrong = replace(page.settled[0], digest=bytes(16))
    want = Want(oldest.origin, oldest.epoch, 0, 1)
    township.admit(replace(page, settled=[wrong], wants=[want]))
    assert township.page(village).answers == []
    village.link(township).to_list.add(village.id)
    again = village.page(township)
    assert again.full
    township.admit(replace(again, wants=[want]))
    assert [answer.want for answer in township.page(village).answers] == [want]


# --- conversations ---------------------------------------------------------------------------------------------------


async def test_a_conversation_goes_on_by_itself_until_everything_is_listed() -> None:
    township, village = await township_and_village()
    await converse(village.pen, DirectLine(village, township))
    old = village.store.copy()
    for number in range(MANY):
        await village.start()
        await village.pen.write(note(number))
        await converse(village.pen, DirectLine(village, township))
    village.tables = old
    await village.start()
    await converse(village.pen, DirectLine(village, township))
    assert len([entry for entry in village.tables.arrivals if entry.kind == UP]) == MANY


async def test_the_node_above_is_told_at_once_what_it_asked_to_be_listed() -> None:
    """It was restored, so the digest of the village's journals is not its own."""
    township, village = await township_and_village()
    await converse(village.pen, DirectLine(village, township))
    old = township.store.copy()
    for number in range(MANY):
        await village.start()
        await village.pen.write(note(number))
        await converse(village.pen, DirectLine(village, township))
    township.tables = old
    await township.start()
    await village.start()
    line = DirectLine(village, township)
    await converse(village.pen, line)
    assert township.ledger.books.links[village.node].heard_fully
    pages = [unpack(read_frame(frame)) for frame in line.frames]
    assert any(page.full and not page.settled for page in pages)


async def test_a_conversation_does_not_end_before_what_differs_was_listed() -> None:
    """Even when nothing else is to be said: neither side may know anything new."""
    township, village = await township_and_village()
    for _ in range(MANY):
        await village.start()
        await converse(village.pen, DirectLine(village, township))
    await township.start()
    await village.start()
    books = township.ledger.books
    oldest = min(journal for journal in books.journals if journal.origin == village.node)
    books.journal_state(oldest).size -= 1
    await converse(village.pen, DirectLine(village, township))
    assert books.links[village.node].heard_fully
    assert village.ledger.books.links[township.node].heard_fully
