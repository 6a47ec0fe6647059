"""Defects that the simulator found by chance, each told as a story: it fails when the cure is taken out again.

A seed forgets its defect whenever the generator changes (`regressions`); these do not. Next: `test_counterexamples`.
"""

import msgspec
import pytest

from office.enrolling import present_devices
from schemas.casework.lifecycle import Stage as CaseStage
from schemas.codec import PAGE_ENTRIES_MAX, decode
from schemas.names import CaseId
from schemas.wire import Cursor, EpochOpened, Lane, Page
from sync import recovery
from sync.core.journal import Draft
from tests.simulation.devices import Device
from tests.simulation.stage import Stage


def composed(stage: Stage, sender: str, receiver: str, entries: int = PAGE_ENTRIES_MAX) -> Page:
    """What one office would say to the other now; as far as it knows nothing of that is under way afterwards."""
    device, other = stage.device(sender), stage.device(receiver)
    link = device.link_to(other)
    assert link is not None
    link.page_entries = entries
    page = stage.world.compose(device, other, receipts_due=True)
    assert page is not None
    link.in_flight.clear()
    return page


def talk(stage: Stage, device: Device, exchanges: int = 1) -> None:
    """This machine, or this copy of one, talks to the office above."""
    for _ in range(exchanges):
        stage.world.talk(device)
        stage.world.deliver_all()


def granted_by_the_county(stage: Stage) -> CaseId:
    """A case of V1's that the county granted in an epoch of which its backup and TA's know nothing; both are restored.

    V1 alone holds the decision now.
    """
    case = stage.file("V1")
    stage.offer("V1", case, "C")
    stage.sync(rounds=3)
    backups = {name: stage.back_up(name) for name in ("C", "TA")}
    stage.restart("C")
    stage.accept("C", case)
    stage.grant("C", case)
    stage.sync(rounds=3)
    assert stage.see("V1", case).stage is CaseStage.DECIDED
    for name, backup in backups.items():
        stage.restore(name, backup)
    return case


# --- rollbacks -------------------------------------------------------------------------------------------------------


def test_a_village_restored_behind_an_epoch_that_nobody_kept_is_found_out() -> None:
    """Its epoch 2 was lost with the township's disk, epoch 3, which names it, had come: it opens another second."""
    stage = Stage()
    stage.sync(rounds=2)
    village, township = stage.back_up("V1"), stage.back_up("TA")
    stage.restart("V1")
    stage.sync("V1", rounds=1)
    stage.restore("TA", township)
    stage.restart("V1")
    talk(stage, stage.device("V1"))
    stage.restore("V1", village)
    node = stage.device("V1").node
    assert not stage.settle()
    assert ("TA", "rollback", node) in stage.world.findings


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_a_village_whose_copy_had_spoken_says_where_it_stands_itself() -> None:
    # The copy had taken the acceptance, so the township went on behind it, and the village said nothing: it believed
    # to have stated its cursor long ago.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.restart("V1")
    stage.sync()
    twin = stage.faults.clone(stage.device("V1"), hot=True)
    stage.accept("TA", case)
    talk(stage, twin, 2)
    twin.stop()
    stage.grant("TA", case)
    stage.sync("V1")
    assert stage.see("V1", case).stage is CaseStage.DECIDED
    assert stage.settle() == []


def test_numbers_for_an_adopted_township_go_on_after_a_failed_commit() -> None:
    # The village met the township's successor and posted everything to it; its disk was full when it was to take in
    # the enrolment, and it read its books again, in which that successor is no neighbour yet. Begun at one, numbers
    # that the successor held already were given to other entries.
    stage = Stage()
    stage.file("V1")
    stage.sync()
    stage.lose_and_replace("TA")
    stage.sync("TA")
    village = stage.device("V1")
    village.disk.full = True
    while not stage.world.counts["disk full"]:
        talk(stage, village)
    assert village.books.parent != stage.device("TA").node
    village.disk.full = False
    case = stage.file("V1")
    assert stage.settle() == []
    assert case in stage.device("C").disk.cases.files
    assert not stage.found("rolled_back")


