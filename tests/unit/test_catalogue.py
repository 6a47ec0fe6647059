"""The catalogue: the sample edition, who takes in and decides, suspension, planned steps, what must be disclosed."""

from datetime import date

import msgspec
import pytest

from office.seeds import load_catalogue
from schemas.casework.steps import Step
from schemas.catalogue import (
    CaseType,
    Decider,
    Grant,
    PlannedStep,
    UnknownItem,
    accepts,
    digest_of_item,
    find_edition_in_force,
    find_grant,
    is_suspended,
    may_decide,
    planned_steps,
    publishable,
    read_step,
    tier_matrix,
)
from schemas.divisions import Tier
from schemas.names import OfficeId
from tests.support.catalogues import DAY, ROW, edition_of

VILLAGE, TOWNSHIP, COUNTY, WINDOW = map(OfficeId, ("510824100201", "510824100", "510824", "510824.rsj"))

# --- the sample edition --------------------------------------------------------------------------------------------


def test_the_sample_edition_holds_the_39_items_and_says_that_it_is_a_sample() -> None:
    edition = load_catalogue()
    assert (len(edition.items), edition.is_sample, edition.version) == (39, True, "2026.11-sample")
    assert list(edition.items) == sorted(edition.items)
    assert {item.code for item in edition.items.values()} == set(edition.items)
    homestead = edition.get_item("NY01")
    assert (homestead.case_type, homestead.legal.extension_days, homestead.notice.days) == (CaseType.JOINT, 10, 5)
    assert edition.get_item("MZ07").notice.shows_minors is False
    assert edition.get_item("NY03").fee_yuan is None


def test_texts_cut_at_a_comma_in_the_source_are_whole() -> None:
    assert load_catalogue().get_item("MZ04").remark.endswith("残联 10，承诺 20；法定值为示意")


def test_an_item_is_found_or_refused() -> None:
    edition = load_catalogue()
    assert edition.find_item("XX99") is None
    with pytest.raises(UnknownItem) as refused:
        edition.get_item("XX99")
    assert refused.value.code == "unknown_item"


def test_one_edition_has_one_digest() -> None:
    assert edition_of(ROW).digest == edition_of(ROW).digest
    assert edition_of(ROW | {"promise": 1}).digest != edition_of(ROW).digest
    item, changed = edition_of(ROW).get_item("RS01"), edition_of(ROW | {"note": "甲"}).get_item("RS01")
    assert len(digest_of_item(item)) == 16
    assert digest_of_item(item) == digest_of_item(edition_of(ROW).get_item("RS01"))
    assert digest_of_item(item) != digest_of_item(changed)


def test_the_edition_in_force_is_the_latest_that_has_begun() -> None:
    base = load_catalogue()
    old = msgspec.structs.replace(base, version="1", effective_from=date(2026, 1, 1), effective_until=date(2026, 6, 30))
    new = msgspec.structs.replace(base, version="2", effective_from=date(2026, 6, 1), effective_until=None)
    assert find_edition_in_force([old, new], date(2026, 5, 31)) == old
    assert find_edition_in_force([new, old], date(2026, 6, 1)) == new
    assert find_edition_in_force([old], date(2026, 7, 1)) is None
    assert find_edition_in_force([], DAY) is None


def test_who_takes_in_and_who_decides() -> None:
    edition = load_catalogue()
    relief = edition.get_item("MZ03")
    assert relief.deciders == (Decider(Tier.TOWNSHIP, "小额"), Decider(Tier.COUNTY, "民政局"))
    assert may_decide(relief, TOWNSHIP)
    assert may_decide(relief, COUNTY)
    pension = edition.get_item("RS01")
    assert not may_decide(pension, TOWNSHIP)
    assert may_decide(pension, WINDOW)
    assert accepts(pension, VILLAGE)
    assert not accepts(edition.get_item("WJ04"), TOWNSHIP)
    assert not any(may_decide(item, VILLAGE) for item in edition.items.values())
    at_village = msgspec.structs.replace(pension, deciders=(Decider(Tier.VILLAGE, "村"),))
    assert not may_decide(at_village, VILLAGE), "whatever a catalogue says"


def test_a_grant_counts_on_its_days_for_its_offices_and_items_and_never_for_a_village() -> None:
    felling = load_catalogue().get_item("LY01")
    grant = Grant("1", "县林业局", True, (TOWNSHIP, VILLAGE), ("LY01",), DAY, date(2026, 6, 30), "林发〔2026〕1号")
    assert not may_decide(felling, TOWNSHIP)
    assert not may_decide(felling, TOWNSHIP, None, [grant]), "without a day no grant counts"
    days = {date(2025, 12, 31): False, DAY: True, date(2026, 6, 30): True, date(2026, 7, 1): False}
    assert {day: may_decide(felling, TOWNSHIP, day, [grant]) for day in days} == days
    assert may_decide(felling, OfficeId("510824100.ly"), DAY, [grant]), "the desks of a seat as well"
    assert not may_decide(felling, OfficeId("510824101"), DAY, [grant])
    assert not may_decide(load_catalogue().get_item("ZR01"), TOWNSHIP, DAY, [grant])
    assert not may_decide(felling, VILLAGE, DAY, [grant])


