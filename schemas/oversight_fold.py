"""The fold of oversight: how an order, a score and a month stand, from the set of their entries.

A function of the set, whatever the order of arrival, with or without repetitions. `TRANSITIONS` is the one table of an
order's life: the fold, the pen, the screens and the tests read it. What two devices of the county said about one thing,
neither knowing of the other (a restored county), is decided as a case's turn is (RULINGS B2): what another office has
built on, then the lower epoch ordinal, then the lower number and hash. The other stays on record and changes nothing.
Never knows what day it is and never judges who may write a kind (`schemas.oversight.may_send`).
Next: `office.oversight`, `office.overseeing`.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from msgspec import Struct

from schemas.names import Instant, JournalId, OfficeId, parent_seat, seat_of
from schemas.oversight import (
    CircularPublished,
    ClassAssigned,
    OrderAct,
    OrderAnswered,
    OrderEscalated,
    OrderIssued,
    OrderVerified,
    OrderWithdrawn,
    Overseen,
    Rung,
    SampleAct,
    SampleFramed,
    ScoreAct,
    ScoreAppealed,
    ScoreEntered,
    ScoreJudged,
    ScoresFrozen,
    Sender,
    Total,
    may_speak_for,
)

AWAITING: Final = "awaiting_predecessor"
"""Code of an act of which the order, the score or the answer is not here yet."""

MISADDRESSED: Final = "oversight_misaddressed"
"""Code of an act of the county's that names another office than the order or score does."""

NOT_ADDRESSED: Final = "oversight_not_addressed"
"""Code of an answer or appeal by an office that the order or score is not addressed to."""

T = TypeVar("T", bound=Overseen)


class Filed(Struct, frozen=True, gc=False):
    """An entry of oversight with its place."""

    event: Overseen
    journal: JournalId
    seq: int
    hash: bytes
    at: Instant
    """As claimed."""

    @property
    def thread(self) -> bytes:
        """Hash of the entry that began it."""
        return self.event.thread or self.hash

    @property
    def rank(self) -> tuple[int, int, bytes]:
        """Of two that say the same thing the lower one counts."""
        return self.journal.epoch.ordinal, self.seq, self.hash


# --- the life of an order --------------------------------------------------------------------------------------------


class Stage(StrEnum):
    """Where an order stands."""

    OPEN = "open"
    """The office has the word."""
    ANSWERED = "answered"
    """The county has."""
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Deed(StrEnum):
    """What can be done about an order."""

    ANSWER = "answer"
    ACCEPT = "accept"
    REJECT = "reject"
    ESCALATE = "escalate"
    WITHDRAW = "withdraw"


class Transition(Struct, frozen=True, gc=False):
    """What a deed leads to, and whose it is."""

    stage: Stage
    by: Sender


_COUNTY: Final = Sender.COUNTY
_ADDRESSEE: Final = Sender.ADDRESSEE

TRANSITIONS: Final[dict[tuple[Stage, Deed], Transition]] = {
    (Stage.OPEN, Deed.ANSWER): Transition(Stage.ANSWERED, _ADDRESSEE),
    (Stage.OPEN, Deed.ESCALATE): Transition(Stage.OPEN, _COUNTY),
    (Stage.OPEN, Deed.WITHDRAW): Transition(Stage.WITHDRAWN, _COUNTY),
    # A second answer adds to the first one before anybody has looked.
    (Stage.ANSWERED, Deed.ANSWER): Transition(Stage.ANSWERED, _ADDRESSEE),
    (Stage.ANSWERED, Deed.ACCEPT): Transition(Stage.CLOSED, _COUNTY),
    (Stage.ANSWERED, Deed.REJECT): Transition(Stage.OPEN, _COUNTY),
    (Stage.ANSWERED, Deed.WITHDRAW): Transition(Stage.WITHDRAWN, _COUNTY),
    # A finding can turn out wrong after everything was said and done: it is put right then, too.
    (Stage.CLOSED, Deed.WITHDRAW): Transition(Stage.WITHDRAWN, _COUNTY),
}
"""Stage and deed → what comes of it; whatever is not here may not be done."""


class Step(Struct, frozen=True, gc=False):
    """One rung: what is taken when, and what it asks."""

    rung: Rung
    days: int
    """Working days that it gives for the answer."""
    by_itself: bool
    """Whether the county's node takes it when it is due; else an officer must put a name under it."""


LADDER: Final[tuple[Step, ...]] = (
    Step(Rung.REMINDER, 3, by_itself=True),
    Step(Rung.YELLOW, 5, by_itself=True),
    Step(Rung.RED, 5, by_itself=True),
    # Everybody in the county reads it: a person answers for that.
    Step(Rung.CIRCULAR, 10, by_itself=False),
)
"""One after the other, each once for an order, the next one only after the term of the one before (DOMAIN M)."""

