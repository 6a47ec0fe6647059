"""Offices move: a village to another township, a township merged away, an agent replaced; nothing is left behind."""

from datetime import date

import pytest
from msgspec import structs

from office import moving
from office.publishing import PublishNames
from schemas.casework.casefile import CaseFile
from schemas.casework.lifecycle import Stage
from schemas.casework.values import Handover, Outcome, PauseCause
from schemas.names import CaseId, OfficeId, OfficerId
from schemas.refusals import Refused
from schemas.register import OfficePublished
from tests.support.counties import (
    APPLICANT,
    COUNTY,
    FAR_VILLAGE,
    OTHER_TOWNSHIP,
    TOWNSHIP,
    VILLAGE,
    WINDOW,
    County,
    Office,
    Person,
    agent,
    clerk,
    leader,
    materials_of,
    op,
    run,
)
from tests.support.moves import TODAY, carry_out, carry_through, confirm, propose

NEW_AGENT = Person(OfficerId(f"{VILLAGE}/zhou"), VILLAGE, agent().roles)
ITEM = "WJ02"
WANG = leader().officer


def offered(county: County, number: int, to: OfficeId = TOWNSHIP) -> CaseId:
    """Filed in the village and offered up."""
    slip = county[VILLAGE].file(operation=number, item=ITEM)
    run(county[VILLAGE].desk.offer_custody(agent(), slip.case, op(number + 1), to=to))
    return slip.case


def decided(county: County, number: int) -> CaseId:
    """… accepted and granted at the township."""
    case = offered(county, number)
    county.settle()
    grant(county[TOWNSHIP], case, number + 2)
    return case


def grant(office: Office, case: CaseId, number: int) -> None:
    """An office accepts and grants what is offered to it."""
    li = clerk(office.office)
    run(office.desk.accept_custody(li, case, op(number)))
    run(office.desk.decide(li, case, op(number + 1), outcome=Outcome.GRANTED, reason="符合条件", basis="第36条"))


def ready(county: County, number: int) -> CaseId:
    """… and its result lies in the village."""
    case = decided(county, number)
    run(county[TOWNSHIP].desk.offer_custody(clerk(), case, op(number + 4), to=VILLAGE))
    county.settle()
    run(county[VILLAGE].desk.accept_custody(agent(), case, op(number + 5)))
    county.settle()
    return case


def hand_over(office: Office, who: Person, case: CaseId, number: int) -> None:
    """The resident has the result."""
    run(office.desk.hand_over(who, case, op(number), recipient="王秀英", how=Handover.COUNTER))


def same(county: County, case: CaseId, *offices: OfficeId) -> CaseFile:
    """The case as all these offices know it, and as a refold of it says."""
    files = [county[office].case(case) for office in offices]
    assert all(file == files[0] for file in files)
    assert all(county[office].refolded()[case] == files[0] for office in offices)
    return files[0]


def acts_of(county: County, case: CaseId) -> list[str]:
    """The kinds of a case's entries at the county, in the order of arrival."""
    return [entry.kind for entry in run(county[COUNTY].store.entries_about([case]))]


# --- another township takes a case ------------------------------------------------------------------------------------


def test_a_case_goes_to_another_township_while_lines_are_cut_and_its_result_comes_home() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE)
    case = offered(county, 1)
    county.settle()
    run(county[TOWNSHIP].desk.accept_custody(clerk(), case, op(3)))
    run(county[TOWNSHIP].desk.offer_custody(clerk(), case, op(4), to=OTHER_TOWNSHIP, note="属贵镇地界"))
    # The village's line is down, and the other township's comes back a day later.
    county.settle(TOWNSHIP)
    assert not county[OTHER_TOWNSHIP].has(case)
    county.settle(OTHER_TOWNSHIP)
    grant(county[OTHER_TOWNSHIP], case, 5)
    run(county[OTHER_TOWNSHIP].desk.offer_custody(clerk(OTHER_TOWNSHIP), case, op(7), to=VILLAGE))
    county.settle(OTHER_TOWNSHIP, TOWNSHIP)
    assert county[VILLAGE].case(case).stage is Stage.OFFERED
    # Past custodians and the filing village stay readers: all of it comes when the line does.
    county.settle()
    run(county[VILLAGE].desk.accept_custody(agent(), case, op(8)))
    hand_over(county[VILLAGE], agent(), case, 9)
    county.settle()
    file = same(county, case, COUNTY, TOWNSHIP, OTHER_TOWNSHIP, VILLAGE)
    assert (file.stage, file.home) == (Stage.HANDED_OVER, VILLAGE)


