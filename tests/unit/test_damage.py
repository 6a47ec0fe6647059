"""What arrives damaged, forged, forked or not understood: consumed, shown, fetched again; nobody honest is accused."""

import pytest
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.names import NodeId
from schemas.wire import (
    KIND_RECEIPTED,
    Excerpt,
    Lane,
    Line,
    Page,
    Receipted,
    Run,
    Stretch,
    body_digest,
    decode_head,
    entry_hash,
    header_prefix,
)
from sync.core.merkle import root_of
from sync.excerpts import excerpt_of
from tests.support.network import (
    COUNTY,
    SECOND_TOWNSHIP,
    SECOND_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    Network,
    Node,
    run,
    runs_of,
    sign,
)

STRANGER = NodeId("a" * 16)


@pytest.fixture
def network() -> Network:
    return Network(TOWNSHIP, VILLAGE, real=True)


def with_run(page: Page, changed: Run) -> Page:
    """The page with its only run replaced."""
    (stretch,) = [stretch for stretch in page.stretches if stretch.lane == Lane.RUNS]
    others = [other for other in page.stretches if other is not stretch]
    return replace(page, stretches=[*others, replace(stretch, runs=[changed])])


def spoil(page: Page, position: int, body: bytes = b"forged") -> Page:
    """The page as a relay with a bad disk would hold it: one body is another."""
    (only,) = runs_of(page)
    lines = list(only.lines)
    lines[position] = replace(lines[position], body=body)
    return with_run(page, replace(only, lines=lines))


# --- copies that were damaged on the way -----------------------------------------------------------------------------


def test_a_damaged_entry_costs_only_what_stands_behind_the_last_good_checkpoint(network: Network) -> None:
    """RULINGS A8: admitted up to the checkpoint before the bad entry, the rest consumed, and fetched again."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    village.ledger.sign_tip()
    run(village.ledger.commit())
    village.write(b"three", b"four")
    page = village.page(township)
    admission = township.admit(spoil(page, 2))
    assert (admission.admitted, admission.refused, admission.codes) == (2, 2, ["broken_chain"])
    assert township.bodies() == [b"one", b"two"]
    assert township.balanced()
    state = township.books.journals[village.journal]
    assert state.wanted == state.size + 2
    network.talk(village, township)
    assert township.bodies() == [b"one", b"two", b"three", b"four"]
    assert not township.findings("fork")
    assert not township.findings("lost")


@pytest.mark.parametrize("position", [0, 1])
def test_a_page_without_a_good_part_is_consumed_and_its_entries_wanted(network: Network, position: int) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(b"one", b"two")
    admission = township.admit(spoil(village.page(township), position))
    assert (admission.admitted, admission.refused) == (0, 2)
    network.talk(village, township)
    network.settle(village)
    assert county.bodies() == [b"one", b"two"]


def test_a_line_that_is_no_entry_is_fetched_again_like_a_changed_one(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    page = village.page(township)
    (only,) = runs_of(page)
    broken = replace(only, lines=[only.lines[0], Line(b"\xc1", b"s" * 8, b"x")])
    assert township.admit(with_run(page, broken)).codes == ["malformed"]
    network.talk(village, township)
    assert township.bodies() == [b"one", b"two"]


def test_a_relay_that_damages_the_past_accuses_nobody(network: Network) -> None:
    """AUDIT 1.4: bytes that do not fit the owner's signed head are a relay's fault and are fetched again."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    network.talk(village, township)
    village.write(b"two")
    page = village.page(township)
    (only,) = runs_of(page)
    admission = township.admit(with_run(page, replace(only, prev=b"p" * 32)))
    assert admission.codes == ["fork_suspected"]
    assert not township.findings("fork")
    network.talk(village, township)
    assert township.bodies() == [b"one", b"two"]
    assert not township.findings("fork")


