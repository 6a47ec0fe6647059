"""Every counter-example behind the rulings as a story: who did what, in which order, and what must be true at the end.

Each ends in the simulator's own judgement (`Stage.settle`), so that a story also fails when it breaks something else.
The name says the ruling; the text says what went wrong in the design that did without it.
"""

import msgspec

from schemas.casework.casefile import REASSIGNMENT_VOID
from schemas.casework.lifecycle import Stage as CaseStage
from schemas.casework.values import Outcome
from schemas.codec import encode
from schemas.names import CaseId
from schemas.wire import KIND_RELEASED, Page, Released
from sync.core.journal import Draft
from sync.rules import Rules
from tests.simulation.devices import DAY, HOUR
from tests.simulation.stage import Stage
from tests.simulation.switched_off import without


def granted_in_village(stage: Stage, village: str = "V1", township: str = "TA") -> CaseId:
    """A case that went up, was granted, came back and was handed over; returns the case."""
    case = stage.file(village)
    stage.offer(village, case, township)
    stage.sync()
    stage.accept(township, case)
    stage.grant(township, case)
    stage.offer(township, case, village)
    stage.sync()
    stage.accept(village, case)
    stage.hand_over(village, case)
    return case


def test_the_whole_way_on_a_fine_day() -> None:
    stage = Stage()
    case = granted_in_village(stage)
    assert stage.settle() == []
    for name in ("C", "TA", "V1"):
        assert stage.see(name, case).stage is CaseStage.HANDED_OVER
    assert case not in stage.device("V2").disk.cases.files


# --- A: journals, pages, cursors --------------------------------------------------------------------------------------


def test_a1_a_restored_township_numbers_its_decisions_anew_and_none_is_lost() -> None:
    # The village had acknowledged the township's outbox; with one stream for ever, the restored township's next rows
    # would have had numbers that the village already acknowledged.
    stage = Stage()
    backup = stage.back_up("TA")
    cases = [stage.file("V1") for _ in range(4)]
    for case in cases:
        stage.offer("V1", case, "TA")
    stage.sync()
    for case in cases[:3]:
        stage.accept("TA", case)
    stage.sync()
    stage.restore("TA", backup)
    stage.sync(rounds=4)
    stage.accept("TA", cases[3])
    stage.grant("TA", cases[3])
    assert stage.settle() == []
    assert stage.see("V1", cases[3]).stage is CaseStage.DECIDED
    assert stage.found("rolled_back")


def test_a1_a_number_beyond_the_end_proves_a_rollback_once_and_the_quarantine_lifts() -> None:
    stage = Stage()
    backup = stage.back_up("TA")
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.accept("TA", case)
    stage.sync()
    stage.restore("TA", backup)
    stage.sync(rounds=8)
    evidence = [e for e in stage.device("TA").disk.tables.evidence if e.code == "rolled_back"]
    assert 0 < len(evidence) <= len(stage.device("TA").disk.tables.links) * 2
    assert stage.settle() == []


def test_a2_a_run_passes_an_entry_that_came_before_as_an_excerpt() -> None:
    # TA's acceptance is known in the village as an excerpt; the county gets it given back before the run.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    backup = stage.back_up("TA")
    stage.cut("TA")
    stage.accept("TA", case)
    stage.grant("TA", case)
    stage.sync("V1")
    stage.restore("TA", backup)
    stage.mend("TA")
    stage.remark("TA", case)
    assert stage.settle() == []
    assert stage.see("C", case).stage is CaseStage.DECIDED


def test_a3_runs_are_cut_anywhere_a_checkpoint_stands_and_nowhere_else() -> None:
    stage = Stage()
    stage.cut("TA")
    for _ in range(12):
        stage.file("V1")
        stage.sync("V1", rounds=1)
    stage.mend("TA")
    for _ in range(40):
        link = stage.device("TA").link_to(stage.device("C"))
        assert link is not None
        link.page_entries = 1
        stage.sync("TA", rounds=1)
    assert stage.settle() == []
    assert not stage.found("broken_chain")


def test_a4_a_newer_header_passes_an_older_township_byte_for_byte() -> None:
    stage = Stage()
    stage.faults.write_with_newer_header()
    stage.faults.write_with_newer_header()
    assert stage.settle() == []
    assert stage.world.counts["newer header"] == 2


def test_a5_entries_past_the_size_that_an_opening_names_count_all_the_same() -> None:
    # F1: V1 had delivered everything and printed slips; it is restored to an older backup and opens its next epoch.
    stage = Stage()
    backup = stage.back_up("V1")
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.restore("V1", backup)
    assert stage.settle() == []
    assert stage.found("rollback")
    assert stage.see("V1", case).stage is CaseStage.OFFERED


