"""Taking in: what the counter knows before it files, what the filing carries, and a village's list as one case."""

from datetime import date
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from msgspec import structs

from office.doorstep import season_start
from office.intake import Intake, LeftOut
from office.node import Node
from office.persons import PersonIndex
from office.rosters import ListRefused, provides_for, read_roster
from office.seeds import load_catalogue
from office.verifying import verify
from schemas.casework.events import CaseDecided
from schemas.casework.intake_rules import MaterialRefused
from schemas.casework.lifecycle import NotPermitted, Stage
from schemas.casework.mandates import UNBOUND, MandateRefused, is_bound
from schemas.casework.rosters import is_whole
from schemas.casework.values import (
    Applicant,
    Channel,
    Consent,
    Excepted,
    Mandate,
    Material,
    MaterialStatus,
    Outcome,
    Scope,
    SignedHow,
)
from schemas.identity import IdentityRefused
from schemas.names import CaseId, Instant, OfficeId, OfficerId
from schemas.refusals import Refused
from sync.core.errors import LocalFault
from sync.ledger import Drafting, Ledger
from sync.ports import Stored
from tests.support.counties import (
    APPLICANT,
    COUNTY,
    MATERIALS,
    OTHER_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    County,
    Office,
    agent,
    clerk,
    op,
    run,
)
from tests.support.nodes import Network, found_network
from tests.support.publications import edition, item, publish_edition
from tests.support.rosters import people, person

INSURANCE = "YB01"
DAY_MS = 86_400_000


def entries_of(office: Office) -> int:
    return len(office.store.tables.arrivals)


MANDATE = Mandate((Scope.FILE, Scope.COLLECT), date(2026, 6, 6), "王秀英", SignedHow.THUMBPRINT, "委托……", UNBOUND)


# --- one person ------------------------------------------------------------------------------------------------------


def test_a_computer_whose_clock_fell_back_takes_in_nothing_that_is_suspended_since() -> None:
    county = County(TOWNSHIP, VILLAGE)
    hub, village = county[COUNTY], county[VILLAGE]
    suspended = item(suspended_from=date(2026, 3, 4), suspension_document="苍府办〔2026〕9号")
    publish_edition(hub, 1, edition("2026.1", item(), first=date(2026, 1, 1)))
    publish_edition(hub, 2, edition("2026.2", suspended, item("MZ03")))
    run(hub.ledger.light_beacon())
    county.settle()
    county.at = Instant(1_577_836_800_000)  # the battery is empty: 2020
    with pytest.raises(NotPermitted) as refused:
        village.file()
    assert refused.value.code == "item_suspended"
    assert village.file(2, "MZ03").tracking


def test_a_filing_carries_its_authority_bound_to_this_very_case() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slips = [
        run(
            village.intake.open_case(
                agent(),
                op(number),
                item="RS01",
                applicant=APPLICANT,
                materials=MATERIALS,
                mandate=MANDATE,
                channel=Channel.HOME,
                consents=[Consent.SENSITIVE, Consent.SENSITIVE],
            )
        )
        for number in (1, 2)
    ]
    first, second = (village.case(slip.case).filing for slip in slips)
    assert first is not None
    assert second is not None
    assert is_bound(slips[0].case, first)
    assert not is_bound(slips[1].case, first)
    assert not is_bound(slips[0].case, structs.replace(first, applicant=structs.replace(APPLICANT, name="李桂芳")))
    assert (first.channel, first.consents) == (Channel.HOME, (Consent.SENSITIVE,))


def test_what_cannot_be_is_refused_with_nothing_written_and_a_form_sent_again_later_is_still_the_same_case() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    promised = Material("社会保障卡复印件", MaterialStatus.DEFERRED, date(2026, 3, 6))
    slip = run(village.intake.open_case(agent(), op(1), item="RS01", applicant=APPLICANT, materials=[promised]))
    written = entries_of(village)
    county.at = Instant(county.at + 40 * DAY_MS)
    again = run(village.intake.open_case(agent(), op(1), item="RS01", applicant=APPLICANT, materials=[promised]))
    assert (again.case, again.repeated) == (slip.case, True)
    for mandate, materials, kind in (
        (None, [promised], MaterialRefused),
        (structs.replace(MANDATE, until=date(2026, 3, 6)), [], MandateRefused),
    ):
        with pytest.raises(kind):
            run(
                village.intake.open_case(
                    agent(), op(2), item="RS01", applicant=APPLICANT, materials=materials, mandate=mandate
                )
            )
    assert entries_of(village) == written