def test_a_checkpoint_under_another_key_brings_nothing(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    page = village.page(township)
    (only,) = runs_of(page)
    checkpoint = only.checkpoints[-1]
    forged = sign(township, township.journal, checkpoint.size, checkpoint.root)
    spoilt = replace(only, checkpoints=[replace(checkpoint, signature=forged.signature)])
    assert township.admit(with_run(page, spoilt)).codes == ["bad_signature"]
    assert township.bodies() == []
    network.talk(village, township)
    assert township.bodies() == [b"one"]


def test_a_run_of_a_device_nobody_enrolled_is_refused(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    page = village.page(township)
    (only,) = runs_of(page)
    assert township.admit(with_run(page, replace(only, origin=STRANGER))).codes == ["unknown_origin"]
    assert township.bodies() == []


def test_other_runs_of_the_page_are_taken_though_one_is_bad() -> None:
    network = Network(TOWNSHIP, VILLAGE, SECOND_VILLAGE)
    first, second, township, county = (network[office] for office in (VILLAGE, SECOND_VILLAGE, TOWNSHIP, COUNTY))
    for village, body in ((first, b"first"), (second, b"second")):
        village.write(body)
        network.talk(village, township)
    page = township.page(county)
    (stretch,) = page.stretches
    runs = [
        replace(found, lines=[*found.lines[:-1], replace(found.lines[-1], body=b"x")])
        if found.origin == first.id
        else found
        for found in stretch.runs
    ]
    assert county.admit(replace(page, stretches=[replace(stretch, runs=runs)])).codes == ["broken_chain"]
    assert county.bodies() == [b"second"]
    network.talk(township, county)
    assert sorted(county.bodies()) == [b"first", b"second"]


# --- forks -----------------------------------------------------------------------------------------------------------


def test_two_branches_under_the_owners_key_are_a_fork_and_both_are_kept(network: Network) -> None:
    """A cloned machine goes on in the very same epoch: two owner-signed statements that disagree."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    twin = network.clone(village)
    twin.books.epoch = village.books.epoch
    village.write(b"ours")
    network.talk(village, township)
    twin.write(b"theirs", b"and more")
    page = twin.page(township)
    assert township.admit(page).codes == ["fork"]
    assert township.bodies() == [b"ours"]
    (found,) = [found for found in township.tables.evidence if found.code == "fork"]
    assert found.material == encode(runs_of(page)[0])
    assert found.journal == village.journal
    # The twin used up numbers of the stream; the next start's opening shows that something of ours never came.
    village.write(b"later")
    network.talk(village, township)
    village.start()
    network.talk(village, township)
    assert township.bodies() == [b"ours", b"later"]


def test_an_excerpt_and_a_run_that_disagree_under_the_owners_key_are_a_fork(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    twin = network.clone(village)
    twin.books.epoch = village.books.epoch
    (other,) = twin.write(b"theirs")
    twin.ledger.sign_tip()
    run(twin.ledger.commit())
    excerpt = run(excerpt_of(twin.books, other))
    page = network[COUNTY].page(township)
    stretch = Stretch(Lane.EXCERPTS, page.epoch, cursor_of(township, network[COUNTY]) + 1, 1, [], [excerpt])
    assert township.admit(replace(page, stretches=[stretch])).admitted == 1
    village.write(b"ours", b"more")
    assert township.admit(village.page(township)).codes == ["fork"]
    assert township.findings("fork") == ["fork"]
    assert township.bodies() == [b"theirs"]
    assert not township.books.journals[village.journal].wanted


def cursor_of(receiver: Node, sender: Node) -> int:
    assert sender.books.epoch is not None
    return receiver.link(sender).held.get((Lane.EXCERPTS, sender.books.epoch), 0)


def excerpt_page(sender: Node, receiver: Node, *excerpts: Excerpt) -> Page:
    """What a relay (or somebody on its disk) sends down instead of its outbox."""
    page = sender.page(receiver)
    first = cursor_of(receiver, sender) + 1
    return replace(page, stretches=[Stretch(Lane.EXCERPTS, page.epoch, first, len(excerpts), [], list(excerpts))])


def test_a_second_excerpt_with_another_hash_is_a_fork_of_whoever_signed_both(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    twin = network.clone(county)
    twin.books.epoch = county.books.epoch
    (first,), (second,) = county.write(b"granted"), twin.write(b"refused")
    page = excerpt_page(township, village, run(excerpt_of(county.books, first)), run(excerpt_of(twin.books, second)))
    admission = village.admit(page)
    assert (admission.admitted, admission.duplicate) == (1, 1)
    assert village.findings() == ["fork"]
    assert village.bodies() == [b"granted"]


# --- excerpts --------------------------------------------------------------------------------------------------------


def test_an_entry_that_was_not_attested_travels_with_a_proof(network: Network) -> None:
    network[VILLAGE].write(b"one")
    network.settle_all()
    second = network.enrol(SECOND_VILLAGE)
    network.readers |= {SECOND_VILLAGE}
    for node in network.nodes.values():
        node.reader.audience = network.readers
    network[TOWNSHIP].write(b"two")
    page = network[TOWNSHIP].page(second)
    kinds = [
        (bool(found.line.signature), bool(found.proof)) for stretch in page.stretches for found in stretch.excerpts
    ]
    assert (False, True) in kinds
    assert (True, False) in kinds
    second.admit(page)
    assert not second.findings()


def test_an_own_entry_shared_later_is_proved_although_no_page_went_up_since() -> None:
    """The county never hands its journal upward: its checkpoint is made when a proof is due."""
    network = Network(TOWNSHIP)
    county = network[COUNTY]
    county.write(b"written before anybody was there to read it")
    second = network.enrol(SECOND_TOWNSHIP)
    for node in network.nodes.values():
        node.reader.audience = frozenset({COUNTY, TOWNSHIP, SECOND_TOWNSHIP})
    network.enrol(SECOND_VILLAGE.replace("510824100", "510824101", 1))  # pyright: ignore[reportArgumentType]
    county.write(b"now")
    network.talk(second, county)
    assert not second.findings()
    assert b"now" in second.bodies()


@pytest.mark.parametrize("spoilt", ["body", "signature", "none"])
def test_an_excerpt_without_good_proof_is_consumed_not_believed(network: Network, spoilt: str) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    (entry,) = township.write(b"granted")
    excerpt = run(excerpt_of(township.books, entry))
    changes = {"body": {"body": b"refused"}, "signature": {"signature": bytes(64)}, "none": {"signature": None}}
    page = excerpt_page(township, village, replace(excerpt, line=replace(excerpt.line, **changes[spoilt])))
    admission = village.admit(page)
    assert admission.codes == ["unproved" if spoilt == "none" else "bad_signature"]
    assert village.bodies() == []
    assert village.balanced()
    assert cursor_of(village, township) == page.stretches[0].first


def test_an_excerpt_that_is_no_entry_is_consumed(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    (entry,) = township.write(b"granted")
    excerpt = run(excerpt_of(township.books, entry))
    page = excerpt_page(township, village, replace(excerpt, line=replace(excerpt.line, head=b"\xc1")))
    assert village.admit(page).codes == ["malformed_head"]
    assert village.balanced()


def test_an_excerpt_of_something_held_in_its_run_is_a_duplicate(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    (entry,) = village.write(b"one")
    network.talk(village, township)
    page = excerpt_page(network[COUNTY], township, run(excerpt_of(village.books, entry)))
    admission = township.admit(page)
    assert (admission.duplicate, admission.refused) == (1, 0)
    assert not township.findings()


def test_a_run_that_reaches_an_excerpt_joins_it_and_still_goes_up(network: Network) -> None:
    """RULINGS A2: an entry already held as an excerpt gets its place in the run, and a row upward as well."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (entry, _) = village.write(b"one", b"two")
    village.ledger.sign_tip()
    run(village.ledger.commit())
    assert township.admit(excerpt_page(county, township, run(excerpt_of(village.books, entry)))).admitted == 1
    assert [held.loose for held in township.held(village.journal)] == [False, True]
    admission = township.admit(village.page(township))
    assert (admission.admitted, admission.duplicate) == (1, 1)
    assert not any(held.loose for held in township.held(village.journal))
    network.settle(village)
    assert county.bodies() == [b"one", b"two"]
    assert [held.body for held in township.reader.folded] == [b"one", b"two"]


# --- what is not understood here -------------------------------------------------------------------------------------


def test_an_unknown_kind_is_kept_shown_and_relayed_byte_for_byte(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (entry,) = village.write(b"\xff newer than anybody here", kind="vehicle.registered/3")
    network.settle(village)
    for node in (township, county):
        assert node.states()[(entry.journal, entry.seq)] == ("unknown", "unknown_kind")
        (held,) = [found for found in node.held(entry.journal) if found.seq == entry.seq]
        assert (held.head, held.salt, held.body, held.hash) == (entry.head, entry.salt, entry.body, entry.hash)


def test_a_house_keeping_kind_of_a_newer_version_is_kept_and_relayed(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    (entry,) = village.write(b"?", kind="line.something/2")
    network.settle(village)
    assert [found.body for found in county.held(entry.journal) if found.seq == entry.seq] == [b"?"]


def test_fields_of_a_newer_head_are_relayed_byte_for_byte(network: Network) -> None:
    """A newer village writes a head with more fields; a township that does not know them passes the very bytes."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (entry,) = village.write(b"one")
    page = village.page(township)
    (only,) = runs_of(page)
    head = encode([2, 1_700_000_000_000, "case.filed", network.case, {"priority": 1}, "a newer field"])
    digest = body_digest(only.lines[-1].salt, b"one")
    link = entry_hash(header_prefix(village.journal), entry.seq, village.held(village.journal)[-2].hash, digest, head)
    links = [held.hash for held in village.held(village.journal)[:-1]] + [link]
    checkpoint = sign(village, village.journal, len(links), root_of(links))
    newer = replace(only, lines=[*only.lines[:-1], replace(only.lines[-1], head=head)], checkpoints=[checkpoint])
    assert township.admit(with_run(page, newer)).refused == 0
    network.talk(township, county)
    (held,) = [found for found in county.held(village.journal) if found.seq == entry.seq]
    assert (held.head, held.hash, held.kind) == (head, link, "case.filed")
    assert not county.findings()


# --- receipts --------------------------------------------------------------------------------------------------------


def receipts_in(page: Page) -> list[Excerpt]:
    excerpts = (found for stretch in page.stretches for found in stretch.excerpts)
    return [found for found in excerpts if decode_head(found.line.head).kind == KIND_RECEIPTED]


def test_a_receipt_changed_on_the_way_is_not_taken(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    township.admit(village.page(township))
    (excerpt,) = receipts_in(township.page(village))
    body = excerpt.line.body
    assert body is not None
    forged = replace(excerpt, line=replace(excerpt.line, body=body[:-1] + bytes([body[-1] ^ 1])))
    assert village.admit(excerpt_page(township, village, forged)).codes == ["bad_signature"]
    assert run(village.store.receipts(village.journal)) == []


@pytest.mark.parametrize("signed", [True, False])
def test_nobody_takes_a_number_away_with_somebody_elses_receipt(network: Network, signed: bool) -> None:
    """A good cosignature in the body says nothing about the number: shown under the next one of the township's own
    journal it would stop its pen, and under one of the county's it would keep a decision out and accuse the county.
    """
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    township.admit(village.page(township))
    (excerpt,) = receipts_in(township.page(village))
    township.link(village).exchange_failed()  # that page never left
    moved = replace(excerpt, seq=excerpt.seq + 1, prev=township.tip(township.journal).hash)
    if not signed:
        moved = replace(moved, line=replace(moved.line, signature=None))
    page = replace(village.page(township), stretches=[Stretch(Lane.EXCERPTS, village.journal.epoch, 1, 1, [], [moved])])
    assert township.admit(page).codes == ["bad_signature" if signed else "unproved"]
    township.write(b"decided")
    network.settle(village)
    assert village.bodies() == [b"one", b"decided"]
    assert not village.findings("fork")


def test_nobody_can_write_a_receipt_in_anothers_name(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(b"one")
    network.settle(village)
    (stolen,) = [
        held for held in run(county.store.entries_of_kind(KIND_RECEIPTED)) if held.journal.origin == county.id
    ][:1]
    assert stolen.body is not None
    entry = township.write_line(KIND_RECEIPTED, decode(stolen.body, Receipted))
    assert township.states()[(entry.journal, entry.seq)] == ("quarantined", "bad_receipt")


def test_house_keeping_alone_is_never_receipted(network: Network) -> None:
    """RULINGS A9: receipts are never receipted, and nothing but `line.*` gets none."""
    network[VILLAGE].start()
    network.settle_all()
    before = network[COUNTY].rows()
    network.settle_all()
    assert network[COUNTY].rows() == before
    assert run(network[VILLAGE].store.receipts(network[VILLAGE].journal)) == []