def test_a5_two_children_of_one_epoch_are_a_rollback_even_if_nothing_is_missing() -> None:
    # F10: backup at the very end of an epoch; started, restored, started: both name the same parent and size.
    stage = Stage()
    device = stage.device("V1")
    stage.sync()
    backup = device.back_up()
    stage.restart("V1")
    stage.sync()
    stage.restore("V1", backup)
    assert stage.settle() == []
    assert stage.found("rollback")


def test_a6_one_start_in_2036_does_not_poison_the_ten_years_after_it() -> None:
    stage = Stage()
    stage.device("V1").skew_ms = 3650 * DAY
    case = stage.file("V1")
    stage.device("V1").skew_ms = -HOUR
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.accept("TA", case)
    assert stage.settle() == []
    assert stage.see("C", case).turn == 3


def test_a7_a_township_regains_what_only_the_county_still_has_of_its_villages() -> None:
    # V1 is gone, TA is restored to before V1 ever spoke: only the county can give V1's work back.
    stage = Stage()
    backup = stage.back_up("TA")
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.restore("TA", backup)
    stage.lose_and_replace("V1")
    assert stage.settle() == []
    assert stage.see("TA", case).stage is CaseStage.OFFERED
    assert stage.see("V1", case).stage is CaseStage.OFFERED


def test_a7_a_decision_known_only_below_comes_back_up() -> None:
    # F2: TA decides, V1 hears of it, TA is restored before it spoke to the county. The only copy is V1's excerpt.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    backup = stage.back_up("TA")
    stage.cut("TA")
    stage.accept("TA", case)
    stage.grant("TA", case)
    stage.sync("V1")
    stage.restore("TA", backup)
    assert stage.settle() == []
    for name in ("C", "TA", "V1"):
        assert stage.see(name, case).stage is CaseStage.DECIDED


def test_a7_what_nobody_holds_any_more_is_closed_as_lost_and_nobody_waits_for_it() -> None:
    # F9: the township's own notes between two entries that a village holds are gone for good.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    backup = stage.back_up("TA")
    stage.cut("TA", "V2")
    stage.file("TA")
    stage.accept("TA", case)
    stage.sync("V1")
    stage.restore("TA", backup)
    assert stage.settle() == []
    assert stage.found("lost")
    assert stage.see("C", case).stage is CaseStage.IN_REVIEW


def test_a9_an_idle_network_falls_silent() -> None:
    stage = Stage()
    stage.sync(rounds=4)
    written = stage.world.entries
    stage.sync(rounds=6)
    assert stage.world.entries == written
    assert stage.settle() == []


def test_a10_a_village_ends_up_with_receipts_of_township_and_county() -> None:
    stage = Stage()
    stage.file("V1")
    stage.sync(rounds=4)
    holders = {row.office for row in stage.device("V1").disk.tables.receipts.values() if row.size > 1}
    assert holders == {stage.device("TA").office, stage.device("C").office}
    assert stage.settle() == []


def test_a11_a_case_given_to_the_other_township_arrives_there_with_proofs() -> None:
    # V1's entries were never attested one by one: whoever holds the journal proves them by its tree.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.accept("TA", case)
    stage.offer("TA", case, "TB")
    stage.sync(rounds=3)
    stage.accept("TB", case)
    stage.grant("TB", case)
    stage.offer("TB", case, "V1")
    stage.sync(rounds=4)
    stage.accept("V1", case)
    stage.hand_over("V1", case)
    assert stage.settle() == []
    assert stage.world.counts["excerpts proved by a tree"] > 0
    assert stage.see("TB", case).stage is CaseStage.HANDED_OVER


def test_a14_a_township_that_forgot_cannot_disown_honest_work() -> None:
    # F11: the county holds V1 further than the restored township that revokes it; the county's confirmation counts.
    stage = Stage()
    backup = stage.back_up("TA")
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.restore("TA", backup)
    stage.lose_and_replace("V1")
    stage.sync(rounds=3)
    assert stage.settle() == []
    assert stage.see("C", case).stage is CaseStage.OFFERED


def test_a14_what_lies_past_a_revocation_counts_once_a_person_releases_it() -> None:
    stage = Stage()
    case = stage.file("V1")
    stage.sync()
    lost = stage.device("V1")
    stage.remark("V1", case)
    page = stage.world.compose(lost, stage.device("TA"), receipts_due=True)
    stage.lose_and_replace("V1")
    assert page is not None
    late = page.stretches[0].runs[0].lines[-1]
    assert late.body is not None
    # The stick of the lost machine arrives afterwards: a revoked device may not speak, its neighbour holds nothing.
    stage.deliver(lost.name, "TA", page)
    assert stage.settle() == []
    county = stage.device("C")
    journal = next(journal for journal in county.books.journals if journal.origin == lost.node)
    released = Released(lost.node, journal.epoch, 99, bytes(32))
    stage.device("TA").write([Draft(KIND_RELEASED, None, encode(released))])
    assert stage.settle() == []


