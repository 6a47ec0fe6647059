"""Watermarks: what the county says it holds of a seat and sent to it, what the seat makes of it, and who could lie."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from schemas.codec import (
    ENTRY_BODY_BYTES_MAX,
    MISSING_STATED_MAX,
    WATERMARK_ADDRESSED_MAX,
    WATERMARK_BELOW_MAX,
    WATERMARK_HEADS_MAX,
    WATERMARK_PATH_MAX,
    Malformed,
    decode,
    encode,
)
from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId
from schemas.wire import (
    KIND_BEACON,
    KIND_PINNED,
    KIND_RECEIPTED,
    KIND_WATERMARKED,
    LINE_BODIES,
    Addressed,
    Beacon,
    JournalHead,
    Lane,
    Pinned,
    ProvedHead,
    Receipted,
    Watermarked,
    decode_line,
)
from sync import lighting, watermarks
from sync.core.merkle import inclusion_proof, inclusion_proofs, root_of, verify_inclusion
from sync.excerpts import post_excerpts
from sync.housekeeping import encode_pin
from sync.ports import Heard, Stored
from sync.rules import Rules
from sync.watermarks import prefix_of, prefixes_in, run_over
from tests.support.network import COUNTY, SECOND_VILLAGE, TOWNSHIP, VILLAGE, Network, Node, run

DAY_MS = 86_400_000


@pytest.fixture
def network() -> Network:
    return Network(TOWNSHIP, VILLAGE, readers=frozenset({COUNTY, TOWNSHIP, VILLAGE}))


def light(network: Network) -> list[Watermarked]:
    """The county's day begins; what it told whom."""
    county = network[COUNTY]
    before = county.books.arrival
    run(county.ledger.light_beacon())
    written = [entry for entry in run(county.store.entries_of_kind(KIND_WATERMARKED)) if entry.arrival > before]
    return [said(entry) for entry in written]


def said(entry: Stored) -> Watermarked:
    return decode(entry.body or b"", Watermarked)


def told_to(office: OfficeId, written: Sequence[Watermarked]) -> Watermarked:
    (one,) = [watermark for watermark in written if watermark.office == office]
    return one


def heard_by(node: Node) -> Heard:
    found = watermarks.heard(node.books)
    assert found is not None
    return found


def last_pin(node: Node) -> Pinned:
    held = [entry for entry in run(node.store.entries_of_kind(KIND_PINNED)) if entry.journal.origin == node.id]
    return decode(held[-1].body or b"", Pinned)


# --- what the county says --------------------------------------------------------------------------------------------


