"""Score cards, ranking within a class, frozen months, and the documents made from them: every figure from an entry."""

from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from hub.audit import documents
from hub.audit.documents import Ground, monthly_assessment, quarterly_evaluation, weekly_circular
from hub.audit.scores import (
    Appeal,
    ScoreCard,
    appeal_of,
    cards_of,
    corrections,
    freeze,
    mean_of_villages,
    points_text,
    ranked,
    read_points,
)
from hub.audit.sheets import html_of, text_of
from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId, OfficerId
from schemas.oversight import (
    BASE_TENTHS,
    Card,
    ClassAssigned,
    OrderAnswered,
    OrderEscalated,
    OrderIssued,
    OrderVerified,
    OrderWithdrawn,
    Overseen,
    Rung,
    ScoreAppealed,
    ScoreEntered,
    ScoreJudged,
    Weight,
)
from schemas.oversight import (
    Ground as OrderGround,
)
from schemas.oversight_fold import Filed, Oversight, digest_of, fold_all, fold_score

COUNTY = OfficeId("510824")
TOWNS = tuple(OfficeId(f"5108241{number:02d}") for number in range(6))
VILLAGES = tuple(OfficeId(f"{town}2{number:02d}") for town in TOWNS[:2] for number in range(1, 4))
WANG, LIU = OfficerId("510824/wang"), OfficerId("510824/liu")
COUNTY_AUTHOR = (bytes(8), COUNTY, WANG)
MONTH = "2026-03"
NOON = 1_772_769_600_000
DAY_MS = 86_400_000


def zh(chinese: str, english: str) -> str:
    """Chinese is read."""
    return chinese


def en(chinese: str, english: str) -> str:
    """English is read."""
    return english


def filed(event: Overseen, number: int, *, day: int = 0) -> Filed:
    """An entry, by its number."""
    journal = JournalId(NodeId("a" * 16), Epoch(1, b"nonces"))
    return Filed(event, journal, number, number.to_bytes(32, "big"), Instant(NOON + day * DAY_MS))


def entered(number: int, office: OfficeId, points: int, **changes: object) -> Filed:
    """Points of an office."""
    score = ScoreEntered(*COUNTY_AUTHOR, office, MONTH, points, "P1", 1, "<理由>", (bytes(32),))
    return filed(structs.replace(score, **changes), number)


def placed(number: int, office: OfficeId, group: str, weight: int) -> Filed:
    """An office's class."""
    return filed(ClassAssigned(*COUNTY_AUTHOR, office, group, "2026-01", weight, "边远"), number)


def appealed(number: int, of: int, office: OfficeId) -> Filed:
    """The office does not agree."""
    author = (bytes(8), office, OfficerId(f"{office}/li"))
    return filed(ScoreAppealed(*author, of.to_bytes(32, "big"), office, "不服"), number)


def judged(number: int, of: int, appeal: int, office: OfficeId, points: int) -> Filed:
    """What it came to."""
    about = (of.to_bytes(32, "big"), office, appeal.to_bytes(32, "big"), points, False)
    return filed(ScoreJudged(bytes(8), COUNTY, LIU, *about, "属实"), number)


def ground(view: Oversight, today: date = date(2026, 4, 10)) -> Ground:
    """A county that calls its offices by their codes."""
    return Ground(view, (*TOWNS, *VILLAGES), {TOWNS[0]: "陵江镇<b>"}, frozenset(), today)


entries = st.lists(
    st.tuples(st.sampled_from(TOWNS), st.integers(-300, 100), st.booleans()), min_size=0, max_size=25
).map(
    lambda drawn: [
        entered(100 + number, office, points, veto=veto and points < 0)
        for number, (office, points, veto) in enumerate(drawn)
    ]
)
classes = st.lists(
    st.tuples(st.sampled_from(TOWNS), st.sampled_from(["山区", "平坝"]), st.integers(500, 1000)), max_size=6
).map(lambda drawn: [placed(500 + number, *one) for number, one in enumerate(drawn)])


@given(entries, classes, st.randoms(use_true_random=False))
def test_a_card_is_what_its_entries_say_in_whatever_order(
    some: list[Filed], groups: list[Filed], random: Random
) -> None:
    everything = [*some, *groups]
    cards = cards_of(fold_all(everything), Card.TOWNSHIP, MONTH, TOWNS)
    assert cards == cards_of(fold_all(random.sample(everything, len(everything))), Card.TOWNSHIP, MONTH, TOWNS)
    assert [card.office for card in cards] == sorted(TOWNS)
    for card in cards:
        events = [one.event for one in some if isinstance(one.event, ScoreEntered)]
        points = [event.points for event in events if event.addressee == card.office]
        assert card.raw == BASE_TENTHS + sum(points)
        assert card.raw <= card.adjusted, "a class's weight never takes points off"
        assert card.adjusted - card.raw <= -card.deducted // 2 + 1
        assert len(card.lines) == len(points)


