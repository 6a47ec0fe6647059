"""The fourteen attacks of AUDIT 1.4, withholding downwards, the false village: each is found, and each is proved.

Every story ends in one file that `tongban-verify` accepts with nothing but the county root's digest; beside them stand
those who did nothing wrong and are accused of nothing.
"""

import pytest

from hub.audit.integrity_proofs import false_time_file, find_receipt
from hub.audit.rule import Severity
from schemas.names import OfficeId
from schemas.wire import KIND_COUNTERSIGNED, KIND_ENROLLED, KIND_PINNED, Countersigned, Enrolled, Pinned
from sync.core.merkle import root_of
from sync.excerpts import excerpt_of
from sync.memory import MemoryStore
from sync.ports import Stored
from sync.proof.accusing import Accused, check_claim
from tests.support.attacks import (
    DAY,
    HOUR,
    altered,
    carry,
    forge,
    keep_back,
    keep_from,
    look,
    next_day,
    only,
    page_of,
    page_with,
    proved,
    reds,
    silent_about,
    stored_slip,
)
from tests.support.network import COUNTY, SECOND_TOWNSHIP, TOWNSHIP, VILLAGE, Network, run, size


@pytest.fixture
def network() -> Network:
    network = Network(TOWNSHIP, VILLAGE, SECOND_TOWNSHIP, real=True)
    network[VILLAGE].write(b"one", b"two")
    network[TOWNSHIP].write(b"three", b"four")
    network.settle_all()
    assert not reds(look(network))
    return network


# --- what an owner does to its own journal ---------------------------------------------------------------------------


@pytest.mark.parametrize("office", [TOWNSHIP, VILLAGE])
def test_a_rewritten_journal(network: Network, office: OfficeId) -> None:
    """The township's own, or its village's, which the township passes on."""
    county, township, owner = network[COUNTY], network[TOWNSHIP], network[office]
    other = forge(owner, owner.journal, county.tip(owner.journal).size - 2).write(b"rewritten", b"too")
    county.admit(page_with(township, county, other.run()))
    accused = proved(network, only(look(network), "I1"))
    assert (accused.claim, accused.form, accused.office) == ("equivocation", "two_entries", office)


def test_a_villages_rewritten_journal_at_an_honest_township(network: Network) -> None:
    """It goes no further, and whoever looks there finds the same."""
    township, village = network[TOWNSHIP], network[VILLAGE]
    other = forge(village, village.journal, township.tip(village.journal).size - 2).write(b"rewritten", b"too")
    township.admit(page_with(village, township, other.run()))
    accused = proved(network, only(look(network, at=township), "I1"))
    assert (accused.claim, accused.office) == ("equivocation", VILLAGE)
    network.settle_all()
    assert not reds(look(network))


def test_a_rewritten_beginning_of_which_only_the_end_is_sent(network: Network) -> None:
    county, township = network[COUNTY], network[TOWNSHIP]
    size = county.tip(township.journal).size
    other = forge(township, township.journal, size - 2).write(b"rewritten", b"too", b"new", b"slip")
    slip = other.slip(len(other.lines) - 1)
    county.admit(page_with(township, county, other.run(size)))
    assert not reds(look(network))
    accused = proved(network, only([f for f in look(network, slip) if f.code == "I1"], "I1"))
    assert (accused.claim, accused.form, accused.office) == ("equivocation", "two_entries", TOWNSHIP)


def test_a_tree_over_other_entries_than_the_chain(network: Network) -> None:
    county, township = network[COUNTY], network[TOWNSHIP]
    size = county.tip(township.journal).size
    other = forge(township, township.journal, size).write(b"shown", b"shown too")
    hidden = forge(township, township.journal, size).write(b"hidden", b"hidden too")
    county.admit(page_with(township, county, other.run(size, root=root_of(hidden.links))))
    accused = proved(network, only([f for f in look(network, other.slip(size + 1)) if f.code == "I1"], "I1"))
    assert (accused.claim, accused.form, accused.office) == ("equivocation", "other_tree", TOWNSHIP)


