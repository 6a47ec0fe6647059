"""The one write path: pages that come in order, twice, above the cursor; cutting; and transactions that fail."""

import pytest
from msgspec.structs import replace

from schemas.codec import PAGE_ENTRIES_MAX
from schemas.names import CaseId, Epoch, NodeId
from schemas.wire import (
    Cursor,
    Lane,
    Want,
    attestation,
)
from sync import recovery
from sync.core.errors import Busy, GapFault, LocalFault, RemoteFault, UnknownSender
from sync.core.journal import CHECKPOINT_ENTRIES_MAX, Draft
from sync.excerpts import excerpt_of
from sync.ports import Batch
from tests.support.network import (
    COUNTY,
    SECOND_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    Network,
    Node,
    refused,
    run,
    runs_of,
)

STRANGER = NodeId("a" * 16)


@pytest.fixture
def network() -> Network:
    return Network(TOWNSHIP, VILLAGE, real=True)


# --- the plain way up and down ---------------------------------------------------------------------------------------


def test_what_a_village_files_without_a_line_is_at_the_county_when_the_lines_are_back(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(b"one", b"two")
    village.write(b"three")
    network.settle(village)
    assert village.held(village.journal)[-3:] != []
    for node in (township, county):
        held = node.held(village.journal)
        assert [entry.hash for entry in held] == [entry.hash for entry in village.held(village.journal)]
        assert node.bodies() == [b"one", b"two", b"three"]
        assert not node.findings()
        assert node.balanced()


def test_the_village_gets_proof_hop_by_hop(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(b"one")
    network.talk(village, township)
    assert {row.holder for row in run(village.store.receipts(village.journal))} == {township.id}
    network.settle(village)
    rows = {row.holder: row for row in run(village.store.receipts(village.journal))}
    assert set(rows) == {township.id, county.id}
    assert rows[county.id].size >= village.held(village.journal)[-1].seq
    assert rows[county.id].office == COUNTY


def test_a_decision_comes_down_and_is_folded_once_everywhere(network: Network) -> None:
    network[VILLAGE].write(b"filing")
    network.settle(network[VILLAGE])
    (decision,) = network[COUNTY].write(b"granted", kind="case.decided")
    assert decision.signature is not None  # RULINGS A11: attested when written
    network.settle(network[VILLAGE])
    for node in network.nodes.values():
        assert node.bodies("case.decided") == [b"granted"]
        assert [entry.body for entry in node.reader.folded] == [b"filing", b"granted"]


def test_what_goes_only_up_is_not_attested(network: Network) -> None:
    assert network[VILLAGE].write(b"filing")[0].signature is None


def test_sending_everything_again_writes_no_row(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    page = village.page(township)
    assert township.admit(page).admitted >= 2
    rows = township.rows()
    again = township.admit(page)
    assert (again.admitted, again.refused) == (0, 0)
    assert again.duplicate >= 2
    assert township.rows() == rows
    assert township.balanced()


def test_an_excerpt_sent_again_writes_no_row(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    township.write(b"decided")
    page = township.page(village)
    village.admit(page)
    rows = village.rows()
    assert village.admit(page).admitted == 0
    assert village.rows() == rows


def test_nothing_is_left_to_say_when_everything_is_said(network: Network) -> None:
    network[VILLAGE].write(b"one")
    network.settle(network[VILLAGE])
    network.settle(network[VILLAGE])
    rows = {office: node.rows() for office, node in network.nodes.items()}
    network.settle_all()
    assert {office: node.rows() for office, node in network.nodes.items()} == rows


def test_two_villages_see_only_their_own_when_routing_says_so() -> None:
    network = Network(TOWNSHIP, VILLAGE, SECOND_VILLAGE, readers=frozenset({COUNTY, TOWNSHIP, VILLAGE}))
    network[VILLAGE].write(b"one")
    network.settle_all()
    assert network[SECOND_VILLAGE].bodies() == []
    assert network[COUNTY].bodies() == [b"one"]


def test_an_answer_that_was_lost_is_made_up_by_the_next_page(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    township.admit(village.page(township))
    village.link(township).exchange_failed()  # the reply never came
    village.write(b"two")
    page = village.page(township)
    assert [len(found.lines) for found in runs_of(page)] == [2]
    admission = township.admit(page)
    assert (admission.admitted, admission.duplicate) == (1, 1)
    assert township.bodies() == [b"one", b"two"]
    assert township.balanced()


# --- pages that cannot be taken --------------------------------------------------------------------------------------


def test_a_page_above_the_cursor_is_refused_whole_with_the_cursor(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    village.page(township)  # lost on the way, but the village does not know it
    village.write(b"two")
    rows = township.rows()
    with pytest.raises(GapFault) as caught:
        township.admit(village.page(township))
    assert township.rows() == rows
    stream = (int(Lane.RUNS), village.journal.epoch)
    stated = {(cursor.lane, cursor.epoch): cursor.number for cursor in caught.value.cursors}
    village.hear(township, caught.value)
    assert village.link(township).acknowledged[stream] == stated.get(stream, 0)
    network.talk(village, township)
    assert township.bodies() == [b"one", b"two"]


def test_a_page_for_another_device_is_not_ours(network: Network) -> None:
    page = replace(network[VILLAGE].page(network[TOWNSHIP]), receiver=STRANGER)
    with refused(RemoteFault, "wrong_receiver"):
        network[TOWNSHIP].admit(page)


def test_a_stranger_is_not_listened_to(network: Network) -> None:
    page = replace(network[VILLAGE].page(network[TOWNSHIP]), sender=STRANGER)
    with refused(UnknownSender, "unknown_sender"):
        network[TOWNSHIP].admit(page)
    with refused(UnknownSender, "unknown_neighbour"):
        run(network[TOWNSHIP].ledger.page_for(STRANGER))


def test_a_revoked_device_is_not_listened_to(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    page = village.page(township)
    township.revoke(village)
    with refused(UnknownSender, "revoked_device"):
        township.admit(page)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lane": Lane.PAPERS}, "malformed"),
        ({"first": 0}, "malformed"),
        ({"count": 0}, "malformed"),
        ({"count": 1025}, "wrong_count"),
        ({"count": 1}, "wrong_count"),
        ({"lane": Lane.EXCERPTS}, "wrong_count"),
    ],
)
def test_a_stretch_with_impossible_numbers_changes_nothing(
    network: Network, change: dict[str, object], code: str
) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    page = village.page(township)
    rows = township.rows()
    with refused(RemoteFault, code):
        township.admit(replace(page, stretches=[replace(page.stretches[0], **change)]))
    assert township.rows() == rows
    assert township.admit(page).admitted == 2


# --- checkpoints and cutting -----------------------------------------------------------------------------------------


def test_the_origin_signs_every_64_entries_and_every_16_kib(network: Network) -> None:
    village = network[VILLAGE]
    village.write(*[b"x"] * (CHECKPOINT_ENTRIES_MAX + 5))
    sizes = [found.size for found in run(village.store.checkpoints(village.journal, 0, 1000))]
    assert sizes[-1] - sizes[-2] == CHECKPOINT_ENTRIES_MAX
    before = len(sizes)
    village.write(b"x" * 17_000)
    assert len(run(village.store.checkpoints(village.journal, 0, 1000))) == before + 1


def test_what_names_the_entry_before_it_has_its_hash_also_behind_a_checkpoint(network: Network) -> None:
    village = network[VILLAGE]
    chained = Draft("case.filed", network.case, b"after nothing", lambda link: b"after " + link)

    async def drafting() -> list[Draft]:
        return [Draft("case.filed", network.case, b"first"), *[chained] * CHECKPOINT_ENTRIES_MAX]

    written = run(village.ledger.record(drafting))
    assert [entry.body for entry in written] == [b"first", *(b"after " + entry.hash for entry in written[:-1])]
    assert village.held(village.journal)[-len(written) :] == written
    checkpoints = run(village.store.checkpoints(village.journal, 0, 999))
    assert checkpoints[-1].size == written[-1].seq, "the last one stands behind it"


def test_more_than_a_page_holds_goes_in_several(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(*[f"{number}".encode() for number in range(2 * PAGE_ENTRIES_MAX + 7)])
    page = village.page(township)
    assert page.more
    assert page.stretches[0].count <= PAGE_ENTRIES_MAX
    township.admit(page)
    assert network.talk(village, township) >= 2
    network.settle(village)
    assert len(county.bodies()) == 2 * PAGE_ENTRIES_MAX + 7
    assert not county.findings()


def test_a_relay_cuts_only_where_the_owner_signed_even_at_the_smallest_page(network: Network) -> None:
    """RULINGS A3: a time-out halves down to one checkpoint, not below."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(*[b"x"] * 200)
    network.talk(village, township)
    link = township.link(county)
    for _ in range(20):
        link.exchange_failed()
    assert link.page_entries == 1
    seen: list[int] = []
    while link.unsent(Lane.RUNS):
        page = township.page(county)
        seen += [len(found.lines) for found in runs_of(page) if found.origin == village.id]
        assert county.admit(page).refused == 0
    assert max(seen) <= CHECKPOINT_ENTRIES_MAX
    assert len(county.bodies()) == 200


def test_a_checkpoint_that_nobody_can_use_costs_no_entry_further_up(network: Network) -> None:
    """Of a run only its newest checkpoint is verified: a relay on a thin line must not cut at one that is no good."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    for part in range(8):
        village.write(*[f"{part} {number}".encode() for number in range(10)])
        village.ledger.sign_tip()
        run(village.ledger.commit())
    page = village.page(township)
    (stretch,) = [stretch for stretch in page.stretches if stretch.lane == Lane.RUNS]
    (only,) = stretch.runs
    spoilt = [replace(checkpoint, signature=bytes(64)) for checkpoint in only.checkpoints[:-1]]
    changed = replace(only, checkpoints=[*spoilt, only.checkpoints[-1]])
    assert township.admit(replace(page, stretches=[replace(stretch, runs=[changed])])).codes == []
    village.write(b"later")
    network.talk(village, township)
    township.link(county).page_entries = 5
    network.talk(township, county)
    assert county.bodies() == township.bodies()
    assert county.findings() == []
    # And what is shown alone is proved by a checkpoint that is good, as is what is asked for.
    excerpt = run(excerpt_of(township.books, township.held(village.journal)[3]))
    assert excerpt.proof is not None
    assert township.books.verify_checkpoint(village.journal, excerpt.proof.checkpoint)
    township.books.asked[county.id] = [Want(village.id, village.journal.epoch, 0, 5)]
    (answer,) = run(recovery.answers_for(township.books, township.link(county)))
    assert answer.run is not None
    assert township.books.verify_checkpoint(village.journal, answer.run.checkpoints[-1])


def test_a_village_may_cut_its_own_journal_anywhere_by_signing_there(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(*[b"x"] * 10)
    village.link(township).page_entries = 3
    page = village.page(township)
    assert [len(found.lines) for found in runs_of(page)] == [3]
    assert township.admit(page).admitted == 3
    network.talk(village, township)
    assert len(township.bodies()) == 10


# --- transactions ----------------------------------------------------------------------------------------------------


def test_a_refused_act_writes_nothing_and_the_others_of_its_group_are_kept(network: Network) -> None:
    village = network[VILLAGE]

    async def good() -> list[Draft]:
        return [Draft("case.filed", network.case, b"good")]

    async def bad() -> list[Draft]:
        raise ValueError("not permitted")

    ledger = village.ledger
    first, refusal, second = run(
        ledger.perform(
            [lambda: ledger.stage_record(good), lambda: ledger.stage_record(bad), lambda: ledger.stage_record(good)]
        )
    )
    assert isinstance(refusal, ValueError)
    assert not isinstance(first, Exception)
    assert not isinstance(second, Exception)
    assert village.bodies() == [b"good", b"good"]
    with pytest.raises(ValueError, match="not permitted"):
        run(ledger.record(bad))


def test_a_full_disk_loses_nothing_that_was_held_and_the_page_comes_again(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    network.talk(village, township)
    village.write(b"two")
    page = village.page(township)
    rows = township.rows()

    def full(batch: Batch) -> None:
        raise OSError("no space left on device")

    township.store.before_commit = full
    with pytest.raises(OSError, match="no space"):
        township.admit(page)
    assert township.rows() == rows
    township.store.before_commit = None
    assert township.admit(page).admitted == 1
    assert township.bodies() == [b"one", b"two"]
    assert township.balanced()


def test_faults_carry_their_refusal() -> None:
    fault = Busy(
        "queue_full", "the queue is full; try again", cursors=[Cursor(1, Epoch(1, b"nonce1"), 3)], retry_after_s=7
    )
    refusal = fault.refusal()
    assert (refusal.code, refusal.retry_after_s, refusal.cursors[0].number) == ("queue_full", 7, 3)
    assert (fault.status, GapFault("gap", "x").status, UnknownSender("x", "y").status) == (503, 409, 403)


def test_nothing_is_written_before_the_pen_is_taken_up() -> None:
    network = Network()
    node = Node(network, VILLAGE, network.new_signer(), network[COUNTY].chain[:1])
    with refused(LocalFault, "no_epoch"):
        _ = node.books.own


def test_an_attested_entry_is_signed_over_its_own_title(network: Network) -> None:
    """So that no signature over an entry can be shown as one over a checkpoint or a certificate."""
    (entry,) = network[TOWNSHIP].write(b"decided")
    assert attestation(entry.hash) == b"tongban attested entry\n" + entry.hash


def test_entries_of_cases_that_gain_readers_go_to_them_once(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    other = CaseId(b"o" * 16)
    for node in network.nodes.values():
        node.reader.audience = frozenset({COUNTY, TOWNSHIP})
    township.write(b"kept in the house", case=other)
    network.talk(village, township)
    assert village.bodies() == []
    township.reader.audience = frozenset({COUNTY, TOWNSHIP, VILLAGE})
    township.reader.shared = [(other, frozenset({VILLAGE}))]
    township.write(b"offered to the village", case=other)
    network.talk(village, township)
    assert village.bodies() == [b"kept in the house", b"offered to the village"]
    township.reader.shared = [(other, frozenset({VILLAGE}))]
    township.write(b"again", case=other)
    network.talk(village, township)
    assert village.bodies() == [b"kept in the house", b"offered to the village", b"again"]