def test_of_several_grants_the_last_to_come_into_force_carries_the_decision() -> None:
    felling = load_catalogue().get_item("LY01")
    older = Grant("9", "县林业局", False, (TOWNSHIP,), ("LY01",), DAY, None, "甲")
    newer = msgspec.structs.replace(older, number="2", effective_from=date(2026, 5, 1))
    assert find_grant([newer, older], felling, TOWNSHIP, date(2026, 4, 30)) == older
    assert find_grant([newer, older], felling, TOWNSHIP, date(2026, 5, 1)) == newer
    assert find_grant([], felling, TOWNSHIP, DAY) is None


def test_a_suspended_item_rests_from_the_first_day_to_the_last() -> None:
    item = load_catalogue().get_item("RS01")
    assert not is_suspended(item, DAY)
    for_good = msgspec.structs.replace(item, suspended_from=DAY)
    assert [is_suspended(for_good, day) for day in (date(2025, 12, 31), DAY, date(2099, 1, 1))] == [False, True, True]
    for_a_day = msgspec.structs.replace(for_good, suspended_until=DAY)
    assert [is_suspended(for_a_day, day) for day in (DAY, date(2026, 1, 2))] == [True, False]


def test_the_matrix_says_what_each_tier_does_with_each_item() -> None:
    rights = tier_matrix(load_catalogue())
    assert len(rights) == 39 * 3
    village = [right for right in rights if right.tier is Tier.VILLAGE]
    assert sum(right.can_accept for right in village) == 31
    assert sum(right.can_delegate for right in rights) == sum(right.can_delegate for right in village) == 23
    assert not any(right.can_decide for right in village)
    relief = {right.tier: right for right in rights if right.item == "MZ03"}
    assert (relief[Tier.TOWNSHIP].can_accept, relief[Tier.TOWNSHIP].can_decide) == (True, True)
    assert (relief[Tier.COUNTY].can_accept, relief[Tier.COUNTY].can_decide) == (False, True)


# --- steps -----------------------------------------------------------------------------------------------------------

STEPS = """
CL01 受理/acc 医院评定（特别程序）/rev* 公示/pub 审查/rev 决定/dec 制证/pro 上门办证/iss 归档/arc
GA01 受理/acc 审查/rev 决定/dec 送达/iss 归档/arc
GA02 受理/acc 审查/rev 决定/dec 制证/pro 送达/iss 归档/arc
GA03 受理/acc 本人采集/acc 审查/rev 决定/dec 制证/pro 寄递/iss 归档/arc
LY01 受理/acc 伐区勘察/sur2 公示/pub 审查/rev 决定/dec 送达/iss 归档/arc
MZ01 受理/acc 入户调查/sur2 民主评议（视情）/rev 村公示/pub 决定/dec 送达/iss 归档/arc
MZ02 受理/acc 入户调查/sur2 自理能力评估/rev 公示/pub 决定/dec 送达/iss 归档/arc
MZ03 受理/acc 核对/rev 调查/sur 公示/pub 决定/dec 送达/iss 归档/arc
MZ04 受理/acc 镇初审/rev 公示/pub 残联审核/rev 民政审定/dec 送达/iss 归档/arc
MZ05 受理/acc 镇初审/rev 公示/pub 残联审核/rev 民政审定/dec 送达/iss 归档/arc
MZ06 受理/acc 村核实/rev 镇初审/rev 决定/dec 送达/iss 归档/arc 年度复核/arc
MZ07 受理/acc 镇查验/rev 县审批/dec 送达/iss 归档/arc
MZ08 受理/acc 镇查验/rev 县确认/dec 送达/iss 归档/arc
MZ09 受理/acc 镇审核/rev 现场踏勘/sur2 决定/dec 送达/iss 归档/arc
MZ10 受理/acc 双方到场/acc 预约/acc 审查/rev 决定/dec 送达/iss 归档/arc
NY01 受理/acc 村集体讨论/rev 村公示/pub 农业自然资源规划联审/rev 三到场勘察/sur2 决定/dec 送达/iss 归档/arc
NY02 受理/acc 现场检疫/rev* 审查/rev 决定/dec 送达/iss 归档/arc
NY03 受理/acc 安全检验（特别程序）/rev* 审查/rev 决定/dec 送达/iss 归档/arc
RS01 受理/acc 村核对/rev 镇录入/rev 县复核/rev 决定/dec 送达/iss 归档/arc
RS02 受理/acc 镇初审/rev 县核定/dec 送达/iss 归档/arc
RS03 受理/acc 行动不便者上门认证/rev 决定/dec 送达/iss 归档/arc
RS04 受理/acc 审查/rev 决定/dec 制卡/pro 本人领取或寄递/iss 归档/arc
RS05 受理/acc 审查/rev 决定/dec 送达/iss 归档/arc
RS06 受理/acc 镇初审/rev 公示/pub 县认定/dec 送达/iss 归档/arc
RS07 受理/acc 资格审核/rev 担保尽调/rev 银行审批/dec 送达/iss 归档/arc
SC01 受理/acc 审查/rev 决定/dec 送达/iss 归档/arc
SC02 受理/acc 审查/rev 决定/dec 送达/iss 归档/arc
SC03 受理/acc 审查/rev 决定/dec 告知市场监管与城管/iss 归档/arc
SF01 受理/acc 审查/rev 决定/dec 指派律师/pro 送达/iss 归档/arc
TY01 受理/acc 审查/rev 决定/dec 制证/pro 送达/iss 归档/arc
WJ01 受理/acc 跨区协查（如需）/rev 决定/dec 送达/iss 归档/arc
WJ02 受理/acc 审查/rev 决定/dec 送达/iss 归档/arc
WJ03 受理/acc 村评议公示/pub 镇初审/rev 县确认/dec 送达/iss 归档/arc
WJ04 受理/acc 村级只做咨询预约/acc 审查/rev 决定/dec 送达/iss 归档/arc
WJ05 受理/acc 审查/rev 决定/dec 制证/pro 送达/iss 归档/arc
YB01 受理/acc 村批量登记/acc 审查/rev 决定/dec 税务缴费/pro 送达/iss 归档/arc
YB02 受理/acc 镇初审/rev 县审核/rev 决定/dec 送达/iss 归档/arc
YB03 受理/acc 专家评审（特别程序，依法可不计时限）/rev* 审查/rev 决定/dec 送达/iss 归档/arc
ZR01 受理/acc 镇审核上报/rev 现场勘察/sur2 批前公示/pub 决定/dec 送达/iss 归档/arc
"""
"""Name and the beginning of the step; a star for a special procedure, the number of people if it is not one."""