def test_a_restored_backup(network: Network) -> None:
    township = network[TOWNSHIP]
    backup = township.store.copy()
    township.write(b"forgotten")
    network.settle_all()
    township.start(backup)
    network.settle_all()
    accused = proved(network, only(look(network), "I2"))
    assert (accused.claim, accused.form, accused.office) == ("rollback", "names_less", TOWNSHIP)


def test_a_backup_restored_twice_from_one_moment(network: Network) -> None:
    township = network[TOWNSHIP]
    backup = township.store.copy()
    for body in (b"first life", b"second life"):
        township.start(MemoryStore(backup).copy())
        township.write(body)
        network.settle_all()
    accused = proved(network, only(look(network), "I2"))
    assert (accused.claim, accused.form) == ("rollback", "two_children")


def test_a_restored_backup_that_uses_its_numbers_again(network: Network) -> None:
    county, township = network[COUNTY], network[TOWNSHIP]
    keep = township.tip(township.journal).size
    township.write(b"acknowledged")
    network.settle_all()
    again = forge(township, township.journal, keep).write(b"another one")
    county.admit(page_with(township, county, again.run(keep)))
    accused = proved(network, only(look(network), "I1"))
    assert (accused.claim, accused.values["seq"]) == ("equivocation", keep)


def test_an_entry_swapped_before_it_was_ever_sent(network: Network) -> None:
    village = network[VILLAGE]
    at = village.tip(village.journal).size
    slip = forge(village, village.journal, at).write(b"what the resident was shown").slip(at)
    village.write(b"what was sent")
    network.settle_all()
    assert not reds(look(network))
    accused = proved(network, only(look(network, slip), "I5"))
    assert (accused.claim, accused.form, accused.office) == ("orphan_slip", "other_entry", VILLAGE)


def test_an_end_withheld_that_a_resident_has_a_slip_for(network: Network) -> None:
    village = network[VILLAGE]
    backup = village.store.copy()
    slip = stored_slip(village, village.write(b"never to be seen")[0])
    village.start(backup)
    village.write(b"business as usual")
    network.settle_all()
    accused = proved(network, only(look(network, slip), "I5"))
    assert (accused.claim, accused.form, accused.office) == ("rollback", "names_less", VILLAGE)


def test_a_slip_for_an_entry_that_never_comes(network: Network) -> None:
    village = network[VILLAGE]
    at = village.tip(village.journal).size
    slip = forge(village, village.journal, at).write(*(b"%d" % number for number in range(30))).slip(at + 29)
    network.settle_all()
    assert not reds(look(network, slip))
    next_day(network, 4)
    accused = proved(network, only(look(network, slip), "I5"))
    assert (accused.claim, accused.form, accused.office) == ("orphan_slip", "not_reached", VILLAGE)


def test_two_journals_for_two_readers(network: Network) -> None:
    """The township's decision as the village got it, and another as it stands in what the county got."""
    county, township, second = network[COUNTY], network[TOWNSHIP], network[SECOND_TOWNSHIP]
    at = township.tip(township.journal).size
    shown = forge(township, township.journal, at).write(b"granted", kind="case.decided")
    township.write(b"refused", kind="case.decided")
    network.settle_all()
    county.admit(page_of(second, county, shown.attested(at)))
    accused = proved(network, only(look(network), "I1"))
    assert (accused.claim, accused.form, accused.office) == ("equivocation", "two_entries", TOWNSHIP)


# --- times -----------------------------------------------------------------------------------------------------------


def test_back_dating_before_the_beacon(network: Network) -> None:
    county, township = network[COUNTY], network[TOWNSHIP]
    filed_at = network.clock.now()
    next_day(network, 2)
    honest = township.tip(township.journal).size
    network.settle_all()
    network.clock.set(filed_at)
    (entry,) = township.write(b"back-dated")
    network.clock.set(filed_at + 3 * DAY)
    network.settle_all()
    assert entry.seq >= honest
    accused = proved_time(network, county.held(entry.journal)[entry.seq])
    assert (accused.form, accused.office) == ("before_beacon", TOWNSHIP)


