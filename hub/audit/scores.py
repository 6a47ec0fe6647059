"""Score cards: what an office's month comes to, entry by entry, and its place among its own kind (月考评、差别化考核).

Pure: counted from the entries each time, so that nobody keeps a total that cannot be shown. A card begins with 100 and
every point on it is an entry with a rule, a reason and what shows it. Offices are ranked within their class only, raw
and adjusted side by side, and N is always there. An office without entries has its 100 points and no more: a month in
which nobody complained adds nothing. Counts in tenths of a point.
Never knows what day it is and never writes. Next: `hub.audit.documents` (on paper), `schemas.oversight_fold`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from schemas.casework.clocks import day_of
from schemas.names import OfficeId, OfficerId, parent_seat
from schemas.oversight import BASE_TENTHS, PERMILLE, TENTHS, Card, ScoresFrozen, Total, card_of
from schemas.oversight_fold import Oversight, ScoreFile, digest_of, ranks_of

NO_CLASS: Final = ""
"""Group of the offices to which no class was assigned."""


class Appeal(StrEnum):
    """What became of an entry that the office did not agree to."""

    NONE = "none"
    WAITING = "waiting"
    UPHELD = "upheld"
    """The office was right: it counts for nothing now."""
    LESSENED = "lessened"
    DISMISSED = "dismissed"


class Line(Struct, frozen=True):
    """One entry of a card."""

    score: ScoreFile
    appeal: Appeal

    @property
    def points(self) -> int:
        """Tenths for which it counts now."""
        return self.score.points

    @property
    def day(self) -> str:
        """The day on which it was entered, as claimed."""
        return str(day_of(self.score.filed.at))


class ScoreCard(Struct, frozen=True):
    """One office's month."""

    office: OfficeId
    card: Card
    period: str
    group: str
    weight_permille: int
    """What a deduction weighs in the adjusted score."""
    lines: tuple[Line, ...]
    """By the day of entry."""

    @property
    def added(self) -> int:
        """Tenths added."""
        return sum(line.points for line in self.lines if line.points > 0)

    @property
    def deducted(self) -> int:
        """Tenths taken off, below zero."""
        return sum(line.points for line in self.lines if line.points < 0)

    @property
    def raw(self) -> int:
        """Tenths: 100 points and every entry."""
        return BASE_TENTHS + self.added + self.deducted

    @property
    def adjusted(self) -> int:
        """Tenths: deductions as they weigh in the office's class, half a tenth rounded in its favour."""
        return BASE_TENTHS + self.added - (-self.deducted * self.weight_permille + PERMILLE // 2 - 1) // PERMILLE

    @property
    def veto(self) -> bool:
        """Whether one of the entries bars it from a rank."""
        return any(line.score.veto for line in self.lines)

    @property
    def sources(self) -> tuple[bytes, ...]:
        """Hashes of every entry that it was counted from."""
        return tuple(digest for line in self.lines for digest in line.score.sources)


class Place(Struct, frozen=True):
    """An office's place within its class."""

    card: ScoreCard
    rank: int | None
    """1 is the best; those with equal points share a rank. None: barred by a veto."""


class Group(Struct, frozen=True):
    """Offices that are compared with each other."""

    name: str
    places: tuple[Place, ...]

    @property
    def count(self) -> int:
        """N, those that are barred among them."""
        return len(self.places)


class Correction(Struct, frozen=True):
    """What changed for an office since its month was frozen."""

    office: OfficeId
    frozen: int
    now: int


def appeal_of(score: ScoreFile) -> Appeal:
    """What became of an entry's appeal."""
    if score.appeal is None:
        return Appeal.NONE
    if score.judgement is None:
        return Appeal.WAITING
    if score.judgement.points == score.entered.points and score.veto == score.entered.veto:
        return Appeal.DISMISSED
    return Appeal.UPHELD if score.points == 0 and not score.veto else Appeal.LESSENED


def cards_of(view: Oversight, card: Card, period: str, offices: Iterable[OfficeId]) -> list[ScoreCard]:
    """The cards of one kind for a month: of these offices, and of every other one that has an entry."""
    entries: dict[OfficeId, list[ScoreFile]] = defaultdict(list)
    for score in view.scores:
        if score.entered.period == period and card_of(score.entered.addressee) is card:
            entries[score.entered.addressee].append(score)
    wanted = {office for office in offices if card_of(office) is card} | entries.keys()
    return [_card(view, card, period, office, entries.get(office, ())) for office in sorted(wanted)]


def _card(view: Oversight, card: Card, period: str, office: OfficeId, entries: Sequence[ScoreFile]) -> ScoreCard:
    assigned = view.class_of(office, period)
    lines = tuple(Line(score, appeal_of(score)) for score in entries)
    if assigned is None:
        return ScoreCard(office, card, period, NO_CLASS, PERMILLE, lines)
    return ScoreCard(office, card, period, assigned.group, assigned.weight_permille, lines)


def ranked(cards: Iterable[ScoreCard]) -> list[Group]:
    """The cards by class, each class by its own ranking on the adjusted score."""
    groups: dict[str, list[ScoreCard]] = defaultdict(list)
    for card in cards:
        groups[card.group].append(card)
    return [Group(name, _places(held)) for name, held in sorted(groups.items())]


def _places(cards: Sequence[ScoreCard]) -> tuple[Place, ...]:
    ranks = ranks_of(map(total_of, cards))
    places = [Place(card, ranks[card.office][0]) for card in cards]
    return tuple(sorted(places, key=lambda place: (place.rank or len(places) + 1, place.card.office)))


def total_of(card: ScoreCard) -> Total:
    """A card's line in the frozen table."""
    return Total(card.office, card.group, card.raw, card.adjusted, len(card.lines), card.veto)


def freeze(
    cards: Sequence[ScoreCard], card: Card, period: str, author: tuple[bytes, OfficeId, OfficerId]
) -> ScoresFrozen:
    """The table of a month's totals, to be written."""
    totals = tuple(total_of(one) for one in sorted(cards, key=lambda one: one.office))
    return ScoresFrozen(*author, card, period, totals, digest_of(digest for one in cards for digest in one.sources))


def corrections(frozen: ScoresFrozen, cards: Iterable[ScoreCard]) -> list[Correction]:
    """What came of appeals and late entries after the month was frozen."""
    then = {total.office: total.raw for total in frozen.totals}
    pairs = [(card.office, then.get(card.office, BASE_TENTHS), card.raw) for card in cards]
    return [Correction(office, before, now) for office, before, now in pairs if before != now]


def mean_of_villages(cards: Iterable[ScoreCard], township: OfficeId) -> tuple[int, int]:
    """(mean raw tenths, N) of a township's villages; (0, 0) where there is none. Shown beside its card, never added."""
    raws = [card.raw for card in cards if parent_seat(card.office) == township]
    return (sum(raws) * 2 + len(raws)) // (2 * len(raws)) if raws else 0, len(raws)


def points_text(tenths: int, *, signed: bool = False) -> str:
    """Tenths as people write points: "98.5", "-2", "+1.5"."""
    sign = "-" if tenths < 0 else "+" if signed and tenths > 0 else ""
    whole, rest = divmod(abs(tenths), TENTHS)
    return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"


def read_points(text: str) -> int:
    """Points as people write them, in tenths. Raises ValueError for what is no number with at most one decimal."""
    sign = -1 if text.startswith("-") else 1
    whole, dot, rest = text.removeprefix("-").removeprefix("+").partition(".")
    if not (whole.isascii() and whole.isdecimal()) or (dot and not (len(rest) == 1 and rest in "0123456789")):
        raise ValueError(f"{text} is no number of points")
    return sign * (int(whole) * TENTHS + int(rest or 0))