_RUNGS: Final = tuple(step.rung for step in LADDER)


def next_step(taken: Collection[Rung]) -> Step | None:
    """The rung after the highest that was taken; None at the top."""
    highest = max((_RUNGS.index(rung) for rung in taken), default=-1)
    return LADDER[highest + 1] if highest + 1 < len(LADDER) else None


class Answer(Struct, frozen=True, gc=False):
    """One answer and what the county found."""

    filed: Filed
    verdict: Filed | None = None

    @property
    def said(self) -> OrderAnswered:
        """The answer itself."""
        assert isinstance(self.filed.event, OrderAnswered)
        return self.filed.event

    @property
    def judged(self) -> OrderVerified | None:
        """The verdict itself."""
        event = self.verdict.event if self.verdict is not None else None
        return event if isinstance(event, OrderVerified) else None


class OrderFile(Struct, frozen=True, gc=False):
    """How an order stands."""

    filed: Filed
    stage: Stage
    due: date
    """Last day for the answer that is awaited now."""
    answers: tuple[Answer, ...]
    rungs: tuple[Filed, ...]
    """One for each rung taken, lowest first."""
    withdrawn: Filed | None
    superseded: tuple[bytes, ...] = ()
    """Hashes of entries that said again, or otherwise, what another one had settled."""

    @property
    def issued(self) -> OrderIssued:
        """The order itself."""
        assert isinstance(self.filed.event, OrderIssued)
        return self.filed.event

    @property
    def taken(self) -> tuple[Rung, ...]:
        """The rungs taken, lowest first."""
        return tuple(one.event.rung for one in self.rungs if isinstance(one.event, OrderEscalated))

    @property
    def demand(self) -> Filed:
        """What the county has asked last: what an answer answers."""
        verdicts = [one.verdict for one in self.answers if one.judged is not None and not one.judged.accepted]
        asked = [one for one in (*self.rungs, *verdicts) if one is not None]
        return max(asked, key=_asked_until, default=self.filed)

    @property
    def awaited(self) -> tuple[Answer, ...]:
        """Answers that nobody has judged."""
        return tuple(one for one in self.answers if one.verdict is None)

    def is_overdue(self, today: date) -> bool:
        """Whether the office has let the last day go by."""
        return self.stage is Stage.OPEN and today > self.due

    def step_due(self, today: date) -> Step | None:
        """The rung that is to be taken on `today`."""
        return next_step(self.taken) if self.is_overdue(today) else None


def _asked_until(one: Filed) -> tuple[date, tuple[int, int, bytes]]:
    return one.event.due_day or date.min, one.rank


def fold_order(thread: Iterable[Filed]) -> OrderFile | None:
    """How an order stands, from all that is held about it. None while the order itself is not here."""
    filed = _unique(thread)
    root = _root(filed, OrderIssued)
    if root is None:
        return None
    counting = [one for one in filed if one is not root and not _fault(one, root)]
    answers = [one for one in counting if isinstance(one.event, OrderAnswered)]
    known = {one.hash for one in answers}
    built_on = {one.event.after for one in answers if isinstance(one.event, OrderAnswered)}
    verdicts: dict[bytes, list[Filed]] = defaultdict(list)
    rungs: dict[Rung, list[Filed]] = defaultdict(list)
    ends: list[Filed] = []
    for one in counting:
        match one.event:
            case OrderVerified(answer=answer) if answer in known:
                verdicts[answer].append(one)
            case OrderEscalated(rung=rung):
                rungs[rung].append(one)
            case OrderWithdrawn():
                ends.append(one)
            case _:
                pass

    def first(rivals: Sequence[Filed]) -> Filed:
        return min(rivals, key=lambda one: (one.hash not in built_on, one.rank))

    judged = tuple(
        Answer(one, first(verdicts[one.hash]) if one.hash in verdicts else None) for one in sorted(answers, key=_rank)
    )
    taken = tuple(first(rungs[rung]) for rung in _RUNGS if rung in rungs)
    withdrawn = min(ends, key=_rank, default=None)
    kept = {one.hash for one in taken} | {one.verdict.hash for one in judged if one.verdict is not None}
    rivals = [one for group in (*verdicts.values(), *rungs.values()) for one in group if one.hash not in kept]
    again = [*rivals, *(one for one in ends if one is not withdrawn)]
    demands = [root, *taken, *(one.verdict for one in judged if one.verdict is not None)]
    due = max(one.event.due_day for one in demands if one.event.due_day is not None)
    stage = _replay(len(taken), judged, is_withdrawn=withdrawn is not None)
    return OrderFile(root, stage, due, judged, taken, withdrawn, tuple(sorted(one.hash for one in again)))