def test_what_is_under_way_is_found_whoever_typed_the_number_how_and_only_by_who_may_read_it() -> None:
    county = County(TOWNSHIP, VILLAGE, OTHER_VILLAGE)
    village = county[VILLAGE]
    slip = village.file(operation=1)
    other = structs.replace(APPLICANT, document_number=" 510824 1949 1001 0025 ")
    doorstep = village.intake.doorstep
    typed = doorstep.check_applicant(other)
    assert [case.case for case in run(doorstep.find_open(VILLAGE, typed, "RS01"))] == [slip.case]
    assert run(doorstep.find_open(VILLAGE, typed, "NY01")) == []
    assert run(doorstep.find_open(VILLAGE, typed, "RS01", op(1))) == [], "a form sent twice does not meet itself"
    assert run(doorstep.find_open(OTHER_VILLAGE, typed, "RS01")) == []
    county.settle()
    above, beside = county[TOWNSHIP].intake.doorstep, county[OTHER_VILLAGE].intake.doorstep
    assert [case.case for case in run(above.find_open(TOWNSHIP, typed, "RS01"))] == [slip.case]
    assert run(beside.find_open(OTHER_VILLAGE, typed, "RS01")) == []
    run(village.desk.withdraw_case(agent(), slip.case, op(2), reason="不办了"))
    assert run(doorstep.find_open(VILLAGE, typed, "RS01")) == []


def test_a_filing_beside_an_open_case_says_so_and_is_not_refused() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    first = village.file(operation=1)
    second = run(
        village.intake.open_case(
            agent(), op(2), item="RS01", applicant=APPLICANT, materials=MATERIALS, duplicates=[first.tracking]
        )
    )
    filing = village.case(second.case).filing
    assert filing is not None
    assert filing.duplicates == (first.tracking,)


def test_a_paper_that_lies_here_is_offered_again_until_its_term_is_over() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    first = village.file(operation=1)
    doorstep = village.intake.doorstep
    offered = run(doorstep.find_reusable(VILLAGE, APPLICANT, ["居民身份证", "申请书"]))
    assert offered == [Material("居民身份证", MaterialStatus.REUSED, date(2026, 6, 4), first.tracking)]

    def reuse(number: int, material: Material, *consents: Consent) -> CaseId:
        return run(
            village.intake.open_case(
                agent(), op(number), item="MZ03", applicant=APPLICANT, materials=[material], consents=consents
            )
        ).case

    with pytest.raises(MaterialRefused, match="reuse_without_consent"):
        reuse(2, offered[0])
    for foreign in (
        structs.replace(offered[0], source="510824100205-AB00017"),
        structs.replace(offered[0], until=date(2026, 6, 5)),
        structs.replace(offered[0], name="申请书"),
    ):
        with pytest.raises(MaterialRefused, match="reuse_not_here"):
            reuse(2, foreign, Consent.REUSE)
    filing = village.case(reuse(2, offered[0], Consent.REUSE)).filing
    assert filing is not None
    assert filing.materials == (offered[0],)
    county.at = Instant(county.at + 91 * DAY_MS)
    # What was only used again is not handed in: its term does not begin anew.
    assert run(doorstep.find_reusable(VILLAGE, APPLICANT, ["居民身份证"])) == []
    with pytest.raises(MaterialRefused, match="reuse_expired"):
        reuse(3, offered[0], Consent.REUSE)


def test_another_person_s_papers_are_not_offered() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    village.file(operation=1)
    other = Applicant("李桂芳", "111", person(5).document_number)
    assert run(village.intake.doorstep.find_reusable(VILLAGE, other, ["居民身份证"])) == []


# --- lists -----------------------------------------------------------------------------------------------------------


def test_a_list_is_one_case_and_the_same_list_sent_twice_makes_no_doubles() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    rows = people(1, 1200)
    filed = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=rows))
    written = entries_of(village)
    again = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=rows[::-1]))
    assert entries_of(village) == written
    assert (again.slip.case, again.slip.repeated, again.rows, again.left_out) == (filed.slip.case, True, 1200, ())
    assert again.slip.secret == filed.slip.secret
    county.settle()
    for office in (village, county[TOWNSHIP], county[COUNTY]):
        case = office.case(filed.slip.case)
        assert case.filing is not None
        kept = read_roster(case, run(office.store.entries_about([case.case])))
        assert list(kept) == rows
        assert is_whole(case.filing, kept)
        assert (case.filing.channel, case.filing.applicant.name, case.roster_rows_here) == (
            Channel.LIST,
            "白观村",
            1200,
        )
        assert office.states() == []