def test_a_change_of_sizes_told_to_an_earlier_start_is_not_taken_for_one_told_to_this() -> None:
    # Taken, it would have been confirmed, and what was said between the two pages would never have been said again.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.restart("TA")
    stage.deliver("TA", "V1", composed(stage, "TA", "V1"))
    full = composed(stage, "V1", "TA")
    stage.deliver("V1", "TA", full)
    stage.accept("TA", case)
    stage.deliver("TA", "V1", composed(stage, "TA", "V1"))
    change = composed(stage, "V1", "TA")
    assert full.full
    assert change.sizes
    assert not change.full
    stage.restart("TA")
    stage.deliver("V1", "TA", full)
    stage.deliver("V1", "TA", change)
    assert composed(stage, "TA", "V1").seen == full.statement
    assert stage.settle() == []


# --- journals ---------------------------------------------------------------------------------------------------------


def test_an_own_journal_of_an_earlier_start_is_signed_wherever_a_page_ends() -> None:
    # Cut without a checkpoint the run was refused; and the present journal was signed at the other one's size.
    stage = Stage()
    for _ in range(3):
        stage.file("V1")
    stage.restart("V1")
    for _ in range(3):
        page = composed(stage, "V1", "TA", entries=1)
        (run,) = page.stretches[0].runs
        assert run.epoch != stage.device("V1").books.epoch
        assert [checkpoint.size for checkpoint in run.checkpoints] == [run.start + len(run.lines)]
        stage.deliver("V1", "TA", page)
        stage.deliver("TA", "V1", composed(stage, "TA", "V1"))
    assert stage.settle() == []
    assert not stage.found("malformed")
    assert not stage.found("bad_signature")


def test_what_stands_behind_a_hole_that_nobody_can_fill_arrives_entry_by_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    # A run behind the hole fits nothing over there: it was refused, and the tail with it.
    monkeypatch.setattr(recovery, "PAGE_ENTRIES_MAX", 2)
    stage = Stage()
    stage.cut("TA")
    cases: list[CaseId] = []
    for _ in range(6):
        cases.append(stage.file("V1"))
        stage.sync("V1")
    township = stage.device("TA")
    journal, seq = township.disk.tables.subjects[cases[0]][0]
    stage.faults.rot(township, township.disk.tables.entries[journal][seq])
    stage.lose_and_replace("V1")
    stage.mend("TA")
    assert stage.settle() == []
    for name in ("C", "V1"):
        assert stage.device(name).disk.cases.files.keys() & set(cases) == set(cases[1:])


def test_a_relays_damaged_copy_does_not_make_an_honest_village_a_forker() -> None:
    # The township sent again what the county had, one entry of it damaged meanwhile; up to that the branches agree.
    stage = Stage()
    stage.cut("TA")
    cases = [stage.file("V1")]
    stage.sync("V1")
    cases.append(stage.file("V1"))
    stage.sync("V1")
    stage.deliver("TA", "C", composed(stage, "TA", "C"))
    township = stage.device("TA")
    journal, seq = township.disk.tables.subjects[cases[1]][0]
    stage.faults.rot(township, township.disk.tables.entries[journal][seq])
    stage.file("V1")
    stage.sync("V1")
    stage.mend("TA")
    assert stage.settle() == []
    assert not stage.found("fork")


# --- what is given back -----------------------------------------------------------------------------------------------


def test_an_epoch_that_a_restored_county_has_forgotten_is_given_back() -> None:
    # The opening names only the epoch before the forgotten one, so what was sent home was that one's tail: nothing.
    stage = Stage()
    case = granted_by_the_county(stage)
    assert stage.settle() == []
    assert stage.see("C", case).stage is CaseStage.DECIDED


def test_what_was_sent_home_through_a_burnt_township_goes_to_its_successor() -> None:
    stage = Stage()
    case = granted_by_the_county(stage)
    stage.sync("TA")
    stage.cut("TA")
    stage.sync("V1")
    assert stage.see("TA", case).stage is CaseStage.DECIDED
    stage.lose_and_replace("TA")
    stage.mend("TA")
    assert stage.settle() == []
    assert stage.see("C", case).stage is CaseStage.DECIDED


