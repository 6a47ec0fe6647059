"""Restored, rolled back, lost and replaced devices: what is noticed, what comes back, and what is never skipped."""

import pytest
from msgspec.structs import replace

from schemas.names import Instant, node_id
from schemas.wire import (
    KIND_ENROLLED,
    KIND_EPOCH_OPENED,
    Answer,
    Enrolled,
    Enrolment,
    Epoch,
    EpochOpened,
    Lane,
    Page,
    Want,
)
from sync import recovery
from sync.books import line_body
from sync.core.errors import GapFault, RemoteFault, UnknownSender
from sync.enrolment import certify
from sync.memory import Tables
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
    size,
)


@pytest.fixture
def network() -> Network:
    return Network(TOWNSHIP, VILLAGE)


def numbered(word: str, *numbers: int) -> list[bytes]:
    return [f"{word} {number}".encode() for number in numbers]


def opening(node: Node) -> EpochOpened:
    entry = node.held(node.journal)[0]
    assert entry.kind == KIND_EPOCH_OPENED
    opened = line_body(entry, EpochOpened)
    assert opened is not None
    return opened


def backup(node: Node) -> Tables:
    return node.store.copy()


# --- epochs ----------------------------------------------------------------------------------------------------------


def test_every_start_opens_an_epoch_that_names_the_one_before(network: Network) -> None:
    village = network[VILLAGE]
    village.write(b"one")
    before = village.journal
    tip = village.tip(before)
    village.start()
    parent = opening(village).parent
    assert parent is not None
    assert village.journal.epoch.ordinal == before.epoch.ordinal + 1
    assert (parent.epoch, parent.size, parent.hash) == (before.epoch, tip.size, tip.hash)
    assert village.books.verify_checkpoint(before, parent.checkpoint)
    assert (parent.checkpoint.size, parent.checkpoint.root) == (tip.size, tip.frontier.root())


def test_the_first_epoch_has_no_parent() -> None:
    county = Network()[COUNTY]
    assert opening(county).parent is None
    assert county.journal.epoch.ordinal == 1


def test_an_ordinary_restart_is_no_finding_anywhere(network: Network) -> None:
    for node in network.nodes.values():
        node.write(b"before")
    network.settle_all()
    for node in network.nodes.values():
        node.start()
        node.write(b"after")
    network.settle_all()
    for node in network.nodes.values():
        assert not node.findings()
        assert not any(link.quarantined for link in node.books.links.values())
        assert sorted(node.bodies()) == [b"after"] * 3 + [b"before"] * 3


# --- rolled back, known or not ---------------------------------------------------------------------------------------