def test_a_resident_has_the_result_handed_over_elsewhere() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)
    case = decided(county, 1)
    desk = county[TOWNSHIP].desk
    with pytest.raises(Refused, match="rehomed_there_already"):
        run(desk.rehome_case(clerk(), case, op(20), to=VILLAGE, reason="住女儿家"))
    with pytest.raises(Refused, match="role_forbids"):
        run(county[VILLAGE].desk.rehome_case(agent(), case, op(20), to=FAR_VILLAGE, reason="住女儿家"))
    run(desk.rehome_case(clerk(), case, op(20), to=FAR_VILLAGE, reason="申请人现住女儿家"))
    run(desk.offer_custody(clerk(), case, op(21), to=FAR_VILLAGE))
    county.settle()
    far = county[FAR_VILLAGE]
    run(far.desk.accept_custody(agent(FAR_VILLAGE), case, op(22)))
    hand_over(far, agent(FAR_VILLAGE), case, 23)
    county.settle()
    file = same(county, case, COUNTY, TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)
    assert (file.stage, file.home, file.filing_office) == (Stage.HANDED_OVER, FAR_VILLAGE, VILLAGE)


# --- a village moves --------------------------------------------------------------------------------------------------


def test_a_village_is_moved_while_its_line_is_down_with_two_unsent_filings() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)
    village, far, hub = county[VILLAGE], county[FAR_VILLAGE], county[COUNTY]
    result = ready(county, 1)

    # The line goes down. The agent takes two matters in; the county moves the village.
    filed = village.file(operation=20, item=ITEM).case
    sent = offered(county, 30)
    up = (TOWNSHIP, OTHER_TOWNSHIP, FAR_VILLAGE)
    move = propose(county, VILLAGE, FAR_VILLAGE)
    county.settle(*up)
    affected = run(hub.moving.preview(VILLAGE))
    assert (affected.cases, affected.held, affected.to_hand_over) == (1, 1, 1)
    assert [device.node for device in affected.devices] == [village.signer.node]
    with pytest.raises(Refused, match="move_unconfirmed"):
        carry_out(county, move)
    confirm(county, move, VILLAGE, TOWNSHIP, 901)
    confirm(county, move, FAR_VILLAGE, FAR_VILLAGE, 902)
    county.settle(*up)
    assert run(hub.moving.standings())[0].confirmed == {VILLAGE, FAR_VILLAGE}
    assert carry_through(county, move) == 1
    county.settle(*up)
    assert (far.case(result).custodian, far.case(result).home) == (FAR_VILLAGE, FAR_VILLAGE)
    hand_over(far, agent(FAR_VILLAGE), result, 40)

    # The line comes back: what was taken in meanwhile is folded as ever, is in the preview again, and is brought over.
    county.settle()
    assert (run(hub.moving.preview(VILLAGE)).stages) == {Stage.FILED: 1, Stage.OFFERED: 1}
    assert run(hub.moving.standings())[0].left == 2
    assert carry_through(county, move) == 2
    county.settle()
    assert far.case(filed).custodian == FAR_VILLAGE
    assert (far.case(sent).offeree, far.case(sent).home) == (TOWNSHIP, FAR_VILLAGE)
    with pytest.raises(Refused, match="office_ended"):
        village.file(operation=50, item=ITEM)

    # Both go on, and their results come to the new place.
    run(far.desk.offer_custody(agent(FAR_VILLAGE), filed, op(60), to=OTHER_TOWNSHIP))
    county.settle()
    for number, (office, case) in enumerate(((TOWNSHIP, sent), (OTHER_TOWNSHIP, filed)), start=7):
        grant(county[office], case, number * 10)
        run(county[office].desk.offer_custody(clerk(office), case, op(number * 10 + 2), to=FAR_VILLAGE))
        county.settle()
        run(far.desk.accept_custody(agent(FAR_VILLAGE), case, op(number * 10 + 3)))
        hand_over(far, agent(FAR_VILLAGE), case, number * 10 + 4)
    county.settle()
    for case in (result, filed, sent):
        file = same(county, case, COUNTY, TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)
        assert (file.stage, file.home) == (Stage.HANDED_OVER, FAR_VILLAGE)
    assert run(hub.moving.standings())[0].left == 0


