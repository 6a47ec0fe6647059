"""CaseFile: what is known of one case. A value: `schemas.casework.effects` says what each entry makes of it,
`schemas.casework.fold` what the whole set does.

What breaks a rule is listed in `breaches`, what cannot count yet in `held`, what lost against another branch in
`superseded`. All instants are claims of the offices' devices (RULINGS A6). Never validates competence or content
(`lifecycle.permits` does so at the pen, the audit afterwards). Next: `visibility` for who sees which part, `clocks`
for what is due when.
"""

from collections.abc import Iterable
from datetime import date
from typing import Final

from msgspec import Struct

from schemas.casework.events import (
    CaseConverted,
    CaseDecided,
    CaseExpedited,
    CaseFiled,
    CaseReceived,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    PapersBrought,
    RecallRequested,
    RosterAdded,
    SiteSurveyed,
    StepCompleted,
)
from schemas.casework.stages import ENDED, IN_TRANSIT, UNDECIDED, Stage
from schemas.casework.steps import Step
from schemas.casework.values import MaterialStatus, Opinion, PauseCause, Promise
from schemas.divisions import is_village_office
from schemas.names import CaseId, Instant, OfficeId, OfficerId, seat_of, within
from schemas.papers import PaperRef

NO_CASE = CaseId(b"")
NO_TIP = b""

NOT_CUSTODIAN = "not_custodian"
OUT_OF_TURN = "out_of_turn"
NOT_IN_THIS_STAGE = "not_in_this_stage"
OFFERED_TO_ITSELF = "offered_to_itself"
REASSIGNMENT_VOID = "reassignment_void"
FILING_EXPECTED = "filing_expected"
VILLAGE_CANNOT_REVIEW = "village_cannot_review"

VOID: Final = frozenset({NOT_CUSTODIAN, OUT_OF_TURN, FILING_EXPECTED})
"""Breaches after which the act takes no turn."""

BREACHES: Final[dict[str, tuple[str, str]]] = {
    NOT_CUSTODIAN: (
        "该步骤由未持有本件的单位作出，不计入办理过程；请督查核实。",
        "An office that did not hold the case wrote this step; it does not count. Supervision must look into it.",
    ),
    OUT_OF_TURN: (
        "该步骤的序号与其前一步不衔接，不计入办理过程；请督查核实。",
        "This step's turn does not follow the step it names; it does not count. Supervision must look into it.",
    ),
    NOT_IN_THIS_STAGE: (
        "本件当时的状态不允许该步骤，该步骤只占序号、不产生效果；请持件单位重新办理。",
        "The case's stage did not allow this step; it took its turn without effect. The custodian must act again.",
    ),
    OFFERED_TO_ITSELF: (
        "本件移交给了移交单位自己，移交不产生效果；请持件单位重新移交。",
        "The case was offered to the office that held it; the offer has no effect. The custodian must offer it again.",
    ),
    REASSIGNMENT_VOID: (
        "结果已经送达，县级改派无效；请县中心核实原持件单位的办理过程。",
        "The result had already been handed over: the reassignment is void. The county must review that office's work.",
    ),
    FILING_EXPECTED: (
        "第一步不是收件登记，不计入办理过程；请督查核实。",
        "The first step is not a filing; it does not count. Supervision must look into it.",
    ),
    VILLAGE_CANNOT_REVIEW: (
        "村级不能受理或决定，该步骤只占序号、不产生效果；请督查核实该村。",
        "A village neither accepts nor decides; the step took its turn without effect. Supervision must look into it.",
    ),
}
"""Breach code → what it means and who does something about it (zh, en)."""


class Breach(Struct, frozen=True, array_like=True, order=True, gc=False):
    """A casework rule broken by an entry that was kept (DESIGN 1.5)."""

    turn: int
    hash: bytes
    code: str
    """A key of `BREACHES`."""