def test_what_came_home_is_sent_again_to_its_giver_who_is_restored_next() -> None:
    # The rows that had carried the decision down were lost with the township's disk; the village had given it back.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    backups = {name: stage.back_up(name) for name in ("TA", "V1")}
    stage.cut("TA")
    stage.accept("TA", case)
    stage.grant("TA", case)
    stage.sync("V1")
    stage.restore("TA", backups["TA"])
    stage.sync("V1")
    assert stage.see("TA", case).stage is CaseStage.DECIDED
    stage.restore("V1", backups["V1"])
    stage.mend("TA")
    assert stage.settle() == []
    assert stage.see("V1", case).stage is CaseStage.DECIDED


def test_receipts_that_only_a_village_still_has_come_back_up() -> None:
    stage = Stage()
    backup = stage.back_up("TA")
    stage.cut("TA")
    stage.file("V1")
    stage.sync("V1")
    forgotten = stage.device("TA").books.own
    held = list(stage.device("V1").books.loose[forgotten])
    stage.restore("TA", backup)
    stage.mend("TA")
    assert stage.settle() == []
    assert all(stage.device("C").books.holds(forgotten, seq) for seq in held)


def test_a_countys_quarantine_ends_though_nobody_can_give_back_what_it_forgot() -> None:
    # The township alone had the acceptance, and its copy went bad: the county waited for what it had stated itself.
    stage = Stage()
    case = stage.file("TA")
    stage.offer("TA", case, "C")
    stage.sync("TA")
    backup = stage.back_up("C")
    stage.accept("C", case)
    stage.sync("TA")
    township = stage.device("TA")
    journal, seq = next(key for key in township.disk.tables.subjects[case] if key[0].origin == stage.device("C").node)
    stage.faults.rot(township, township.disk.tables.entries[journal][seq])
    stage.restore("C", backup)
    assert stage.settle() == []
    assert stage.found("rolled_back")
    assert stage.found("lost")


def test_a_case_is_folded_again_with_the_copy_that_is_put_right_though_the_power_fails() -> None:
    # It was folded with the next page that went out; nothing on the disk said any more that it was to be.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.remark("V1", case)
    stage.sync()
    township = stage.device("TA")
    journal, seq = township.disk.tables.subjects[case][-1]
    stage.faults.rot(township, township.disk.tables.entries[journal][seq])
    assert township.ledger is not None
    stage.world.run(recovery.refold(township.books, {case}))
    stage.world.run(township.ledger.commit())
    assert not stage.see("TA", case).contributions
    stage.deliver("TA", "V1", composed(stage, "TA", "V1"))
    stage.deliver("V1", "TA", composed(stage, "V1", "TA"))
    stage.restart("TA")
    assert len(stage.see("TA", case).contributions) == 1
    assert stage.settle() == []


def test_an_office_aside_gives_back_what_two_others_forgot_though_nobody_sees_it_at_first() -> None:
    # The county had passed the offer on in the epoch of its backup, so its opening forgot nothing that others held. It
    # heard of the township's opening before it was shown its own rollback, and told nobody.
    stage = Stage()
    case = stage.file("TA")
    stage.sync()
    stage.cut("V1", "V2")
    backups = {name: stage.back_up(name) for name in ("C", "TA")}
    stage.restart("TA")
    stage.offer("TA", case, "TB")
    stage.sync(rounds=3)
    for name, backup in backups.items():
        stage.restore(name, backup)
    stage.mend("V1", "V2")
    assert stage.settle() == []
    assert stage.see("TA", case).offeree == stage.device("TB").office


@pytest.mark.parametrize("known", [True, False])
def test_what_a_restored_county_had_passed_on_comes_back_though_its_author_was_replaced_meanwhile(known: bool) -> None:
    # Nobody below saw that the county forgot anything, for of its own it had written nothing that others held; and the
    # computer that would have sent it again was put away. The office aside had the case, and kept it to itself.
    stage = Stage()
    backup = stage.back_up("C")
    case = stage.file("TB")
    stage.offer("TB", case, "TA")
    stage.sync(rounds=3)
    stage.restore("C", backup, known=known)
    assert stage.faults.replace_working(stage.device("TB"))
    assert stage.settle() == []
    assert case in stage.device("C").disk.cases.files


