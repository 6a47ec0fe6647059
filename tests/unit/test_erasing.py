"""Erasures on the line: who is believed, what is taken without its body, what comes too late, what findings keep."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.names import CaseId, NodeId, OfficeId
from schemas.wire import (
    KIND_ERASED,
    Erased,
    ErasedEntry,
    Excerpt,
    Lane,
    Line,
    Page,
    Stretch,
    body_digest,
)
from sync import erasing
from sync.books import Books
from sync.core.journal import Draft, Tip, check_run, links_of
from sync.memory import MemoryStore
from sync.ports import Disposition, Stored
from tests.support.network import COUNTY, SECOND_VILLAGE, TOWNSHIP, VILLAGE, Network, Node, run
from tests.support.writing import JOURNAL, write, write_drafts

FIVE = write(b"one", b"two", b"three", b"four", b"five")


def bare(line: Line) -> Line:
    assert line.body is not None
    return Line(line.head, b"", None, body_digest(line.salt, line.body))


def by_owner(journal: object, checkpoint: object) -> bool:
    return True


def order(node: Node, *entries: Stored, case: CaseId | None = None, subject: CaseId | None = None) -> Stored:
    """An order that names these entries, whoever writes it."""
    about = case or node.network.case
    named = [ErasedEntry(entry.journal.origin, entry.journal.epoch, entry.seq, entry.hash) for entry in entries]
    offices = [OfficeId(office) for office in node.network.nodes]
    body = Erased(about, named, "保管期限届满", "510824/zhang", b"residue", "510824/li", offices)

    async def drafting() -> list[Draft]:
        return [Draft(KIND_ERASED, subject or about, encode(body))]

    return run(node.ledger.record(drafting))[0]


def held(node: Node, entry: Stored) -> Stored:
    return next(one for one in node.held(entry.journal) if one.seq == entry.seq)


def county() -> Network:
    return Network(TOWNSHIP, VILLAGE, SECOND_VILLAGE)


# --- lines without bodies --------------------------------------------------------------------------------------------


def test_a_line_without_its_body_counts_only_if_its_hash_is_erased() -> None:
    run_of_five = FIVE.run(checkpoints=[2, 5])
    stripped = replace(run_of_five, lines=[*FIVE.lines[:2], bare(FIVE.lines[2]), *FIVE.lines[3:]])
    refused = check_run(stripped, Tip(), by_owner)
    assert (refused.code, len(refused.links)) == ("incomplete", 2)
    taken = check_run(stripped, Tip(), by_owner, {FIVE.links[2]})
    assert (taken.code, taken.links) == ("", FIVE.links)
    # Not with another entry's hash, another digest, or a salt left behind.
    assert check_run(stripped, Tip(), by_owner, {FIVE.links[3]}).code == "incomplete"
    for spoilt in (replace(bare(FIVE.lines[2]), digest=bytes(32)), replace(bare(FIVE.lines[2]), salt=b"s" * 8)):
        forged = replace(run_of_five, lines=[*FIVE.lines[:2], spoilt, *FIVE.lines[3:]])
        assert check_run(forged, Tip(), by_owner, set(FIVE.links)).code == "incomplete"


def test_house_keeping_and_the_register_are_never_taken_without_their_body() -> None:
    written = write_drafts(Draft("line.beacon", None, b"beacon"), Draft("office.published", None, b"office"))
    for place in (0, 1):
        lines = [bare(line) if at == place else line for at, line in enumerate(written.lines)]
        stripped = replace(written.run(), lines=lines)
        assert links_of(stripped, set(written.links))[2] == "incomplete"


# --- orders ----------------------------------------------------------------------------------------------------------


def test_every_holder_obeys_and_chains_and_numbers_stay() -> None:
    network = county()
    village = network[VILLAGE]
    one, two = village.write(b"one", b"two")
    network.settle(village)
    order(network[COUNTY], one)
    for node in (network[TOWNSHIP], village, network[SECOND_VILLAGE]):
        network.settle(node)
    for office in (COUNTY, TOWNSHIP, VILLAGE, SECOND_VILLAGE):
        node = network[office]
        assert (held(node, one).body, held(node, one).salt) == (None, b"")
        assert held(node, one).hash == one.hash
        assert held(node, two).body == b"two"
        assert node.books.erased == {one.hash}
        assert node.balanced()
        assert run(node.store.load()).erased == {one.hash}


@pytest.mark.parametrize("office", [TOWNSHIP, VILLAGE])
def test_nobody_below_the_county_erases_anything(office: OfficeId) -> None:
    network = county()
    (one,) = network[VILLAGE].write(b"one")
    network.settle(network[VILLAGE])
    forged = order(network[office], one)
    for node in (network[VILLAGE], network[TOWNSHIP], network[SECOND_VILLAGE]):
        network.settle(node)
    for name in (COUNTY, TOWNSHIP, VILLAGE):
        assert held(network[name], one).body == b"one"
        assert network[name].books.erased == set()
    assert network[COUNTY].states()[forged.journal, forged.seq] == ("quarantined", "unbelieved_erasure")


def test_an_order_that_speaks_of_another_case_than_its_head_is_not_believed() -> None:
    network = county()
    (one,) = network[VILLAGE].write(b"one")
    network.settle(network[VILLAGE])
    order(network[COUNTY], one, subject=CaseId(bytes(16)))
    assert held(network[COUNTY], one).body == b"one"


def test_what_is_named_under_another_hash_or_is_no_case_stays() -> None:
    network = county()
    village, top = network[VILLAGE], network[COUNTY]
    one, two = village.write(b"one", b"two")
    network.settle(village)
    opening = top.held(village.journal)[0]
    order(top, replace(one, hash=two.hash), opening)
    assert [entry.body is None for entry in top.held(village.journal)] == [False] * len(top.held(village.journal))


def test_a_body_that_comes_after_its_erasure_is_dropped_before_it_is_kept() -> None:
    network = county()
    village, township, top = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    before = township.store.copy()
    one, _ = village.write(b"one", b"two")
    late = village.page(township)
    network.settle(village)
    order(top, one)
    # The township forgets the case, hears the order first, and then an old stick arrives.
    township.start(before, restored=True)
    network.settle(township)
    assert one.hash in township.books.erased
    township.admit(late)
    for entry in township.held(one.journal):
        assert entry.body != b"one"
    network.settle(village)
    network.settle(township)
    assert held(township, one).body is None
    assert held(township, one).hash == one.hash
    assert township.findings("lost") == []


def test_what_was_refused_without_its_body_is_taken_when_the_order_comes() -> None:
    network = county()
    village, township, top = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    before = township.store.copy()
    one, two = village.write(b"one", b"two")
    network.settle(village)
    # Restored from before the order, with the list of what was erased: the village has the digest and no order to show.
    tables = village.store.copy()
    entries = tables.entries[one.journal]
    entries[one.seq] = replace(one, body=None, salt=b"", digest=body_digest(one.salt, b"one"))
    tables.erased[one.hash] = None
    order(top, one)
    village.start(tables, restored=True)
    # Restored from before the case, the township hears its village first.
    township.start(before, restored=True)
    for _ in range(6):
        township.admit(village.page(township))
        village.admit(township.page(village))
    assert township.findings("incomplete") != []
    assert township.tip(one.journal).size <= one.seq
    network.settle(township)
    network.settle(village)
    assert held(township, one).body is None
    assert held(township, two).body == b"two"


def test_nobody_erases_on_the_way() -> None:
    network = county()
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    page = village.page(township)
    (stretch,) = page.stretches
    (sent,) = stretch.runs
    tampered = replace(sent, lines=[bare(sent.lines[0]), *sent.lines[1:]])
    admission = township.admit(replace(page, stretches=[replace(stretch, runs=[tampered])]))
    assert admission.codes == ["incomplete"]
    network.settle(village)
    assert [entry.body for entry in township.held(village.journal)][-2:] == [b"one", b"two"]
    assert township.findings("lost") == []


def test_a_new_reader_gets_the_order_before_what_it_erased() -> None:
    network = county()
    village, top = network[VILLAGE], network[COUNTY]
    (one,) = village.write(b"one")
    network.settle(village)
    written = order(top, one)
    page = top.page(network[TOWNSHIP])
    lost = network.enrol(VILLAGE, replaces=village)
    network.settle(network[TOWNSHIP])
    first = network[TOWNSHIP].page(lost)
    assert page.stretches
    places = [(e.origin, e.seq) for stretch in first.stretches for e in stretch.excerpts]
    bodiless = [at for at, e in enumerate(excerpts_of(first)) if e.line.body is None]
    assert all(places.index((written.journal.origin, written.seq)) < at for at in bodiless)


def excerpts_of(page: Page) -> list[Excerpt]:
    return [excerpt for stretch in page.stretches for excerpt in stretch.excerpts]


def test_findings_lose_the_bodies_and_go_on_proving() -> None:
    network = county()
    village, township, top = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    twin = village.store.copy()
    (one,) = village.write(b"one")
    network.settle(village)
    epoch = village.books.epoch
    other = Node(network, VILLAGE, village.signer, village.chain)
    other.ledger = other._begin(MemoryStore(twin))  # pyright: ignore[reportPrivateUsage]
    run(other.books.load())
    other.books.epoch = epoch
    two, _ = other.write(b"secret of the twin", b"and more")
    township.admit(other.page(township))
    assert "fork" in township.findings()
    assert any(b"secret of the twin" in found.material for found in township.tables.evidence)
    assert (one.journal, one.seq) == (two.journal, two.seq)
    order(top, one)
    network.settle(township)
    assert not any(b"secret of the twin" in found.material for found in township.tables.evidence)
    assert "fork" in township.findings()


def test_a_finding_made_after_the_order_holds_no_body_in_its_place_either() -> None:
    network = county()
    village, township, top = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    twin = village.store.copy()
    (one,) = village.write(b"one")
    network.settle(village)
    epoch = village.books.epoch
    other = Node(network, VILLAGE, village.signer, village.chain)
    other.ledger = other._begin(MemoryStore(twin))  # pyright: ignore[reportPrivateUsage]
    run(other.books.load())
    other.books.epoch = epoch
    other.write(b"secret of the twin", b"and more")
    order(top, one)
    network.settle(township)
    township.admit(other.page(township))
    assert "fork" in township.findings()
    assert not any(b"secret of the twin" in found.material for found in township.tables.evidence)


def test_a_refused_excerpt_of_what_was_erased_is_kept_without_its_body() -> None:
    network = county()
    village, top = network[VILLAGE], network[COUNTY]
    second = network[SECOND_VILLAGE]
    network.settle(second)
    tables = second.store.copy()
    (one,) = village.write(b"one")
    network.settle(village)
    order(top, one)
    # Restored from before the case, with the list of what was erased.
    tables.erased[one.hash] = None
    second.start(tables, restored=True)
    assert not second.books.holds(one.journal, one.seq)
    line = Line(one.head, one.salt, one.body)
    prev = village.held(one.journal)[one.seq - 1].hash
    unproved = Excerpt(one.journal.origin, one.journal.epoch, one.seq, prev, line)
    page = network[TOWNSHIP].page(second)
    first = second.link(network[TOWNSHIP]).held.get((Lane.EXCERPTS, page.epoch), 0) + 1
    stretch = Stretch(Lane.EXCERPTS, page.epoch, first, 1, [], [unproved])
    admission = second.admit(replace(page, stretches=[stretch]))
    assert admission.codes == ["unproved"]
    assert second.findings("unproved")
    assert not any(b"one" in found.material for found in second.tables.evidence)


def test_the_set_is_read_again_at_a_start_and_an_order_that_nobody_could_read_is_obeyed_then() -> None:
    network = county()
    village, township, top = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (one,) = village.write(b"one")
    network.settle(village)
    written = order(top, one)
    network.settle(township)
    tables = township.store.copy()
    # As an older release would have left it: the order is here, nothing was done about it.
    key = (written.journal, written.seq)
    tables.dispositions[key] = Disposition(key, "unknown", "unknown_kind")
    entries = tables.entries[one.journal]
    entries[one.seq] = replace(entries[one.seq], body=b"one", salt=one.salt, digest=None)
    tables.erased.clear()
    township.start(tables)
    assert township.books.erased == {one.hash}
    assert held(township, one).body is None
    assert key not in township.states()
    township.start()
    assert township.books.erased == {one.hash}


def test_of_several_orders_about_one_entry_an_upgraded_node_passes_every_one_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What stays of a case may need more orders than its entries do."""
    network = county()
    village, township, top = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (one,) = village.write(b"one")
    network.settle(village)
    orders = [order(top, one), order(top, one)]
    network.settle(township)
    tables = township.store.copy()
    tables.erased.clear()
    passed: list[Stored] = []

    async def note(books: Books, target: NodeId, entries: Sequence[Stored], *, lost: bool = False) -> None:
        passed.extend(entries if target == village.id else ())

    monkeypatch.setattr(erasing, "post_excerpts", note)
    township.start(tables)
    assert [entry.hash for entry in passed] == [entry.hash for entry in orders]


def test_a_copy_that_had_gone_bad_is_fetched_again_without_its_body() -> None:
    network = county()
    village, township, top = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (one,) = village.write(b"one")
    network.settle(village)
    rows = township.tables.entries[one.journal]
    rows[one.seq] = replace(rows[one.seq], body=b"rot")
    order(top, one)
    for node in (township, village, township):
        network.settle(node)
    bad = held(township, one)
    assert (bad.body, bad.digest) == (None, body_digest(one.salt, b"one"))
    assert township.books.damaged == {}


def test_golden_order_reads_back() -> None:
    body = Erased(CaseId(b"c" * 16), [ErasedEntry(JOURNAL.origin, JOURNAL.epoch, 1, bytes(32))], "依据", "o/a", b"")
    assert decode(encode(body), Erased) == body
