"""What the county puts on paper about its offices: weekly circular, monthly assessment, quarterly evaluation.

Pure: every figure is counted again from the entries, N stands beside every rate, and every line names the entry that it
comes from by the first digits of its hash, by which the verbs of `audit` know it. A document says what it does not
know: an order that has not reached its office is listed as such, and an office whose month has no entries is listed
with 100 points and N = 0. Names offices, never residents; the facts of an order stay in the order.
Never knows what day it is and writes no file. Next: `hub.audit.scores` (the cards), `hub.audit.sheets` (text, HTML).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, NoReturn

from msgspec import Struct

from hub.audit.scores import (
    Appeal,
    Group,
    Place,
    ScoreCard,
    cards_of,
    corrections,
    mean_of_villages,
    points_text,
    ranked,
)
from office.oversight_words import GROUNDS, standing_of
from schemas.casework.clocks import day_of
from schemas.names import OfficeId
from schemas.oversight import Card
from schemas.oversight_fold import Filed, OrderFile, Oversight, Stage

Say = Callable[[str, str], str]
"""Chooses between Chinese and English."""

SOURCE_DIGITS: Final = 12
"""Hexadecimal digits of a hash on paper: 48 bits tell a county's entries apart."""


class Table(Struct, frozen=True):
    """Rows under headings."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(Struct, frozen=True):
    """A part of a document."""

    title: str
    lines: tuple[str, ...] = ()
    table: Table | None = None


class Document(Struct, frozen=True):
    """A document in one language."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


class Ground(Struct, frozen=True):
    """What a document is made from."""

    view: Oversight
    offices: tuple[OfficeId, ...]
    """Every office of the county that has a card."""
    names: Mapping[OfficeId, str]
    undelivered: frozenset[bytes]
    """Hashes of the orders that have not reached their office, as far as is known."""
    today: date

    def name(self, office: OfficeId) -> str:
        """What an office is called."""
        return self.names.get(office, office)


APPEALS: Final[dict[Appeal, tuple[str, str]]] = {
    Appeal.NONE: ("", ""),
    Appeal.WAITING: ("申诉中", "appeal waits"),
    Appeal.UPHELD: ("申诉成立，撤销", "appeal upheld, cancelled"),
    Appeal.LESSENED: ("申诉部分成立，减轻", "appeal partly upheld, lessened"),
    Appeal.DISMISSED: ("申诉不成立，维持", "appeal dismissed, stands"),
}

CARDS: Final[dict[Card, tuple[str, str]]] = {
    Card.WINDOW: ("县级窗口", "county windows"),
    Card.TOWNSHIP: ("乡镇", "townships"),
    Card.VILLAGE: ("村", "villages"),
}


# --- the three documents ---------------------------------------------------------------------------------------------


def weekly_circular(ground: Ground, monday: date, say: Say) -> Document:
    """The week of `monday`: orders given, answered, closed, withdrawn, and those that wait too long (周通报)."""
    sunday = monday + timedelta(days=6)
    orders = ground.view.orders

    def within(one: Filed | None) -> bool:
        return one is not None and monday <= day_of(one.at) <= sunday

    issued = [order for order in orders if within(order.filed)]
    answered = [order for order in orders if any(within(one.filed) for one in order.answers)]
    closed = [
        order for order in orders if order.stage is Stage.CLOSED and any(within(a.verdict) for a in order.answers)
    ]
    withdrawn = [order for order in orders if within(order.withdrawn)]
    late = [order for order in orders if order.is_overdue(ground.today)]
    lines = (
        say(f"下发督办单 {len(issued)} 份", f"orders given: {len(issued)}"),
        say(f"收到答复的督办单 {len(answered)} 份", f"orders answered: {len(answered)}"),
        say(f"验收销号 {len(closed)} 份", f"closed: {len(closed)}"),
        say(f"撤回 {len(withdrawn)} 份", f"withdrawn: {len(withdrawn)}"),
        say(
            f"截至 {ground.today} 逾期未答复 {len(late)} 份", f"unanswered past the day, on {ground.today}: {len(late)}"
        ),
    )
    sections = [
        Section(say("一、本周情况", "1. This week"), lines),
        Section(
            say("二、逾期未答复的督办单", "2. Orders unanswered past their day"), (), _order_table(ground, late, say)
        ),
        Section(say("三、本周下发的督办单", "3. Orders given this week"), (), _order_table(ground, issued, say)),
        Section(say("四、本周撤回的督办单", "4. Orders withdrawn this week"), (), _order_table(ground, withdrawn, say)),
    ]
    year, week, _ = monday.isocalendar()
    title = say("政务服务督办周通报", "Weekly circular on supervision")
    subtitle = say(f"{year} 年第 {week} 周（{monday} 至 {sunday}）", f"week {week} of {year} ({monday} to {sunday})")
    return Document(title, subtitle, tuple(sections), _notes(say))


