"""What years and many devices leave behind: starts, pages and single entries cost what they are about, no more."""

from collections.abc import Sequence

import pytest

from schemas.codec import encode
from schemas.names import Epoch, JournalId, NodeId
from schemas.wire import KIND_BEACON, KIND_PINNED, KIND_RECEIPTED, KIND_REVOKED, Revoked, Size
from sync import recovery
from sync.books import MISSING_MAX
from sync.core.journal import Draft
from sync.excerpts import excerpts_at
from sync.memory import MemoryStore
from sync.ports import EntryKey, Evidence, Stored
from sync.receipts import RECEIPT_HEADS_MAX
from tests.support.network import COUNTY, SECOND_TOWNSHIP, SECOND_VILLAGE, TOWNSHIP, VILLAGE, Network, Node, run, size


@pytest.fixture
def network() -> Network:
    return Network(TOWNSHIP, VILLAGE)


class Watched(MemoryStore):
    """A store that notes what it is asked for."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.tables)
        self.read = 0
        self.questions = 0
        self.kinds: list[str] = []
        node.books.store = self

    async def entries(self, journal: JournalId, start: int, stop: int) -> list[Stored]:
        found = await super().entries(journal, start, stop)
        self.read += len(found)
        self.questions += 1
        return found

    async def entries_of_kind(self, kind: str, *, after: int = 0, limit: int | None = None) -> list[Stored]:
        self.kinds.append(kind)
        return await super().entries_of_kind(kind, after=after, limit=limit)

    async def posted(self, neighbour: NodeId, keys: Sequence[EntryKey]) -> set[EntryKey]:
        self.questions += 1
        return await super().posted(neighbour, keys)

    async def hashes(self, journal: JournalId, start: int, stop: int) -> list[bytes]:
        self.questions += 1
        return await super().hashes(journal, start, stop)


class Heard(dict[JournalId, int]):
    """Sizes that a neighbour states; notes how many of them are looked at."""

    looked_at = 0

    def __getitem__(self, journal: JournalId) -> int:
        self.looked_at += 1
        return super().__getitem__(journal)


# --- receipts --------------------------------------------------------------------------------------------------------


def test_a_conversation_that_advanced_very_many_journals_is_receipted_in_several_entries(network: Network) -> None:
    """As after a disaster: everything is posted again, and pages that say `more` are not receipted one by one."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    starts = RECEIPT_HEADS_MAX + 50
    for _ in range(starts):
        village.start()
        village.write(b"filed")
    more = True
    while more:
        page = village.page(township)
        township.admit(page)
        more = page.more
        village.admit(township.page(village, receipts_due=not more))
    network.talk(village, township)
    receipted = [row for row in village.tables.receipts.values() if row.holder == township.id]
    assert len(receipted) >= starts