class Contributed(Struct, frozen=True, array_like=True, order=True, gc=False):
    """A contribution as the case remembers it; its text stays in the entry."""

    turn: int
    """The turn it was made after."""
    hash: bytes
    operation: bytes
    ordinal: int
    """Epoch ordinal of its entry: of an office's two with one operation the lower (ordinal, hash) counts."""
    kind: str
    office: OfficeId
    materials: tuple[str, ...]
    at: Instant = Instant(0)
    facts: tuple[str, ...] = ()
    """What the fold needs of it; `schemas.casework.effects.FACTS` says which, by kind."""
    papers: tuple[PaperRef, ...] = ()


class Span(Struct, frozen=True, array_like=True, gc=False):
    """Since when the case lies with an office, up to the next span; None = on its way. Together they are its life."""

    office: OfficeId | None
    since: Instant


class Pause(Struct, frozen=True, array_like=True, gc=False):
    """A time in which the legal clock stood still (art. 45)."""

    cause: PauseCause
    document: str
    expected_until: date
    since: Instant
    until: Instant | None = None
    """None = still."""


class Extension(Struct, frozen=True, array_like=True, gc=False):
    """The legal term was made longer."""

    days: int
    approver: OfficerId
    at: Instant


class Notice(Struct, frozen=True, array_like=True, gc=False):
    """One notice of missing papers (一次性告知)."""

    office: OfficeId
    at: Instant
    is_justified: bool
    before_acceptance: bool
    until: date | None = None
    """By when the resident is asked to bring them."""


class Reopening(Struct, frozen=True, array_like=True, gc=False):
    """The case was taken up again."""

    office: OfficeId
    approver: OfficerId
    at: Instant
    turn: int = 0
    in_new_term: bool = True
    """False: nobody had been given the decision, so the term before runs on as if there had been none."""


class Course(Struct, frozen=True, array_like=True, gc=False):
    """What happens to some cases only: kept apart, so that a plain case stays small."""

    sender: OfficeId | None = None
    """Who had offered the case to the office that picked it up unaccepted: declined, it goes back there."""
    notices: tuple[Notice, ...] = ()
    corrected_at: Instant | None = None
    """When the papers asked for before acceptance were taken up, or the case was given back to an office above the
    village with its notice still out; the last time."""
    pauses: tuple[Pause, ...] = ()
    extensions: tuple[Extension, ...] = ()
    promises: tuple[Promise, ...] = ()
    """Materials promised in writing, at the filing or at the acceptance, and not yet taken up."""
    received: tuple[str, ...] = ()
    """Materials taken up after the filing, each once, in the order taken up."""
    consulted: tuple[OfficeId, ...] = ()
    """Departments asked for their opinion, each once, in the order asked."""
    consulted_at: Instant | None = None
    opinions_due: date | None = None
    meeting_on: date | None = None
    deemed_on: date | None = None
    """Accepted by silence on that day, as the accepting office recorded it."""
    reopenings: tuple[Reopening, ...] = ()
    replied_at: Instant | None = None
    """When papers were taken up after acceptance; the last time."""
    returned_turn: int = 0
    """Turn at which it last came back to a village unaccepted: what was received before does not count any more."""
    consulted_turn: int = 0
    """Turn of the last request for opinions: a department has that request when it received it after this turn."""
    returned_spans: int = 0
    """How many spans there were when it last came back to a village unaccepted."""
    asked: tuple[OfficeId, ...] = ()
    """To whom the last request for opinions went: what they said before it is no answer to it."""


PLAIN: Final = Course()


class Erasure(Struct, frozen=True, array_like=True, gc=False):
    """By what order the case's bodies went (RULINGS B6)."""

    at: Instant
    ground: str
    """Legal ground, in words."""
    ordered_by: str
    approved_by: str


_KEPT: Final = frozenset({Step.SURVEY, Step.PUBLICITY})
"""Steps that stand when a case is taken up again."""