@given(entries, classes)
def test_offices_are_ranked_within_their_class_only_and_fairly(some: list[Filed], groups: list[Filed]) -> None:
    cards = cards_of(fold_all([*some, *groups]), Card.TOWNSHIP, MONTH, TOWNS)
    found = ranked(cards)
    assert sum(group.count for group in found) == len(TOWNS)
    for group in found:
        assert {place.card.group for place in group.places} == {group.name}
        for place in group.places:
            assert (place.rank is None) == place.card.veto
            for other in group.places:
                if place.rank is not None and other.rank is not None:
                    assert (place.card.adjusted > other.card.adjusted) == (place.rank < other.rank)


@given(entries)
def test_silence_is_never_worth_more_than_work(some: list[Filed]) -> None:
    """An office without entries has its 100 points, and never stands before one whose work was praised."""
    idle, praised = OfficeId("510824150"), OfficeId("510824151")
    earned = entered(900, praised, 10, rule="R1")
    cards = cards_of(fold_all([*some, earned]), Card.TOWNSHIP, MONTH, (*TOWNS, idle, praised))
    (group,) = ranked(cards)
    ranks = {place.card.office: place.rank for place in group.places}
    raws = {card.office: card.raw for card in cards}
    assert raws[idle] == BASE_TENTHS
    first, second = ranks[praised], ranks[idle]
    assert first is not None
    assert second is not None
    assert first < second


@pytest.mark.parametrize(
    ("verdict", "expected", "raw"),
    [
        (None, Appeal.WAITING, 980),
        (0, Appeal.UPHELD, 1000),
        (-5, Appeal.LESSENED, 995),
        (-20, Appeal.DISMISSED, 980),
    ],
)
def test_what_an_appeal_comes_to_is_on_the_card(verdict: int | None, expected: Appeal, raw: int) -> None:
    town = TOWNS[0]
    thread = [entered(1, town, -20), appealed(2, 1, town)]
    thread += [judged(3, 1, 2, town, verdict)] if verdict is not None else []
    score = fold_score(thread)
    assert score is not None
    assert appeal_of(score) is expected
    (card,) = cards_of(fold_all(thread), Card.TOWNSHIP, MONTH, [town])
    assert card.raw == raw
    assert set(card.sources) == {one.hash for one in thread}


def test_what_comes_after_the_freeze_is_a_correction() -> None:
    before = [entered(1, TOWNS[0], -20), entered(2, TOWNS[1], -10)]
    cards = cards_of(fold_all(before), Card.TOWNSHIP, MONTH, TOWNS)
    table = freeze(cards, Card.TOWNSHIP, MONTH, COUNTY_AUTHOR)
    assert table.digest == digest_of(one.hash for one in before)
    assert [total.raw for total in table.totals] == [980, 990, *[1000] * 4]
    assert corrections(table, cards) == []
    later = [*before, appealed(3, 1, TOWNS[0]), judged(4, 1, 3, TOWNS[0], 0), filed(table, 5)]
    view = fold_all(later)
    changed = corrections(table, cards_of(view, Card.TOWNSHIP, MONTH, TOWNS))
    assert [(one.office, one.frozen, one.now) for one in changed] == [(TOWNS[0], 980, 1000)]
    text = text_of(monthly_assessment(ground(view), MONTH, zh))
    assert "定稿后的更正（1 处）" in text
    assert table.digest.hex() in text


def test_a_village_has_its_townships_class_and_counts_beside_its_card() -> None:
    view = fold_all([placed(1, TOWNS[0], "山区", 800), entered(2, VILLAGES[0], -30)])
    cards = cards_of(view, Card.VILLAGE, MONTH, VILLAGES)
    assert {card.group for card in cards} == {"山区", ""}
    assert cards[0].adjusted == 1000 - 24
    assert mean_of_villages(cards, TOWNS[0]) == (990, 3)
    assert mean_of_villages(cards, TOWNS[5]) == (0, 0)


@given(st.integers(-1000, 1000))
def test_points_are_read_as_they_are_written(tenths: int) -> None:
    assert read_points(points_text(tenths)) == tenths
    assert read_points(points_text(tenths, signed=True)) == tenths


@pytest.mark.parametrize("text", ["", "-", "1.", ".5", "1.55", "1e3", "１", "两分", "--1", "+-1", "1 "])
def test_what_is_no_number_of_points(text: str) -> None:
    with pytest.raises(ValueError, match="points"):
        read_points(text)


# --- documents -------------------------------------------------------------------------------------------------------