def monthly_assessment(ground: Ground, period: str, say: Say) -> Document:
    """A month's cards: each class by itself, every entry with its rule and source (月考核)."""
    sections: list[Section] = []
    for card in Card:
        cards = cards_of(ground.view, card, period, ground.offices)
        if not cards:
            continue
        kind = say(*CARDS[card])
        villages = cards_of(ground.view, Card.VILLAGE, period, ground.offices) if card is Card.TOWNSHIP else []
        for group in ranked(cards):
            title = say(
                f"{kind} · {_class_name(group, say)}（N = {group.count}）",
                f"{kind}, {_class_name(group, say)} (N = {group.count})",
            )
            sections.append(Section(title, (), _place_table(ground, group, villages, say)))
        entries = [one for one in cards if one.lines]
        sections.append(
            Section(say(f"{kind} · 逐笔记分", f"{kind}: entry by entry"), (), _line_table(ground, entries, say))
        )
        sections += _freezing(ground, card, period, cards, say)
    orders = [order for order in ground.view.orders if f"{day_of(order.filed.at):%Y-%m}" == period]
    sections.append(
        Section(say("督办单", "Supervision orders"), _rates(orders, say), _order_table(ground, orders, say))
    )
    return Document(say("政务服务月考核", "Monthly assessment"), period, tuple(sections), _notes(say))


def quarterly_evaluation(ground: Ground, periods: Sequence[str], say: Say) -> Document:
    """Three months together: means, classes, and how orders were answered (季考评)."""
    sections: list[Section] = []
    for card in Card:
        months = [
            {one.office: one for one in cards_of(ground.view, card, period, ground.offices)} for period in periods
        ]
        groups = _quarter_groups(months)
        for name, held in sorted(groups.items()):
            shown = name or say("未分类", "no class")
            kind = say(*CARDS[card])
            title = say(f"{kind} · {shown}（N = {len(held)}）", f"{kind}, {shown} (N = {len(held)})")
            sections.append(Section(title, (), _quarter_table(ground, held, periods, say)))
    orders = [order for order in ground.view.orders if f"{day_of(order.filed.at):%Y-%m}" in periods]
    lines = _rates(orders, say)
    sections.append(Section(say("督办单", "Supervision orders"), lines, _by_office(ground, orders, say)))
    title = say("政务服务季考评", "Quarterly evaluation")
    return Document(
        title, say(f"{periods[0]} 至 {periods[-1]}", f"{periods[0]} to {periods[-1]}"), tuple(sections), _notes(say)
    )


# --- orders ----------------------------------------------------------------------------------------------------------


def standing(order: OrderFile, today: date, say: Say) -> str:
    """How an order stands, in words."""
    return standing_of(order, say) + (say("；已逾期", "; past its day") if order.is_overdue(today) else "")


def is_answered_in_time(order: OrderFile) -> bool:
    """Whether the first answer came by the day first set, by the office's own clock, or before anybody was reminded:
    the edge that favours the office.
    """
    if not order.answers:
        return False
    return not order.rungs or day_of(order.answers[0].filed.at) <= order.issued.due


def _rates(orders: Sequence[OrderFile], say: Say) -> tuple[str, ...]:
    fair = [order for order in orders if order.stage is not Stage.WITHDRAWN]
    answered = [order for order in fair if order.answers]
    in_time = sum(is_answered_in_time(order) for order in answered)
    closed = sum(order.stage is Stage.CLOSED for order in fair)
    return (
        say(
            f"下发 {len(orders)} 份，其中撤回 {len(orders) - len(fair)} 份",
            f"given: {len(orders)}, of which withdrawn: {len(orders) - len(fair)}",
        ),
        say(f"按期答复 {_rate(in_time, len(fair))}", f"answered in time: {_rate(in_time, len(fair))}"),
        say(f"已销号 {_rate(closed, len(fair))}", f"closed: {_rate(closed, len(fair))}"),
    )


def _rate(count: int, of: int) -> str:
    """As 3/4 (75.0%): N is always there, and there is no percentage of nothing."""
    return f"{count}/{of}" + (f" ({count / of:.1%})" if of else "")


