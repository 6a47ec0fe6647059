"""Every threshold of the audit rules: its unit, default and range, and the reason beside the number.

A county may set another number within the range; the defaults are those of AUDIT 4.2 and of the law. Never judges:
that is `hub.audit.judgements_time` and its neighbours. Next: `hub.audit.rules`, which says what uses which.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from hub.audit.rule import Limits
from schemas.refusals import Refused


class Limit(Struct, frozen=True):
    """One threshold."""

    unit: str
    default: int
    low: int
    high: int
    reason: str


LIMITS: Final[Mapping[str, Limit]] = {
    # --- time
    "clock_tolerance_minutes": Limit(
        "minutes", 10, 1, 120, "ordinary drift of a device's clock, and the way of a page, explain no more"
    ),
    "clock_broken_days": Limit(
        "days",
        366,
        30,
        3660,
        "a claim further off than a year is an empty battery (1970, 2036): nobody gains a term by it",
    ),
    "unproved_hours": Limit(
        "hours", 24, 1, 240, "a line talks once a day at least: what is proved within a day of its claim is in no doubt"
    ),
    "reminder_days": Limit("working days", 1, 0, 5, "the field reminds one day before the end of the term"),
    "close_days": Limit(
        "working days", 5, 1, 60, "a week after the resident has the result its file should be struck off"
    ),
    "instant_seconds_max": Limit(
        "seconds", 60, 5, 600, "acceptance to the end within a minute: nobody read what was handed in"
    ),
    "instant_kinds_min": Limit(
        "kinds of entry", 2, 2, 6, "two entries in a minute are a habit of four honest cases in five"
    ),
    "instant_cases_red": Limit("cases", 5, 2, 50, "five in one officer's week are no accident"),
    "instant_week_days": Limit("days", 7, 1, 31, "one officer's week"),
    "pause_left_days": Limit(
        "working days", 1, 0, 5, "a pause that begins on the last day saves the term, not the matter"
    ),
    "pause_days_max": Limit("working days", 60, 5, 400, "no legal term of the catalogue is longer than 60 days"),
    "refile_days_max": Limit("days", 3, 1, 30, "withdrawn when late and filed again at once: one case with two terms"),
    # --- conduct
    "reason_characters_min": Limit(
        "characters", 15, 1, 100, "fewer Chinese characters do not say what was found and what it breaks"
    ),
    "boilerplate_cases_min": Limit("refusals", 20, 5, 200, "twenty refusals in the very same words judged no case"),
    "boilerplate_share_min": Limit("percent", 60, 20, 100, "more than half: the words are the officer's, no case's"),
    "requests_max": Limit("notices", 1, 1, 5, "one notice names every gap (Administrative Licensing Law art. 32)"),
    "request_days_max": Limit("working days", 5, 1, 20, "art. 32: after five days silence is acceptance"),
    # --- officers
    "bulk_cases_min": Limit("cases", 10, 3, 200, "more than one a minute, ten times in a row"),
    "bulk_seconds": Limit("seconds", 600, 60, 3600, "ten minutes"),
    "offhours_deeds_min": Limit("entries", 10, 3, 500, "an evening now and then is service, ten entries are a habit"),
    "offhours_share_min": Limit("percent", 20, 1, 100, "an honest office has 1 % of its entries off-hours"),
    "office_opens_minute": Limit("minutes", 450, 0, 720, "07:30: half an hour before the earliest office opens"),
    "office_closes_minute": Limit("minutes", 1110, 720, 1440, "18:30: half an hour after the latest closes in summer"),
    "shared_account_seconds": Limit("seconds", 300, 10, 3600, "nobody is at two places within five minutes"),
    # --- persons
    "regrant_days": Limit("days", 5, 0, 60, "a renewed document reaches the office some days after the old one ended"),
    "duplicate_days": Limit("days", 365, 1, 3660, "benefits and certificates of the catalogue last a year"),
    "phone_persons_min": Limit("persons", 5, 2, 100, "a telephone may be a family's, not five applicants'"),
    "ghost_traits_min": Limit("traits", 3, 2, 4, "each trait alone is common: a third of honest cases end in minutes"),
    "ghost_life_minutes": Limit("minutes", 10, 1, 120, "36 % of honest cases are shorter: a trait, no proof"),
    "form_persons_min": Limit("persons", 20, 3, 1000, "a paper in so many persons' cases is a blank form, no evidence"),
    "recording_share_max": Limit("percent", 20, 1, 90, "a fifth of its own usual month: four of five are missing"),
    "recording_peers_min": Limit("percent", 50, 10, 100, "neighbours at half of theirs or more: it is not the season"),
    "recording_silence_days": Limit(
        "days", 3, 1, 30, "a village is heard daily: after three days what it filed may wait on the line"
    ),
    "recording_median_min": Limit("cases", 5, 1, 100, "below five a month chance alone leaves a month empty"),
}
"""Name → threshold. Percent are whole, days and minutes too: no rule hangs on a rounding."""


def make_limits(
    chosen: Mapping[str, int] | None = None,
    *,
    batch_items: frozenset[str] = frozenset(),
    repeated_items: frozenset[str] | None = None,
    incompatible: Mapping[str, tuple[tuple[str, str], ...]] | None = None,
) -> Limits:
    """The defaults, with what a county chose instead. Raises `Refused` for an unknown name or a number out of range."""
    values = {name: limit.default for name, limit in LIMITS.items()}
    for name, value in sorted((chosen or {}).items()):
        limit = LIMITS.get(name)
        if limit is None:
            raise Refused(
                "audit_limit_unknown",
                f"没有名为 {name} 的审计阈值；请对照《审计规则表》改正名称。",
                f"There is no audit threshold named {name}; correct the name after the table of audit rules.",
            )
        if not limit.low <= value <= limit.high:
            raise Refused(
                "audit_limit_range",
                f"审计阈值 {name} 应在 {limit.low} 到 {limit.high} 之间；请改正数值。",
                f"The audit threshold {name} lies between {limit.low} and {limit.high}; correct the number.",
            )
        values[name] = value
    return Limits(
        values,
        batch_items,
        REPEATED_ITEMS if repeated_items is None else repeated_items,
        INCOMPATIBLE if incompatible is None else incompatible,
    )


REPEATED_ITEMS: Final = frozenset({"NY02", "WJ02", "YB02", "LY01", "SF01"})
"""Matters that one person brings again by their nature: each load of animals, each invoice, each felling, each suit."""

INCOMPATIBLE: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {}
"""Item → pairs of kinds, or of steps (`step.<code>`), that one officer may not both do. Empty: no item of the catalogue
declares any, and in four honest cases of five one person checks and decides. What events themselves declare as two
persons' work (a survey, a second officer, an approver) is judged for every item."""

DEFAULTS: Final = make_limits()
