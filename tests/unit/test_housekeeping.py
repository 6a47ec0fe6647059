"""House-keeping on the line: receipts, pins, beacons, releases; and what anybody gains by false ones: nothing."""

from hashlib import sha256

import pytest
from msgspec import Struct
from msgspec.structs import replace

from schemas.codec import Malformed, decode, encode
from schemas.names import Epoch, Instant, JournalId, NodeId
from schemas.wire import (
    KIND_BEACON,
    KIND_COUNTERSIGNED,
    KIND_ENROLLED,
    KIND_EPOCH_OPENED,
    KIND_PINNED,
    KIND_RECEIPTED,
    KIND_RELEASED,
    KIND_REVOKED,
    LINE_BODIES,
    Beacon,
    Checkpoint,
    Countersigned,
    EpochOpened,
    JournalHead,
    Lane,
    Parent,
    Pinned,
    Receipted,
    Released,
    Revoked,
    Size,
    decode_line,
    is_line,
)
from sync import receipts
from sync.core.errors import LocalFault
from sync.core.merkle import root_of
from tests.support.network import (
    COUNTY,
    TOWNSHIP,
    VILLAGE,
    Network,
    Node,
    refused,
    run,
    size,
)


@pytest.fixture
def network() -> Network:
    return Network(TOWNSHIP, VILLAGE)


def own(node: Node, kind: str) -> list[Struct]:
    """House-keeping of one kind in a node's own journals, in order."""
    held = [entry for entry in run(node.store.entries_of_kind(kind)) if entry.journal.origin == node.id]
    return [decode_line(kind, entry.body or b"") for entry in held]


# --- receipts --------------------------------------------------------------------------------------------------------