def told(planned: PlannedStep) -> str:
    """A step as the table writes it."""
    people = planned.people if planned.people > 1 else ""
    return f"{planned.name}/{planned.step[:3]}{'*' if planned.special else ''}{people}"


def test_every_item_of_the_sample_has_its_plan() -> None:
    items = load_catalogue().items.values()
    assert not [word for item in items for word in item.steps if read_step(word) is None]
    plans = "\n".join(" ".join([item.code, *map(told, planned_steps(item))]) for item in items)
    assert plans.replace("（2 人）", "") == STEPS.strip()


def test_a_survey_takes_the_people_it_names_and_two_where_a_site_is_seen() -> None:
    assert read_step("现场核查（3 人）") == PlannedStep(Step.SURVEY, "现场核查（3 人）", 3)
    assert read_step("调查") == PlannedStep(Step.SURVEY, "调查", 1)
    assert read_step("踏勘") == PlannedStep(Step.SURVEY, "踏勘", 2)
    assert read_step("专家评审") == PlannedStep(Step.REVIEW, "专家评审", 1, special=True)


def test_a_word_that_nobody_knows_is_a_review_and_a_step_that_is_named_is_not_planned_twice() -> None:
    item = msgspec.structs.replace(load_catalogue().get_item("SC01"), steps=("受理", "甲乙丙", "决定", "盖章", "归档"))
    assert read_step("甲乙丙") is None
    planned = [(planned.step, planned.name) for planned in planned_steps(item)]
    assert planned == [
        (Step.ACCEPTANCE, "受理"),
        (Step.REVIEW, "甲乙丙"),
        (Step.DECISION, "决定"),
        (Step.SEALING, "盖章"),
        (Step.ISSUE, "送达"),
        (Step.ARCHIVE, "归档"),
    ]


# --- disclosure ------------------------------------------------------------------------------------------------------


def test_the_sample_may_be_published_and_says_that_it_is_a_sample() -> None:
    edition = load_catalogue()
    assert publishable(edition) == ()
    assert all("样例" in item.procedure and "样例" in item.conditions for item in edition.items.values())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"basis": ()}, "basis"),
        ({"procedure": ""}, "procedure"),
        ({"conditions": ""}, "conditions"),
        ({"materials": msgspec.UNSET}, "mat.must"),
        ({"fee_yuan": 20}, "fee_basis"),
        ({"fee_yuan": None}, "fee_basis"),
    ],
)
def test_each_of_the_seven_points_is_needed(change: dict[str, object], field: str) -> None:
    edition = load_catalogue()
    item = edition.get_item("RS01")
    if "materials" in change:
        change = {"materials": type(item.materials)()}
    bare = msgspec.structs.replace(item, **change)
    gaps = publishable(msgspec.structs.replace(edition, items={"RS01": bare}))
    assert [(gap.item, gap.field) for gap in gaps] == [("RS01", field)]
    assert "发布前应补齐" in gaps[0].zh
