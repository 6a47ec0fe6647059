"""When a site is open and a market held: the rules, their texts, and what operators type."""

from collections import Counter
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from office.seeds import load_calendar
from schemas.opening_texts import parse_rule, rule_text
from schemas.openings import (
    DAYS_MAX,
    OpeningRule,
    Purpose,
    RuleKind,
    Rules,
    hours_on,
    is_market_day,
    is_open,
)
from schemas.refusals import Refused

CALENDAR = load_calendar()
YEAR_2026 = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]

WORKDAY, SATURDAY, HOLIDAY = date(2026, 3, 6), date(2026, 3, 7), date(2026, 10, 7)
WORKED_SATURDAY, NEW_YEARS_DAY = date(2026, 2, 14), date(2026, 2, 17)
BEYOND = date(2036, 3, 4)
"""A Tuesday after the last lunar month of the table."""


def rules(*texts: str) -> tuple[OpeningRule, ...]:
    """A site's rules, as typed."""
    return tuple(parse_rule(text) for text in texts)


@st.composite
def any_rule(draw: st.DrawFn) -> OpeningRule:
    """Any rule that can be."""
    kind = draw(st.sampled_from(RuleKind))
    pool = {RuleKind.WEEKDAYS: range(1, 8), RuleKind.PARITY: range(2)}.get(kind, range(10))
    numbers = draw(st.sets(st.sampled_from(pool), min_size=1, max_size=1 if kind is RuleKind.PARITY else 10))
    days = draw(st.sets(st.dates(date(2000, 1, 1), date(2099, 12, 31)), min_size=1, max_size=5))
    purpose, opens = draw(st.sampled_from(Purpose)), draw(st.booleans())
    hours = draw(st.sampled_from(("", "09:00-17:00", "08:30-12:00,14:00-17:30")))
    is_listed, is_closing = kind is RuleKind.LISTED, purpose is Purpose.OPENING and not opens
    return OpeningRule(
        kind,
        () if is_listed else tuple(sorted(numbers)),
        tuple(sorted(days)) if is_listed else (),
        purpose,
        opens,
        "" if is_closing else hours,
    )


# --- opening ---------------------------------------------------------------------------------------------------------


def test_without_a_rule_a_site_opens_on_working_days() -> None:
    opened = [day for day in YEAR_2026 if is_open((), day, CALENDAR)]
    assert opened == [day for day in YEAR_2026 if CALENDAR.is_working(day)]


@pytest.mark.parametrize(
    ("texts", "opened", "closed"),
    [
        (["周三"], [date(2026, 3, 4)], [WORKDAY, HOLIDAY]),
        (["周六"], [SATURDAY, WORKED_SATURDAY], [WORKDAY]),
        (["周一至周五"], [WORKDAY, WORKED_SATURDAY], [SATURDAY, HOLIDAY]),
        (["周一至周六"], [WORKDAY, SATURDAY, WORKED_SATURDAY], [HOLIDAY]),
        (["农历 1,4,7"], [date(2026, 3, 5), date(2026, 3, 22)], [date(2026, 3, 6)]),
        (["公历 3,6,9"], [WORKDAY], [SATURDAY]),
        (["单日"], [SATURDAY, date(2026, 3, 9)], [WORKDAY]),
        (["双日"], [WORKDAY], [SATURDAY]),
        (["2026-03-07"], [SATURDAY], [WORKDAY]),
        (["工作日", "2026-03-07"], [WORKDAY, SATURDAY], [HOLIDAY]),
        (["不开放 2026-03-06"], [date(2026, 3, 5)], [WORKDAY, SATURDAY]),
        (["不开放 周五"], [date(2026, 3, 5)], [WORKDAY]),
        (["不开放 周五", "集市日开放 公历 6"], [date(2026, 4, 16)], [WORKDAY]),
        (["不开放 周五", "周五", "2026-03-06"], [WORKDAY], [date(2026, 3, 13)]),
        (["2026-03-06", "不开放 2026-03-06"], [], [WORKDAY]),
        (["集市日开放 农历 1,4,7"], [WORKDAY, NEW_YEARS_DAY, date(2026, 3, 22)], [SATURDAY]),
        (["集市日 农历 1,4,7"], [WORKDAY], [SATURDAY, NEW_YEARS_DAY]),
        (["集市日开放 2026-03-07"], [WORKDAY, SATURDAY], [date(2026, 3, 8)]),
        (["集市日 2026-03-07"], [WORKDAY], [SATURDAY]),
    ],
    ids=lambda value: " + ".join(map(str, value)),
)
def test_rules_open_and_close(texts: list[str], opened: list[date], closed: list[date]) -> None:
    site = rules(*texts)
    assert [day for day in opened if not is_open(site, day, CALENDAR)] == []
    assert [day for day in closed if is_open(site, day, CALENDAR)] == []