def orders() -> list[Filed]:
    """One answered in time and closed, one overdue with a reminder, one withdrawn."""

    def issued(number: int, town: OfficeId, day: int) -> Filed:
        order = OrderIssued(
            *COUNTY_AUTHOR,
            f"510824-督-2026-{number:04d}",
            town,
            OrderGround.VISIT,
            "",
            "",
            (),
            "事实",
            date(2026, 3, 16),
            Weight.RED,
        )
        return filed(order, number, day=day)

    first, second, third = issued(1, TOWNS[0], 0), issued(2, TOWNS[1], 1), issued(3, TOWNS[1], 20)
    said = OrderAnswered(bytes(8), TOWNS[0], OfficerId(f"{TOWNS[0]}/li"), first.hash, TOWNS[0], first.hash, "说明", "")
    answer = filed(said, 4, day=3)
    verdict = filed(OrderVerified(*COUNTY_AUTHOR, first.hash, TOWNS[0], answer.hash, True, ""), 5, day=5)
    rung = filed(OrderEscalated(*COUNTY_AUTHOR, second.hash, TOWNS[1], Rung.REMINDER, date(2026, 3, 20)), 6, day=11)
    back = filed(OrderWithdrawn(*COUNTY_AUTHOR, third.hash, TOWNS[1], "有误", "正名"), 7, day=21)
    return [first, second, third, answer, verdict, rung, back]


def test_the_weekly_circular_counts_what_the_week_brought() -> None:
    document = weekly_circular(ground(fold_all(orders())), date(2026, 3, 2), zh)
    text = text_of(document)
    for words in (
        "2026 年第 10 周",
        "下发督办单 2 份",
        "收到答复的督办单 0 份",
        "撤回 0 份",
        "逾期未答复 1 份",
        "催办；已逾期",
    ):
        assert words in text
    second = text_of(weekly_circular(ground(fold_all(orders())), date(2026, 3, 9), zh))
    for words in ("下发督办单 0 份", "收到答复的督办单 1 份", "验收销号 1 份"):
        assert words in second
    assert text.count("000000000000") >= 3, "every line names its entry"


def test_rates_carry_n_and_leave_out_what_was_withdrawn() -> None:
    text = text_of(monthly_assessment(ground(fold_all(orders())), MONTH, zh))
    for words in ("下发 3 份，其中撤回 1 份", "按期答复 1/2 (50.0%)", "已销号 1/2 (50.0%)", "（N = 6）"):
        assert words in text
    empty = text_of(monthly_assessment(ground(fold_all([])), MONTH, zh))
    assert "按期答复 0/0" in empty
    assert "%" not in empty


def test_the_quarter_takes_its_months_together() -> None:
    some = [
        entered(11, TOWNS[0], -30),
        entered(12, TOWNS[0], -60, period="2026-02"),
        entered(13, TOWNS[1], -10, veto=True),
    ]
    view = fold_all([*some, *orders()])
    months = documents.months_of_quarter(2026, 1)
    assert months == ("2026-01", "2026-02", "2026-03")
    text = text_of(quarterly_evaluation(ground(view), months, zh))
    for words in ("97", "一票否决，不排名", "5/6", "1/6"):
        assert words in text
    assert "raw mean" in text_of(quarterly_evaluation(ground(view), months, en))


def test_what_somebody_typed_is_escaped_and_no_line_is_broken() -> None:
    view = fold_all([entered(1, TOWNS[0], -20, reason="第一行\n<script>alert(1)</script>")])
    document = monthly_assessment(ground(view), MONTH, zh)
    page = html_of(document, "zh-CN")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "陵江镇&lt;b&gt;" in page
    assert "第一行 <script>" in text_of(document)


def test_english_is_complete() -> None:
    view = fold_all([entered(1, OfficeId("510824100"), -20, reason="late"), *orders()])
    plain = Ground(view, TOWNS, {}, frozenset(one.hash for one in orders()[:3]), date(2026, 4, 10))
    for document in (
        weekly_circular(plain, date(2026, 3, 2), en),
        monthly_assessment(plain, MONTH, en),
        quarterly_evaluation(plain, documents.months_of_quarter(2026, 1), en),
    ):
        text = text_of(document)
        chinese = {one for one in text if "\u4e00" <= one <= "\u9fff"}
        assert chinese <= set("督"), "only the numbers on paper"
    assert "not delivered yet" in text_of(weekly_circular(plain, date(2026, 3, 2), en))


@pytest.mark.parametrize(
    ("today", "week", "month", "quarter"),
    [
        (date(2026, 11, 23), date(2026, 11, 16), "2026-10", (2026, 3)),
        (date(2027, 1, 3), date(2026, 12, 21), "2026-12", (2026, 4)),
        (date(2026, 4, 1), date(2026, 3, 23), "2026-03", (2026, 1)),
    ],
)
def test_the_last_whole_period(today: date, week: date, month: str, quarter: tuple[int, int]) -> None:
    assert documents.last_week(today) == week
    assert documents.last_month(today) == month
    assert documents.last_quarter(today) == quarter


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-W60", "2026-Q5", "2026-w07", "../x"])
def test_what_is_no_period(text: str) -> None:
    for read in (documents.read_week, documents.read_month, documents.read_quarter):
        with pytest.raises(ValueError, match=r"."):
            read(text)
    assert documents.read_week("2026-W47") == date(2026, 11, 16)


def test_a_card_of_nobody_knows_its_class_by_name() -> None:
    card = ScoreCard(TOWNS[0], Card.TOWNSHIP, MONTH, "", 1000, ())
    assert (card.raw, card.adjusted, card.veto, card.sources) == (BASE_TENTHS, BASE_TENTHS, False, ())