def test_a_village_is_told_how_far_the_county_holds_it_with_its_place_in_the_beacon(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    village.write(b"one", b"two")
    network.settle(village)
    watermark = told_to(VILLAGE, light(network))
    (beacon,) = run(county.store.entries_of_kind(KIND_BEACON))
    stated = decode(beacon.body or b"", Beacon)
    (proved,) = watermark.heads
    assert proved.head == JournalHead(village.id, village.journal.epoch, *_size_and_root(village))
    assert verify_inclusion(encode(proved.head), proved.index, stated.count, proved.path, stated.root)
    assert (watermark.beacon_at, watermark.below) == (stated.at, [])
    network.settle(village)
    assert heard_by(village).heads == [proved.head]
    assert village.findings() == network[TOWNSHIP].findings() == []


def _size_and_root(node: Node) -> tuple[int, bytes]:
    tip = node.tip(node.journal)
    return tip.size, tip.frontier.root()


def test_a_township_is_told_of_its_villages_too_without_paths(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    township.write(b"received")
    network.settle(village)
    watermark = told_to(TOWNSHIP, light(network))
    assert [proved.head.origin for proved in watermark.heads] == [township.id]
    assert [head.origin for head in watermark.below] == [village.id]
    network.settle(township)
    assert township.findings() == []


def test_what_went_to_a_village_is_listed_in_order_and_goes_on_from_day_to_day(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    light(network)
    received, granted = township.write(b"received", b"granted")
    network.settle(township)
    (asked,) = county.write(b"asked")
    first = told_to(VILLAGE, light(network)).addressed
    listed = prefixes_in(first.prefixes)
    assert [prefix for prefix in listed if prefix in {prefix_of(one.hash) for one in (received, granted, asked)}] == [
        prefix_of(received.hash),
        prefix_of(granted.hash),
        prefix_of(asked.hash),
    ]
    (closed,) = county.write(b"closed")
    second = told_to(VILLAGE, light(network)).addressed
    assert prefixes_in(second.prefixes) == [prefix_of(closed.hash)]
    assert second.count == first.count + 1
    assert second.running_hash == run_over(first.running_hash, [prefix_of(closed.hash)])
    network.settle_all()
    assert (heard_by(village).lacking, heard_by(village).skipped) == ([], 0)


def test_receipts_for_its_journals_are_listed_too(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    light(network)
    village.write(b"one")
    network.settle(village)
    (receipt,) = [
        entry
        for entry in run(township.store.entries_of_kind(KIND_RECEIPTED))
        if entry.journal.origin == township.id
        and village.journal.epoch in [head.epoch for head in decode(entry.body or b"", Receipted).heads]
    ]
    assert prefix_of(receipt.hash) in prefixes_in(told_to(VILLAGE, light(network)).addressed.prefixes)


def test_a_quiet_day_tells_nobody_anything_though_everybody_pins_the_beacon(network: Network) -> None:
    """RULINGS A9: house-keeping must not bring forth house-keeping."""
    network[VILLAGE].write(b"one")
    network.settle_all()
    light(network)
    network.settle_all()
    light(network)  # the receipts of the day before
    for _ in range(3):
        network.settle_all()
        assert light(network) == []
    assert last_pin(network[VILLAGE]).beacon_at == network[VILLAGE].books.beacon_at


def test_only_the_seat_meant_is_told(network: Network) -> None:
    second = network.enrol(SECOND_VILLAGE)
    network.settle_all()
    network[VILLAGE].write(b"one")
    network.settle_all()
    light(network)
    network.settle_all()
    kept = {said(entry).office for entry in run(second.store.entries_of_kind(KIND_WATERMARKED))}
    assert kept <= {SECOND_VILLAGE}
    assert {said(entry).office for entry in run(network[VILLAGE].store.entries_of_kind(KIND_WATERMARKED))} == {VILLAGE}


def test_more_than_fits_one_body_follows_on_the_next_days(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lighting, "WATERMARK_ADDRESSED_MAX", 3)
    monkeypatch.setattr(lighting, "WATERMARK_HEADS_MAX", 1)
    village, township = network[VILLAGE], network[TOWNSHIP]
    light(network)
    network.settle_all()
    village.write(b"one")
    village.start()
    village.write(b"two")
    written = township.write(*(bytes([number]) for number in range(7)))
    network.settle_all()
    days = [told_to(VILLAGE, light(network)) for _ in range(3)]
    listed = [prefix for day in days for prefix in prefixes_in(day.addressed.prefixes)]
    assert max(len(prefixes_in(day.addressed.prefixes)) for day in days) == 3
    assert {prefix_of(entry.hash) for entry in written} <= set(listed)
    assert days[-1].addressed.count == len(listed) + days[0].addressed.count - 3
    heads = [proved.head.epoch for day in days for proved in day.heads]
    assert len(heads) == len(set(heads)) == 2
    network.settle_all()
    assert (heard_by(village).lacking, heard_by(village).skipped) == ([], 0)


def test_the_fullest_watermark_fits_an_entry() -> None:
    head = JournalHead(NodeId("a" * 16), Epoch(2**32 - 1, bytes(6)), 2**53, bytes(32))
    proved = ProvedHead(head, 2**32, [bytes(32)] * WATERMARK_PATH_MAX)
    addressed = Addressed(2**53, bytes(32), bytes(8 * WATERMARK_ADDRESSED_MAX))
    body = encode(
        Watermarked(VILLAGE, Instant(2**53), [proved] * WATERMARK_HEADS_MAX, [head] * WATERMARK_BELOW_MAX, addressed)
    )
    assert len(body) < ENTRY_BODY_BYTES_MAX


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 100])
def test_many_paths_at_once_are_the_paths_one_by_one(size: int) -> None:
    leaves = [bytes([number]) for number in range(size)]
    root, paths = inclusion_proofs(leaves, range(size))
    assert root == root_of(leaves)
    assert paths == [inclusion_proof(leaves, index, size) for index in range(size)]


def test_no_path_is_made_for_what_is_not_there() -> None:
    assert inclusion_proofs([], []) == (root_of([]), [])
    for index in (-1, 2):
        with pytest.raises(ValueError, match="not every one"):
            inclusion_proofs([b"a", b"b"], [index])


# --- starts, restores, replaced and old devices ----------------------------------------------------------------------


def test_a_start_of_the_county_goes_on_where_it_stood(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    light(network)
    county.write(b"asked")
    first = told_to(VILLAGE, light(network)).addressed
    county.start()
    county.write(b"asked again")
    second = told_to(VILLAGE, light(network)).addressed
    assert second.count == first.count + len(prefixes_in(second.prefixes))
    network.settle_all()
    assert (heard_by(village).lacking, heard_by(village).skipped) == ([], 0)


def test_a_restored_county_accuses_nobody_and_is_not_accused(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    village.write(b"one")
    network.settle_all()
    light(network)
    network.settle_all()
    backup = county.store.copy()
    for _ in range(3):
        village.write(b"more")
        county.write(b"asked")
        network.settle_all()
        light(network)
    network.settle_all()
    county.start(backup, restored=True)
    light(network)
    network.settle_all()
    village.write(b"after")
    network.settle_all()
    light(network)
    held = county.tip(village.journal).size
    network.settle_all()
    assert heard_by(village).lacking == []
    assert not watermarks.FINDINGS & {*village.findings(), *network[TOWNSHIP].findings(), *county.findings()}
    assert heard_by(village).heads[-1].size == held


def test_what_a_village_heard_survives_its_start_and_a_new_device_above(network: Network) -> None:
    village = network[VILLAGE]
    village.write(b"one")
    network.settle_all()
    light(network)
    network.settle_all()
    before = heard_by(village)
    village.start()
    assert heard_by(village) == before
    village.books.adopt_parent(NodeId("b" * 16))
    assert heard_by(village) == before


def test_a_replaced_village_device_begins_with_the_next_watermark(network: Network) -> None:
    lost = network[VILLAGE]
    lost.write(b"one")
    network.settle_all()
    light(network)
    network.settle_all()
    village = network.enrol(VILLAGE, replaces=lost)
    network.settle_all()
    assert watermarks.heard(village.books) is None
    village.write(b"two")
    network.settle_all()
    light(network)
    network.settle_all()
    assert [head.origin for head in heard_by(village).heads] == [village.id]
    assert (heard_by(village).lacking, heard_by(village).skipped) == ([], 0)


def test_a_rolled_back_village_learns_from_the_county_what_it_forgot(network: Network) -> None:
    """Its township was restored with it and states nothing; the county's watermark is the first to say it."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    network.settle_all()
    backup = village.store.copy()
    village.write(b"two")
    network.settle_all()
    forgotten = village.journal
    watermark = light(network)
    network.talk(township, network[COUNTY])
    village.start(backup)
    (entry,) = [
        one for one in run(township.store.entries_of_kind(KIND_WATERMARKED)) if said(one) == told_to(VILLAGE, watermark)
    ]
    run(_hear(village, entry))
    assert village.findings("county_ahead") == ["county_ahead"]
    run(_hear(village, replace(entry, seq=entry.seq + 1)))
    assert village.findings("county_ahead") == ["county_ahead"], "once, for it is asked for now"
    network.settle_all()
    assert village.tip(forgotten).size == network[COUNTY].tip(forgotten).size


async def _hear(node: Node, entry: Stored) -> None:
    """The entry as it comes, without a page around it."""
    await watermarks.hear(node.books, entry, said(entry))
    await node.ledger.commit()


def test_an_older_watermark_that_comes_late_changes_nothing(network: Network) -> None:
    village = network[VILLAGE]
    for body in (b"one", b"two"):
        village.write(body)
        network.settle_all()
        light(network)
        network.settle_all()
    before = heard_by(village)
    for entry in run(village.store.entries_of_kind(KIND_WATERMARKED)):
        run(_hear(village, entry))
    assert heard_by(village) == before


# --- withholding -----------------------------------------------------------------------------------------------------


def withhold(network: Network, hidden: bytes) -> None:
    """From now on the township keeps every entry with this body from the village."""
    township = network[TOWNSHIP]
    post = township.books.post

    def post_others(neighbour: NodeId, lane: Lane, journal: JournalId, seq: int, count: int = 1) -> None:
        held = [entry for entry in township.books.batch.entries if (entry.journal, entry.seq) == (journal, seq)]
        if neighbour == network[VILLAGE].id and held and held[0].body == hidden:
            return
        post(neighbour, lane, journal, seq, count)

    township.books.post = post_others


def test_what_the_township_kept_back_is_said_in_the_next_pin_and_forgotten_when_it_comes(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    light(network)
    withhold(network, b"refused")
    (hidden,) = county.write(b"refused")
    light(network)
    network.settle_all()
    assert [prefix for prefix, _ in heard_by(village).lacking] == [prefix_of(hidden.hash)]
    pin = last_pin(village)
    assert (pin.missing, pin.watermark) == ([prefix_of(hidden.hash)], heard_by(village).mark)
    assert pin.beacon_at == village.books.beacon_at
    assert heard_by(village).lacking[0][1] == pin.beacon_at
    township.start()
    run(_send_again(township, village, hidden))
    network.settle_all()
    assert heard_by(village).lacking == []
    light(network)
    network.settle_all()
    assert last_pin(village).missing == []


async def _send_again(township: Node, village: Node, entry: Stored) -> None:
    await post_excerpts(township.books, village.id, [entry])
    await township.ledger.commit()


def test_a_watermark_that_was_kept_back_shows_in_the_next_one_and_in_the_pins(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    light(network)
    county.write(b"asked")
    light(network)
    network.settle_all()
    mark = heard_by(village).mark
    county.write(b"refused")
    (kept_back,) = [
        entry
        for entry in (light(network), run(county.store.entries_of_kind(KIND_WATERMARKED)))[1]
        if said(entry).office == VILLAGE
    ][-1:]
    withhold(network, kept_back.body or b"")
    network.settle_all()
    assert (last_pin(village).watermark, last_pin(village).beacon_at) == (mark, village.books.beacon_at)
    county.write(b"asked again")
    light(network)
    network.settle_all()
    assert heard_by(village).skipped == 1


def test_a_pin_names_no_more_than_its_limit_and_the_oldest_first(network: Network) -> None:
    village = network[VILLAGE]
    memory = watermarks.memory_of(village.books)
    lacking = [(number.to_bytes(8, "big"), Instant(number)) for number in range(100)]
    place = JournalId(network[COUNTY].id, network[COUNTY].journal.epoch)
    memory.heard = Heard(b"m" * 8, place, 1, Instant(1), Instant(1), 100, bytes(32), lacking=lacking)
    missing, mark = watermarks.stated_missing(village.books)
    assert (len(missing), missing[0], mark) == (MISSING_STATED_MAX, bytes(8), b"m" * 8)


# --- pins ------------------------------------------------------------------------------------------------------------


def test_a_pin_says_when_the_office_above_last_receipted_us(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    network.talk(village, township)
    (row,) = [row for row in run(village.store.receipts(village.journal)) if row.holder == township.id]
    township.write(b"received")
    network.talk(village, township)
    village.write(b"two")
    network.talk(village, township)
    assert last_pin(village).receipted_at == row.at


def test_a_pin_that_says_nothing_new_is_written_as_the_first_release_wrote_it() -> None:
    pin = Pinned(NodeId("a" * 16), 2, bytes(32), Instant(5))
    assert encode_pin(pin) == encode([pin.neighbour, 2, bytes(32), 5])
    assert decode(encode_pin(replace(pin, watermark=b"m" * 8)), Pinned) == replace(pin, watermark=b"m" * 8)
    assert decode(encode_pin(replace(pin, receipted_at=Instant(3))), Pinned).receipted_at == 3


# --- false ones ------------------------------------------------------------------------------------------------------


def test_nobody_but_the_county_writes_watermarks(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    false = Watermarked(VILLAGE, Instant(1), [], [], Addressed(1, bytes(32), b"x" * 8))
    entry = township.write_line(KIND_WATERMARKED, false)
    network.settle_all()
    assert watermarks.heard(village.books) is None
    assert network[COUNTY].states()[(entry.journal, entry.seq)] == ("quarantined", "unbelieved_watermark")
    assert (entry.journal, entry.seq) not in [
        (held.journal, held.seq) for held in run(village.store.entries_of_kind(KIND_WATERMARKED))
    ]


def county_says(network: Network, watermark: Watermarked) -> Node:
    """A county whose program lies; what the village made of it."""
    network[COUNTY].write_line(KIND_WATERMARKED, watermark)
    network.settle_all()
    return network[VILLAGE]


NOTHING = Addressed(0, bytes(32), b"")


def test_a_head_with_another_root_is_a_finding_at_both_below(network: Network) -> None:
    village = network[VILLAGE]
    village.write(b"one")
    network.settle_all()
    other = JournalHead(village.id, village.journal.epoch, 2, b"?" * 32)
    at = Instant(5)
    assert county_says(network, Watermarked(VILLAGE, at, [ProvedHead(other, 0, [])], [], NOTHING)).findings() == [
        "other_head"
    ]
    county_says(network, Watermarked(TOWNSHIP, at, [], [other], NOTHING))
    assert network[TOWNSHIP].findings() == ["other_head"]


def test_a_path_that_leads_elsewhere_than_the_beacon_is_a_finding(network: Network) -> None:
    village = network[VILLAGE]
    village.write(b"one")
    network.settle_all()
    watermark = told_to(VILLAGE, light(network))
    (proved,) = watermark.heads
    bad = replace(watermark, heads=[replace(proved, path=[bytes(32), *proved.path[1:]])])
    assert county_says(network, bad).findings() == ["false_path"]


def test_less_than_we_hold_is_no_finding(network: Network) -> None:
    village = network[VILLAGE]
    village.write(b"one", b"two")
    run(village.ledger.page_for(network[TOWNSHIP].id))
    network.settle_all()
    hashes = run(village.store.hashes(village.journal, 0, 2))
    head = JournalHead(village.id, village.journal.epoch, 2, root_of(hashes))
    watermark = Watermarked(VILLAGE, Instant(5), [ProvedHead(head, 0, [])], [], NOTHING)
    assert county_says(network, watermark).findings() == []


@pytest.mark.parametrize(
    "body",
    [
        replace(Watermarked(VILLAGE, Instant(2**60), [], [], NOTHING)),
        Watermarked(VILLAGE, Instant(1), [], [JournalHead(NodeId("?"), Epoch(1, bytes(6)), 1, bytes(32))], NOTHING),
        Watermarked(VILLAGE, Instant(1), [], [], replace(NOTHING, count=-1)),
        Watermarked(VILLAGE, Instant(1), [], [], replace(NOTHING, prefixes=bytes(8 * WATERMARK_ADDRESSED_MAX + 8))),
        Watermarked(VILLAGE, Instant(1), [], [], replace(NOTHING, running_hash=b"short")),
        Watermarked(
            VILLAGE,
            Instant(1),
            [ProvedHead(JournalHead(NodeId("a" * 16), Epoch(1, bytes(6)), 1, bytes(32)), -1, [])],
            [],
            NOTHING,
        ),
    ],
)
def test_impossible_watermarks_are_not_read(body: Watermarked) -> None:
    with pytest.raises(Malformed):
        decode_line(KIND_WATERMARKED, encode(body))


def test_a_list_that_ends_within_a_prefix_is_read_as_far_as_it_goes(network: Network) -> None:
    watermark = Watermarked(VILLAGE, Instant(5), [], [], Addressed(1, bytes(32), b"x" * 13))
    village = county_says(network, watermark)
    assert [prefix for prefix, _ in heard_by(village).lacking] == [b"x" * 8]


# --- mixed versions --------------------------------------------------------------------------------------------------


def test_below_a_township_that_knows_no_watermarks_nothing_is_heard_and_nothing_breaks(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node of the first release keeps the kind unread and does not pass it on."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(b"one")
    network.settle_all()
    light(network)
    without = {kind: body for kind, body in LINE_BODIES.items() if kind != KIND_WATERMARKED}
    monkeypatch.setattr("sync.housekeeping.LINE_BODIES", without)
    network.settle_all()
    assert run(township.store.entries_of_kind(KIND_WATERMARKED))
    assert not run(village.store.entries_of_kind(KIND_WATERMARKED))
    assert village.findings() == township.findings() == county.findings() == []
    assert last_pin(village).watermark is None


def test_without_the_rule_nobody_is_told(network: Network) -> None:
    network.rules = Rules(watermarks=False)
    for node in network.nodes.values():
        node.start()
    network[VILLAGE].write(b"one")
    network.settle_all()
    assert light(network) == []