def deeds_of(rungs: int, answers: Iterable[Answer], *, is_withdrawn: bool) -> list[Deed]:
    """What was done, in the one order in which it is replayed: the office's word after the county's on the same day,
    what was rejected before what nobody has judged, what was accepted after it.
    """
    deeds = [Deed.ESCALATE] * rungs
    for answer in sorted(answers, key=_place):
        deeds.append(Deed.ANSWER)
        if answer.judged is not None:
            deeds.append(Deed.ACCEPT if answer.judged.accepted else Deed.REJECT)
            if answer.judged.accepted:
                break
    return [*deeds, Deed.WITHDRAW] if is_withdrawn else deeds


def _place(answer: Answer) -> int:
    return 1 if answer.judged is None else 2 * answer.judged.accepted


def _replay(rungs: int, answers: Iterable[Answer], *, is_withdrawn: bool) -> Stage:
    stage = Stage.OPEN
    for deed in deeds_of(rungs, answers, is_withdrawn=is_withdrawn):
        stage = TRANSITIONS[stage, deed].stage
    return stage


# --- scores ----------------------------------------------------------------------------------------------------------


class ScoreFile(Struct, frozen=True, gc=False):
    """How one entry of a score card stands."""

    filed: Filed
    appeal: Filed | None
    """The first one."""
    judged: Filed | None
    superseded: tuple[bytes, ...] = ()

    @property
    def entered(self) -> ScoreEntered:
        """The entry itself."""
        assert isinstance(self.filed.event, ScoreEntered)
        return self.filed.event

    @property
    def judgement(self) -> ScoreJudged | None:
        """What the appeal came to."""
        event = self.judged.event if self.judged is not None else None
        return event if isinstance(event, ScoreJudged) else None

    @property
    def points(self) -> int:
        """Tenths for which it counts now."""
        return self.judgement.points if self.judgement is not None else self.entered.points

    @property
    def veto(self) -> bool:
        """Whether it bars the office from a rank."""
        return self.judgement.veto if self.judgement is not None else self.entered.veto

    @property
    def sources(self) -> tuple[bytes, ...]:
        """Hashes of the entries by which it counts as it does."""
        return tuple(one.hash for one in (self.filed, self.appeal, self.judged) if one is not None)


def fold_score(thread: Iterable[Filed]) -> ScoreFile | None:
    """How an entry of a score card stands. None while the entry itself is not here."""
    filed = _unique(thread)
    root = _root(filed, ScoreEntered)
    if root is None:
        return None
    counting = [one for one in filed if one is not root and not _fault(one, root)]
    appeals = [one for one in counting if isinstance(one.event, ScoreAppealed)]
    known = {one.hash for one in appeals}
    verdicts = [one for one in counting if isinstance(one.event, ScoreJudged) and one.event.appeal in known]
    appeal, judged = min(appeals, key=_rank, default=None), min(verdicts, key=_rank, default=None)
    again = [one.hash for one in (*appeals, *verdicts) if one is not appeal and one is not judged]
    return ScoreFile(root, appeal, judged, tuple(sorted(again)))


# --- everything ------------------------------------------------------------------------------------------------------


class Oversight(Struct, frozen=True):
    """What the county and its offices have said to each other, as far as it is here."""

    orders: tuple[OrderFile, ...] = ()
    """By the day of issue as claimed."""
    scores: tuple[ScoreFile, ...] = ()
    classes: tuple[ClassAssigned, ...] = ()
    """Of each office and month the one that counts, by office and month."""
    frozen: tuple[Filed, ...] = ()
    """Of each kind of card and month the first."""
    circulars: tuple[Filed, ...] = ()
    repeated: frozenset[str] = frozenset()
    """Numbers on paper that were given more than once."""

    def class_of(self, office: OfficeId, period: str) -> ClassAssigned | None:
        """The class of an office in a month; a village's is its township's unless it has one of its own."""
        parent = parent_seat(seat_of(office))
        for one in (office, *((parent,) if parent is not None else ())):
            stated = [held for held in self.classes if held.addressee == one and held.since <= period]
            if stated:
                return stated[-1]
        return None

    def find_frozen(self, number: str) -> ScoresFrozen | None:
        """The frozen table of a kind of card and month, by its `number`."""
        for one in self.frozen:
            if isinstance(one.event, ScoresFrozen) and one.event.number == number:
                return one.event
        return None

    def label_of(self, one: Filed) -> str:
        """The number on paper; where it was given twice, with four digits that tell the two apart."""
        number = one.event.number
        return f"{number}#{one.hash.hex()[:4]}" if number in self.repeated or not number else number