def test_a15_a_replaced_village_computer_shows_all_the_cases_of_its_seat() -> None:
    stage = Stage()
    case = granted_in_village(stage)
    stage.sync()
    stage.lose_and_replace("V1")
    assert stage.settle() == []
    assert stage.see("V1", case).stage is CaseStage.HANDED_OVER


def test_a15_a_burnt_township_is_replaced_and_its_villages_follow_it() -> None:
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.file("V2")
    stage.lose_and_replace("TA")
    assert stage.settle() == []
    assert stage.device("V1").books.parent == stage.device("TA").node
    stage.accept("TA", case)
    stage.grant("TA", case)
    assert stage.settle() == []
    assert stage.see("V1", case).stage is CaseStage.DECIDED


# --- B: cases ---------------------------------------------------------------------------------------------------------


def test_b1_an_act_whose_predecessor_has_not_arrived_waits_and_then_counts() -> None:
    # TB hears of the county's act before TA's village's filing could be proved to it.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TB")
    stage.sync(rounds=3)
    stage.accept("TB", case)
    assert stage.settle() == []
    assert stage.see("V1", case).stage is CaseStage.IN_REVIEW


def test_b2_a_restored_townships_refusal_does_not_overturn_a_grant_that_was_handed_over() -> None:
    for _ in range(4):
        stage = Stage(seed=_)
        case = stage.file("V1")
        stage.offer("V1", case, "TA")
        stage.sync()
        backup = stage.back_up("TA")
        stage.accept("TA", case)
        stage.grant("TA", case)
        stage.offer("TA", case, "V1")
        stage.sync("V1")
        stage.accept("V1", case)
        stage.hand_over("V1", case)
        stage.restore("TA", backup)
        stage.accept("TA", case)
        stage.refuse("TA", case)
        assert stage.settle() == []
        for name in ("C", "TA", "V1"):
            seen = stage.see(name, case)
            assert seen.decision is not None
            assert (seen.decision.outcome, seen.stage) == (Outcome.GRANTED, CaseStage.HANDED_OVER)
            assert len(seen.superseded) == 2


def test_b2_what_the_county_itself_handed_over_stands_against_a_forgotten_offer() -> None:
    # Found by the simulator: the restored county granted and handed over; the township had built on its lost offer.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "C")
    stage.sync(rounds=3)
    stage.accept("C", case)
    backup = stage.back_up("C")
    stage.offer("C", case, "TB")
    stage.sync("TB")
    stage.cut("TB")
    stage.accept("TB", case)
    stage.restore("C", backup)
    stage.grant("C", case)
    stage.hand_over("C", case)
    assert stage.settle() == []
    assert stage.see("TB", case).stage is CaseStage.HANDED_OVER


def test_b3_a_reassignment_is_void_when_the_silent_office_had_already_delivered() -> None:
    # F12: the county knows turn 2; behind a dead line the township accepted, granted, and the village handed over.
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.cut("TA")
    stage.accept("TA", case)
    stage.grant("TA", case)
    stage.offer("TA", case, "V1")
    stage.sync("V1")
    stage.accept("V1", case)
    stage.hand_over("V1", case)
    stage.reassign(case, "TB")
    stage.sync("TB")
    assert stage.settle() == []
    for name in ("C", "TA", "V1", "TB"):
        seen = stage.see(name, case)
        assert seen.stage is CaseStage.HANDED_OVER
        assert REASSIGNMENT_VOID in {breach.code for breach in seen.breaches}


def test_b3_a_reassignment_moves_a_case_away_from_an_office_that_burnt_down() -> None:
    stage = Stage()
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.faults.lose(stage.device("TA"))
    stage.reassign(case, "TB")
    stage.sync("TB")
    stage.accept("TB", case)
    stage.grant("TB", case)
    assert stage.settle() == []
    assert stage.see("V1", case).stage is CaseStage.DECIDED


def restored_township(rules: Rules | None = None) -> tuple[Stage, CaseId, Page]:
    """TA gave a case back to V1, was restored knowingly to before that; V1's line is down. Also a page from before."""
    stage = Stage(rules=rules)
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync()
    stage.accept("TA", case)
    backup = stage.back_up("TA")
    page = stage.world.compose(stage.device("V1"), stage.device("TA"), receipts_due=True)
    assert page is not None
    stage.offer("TA", case, "V1")
    stage.sync("V1")
    stage.cut("V1")
    stage.restore("TA", backup, known=True)
    return stage, case, page