def test_two_offices_whose_copies_both_went_bad_do_not_wait_for_each_other() -> None:
    # Each would answer once the other had: neither did, and the village's new device waited for its journal for ever.
    stage = Stage()
    case = stage.file("V3")
    stage.sync(rounds=3)
    journal, seq = stage.device("V3").disk.tables.subjects[case][0]
    for name in ("TB", "C"):
        device = stage.device(name)
        stage.faults.rot(device, device.disk.tables.entries[journal][seq])
    stage.lose_and_replace("V3")
    assert stage.settle() == []
    assert stage.found("lost")


def test_what_a_new_township_could_not_believe_yet_is_not_taken_for_lost() -> None:
    # It heard of the burnt township after the village had given it that one's last words, twice: refused both times,
    # and then asked for no more, for an answer that brings nothing believable says that nothing is held.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.cut("TA")
    stage.accept("TA", case)
    stage.sync("V1")
    stage.lose_and_replace("TA")
    township = stage.device("TA")
    stage.cut(township.name)
    assert stage.faults.enrol_again(stage.device("V1"))
    stage.sync("V1")
    stage.mend(township.name)
    assert stage.settle() == []


def test_a_journal_of_a_computer_unknown_above_is_not_closed_before_that_is_known() -> None:
    # The township's successor asked the county for the journal of the village's first computer, of which it had not
    # heard; the county had the beginning only, refused as well, so the case that the second computer had was lost.
    stage = Stage()
    stage.restart("TA")
    stage.sync()
    stage.cut("TA")
    case = stage.file("V1")
    stage.sync("V1")
    stage.lose_and_replace("V1")
    stage.sync("V1")
    stage.lose_and_replace("TA")
    township = stage.device("TA")
    stage.cut(township.name)
    assert stage.faults.enrol_again(stage.device("V1"))
    stage.sync("V1")
    stage.mend(township.name)
    assert stage.settle() == []
    assert case in stage.device("C").disk.cases.files


# --- who stands above -------------------------------------------------------------------------------------------------


def test_a_village_that_was_enrolled_again_calls_the_township_that_its_sheet_names() -> None:
    # It knew the first of three devices of its township from its own entries, and the third from the sheet alone.
    stage = Stage()
    stage.cut("TA")
    stage.lose_and_replace("V1")
    stage.sync("V1")
    village = stage.device("V1")
    for _ in range(2):
        stage.lose_and_replace("TA")
    assert stage.faults.enrol_again(village)
    assert village.books.parent == stage.device("TA").node
    stage.mend("TA")
    case = stage.file("V1")
    assert stage.settle() == []
    assert case in stage.device("C").disk.cases.files


def test_a_village_enrolled_again_by_a_new_township_stays_though_news_of_its_forerunners_comes_later() -> None:
    # The burnt township had told nobody of the third computer. Its successor entered that one without knowing of any
    # before it; then heard that the second had followed the first, and gave the seat to that: a computer long gone.
    stage = Stage()
    stage.lose_and_replace("V3")
    stage.restart("TB")
    stage.lose_and_replace("V3")
    stage.sync()
    stage.cut("TB")
    stage.lose_and_replace("V3")
    stage.lose_and_replace("TB")
    village, township = stage.device("V3"), stage.device("TB")
    assert stage.faults.enrol_again(village)
    case = stage.file("V3")
    assert stage.settle() == []
    assert case in stage.device("C").disk.cases.files
    assert township.books.children[village.office] == village.node
    assert stage.world.run(present_devices(township.books))[village.office] == village.node


def test_what_a_computer_wrote_that_only_a_burnt_township_had_enrolled_counts_through_its_successor() -> None:
    # The county revoked the township below the enrolments of both, so nobody could believe the second computer any
    # more, and only the third was entered anew: the case that the second had filed was lost, and it was receipted.
    stage = Stage()
    stage.cut("TA")
    stage.lose_and_replace("V2")
    stage.sync("V2")
    case = stage.file("V2")
    stage.offer("V2", case, "TA")
    stage.sync("V2")
    stage.lose_and_replace("V2")
    stage.sync("V2")
    stage.lose_and_replace("TA")
    stage.sync("TA")
    assert stage.faults.enrol_again(stage.device("V2"))
    assert stage.settle() == []
    for name in ("C", "TA"):
        assert stage.see(name, case).offeree == stage.device("TA").office