def test_a_list_with_a_faulty_row_files_nothing_at_all() -> None:
    village = County(TOWNSHIP, VILLAGE)[VILLAGE]
    written = entries_of(village)
    rows = people(1, 40)
    rows[17] = structs.replace(rows[17], document_number=rows[17].document_number[:17])
    with pytest.raises(ListRefused) as refused:
        run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=rows))
    assert [fault.row for fault in refused.value.faults] == [18]
    assert entries_of(village) == written


def test_whoever_is_on_a_list_of_this_season_is_left_out_and_named() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    first = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(1, 30)))
    second = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(29, 40)))
    assert second.rows == 10
    assert second.left_out == (LeftOut(1, first.slip.tracking), LeftOut(2, first.slip.tracking))
    again = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(29, 40)))
    assert again == structs.replace(second, slip=structs.replace(second.slip, repeated=True))
    with pytest.raises(Refused, match="list_filed_already") as refused:
        run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(3, 5)))
    assert first.slip.tracking in refused.value.zh
    # Another item is another matter, and so is next year's season.
    assert run(village.intake.open_list(agent(), item="MZ06", name="白观村", rows=people(3, 5))).rows == 3
    county.at = Instant(county.at + 365 * DAY_MS)
    assert run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(3, 5))).rows == 3


def test_who_is_on_a_list_that_ended_without_a_grant_may_be_on_the_next() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    first = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(1, 3)))
    run(village.desk.withdraw_case(agent(), first.slip.case, op(1), reason="名单有误"))
    assert village.case(first.slip.case).stage is Stage.WITHDRAWN
    run(village.desk.close_case(agent(), first.slip.case, op(2)))
    again = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(1, 3)))
    assert (again.rows, again.slip.repeated, again.slip.case == first.slip.case) == (3, False, False), "the very same"
    twice = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(1, 3)))
    assert (twice.slip.case, twice.slip.repeated) == (again.slip.case, True)
    run(village.desk.withdraw_case(agent(), again.slip.case, op(3), reason="名单有误"))
    assert run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(1, 4))).rows == 4


def test_rows_that_the_decision_left_out_are_not_provided_for() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    rows = people(1, 3)
    filed = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=rows))
    case = village.case(filed.slip.case)
    decision = CaseDecided(
        4, bytes(16), op(9), TOWNSHIP, clerk().officer, Outcome.GRANTED, "", "", excepted=(Excepted(2, "已参保"),)
    )
    granted = structs.replace(case, stage=Stage.CLOSED, decision=decision)
    assert provides_for(granted, rows) == {(row.document_type, row.document_number) for row in (rows[0], rows[2])}
    refused = structs.replace(granted, decision=structs.replace(decision, outcome=Outcome.REFUSED))
    assert provides_for(refused, rows) == set()


def test_the_township_decides_a_list_and_leaves_a_row_out() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village, township = county[VILLAGE], county[TOWNSHIP]
    filed = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(1, 3)))
    run(village.desk.offer_custody(agent(), filed.slip.case, op(1), to=TOWNSHIP))
    county.settle()
    run(township.desk.accept_custody(clerk(), filed.slip.case, op(2)))
    excepted = [Excepted(2, "已参加职工医保")]
    granted, basis = Outcome.GRANTED, "参保登记办法"
    decision = township.desk.decide(
        clerk(), filed.slip.case, op(3), outcome=granted, reason="符合条件", basis=basis, excepted=excepted
    )
    run(decision)
    county.settle()
    assert village.case(filed.slip.case).stage is Stage.DECIDED
    again = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(1, 4)))
    assert [one.row for one in again.left_out] == [1, 3]


def test_a_person_on_a_list_has_that_matter_under_way() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    filed = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(1, 3)))
    applicant = Applicant("王2", "111", person(2).document_number)
    found = run(village.intake.doorstep.find_open(VILLAGE, applicant, INSURANCE))
    assert [case.case for case in found] == [filed.slip.case]


def test_a_list_is_its_officer_s_and_not_another_one_s() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    rows = people(1, 3)
    filed = run(village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=rows))
    other = structs.replace(agent(), officer=OfficerId(f"{VILLAGE}/zhao"))
    with pytest.raises(Refused, match="list_filed_already") as refused:
        run(village.intake.open_list(other, item=INSURANCE, name="白观村", rows=rows))
    assert filed.slip.tracking in refused.value.zh
    with pytest.raises(NotPermitted, match="not_delegable"):
        run(village.intake.open_list(agent(), item="MZ10", name="白观村", rows=rows))


