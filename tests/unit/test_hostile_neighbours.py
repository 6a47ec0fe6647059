"""What one enrolled device can do with its own line: a stolen village PC, or a relay that nobody watches.

Each page here is one that the decoder lets through. Whatever it says, the node that takes it starts again, goes on
talking, keeps what others wrote, and accuses nobody without two signatures.
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from schemas.codec import Malformed, encode
from schemas.names import NUMBER_MAX, Epoch, JournalId, NodeId
from schemas.wire import (
    KIND_RELEASED,
    SETTLED_DIGEST_BYTES,
    Answer,
    Checkpoint,
    Cursor,
    Excerpt,
    Lane,
    Line,
    Page,
    Parent,
    Preface,
    Released,
    Run,
    Settled,
    Size,
    Stretch,
    Want,
    attestation,
    body_digest,
    encode_head,
    entry_hash,
    header_prefix,
)
from sync import forks, frame, ledger, paging, recovery, repair
from sync.books import Books
from sync.excerpts import excerpt_of
from sync.exchange import converse
from sync.memory import MemoryStore
from tests.support.line import UP, DirectLine, note, township_and_village
from tests.support.network import COUNTY, SECOND_VILLAGE, TOWNSHIP, VILLAGE, Network, Node, run, size

INVENTED = Epoch(2**32 - 1, b"nonce6")


@pytest.fixture
def network() -> Network:
    return Network(TOWNSHIP, VILLAGE, real=True)


def run_in(page: Page, journal: JournalId) -> Run:
    """The run of a journal in a page."""
    return next(found for stretch in page.stretches for found in stretch.runs if found.journal == journal)


def next_number(receiver: Node, sender: Node, lane: Lane) -> int:
    return receiver.link(sender).held.get((lane, sender.journal.epoch), 0) + 1


def page_with(sender: Node, receiver: Node, *runs: Run) -> Page:
    """The sender's page with these runs for its next numbers, and nothing else."""
    page = sender.page(receiver)
    count = sum(len(found.lines) for found in runs)
    first = next_number(receiver, sender, Lane.RUNS)
    return replace(page, stretches=[Stretch(Lane.RUNS, page.epoch, first, count, list(runs), [])])


def page_of(sender: Node, receiver: Node, *excerpts: Excerpt) -> Page:
    """The sender's page with these excerpts for its next numbers, and nothing else."""
    page = sender.page(receiver)
    first = next_number(receiver, sender, Lane.EXCERPTS)
    return replace(page, stretches=[Stretch(Lane.EXCERPTS, page.epoch, first, len(excerpts), [], list(excerpts))])


def through_bytes(page: Page) -> Page:
    return frame.unpack(frame.read_frame(frame.pack(page)))


def bare(line: Line) -> Line:
    """The line as a relay would pass it on that wants its text forgotten: digest, hash and proofs all fit."""
    return Line(line.head, b"", None, body_digest(line.salt, line.body or b""), line.signature)


def far_entry(thief: Node, seq: int) -> Excerpt:
    """An entry that a stolen key attests under a number nobody has come to."""
    head = encode_head(thief.network.clock.now(), "case.filed", thief.network.case)
    line = Line(head, b"s" * 8, b"far")
    link = entry_hash(header_prefix(thief.journal), seq, b"p" * 32, body_digest(b"s" * 8, b"far"), head)
    signed = replace(line, signature=thief.signer.sign(attestation(link)))
    return Excerpt(thief.id, thief.journal.epoch, seq, b"p" * 32, signed)


# --- what would be remembered for ever -------------------------------------------------------------------------------


