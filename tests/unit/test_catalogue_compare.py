"""What a new edition changes, and the figures that a county reports of its catalogue."""

from datetime import date

import pytest
from msgspec import structs

from office.seeds import load_catalogue
from schemas.catalogue import Edition, ServiceItem
from schemas.catalogue_compare import compare
from schemas.catalogue_figures import (
    Share,
    concentration,
    decided_where_accepted,
    figures_text,
    speed_up,
    speed_up_ratio,
)
from tests.support.catalogues import DAY, ROW, edition_of

OLD = load_catalogue()
NEW_YEAR = date(2027, 1, 1)


def renewed(*changed: ServiceItem, without: tuple[str, ...] = ()) -> Edition:
    """The sample's next edition."""
    items = {**OLD.items, **{item.code: item for item in changed}}
    kept = {code: item for code, item in items.items() if code not in without}
    return structs.replace(OLD, version="2027.1", effective_from=NEW_YEAR, items=kept)


def test_added_removed_and_changed_items_are_told_column_by_column() -> None:
    changed = structs.replace(
        OLD.get_item("MZ01"), promise_days=15, fee_yuan=None, accepting_tiers=OLD.get_item("MZ01").accepting_tiers[:1]
    )
    found = compare(OLD, renewed(changed, structs.replace(changed, code="MZ99", name="新事项"), without=("RS01",)))
    assert found.added == (("MZ99", "新事项"),)
    assert found.removed == (("RS01", OLD.get_item("RS01").name),)
    assert [change.code for change in found.changed] == ["MZ01"]
    told = {change.column: (change.old, change.new) for change in found.changed[0].fields}
    assert told == {"promise": (22, 15), "fee": (0, None), "accept": (("village", "township"), ("village",))}
    lines = found.text().splitlines()
    assert lines[0] == "2026.11-sample → 2027.1：新增 1 项，取消 1 项，暂停 0 项，恢复 0 项，变更 1 项"
    assert "    承诺时限：22 → 15" in lines
    assert "    收费标准：0 → 依规定" in lines
    assert "    受理层级：村级；乡镇 → 村级" in lines
    assert "    fee: 0 → (empty)" in found.text("en").splitlines()


def test_suspended_and_resumed_items_are_listed_from_the_new_editions_first_day() -> None:
    item = OLD.get_item("RS01")
    halted = structs.replace(item, suspended_from=date(2026, 5, 1), suspension_document="甲")
    ended = structs.replace(halted, suspended_until=date(2026, 12, 31))
    to_come = structs.replace(halted, suspended_from=date(2027, 6, 1))

    def told(old: ServiceItem, new: ServiceItem) -> tuple[int, int]:
        found = compare(structs.replace(OLD, items={"RS01": old}), renewed(new))
        return len(found.suspended), len(found.resumed)

    assert told(item, halted) == told(item, to_come) == told(ended, halted) == (1, 0)
    assert told(halted, item) == told(halted, ended) == (0, 1)
    assert told(item, ended) == told(ended, item) == told(halted, to_come) == (0, 0)


def test_an_edition_against_itself_changes_nothing() -> None:
    assert compare(OLD, OLD).text("en") == (
        "2026.11-sample → 2026.11-sample: 0 added, 0 removed, 0 suspended, 0 resumed, 0 changed"
    )


# --- figures ---------------------------------------------------------------------------------------------------------


def test_the_figures_of_the_sources_are_computed_as_there() -> None:
    assert speed_up(2659, 713) == Share(1946, 2659)
    assert speed_up(2659, 713).percent == pytest.approx(73.186, abs=0.001)
    assert str(concentration(236, 470)) == "236/470 = 50.2%"
    assert str(Share(0, 0)) == "0/0"
    assert Share(0, 0).percent is None


def test_only_items_that_take_cases_count_and_calendar_days_count_five_of_seven() -> None:
    calendar = ROW | {
        "code": "RS02",
        "type": "承诺件",
        "promise": 5,
        "legal": {"n": 15, "unit": "cd", "from": "accepted"},
    }
    halted = ROW | {"code": "RS03", "suspended_from": "2026-03-01", "suspension_document": "甲"}
    edition = edition_of(ROW, calendar, halted)
    assert speed_up_ratio(edition, DAY) == Share(10 + 10 + 10 - 5, 30)
    assert speed_up_ratio(edition, date(2026, 3, 1)) == Share(10 + 10 - 5, 20)
    assert decided_where_accepted(edition, DAY) == Share(3, 3)
    forwarded = ROW | {"accept": ["township"], "decide": "county/民政局"}
    assert decided_where_accepted(edition_of(forwarded), DAY) == Share(0, 1)


def test_figures_are_told_with_what_they_are_made_of() -> None:
    told = figures_text(OLD, DAY, 470)
    assert "共 39 项" in told
    assert "39/470 = 8.3%" in told
    assert "村级：可受理 31 项，可决定 0 项，可代办 23 项" in told
    assert "concentration" not in figures_text(OLD, DAY, None, "en")