def test_hours_are_those_of_the_first_rule_that_opens() -> None:
    site = rules("周一至周五 09:00-17:00", "集市日开放 农历 1,4,7 7:00-14:00", "2026-03-08", "不开放 2026-10-08")
    days = (WORKDAY, NEW_YEARS_DAY, date(2026, 3, 8), SATURDAY, date(2026, 10, 8))
    assert [hours_on(site, day, CALENDAR) for day in days] == ["09:00-17:00", "07:00-14:00", "", None, None]


# --- markets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("digits", "counts"), [("1,4,7", (74, 37)), ("2,5,8", (79, 32)), ("3,6,9", (75, 37))])
def test_a_third_of_the_markets_of_2026_is_held_on_days_of_rest(digits: str, counts: tuple[int, int]) -> None:
    market = rules(f"集市日 农历 {digits}")
    held = Counter(CALENDAR.is_working(day) for day in YEAR_2026 if is_market_day(market, day, CALENDAR))
    assert (held[True], held[False]) == counts


def test_beyond_the_lunar_table_a_market_is_unknown_and_an_opening_falls_back_to_working_days() -> None:
    market, opening = rules("集市日开放 农历 1,4,7"), rules("农历 1,4,7")
    assert is_market_day(market, BEYOND, CALENDAR) is None
    assert is_market_day((*market, *rules("集市日 公历 4")), BEYOND, CALENDAR) is True
    assert is_market_day((), BEYOND, CALENDAR) is False
    for site in (market, opening):
        assert is_open(site, BEYOND, CALENDAR)
        assert not is_open(site, BEYOND + timedelta(days=4), CALENDAR)


# --- texts -----------------------------------------------------------------------------------------------------------


@given(any_rule(), st.sampled_from(("zh", "en")))
def test_what_is_printed_can_be_typed(rule: OpeningRule, language: str) -> None:
    assert parse_rule(rule_text(rule, language)) == rule