def test_back_dating_past_a_head_that_somebody_signed_for(network: Network) -> None:
    """The county's receipt came back, and was named in the journal, before the entry that claims to be older."""
    county, township = network[COUNTY], network[TOWNSHIP]
    network.clock.set(network.clock.now() + HOUR)
    early = network.clock.now()
    network.clock.set(early + HOUR)
    township.write(b"honest")
    network.settle_all()
    receipt = max(row.at for row in run(county.store.receipts()) if row.journal == township.journal)
    township.write_line(KIND_PINNED, Pinned(county.id, 1, bytes(32), None, receipt))
    network.clock.set(early)
    (entry,) = township.write(b"back-dated")
    network.clock.set(early + 2 * HOUR)
    network.settle_all()
    accused = proved_time(network, county.held(entry.journal)[entry.seq])
    assert (accused.form, accused.office) == ("before_receipt", TOWNSHIP)


def proved_time(network: Network, entry: Stored) -> Accused:
    data = run(false_time_file(network[COUNTY].books, entry))
    assert data is not None
    accused = check_claim(data, network.root.digest)
    assert (accused.claim, accused.values["seq"]) == ("false_time", entry.seq)
    return accused


# --- what a relay does to others' journals ---------------------------------------------------------------------------


def test_a_relay_that_alters(network: Network) -> None:
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]

    def talk() -> None:
        network.talk(village, township)
        carry(township, county, up=altered(b"a complaint"))

    village.write(b"a complaint")
    talk()
    assert not reds(look(network))
    next_day(network, 3, talk=talk)
    accused = proved(network, only(look(network), "I4"))
    assert (accused.claim, accused.office) == ("withheld_up", TOWNSHIP)
    assert all(f.severity is Severity.INFO for f in look(network) if f.office == VILLAGE)


def test_a_relay_that_drops(network: Network) -> None:
    """One run is kept back; what follows it is passed on, and does not fit."""
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    dropped = village.tip(village.journal).size
    keep_back(township, lambda journal, seq: journal.origin != village.id or seq > dropped)

    def talk() -> None:
        network.talk(village, township)
        carry(township, county, up=silent_about(village.id))

    village.write(b"a complaint")
    talk()
    village.write(b"an ordinary filing")
    next_day(network, 3, talk=talk)
    assert [(f.code, f.severity) for f in look(network) if f.code == "I4"] == [("I4", Severity.YELLOW)]
    next_day(network, 2, talk=talk)
    accused = proved(network, only(look(network), "I4"))
    assert (accused.claim, accused.office) == ("withheld_up", TOWNSHIP)


def test_a_relay_that_truncates(network: Network) -> None:
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    size = village.tip(village.journal).size
    keep_back(township, lambda journal, seq: journal.origin != village.id or seq < size + 1)
    village.write(b"an ordinary filing")
    network.settle_all()
    village.write(b"a complaint")
    next_day(network, 2)
    assert county.tip(village.journal).size == size + 1
    accused = proved(network, only(look(network), "I4"))
    assert (accused.values["held"], accused.office) == (size + 1, TOWNSHIP)


def test_custody_taken_and_not_passed_on(network: Network) -> None:
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    held = county.tip(village.journal).size
    keep_back(township, lambda journal, seq: journal.origin != village.id)
    village.write(b"a complaint")
    network.settle_all()
    assert not reds(look(network))
    next_day(network, 2)
    accused = proved(network, only(look(network), "I4"))
    assert (accused.claim, accused.office, accused.values["held"]) == ("withheld_up", TOWNSHIP, held)


def test_a_township_that_keeps_its_own_decision_from_the_village(network: Network) -> None:
    township, village = network[TOWNSHIP], network[VILLAGE]
    next_day(network)
    seq = township.tip(township.journal).size
    keep_from(township, village, lambda journal, number: (journal, number) == (township.journal, seq))
    (entry,) = township.write(b"granted", kind="case.decided")
    network.settle_all()
    assert entry.seq == seq
    assert not village.bodies("case.decided")
    next_day(network)
    assert not reds(look(network))
    next_day(network, 2)
    accused = proved(network, only(look(network), "I8"))
    assert (accused.claim, accused.values["entry"]) == ("withheld_down", entry.hash[:8].hex())


