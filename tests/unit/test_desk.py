"""The pen: what an officer can do, what is refused before it is written, and one act per form."""

import pytest
from msgspec import structs

from office.desk import NodeQuarantined, OperationReused, hash_secret, is_secret_of
from schemas.casework.events import Applicant, Outcome, decode_event
from schemas.casework.lifecycle import NotPermitted, Stage
from schemas.identity import resident_check_character
from schemas.names import Instant, OfficeId, OfficerId, valid_tracking_number
from schemas.refusals import Refused
from tests.support.counties import (
    APPLICANT,
    COUNTY,
    MATERIALS,
    OTHER_TOWNSHIP,
    OTHER_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    WINDOW,
    County,
    Person,
    agent,
    clerk,
    leader,
    op,
    run,
)


def entries_of(county: County, office: OfficeId) -> int:
    return len(county[office].store.tables.arrivals)


def test_a_form_sent_twice_is_one_case_with_one_slip() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    first = village.file(operation=1)
    written = entries_of(county, VILLAGE)
    second = village.file(operation=1)
    assert second.repeated
    assert not first.repeated
    assert (second.case, second.tracking, second.secret) == (first.case, first.tracking, first.secret)
    assert entries_of(county, VILLAGE) == written


def test_an_act_sent_twice_is_one_act_even_after_the_case_moved_on() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file()
    first = run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    run(county[TOWNSHIP].desk.accept_custody(clerk(), slip.case, op(3)))
    county.settle()
    again = run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    assert again.repeated
    assert again.entry.hash == first.entry.hash


def test_one_operation_for_two_actions_is_refused() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file(operation=1)
    with pytest.raises(OperationReused):
        run(village.desk.offer_custody(agent(), slip.case, op(1), to=TOWNSHIP))
    other = village.file(operation=2)
    run(village.desk.add_remark(agent(), slip.case, op(3), text="来过电话"))
    with pytest.raises(OperationReused):
        run(village.desk.add_remark(agent(), other.case, op(3), text="来过电话"))


def test_a_form_of_one_officer_gives_another_neither_slip_nor_secret() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file(operation=1)
    other = structs.replace(agent(), officer=OfficerId(f"{VILLAGE}/zhao"))
    with pytest.raises(OperationReused):
        run(village.desk.open_case(other, op(1), item="RS01", applicant=APPLICANT, materials=MATERIALS))
    run(village.desk.add_remark(agent(), slip.case, op(2), text="来过电话"))
    with pytest.raises(OperationReused):
        run(village.desk.add_remark(other, slip.case, op(2), text="来过电话"))


def test_a_form_used_again_for_the_next_resident_does_not_print_the_first_ones_slip() -> None:
    """Back in the browser, another name typed over the first, sent: two residents, and one slip would be wrong."""
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    village.file(operation=1)
    digits = "51082419500315002"
    next_one = Applicant("李桂芳", "111", digits + resident_check_character(digits))
    for item, person in (("RS01", next_one), ("NY01", APPLICANT)):
        with pytest.raises(OperationReused):
            run(village.desk.open_case(agent(), op(1), item=item, applicant=person, materials=MATERIALS))
    corrected = structs.replace(APPLICANT, phone="13900000000")
    assert run(village.desk.open_case(agent(), op(1), item="RS01", applicant=corrected, materials=MATERIALS)).repeated


def test_the_operation_survives_a_restart_and_a_refold() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file(operation=1)
    village.start()
    assert village.file(operation=1).case == slip.case
    village.cases.operations.clear()
    village.cases.files.clear()
    village.start()
    run(village.casebook.refold([slip.case]))
    rows = village.casebook.drain()
    assert rows is not None
    village.cases.project(rows)
    assert village.file(operation=1).case == slip.case


def test_a_village_that_lost_its_store_gets_its_operations_back_with_its_entries() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    backup = village.back_up()
    slip = village.file(operation=1)
    county.settle()
    village.start(*backup)
    assert not village.has(slip.case)
    county.settle()
    assert village.case(slip.case) == county[COUNTY].case(slip.case)
    assert village.file(operation=1).repeated
    # … and a new number is never one that is already printed.
    assert village.file(operation=2).tracking != slip.tracking