def test_a_village_restored_from_a_backup_gets_its_own_entries_and_its_decisions_back(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    network.settle(village)
    old = backup(village)
    village.write(b"two")
    network.settle(village)
    township.write(b"decided", kind="case.decided")
    network.settle(village)
    village.start(old)
    village.write(b"three")
    network.settle(village)
    assert sorted(village.bodies()) == [b"one", b"three", b"two"]
    assert village.bodies("case.decided") == [b"decided"]
    assert "rollback" in township.findings()
    assert sorted(township.bodies()) == [b"one", b"three", b"two"]
    assert not village.link(township).quarantined


def test_what_a_restored_sender_writes_anew_is_never_skipped(network: Network) -> None:
    """RULINGS A1: village acknowledged to 500, township restored to 300, its new 301–500 must still be sent."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    township.write(*numbered("before", *range(3)))
    network.talk(village, township)
    old = backup(township)
    township.write(*numbered("lost", *range(3)))
    network.talk(village, township)
    township.start(old)
    township.write(*numbered("anew", *range(3)))
    network.settle_all()
    network.settle_all()
    wanted = sorted(numbered("before", *range(3)) + numbered("lost", *range(3)) + numbered("anew", *range(3)))
    assert sorted(village.bodies()) == wanted
    assert sorted(township.bodies()) == wanted
    assert sorted(network[COUNTY].bodies()) == wanted


def test_a_township_that_was_rolled_back_is_noticed_once_and_caught_up_from_both_sides(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    old = backup(township)
    village.write(b"filed")
    network.settle(village)
    township.write(b"accepted", kind="case.accepted")
    network.settle(village)
    township.start(old)
    network.settle_all()
    network.settle_all()
    assert township.bodies() == [b"filed"]
    assert township.bodies("case.accepted") == [b"accepted"]
    assert "rollback" in county.findings()
    assert not any(link.quarantined for link in township.books.links.values())
    noticed = len(township.findings("rolled_back"))
    network.settle_all()
    assert len(township.findings("rolled_back")) == noticed


def test_a_county_restored_without_its_latest_day_gets_it_from_below(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    old = backup(county)
    village.write(b"filed")
    network.settle(village)
    county.write(b"decided", kind="case.decided")
    network.settle(village)
    county.start(old, restored=True)
    assert county.link(network[TOWNSHIP]).quarantined
    network.settle_all()
    network.settle_all()
    assert county.bodies() == [b"filed"]
    assert county.bodies("case.decided") == [b"decided"]
    assert not county.link(network[TOWNSHIP]).quarantined


def test_only_an_answer_made_after_the_restore_lifts_the_quarantine(network: Network) -> None:
    """RULINGS B5: an old reply from a stick says nothing about now."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    network.talk(village, township)
    village.start()
    first = village.page(township)
    township.admit(first)
    old_answer = township.page(village)
    copy = backup(village)
    village.start(copy, restored=True)
    assert village.link(township).quarantined
    assert old_answer.echo != village.books.epoch
    village.admit(old_answer)
    assert village.link(township).quarantined
    network.talk(village, township)
    assert not village.link(township).quarantined


def test_a_quarantine_survives_the_next_start(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    network.talk(village, township)
    village.start(restored=True)
    village.start()
    assert village.link(township).quarantined


def test_quarantine_waits_until_the_head_the_neighbour_states_is_held(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    old = backup(village)
    village.write(*numbered("filed", *range(4)))
    network.talk(village, township)
    village.start(old)
    township.admit(village.page(township))
    page = township.page(village)
    assert page.full
    village.admit(replace(page, answers=[]))
    assert village.link(township).quarantined
    network.talk(village, township)
    assert not village.link(township).quarantined
    assert village.bodies() == numbered("filed", *range(4))


def test_an_old_stick_read_while_an_answer_is_on_its_way_does_not_lift_the_quarantine(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.start()
    township.admit(village.page(township))
    stick = township.page(village)
    assert stick.full
    old = backup(village)
    village.write(*numbered("filed", *range(4)))
    network.talk(village, township)
    village.start(old, restored=True)
    township.admit(village.page(township))
    village.admit(replace(township.page(village), answers=[]))
    township.admit(replace(village.page(township), wants=[]))
    answer = township.page(village)
    assert not answer.full
    village.admit(stick)
    village.admit(answer)
    assert village.link(township).quarantined
    network.talk(village, township)
    assert not village.link(township).quarantined
    assert village.bodies() == numbered("filed", *range(4))


# --- wants -----------------------------------------------------------------------------------------------------------


def ask(asker: Node, holder: Node, want: Want) -> list[Answer]:
    holder.admit(replace(asker.page(holder), wants=[want]))
    return holder.page(asker).answers


def want(node: Node, start: int, stop: int) -> Want:
    return Want(node.id, node.journal.epoch, start, stop)


def test_a_want_is_answered_with_a_run_that_ends_at_a_checkpoint(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(*numbered("filed", *range(5)))
    network.talk(village, township)
    (answer,) = ask(village, township, want(village, 1, 3))
    assert answer.run is not None
    assert answer.run.start == 1
    assert answer.run.start + len(answer.run.lines) == answer.run.checkpoints[-1].size >= 3


def test_a_want_is_answered_to_the_seat_and_its_ancestors_only(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    second = network.enrol(SECOND_VILLAGE)
    village.write(b"private")
    network.settle(village)
    (answer,) = ask(second, township, want(village, 0, 2))
    assert (answer.run, answer.excerpts) == (None, [])
    (answer,) = ask(township, county, want(village, 0, 2))
    assert answer.run is not None


def test_what_is_held_only_as_excerpts_is_answered_as_excerpts(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    township.write(b"decided")
    network.talk(village, township)
    (answer,) = ask(township, village, want(township, 0, 9))
    assert answer.run is None
    assert [excerpt.line.body for excerpt in answer.excerpts if excerpt.line.signature] != []


def test_a_want_that_nobody_can_fill_closes_as_lost_and_the_line_rests(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    network.settle(village)
    township.books.want_upto(village.journal, 99)
    run(township.ledger.commit())
    network.settle(village)
    network.settle(village)
    assert township.findings("lost") == ["lost"]
    assert not any(page.wants for page in (township.page(village), township.page(network[COUNTY])))


def test_nothing_is_wanted_again_that_was_answered(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one", b"two")
    page = village.page(township)
    (stretch,) = page.stretches
    (only,) = stretch.runs
    spoilt = replace(only, lines=[replace(only.lines[0], body=b"x"), *only.lines[1:]])
    township.admit(replace(page, stretches=[replace(stretch, runs=[spoilt])]))
    wants = township.page(village).wants
    assert [(found.start, found.stop) for found in wants] == [(only.start, only.start + 2)]
    network.talk(village, township)
    assert township.page(village).wants == []


def test_an_answer_about_something_else_fills_nothing(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    network.talk(village, township)
    asked = Want(village.id, Epoch(9, b"nobody"), 0, 1)
    (answer,) = ask(township, village, want(village, 0, 1))
    page = replace(village.page(township), answers=[replace(answer, want=asked)])
    township.admit(page)
    assert township.bodies() == [b"one"]


def test_what_lies_behind_a_rotten_segment_is_given_back_all_the_same(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that holds nothing of what was asked shows the first entry behind: only before that nothing is."""
    monkeypatch.setattr(recovery, "PAGE_ENTRIES_MAX", 1)
    village, township = network[VILLAGE], network[TOWNSHIP]
    before = backup(village)
    journal = village.journal
    for body in numbered("filing", 1, 2, 3, 4):
        village.write(body)
        network.talk(village, township)  # each with a checkpoint of its own
    for entry in township.held(journal):
        if entry.body in (b"filing 2", b"filing 3"):
            township.tables.entries[journal][entry.seq] = replace(entry, body=b"rot")
            township.books.hopeless.add((journal, entry.seq))
    village.start(before, restored=True)
    network.talk(village, township)
    network.talk(village, township)
    assert village.bodies() == numbered("filing", 1, 4)
    assert village.findings("lost") == ["lost"]
    assert not village.link(township).quarantined
    assert not village.page(township).wants


def test_the_tail_of_an_epoch_that_its_successor_names_is_fetched(network: Network) -> None:
    """Numbers used up by somebody else's page: the next opening says how far the journal before it went."""
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    page = village.page(township)
    village.link(township).exchange_failed()
    village.write(b"two")
    (stretch,) = page.stretches
    # The same numbers twice with other entries: the second half of the real page looks held.
    township.admit(replace(page, stretches=[replace(stretch, first=1)]))
    township.link(village).hold(Lane.RUNS, village.journal.epoch, stretch.first + stretch.count)
    village.start()
    network.talk(village, township)
    assert township.bodies() == [b"one", b"two"]


# --- devices that are lost -------------------------------------------------------------------------------------------


def test_a_replacement_gets_its_predecessors_journals_and_what_was_meant_for_it(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"filed")
    network.settle(village)
    township.write(b"decided", kind="case.decided")  # never reached the lost device
    lost = network[VILLAGE]
    new = network.enrol(VILLAGE, replaces=lost)
    township.revoke(lost, size(lost.journal, lost.tip(lost.journal).size))
    network.settle(new)
    network.settle(new)
    assert new.bodies() == [b"filed"]
    assert new.bodies("case.decided") == [b"decided"]
    assert new.held(lost.journal)[0].hash == lost.held(lost.journal)[0].hash
    assert township.books.children[VILLAGE] == new.id
    assert lost.id not in township.books.links
    with refused(UnknownSender, "revoked_device"):
        township.admit(lost.page(township))


def test_a_second_device_of_a_seat_does_not_push_out_the_first(network: Network) -> None:
    first = network[VILLAGE]
    second = network.enrol(VILLAGE)
    assert network[TOWNSHIP].books.children[VILLAGE] == first.id
    with refused(UnknownSender, "unknown_sender"):
        network[TOWNSHIP].admit(second.page(network[TOWNSHIP]))


def test_a_township_lost_with_all_it_had_comes_back_from_the_county_and_its_villages(network: Network) -> None:
    village, county = network[VILLAGE], network[COUNTY]
    village.write(b"one")
    network.settle(village)
    village.write(b"two")
    lost = network[TOWNSHIP]
    network.talk(village, lost)  # reached the township, never the county
    new = network.enrol(TOWNSHIP, replaces=lost)
    county.revoke(lost, *(size(journal, 10_000) for journal in county.books.journals if journal.origin == lost.id))
    network.talk(new, county)
    run(village.ledger.meet(new.chain))
    village.write(b"three")
    for _ in range(3):
        network.talk(village, new)
        network.talk(new, county)
    for node in (village, new, county):
        assert sorted(node.bodies()) == [b"one", b"three", b"two"]
        assert not node.findings("lost")


def test_a_village_follows_its_township_only_to_a_lawful_successor(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    run(village.ledger.meet(township.chain))
    assert village.books.parent == township.id
    beside = network.enrol(TOWNSHIP)
    with refused(RemoteFault, "other_device"):
        run(village.ledger.meet(beside.chain))
    with refused(RemoteFault, "wrong_office"):
        run(village.ledger.meet(county.chain))
    other = Network(TOWNSHIP, seed=2)[TOWNSHIP]
    with refused(RemoteFault, "bad_signature"):
        run(village.ledger.meet(other.chain))
    assert village.books.parent == township.id


def test_nobody_above_is_believed_who_was_enrolled_with_a_stolen_key(network: Network) -> None:
    """The thief of the county's lost device enrols a township device of his own and gets between village and line."""
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    false = network.enrol(TOWNSHIP, replaces=township)
    village.books.keyring = village.books.keyring.with_revocation(county.id, [size(county.journal, 1)])
    with refused(UnknownSender, "revoked_issuer"):
        run(village.ledger.meet(false.chain))
    assert village.books.parent == township.id
    # Whoever was known before the loss is believed as before.
    run(village.ledger.meet(township.chain))


def test_a_township_cannot_push_out_the_device_of_another() -> None:
    """A certificate for its own village that claims to follow the other township's device."""
    network = Network(TOWNSHIP, SECOND_TOWNSHIP, VILLAGE)
    first, second, county = network[TOWNSHIP], network[SECOND_TOWNSHIP], network[COUNTY]
    keys = network.new_signer().public_keys
    enrolment = Enrolment(
        "cangxi", node_id(keys.log), VILLAGE, keys.log, keys.cosigner, first.id, Instant(1), second.id
    )
    first.write_line(KIND_ENROLLED, Enrolled(certify(first.signer, enrolment)))
    network.talk(first, county)
    county.start()
    assert county.books.children[SECOND_TOWNSHIP] == second.id
    network.talk(second, county)


def test_entries_past_a_revocation_are_held_until_somebody_above_releases_them(network: Network) -> None:
    village, township, county = network[VILLAGE], network[TOWNSHIP], network[COUNTY]
    village.write(b"before the loss")
    network.settle(village)
    position = village.tip(village.journal).size
    (after,) = village.write(b"after the loss")
    page = village.page(township)
    second = network.enrol(VILLAGE, replaces=village)
    township.revoke(village, size(village.journal, position))
    # It reaches the county by a stick: in a run of the township, which is not revoked.
    (run_,) = page.stretches[0].runs
    sent = township.page(county)
    stretch = next(found for found in sent.stretches if found.lane == Lane.RUNS)
    county.admit(replace(sent, stretches=[replace(stretch, count=stretch.count + 1, runs=[*stretch.runs, run_])]))
    assert county.states()[(after.journal, after.seq)] == ("held", "revoked")
    assert b"after the loss" not in [entry.body for entry in county.reader.folded]
    assert second.id in {found.node for found in township.books.keyring.devices_of(VILLAGE)}


def test_a_revocation_by_somebody_beside_is_shown_and_ignored() -> None:
    network = Network(TOWNSHIP, SECOND_TOWNSHIP, VILLAGE, FAR_VILLAGE)
    village, far, county = network[VILLAGE], network[FAR_VILLAGE], network[COUNTY]
    entries = [author.revoke(village) for author in (network[SECOND_TOWNSHIP], far, village)]
    network.settle_all()
    for entry in entries:
        assert county.states()[(entry.journal, entry.seq)] == ("quarantined", "unbelieved_revocation")
    assert not county.books.keyring.is_revoked(village.id)
    village.write(b"still here")
    network.settle_all()
    assert b"still here" in county.bodies()


def test_a_late_page_of_a_replaced_device_moves_nothing(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"late")
    page: Page = village.page(township)
    network.enrol(VILLAGE, replaces=village)
    rows = township.rows()
    with refused(UnknownSender, "unknown_sender"):
        township.admit(page)
    assert township.rows() == rows


# --- a cloned disk ---------------------------------------------------------------------------------------------------


def test_a_cloned_disk_is_noticed_by_the_second_child_of_one_epoch(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    network.talk(village, township)
    twin = network.clone(village)
    village.start()
    village.write(b"of the first machine")
    network.talk(village, township)
    twin.write(b"of the second machine")
    network.talk(twin, township)
    assert "rollback" in township.findings()
    assert not township.findings("fork")
    assert sorted(township.bodies()) == [b"of the first machine", b"of the second machine", b"one"]


def test_a_page_that_begins_above_tells_where_to_go_on(network: Network) -> None:
    village, township = network[VILLAGE], network[TOWNSHIP]
    village.write(b"one")
    old = backup(township)
    network.talk(village, township)
    township.start(old)
    village.write(b"two")
    with pytest.raises(GapFault) as caught:
        township.admit(village.page(township))
    village.hear(township, caught.value)
    network.talk(village, township)
    assert township.bodies() == [b"one", b"two"]