def test_a_receipt_that_was_due_is_given_after_a_kill_and_a_failed_commit(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    (entry,) = village.write(b"one")
    township.admit(village.page(township))
    township.start()  # killed between the page and its answer
    run(township.books.load())  # and a commit failed: the books are read again
    network.talk(village, township)
    held = [row.size for row in run(village.store.receipts(entry.journal)) if row.holder == township.id]
    assert held == [entry.seq + 1]
    township.start()
    network.talk(village, township)
    assert len([e for e in township.held(township.journal) if e.kind == KIND_RECEIPTED]) == 0


# --- starts ----------------------------------------------------------------------------------------------------------


def test_a_start_reads_no_pins(network: Network) -> None:
    """The county's are a row for each village and day."""
    county, village = network[COUNTY], network[VILLAGE]
    run(county.ledger.light_beacon())
    network.settle_all()
    assert village.held(village.journal)[-1].kind == KIND_PINNED
    store = Watched(village)
    run(village.books.load())
    assert KIND_BEACON in store.kinds
    assert KIND_PINNED not in store.kinds


def test_what_was_found_lost_is_not_asked_for_again_by_the_next_start(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    journal = village.journal
    township.books.find("unproved", journal, 5000)
    run(township.ledger.commit())
    for _ in range(3):
        township.start()
        network.settle_all()
    assert township.findings("lost") == ["lost"]


def test_a_start_asks_again_for_so_many_refused_entries_and_no_more(network: Network) -> None:
    township, village = network[TOWNSHIP], network[VILLAGE]
    at = network.clock.now()
    for seq in range(MISSING_MAX + 500):
        township.tables.evidence.append(Evidence("unproved", village.journal, 1000 + seq, at, b"", b""))
    township.tables.evidence.append(Evidence("broken_chain", village.journal, 0, at, b"", b""))  # healed since
    township.start()
    assert len(township.books.missing) == MISSING_MAX
    assert (village.journal, 0) not in township.books.missing


# --- pages -----------------------------------------------------------------------------------------------------------


def test_to_ask_for_eight_journals_not_thousands_are_looked_at(network: Network) -> None:
    """A replaced township misses everything; it asks for a page's worth at a time."""
    township, county = network[TOWNSHIP], network[COUNTY]
    link = township.link(county)
    stated = [Size(network[VILLAGE].id, Epoch(number, number.to_bytes(6, "big")), 5) for number in range(10, 3000)]
    link.hear_sizes(link.heard_statement + 1, True, stated)
    heard = link.heard = Heard(link.heard)
    assert len(recovery.wants_for(township.books, link)) == recovery.WANTS_PER_PAGE_MAX
    assert heard.looked_at == recovery.WANTS_PER_PAGE_MAX
    township.books.blocked.update(found.journal for found in stated)
    assert len(recovery.wants_for(township.books, link)) == recovery.WANTS_PER_PAGE_MAX


def test_a_page_of_excerpts_asks_the_store_for_trees_not_for_entries(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    entries = village.write(*[b"filed"] * 40)
    network.talk(village, township)
    store = Watched(township)
    excerpts = run(excerpts_at(township.books, [(entry.journal, entry.seq) for entry in entries]))
    assert all(excerpt.proof is not None for excerpt in excerpts)
    assert store.questions == 1


def test_a_new_device_is_given_its_first_load_in_few_questions() -> None:
    asked: list[int] = []
    for beacons in (10, 60):
        network = Network(TOWNSHIP)
        county = network[COUNTY]
        for _ in range(beacons):
            run(county.ledger.light_beacon())
        store = Watched(county)
        second = network.enrol(SECOND_TOWNSHIP)
        asked.append(store.questions)
        network.talk(second, county)
        assert len(run(second.store.entries_of_kind(KIND_BEACON))) == beacons
    assert asked[0] == asked[1]


# --- single entries --------------------------------------------------------------------------------------------------


def test_a_late_entry_of_an_old_epoch_reads_no_more_of_the_next_one_than_its_opening(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    old = village.journal
    village.write(b"old")
    village.start()
    village.write(*[b"new"] * 50)
    network.talk(village, township)
    store = Watched(township)
    run(recovery.after_arrival(township.books, old, 0, 10**6))
    assert store.read == 1


def test_a_revocation_reads_what_it_changes() -> None:
    network = Network(TOWNSHIP, VILLAGE, SECOND_VILLAGE)
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(*[b"good"] * 50)
    (late,) = village.write(b"late")
    network.talk(village, township)
    store = Watched(township)
    township.revoke(village, size(village.journal, late.seq))
    assert township.states()[(late.journal, late.seq)] == ("held", "revoked")
    assert store.read == 1
    # A higher position lets it count again; a lower one changes nothing.
    township.revoke(village, size(village.journal, late.seq + 1))
    township.revoke(village, size(village.journal, 3))
    assert (late.journal, late.seq) not in township.states()
    assert store.read < 10


def test_statements_of_one_transaction_about_a_device_add_up(network: Network) -> None:
    """A device that was started for years has more journals than one revocation can name."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"old")
    village.start()
    (new,) = village.write(b"new")
    network.talk(village, township)
    tips = sorted((journal, tip) for journal, tip in township.books.tips.items() if journal.origin == village.id)
    drafts = [
        Draft(KIND_REVOKED, None, encode(Revoked(village.id, [size(journal, tip.size)], "lost")))
        for journal, tip in tips
    ]

    async def drafting() -> list[Draft]:
        return drafts

    run(township.ledger.record(drafting))
    assert len(drafts) == 2
    assert township.books.counts(new)
    assert "revoked" not in {code for _, code in township.states().values()}