def test_tracking_numbers_count_up_and_change_their_mark_at_every_start() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    numbers = [village.file(operation=number).tracking for number in (1, 2)]
    village.start()
    numbers.append(village.file(operation=3).tracking)
    assert all(valid_tracking_number(number) for number in numbers)
    assert [number[-5:-1] for number in numbers] == ["0001", "0002", "0003"]
    assert numbers[1][-7:-5] != numbers[2][-7:-5]


def test_the_secret_is_not_in_the_journal() -> None:
    county = County(TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file()
    assert slip.entry.body is not None
    assert slip.secret.encode() not in slip.entry.body
    filing = county[VILLAGE].case(slip.case).filing
    assert filing is not None
    assert len(slip.secret) == 12
    assert is_secret_of(filing, slip.secret)
    assert is_secret_of(filing, f"{slip.secret[:4]}-{slip.secret[4:8]} {slip.secret[8:]}".lower())
    assert not is_secret_of(filing, hash_secret(b"", slip.secret).hex()[:12])


def test_what_is_refused_writes_nothing() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file()
    written = entries_of(county, VILLAGE)
    with pytest.raises(NotPermitted, match="village_cannot_review"):
        run(village.desk.accept_custody(agent(), slip.case, op(2)))
    with pytest.raises(NotPermitted, match="role_forbids"):
        run(
            village.desk.decide(
                agent(), slip.case, op(2), outcome=Outcome.GRANTED, reason="符合条件", basis="社会保险法"
            )
        )
    with pytest.raises(Refused, match="unknown_office"):
        run(village.desk.offer_custody(agent(), slip.case, op(2), to=OfficeId("510824999")))
    with pytest.raises(Refused, match="unknown_item"):
        village.file(operation=2, item="XX99")
    with pytest.raises(Refused, match="not_at_this_node"):
        run(village.desk.add_remark(agent(OTHER_VILLAGE), slip.case, op(2), text="不是本村"))
    with pytest.raises(Refused, match="operation_malformed"):
        run(village.desk.add_remark(agent(), slip.case, b"", text="没有编号"))
    with pytest.raises(Refused, match="text_unacceptable"):
        run(village.desk.add_remark(agent(), slip.case, op(2), text="长" * 4001))
    with pytest.raises(Refused, match="text_unacceptable"):
        run(village.desk.add_remark(agent(), slip.case, op(2), text="空\x00字符"))
    assert entries_of(county, VILLAGE) == written
    assert village.case(slip.case).turn == 1


def test_every_refusal_says_what_to_do_in_both_languages() -> None:
    for refusal in (NodeQuarantined(), OperationReused()):
        assert len(refusal.text("zh-CN")) > 12
        assert len(refusal.text("en")) > 40


def test_a_wrong_check_digit_is_refused_and_the_number_not_repeated() -> None:
    county = County(TOWNSHIP, VILLAGE)
    wrong = Applicant("王秀英", "111", "510824194910010020", "")
    with pytest.raises(Refused) as caught:
        run(county[VILLAGE].desk.open_case(agent(), op(1), item="RS01", applicant=wrong, materials=MATERIALS))
    assert caught.value.code == "resident_number_check"
    assert "510824194910010020" not in str(caught.value)


def test_a_device_whose_clock_stands_in_1970_or_2099_files_all_the_same() -> None:
    county = County(TOWNSHIP, VILLAGE)
    for number, at in enumerate((0, 4_070_908_800_000), start=1):
        county.at = Instant(at)
        slip = county[VILLAGE].file(operation=number)
        filing = county[VILLAGE].case(slip.case).filing
        assert filing is not None
        assert filing.edition == "2026.11-sample"


def test_a_page_that_shows_an_old_state_is_refused() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file()
    seen = village.case(slip.case).tip
    run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP, seen=seen))
    with pytest.raises(NotPermitted, match="not_following"):
        run(village.desk.withdraw_case(agent(), slip.case, op(3), reason="不办了", seen=seen))