def test_a_township_that_keeps_the_countys_decision_from_the_village(network: Network) -> None:
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    next_day(network)
    kept = {(county.journal, county.tip(county.journal).size)}
    keep_from(township, village, lambda journal, number: (journal, number) in kept)
    county.write(b"granted", kind="case.decided")
    network.settle_all()
    assert not village.bodies("case.decided")
    next_day(network, 3)
    accused = proved(network, only(look(network), "I8"))
    assert (accused.claim, accused.office) == ("withheld_down", TOWNSHIP)


def test_a_false_village(network: Network) -> None:
    """The township enrols a device of its own for the village, and goes on talking with the true one."""
    township = network[TOWNSHIP]
    signer = network.new_signer()
    certificate = network.certify(VILLAGE, signer, township)
    township.write_line(KIND_ENROLLED, Enrolled(certificate))
    network.settle_all()
    assert not reds(look(network))
    next_day(network, 3)
    accused = proved(network, only(look(network), "A14"))
    assert (accused.claim, accused.office) == ("false_enrolment", TOWNSHIP)
    assert accused.values["device"] == signer.node


def test_a_revocation_that_disowns_what_was_signed_for(network: Network) -> None:
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    (receipted,) = [row.size for row in run(township.store.receipts(village.journal)) if row.holder == township.id]
    township.revoke(village, size(village.journal, receipted - 1))
    network.talk(township, county)
    accused = proved(network, only(look(network), "A14"))
    assert (accused.claim, accused.office) == ("false_revocation", TOWNSHIP)
    assert (accused.values["named"], accused.values["receipted"]) == (receipted - 1, receipted)


def test_a_revocation_two_starts_after_the_receipt(network: Network) -> None:
    township, village = network[TOWNSHIP], network[VILLAGE]
    township.start()
    township.start()
    township.revoke(village, size(village.journal, 1))
    network.talk(township, network[COUNTY])
    assert proved(network, only(look(network), "A14")).claim == "false_revocation"


def test_a_county_that_lost_what_it_signed_for(network: Network) -> None:
    """The county's store was put back without a word; the receipts that it had given come home."""
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    backup = county.store.copy()
    village.write(b"a complaint")
    network.settle_all()
    receipt = run(find_receipt(county.books, county.id, village.journal, 0))
    assert receipt is not None
    county.start(backup)
    key = (receipt.journal, receipt.seq)
    county.admit(page_of(township, county, run(excerpt_of(township.books, run(township.store.entries_at([key]))[key]))))
    next_day(network, 4, talk=lambda: None)
    (finding,) = [found for found in look(network) if found.code == "I3" and found.journal == village.journal]
    accused = proved(network, finding)
    assert (accused.claim, accused.form, accused.office) == ("county_damage", "less", COUNTY)


# --- who did nothing wrong -------------------------------------------------------------------------------------------


def test_whatever_is_sent_again_accuses_nobody(network: Network) -> None:
    county, township = network[COUNTY], network[TOWNSHIP]
    township.write(b"five")
    page = township.page(county)
    for _ in range(3):
        county.admit(page)
    network.settle_all()
    assert not reds(look(network))


def test_damage_on_the_way_accuses_nobody(network: Network) -> None:
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    slip = stored_slip(village, village.write(b"a complaint")[0])
    network.talk(village, township)
    carry(township, county, up=altered(b"a complaint"), times=1)
    assert county.findings("broken_chain")
    assert not reds(look(network, slip))
    next_day(network, 2)
    assert not look(network, slip)


def test_a_restore_that_says_so_is_asked_about_and_accuses_nobody(network: Network) -> None:
    village = network[VILLAGE]
    backup = village.store.copy()
    slip = stored_slip(village, village.write(b"forgotten")[0])
    network.settle_all()
    village.start(backup, restored=True)
    next_day(network, 5)
    found = look(network, slip)
    assert {(finding.code, finding.severity) for finding in found if finding.code != "I7"} == {("I2", Severity.YELLOW)}
    assert all(proved(network, finding).claim == "rollback" for finding in found if finding.code == "I2")