class CaseFile(Struct, frozen=True, array_like=True, gc=False):
    """All that is known of one case here. Stored as one blob per case; screens read the projection made from it."""

    case: CaseId
    stage: Stage = Stage.AWAITED
    turn: int = 0
    """Turn of the last act that counts; 0 while the filing is missing."""
    tip: bytes = NO_TIP
    """That act as the next one must name it: its hash, shortened (`schemas.names.followed`)."""
    custodian: OfficeId | None = None
    """Who holds the pen; None in transit and while the filing is missing."""
    offerer: OfficeId | None = None
    offeree: OfficeId | None = None
    """Both set exactly while an offer is open."""
    holders: tuple[OfficeId, ...] = ()
    """Every custodian so far, first the filing office, each once."""
    filing: CaseFiled | None = None
    filed_at: Instant | None = None
    accepted_at: Instant | None = None
    """Claimed time of the first acceptance: the legal clocks start there. Like all four a claim, not a proof."""
    decision: CaseDecided | None = None
    decided_at: Instant | None = None
    ended_at: Instant | None = None
    """Claimed time of handing over or withdrawal."""
    requests: int = 0
    """Notices of missing papers so far; more than one is worth a look (一次性告知)."""
    wanted: tuple[str, ...] = ()
    """Materials asked for and not yet taken up."""
    taken_up: tuple[bytes, ...] = ()
    """Hashes of the contributions that an act took up."""
    contributions: tuple[Contributed, ...] = ()
    held: tuple[bytes, ...] = ()
    """Entries whose filing or previous turn is not here yet, sorted."""
    superseded: tuple[bytes, ...] = ()
    """Acts void with the branch that lost (RULINGS B2), sorted."""
    breaches: tuple[Breach, ...] = ()
    accepted_by: OfficeId | None = None
    """Who first accepted it."""
    spans: tuple[Span, ...] = ()
    """Where it lay, from the filing on."""
    course: Course = PLAIN
    informed: tuple[OfficeId, ...] = ()
    """Offices that never held the pen on the branch that counts, yet must hear how the case goes on: an offeree passed
    over by a reassignment, a department consulted, a place of handing over, and whoever worked on a superseded branch.
    Sorted."""
    home: OfficeId | None = None
    """Where the result is handed over: where it was filed, unless it was re-homed. None while the filing is missing."""
    erased: Erasure | None = None
    """The bodies are gone by law, here and everywhere: what stands above is what stays (`schemas.casework.residue`)."""
    purged: bool = False
    """The bodies are gone on this device alone (RULINGS A17): the office above has them."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing but a residue is here: no person, no words, no papers."""
        return self.erased is not None or self.purged

    @property
    def filing_office(self) -> OfficeId | None:
        """Where the resident came."""
        return self.filing.office if self.filing is not None else None

    def is_at(self, office: OfficeId) -> bool:
        """Whether an office, or a desk of it, still has to do with the case: it has the pen, or is offered it, or is to
        hand its result over.
        """
        if self.stage is Stage.CLOSED:
            return False
        is_due = self.stage not in ENDED and self.stage is not Stage.HANDED_OVER
        concerned = (self.custodian, self.offeree, self.home if is_due else None)
        return any(one is not None and office in (one, seat_of(one)) for one in concerned)

    def concerns(self, office: OfficeId) -> bool:
        """Whether an office has the case at all, as `visibility.readers` has it: no other's word counts."""
        if office in self.holders or office in self.informed or office == self.offeree:
            return True
        those = (*self.holders, *self.informed, *([self.offeree] if self.offeree is not None else ()))
        return any(within(seat_of(one), office) for one in those)

    @property
    def brought(self) -> tuple[Contributed, ...]:
        """Papers that were brought, to an office that has the case, and that no act has taken up yet."""
        return tuple(one for one in self._by_readers(PapersBrought.kind) if one.hash not in self.taken_up)

    @property
    def papers(self) -> tuple[PaperRef, ...]:
        """The photographs and PDF that the filing names, and those of who has the case, each once."""
        named = {paper.digest: paper for paper in self.filing.papers} if self.filing is not None else {}
        if any(one.papers for one in self.contributions):
            for brought in self._by_readers(PapersBrought.kind):
                for paper in brought.papers:
                    named.setdefault(paper.digest, paper)
        return tuple(named.values())

    @property
    def recall_requested(self) -> bool:
        """Whether the offerer asked for the pen back during the offer that is open now."""
        return self.stage in IN_TRANSIT and any(
            c.kind == RecallRequested.kind and c.turn == self.turn and c.office == self.offerer
            for c in self.contributions
        )

    def contributed(self, kind: str) -> tuple[Contributed, ...]:
        """The contributions of one kind, by turn and hash."""
        return tuple(one for one in self.contributions if one.kind == kind)

    @property
    def received_at(self) -> Instant | None:
        """When the first office above the village had the case: the law counts its five days from there (art. 32).

        At one's own counter that is the filing. None while no such office has said so. What a department wrote later,
        because it was asked for its opinion, says nothing about that.
        """
        if self.filing is None:
            return None
        if not is_village_office(self.filing.office):
            return self.filed_at
        returned = self.course.returned_turn
        receipts = [one for one in self._from_above(CaseReceived.kind) if one.turn > returned]
        received = [one.at for one in receipts if one.turn == receipts[0].turn]
        spans = self.spans[self.course.returned_spans :]
        held = [span.since for span in spans if span.office is not None and not is_village_office(span.office)]
        return min([*received, *held[:1]], default=None)

    def promised_with(self, stated: tuple[Promise, ...]) -> tuple[Promise, ...]:
        """What stays promised after an acceptance that states these: they, and what was promised at the filing with a
        day and has not been taken up.
        """
        filed = (
            Promise(one.name, one.until)
            for one in (self.filing.materials if self.filing is not None else ())
            if one.status is MaterialStatus.DEFERRED and one.until is not None
        )
        promised = {one.material: one for one in (*filed, *stated)}
        return tuple(one for one in promised.values() if one.material not in self.course.received)

    def missing_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Which of these materials are neither with the filing nor brought since; what may come later is missing."""
        filed = self.filing.materials if self.filing is not None else ()
        here = {one.name for one in filed if one.status is not MaterialStatus.DEFERRED}
        here.update(self.course.received, *(one.materials for one in self._by_readers(PapersBrought.kind)))
        return tuple(name for name in names if name not in here)

    @property
    def renewed_at(self) -> Instant | None:
        """When a new term began last, by a reopening."""
        return next((one.at for one in reversed(self.course.reopenings) if one.in_new_term), None)

    @property
    def responsible(self) -> OfficeId | None:
        """The office that answers for the case: which decided it, or else accepted it."""
        return self.decision.office if self.decision is not None else self.accepted_by

    @property
    def steps_done(self) -> frozenset[Step]:
        """Which of the nine steps are recorded as done, acts left aside. A case that was taken up again takes all but
        the survey and the public notice anew: what was made and sealed belongs to the decision before.
        """
        since = self.course.reopenings[-1].turn if self.course.reopenings else 0
        said = ((Step(one.facts[0]), one.turn) for one in self._from_above(StepCompleted.kind))
        done = {step for step, turn in said if turn >= since or step in _KEPT}
        return frozenset(done | {Step.SURVEY} if self._from_above(SiteSurveyed.kind) else done)

    @property
    def survey_parties(self) -> tuple[frozenset[str], ...]:
        """Who was there at each survey of the site."""
        return tuple(frozenset(one.facts[2:]) for one in self._from_above(SiteSurveyed.kind))

    @property
    def opinions(self) -> dict[OfficeId, Opinion]:
        """What each department that was asked said last."""
        said = sorted(self.contributed(OpinionGiven.kind), key=lambda one: (one.turn, one.ordinal, one.at, one.hash))
        return {one.office: Opinion(one.facts[0]) for one in said if one.office in self.course.consulted}

    @property
    def silent(self) -> tuple[OfficeId, ...]:
        """Departments that were asked and have not said anything, in the order asked."""
        opinions = self.opinions
        return tuple(office for office in self.course.consulted if office not in opinions)

    @property
    def answers(self) -> tuple[Contributed, ...]:
        """The opinions given after the last request to their department: what it said before is no answer to that."""
        turn, asked = self.course.consulted_turn, self.course.asked
        return tuple(one for one in self.contributed(OpinionGiven.kind) if one.turn >= turn or one.office not in asked)

    @property
    def unanswered(self) -> tuple[OfficeId, ...]:
        """Departments from whom an answer is awaited, in the order asked; none any more once the case is decided."""
        if not self.course.consulted or self.stage not in UNDECIDED:
            return ()
        answered = {one.office for one in self.answers}
        return tuple(office for office in self.course.consulted if office not in answered)

    def asked_at(self, office: OfficeId) -> Instant | None:
        """When a department had the last request for opinions, by its own receipt; None while it has not said so."""
        asked = self.course.consulted_turn
        receipts = (one for one in self.contributed(CaseReceived.kind) if one.turn >= asked and one.office == office)
        return min((one.at for one in receipts), default=None)

    @property
    def has_met(self) -> bool:
        """Whether an office that held the case recorded a joint meeting."""
        return self._last_by_holder(MeetingHeld.kind) is not None

    @property
    def met_on(self) -> date | None:
        """The day of the last joint meeting on record."""
        meeting = self._last_by_holder(MeetingHeld.kind)
        return date.fromisoformat(meeting.facts[0]) if meeting is not None else None

    @property
    def absent(self) -> frozenset[OfficeId]:
        """Offices that were invited to the last joint meeting and did not come."""
        meeting = self._last_by_holder(MeetingHeld.kind)
        return frozenset(OfficeId(name) for name in meeting.facts[1:]) if meeting is not None else frozenset()

    @property
    def fees_fen(self) -> int:
        """What was paid, in fen. No village takes money, so what one says it took is not counted."""
        return sum(int(one.facts[0]) for one in self._from_above(FeePaid.kind))

    @property
    def is_paid(self) -> bool:
        """Whether the cashier has recorded a payment; nothing may be due after a reduction."""
        return bool(self._from_above(FeePaid.kind))

    @property
    def is_expedited(self) -> bool:
        """Green channel (绿色通道)."""
        return bool(self._from_above(CaseExpedited.kind))

    @property
    def converted_days(self) -> int | None:
        """Promise in working days after an on-the-spot case was converted by an office that held it; the last word
        counts.
        """
        last = self._last_by_holder(CaseConverted.kind)
        return int(last.facts[0]) if last is not None else None

    @property
    def roster_rows_here(self) -> int:
        """Rows of the list that have arrived from where it was filed, each part once."""
        added = [one for one in self.contributed(RosterAdded.kind) if one.office == self.filing_office]
        return sum({one.facts[0]: int(one.facts[1]) for one in added}.values())

    def _last_by_holder(self, kind: str) -> Contributed | None:
        """The last contribution of one kind by an office above the village that held the case."""
        said = [one for one in self._from_above(kind) if one.office in self.holders]
        return max(said, key=lambda one: (one.turn, one.at, one.hash), default=None)

    def _from_above(self, kind: str) -> tuple[Contributed, ...]:
        """The contributions of one kind but for those of villages, which may not make them, and of strangers."""
        return tuple(one for one in self._by_readers(kind) if not is_village_office(one.office))

    def _by_readers(self, kind: str) -> tuple[Contributed, ...]:
        """The contributions of one kind but for those of strangers."""
        return tuple(one for one in self.contributed(kind) if self.concerns(one.office))
