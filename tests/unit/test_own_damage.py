"""What goes bad on our own disk: it is noticed and put right where it can be, accuses nobody and stops no line."""

import pytest
from msgspec.structs import replace

from schemas.wire import Excerpt, Lane, Page, Run, Stretch
from sync.excerpts import excerpt_of
from tests.support.network import COUNTY, SECOND_VILLAGE, TOWNSHIP, VILLAGE, Network, Node, run


@pytest.fixture
def network() -> Network:
    return Network(TOWNSHIP, VILLAGE, real=True)


def flipped(data: bytes, position: int = 0) -> bytes:
    """The bytes with one bit changed."""
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def excerpt_page(sender: Node, receiver: Node, *excerpts: Excerpt) -> Page:
    page = sender.page(receiver)
    first = receiver.link(sender).held.get((Lane.EXCERPTS, page.epoch), 0) + 1
    return replace(page, stretches=[Stretch(Lane.EXCERPTS, page.epoch, first, len(excerpts), [], list(excerpts))])


def loose_with_a_rotten_hash(network: Network) -> Excerpt:
    """The township holds the first of a village's two filings alone, and one bit of its hash has changed since."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    (entry, _) = village.write(b"one", b"two")
    village.ledger.sign_tip()
    run(village.ledger.commit())
    excerpt = run(excerpt_of(village.books, entry))
    assert township.admit(excerpt_page(network[COUNTY], township, excerpt)).admitted == 1
    held = township.tables.entries[village.journal][entry.seq]
    township.tables.entries[village.journal][entry.seq] = replace(held, hash=flipped(held.hash))
    township.start()
    return excerpt


def test_a_rotten_hash_of_ours_makes_nobodys_honest_run_a_fork(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    loose_with_a_rotten_hash(network)
    assert township.admit(village.page(township)).codes == []
    assert township.findings() == ["damaged"]
    network.settle_all()
    assert sorted(township.bodies()) == sorted(county.bodies()) == [b"one", b"two"]
    right = [(entry.hash, entry.loose, entry.prev) for entry in village.held(village.journal)]
    assert [(entry.hash, entry.loose, entry.prev) for entry in township.held(village.journal)] == right
    township.start()
    assert not township.books.damaged


def test_an_excerpt_that_comes_again_puts_a_rotten_hash_of_ours_right(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    excerpt = loose_with_a_rotten_hash(network)
    admission = township.admit(excerpt_page(county, township, excerpt))
    assert (admission.duplicate, admission.codes, township.findings()) == (1, [], ["damaged"])
    assert township.admit(village.page(township)).codes == []
    network.settle_all()
    assert sorted(township.bodies()) == [b"one", b"two"]


def test_a_rotten_entry_of_a_run_makes_nobodys_honest_excerpt_a_fork(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    (entry,) = village.write(b"one")
    network.talk(village, township)
    held = township.tables.entries[village.journal][entry.seq]
    township.tables.entries[village.journal][entry.seq] = replace(held, hash=flipped(held.hash))
    township.admit(excerpt_page(county, township, run(excerpt_of(village.books, entry))))
    assert not township.findings("fork")


def test_a_true_fork_is_found_though_another_copy_went_bad(network: Network) -> None:
    """And nothing of the other branch takes the place of what went bad."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    twin = network.clone(village)
    twin.books.epoch = village.books.epoch
    first, second = twin.write(b"theirs", b"theirs too")
    twin.ledger.sign_tip()
    run(twin.ledger.commit())
    excerpts = [run(excerpt_of(twin.books, entry)) for entry in (first, second)]
    assert township.admit(excerpt_page(network[COUNTY], township, *excerpts)).admitted == 2
    held = township.tables.entries[village.journal][first.seq]
    township.tables.entries[village.journal][first.seq] = replace(held, hash=flipped(held.hash))
    township.start()
    village.write(b"ours", b"ours too")
    assert township.admit(village.page(township)).codes == ["fork"]
    assert township.bodies() == [b"theirs", b"theirs too"]