def test_what_a_township_published_of_which_every_trace_burnt_stays_in_the_village_that_has_it() -> None:
    # The county forgot that it had enrolled the township, which then burnt. The village had believed it when it was
    # told, and nobody else ever can: the judge took what it keeps for something that does not count.
    stage = Stage()
    backup = stage.back_up("C")
    stage.lose_and_replace("TB")
    stage.lose_and_replace("V3")
    township = stage.device("TB")
    stage.cut(township.name)
    assert stage.work.publish(township)
    stage.sync("V3")
    stage.restore("C", backup)
    stage.lose_and_replace("TB")
    assert stage.settle() == []
    assert stage.device("C").books.keyring.find(township.node) is None
    assert len(stage.device("V3").disk.cases.records) == 1


# --- a copy of a running machine --------------------------------------------------------------------------------------


def test_a_machine_whose_copy_went_on_in_the_same_start_leaves_that_epoch_to_it() -> None:
    # The copy had used up the next numbers: what the village filed next was taken for held, and for a fork.
    stage = Stage()
    village = stage.device("V1")
    twin = stage.faults.clone(village, hot=True)
    assert stage.work.file(twin)
    assert stage.work.file(twin)
    talk(stage, twin, 2)
    stage.faults.remove_twins()
    shared = village.books.own
    talk(stage, village)
    assert village.books.own.epoch.ordinal == shared.epoch.ordinal + 1
    stage.file("V1")
    stage.sync()
    for name in ("C", "TA", "V1"):
        assert stage.device(name).disk.cases.files.keys() >= set(stage.work.filed)
    assert stage.settle() == []
    assert not stage.found("fork")
    assert not stage.found("fork_suspected")


def test_what_is_written_with_the_page_that_shows_a_copy_goes_into_the_new_epoch() -> None:
    stage = Stage()
    village = stage.device("V1")
    twin = stage.faults.clone(village, hot=True)
    assert stage.work.file(twin)
    assert stage.work.file(twin)
    talk(stage, twin, 2)
    page, ledger, shared = composed(stage, "TA", "V1"), village.ledger, village.books.own
    assert ledger is not None

    async def drafting() -> list[Draft]:
        return [Draft("case.reviewed/2", CaseId(bytes(16)), b"")]

    jobs = [lambda: ledger.stage_record(drafting), lambda: ledger.stage_admit(page)]
    stage.world.run(ledger.perform([*jobs, jobs[0]]))
    rows = village.disk.tables.entries
    opened = decode(rows[village.books.own][0].body or b"", EpochOpened)
    assert opened.parent is not None
    assert (opened.parent.epoch, opened.parent.size) == (shared.epoch, len(rows[shared]))
    assert opened.parent.checkpoint == village.disk.tables.checkpoints[shared][len(rows[shared])]
    assert [entry.kind for entry in rows[village.books.own].values()] == ["line.epoch_opened", "case.reviewed/2"]


def test_a_failed_opening_in_the_middle_of_a_start_is_made_again() -> None:
    stage = Stage()
    village = stage.device("V1")
    twin = stage.faults.clone(village, hot=True)
    assert stage.work.file(twin)
    talk(stage, twin, 2)
    stage.faults.remove_twins()
    shared = village.books.own
    village.disk.full = True
    talk(stage, village)
    assert village.books.own == shared
    village.disk.full = False
    stage.sync("V1")
    assert village.books.own != shared
    assert stage.settle() == []


def test_a_neighbour_makes_nobody_open_more_than_one_epoch_in_a_start() -> None:
    stage = Stage()
    village = stage.device("V1")
    for _ in range(3):
        page = composed(stage, "TA", "V1")
        cursors = [Cursor(Lane.RUNS, epoch, 1000) for epoch in village.books.own_epochs()]
        stage.deliver("TA", "V1", msgspec.structs.replace(page, cursors=cursors))
    assert village.books.own.epoch.ordinal == 2
    stage.restart("TA")
    assert stage.settle() == []
