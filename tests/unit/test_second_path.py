"""The second path: a village whose township is silent speaks with the county, for itself alone."""

import pytest
from msgspec.structs import replace

from schemas.codec import decode
from schemas.names import Epoch, Instant, JournalId, NodeId
from schemas.wire import KIND_BEACON, KIND_PINNED, KIND_RECEIPTED, KIND_WATERMARKED, Answer, Excerpt, Lane, Pinned, Want
from sync import second_path, session, watermarks
from sync.core.errors import RemoteFault, UnknownSender
from sync.core.link import Link
from sync.excerpts import Piece, run_of
from sync.paging import Load
from sync.second_path import SILENT_MS, is_called_for, silence
from sync.usb import take_in, write_bundle
from sync.watermarks import prefix_of
from tests.support.network import (
    COUNTY,
    FAR_VILLAGE,
    SECOND_TOWNSHIP,
    SECOND_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    Network,
    Node,
    refused,
    run,
    says_something,
    size,
)

EXCHANGES_MAX = 20


@pytest.fixture
def network() -> Network:
    network = Network(TOWNSHIP, VILLAGE, readers=frozenset({COUNTY, TOWNSHIP, VILLAGE}))
    run(network[COUNTY].ledger.light_beacon())
    network.settle_all()
    return network


def speak(village: Node, county: Node) -> int:
    """A conversation over the second path, until nothing waits; how many exchanges it took."""
    second_path.meet(village.books, county.chain)
    for count in range(1, EXCHANGES_MAX):
        up = village.page(county)
        county.admit(up)
        down = county.page(village, receipts_due=not up.more)
        village.admit(down)
        if not (says_something(up) or says_something(down)):
            return count
    raise AssertionError("two nodes talk for ever")


Numbers = dict[tuple[int, Epoch], int]


def positions(link: Link) -> tuple[Numbers, Numbers, Numbers, int]:
    return dict(link.acknowledged), dict(link.held), dict(link.ends), link.heard_statement


# --- when ------------------------------------------------------------------------------------------------------------


def test_three_days_without_the_township_call_for_it_when_it_was_tried_in_vain(network: Network) -> None:
    village = network[VILLAGE].books
    now = Instant(network.clock.now() + SILENT_MS + 3_600_000)
    assert silence(village, network.clock.now()) == second_path.Silence(None, None)
    assert not is_called_for(village, network.clock.now(), failures=50)
    found = silence(village, now)
    assert found.township is not None
    assert found.county is not None
    assert not is_called_for(village, now, failures=2), "the computer was off: first the township is tried"
    assert is_called_for(village, now, failures=3)


