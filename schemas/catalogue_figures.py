"""Figures that a county reports about its catalogue: speed-up, concentration, who decides where residents ask.

Each is a `Share` that keeps what it was computed from: a percentage without its N means nothing (DOMAIN T8).
Pure. Next: `schemas.catalogue_compare`.
"""

from datetime import date
from typing import Final

from msgspec import Struct

from schemas.catalogue import Edition, ServiceItem, TermUnit, is_suspended, tier_matrix
from schemas.catalogue_columns import TIER_WORDS
from schemas.divisions import Tier

CONCENTRATION_BENCHMARK_PERCENT: Final = 80
"""What service centres elsewhere reach of the items that a county publishes (DOMAIN A)."""


class Share(Struct, frozen=True):
    """A part of a whole."""

    numerator: int
    denominator: int

    @property
    def percent(self) -> float | None:
        """Of a hundred; None of nothing."""
        return 100 * self.numerator / self.denominator if self.denominator else None

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}" + (f" = {self.percent:.1f}%" if self.percent is not None else "")


def active_items(edition: Edition, day: date) -> list[ServiceItem]:
    """The items that take new cases on `day`."""
    return [item for item in edition.items.values() if not is_suspended(item, day)]


def legal_working_days(item: ServiceItem) -> int:
    """The legal term in working days; calendar days count five of seven, rounded down."""
    days = item.legal.days
    return days * 5 // 7 if item.legal.unit is TermUnit.CALENDAR_DAYS else days


def speed_up(legal_days: int, promised_days: int) -> Share:
    """How much of the legal terms the promises save: (Σ legal - Σ promised) / Σ legal, in working days."""
    return Share(legal_days - promised_days, legal_days)


def speed_up_ratio(edition: Edition, day: date) -> Share:
    """The speed-up of all items that are active on `day`."""
    items = active_items(edition, day)
    return speed_up(sum(map(legal_working_days, items)), sum(item.promise_days for item in items))


def concentration(entered: int, published: int) -> Share:
    """How many of the items that the county publishes are handled in its network (进驻率)."""
    return Share(entered, published)


def decided_where_accepted(edition: Edition, day: date) -> Share:
    """Active items that some tier may both take in and decide (既受又理): a window that only forwards is a fault."""
    items = active_items(edition, day)
    deciding = [{decider.tier for decider in item.deciders} - {Tier.VILLAGE} for item in items]
    return Share(
        sum(bool(tiers & set(item.accepting_tiers)) for item, tiers in zip(items, deciding, strict=True)), len(items)
    )


def figures_text(edition: Edition, day: date, published: int | None, language: str = "zh") -> str:
    """The figures of an edition as an official reads them, one a line. `published`: items that the county publishes."""
    count, active = len(edition.items), len(active_items(edition, day))
    saved, own = speed_up_ratio(edition, day), decided_where_accepted(edition, day)
    lines = [
        (
            f"版本 {edition.version}：共 {count} 项，其中 {active} 项可收新件",
            f"edition {edition.version}: {count} items, {active} take new cases",
        ),
        (f"提速比例（节省的工作日/法定工作日）：{saved}", f"speed-up (working days saved/legal): {saved}"),
        (f"受理的层级即可决定（既受又理）：{own}", f"some tier that takes it in may decide: {own}"),
    ]
    if published:
        share, benchmark = concentration(count, published), CONCENTRATION_BENCHMARK_PERCENT
        lines.append((f"进驻率（参照值 {benchmark}%）：{share}", f"concentration (elsewhere {benchmark}%): {share}"))
    rights = tier_matrix(edition)
    for tier in Tier:
        those = [right for right in rights if right.tier is tier]
        accepted, decided = sum(right.can_accept for right in those), sum(right.can_decide for right in those)
        delegated = sum(right.can_delegate for right in those)
        lines.append(
            (
                f"{TIER_WORDS[tier.value]}：可受理 {accepted} 项，可决定 {decided} 项，可代办 {delegated} 项",
                f"{tier.value}: takes in {accepted}, decides {decided}, stands in for residents in {delegated}",
            )
        )
    return "\n".join(en if language.startswith("en") else zh for zh, en in lines)
