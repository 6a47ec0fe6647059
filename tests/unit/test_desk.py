"""The pen: what an officer can do, what is refused before it is written, and one act per form."""

import pytest
from msgspec import structs

from office.pencil import NodeQuarantined, OperationReused
from office.slips import SlipRefused, hash_secret, is_secret_of, reopened_secret
from office.texts import UnseenCharacter
from schemas.casework.events import decode_event
from schemas.casework.lifecycle import NotPermitted, Stage
from schemas.casework.roles import Role
from schemas.casework.values import Applicant, Outcome
from schemas.identity import (
    ORGANISATION_NUMBER,
    IdentityRefused,
    organisation_check_character,
    resident_check_character,
)
from schemas.names import Instant, OfficeId, OfficerId, is_mistyped
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
    materials_of,
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
        run(village.intake.open_case(other, op(1), item="RS01", applicant=APPLICANT, materials=MATERIALS))
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
            run(village.intake.open_case(agent(), op(1), item=item, applicant=person, materials=MATERIALS))
    corrected = structs.replace(APPLICANT, phone="13900000000")
    assert run(village.intake.open_case(agent(), op(1), item="RS01", applicant=corrected, materials=MATERIALS)).repeated


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
    assert not any(is_mistyped(number) for number in numbers)
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
    with pytest.raises(Refused, match="unseen_character"):
        run(village.desk.add_remark(agent(), slip.case, op(2), text="空\x00字符"))
    assert entries_of(county, VILLAGE) == written
    assert village.case(slip.case).turn == 1


@pytest.mark.parametrize(
    "character",
    ["\u200b", "\u200d", "\u202e", "\u2067", "\ufeff", "\u00ad", "\n", "\x1b", "\u2029"],
    ids=["zero-width", "joiner", "turned", "isolated", "byte-order", "soft-hyphen", "line", "escape", "paragraph"],
)
def test_a_name_that_looks_like_another_is_refused_before_it_is_written(character: str) -> None:
    """Such a name is found by no search, and one that turns the direction of writing prints another slip."""
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file()
    written = entries_of(county, VILLAGE)
    hidden = f"王{character}秀英"
    for applicant, materials in (
        (structs.replace(APPLICANT, name=hidden), MATERIALS),
        (structs.replace(APPLICANT, phone=hidden), MATERIALS),
        (APPLICANT, [structs.replace(MATERIALS[0], name=hidden)]),
    ):
        with pytest.raises(UnseenCharacter):
            run(village.intake.open_case(agent(), op(2), item="RS01", applicant=applicant, materials=materials))
    with pytest.raises(UnseenCharacter):
        run(village.desk.bring_papers(agent(), slip.case, op(2), materials=[hidden]))
    assert entries_of(county, VILLAGE) == written


def test_what_people_really_write_is_not_refused() -> None:
    """Lines, pasted tables, emoji, Mongolian and Arabic script, and rare characters of names from private registers."""
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    rare = structs.replace(APPLICANT, name="王\ue863·买买提\U00020bb7")
    text = "第一行\n项目\t金额\n👨\u200d👩\u200d👧 ᠮᠣᠩᠭᠣᠯ\u180eᠠ ئۇيغۇر"
    filed = run(
        village.intake.open_case(agent(), op(1), item="RS01", applicant=rare, materials=MATERIALS, statement=text)
    )
    run(village.desk.add_remark(agent(), filed.case, op(2), text=text))
    filing = village.case(filed.case).filing
    assert filing is not None
    assert (filing.applicant.name, filing.statement) == (rare.name, text)
    with pytest.raises(UnseenCharacter):
        run(village.desk.add_remark(agent(), filed.case, op(3), text="同意\u202e意不"))


def test_a_kind_of_document_that_nobody_knows_is_refused() -> None:
    """Under any other code the number would not be checked at all."""
    intake = County(TOWNSHIP, VILLAGE)[VILLAGE].intake
    for unknown in ("zzz", "112", "111 ", ""):
        applicant = structs.replace(APPLICANT, document_type=unknown)
        with pytest.raises(IdentityRefused, match="document_type_unknown"):
            run(intake.open_case(agent(), op(1), item="RS01", applicant=applicant, materials=MATERIALS))


def test_a_slip_is_opened_again_by_whoever_filed_and_where_it_was_printed() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file()
    county.settle()
    case = village.case(slip.case)
    assert village.intake.reopen_slip(agent(), case) == slip.secret
    with pytest.raises(SlipRefused, match="slip_of_another"):
        village.intake.reopen_slip(structs.replace(agent(), officer=OfficerId(f"{VILLAGE}/zhao")), case)
    # A device that replaced the one which filed has another key: no code is better than a wrong one.
    assert case.filing is not None
    with pytest.raises(SlipRefused, match="slip_elsewhere"):
        reopened_secret(b"the key of another device" + bytes(7), case.filing, agent().officer)


def test_every_refusal_says_what_to_do_in_both_languages() -> None:
    for refusal in (NodeQuarantined(), OperationReused()):
        assert len(refusal.text("zh-CN")) > 12
        assert len(refusal.text("en")) > 40


