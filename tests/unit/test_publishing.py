"""What the pen writes into the register, and what it refuses with a sentence."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from msgspec import structs

from office.publishing import PublishEdition, PublishNames
from schemas.calendar import YearStatus
from schemas.names import OfficeId, OfficerId
from schemas.refusals import Refused
from schemas.register import (
    CalendarPublished,
    EditionPublished,
    GrantEnded,
    GrantMade,
    OfficePublished,
    Published,
)
from tests.support.counties import COUNTY, OTHER_TOWNSHIP, TOWNSHIP, VILLAGE, WINDOW, County, Office, op, run
from tests.support.publications import FIRST_DAY, WANG, ZHAO, edition, item, opening, publish_edition

NUMBER = "苍府〔2026〕5号"


def kinds(office: Office) -> list[str]:
    """The kinds of the register that this office has written, in order."""
    return [entry.kind for entry in office.store.tables.arrivals if not entry.kind.startswith("line.")]


def grant(number: str = NUMBER, operation: int = 1, **changes: Any) -> GrantMade:
    """The township may decide RS01 from March on."""
    author = (op(operation), COUNTY, WANG)
    made = GrantMade(*author, number, "县人社局", False, (TOWNSHIP,), ("RS01",), FIRST_DAY, None, number)
    return structs.replace(made, **changes)


def end(operation: int = 2, first: date = date(2026, 6, 1), number: str = NUMBER) -> GrantEnded:
    """… and no longer."""
    return GrantEnded(op(operation), COUNTY, WANG, number, first, "苍府〔2026〕9号")


def refusal(act: Callable[[], object]) -> str:
    """The code with which the pen refuses; its sentences say what to do in both languages."""
    with pytest.raises(Refused) as refused:
        act()
    zh, en = refused.value.text("zh"), refused.value.text("en")
    assert len(zh) > 0
    assert len(en) > 0
    return refused.value.code


def test_only_what_changed_travels_with_a_new_edition() -> None:
    hub = County(TOWNSHIP)[COUNTY]
    assert publish_edition(hub, 1, edition()) == 3
    assert kinds(hub) == ["item.published", "item.published", "edition.published"]
    second = edition("2026.2", item(promise_days=3), item("MZ03"))
    assert publish_edition(hub, 2, second) == 2
    assert kinds(hub)[3:] == ["item.published", "edition.published"]
    third = edition("2026.3", item(), item("MZ03"))
    assert publish_edition(hub, 3, third) == 1, "the first wording is here already"
    assert [found.version for found in hub.casebook.register.editions()] == ["2026.1", "2026.2", "2026.3"]
    assert hub.casebook.register.editions()[2].items == edition().items


def test_the_same_edition_or_the_same_operation_twice_changes_nothing() -> None:
    hub = County(TOWNSHIP)[COUNTY]
    publish_edition(hub, 1, edition())
    written = len(hub.store.tables.arrivals)
    assert publish_edition(hub, 2, edition()) == 0
    assert publish_edition(hub, 1, edition("2026.2", item(promise_days=3))) == 0
    assert len(hub.store.tables.arrivals) == written


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("edition_exists", {"items": {"RS01": item(promise_days=2)}}),
        ("edition_exists", {"effective_from": date(2026, 5, 1)}),
        ("edition_backdated", {"version": "2026.0", "effective_from": date(2026, 2, 28)}),
        ("edition_undisclosed", {"items": {"RS01": item(conditions="")}}),
        ("approver_unknown", {"version": "2026.9", "approver": f"{COUNTY}/li"}),
        ("record_unacceptable", {"version": "2026.9", "document": ""}),
        ("record_unacceptable", {"version": "2026.9", "items": {"RS01": item(remark="长" * 11_000)}}),
        ("record_unacceptable", {"version": "2026.9", "items": {"RS-1": structs.replace(item(), code="RS-1")}}),
    ],
)
def test_an_edition_that_must_not_be_published(code: str, changes: dict[str, Any]) -> None:
    hub = County(TOWNSHIP)[COUNTY]
    publish_edition(hub, 1, edition())
    written = len(hub.store.tables.arrivals)
    assert refusal(lambda: publish_edition(hub, 2, structs.replace(edition(), **changes))) == code
    assert len(hub.store.tables.arrivals) == written
    assert [found.version for found in hub.casebook.register.editions()] == ["2026.1"]


def test_only_the_county_publishes_for_all_and_only_who_has_an_account_publishes() -> None:
    county = County(TOWNSHIP)
    township, hub = county[TOWNSHIP], county[COUNTY]
    assert refusal(lambda: publish_edition(township, 1, edition())) == "county_publishes"
    assert refusal(lambda: run(township.publishing.publish(PublishNames(op(1), {TOWNSHIP: "…"})))) == "county_publishes"
    assert refusal(lambda: township.publish(structs.replace(grant(), office=TOWNSHIP))) == "county_publishes"
    assert refusal(lambda: run(hub.publishing.publish(PublishEdition(op(1), ZHAO, edition())))) == "no_such_officer"
    assert refusal(lambda: hub.publish(grant(officer=ZHAO))) == "no_such_officer"
    assert refusal(lambda: hub.publish(grant(operation=1, office=OfficeId("510825")))) == "not_ours_to_publish"
    assert (
        refusal(lambda: run(hub.publishing.publish(PublishNames(b"short", {TOWNSHIP: "…"})))) == "operation_malformed"
    )
    assert kinds(hub) == kinds(township) == []


def test_a_grant_is_made_once_and_ended_once() -> None:
    hub = County(TOWNSHIP)[COUNTY]
    assert hub.publish(grant()) == 1
    assert hub.publish(grant(operation=3)) == 0
    assert refusal(lambda: hub.publish(grant(operation=4, items=("RS02",)))) == "grant_exists"
    assert refusal(lambda: hub.publish(end(number="苍府〔2020〕1号"))) == "grant_unknown"
    assert hub.publish(end()) == 1
    assert hub.publish(end(operation=5)) == 0
    assert hub.publish(end(operation=6, first=date(2026, 7, 1))) == 0, "it has ended by then"
    assert hub.publish(end(operation=7, first=date(2026, 5, 1))) == 1
    found = hub.casebook.register.find_grant(NUMBER)
    assert found is not None
    assert found.effective_until == date(2026, 4, 30)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("unknown_office", {"grantees": (OfficeId("510824999"),)}),
        ("grant_to_village", {"grantees": (TOWNSHIP, VILLAGE)}),
        ("grant_dates", {"effective_until": date(2026, 2, 1)}),
        ("grant_items", {"items": ("RS01", "ZZ99")}),
        ("unseen_character", {"grantor": "县\u200b人社局"}),
    ],
)
def test_a_grant_that_must_not_be_made(code: str, changes: dict[str, Any]) -> None:
    hub = County(TOWNSHIP)[COUNTY]
    publish_edition(hub, 1, edition())
    assert refusal(lambda: hub.publish(grant(operation=2, **changes))) == code
    assert hub.casebook.register.grants() == ()


def test_a_field_that_is_wrong_is_named() -> None:
    hub = County(TOWNSHIP)[COUNTY]
    for wrong, named in ((grant(items=("rs01",)), "事项编码"), (grant(grantor=""), "原权力机关")):
        with pytest.raises(Refused, match="record_unacceptable") as refused:
            hub.publish(wrong)
        assert f"“{named}”" in refused.value.text("zh")
    assert kinds(hub) == []


def test_a_year_out_of_all_reason_is_refused() -> None:
    hub = County(TOWNSHIP)[COUNTY]
    hub.publish(grant())
    for year in (1, 206, 9999):
        assert refusal(lambda year=year: hub.publish(end(first=date(year, 1, 1)))) == "record_year"
    assert [one.effective_until for one in hub.casebook.register.grants()] == [None]


def test_names_are_published_where_they_changed() -> None:
    hub = County(TOWNSHIP)[COUNTY]
    names = {COUNTY: "苍溪县政务服务中心", TOWNSHIP: "云峰镇"}
    assert run(hub.publishing.publish(PublishNames(op(1), names))) == 2
    assert run(hub.publishing.publish(PublishNames(op(2), names))) == 0
    assert run(hub.publishing.publish(PublishNames(op(3), names | {TOWNSHIP: "云峰街道"}))) == 1
    assert hub.casebook.register.name_of(TOWNSHIP, date(2026, 3, 7)) == "云峰街道"
    hub.publish(OfficePublished(op(4), COUNTY, WANG, WINDOW, "人社局窗口", "县人社局"))
    assert run(hub.publishing.publish(PublishNames(op(5), {WINDOW: "人社局综合窗口"}))) == 1
    renamed = hub.casebook.register.find_office(WINDOW, date(2026, 3, 7))
    assert renamed is not None
    assert (renamed.name, renamed.department) == ("人社局综合窗口", "县人社局"), "a new name unbinds no window"


def test_an_office_says_when_it_and_those_below_it_are_open() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE)
    township = county[TOWNSHIP]
    assert township.publish(opening(TOWNSHIP, TOWNSHIP, 1, 1, 2), opening(TOWNSHIP, VILLAGE, 1, 5)) == 2
    assert township.publish(opening(TOWNSHIP, VILLAGE, 2, 5)) == 0
    assert township.publish(opening(TOWNSHIP, VILLAGE, 3, 4)) == 1
    assert refusal(lambda: township.publish(opening(TOWNSHIP, OTHER_TOWNSHIP, 4, 1))) == "not_ours_to_publish"
    assert refusal(lambda: township.publish(opening(TOWNSHIP, OfficeId("510824100999"), 5, 1))) == "unknown_office"
    county.settle()
    found = county[VILLAGE].casebook.register.opening_of(VILLAGE, FIRST_DAY)
    assert found == structs.replace(opening(TOWNSHIP, VILLAGE, 3, 4), revision=1)


def test_an_operation_of_a_case_publishes_nothing() -> None:
    hub = County(TOWNSHIP)[COUNTY]
    hub.file(operation=1, item="RS01")
    assert refusal(lambda: hub.publish(grant(operation=1))) == "operation_reused"


def test_a_year_is_published_once_and_replaced_by_another_notice() -> None:
    hub = County(TOWNSHIP)[COUNTY]

    def year(operation: int, *days: tuple[int, bool]) -> Published:
        return CalendarPublished(op(operation), COUNTY, WANG, 2027, YearStatus.OFFICIAL, "国办发明电〔2026〕1号", days)

    assert hub.publish(year(1, (101, False))) == 1
    assert hub.publish(year(2, (101, False))) == 0
    assert hub.publish(year(3, (101, False), (103, True))) == 1


def test_editions_and_items_are_published_as_a_whole_only() -> None:
    hub = County(TOWNSHIP)[COUNTY]
    publish_edition(hub, 1, edition())
    listed = next(one for one in hub.casebook.register.listed())
    assert isinstance(listed, EditionPublished)
    assert (
        refusal(lambda: hub.publish(structs.replace(listed, operation=op(2), version="2026.9")))
        == "record_unacceptable"
    )


def test_what_the_node_publishes_by_itself_names_no_officer() -> None:
    hub = County(TOWNSHIP)[COUNTY]
    run(hub.publishing.publish(PublishNames(op(1), {TOWNSHIP: "云峰镇"})))
    (record,) = hub.casebook.register.records()
    assert isinstance(record.event, OfficePublished)
    assert record.event.officer == OfficerId("")