@pytest.mark.parametrize(
    ("typed", "zh", "en"),
    [
        ("农历 1,4,7", "逢农历一、四、七", "lunar days ending in 1, 4, 7"),
        ("农历　１，４，７", "逢农历一、四、七", "lunar days ending in 1, 4, 7"),
        ("阴历逢一四七", "逢农历一、四、七", "lunar days ending in 1, 4, 7"),
        ("农历 五、十", "逢农历五、十", "lunar days ending in 5, 0"),
        ("阳历 3,6,9", "逢公历三、六、九", "solar days ending in 3, 6, 9"),
        ("公历 10", "逢公历十", "solar days ending in 0"),
        ("周一,周三", "每周一、周三", "Mondays, Wednesdays"),
        ("每周一、三、五", "每周一、周三、周五", "Mondays, Wednesdays, Fridays"),
        ("星期六和星期天", "每周六、周日", "Saturdays, Sundays"),
        ("Mon, wed 9:00-17:00", "每周一、周三 09:00-17:00", "Mondays, Wednesdays 09:00-17:00"),
        (
            "周一至周五 9:00～12:00，14:00～17:30",
            "工作日 09:00-12:00、14:00-17:30",
            "working days 09:00-12:00, 14:00-17:30",
        ),
        ("周一至周六", "工作日、周六", "working days, Saturdays"),
        ("单日", "公历单日", "odd days of the month"),
        ("even", "公历双日", "even days of the month"),
        ("2027/1/2、2026-12-24", "2026年12月24日、2027年1月2日", "2026-12-24, 2027-01-02"),
        ("不开放：2026年12月24日。", "不开放：2026年12月24日", "closed: 2026-12-24"),
        ("赶场 农历 2,5,8", "集市日：逢农历二、五、八", "market days: lunar days ending in 2, 5, 8"),
        ("集市日开放 单日", "集市日开放：公历单日", "open on market days: odd days of the month"),
    ],
)
def test_what_operators_type(typed: str, zh: str, en: str) -> None:
    rule = parse_rule(typed)
    assert (rule_text(rule), rule_text(rule, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "opening_rule_unreadable"),
        ("有空就开", "opening_rule_unreadable"),
        ("农历", "opening_rule_unreadable"),
        ("农历 15", "opening_rule_unreadable"),
        ("农历 十五", "opening_rule_unreadable"),
        ("农历初一、十五", "opening_rule_unreadable"),
        ("公历3日", "opening_rule_unreadable"),
        ("周八", "opening_rule_unreadable"),
        ("周五至周一", "opening_rule_unreadable"),
        ("周一至三至五", "opening_rule_unreadable"),
        ("2026-12-24, 周三", "opening_rule_unreadable"),
        ("周一" * 2000, "opening_rule_unreadable"),
        ("1,4,7", "opening_rule_calendar"),
        ("逢一四七", "opening_rule_calendar"),
        ("2026-02-30", "opening_day_impossible"),
        (",".join(f"2026-{1 + n % 12}-{1 + n // 12}" for n in range(DAYS_MAX + 1)), "opening_days_too_many"),
        ("周三 17:00-09:00", "opening_hours_unreadable"),
        ("周三 25:00-26:00", "opening_hours_unreadable"),
        ("周三 09:00-12:00,11:00-13:00", "opening_hours_unreadable"),
        ("周三 8:00-9:00,10:00-11:00,12:00-13:00,14:00-15:00", "opening_hours_unreadable"),
        ("不开放 周三 09:00-12:00", "opening_hours_unreadable"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_write(typed: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_rule(typed)
    assert refusal.value.code == code
    assert max(len(refusal.value.zh), len(refusal.value.en)) < 300


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_rule_or_a_refusal(typed: str) -> None:
    try:
        rule = parse_rule(typed)
    except Refused:
        return
    assert parse_rule(rule_text(rule)) == rule


# --- on the wire -----------------------------------------------------------------------------------------------------


@given(any_rule())
def test_a_rule_travels(rule: OpeningRule) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode((rule,)), type=Rules) == (rule,)


@pytest.mark.parametrize(
    "fields",
    [
        ["weekdays", [8]],
        ["weekdays", [0]],
        ["parity", [0, 1]],
        ["parity", [2]],
        ["lunar", []],
        ["lunar", [10]],
        ["solar", [3, 1]],
        ["solar", [1, 1]],
        ["lunar", [1], ["2026-12-24"]],
        ["listed", [1]],
        ["listed", [1], ["2026-12-24"]],
        ["listed", [], []],
        ["listed", [], ["2026-02-30"]],
        ["listed", [], ["2026-12-24", "2026-12-24"]],
        ["listed", [], ["2026-12-24"] * (DAYS_MAX + 1)],
        ["branches", [1]],
        ["lunar", [1], [], "fair"],
        ["lunar", [1], [], "opening", True, "9:00-17:00"],
        ["lunar", [1], [], "opening", True, "17:00-09:00"],
        ["lunar", [1], [], "opening", True, "09:00-17:00\n"],
        ["lunar", [1], [], "opening", False, "09:00-17:00"],
    ],
)
def test_a_rule_that_cannot_be_is_no_rule(fields: list[object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(fields), type=OpeningRule)