def test_a_case_of_another_office_is_not_even_confirmed_to_exist() -> None:
    """The window sits at the county's node, which holds every case; its officers see only what the window is given."""
    county = County(TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file()
    county.settle()
    hub = county[COUNTY]
    assert hub.has(slip.case)
    with pytest.raises(NotPermitted, match="no_such_case"):
        run(hub.desk.add_remark(clerk(WINDOW), slip.case, op(5), text="看看"))
    with pytest.raises(NotPermitted, match="no_such_case"):
        run(hub.desk.accept_custody(clerk(WINDOW), slip.case, op(5)))
    assert hub.desk.available(clerk(WINDOW), hub.case(slip.case)) == ()


def test_buttons_are_exactly_what_the_desk_will_take() -> None:
    county = County(TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file(item="NY01")
    village = county[VILLAGE]
    assert set(village.desk.available(agent(), village.case(slip.case))) == {
        "custody.offered",
        "papers.received",
        "case.withdrawn",
        "papers.brought",
        "remark.added",
    }
    run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    assert set(village.desk.available(agent(), village.case(slip.case))) == {
        "papers.brought",
        "recall.requested",
        "remark.added",
    }
    county.settle()
    township = county[TOWNSHIP]
    run(township.desk.accept_custody(clerk(), slip.case, op(3)))
    assert "case.decided" in township.desk.available(clerk(), township.case(slip.case))
    county.settle()
    assert "custody.reassigned" in county[COUNTY].desk.available(leader(), county[COUNTY].case(slip.case))


def test_the_county_takes_a_case_from_a_silent_township() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file()
    run(county[VILLAGE].desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    hub, boss = county[COUNTY], leader()
    run(
        hub.desk.reassign_custody(boss, slip.case, op(3), to=OTHER_TOWNSHIP, reason="陵江镇停办", approver=boss.officer)
    )
    county.settle()
    case = county[OTHER_TOWNSHIP].case(slip.case)
    assert case.custodian == OTHER_TOWNSHIP
    assert county[TOWNSHIP].case(slip.case) == county[VILLAGE].case(slip.case) == hub.case(slip.case) == case


def test_a_restored_township_puts_the_pen_down_until_it_has_caught_up() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village, township = county[VILLAGE], county[TOWNSHIP]
    slip = village.file(item="NY01")
    run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    backup = township.back_up()
    run(township.desk.accept_custody(clerk(), slip.case, op(3)))
    county.settle()
    township.start(*backup, restored=True)
    assert township.case(slip.case).stage is Stage.OFFERED
    with pytest.raises(NodeQuarantined):
        run(township.desk.accept_custody(clerk(), slip.case, op(4)))
    assert "custody.accepted" not in township.desk.available(clerk(), township.case(slip.case))
    # No counter closes because of it: filing and remarks go on.
    filed = run(township.desk.open_case(clerk(), op(5), item="NY01", applicant=APPLICANT, materials=MATERIALS))
    run(township.desk.add_remark(clerk(), slip.case, op(6), text="本镇数据正在恢复"))
    run(township.desk.accept_custody(clerk(), filed.case, op(7)))
    county.settle()
    assert township.case(slip.case).custodian == TOWNSHIP
    assert county[COUNTY].case(slip.case) == township.case(slip.case)
    run(
        township.desk.decide(
            clerk(), slip.case, op(8), outcome=Outcome.GRANTED, reason="符合条件", basis="土地管理法第62条"
        )
    )


def test_papers_not_taken_up_are_taken_up_by_default() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file()
    brought = run(village.desk.bring_papers(agent(), slip.case, op(2), materials=["户口簿"]))
    taken = run(village.desk.receive_papers(agent(), slip.case, op(3), materials=["户口簿"]))
    event = decode_event(taken.entry.kind, taken.entry.body or b"")
    assert getattr(event, "contributions", ()) == (brought.entry.hash,)
    assert village.case(slip.case).brought == ()


def test_an_officer_without_a_role_writes_nothing() -> None:
    county = County(TOWNSHIP, VILLAGE)
    nobody = Person(agent().officer, VILLAGE, frozenset())
    with pytest.raises(NotPermitted, match="role_forbids"):
        run(county[VILLAGE].desk.open_case(nobody, op(1), item="RS01", applicant=APPLICANT, materials=MATERIALS))