def test_a_township_that_answers_and_passes_nothing_on_calls_for_it_too(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    network.clock.set(network.clock.now() + SILENT_MS)
    village.write(b"filed")
    network.talk(village, township)
    now = network.clock.now()
    found = silence(village.books, now)
    assert (found.township, found.county is not None) == (None, True)
    assert is_called_for(village.books, now, failures=0)
    assert not is_called_for(village.books, now, failures=1), "it was heard of a moment ago"
    run(network[COUNTY].ledger.light_beacon())
    network.settle(village)
    assert not is_called_for(village.books, network.clock.now(), failures=0)


def test_a_clock_that_once_stood_in_the_future_hides_no_silence(network: Network) -> None:
    village = network[VILLAGE]
    now = network.clock.now()
    network.clock.set(now + 10 * SILENT_MS)
    network.settle(village)
    assert silence(village.books, now).township is not None


def test_who_was_never_heard_is_not_silent(network: Network) -> None:
    fresh = network.enrol(SECOND_VILLAGE)
    later = Instant(network.clock.now() + 10 * SILENT_MS)
    assert silence(fresh.books, later) == second_path.Silence(None, None)
    assert not is_called_for(fresh.books, later, failures=99)


def test_only_villages_have_a_second_path(network: Network) -> None:
    later = Instant(network.clock.now() + 10 * SILENT_MS)
    for office in (TOWNSHIP, COUNTY):
        books = network[office].books
        assert second_path.county_of(books) is None
        assert not is_called_for(books, later, failures=99)
    assert second_path.county_of(network[VILLAGE].books) == network[COUNTY].id


# --- what goes -------------------------------------------------------------------------------------------------------


def test_filings_reach_the_county_and_decisions_the_village_while_the_township_is_silent(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    filed = village.write(b"one", b"two")
    (decided,) = county.write(b"granted")
    run(county.ledger.light_beacon())
    speak(village, county)
    assert [entry.hash for entry in filed] == [entry.hash for entry in county.held(village.journal)[-3:-1]]
    assert village.bodies().count(b"granted") == 1
    assert decided.hash in [entry.hash for entry in village.held(county.journal)]
    assert village.books.beacon_at == county.books.beacon_at
    heard = watermarks.heard(village.books)
    assert heard is not None
    assert heard.lacking == []
    (receipt,) = [row for row in run(village.store.receipts(village.journal)) if row.holder == county.id]
    assert receipt.size > filed[-1].seq
    assert village.balanced()
    assert county.balanced()


def test_the_line_to_the_township_is_untouched_and_all_that_comes_by_it_later_is_held(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    before = positions(village.link(township)), positions(township.link(village))
    village.write(b"one")
    county.write(b"granted")
    speak(village, county)
    waiting = before[0][2]
    assert positions(village.link(township))[:2] == before[0][:2]
    assert positions(township.link(village)) == before[1]
    assert village.link(township).ends != waiting, "the same work waits for the township"
    rows = county.rows()
    network.settle_all()
    network.settle_all()
    assert township.bodies().count(b"one") == 1
    assert [entry.hash for entry in township.held(village.journal)] == [
        entry.hash for entry in county.held(village.journal)
    ]
    assert county.bodies().count(b"one") == village.bodies().count(b"granted") == 1
    assert village.findings() == township.findings() == county.findings() == []
    assert all(node.balanced() for node in network.nodes.values())
    assert county.rows() > rows


def test_the_township_can_have_it_from_the_county_before_the_village_comes_back(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (filed,) = village.write(b"one")
    speak(village, county)
    network.talk(township, county)
    assert filed.hash in [entry.hash for entry in township.held(village.journal)]


def test_saying_it_again_writes_nothing(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    village.write(b"one")
    county.write(b"granted")
    speak(village, county)
    rows = village.rows(), county.rows()
    assert speak(village, county) == 1
    assert (village.rows(), county.rows()) == rows


def test_a_start_of_either_side_goes_on_where_they_stood(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    village.write(b"one")
    county.write(b"granted")
    speak(village, county)
    village.start()
    county.start()
    village.write(b"two")
    county.write(b"closed")
    speak(village, county)
    assert county.bodies().count(b"two") == village.bodies().count(b"closed") == 1
    assert village.bodies().count(b"granted") == 1
    assert village.balanced()
    assert county.balanced()


def test_a_restored_village_gets_its_own_work_back_from_the_county(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    backup = village.store.copy()
    village.write(b"one")
    forgotten = village.journal
    speak(village, county)
    village.start(backup)
    speak(village, county)
    assert village.tip(forgotten) == county.tip(forgotten)
    assert not village.link(county).quarantined, "only the township may lift what only it began"
    assert not county.link(village).quarantined


def test_a_restored_county_asks_the_village_for_what_it_forgot(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    village.write(b"one")
    backup = county.store.copy()
    speak(village, county)
    village.write(b"two")
    county.start(backup, restored=True)
    speak(village, county)
    assert county.tip(village.journal).size == village.tip(village.journal).size
    assert not any(link.quarantined for link in county.books.links.values() if link.neighbour == village.id)


def test_what_the_village_says_is_missing_is_sent_again(network: Network) -> None:
    """Its township passes the beacon on, and not the refusal."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (hidden,) = county.write(b"refused")
    run(county.ledger.light_beacon())
    post = township.books.post

    def post_others(neighbour: NodeId, lane: Lane, journal: JournalId, seq: int, count: int = 1) -> None:
        if neighbour != village.id or (journal, seq) != (hidden.journal, hidden.seq):
            post(neighbour, lane, journal, seq, count)

    township.books.post = post_others
    network.settle_all()
    heard = watermarks.heard(village.books)
    assert heard is not None
    assert [prefix for prefix, _ in heard.lacking] == [prefix_of(hidden.hash)]
    speak(village, county)
    assert village.bodies().count(b"refused") == 1
    heard = watermarks.heard(village.books)
    assert heard is not None
    assert heard.lacking == []


def test_the_pin_of_a_beacon_goes_this_way_and_the_townships_counts_stay(network: Network) -> None:
    village, county, township = network[VILLAGE], network[COUNTY], network[TOWNSHIP]
    memory = village.books.memories[township.id]
    before = memory.received, memory.running_hash
    county.write(b"granted")
    run(county.ledger.light_beacon())
    speak(village, county)
    pins = [decode(entry.body or b"", Pinned) for entry in county.held(village.journal) if entry.kind == KIND_PINNED]
    assert (pins[-1].neighbour, pins[-1].beacon_at) == (township.id, county.books.beacon_at)
    assert (memory.received, memory.running_hash) == before


def test_nobody_elses_business_comes_down(network: Network) -> None:
    other = network.enrol(SECOND_VILLAGE)
    network.settle_all()
    other.write(b"of the neighbour", case=None)
    run(network[COUNTY].ledger.light_beacon())
    network.settle(other)
    run(network[COUNTY].ledger.light_beacon())
    village, county = network[VILLAGE], network[COUNTY]
    speak(village, county)
    for entry in run(village.store.entries_of_kind(KIND_WATERMARKED)):
        mark = watermarks.line_body(entry, watermarks.Watermarked)
        assert mark is not None
        assert mark.office == VILLAGE
    for entry in run(village.store.entries_of_kind(KIND_RECEIPTED)):
        assert entry.journal.origin in {village.id, county.id, network[TOWNSHIP].id}


# --- sticks ----------------------------------------------------------------------------------------------------------


def carry(sender: Node, receiver: Node, serial: int = 1) -> bytes:
    """A bundle written at one and taken in by the other, unsealed."""
    written = run(write_bundle(sender.ledger, receiver.id, Load({}), seal=bytes, serial=serial))
    taken = run(take_in(receiver.ledger, written.data, open_part=bytes))
    assert taken.is_whole, taken.flaws
    return written.data


def test_a_stick_to_the_county_carries_the_same_and_its_answer_comes_back(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    village.write(b"one", b"two")
    county.write(b"granted")
    run(county.ledger.light_beacon())
    data = carry(village, county)
    assert county.bodies().count(b"two") == 1
    carry(county, village)
    assert village.bodies().count(b"granted") == 1
    assert village.books.beacon_at == county.books.beacon_at
    assert [row.holder for row in run(village.store.receipts(village.journal))] == [county.id]
    assert run(take_in(county.ledger, data, open_part=bytes)).admitted == 0, "read twice"
    second = run(write_bundle(village.ledger, county.id, Load({}), seal=bytes, serial=2))
    assert len(second.data) < len(data)
    network.settle_all()
    assert village.findings() == county.findings() == network[TOWNSHIP].findings() == []


def test_a_stick_of_many_small_pages_goes_on_behind_what_it_holds(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_path, "PUSHED_ENTRIES_MAX", 2)
    village, county = network[VILLAGE], network[COUNTY]
    village.write(*(bytes([number]) for number in range(9)))
    carry(village, county)
    assert county.tip(village.journal).size == village.tip(village.journal).size
    assert village.link(county).given == {}, "nobody knows whether a stick arrives"


# --- who may ---------------------------------------------------------------------------------------------------------


def knock(child: Node, above: Node) -> bytes:
    """The session's challenge and answer; the token."""
    keeper = session.Doorkeeper(above.books)
    hello = session.say_hello(child.books)
    challenge = keeper.challenge(hello)
    signed = session.answer(child.books, hello, challenge, b"")
    token = keeper.admit(signed).token
    assert keeper.node_of(token) == child.id
    with refused(UnknownSender, "not_a_child"):
        keeper.child_of(token)
    return token


def test_the_county_opens_to_a_village_and_gives_it_no_papers(network: Network) -> None:
    knock(network[VILLAGE], network[COUNTY])


def test_no_other_township_opens_to_it(network: Network) -> None:
    other = network.enrol(SECOND_TOWNSHIP)
    network.settle_all()
    with refused(UnknownSender, "unknown_device"):
        knock(network[VILLAGE], other)


def test_a_replaced_or_revoked_village_device_is_not_let_in(network: Network) -> None:
    lost, county, township = network[VILLAGE], network[COUNTY], network[TOWNSHIP]
    second_path.meet(lost.books, county.chain)
    page = lost.page(county)
    county.admit(page)
    network.enrol(VILLAGE, replaces=lost)
    network.talk(township, county)
    with refused(UnknownSender, "replaced_device"):
        county.admit(lost.page(county))
    with refused(UnknownSender, "not_a_child"):
        knock(lost, county)
    township.revoke(lost, size(lost.journal, 1))
    network.talk(township, county)
    with refused(UnknownSender, "revoked_device"):
        county.admit(lost.page(county))


def test_a_village_that_the_county_does_not_know_yet_is_told_so(network: Network) -> None:
    fresh = network.enrol(SECOND_VILLAGE)
    county = network[COUNTY]
    second_path.meet(fresh.books, county.chain)
    with refused(UnknownSender, "unknown_sender"):
        county.admit(fresh.page(county))


def test_a_village_speaks_for_itself_alone(network: Network) -> None:
    """A village computer that was taken over cannot bring in another seat's journals this way."""
    network.enrol(SECOND_TOWNSHIP)
    far = network.enrol(FAR_VILLAGE)
    network.settle_all()
    village, county = network[VILLAGE], network[COUNTY]
    far.write(b"of another")
    stolen = run(run_of(far.books, Piece(far.journal, 0, far.tip(far.journal).size), far.ledger.sign_at))
    second_path.meet(village.books, county.chain)
    page = village.page(county)
    want = Want(stolen.origin, stolen.epoch, 0, 1)
    rows = county.rows()
    loose = Excerpt(stolen.origin, stolen.epoch, 0, bytes(32), stolen.lines[0])
    for answers in ([Answer(want, stolen, [])], [Answer(want, None, [loose])]):
        with refused(RemoteFault, "second_path_foreign"):
            county.admit(replace(page, answers=answers))
    assert county.rows() == rows


def test_nobody_but_the_county_stands_at_the_end_of_it(network: Network) -> None:
    village = network[VILLAGE]
    with refused(RemoteFault, "not_the_county"):
        second_path.meet(village.books, network[TOWNSHIP].chain)
    assert network[COUNTY].id not in village.books.links


def test_a_new_device_of_the_county_is_found_by_its_chain(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    signer = network.new_signer()
    certificate = network.certify(COUNTY, signer, None, replaces=county.id)
    assert second_path.meet(village.books, [certificate]) == signer.node


def test_the_beacon_is_the_only_one_in_force_that_comes(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    for _ in range(4):
        run(county.ledger.light_beacon())
    held = len(run(village.store.entries_of_kind(KIND_BEACON)))
    speak(village, county)
    assert len(run(village.store.entries_of_kind(KIND_BEACON))) == held + 1