def _order_table(ground: Ground, orders: Iterable[OrderFile], say: Say) -> Table:
    rows = tuple(
        (
            ground.view.label_of(order.filed),
            ground.name(order.issued.addressee),
            order.issued.rule or say(*GROUNDS[order.issued.ground]),
            str(order.due),
            standing(order, ground.today, say)
            + (say("；尚未送达", "; not delivered yet") if order.filed.hash in ground.undelivered else ""),
            source_of(order.filed.hash),
        )
        for order in orders
    )
    columns = (
        ("文号", "number"),
        ("单位", "office"),
        ("依据", "ground"),
        ("期限", "due"),
        ("状态", "standing"),
        ("来源", "source"),
    )
    return Table(tuple(say(*one) for one in columns), rows)


def _by_office(ground: Ground, orders: Iterable[OrderFile], say: Say) -> Table:
    held: dict[OfficeId, list[OrderFile]] = {}
    for order in orders:
        held.setdefault(order.issued.addressee, []).append(order)
    rows: list[tuple[str, ...]] = []
    for office, some in sorted(held.items()):
        fair = [order for order in some if order.stage is not Stage.WITHDRAWN]
        in_time, closed = sum(map(is_answered_in_time, fair)), sum(one.stage is Stage.CLOSED for one in fair)
        rows.append(
            (
                ground.name(office),
                str(len(some)),
                _rate(in_time, len(fair)),
                _rate(closed, len(fair)),
                " ".join(source_of(one.filed.hash) for one in some),
            )
        )
    columns = (
        ("单位", "office"),
        ("督办单数", "orders"),
        ("按期答复", "in time"),
        ("已销号", "closed"),
        ("来源", "source"),
    )
    return Table(tuple(say(*one) for one in columns), tuple(rows))


# --- scores ----------------------------------------------------------------------------------------------------------


def _class_name(group: Group, say: Say) -> str:
    return group.name or say("未分类", "no class")


def _rank(place: Place, of: int, say: Say) -> str:
    return say("一票否决，不排名", "vetoed, no rank") if place.rank is None else f"{place.rank}/{of}"


def _place_table(ground: Ground, group: Group, villages: Sequence[ScoreCard], say: Say) -> Table:
    columns = [("名次", "rank"), ("单位", "office"), ("原始分", "raw"), ("调整分", "adjusted"), ("记分笔数", "entries")]
    if villages:
        columns.append(("所辖村均分（N）", "its villages' mean (N)"))
    rows: list[tuple[str, ...]] = []
    for place in group.places:
        card = place.card
        row = (
            _rank(place, group.count, say),
            ground.name(card.office),
            points_text(card.raw),
            points_text(card.adjusted),
            str(len(card.lines)),
        )
        if villages:
            mean, count = mean_of_villages(villages, card.office)
            row = (*row, f"{points_text(mean)} ({count})" if count else "—")
        rows.append(row)
    return Table(tuple(say(*one) for one in columns), tuple(rows))


def _line_table(ground: Ground, cards: Iterable[ScoreCard], say: Say) -> Table:
    rows = tuple(
        (
            ground.name(card.office),
            line.day,
            points_text(line.points, signed=True) + (say("（否决）", " (veto)") if line.score.veto else ""),
            line.score.entered.rule,
            line.score.entered.reason,
            say(*APPEALS[line.appeal]),
            " ".join(map(source_of, line.score.sources)),
        )
        for card in cards
        for line in card.lines
    )
    columns = (
        ("单位", "office"),
        ("日期", "day"),
        ("分值", "points"),
        ("规则", "rule"),
        ("理由", "reason"),
        ("申诉", "appeal"),
        ("来源", "source"),
    )
    return Table(tuple(say(*one) for one in columns), rows)


def _freezing(ground: Ground, card: Card, period: str, cards: Sequence[ScoreCard], say: Say) -> list[Section]:
    """What the frozen table says, and what has changed since."""
    frozen = ground.view.find_frozen(f"{card} {period}")
    if frozen is None:
        return [Section(say(f"{say(*CARDS[card])} · 尚未定稿", f"{say(*CARDS[card])}: not frozen yet"))]
    changed = corrections(frozen, cards)
    rows = tuple((ground.name(one.office), points_text(one.frozen), points_text(one.now)) for one in changed)
    columns = (("单位", "office"), ("定稿分", "frozen"), ("现分", "now"))
    title = say(
        f"{say(*CARDS[card])} · 定稿后的更正（{len(rows)} 处）",
        f"{say(*CARDS[card])}: corrections since it was frozen ({len(rows)})",
    )
    digest = say(f"定稿摘要 {frozen.digest.hex()}", f"digest of the frozen table: {frozen.digest.hex()}")
    return [Section(title, (digest,), Table(tuple(say(*one) for one in columns), rows))]