def test_what_the_old_village_handed_over_behind_a_dead_line_stands() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)
    case = ready(county, 1)
    hand_over(county[VILLAGE], agent(), case, 20)
    move = propose(county, VILLAGE, FAR_VILLAGE)
    assert carry_through(county, move, "该村线路中断，群众等候取件") == 1
    county.settle(TOWNSHIP, OTHER_TOWNSHIP, FAR_VILLAGE)
    assert county[FAR_VILLAGE].case(case).custodian == FAR_VILLAGE
    county.settle()
    file = same(county, case, COUNTY, TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)
    assert (file.stage, file.custodian, len(file.superseded)) == (Stage.HANDED_OVER, VILLAGE, 2)
    # Only striking it off is left, and that the new village does.
    assert carry_through(county, move, "该村线路中断，群众等候取件") == 1
    county.settle()
    run(county[FAR_VILLAGE].desk.close_case(agent(FAR_VILLAGE), case, op(21)))
    county.settle()
    assert same(county, case, COUNTY, VILLAGE, FAR_VILLAGE).stage is Stage.CLOSED


# --- an agent is replaced ---------------------------------------------------------------------------------------------


def test_an_agent_is_replaced_with_a_case_ready_to_hand_over() -> None:
    """Custody is the office's (RULINGS A15): what was sent before the replacement is all with the new device."""
    county = County(TOWNSHIP, VILLAGE)
    case = ready(county, 1)
    filed = county[VILLAGE].file(operation=20, item=ITEM).case
    county.settle()
    affected = run(county[COUNTY].moving.preview(VILLAGE))
    assert (affected.held, affected.to_hand_over, len(affected.devices)) == (2, 1, 1)
    new = county.enrol(VILLAGE)
    county.settle()
    assert (new.case(case).stage, new.case(case).custodian) == (Stage.READY, VILLAGE)
    hand_over(new, NEW_AGENT, case, 30)
    run(new.desk.offer_custody(NEW_AGENT, filed, op(31), to=TOWNSHIP))
    county.settle()
    assert same(county, case, COUNTY, TOWNSHIP, VILLAGE).stage is Stage.HANDED_OVER
    assert same(county, filed, COUNTY, TOWNSHIP, VILLAGE).offeree == TOWNSHIP


# --- a township is merged ---------------------------------------------------------------------------------------------


def at_counter(county: County, number: int) -> CaseId:
    """Filed at the township's own counter."""
    papers = materials_of(ITEM)
    intake = county[TOWNSHIP].intake
    return run(intake.open_case(clerk(), op(number), item=ITEM, applicant=APPLICANT, materials=papers)).case


def at_stage(county: County, stage: Stage, number: int) -> CaseId:
    """A case of the village that its township has brought to a stage."""
    case, desk, li = offered(county, number), county[TOWNSHIP].desk, clerk()
    county.settle()
    if stage is Stage.OFFERED:
        return case
    if stage in (Stage.CORRECTING, Stage.RECEIVED):
        run(desk.request_papers(li, case, op(number + 2), materials=["户口簿"], reason="缺户口簿"))
        if stage is Stage.RECEIVED:
            run(desk.receive_papers(li, case, op(number + 3), materials=["户口簿"]))
        return case
    run(desk.accept_custody(li, case, op(number + 2)))
    further = op(number + 3)
    if stage is Stage.PAPERS_AWAITED:
        run(desk.request_papers(li, case, further, materials=["户口簿"], reason="缺户口簿"))
    elif stage is Stage.SUSPENDED:
        paper, until = "检〔2026〕1号", date(2026, 4, 1)
        pause = desk.suspend_case(li, case, further, cause=PauseCause.INSPECTION, document=paper, expected_until=until)
        run(pause)
    elif stage is Stage.REFERRED:
        run(desk.offer_custody(li, case, further, to=WINDOW, note="请审定"))
    elif stage is Stage.WITHDRAWN:
        run(desk.withdraw_case(li, case, further, reason="申请人自愿撤回"))
    elif stage is Stage.TERMINATED:
        run(desk.terminate_case(li, case, further, reason="申请人死亡", basis="第70条"))
    return case