def fold_all(entries: Iterable[Filed]) -> Oversight:
    """Everything from its entries."""
    threads: dict[bytes, list[Filed]] = defaultdict(list)
    classes: dict[tuple[OfficeId, str], Filed] = {}
    frozen: dict[str, Filed] = {}
    circulars: list[Filed] = []
    for one in sorted(_unique(entries), key=_rank):
        match one.event:
            case ClassAssigned(addressee=office, since=since):
                # The later word on one month counts: it is a correction, and nothing was built on the first.
                classes[office, since] = one
            case ScoresFrozen(number=number):
                frozen.setdefault(number, one)
            case CircularPublished():
                circulars.append(one)
            case _:
                threads[one.thread].append(one)
    orders = [order for thread in threads.values() if (order := fold_order(thread)) is not None]
    scores = [score for thread in threads.values() if (score := fold_score(thread)) is not None]
    given = Counter(one.event.number for one in (*(order.filed for order in orders), *circulars))
    return Oversight(
        tuple(sorted(orders, key=lambda order: (order.filed.at, order.filed.rank))),
        tuple(sorted(scores, key=lambda score: (score.filed.at, score.filed.rank))),
        tuple(one.event for _, one in sorted(classes.items()) if isinstance(one.event, ClassAssigned)),
        tuple(one for _, one in sorted(frozen.items())),
        tuple(sorted(circulars, key=lambda one: (one.at, one.rank))),
        frozenset(number for number, count in given.items() if count > 1),
    )


def states_of(thread: Iterable[Filed]) -> dict[bytes, tuple[str, str]]:
    """(state, code) of every entry of one thread: ("", "") = it counts, or lost lawfully against another one."""
    filed = _unique(thread)
    root = next((one for one in filed if type(one.event) in _ACTS), None)
    states = {one.hash: _state(one, root) for one in filed}
    known = {
        one.hash for one in filed if isinstance(one.event, OrderAnswered | ScoreAppealed) and not states[one.hash][0]
    }
    for one in filed:
        match one.event:
            case OrderVerified(answer=named) | ScoreJudged(appeal=named) if named not in known:
                states[one.hash] = states[one.hash] if states[one.hash][0] else ("held", AWAITING)
            case _:
                pass
    return states


def ranks_of(totals: Iterable[Total]) -> dict[OfficeId, tuple[int | None, int]]:
    """Office → its rank within its class by the adjusted score, and N. 1 is the best, and equals share a rank; whoever
    is barred by a veto counts in N and has none.
    """
    groups: dict[str, list[Total]] = defaultdict(list)
    for total in totals:
        groups[total.group].append(total)
    found: dict[OfficeId, tuple[int | None, int]] = {}
    for held in groups.values():
        free = [total.adjusted for total in held if not total.veto]
        for total in held:
            rank = None if total.veto else 1 + sum(other > total.adjusted for other in free)
            found[total.office] = (rank, len(held))
    return found


def digest_of(hashes: Iterable[bytes]) -> bytes:
    """SHA-256 over hashes, sorted: the same from whatever order they were found in."""
    return hashlib.sha256(b"".join(sorted(set(hashes)))).digest()


_ACTS: Final[dict[type[Overseen], type[Overseen]]] = {
    OrderIssued: OrderAct,
    ScoreEntered: ScoreAct,
    SampleFramed: SampleAct,
}
"""What begins a thread → what is said in it."""


def _state(one: Filed, root: Filed | None) -> tuple[str, str]:
    if one.event.thread is None:
        return "", ""
    fault = AWAITING if root is None else _fault(one, root)
    return ("held" if fault == AWAITING else "quarantined" if fault else "", fault)


def _fault(one: Filed, root: Filed) -> str:
    """Why an act cannot count under what began it; empty when it can."""
    if not isinstance(one.event, _ACTS[type(root.event)]):
        return AWAITING
    if isinstance(root.event, SampleFramed) and one.event.sender is Sender.TOWNSHIP:
        return "" if one.event.office in root.event.townships else NOT_ADDRESSED
    if one.event.sender is Sender.ADDRESSEE and not may_speak_for(one.event.office, root.event.about):
        return NOT_ADDRESSED
    return MISADDRESSED if one.event.about != root.event.about else ""


def _root(filed: Sequence[Filed], kind: type[Overseen]) -> Filed | None:
    return next((one for one in filed if isinstance(one.event, kind)), None)


def _unique(entries: Iterable[Filed]) -> list[Filed]:
    return list({one.hash: one for one in entries}.values())


def _rank(one: Filed) -> tuple[int, int, bytes]:
    return one.rank
