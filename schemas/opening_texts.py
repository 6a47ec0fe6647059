"""Rules of opening as people write them: "逢农历一、四、七 09:00-17:00", "Mondays", "不开放：2026年12月24日".

What `rule_text` prints `parse_rule` reads, in both languages; an operator may type it more loosely. Never guesses:
"1,4,7" without a calendar, or "15", which may be one day or two digits, is refused with what to write.
Next: `schemas.openings`.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Final

from schemas.openings import DAYS_MAX, OpeningRule, Purpose, RuleKind
from schemas.refusals import Refused

TEXT_CHARACTERS_MAX: Final = 2500
"""Of one rule as typed: 130 listed days are printed in about 1,560."""

SHOWN_CHARACTERS_MAX: Final = 40
"""How much of a text a refusal repeats."""

_DIGITS: Final = "十一二三四五六七八九"
_WEEK: Final = "一二三四五六日"
_WEEK_EN: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_DIGIT_VALUES: Final = {str(digit): digit for digit in range(10)} | {name: n for n, name in enumerate(_DIGITS)}
_WEEK_VALUES: Final = {str(day): day for day in range(1, 8)} | {name: n for n, name in enumerate(_WEEK, 1)} | {"天": 7}

_HEADS: Final[Mapping[tuple[Purpose, bool], tuple[str, str]]] = {
    (Purpose.OPENING, True): ("", ""),
    (Purpose.OPENING, False): ("不开放：", "closed: "),
    (Purpose.MARKET, True): ("集市日开放：", "open on market days: "),
    (Purpose.MARKET, False): ("集市日：", "market days: "),
}

_LUNAR_WORDS: Final = "农历|阴历|旧历|lunar"
_SOLAR_WORDS: Final = "公历|阳历|新历|solar"
_CLOSED_WORDS: Final = "不开放|停办|休息|closed"
_MARKET_WORDS: Final = "集市日|集市|赶场日|赶场|赶集日|赶集|逢场日|逢场|逢集日|逢集|market days|market day"
_TIME: Final = r"\d{1,2}:\d{2}"

_CLOSING: Final = re.compile(f"(?:{_CLOSED_WORDS})[: ]*")
_MARKET: Final = re.compile(f"(open on )?(?:{_MARKET_WORDS})(开放)?[: ]*")
_TIMES: Final = re.compile(_TIME)
_HOURS: Final = re.compile(rf"[ ,、]*((?:{_TIME}\s*[-~—–至到]\s*{_TIME}[ ,、和]*)+)$")
_LUNAR: Final = re.compile(f"[每逢]*(?:{_LUNAR_WORDS})")
_SOLAR: Final = re.compile(f"[每逢]*(?:{_SOLAR_WORDS})")
_PARITY: Final = re.compile(f"[每逢]*(?:{_SOLAR_WORDS})?[每逢]*([单双])[日号]|(odd|even)(?: days?(?: of the month)?)?")
_FILLER: Final = re.compile("days? ending in|days?|逢|尾数|为|:")
_SEPARATORS: Final = re.compile(r"[,、;\s和及]+")
_TO: Final = re.compile(r"[~—–至到-]")
_WORKING_WEEK: Final = re.compile("工作日|working days")
_WEEKDAY: Final = re.compile("每|周|星期|礼拜")
_DAY: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日{0,1}")


def rule_text(rule: OpeningRule, language: str = "zh") -> str:
    """A rule as a notice prints it, in English or else in Chinese."""
    is_english = language.startswith("en")
    head = _HEADS[rule.purpose, rule.opens][is_english]
    body = _english_body(rule) if is_english else _chinese_body(rule)
    hours = rule.hours.replace(",", ", " if is_english else "、")
    return f"{head}{body} {hours}".rstrip()


def parse_rule(text: str) -> OpeningRule:
    """The rule that an operator typed, in Chinese or English; full-width characters and capitals are forgiven.

    Before it may stand 不开放 (closed), 集市日 (market days) or 集市日开放 (open on market days), after it the hours.
    Raises `Refused`: `opening_rule_unreadable`, `opening_rule_calendar`, `opening_hours_unreadable`,
    `opening_day_impossible`, `opening_days_too_many`.
    """
    plain = unicodedata.normalize("NFKC", text).strip(" \t。.;").lower()
    if len(plain) > TEXT_CHARACTERS_MAX:
        raise _unreadable(text)
    purpose, opens, rest = _read_head(plain)
    body, hours = _read_hours(rest)
    kind, numbers, days = _read_body(body, text)
    try:
        return OpeningRule(kind, numbers, days, purpose, opens, hours)
    except ValueError as error:
        raise Refused(
            "opening_hours_unreadable",
            f"时间“{hours}”不对；请按先后写成“09:00-12:00,14:00-17:30”，最多三段，不开放的日子不写时间。",
            f'The hours "{hours}" cannot be; write up to three spans in order, as in 09:00-12:00,14:00-17:30, and none '
            "for days that are closed.",
        ) from error


# --- printing --------------------------------------------------------------------------------------------------------


def _chinese_body(rule: OpeningRule) -> str:
    digits = "、".join(_DIGITS[number] for number in _zero_last(rule))
    match rule.kind:
        case RuleKind.LUNAR_DIGITS:
            return f"逢农历{digits}"
        case RuleKind.SOLAR_DIGITS:
            return f"逢公历{digits}"
        case RuleKind.WEEKDAYS:
            names = [f"周{_WEEK[number - 1]}" for number in rule.numbers]
            return "、".join(["工作日", *names[5:]]) if rule.is_working_week else f"每{'、'.join(names)}"
        case RuleKind.PARITY:
            return "公历单日" if rule.numbers == (1,) else "公历双日"
        case RuleKind.LISTED:
            return "、".join(f"{day.year}年{day.month}月{day.day}日" for day in rule.days)


def _zero_last(rule: OpeningRule) -> list[int]:
    """Last digits as people count them: 五、十."""
    return sorted(rule.numbers, key=lambda number: number or 10)


def _english_body(rule: OpeningRule) -> str:
    numbers = ", ".join(map(str, _zero_last(rule)))
    match rule.kind:
        case RuleKind.LUNAR_DIGITS:
            return f"lunar days ending in {numbers}"
        case RuleKind.SOLAR_DIGITS:
            return f"solar days ending in {numbers}"
        case RuleKind.WEEKDAYS:
            names = [_WEEK_EN[number - 1] for number in rule.numbers]
            return ", ".join(["working days", *names[5:]] if rule.is_working_week else names)
        case RuleKind.PARITY:
            return "odd days of the month" if rule.numbers == (1,) else "even days of the month"
        case RuleKind.LISTED:
            return ", ".join(map(str, rule.days))


# --- reading ---------------------------------------------------------------------------------------------------------

_Body = tuple[RuleKind, tuple[int, ...], tuple[date, ...]]


def _read_head(text: str) -> tuple[Purpose, bool, str]:
    """Purpose, whether it opens, and the rest."""
    closing, market = _CLOSING.match(text), _MARKET.match(text)
    if closing:
        return Purpose.OPENING, False, text[closing.end() :]
    if market:
        return Purpose.MARKET, bool(market[1] or market[2]), text[market.end() :]
    return Purpose.OPENING, True, text


def _read_hours(text: str) -> tuple[str, str]:
    """The rest, and the hours at its end as a rule holds them."""
    found = _HOURS.search(text)
    if found is None:
        return text, ""
    times = [time.zfill(len("00:00")) for time in _TIMES.findall(found[1])]
    spans = zip(times[::2], times[1::2], strict=True)
    return text[: found.start()], ",".join(f"{begin}-{end}" for begin, end in spans)


def _read_body(body: str, text: str) -> _Body:
    parts = [part for part in _SEPARATORS.split(body) if part]
    if parts and _DAY.match(parts[0]):
        return RuleKind.LISTED, (), _days(parts, text)
    parity = _PARITY.fullmatch(body)
    if parity:
        return RuleKind.PARITY, (int(parity[1] == "单" or parity[2] == "odd"),), ()
    for kind, head in ((RuleKind.LUNAR_DIGITS, _LUNAR), (RuleKind.SOLAR_DIGITS, _SOLAR)):
        found = head.match(body)
        if found:
            digits = _digits_of(body[found.end() :])
            if not digits:
                raise _unreadable(text)
            return kind, digits, ()
    if _digits_of(body):
        raise Refused(
            "opening_rule_calendar",
            f"“{text[:SHOWN_CHARACTERS_MAX]}”没有写明历法；请写成“农历 1,4,7”或“公历 1,4,7”。",
            f'"{text[:SHOWN_CHARACTERS_MAX]}" does not say which calendar; write "lunar 1,4,7" or "solar 1,4,7".',
        )
    week = _SEPARATORS.split(_WORKING_WEEK.sub("mon-fri", body))
    return RuleKind.WEEKDAYS, _weekdays([part for part in week if part], text), ()


def _days(parts: list[str], text: str) -> tuple[date, ...]:
    days = set[date]()
    for part in parts:
        found = _DAY.fullmatch(part)
        if found is None:
            raise _unreadable(text)
        try:
            days.add(date(*map(int, found.groups())))
        except ValueError as error:
            raise Refused(
                "opening_day_impossible",
                f"没有“{part}”这一天；请核对后重新输入。",
                f'There is no day "{part}"; check it and type it again.',
            ) from error
    if len(days) > DAYS_MAX:
        raise Refused(
            "opening_days_too_many",
            f"一条规则最多列 {DAYS_MAX} 天，现为 {len(days)} 天；请分成几条。",
            f"A rule lists at most {DAYS_MAX} days, this one {len(days)}; make several of it.",
        )
    return tuple(sorted(days))


def _digits_of(body: str) -> tuple[int, ...]:
    """Last digits, as "1,4,7", "147", "一四七" or "五、十"; none for what may be a whole day, as "15" or "十五"."""
    parts = [part for part in _SEPARATORS.split(_FILLER.sub(" ", body)) if part]
    if len(parts) == 1 and not re.fullmatch(r"\d\d|.*十.+", parts[0]):
        parts = list(parts[0])
    values = {0 if part == "10" else _DIGIT_VALUES.get(part, -1) for part in parts}
    return () if -1 in values else tuple(sorted(values))


def _weekdays(parts: list[str], text: str) -> tuple[int, ...]:
    numbers = set[int]()
    for part in parts:
        ends = [_weekday(end) for end in _TO.split(_WEEKDAY.sub("", part))]
        if len(ends) > 2 or not 0 < ends[0] <= ends[-1]:
            raise _unreadable(text)
        numbers |= set(range(ends[0], ends[-1] + 1))
    if not numbers:
        raise _unreadable(text)
    return tuple(sorted(numbers))


def _weekday(name: str) -> int:
    """1 to 7; 0 for what is no weekday."""
    english = (number for number, full in enumerate(_WEEK_EN, 1) if len(name) > 2 and full.lower().startswith(name))
    return _WEEK_VALUES.get(name) or next(english, 0)


def _unreadable(text: str) -> Refused:
    shown = text[:SHOWN_CHARACTERS_MAX]
    return Refused(
        "opening_rule_unreadable",
        f"看不懂“{shown}”；请写成“农历 1,4,7”“公历 3,6,9”“周一、周三”“单日”或“2026-12-24”，"
        "前面可加“不开放”“集市日”“集市日开放”，后面可加时间“09:00-17:00”。",
        f'"{shown}" is no rule; write "lunar 1,4,7", "solar 3,6,9", "Mon,Wed", "odd" or "2026-12-24", before it '
        '"closed", "market days" or "open on market days", after it hours such as 09:00-17:00.',
    )