def test_a_wrong_check_digit_is_refused_and_the_number_not_repeated() -> None:
    county = County(TOWNSHIP, VILLAGE)
    wrong = Applicant("王秀英", "111", "510824194910010020", "")
    with pytest.raises(Refused) as caught:
        run(county[VILLAGE].intake.open_case(agent(), op(1), item="RS01", applicant=wrong, materials=MATERIALS))
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


def test_a_newborn_is_not_refused_by_a_clock_that_fell_back_behind_the_county_s_last_word() -> None:
    county = County(TOWNSHIP, VILLAGE)
    county.at = Instant(1_795_305_600_000)  # 22 November 2026
    run(county[COUNTY].ledger.light_beacon())
    county.settle()
    county.at = Instant(0)
    born = "51082420261001001"
    child = Applicant("王小满", "111", born + resident_check_character(born))
    slip = run(county[VILLAGE].intake.open_case(agent(), op(1), item="RS01", applicant=child, materials=MATERIALS))
    assert county[VILLAGE].case(slip.case).filing is not None


def test_an_organisation_s_number_is_checked_and_kept_as_the_licence_has_it() -> None:
    county = County(TOWNSHIP, VILLAGE)
    intake = county[VILLAGE].intake

    def file(number: int, document_type: str, text: str) -> str:
        applicant = Applicant("白观村经济合作社", document_type, text)
        slip = run(intake.open_case(agent(), op(number), item="RS01", applicant=applicant, materials=MATERIALS))
        filing = county[VILLAGE].case(slip.case).filing
        assert filing is not None
        return filing.applicant.document_number

    collective = "N2510824MA6A1B2C3"
    collective += organisation_check_character(collective)
    assert file(1, ORGANISATION_NUMBER, f" {collective[:9].lower()} {collective[9:]}") == collective
    assert file(2, ORGANISATION_NUMBER, "91110000600037341L") == "91110000600037341L"
    # Of other documents nothing is known but that they have a number.
    assert file(3, "414", "E1234567X") == "E1234567X"
    for wrong, code in (("91110000600037341", "shape"), ("91110000600037314L", "check")):
        with pytest.raises(IdentityRefused) as refused:
            file(4, ORGANISATION_NUMBER, wrong)
        assert refused.value.code == f"organisation_number_{code}"
        assert wrong not in refused.value.zh + refused.value.en


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
    slip = county[VILLAGE].file(item="SC03")
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


@pytest.mark.parametrize("name", ["510824/nobody", "510824100/li", "", "王局长"])
def test_a_reassignment_names_a_leader_whom_the_county_knows(name: str) -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file()
    run(county[VILLAGE].desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    hub, boss, written = county[COUNTY].desk, leader(), entries_of(county, COUNTY)
    with pytest.raises(Refused, match="approver_unknown"):
        run(
            hub.reassign_custody(
                boss, slip.case, op(3), to=OTHER_TOWNSHIP, reason="陵江镇停办", approver=OfficerId(name)
            )
        )
    assert entries_of(county, COUNTY) == written


def test_a_restored_township_puts_the_pen_down_until_it_has_caught_up() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village, township = county[VILLAGE], county[TOWNSHIP]
    slip = village.file(item="WJ02")
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
    papers = materials_of("WJ02")
    filed = run(township.intake.open_case(clerk(), op(5), item="WJ02", applicant=APPLICANT, materials=papers))
    run(township.desk.add_remark(clerk(), slip.case, op(6), text="本镇数据正在恢复"))
    run(township.desk.accept_custody(clerk(), filed.case, op(7)))
    county.settle()
    assert township.case(slip.case).custodian == TOWNSHIP
    assert county[COUNTY].case(slip.case) == township.case(slip.case)
    run(
        township.desk.decide(
            clerk(), slip.case, op(8), outcome=Outcome.GRANTED, reason="符合条件", basis="流动人口计划生育工作条例第8条"
        )
    )


def test_a_leader_may_act_at_a_restored_township_and_it_is_marked_everywhere() -> None:
    """RULINGS B5: what cannot wait is done by a leader on duty, and everybody sees that it was not confirmed."""
    county = County(TOWNSHIP, VILLAGE)
    village, township = county[VILLAGE], county[TOWNSHIP]
    slip = village.file(item="SC03")
    run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    township.start(*township.back_up(), restored=True)
    boss = structs.replace(clerk(), roles=frozenset({Role.LEADER}))
    assert "custody.accepted" in township.desk.available(boss, township.case(slip.case))
    written = run(township.desk.accept_custody(boss, slip.case, op(3)))
    again = run(township.desk.accept_custody(boss, slip.case, op(3)))
    assert (again.entry.hash, again.repeated) == (written.entry.hash, True)
    county.settle()
    run(township.desk.request_papers(boss, slip.case, op(4), materials=["户口簿"], reason="缺件"))
    county.settle()
    for node in (township, village, county[COUNTY]):
        case = node.case(slip.case)
        assert case.stage is Stage.PAPERS_AWAITED
        assert [(note.kind, note.turn) for note in case.contributions] == [("act.unconfirmed", 3)]


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
        run(county[VILLAGE].intake.open_case(nobody, op(1), item="RS01", applicant=APPLICANT, materials=MATERIALS))