def busy_township(county: County) -> dict[CaseId, Stage]:
    """Twenty cases that the township has to do with, at every stage at which one can lie with it or on its way to it;
    and their stages there.
    """
    stages = [
        *(Stage.OFFERED, Stage.CORRECTING, Stage.RECEIVED, Stage.IN_REVIEW, Stage.PAPERS_AWAITED, Stage.SUSPENDED),
        *(Stage.WITHDRAWN, Stage.TERMINATED),
    ]
    found = [at_stage(county, stage, 100 + 10 * place) for place, stage in enumerate([*stages, *stages])]
    found.append(decided(county, 300))
    counter = [at_counter(county, 310 + number) for number in range(3)]
    grant(county[TOWNSHIP], counter[1], 320)
    grant(county[TOWNSHIP], counter[2], 330)
    hand_over(county[TOWNSHIP], clerk(), counter[2], 332)
    county.settle()
    return {case: county[TOWNSHIP].case(case).stage for case in (*found, *counter)}


def test_a_township_is_merged_with_twenty_pending_cases() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE)
    before = busy_township(county)
    assert len(before) == 20
    elsewhere = at_stage(county, Stage.REFERRED, 400)
    county.settle()
    move = propose(county, TOWNSHIP, OTHER_TOWNSHIP)
    county.settle()
    for number, side in enumerate((TOWNSHIP, OTHER_TOWNSHIP)):
        confirm(county, move, side, side, 910 + number)
    county.settle()
    affected = run(county[COUNTY].moving.preview(TOWNSHIP))
    assert (affected.cases, affected.offered, affected.held, affected.home) == (20, 2, 18, 3)
    assert affected.notices == 4
    assert carry_through(county, move) == 20
    county.settle()

    expected = {Stage.OFFERED: Stage.FILED}
    for case, stage in before.items():
        file = same(county, case, COUNTY, TOWNSHIP, OTHER_TOWNSHIP)
        assert (file.custodian, file.stage) == (OTHER_TOWNSHIP, expected.get(stage, stage))
        assert TOWNSHIP not in (file.custodian, file.offeree)
        assert file.home == (OTHER_TOWNSHIP if file.filing_office == TOWNSHIP else VILLAGE)
    assert run(county[COUNTY].moving.preview(TOWNSHIP)).cases == 0

    # The old counter takes nothing in any more, nobody sends there, and the new one goes on with what it got.
    with pytest.raises(Refused, match="office_ended"):
        at_counter(county, 500)
    late = county[VILLAGE].file(operation=501, item=ITEM).case
    with pytest.raises(Refused, match="office_ended"):
        run(county[VILLAGE].desk.offer_custody(agent(), late, op(502), to=TOWNSHIP))
    run(county[VILLAGE].desk.offer_custody(agent(), late, op(502), to=OTHER_TOWNSHIP))
    first = next(iter(before))
    grant(county[OTHER_TOWNSHIP], first, 510)
    # A window that does not take a case gives it back to the office of before: another run brings it over.
    run(county[COUNTY].desk.decline_custody(Person(WANG, WINDOW, leader().roles), elsewhere, op(520), reason="退回"))
    county.settle()
    assert run(county[COUNTY].moving.standings())[0].left == 1
    assert carry_through(county, move) == 1