def test_a_device_that_burned_with_slips_in_peoples_hands(network: Network) -> None:
    township, village = network[TOWNSHIP], network[VILLAGE]
    slip = stored_slip(village, village.write(b"burned")[0])
    network.enrol(VILLAGE, replaces=village)
    township.revoke(village, size(village.journal, township.tip(village.journal).size))
    next_day(network, 5)
    assert {finding.severity for finding in look(network, slip) if finding.code == "I5"} == {Severity.YELLOW}
    assert not reds(look(network, slip))


def test_a_dead_line_is_silence_and_no_crime(network: Network) -> None:
    """The township's line is down for twelve days, with custody taken of what the village filed."""
    township, village = network[TOWNSHIP], network[VILLAGE]
    slip = stored_slip(village, village.write(b"a complaint")[0])
    next_day(network, 12, talk=lambda: carry(village, township))
    found = look(network, slip)
    assert not reds(found)
    assert {(f.office, f.severity) for f in found if f.code == "I7"} >= {(TOWNSHIP, Severity.YELLOW)}
    assert VILLAGE not in {finding.office for finding in found if finding.code == "I7"}
    network.settle_all()
    next_day(network)
    assert not look(network, slip)


def test_a_backlog_that_comes_in_pages_accuses_nobody(network: Network) -> None:
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    for number in range(40):
        village.write(*(f"{number} {part}".encode() * 200 for part in range(12)))
        network.talk(village, township)
    network.clock.set(network.clock.now() + 3 * DAY)
    for _ in range(40):
        network.exchange(township, county)
        assert not [finding for finding in look(network) if finding.code == "I4"]
    network.settle_all()
    assert not reds(look(network))


@pytest.mark.parametrize("is_stated", [False, True])
def test_a_county_that_was_restored_accuses_nobody(network: Network, is_stated: bool) -> None:
    county, village = network[COUNTY], network[VILLAGE]
    next_day(network)
    backup = county.store.copy()
    village.write(b"a complaint")
    next_day(network, 2)
    county.start(backup, restored=is_stated)
    for _ in range(6):
        for node in (network[TOWNSHIP], network[SECOND_TOWNSHIP]):
            network.exchange(node, county)
            assert not [finding for finding in reds(look(network)) if finding.office != COUNTY]
    next_day(network, 4)
    assert not [finding for finding in reds(look(network)) if finding.code != "I2"]


def test_a_replaced_device_of_the_township_accuses_nobody(network: Network) -> None:
    township, village = network[TOWNSHIP], network[VILLAGE]
    village.write(b"a complaint")
    network.talk(village, township)
    successor = network.enrol(TOWNSHIP, replaces=township)
    network.talk(successor, network[COUNTY])
    run(village.ledger.meet(successor.chain))
    next_day(network, 4)
    assert network[COUNTY].tip(village.journal).size == village.tip(village.journal).size
    assert not reds(look(network))


def test_a_device_that_replaces_an_old_one_is_no_false_village(network: Network) -> None:
    next_day(network, 2)
    for _ in range(2):
        network.enrol(VILLAGE, replaces=network[VILLAGE])
        next_day(network, 4)
    assert not reds(look(network))


def test_an_enrolment_that_the_county_confirms_is_no_false_village(network: Network) -> None:
    township = network[TOWNSHIP]
    certificate = network.certify(VILLAGE, network.new_signer(), township)
    township.write_line(KIND_ENROLLED, Enrolled(certificate))
    network.settle_all()
    network[COUNTY].write_line(KIND_COUNTERSIGNED, Countersigned(certificate.enrolment.node))
    next_day(network, 3)
    assert not reds(look(network))


def test_a_clock_that_is_ten_minutes_wrong_is_a_clock(network: Network) -> None:
    next_day(network)
    network.clock.set(network.clock.now() - 9 * 60_000)
    (entry,) = network[TOWNSHIP].write(b"a little early")
    network.clock.set(network.clock.now() + DAY)
    network.settle_all()
    held = network[COUNTY].held(entry.journal)[entry.seq]
    assert run(false_time_file(network[COUNTY].books, held)) is None