def test_a_forged_run_of_the_receivers_own_device_does_not_stop_its_next_start(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    forged = replace(run_in(village.page(township), village.journal), origin=township.id, epoch=INVENTED)
    before = township.journal
    assert township.admit(page_with(village, township, forged)).refused == len(forged.lines)
    assert JournalId(township.id, INVENTED) not in township.books.journals
    epoch = township.start()
    assert epoch.ordinal == before.epoch.ordinal + 1
    network.settle_all()
    assert not network[COUNTY].findings("rollback")


def test_a_start_names_only_what_it_holds_as_its_past(network: Network) -> None:
    """An older release kept a row for whatever was said of its own journals: such a store starts as well."""
    township = network[TOWNSHIP]
    before = township.journal
    township.books.want_upto(JournalId(township.id, INVENTED), 5)
    run(township.ledger.commit())
    assert township.start().ordinal == before.epoch.ordinal + 1


def test_invented_journals_fill_nobodys_books(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "STRANGE_JOURNALS_MAX", 3)
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    genuine = run_in(village.page(township), village.journal)
    before = set(township.books.journals)
    elsewhere = [replace(genuine, origin=network[COUNTY].id, epoch=Epoch(number, b"nonce6")) for number in range(9)]
    strange = [replace(genuine, origin=genuine.origin[::-1], epoch=Epoch(number, b"nonce6")) for number in range(9)]
    township.admit(page_with(village, township, *elsewhere, *strange))
    assert len(set(township.books.journals) - before) == 3


def test_invented_lanes_of_our_outbox_are_not_remembered(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    assert township.books.epoch is not None
    cursors = [Cursor(lane, township.books.epoch, 1) for lane in range(10, 2000)]
    with pytest.raises(Malformed, match="malformed"):
        through_bytes(replace(village.page(township), cursors=cursors))


def test_nothing_is_stated_twice_in_one_page(network: Network) -> None:
    """A hundred thousand equal statements are a frame of 400 bytes."""
    page = network[VILLAGE].page(network[TOWNSHIP])
    sizes = [Size(page.sender, page.epoch, 1), Size(page.sender, page.epoch, 2)]
    cursors = [Cursor(Lane.RUNS, page.epoch, 1), Cursor(Lane.RUNS, page.epoch, 2)]
    digests = [Settled(page.sender, before, 0, bytes(SETTLED_DIGEST_BYTES)) for before in (8, 9)]
    twice = ({"sizes": sizes}, {"cursors": cursors}, {"settled": digests}, {"unsettled": [page.sender] * 2})
    for stated in twice:
        with pytest.raises(Malformed, match="twice"):
            through_bytes(replace(page, **stated))


@pytest.mark.parametrize(
    "impossible",
    [
        {"before": -1},
        {"before": 2**32},
        {"count": -1},
        {"count": 2**60},
        {"digest": b""},
        {"digest": bytes(32)},
        {"origin": NodeId("nobody")},
    ],
)
def test_digests_that_no_node_can_have_stated_are_refused(network: Network, impossible: dict[str, object]) -> None:
    page = network[VILLAGE].page(network[TOWNSHIP])
    settled = replace(Settled(page.sender, 8, 0, bytes(SETTLED_DIGEST_BYTES)), **impossible)
    with pytest.raises(Malformed, match="cannot be"):
        through_bytes(replace(page, settled=[settled]))


def test_a_village_cannot_make_us_hash_the_journals_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(TOWNSHIP, VILLAGE, SECOND_VILLAGE)
    village, township = network[VILLAGE], network[TOWNSHIP]
    looked_at: list[JournalId] = []
    held = recovery.extent

    def extent(books: Books, journal: JournalId) -> int:
        looked_at.append(journal)
        return held(books, journal)

    page = replace(village.page(township), statement=1, full=True)
    monkeypatch.setattr("sync.stating.extent", extent)
    every = [Settled(node.id, 2**32 - 1, 1, bytes(SETTLED_DIGEST_BYTES)) for node in network.nodes.values()]
    township.admit(replace(page, settled=every))
    assert {journal.origin for journal in looked_at} == {village.id}
    assert township.link(village).unsettled == {node.id for node in network.nodes.values()}


async def test_a_preface_that_nobody_checked_leaves_nothing_behind() -> None:
    township, village = await township_and_village()
    line = DirectLine(village, township)
    await village.pen.write(note(0))
    await converse(village.pen, line)
    link = township.pen.books.links[village.node]
    before = set(link.moved)
    assert village.pen.books.epoch is not None
    for ranges in ([(0, Epoch(lane, b"nonce6"), 0, 0) for lane in range(50)], [(1, village.pen.books.epoch, 1, 0)]):
        stated = encode(Preface(village.node, village.pen.books.epoch, ranges, True, False))
        with pytest.raises(Malformed):
            await line.responder.respond(
                village.node, frame.MAGIC + b"\x00" + len(stated).to_bytes(2, "big") + stated + b"no page at all"
            )
    assert link.moved == before


# --- erasing on the way (RULINGS B6) ---------------------------------------------------------------------------------


def test_a_relay_cannot_erase_a_filing_on_its_way_up(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(b"one", b"two")
    network.talk(village, township)
    page = township.page(county)
    filed = run_in(page, village.journal)
    stripped = replace(filed, lines=[*filed.lines[:-1], bare(filed.lines[-1])])
    own = run_in(page, township.journal)
    taken = county.admit(page_with(township, county, own, stripped))
    assert taken.codes == ["incomplete"]
    network.settle_all()
    assert county.bodies() == [b"one", b"two"]
    assert county.balanced()


def test_a_relay_cannot_erase_a_decision_on_its_way_down(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (decided,) = county.write(b"granted")
    network.talk(township, county)
    whole = run(excerpt_of(township.books, township.held(decided.journal)[-1]))
    taken = village.admit(page_of(township, village, replace(whole, line=bare(whole.line))))
    assert taken.codes == ["incomplete"]
    village.start()  # what is missing is still known after a start
    network.settle_all()
    assert village.bodies() == [b"granted"]


def test_a_copy_without_its_body_does_not_replace_a_damaged_one(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    (filed,) = village.write(b"one")
    village.ledger.sign_tip()
    run(village.ledger.commit())
    good = run(excerpt_of(village.books, filed))
    village.books.damaged[filed.journal, filed.seq] = filed.hash
    want = Want(filed.journal.origin, filed.journal.epoch, filed.seq, filed.seq + 1)
    village.link(township).wanting.add(want)
    page = township.page(village)
    village.admit(replace(page, answers=[Answer(want, None, [replace(good, line=bare(good.line))])]))
    assert [entry.body for entry in village.held(filed.journal) if entry.seq == filed.seq] == [b"one"]


# --- sizes -----------------------------------------------------------------------------------------------------------


def test_one_village_cannot_stop_its_townships_line(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """It signs for nothing but the end of four megabytes: a segment that nobody could pass on."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    with monkeypatch.context() as hostile:
        hostile.setattr(ledger, "CHECKPOINT_BYTES_MAX", 10**9)
        hostile.setattr(ledger, "CHECKPOINT_ENTRIES_MAX", 10**9)
        hostile.setattr(paging, "PAGE_RAW_BYTES_TARGET", 10**9)
        village.write(*[bytes(32_000)] * 120)
        page = through_bytes(village.page(township))
    assert township.admit(page).codes == ["malformed"]
    township.write(b"another's work")
    township.start()
    frame.pack(township.page(county))
    network.settle_all()
    assert b"another's work" in county.bodies()


def test_an_honest_segment_stays_small_across_a_failed_commit(network: Network) -> None:
    village = network[VILLAGE]
    village.write(bytes(15_000))
    signed = village.books.journals[village.journal].checkpointed
    village.store.before_commit = fail_once(village)
    with pytest.raises(OSError, match="full"):
        village.write(bytes(2000))
    village.write(bytes(100))
    assert village.books.journals[village.journal].checkpointed > signed


def fail_once(node: Node) -> Callable[[object], None]:
    def fail(_: object) -> None:
        node.store.before_commit = None
        raise OSError("the disk is full")

    return fail


async def test_what_a_restored_village_gets_back_is_cut_to_pages() -> None:
    """Four hundred statements of 12 KB: an answer of 500 entries would be 5 MB and end every conversation."""
    township, village = await township_and_village()
    line = DirectLine(village, township)
    await converse(village.pen, line)
    backup = village.tables.copy()
    for _ in range(20):
        await village.pen.write(*[note(number, size=12_000) for number in range(20)])
        await converse(village.pen, line)
    village.tables = backup
    await village.start(store=MemoryStore(backup))
    await village.pen.write(note(1000))
    await converse(village.pen, DirectLine(village, township))
    assert len([entry for entry in village.tables.arrivals if entry.kind == UP]) == 401
    assert {entry.hash for entry in township.tables.arrivals} >= {entry.hash for entry in village.tables.arrivals}


def test_what_is_too_large_with_its_answers_goes_without_them(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(*[bytes(8)] * 20)
    page = village.page(township)
    want = Want(village.id, village.journal.epoch, 0, 5)

    def large() -> Run:
        """A run of 600 KB that nothing makes smaller."""
        held = run_in(page, village.journal)
        return replace(held, lines=[replace(line, body=network.random.randbytes(30_000)) for line in held.lines])

    packed = frame.pack(replace(page, answers=[Answer(want, large(), []), Answer(want, large(), [])]))
    assert frame.unpack(frame.read_frame(packed)) == page
    (stretch,) = page.stretches
    with pytest.raises(Malformed, match="too_large"):
        frame.pack(replace(page, stretches=[replace(stretch, runs=[large(), large()])]))


# --- far numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [2**40, NUMBER_MAX - 1])
def test_a_thiefs_far_number_costs_the_next_device_one_question(network: Network, seq: int) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"honest")
    network.settle(village)
    assert township.admit(through_bytes(page_of(village, township, far_entry(village, seq)))).admitted == 1
    township.revoke(village, size(village.journal, township.books.journals[village.journal].size))
    successor = network.enrol(VILLAGE, replaces=village)
    for _ in range(12):
        successor.admit(through_bytes(township.page(successor)))
        township.admit(through_bytes(successor.page(township)))
    assert not successor.page(township).wants
    assert len(successor.findings("lost")) == 1
    assert b"honest" in successor.bodies()


def test_a_number_whose_end_could_not_be_stated_is_refused(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    with pytest.raises(Malformed):
        through_bytes(page_of(village, township, far_entry(village, NUMBER_MAX)))


def test_what_neighbours_hold_different_parts_of_is_lost_where_neither_does(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    network.settle(village)
    county.admit(page_of(township, county, far_entry(village, 50)))
    township.books.want_upto(village.journal, 99)
    run(township.ledger.commit())
    network.settle_all()
    assert 50 in township.books.loose[village.journal]
    assert township.books.journals[village.journal].lost_upto == 99
    assert not township.page(county).wants
    assert not township.page(village).wants


def test_an_opening_that_names_an_endless_past_is_asked_about_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    past = village.journal
    network.settle(village)
    with monkeypatch.context() as hostile:
        hostile.setattr(ledger, "Parent", endless)
        village.start()
    village.write(b"after it")
    network.settle_all()
    assert township.books.journals[past].wanted == 2**50
    assert not township.page(county).wants
    assert not township.page(village).wants
    assert len(township.findings("lost")) == 1
    assert b"after it" in county.bodies()


def endless(epoch: Epoch, _: int, link: bytes, signed: Checkpoint) -> Parent:
    """What an opening says of the epoch before it, with another size than that one came to."""
    return Parent(epoch, 2**50, link, signed)


# --- forks -----------------------------------------------------------------------------------------------------------


def branches(network: Network) -> tuple[Node, Node, Node]:
    """A village whose first entries the township holds, its clone that writes others, and the township."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    twin = network.clone(village)
    twin.books.epoch = village.books.epoch
    village.write(b"ours", b"and more")
    network.talk(village, township)
    return village, twin, township


def test_a_fork_that_ends_below_what_is_held_is_found(network: Network) -> None:
    village, twin, township = branches(network)
    twin.write(b"theirs")
    other = run_in(twin.page(township), village.journal)
    township.admit(page_with(village, township, other))
    (found,) = [finding for finding in township.tables.evidence if finding.code == "fork"]
    assert found.seq == other.start + len(other.lines) - 1
    assert township.bodies() == [b"ours", b"and more"]
    assert township.balanced()


def test_what_is_held_again_is_no_fork(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    page = village.page(township)
    township.admit(page)
    township.admit(page_with(village, township, run_in(page, village.journal)))
    assert not township.findings()


def test_a_damaged_copy_of_what_is_held_accuses_nobody(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    page = village.page(township)
    township.admit(page)
    spoilt = run_in(page, village.journal)
    lines = [*spoilt.lines[:-1], replace(spoilt.lines[-1], body=b"other")]
    township.admit(page_with(village, township, replace(spoilt, lines=lines)))
    assert not township.findings("fork")


def test_rot_in_our_own_index_accuses_nobody(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    page = village.page(township)
    township.admit(page)
    (rotten,) = [entry for entry in township.held(village.journal) if entry.body == b"one"]
    township.tables.entries[village.journal][rotten.seq] = replace(rotten, hash=bytes(32))
    township.start()
    township.admit(page_with(village, township, run_in(page, village.journal)))
    assert not township.findings("fork")


def test_a_journal_is_judged_once_for_a_page_and_few_journals_are(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judgement hashes a journal's whole beginning; a frame of a kilobyte could ask for a thousand."""
    village, twin, township = branches(network)
    twin.write(b"theirs")
    other = run_in(twin.page(township), village.journal)
    for judged in (1, 2):  # each page anew
        township.admit(page_with(village, township, *[other] * 20))
        assert len(township.findings("fork")) == judged
    monkeypatch.setattr(forks, "JUDGEMENTS_PER_PAGE_MAX", 0)
    township.admit(page_with(village, township, other))
    assert len(township.findings("fork")) == 2


# --- releases --------------------------------------------------------------------------------------------------------


def test_a_release_names_one_entry_not_its_number(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    network.settle_all()
    twin = network.clone(village)
    twin.books.epoch = village.books.epoch
    (honest,) = village.write(b"honest")
    (forged,) = twin.write(b"forged")
    township.revoke(village, size(village.journal, honest.seq))
    township.write_line(KIND_RELEASED, Released(village.id, village.journal.epoch, honest.seq, honest.hash))
    network.talk(township, county)
    twin.ledger.sign_tip()
    run(twin.ledger.commit())
    county.admit(page_of(township, county, run(excerpt_of(twin.books, forged))))
    assert county.states()[village.journal, forged.seq] == ("held", "revoked")


def test_nothing_hides_in_the_signature_of_a_checkpoint_that_is_passed_on_unverified(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    village.ledger.sign_tip()
    run(village.ledger.commit())
    village.write(b"two")
    page = village.page(township)
    good = run_in(page, village.journal)
    fat = replace(good.checkpoints[0], signature=bytes(100_000))
    admission = township.admit(page_with(village, township, replace(good, checkpoints=[fat, *good.checkpoints[1:]])))
    assert (admission.admitted, set(admission.codes)) == (0, {"malformed"})