def test_a_run_that_is_broken_off_half_way_is_repeated_even_by_a_county_that_was_restored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(moving, "BATCH_CASES", 6)
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE)
    before = busy_township(county)
    move = propose(county, TOWNSHIP, OTHER_TOWNSHIP)
    with pytest.raises(Refused, match="unseen_character"):
        carry_out(county, move, "镇政府\u200b已撤销")
    done = carry_out(county, move, "镇政府已撤销")
    assert (done.written, done.left) == (6, 14)
    backup = county[COUNTY].back_up()
    assert carry_out(county, move, "镇政府已撤销").left == 8
    # The county's computer fails after the townships heard of it, and comes back as it was one run earlier.
    county.settle()
    county[COUNTY].start(*backup, restored=True)
    assert carry_through(county, move, "镇政府已撤销") == 14
    county.settle()
    county.settle()
    assert carry_out(county, move, "镇政府已撤销").written == 0
    for case in before:
        file = same(county, case, COUNTY, TOWNSHIP, OTHER_TOWNSHIP)
        assert file.custodian == OTHER_TOWNSHIP
    # Only what the restored county could not remember was written again, and that counts once.
    written = [acts_of(county, case).count("custody.reassigned") for case in before]
    assert sorted(written) == [1] * 14 + [2] * 6


def test_a_move_waits_for_its_day_and_for_leaders() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE)
    hub = county[COUNTY]
    for old, new in ((TOWNSHIP, VILLAGE), (TOWNSHIP, TOWNSHIP), (COUNTY, TOWNSHIP)):
        with pytest.raises(Refused, match="move_impossible"):
            propose(county, old, new)
    with pytest.raises(Refused, match="unknown_office"):
        propose(county, TOWNSHIP, OfficeId("510824999"))
    with pytest.raises(Refused, match="move_not_proposed"):
        run(hub.moving.carry_out(TOWNSHIP, WANG, WANG))
    move = propose(county, TOWNSHIP, OTHER_TOWNSHIP, first=date(2026, 4, 1))
    with pytest.raises(Refused, match="move_not_due"):
        carry_out(county, move, "镇政府已撤销")
    with pytest.raises(Refused, match="approver_unknown"):
        run(hub.moving.carry_out(TOWNSHIP, WANG, clerk().officer, "镇政府已撤销"))
    with pytest.raises(Refused, match="not_ours_to_confirm"):
        confirm(county, move, TOWNSHIP, COUNTY, 901)
    county.settle()
    with pytest.raises(Refused, match="county_moves"):
        run(county[TOWNSHIP].moving.carry_out(TOWNSHIP, WANG, WANG))
    with pytest.raises(Refused, match="not_ours_to_publish"):
        confirm(county, move, OTHER_TOWNSHIP, TOWNSHIP, 902)
    # Another proposal for the same office takes the place of this one, and of what was said to it.
    confirm(county, move, TOWNSHIP, TOWNSHIP, 903)
    again = propose(county, TOWNSHIP, OTHER_TOWNSHIP, operation=950, first=date(2026, 5, 1))
    county.settle()
    with pytest.raises(Refused, match="move_unknown"):
        confirm(county, move, OTHER_TOWNSHIP, OTHER_TOWNSHIP, 904)
    assert [(one.move, one.confirmed) for one in run(hub.moving.standings())] == [
        (structs.replace(again, revision=1), frozenset())
    ]
    assert hub.casebook.register.find_ended(TOWNSHIP, TODAY) is None


def test_an_office_that_was_called_otherwise_before_ends_for_good() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)
    hub, register = county[COUNTY], county[COUNTY].casebook.register
    hub.publish(OfficePublished(op(1), COUNTY, WANG, VILLAGE, "白观村", "", "村口"))
    run(hub.publishing.publish(PublishNames(op(2), {VILLAGE: "白观新村"})))
    move = propose(county, VILLAGE, FAR_VILLAGE, first=date(2026, 3, 1))
    assert carry_through(county, move, "代办点已关闭") == 0
    county.settle()
    with pytest.raises(Refused, match="office_ended"):
        county[VILLAGE].file(operation=3, item=ITEM)
    # Whoever tidies up the list of offices does not open it again.
    assert run(hub.publishing.publish(PublishNames(op(4), {VILLAGE: "白观新村（已并入）"}))) == 0
    # What still comes from its device goes to yet another office: the old one ended when it did.
    assert carry_through(county, propose(county, VILLAGE, OTHER_TOWNSHIP, operation=950), "原村已并入别处") == 0
    ended = register.find_ended(VILLAGE, TODAY)
    assert ended is not None
    assert (ended.name, ended.valid_to, ended.merged_into) == ("白观新村", date(2026, 2, 28), OTHER_TOWNSHIP)
    assert register.find_office(VILLAGE, TODAY) is None