# --- where a journal stands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["frontier", "unreadable frontier", "tip"])
def test_a_rotten_tree_state_is_made_again_from_the_entries(network: Network, part: str) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(b"one", b"two")
    network.talk(village, township)
    state = township.tables.journals[village.journal]
    if part == "tip":
        state.tip = flipped(state.tip)
    else:
        state.frontier = flipped(state.frontier, 20) if part == "frontier" else state.frontier[:-1]
    township.start()
    village.write(b"three")
    assert township.admit(village.page(township)).codes == []
    assert township.findings("damaged") == ([] if part == "unreadable frontier" else ["damaged"])
    network.settle_all()
    township.start()
    village.write(b"four")
    network.settle_all()
    assert county.bodies() == [b"one", b"two", b"three", b"four"]
    assert not township.findings("lost")


def test_a_forged_run_does_not_use_up_the_second_look(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    network.talk(village, township)
    state = township.tables.journals[village.journal]
    state.frontier = flipped(state.frontier, 20)
    township.start()
    village.write(b"three")
    page = village.page(township)
    (stretch,) = [stretch for stretch in page.stretches if stretch.lane == Lane.RUNS]
    (only,) = stretch.runs
    forged: Run = replace(only, lines=[*only.lines[:-1], replace(only.lines[-1], body=b"forged")])
    assert township.admit(replace(page, stretches=[replace(stretch, runs=[forged])])).codes == ["broken_chain"]
    network.talk(village, township)
    assert township.bodies() == [b"one", b"two", b"three"]


def test_our_own_rotten_tree_state_is_not_signed(network: Network) -> None:
    """The opening names the epoch before with its last checkpoint, which may have to be made at that moment."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    state = village.tables.journals[village.journal]
    assert state.checkpointed < state.size
    state.frontier = flipped(state.frontier, 20)
    village.start()
    network.talk(village, township)
    assert township.bodies() == [b"one", b"two"]


# --- what is gone ----------------------------------------------------------------------------------------------------


def test_an_entry_that_is_gone_from_our_disk_stops_nothing_behind_it(network: Network) -> None:
    """The next one goes with it: nobody can say any more what it followed."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    gone, *_ = township.write(b"gone", b"the next", b"granted")
    del township.tables.entries[township.journal][gone.seq]
    network.talk(village, township)
    network.talk(village, township)
    assert village.bodies() == [b"granted"]
    assert township.findings("damaged") == ["damaged"]
    assert village.findings("lost")
    assert village.balanced()


def test_a_hash_that_is_gone_from_our_disk_stops_no_page(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    network.talk(village, township)
    (entry,) = village.write(b"one")
    del village.tables.entries[village.journal][entry.seq - 1]
    network.talk(village, township)
    (entry,) = township.write(b"granted")
    network.talk(village, township)
    assert village.bodies() == [b"one", b"granted"]


def test_a_rotten_hash_of_old_does_not_sign_away_what_was_written_since() -> None:
    """The township holds the old part; at the next start the end is signed as it was kept, not as the rot makes it."""
    network = Network(TOWNSHIP, VILLAGE, real=True)
    village, township = network[VILLAGE], network[TOWNSHIP]
    one, *_ = village.write(b"one", b"between", b"more between")
    network.talk(village, township)
    village.write(b"two", b"three")
    held = village.tables.entries[village.journal][one.seq]
    village.tables.entries[village.journal][one.seq] = replace(held, hash=flipped(held.hash))
    village.start()
    for _ in range(4):
        network.talk(village, township)
    assert {b"two", b"three"} <= set(township.bodies())


def test_a_row_that_is_gone_here_stops_no_other_village() -> None:
    network = Network(TOWNSHIP, VILLAGE, SECOND_VILLAGE, real=True)
    village, township, county, other = network[VILLAGE], network[TOWNSHIP], network[COUNTY], network[SECOND_VILLAGE]
    network.settle_all()
    gone, _ = village.write(b"gone", b"kept")
    network.talk(village, township)
    del township.tables.entries[village.journal][gone.seq]
    other.write(b"other village")
    network.talk(other, township)
    for _ in range(4):
        network.talk(township, county)
    assert b"other village" in county.bodies()