def test_one_receipt_lists_everything_an_exchange_brought(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    village.start()
    village.write(b"two")
    network.talk(village, township)
    (receipt,) = own(township, KIND_RECEIPTED)
    assert isinstance(receipt, Receipted)
    heads = {head.epoch: head for head in receipt.heads if head.origin == village.id}
    assert len(heads) == 2
    for journal, tip in village.books.tips.items():
        if journal.origin == village.id:
            assert heads[journal.epoch].root == root_of(entry.hash for entry in township.held(journal))
            assert heads[journal.epoch].size <= tip.size


def test_a_receipt_counts_only_under_the_holders_own_cosigner_key(network: Network) -> None:
    township = network[TOWNSHIP]
    keyring = township.books.keyring
    head = JournalHead(network[VILLAGE].id, network[VILLAGE].journal.epoch, 3, b"r" * 32)
    good = receipts.issue(township.signer, "cangxi", TOWNSHIP, Instant(1_700_000_000_123), [head])
    assert receipts.is_good(keyring, "cangxi", good)
    bad = [
        replace(good, at=Instant(good.at + 1000)),
        replace(good, office=VILLAGE),
        replace(good, holder=network[COUNTY].id),
        replace(good, holder=NodeId("a" * 16)),
        replace(good, heads=[replace(head, size=4)]),
        replace(good, heads=[]),
        replace(good, heads=[head] * (receipts.RECEIPT_HEADS_MAX + 1)),
        replace(good, signature=bytes(64)),
        replace(good, at=Instant(-1)),
    ]
    assert not any(receipts.is_good(keyring, "cangxi", receipt) for receipt in bad)
    assert not receipts.is_good(keyring, "another county", good)


def test_a_clock_before_1970_still_gives_receipts(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    network.clock.set(-(10**12))
    village.write(b"one")
    network.talk(village, township)
    rows = run(village.store.receipts(village.journal))
    assert [row.at for row in rows] == [0]


def test_receipts_grow_and_never_shrink(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    for body in (b"one", b"two"):
        village.write(body)
        network.talk(village, township)
    (row,) = [found for found in run(village.store.receipts(village.journal)) if found.holder == township.id]
    assert row.size == village.tip(village.journal).size


# --- pins and beacons ------------------------------------------------------------------------------------------------


def test_a_village_pins_what_came_down_with_the_next_work_it_sends(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    first, second = township.write(b"one", b"two")
    network.talk(village, township)
    assert own(village, KIND_PINNED) == []
    village.write(b"filed")
    network.talk(village, township)
    (pin,) = own(village, KIND_PINNED)
    running = sha256(bytes(32) + first.hash).digest()
    assert pin == Pinned(township.id, 2, sha256(running + second.hash).digest(), None)


def test_each_beacon_is_pinned_once_and_brings_no_talk_of_its_own(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    beacon = run(county.ledger.light_beacon())
    assert beacon.kind == KIND_BEACON
    network.settle(village)
    network.settle(village)
    pins = own(village, KIND_PINNED)
    assert [pin.beacon_at for pin in pins if isinstance(pin, Pinned)] == [decode(beacon.body or b"", Beacon).at]
    village.start()
    network.settle(village)
    assert len(own(village, KIND_PINNED)) == 1


def test_one_boot_of_the_county_in_2036_does_not_end_the_pinning_of_beacons(network: Network) -> None:
    """RULINGS A6: the clock is a claim, also the county's; the beacon that came last counts."""
    village, county = network[VILLAGE], network[COUNTY]
    good = network.clock.now()
    lit: list[Instant] = []
    for at in (good + 10 * 365 * 86_400_000, good + 86_400_000, good + 2 * 86_400_000):
        network.clock.set(at)
        lit.append(decode(run(county.ledger.light_beacon()).body or b"", Beacon).at)
        network.settle_all()
        village.start()
        assert village.books.beacon_at == lit[-1]
    network.settle_all()
    held = [entry for entry in run(village.store.entries_of_kind(KIND_PINNED)) if entry.journal.origin == village.id]
    assert [decode(entry.body or b"", Pinned).beacon_at for entry in held] == lit


def test_a_beacon_states_all_heads_in_one_root(network: Network) -> None:
    county = network[COUNTY]
    heads = sorted((journal, tip) for journal, tip in county.books.tips.items() if tip.size)
    entry = run(county.ledger.light_beacon())
    leaves = [encode(JournalHead(j.origin, j.epoch, tip.size, tip.frontier.root())) for j, tip in heads]
    assert decode(entry.body or b"", Beacon) == Beacon(
        decode(entry.body or b"", Beacon).at, len(heads), root_of(leaves)
    )


def test_nobody_but_the_county_lights_a_beacon(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    with refused(LocalFault, "not_county"):
        run(village.ledger.light_beacon())
    entry = village.write_line(KIND_BEACON, Beacon(Instant(2**52), 1, bytes(32)))
    network.settle(village)
    for node in network.nodes.values():
        if (entry.journal, entry.seq) in node.states():
            assert node.states()[(entry.journal, entry.seq)] == ("quarantined", "unbelieved_beacon")
        assert node.books.beacon_at == 0
    county.start()
    assert county.books.beacon_at == 0
    run(county.ledger.light_beacon())
    network.settle(village)
    assert len([pin for pin in own(village, KIND_PINNED) if isinstance(pin, Pinned) and pin.beacon_at]) == 1


# --- releases --------------------------------------------------------------------------------------------------------


def held_after_revocation(network: Network) -> tuple[Node, JournalId, int]:
    """A village's entry that reached the county past the position to which its device is believed."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    network.settle(village)
    county.revoke(village, size(village.journal, village.tip(village.journal).size))
    (entry,) = village.write(b"honest after all")
    network.talk(village, township)  # the township has not heard of it yet
    network.talk(township, county)
    assert county.states()[(entry.journal, entry.seq)] == ("held", "revoked")
    assert county.reader.folded == []
    return county, entry.journal, entry.seq


def test_a_person_above_releases_what_a_revocation_held(network: Network) -> None:
    county, journal, seq = held_after_revocation(network)
    released = Released(journal.origin, journal.epoch, seq, county.held(journal)[seq].hash)
    county.write_line(KIND_RELEASED, released)
    assert (journal, seq) not in county.states()
    assert [entry.body for entry in county.reader.folded] == [b"honest after all"]
    county.start()
    assert county.books.counts(county.held(journal)[seq])


def test_a_release_from_below_or_beside_is_shown_and_releases_nothing(network: Network) -> None:
    county, journal, seq = held_after_revocation(network)
    village, township = network[VILLAGE], network[TOWNSHIP]
    released = Released(journal.origin, journal.epoch, seq, county.held(journal)[seq].hash)
    entry = village.write_line(KIND_RELEASED, released)
    assert village.states()[(entry.journal, entry.seq)] == ("quarantined", "unbelieved_release")
    network.talk(township, county)
    assert county.states()[(journal, seq)] == ("held", "revoked")
    for node in (village, township, county):
        node.start()
        assert not node.books.released


# --- what cannot be read or believed ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(LINE_BODIES))
def test_a_body_of_a_newer_version_is_kept_and_no_node_is_stopped_by_it(network: Network, kind: str) -> None:
    """It is stored, relayed and shown; and every node that holds it can still start."""
    village, county = network[VILLAGE], network[COUNTY]
    (entry,) = village.write(b"\xc1 not what this version reads", kind=kind)
    network.settle(village)
    assert county.held(entry.journal)[entry.seq].body == entry.body
    assert county.states()[(entry.journal, entry.seq)] == ("unknown", "newer_body")
    for node in network.nodes.values():
        node.start()
    network.settle_all()
    village.write(b"filed")
    network.settle_all()
    assert county.bodies()[-1:] == [b"filed"]


SOMEBODY, EPOCH = NodeId("a" * 16), Epoch(1, b"nonce1")
CHECKPOINT = Checkpoint(1, bytes(32), bytes(64))

IMPOSSIBLE: list[tuple[str, Struct]] = [
    (KIND_EPOCH_OPENED, EpochOpened(VILLAGE, Parent(Epoch(1, b"short"), 1, bytes(32), CHECKPOINT), False, "")),
    (KIND_EPOCH_OPENED, EpochOpened(VILLAGE, Parent(EPOCH, 2**63, bytes(32), CHECKPOINT), False, "")),
    (KIND_EPOCH_OPENED, EpochOpened(VILLAGE, Parent(EPOCH, -1, bytes(32), CHECKPOINT), False, "")),
    (KIND_RECEIPTED, Receipted(SOMEBODY, VILLAGE, Instant(0), [JournalHead(SOMEBODY, EPOCH, 2**63, b"")], b"")),
    (KIND_RECEIPTED, Receipted(SOMEBODY, VILLAGE, Instant(2**63), [], b"")),
    (KIND_RECEIPTED, Receipted(SOMEBODY, VILLAGE, Instant(0), [JournalHead(NodeId("Ä"), EPOCH, 1, b"")], b"")),
    (KIND_REVOKED, Revoked(SOMEBODY, [Size(SOMEBODY, Epoch(2**32, b"nonce1"), 1)], "")),
    (KIND_RELEASED, Released(NodeId("\x00"), EPOCH, 1, bytes(32))),
    (KIND_PINNED, Pinned(SOMEBODY, -1, bytes(32))),
    (KIND_PINNED, Pinned(SOMEBODY, 1, bytes(32), Instant(2**60))),
    (KIND_BEACON, Beacon(Instant(2**60), 1, bytes(32))),
]


@pytest.mark.parametrize(("kind", "body"), IMPOSSIBLE)
def test_impossible_names_and_numbers_are_not_believed(network: Network, kind: str, body: Struct) -> None:
    with pytest.raises(Malformed, match="malformed_line"):
        decode_line(kind, encode(body))
    village, county = network[VILLAGE], network[COUNTY]
    entry = village.write_line(kind, body)
    network.settle(village)
    assert county.states()[(entry.journal, entry.seq)] == ("unknown", "newer_body")
    assert not any(state.wanted > 1000 for state in county.books.journals.values())


def test_an_opening_in_the_middle_of_a_journal_opens_nothing(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    village.write(b"filed")
    forgetful = EpochOpened(VILLAGE, Parent(village.journal.epoch, 1, bytes(32), CHECKPOINT), False, "")
    village.write_line(KIND_EPOCH_OPENED, forgetful)
    network.settle(village)
    assert county.findings("rollback") == []
    assert not county.books.sealed.get(village.journal)


def test_enrolments_through_somebody_elses_journal_are_not_believed(network: Network) -> None:
    """A stolen township key signs certificates; without a position in the township's journal they count for nothing."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    accomplice = network.new_signer()
    certificate = network.certify(VILLAGE, accomplice, township, replaces=village.id)
    entry = village.write_line(KIND_ENROLLED, LINE_BODIES[KIND_ENROLLED](certificate))
    network.settle(village)
    assert county.states()[(entry.journal, entry.seq)] == ("quarantined", "unbelieved_enrolment")
    assert township.books.children[VILLAGE] == village.id
    assert township.books.seat_of_node(accomplice.node) is None
    for node in network.nodes.values():
        node.start()
        assert node.books.seat_of_node(accomplice.node) is None


def test_a_countersignature_goes_to_the_township_it_is_about(network: Network) -> None:
    township, county = network[TOWNSHIP], network[COUNTY]
    county.write_line(KIND_COUNTERSIGNED, Countersigned(township.id))
    network.talk(township, county)
    assert [entry.kind for entry in run(township.store.entries_of_kind(KIND_COUNTERSIGNED))] == [KIND_COUNTERSIGNED]
    entry = county.write_line(KIND_COUNTERSIGNED, Countersigned(NodeId("a" * 16)))
    assert all(
        found.seq != entry.seq
        for found in county.store.tables.outbox.get((township.id, Lane.EXCERPTS, entry.journal.epoch), [])
    )


def test_house_keeping_is_told_by_its_name() -> None:
    assert is_line("line.anything/9")
    assert not is_line("case.filed")
    assert not is_line("lines")