def _quarter_groups(months: Sequence[Mapping[OfficeId, ScoreCard]]) -> dict[str, list[list[ScoreCard]]]:
    """Offices with their months' cards, by the class of the last month."""
    groups: dict[str, list[list[ScoreCard]]] = {}
    for office in sorted({office for month in months for office in month}):
        held = [month[office] for month in months if office in month]
        groups.setdefault(held[-1].group, []).append(held)
    return groups


def _quarter_table(ground: Ground, held: Sequence[Sequence[ScoreCard]], periods: Sequence[str], say: Say) -> Table:
    means = {cards[0].office: _mean(card.adjusted for card in cards) for cards in held}
    barred = {cards[0].office for cards in held if any(card.veto for card in cards)}
    free = [mean for office, mean in means.items() if office not in barred]
    rows: list[tuple[int, tuple[str, ...]]] = []
    for cards in held:
        office = cards[0].office
        rank = 1 + sum(other > means[office] for other in free)
        shown = say("一票否决，不排名", "vetoed, no rank") if office in barred else f"{rank}/{len(held)}"
        months = [
            next((points_text(card.adjusted) for card in cards if card.period == period), "—") for period in periods
        ]
        entries = sum(len(card.lines) for card in cards)
        raw = points_text(_mean(card.raw for card in cards))
        order = rank if office not in barred else len(held) + 1
        rows.append((order, (shown, ground.name(office), raw, points_text(means[office]), *months, str(entries))))
    columns = (("名次", "rank"), ("单位", "office"), ("原始均分", "raw mean"), ("调整均分", "adjusted mean"))
    headings = (*(say(*one) for one in columns), *periods, say("记分笔数", "entries"))
    return Table(headings, tuple(row for _, row in sorted(rows)))


def _mean(values: Iterable[int]) -> int:
    """The mean in tenths, half a tenth rounded up."""
    found = list(values)
    return (2 * sum(found) + len(found)) // (2 * len(found))


# --- what all share --------------------------------------------------------------------------------------------------


def source_of(digest: bytes) -> str:
    """An entry's name on paper."""
    return digest.hex()[:SOURCE_DIGITS]


def _notes(say: Say) -> tuple[str, ...]:
    return (
        say(
            "每张考核卡基础分 100 分；只在同类单位之间排名，N 为该类单位数。",
            "Every card begins with 100 points; offices are ranked within their class only, N is the number in it.",
        ),
        say(
            "零投诉等“零”数字本身不加分；记分笔数为零的单位即为 100 分。",
            "A count of zero, as of complaints, adds nothing; an office without entries has 100 points.",
        ),
        say(
            "线路中断期间不计催办；来源为条目哈希的前 12 位，可在县节点核对。",
            "Nobody is reminded of what a dead line kept away; a source is the first 12 digits of an entry's hash.",
        ),
    )


def months_of_quarter(year: int, quarter: int) -> tuple[str, str, str]:
    """The months of a quarter, as "2026-10"."""
    first = 3 * quarter - 2
    return f"{year}-{first:02d}", f"{year}-{first + 1:02d}", f"{year}-{first + 2:02d}"


def read_week(text: str) -> date:
    """The Monday of "2026-W47". Raises ValueError."""
    return date.fromisoformat(f"{text}-1") if _WEEK.fullmatch(text) else _no_period(text)


def read_month(text: str) -> str:
    """A month, as it was written. Raises ValueError."""
    return text if _MONTH.fullmatch(text) else _no_period(text)


def read_quarter(text: str) -> tuple[int, int]:
    """Year and quarter of "2026-Q4". Raises ValueError."""
    return (int(text[:4]), int(text[-1])) if _QUARTER.fullmatch(text) else _no_period(text)


def last_week(today: date) -> date:
    """The Monday of the last whole week."""
    return today - timedelta(days=today.weekday() + 7)


def last_month(today: date) -> str:
    """The last whole month."""
    return f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"


def last_quarter(today: date) -> tuple[int, int]:
    """The last whole quarter."""
    year, quarter = today.year, (today.month - 1) // 3
    return (year, quarter) if quarter else (year - 1, 4)


_WEEK: Final = re.compile(r"20[0-9]{2}-W[0-9]{2}")
_MONTH: Final = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
_QUARTER: Final = re.compile(r"20[0-9]{2}-Q[1-4]")


def _no_period(text: str) -> NoReturn:
    raise ValueError(f"{text} is no period")
