"""The county publishes while a village has no line; two days later the village works by the new edition."""

from datetime import date

import pytest

from schemas.casework.stages import Stage
from schemas.casework.values import Handover, Outcome
from schemas.catalogue import PublicNotice, ServiceItem
from schemas.names import Instant
from schemas.refusals import Refused
from tests.support.counties import COUNTY, NOON, TOWNSHIP, VILLAGE, County, agent, clerk, op, run
from tests.support.publications import edition, item, publish_edition

DAY_MS = 24 * 3600 * 1000
FRIDAY, SATURDAY = date(2026, 3, 6), date(2026, 3, 7)


def allowance(**changes: object) -> ServiceItem:
    """An item that the township decides without a survey or a public notice."""
    return item("MZ03", steps=("受理", "审核", "办结"), notice=PublicNotice(), **changes)


def test_a_village_without_a_line_files_under_the_old_edition_and_then_under_the_new() -> None:
    county = County(TOWNSHIP, VILLAGE)
    hub, township, village = county[COUNTY], county[TOWNSHIP], county[VILLAGE]
    publish_edition(hub, 1, edition("2026.1", item(promise_days=5), allowance()))
    county.settle()
    assert village.catalogue.in_force(NOON).version == "2026.1"

    # Friday: the village's line is down. The county publishes an edition for Saturday, under which one item promises
    # less and another takes no new cases; the township has it at once.
    changed = item(promise_days=3)
    suspended = allowance(suspended_from=SATURDAY, suspension_document="苍府办〔2026〕3号")
    before = village.file(operation=2)
    also_before = village.file(operation=3, item="MZ03")
    publish_edition(hub, 4, edition("2026.2", changed, suspended, first=SATURDAY))
    county.settle(TOWNSHIP)
    county.at = Instant(NOON + 2 * DAY_MS)
    assert township.catalogue.in_force(county.at).version == "2026.2"
    assert village.catalogue.in_force(county.at).version == "2026.1"
    meanwhile = village.file(operation=5)

    # Sunday: the line is back.
    county.settle()
    assert village.catalogue.in_force(county.at).version == "2026.2"
    assert village.states() == township.states() == hub.states() == []
    after = village.file(operation=6)
    with pytest.raises(Refused) as refused:
        village.file(operation=7, item="MZ03")
    assert refused.value.code == "item_suspended"

    # Every case keeps the edition that its agent saw.
    county.settle()
    for slip, version, promise in ((before, "2026.1", 5), (meanwhile, "2026.1", 5), (after, "2026.2", 3)):
        for office in (village, township, hub):
            filing = office.case(slip.case).filing
            assert filing is not None
            assert filing.edition == version
            held = office.catalogue.item_of(office.case(slip.case))
            assert held is not None
            assert held.promise_days == promise

    # What is open is finished, suspended or not.
    run(village.desk.offer_custody(agent(), also_before.case, op(8), to=TOWNSHIP))
    county.settle()
    run(township.desk.accept_custody(clerk(), also_before.case, op(9)))
    assert township.case(also_before.case).stage is Stage.IN_REVIEW
    desk, li = township.desk, clerk()
    run(desk.decide(li, also_before.case, op(10), outcome=Outcome.GRANTED, reason="符合条件", basis="办法第5条"))
    run(desk.hand_over(li, also_before.case, op(11), recipient="王秀英", how=Handover.COUNTER))
    county.settle()
    assert hub.case(also_before.case).stage is Stage.HANDED_OVER


def test_the_sample_never_outlives_a_real_edition_and_old_cases_still_find_it() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    sample = village.catalogue.in_force(NOON)
    assert sample.is_sample
    slip = village.file(item="NY01")
    publish_edition(county[COUNTY], 2, edition("2026.1", first=FRIDAY))
    county.settle()
    now = village.catalogue.in_force(county.at)
    assert (now.version, now.is_sample) == ("2026.1", False)
    assert village.catalogue.item_of(village.case(slip.case)) == sample.items["NY01"]
    with pytest.raises(Refused) as refused:
        village.file(operation=3, item="NY01")
    assert refused.value.code == "unknown_item"


def test_an_edition_announced_for_next_year_changes_nothing_until_then() -> None:
    county = County(TOWNSHIP, VILLAGE)
    publish_edition(county[COUNTY], 1, edition("2026.1", first=FRIDAY))
    publish_edition(county[COUNTY], 2, edition("2027.1", item(promise_days=2), first=date(2027, 1, 1)))
    county.settle()
    village = county[VILLAGE]
    assert village.catalogue.in_force(county.at).version == "2026.1"
    assert village.catalogue.in_force(Instant(NOON + 400 * DAY_MS)).version == "2027.1"