def test_b5_a_restored_township_takes_no_custody_acts_until_it_has_caught_up() -> None:
    stage, case, _ = restored_township()
    assert stage.may_not("TA", case, "grant")
    stage.file("TA")
    assert stage.settle() == []
    assert stage.see("TA", case).offeree == stage.device("V1").office


def test_b5_without_the_quarantine_it_would_decide_what_it_had_given_away() -> None:
    stage, case, _ = restored_township(without(["quarantine"]))
    assert not stage.may_not("TA", case, "grant")
    assert any("taken again" in problem for problem in stage.settle())


def test_b5_a_page_made_before_the_restore_does_not_end_the_quarantine() -> None:
    # Earlier bug 14: an old stick from the village arrived after the restore and lifted the quarantine.
    stage, case, page = restored_township()
    stage.deliver("V1", "TA", page)
    assert stage.may_not("TA", case, "grant")
    assert stage.settle() == []


def test_b5_without_the_echo_it_would() -> None:
    stage, case, page = restored_township(without(["echo_nonce"]))
    stage.deliver("V1", "TA", msgspec.structs.replace(page, full=True, statement=1, sizes=[]))
    assert not stage.may_not("TA", case, "grant")


# --- machines ---------------------------------------------------------------------------------------------------------


def test_a_resumed_copy_of_a_village_computer_is_found_out_and_nobody_else_is_accused() -> None:
    stage = Stage()
    device = stage.device("V1")
    twin = stage.faults.clone(device, hot=True)
    assert stage.work.file(device)
    # A repeated number is not looked at; the one after it, which names another predecessor, is.
    assert stage.work.file(twin)
    assert stage.work.file(twin)
    stage.sync("V1")
    for _ in range(4):
        stage.world.talk(twin)
        stage.world.deliver_all()
    assert stage.settle() == []
    assert {origin for _, code, origin in stage.world.findings if code == "fork"} == {device.node}


def test_a_cold_copy_of_a_village_computer_shows_as_a_rollback_and_loses_nothing() -> None:
    stage = Stage()
    device = stage.device("V1")
    twin = stage.faults.clone(device, hot=False)
    assert stage.work.file(device)
    assert stage.work.file(twin)
    for machine in (device, twin, device, twin):
        stage.world.talk(machine)
        stage.world.deliver_all()
    stage.restart("V1")
    assert stage.settle() == []
    assert stage.found("rollback")


def test_a_damaged_copy_is_still_fetched_after_a_restart() -> None:
    """The township noticed while its line was cut, and forgot when it was switched off: the case stayed unreadable."""
    stage = Stage()
    backup = stage.back_up("C")
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    stage.sync("V1", "TA")
    journal, seq = stage.device("TA").disk.tables.subjects[case][0]
    stage.faults.rot(stage.device("TA"), stage.device("TA").disk.tables.entries[journal][seq])
    stage.restore("C", backup)
    stage.sync("TA", rounds=3)
    assert stage.found("damaged")
    stage.restart("TA")
    stage.sync("V1")
    bodies = [stage.device(name).disk.tables.entries[journal][seq].body for name in ("V1", "TA")]
    assert bodies[0] == bodies[1]
    assert stage.settle() == []


def test_what_is_stated_after_a_failed_commit_is_not_taken_for_what_was_stated_before() -> None:
    # The township's disk was full, and it read its books again. With its numbers begun anew, what it said next was
    # taken for what it had said before, and the restored village never asked for its second case.
    stage = Stage()
    village, township = stage.device("V1"), stage.device("TA")
    backup = stage.back_up("V1")
    cases: list[CaseId] = []
    sticks: list[Page] = []
    link = village.link_to(township)
    assert link is not None
    link.page_entries = 2
    for _ in range(2):
        cases.append(stage.file("V1"))
        page = stage.world.compose(village, township, receipts_due=True)
        assert page is not None
        link.in_flight.clear()
        sticks.append(page)
    stage.restore("V1", backup)
    stage.restart("TA")
    stage.deliver("V1", "TA", sticks[0])
    late = stage.world.compose(township, village, receipts_due=True)
    assert late is not None
    township.disk.full = True
    stage.deliver("V1", "TA", sticks[1])
    township.disk.full = False
    stage.deliver("V1", "TA", sticks[1])
    lost = stage.world.compose(township, village, receipts_due=True)
    assert lost is not None
    assert lost.statement > late.statement
    stage.deliver("TA", "V1", late)
    assert stage.settle() == []
    assert all(case in village.disk.cases.files for case in cases)