class OneTransaction:
    """The pen when two officers come at the same moment: the first waits until the second is there."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.first: list[Drafting] = []

    async def record(self, drafting: Drafting) -> list[Stored]:
        if not self.first:
            self.first.append(drafting)
            raise LocalFault("store_full", "the first officer's browser gives up; what was handed in is still done")
        drafts = (*self.first, drafting)
        written = await self.ledger.perform([partial(self.ledger.stage_record, one) for one in drafts])
        return cast("list[Stored]", written[-1])


def test_two_lists_of_one_moment_enrol_nobody_twice() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    pen = OneTransaction(village.ledger)
    intake = Intake(pen, village.casebook, village.catalogue, county, county, bytes(32))
    with pytest.raises(LocalFault, match="store_full"):
        run(intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(1, 30)))
    second = run(intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(29, 40)))
    assert [row.row for row in second.left_out] == [1, 2]
    assert sorted(case.filing.roster_rows for case in village.cases.files.values() if case.filing) == [second.rows, 30]


@pytest.mark.parametrize(
    ("item", "day", "start"),
    [
        ("YB01", date(2026, 9, 1), date(2026, 9, 1)),
        ("YB01", date(2027, 2, 3), date(2026, 9, 1)),
        ("YB01", date(2026, 8, 31), date(2025, 9, 1)),
        ("LY01", date(2026, 1, 5), date(2025, 10, 1)),
        ("RS01", date(2026, 11, 30), date(2025, 12, 1)),
        ("RS04", date(2026, 11, 30), date(2026, 1, 1)),
    ],
)
def test_a_season_runs_from_the_first_busy_month_to_the_next_one(item: str, day: date, start: date) -> None:
    assert season_start(load_catalogue().items[item], day) == start


# --- on disk ---------------------------------------------------------------------------------------------------------


async def test_persons_and_lists_are_found_in_sql_survive_a_rebuild_and_are_no_numbers_on_the_disk(
    tmp_path: Path,
) -> None:
    network = await Network.open(await found_network(tmp_path))
    rows = people(1, 700)
    try:
        slip = await network.file(1, "RS01")
        filed = await network.village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=rows)
        await network.settle()
        for node, office in ((network.village, VILLAGE), (network.township, TOWNSHIP)):
            await _check_found(node, office, slip.case, filed.slip.case)
            assert (await verify(node)).faults == []
    finally:
        await network.close()
    village = await Node.open(tmp_path / VILLAGE, refold=True)
    try:
        await _check_found(village, VILLAGE, slip.case, filed.slip.case)
        assert (await verify(village)).faults == []
        again = await village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=rows)
        assert again.slip.repeated
        partly = await village.intake.open_list(agent(), item=INSURANCE, name="白观村", rows=people(690, 710))
        assert (partly.rows, len(partly.left_out)) == (10, 11)
    finally:
        await village.close()
    for path in (tmp_path / TOWNSHIP).rglob("*.db*"):
        assert rows[3].document_number.encode() not in path.read_bytes()


async def _check_found(node: Node, office: OfficeId, single: CaseId, listed: CaseId) -> None:
    doorstep = node.intake.doorstep
    assert [case.case for case in await doorstep.find_open(office, APPLICANT, "RS01")] == [single]
    on_list = Applicant("王7", "111", person(7).document_number)
    assert [case.case for case in await doorstep.find_open(office, on_list, INSURANCE)] == [listed]
    assert await doorstep.find_reusable(office, APPLICANT, ["居民身份证"]) != []


def test_a_mark_is_the_same_for_one_document_and_says_nothing_without_the_key() -> None:
    index = PersonIndex(bytes(32))
    mark = index.mark("111", "51082419491001002X")
    assert index.mark("111", " 510824 19491001002x ") == index.mark("111", "５1082419491001002Ｘ") == mark
    assert index.mark("414", "51082419491001002X") != mark
    assert PersonIndex(b"another key" + bytes(21)).mark("111", "51082419491001002X") != mark
    assert len(mark) == 16


def test_a_number_that_cannot_be_is_refused_before_anything_is_looked_up() -> None:
    village = County(TOWNSHIP, VILLAGE)[VILLAGE]
    with pytest.raises(IdentityRefused):
        village.intake.doorstep.check_applicant(Applicant("王", "111", "510824194910010026"))
