"""The routes of the catalogue's items through a county: who takes a matter in, reviews, decides and hands over.

Where a route leads is read from the item (tiers, delegation, planned steps, notice, fee) and the grants; what happens
beside that is `BEFALLS`. A `Trip` says what its next move is and makes it once everything written before has reached
the office whose turn it is. Never carries a page: that is the story's. Next: `tests/support/counties.py`.
"""

from collections.abc import Callable, Coroutine, Iterator
from datetime import date, timedelta
from enum import Enum, auto
from typing import Any, Final

from msgspec import Struct

from office.desk import Desk
from office.intake import Slip
from office.pencil import Written
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import CaseReceived
from schemas.casework.mandates import SCOPES_OF, UNBOUND, words_of
from schemas.casework.regimes import Regime
from schemas.casework.steps import Step
from schemas.casework.values import (
    Channel,
    Excepted,
    Handover,
    Mandate,
    Material,
    MaterialStatus,
    Opinion,
    Outcome,
    PauseCause,
    Promise,
    SignedHow,
)
from schemas.catalogue import (
    CaseType,
    Delegation,
    Grant,
    PlannedStep,
    ServiceItem,
    accepts,
    find_grant,
    may_decide,
    planned_steps,
)
from schemas.divisions import is_village_office
from schemas.names import CaseId, OfficeId, OfficerId, parent_seat, seat_of
from tests.benchmarks.case_paper import REMEDY, WINDOWS
from tests.support.counties import APPLICANT, COUNTY, County, Office, Person, agent, clerk, leader, op, run
from tests.support.rosters import people

DAY_MS: Final = 86_400_000
ROWS: Final = 30
"""Persons on the list of a village."""


class Turn(Enum):
    """What befalls a case that its item does not ask for."""

    NOT_ACCEPTED = auto()
    """Refused acceptance, in writing."""
    CORRECTED = auto()
    """One notice of all gaps before acceptance."""
    CORRECTED_TWICE = auto()
    """… and a second one, which justifies itself."""
    PROMISED = auto()
    """Accepted although papers are missing that may come later."""
    ASKED_LATER = auto()
    """Papers are asked for after acceptance."""
    GREEN = auto()
    """Green channel."""
    EXTENDED = auto()
    REFUSED = auto()
    REOPENED = auto()
    LISTED = auto()
    """A list of persons instead of one."""
    ABSENT = auto()
    """A department neither comes to the joint meeting nor says anything."""
    OBJECTED = auto()
    """A department objects, and is answered in a joint meeting."""


BEFALLS: Final[dict[str, frozenset[Turn]]] = {
    "CL01": frozenset({Turn.PROMISED}),
    "GA02": frozenset({Turn.REFUSED, Turn.EXTENDED}),
    "MZ03": frozenset({Turn.REFUSED}),
    "MZ06": frozenset({Turn.CORRECTED, Turn.PROMISED}),
    "NY01": frozenset({Turn.ABSENT}),
    "RS02": frozenset({Turn.ASKED_LATER}),
    "RS04": frozenset({Turn.PROMISED}),
    "RS07": frozenset({Turn.OBJECTED}),
    "SC01": frozenset({Turn.REOPENED}),
    "SF01": frozenset({Turn.GREEN}),
    "WJ03": frozenset({Turn.REFUSED}),
    "YB01": frozenset({Turn.LISTED}),
    "YB02": frozenset({Turn.CORRECTED, Turn.CORRECTED_TWICE}),
    "ZR01": frozenset({Turn.EXTENDED}),
}
"""Item → what befalls its case; the others go straight."""

CONSULTED: Final = {"MZ04": ("cl",), "MZ05": ("cl",), "NY01": ("nyj", "zrj", "lyj"), "RS07": ("scj", "ybj")}
"""Joint item → windows that are asked for their opinion."""

CAUSES: Final = {"检疫": PauseCause.QUARANTINE, "检验": PauseCause.INSPECTION, "评审": PauseCause.EXPERT_REVIEW}
"""Word of a special procedure → what the law calls it (art. 45); any other one is an appraisal."""


class Move(Struct, frozen=True):
    """What one office writes next. The move is made `after_days` at the earliest, and not at all unless `if_due`."""

    office: OfficeId
    write: Callable[[Office, bytes], Coroutine[Any, Any, Written | Slip]]
    after_days: int = 0
    if_due: Callable[[CaseFile], bool] | None = None


class Trip:
    """One case on its way: `go_on` makes every move that can be made now."""

    def __init__(
        self,
        county: County,
        number: int,
        item: ServiceItem,
        village: OfficeId,
        grants: tuple[Grant, ...],
        befalls: frozenset[Turn] = frozenset(),
    ) -> None:
        """`number`: of the trip, for its operations. `village`: the nearest to where the resident lives."""
        self.county = county
        self.item = item
        self.befalls = befalls
        township = parent_seat(village)
        assert township is not None
        self.window = OfficeId(f"{COUNTY}.{WINDOWS[item.department]}")
        self.filer = self._counter(village, township)
        self.desk = township if is_village_office(self.filer) else self.filer
        """The first office above the village."""
        self.grant = None if may_decide(item, self.desk) else find_grant(grants, item, self.desk, self.today)
        decides_itself = may_decide(item, self.desk) or self.grant is not None
        self.decider = self.desk if decides_itself else self.window
        self.case: CaseId | None = None
        self.kinds: set[str] = set()
        """Kinds of acts and contributions that were written."""
        self._number = number
        self._moves_made = 0
        self._written = 0
        self._last_at = county.at
        self._moves = self._walk()
        self._next: Move | None = next(self._moves)

    def _counter(self, village: OfficeId, township: OfficeId) -> OfficeId:
        """An agent files for whoever may leave it to one, or carries up what the resident signed; else who must come
        goes to the lowest counter that can finish or pass on the matter.
        """
        if self.item.delegation is Delegation.YES:
            return village
        if self.item.delegation is Delegation.COLLECT and accepts(self.item, village):
            return village
        comes_for_all = self.item.is_on_the_spot and not may_decide(self.item, township)
        return township if accepts(self.item, township) and not comes_for_all else self.window

    @property
    def today(self) -> date:
        """The day in China."""
        return day_of(self.county.at)

    @property
    def is_over(self) -> bool:
        """Whether the case is struck off."""
        return self._next is None

    @property
    def regime(self) -> Regime:
        """How the case is handled, as it stands in the end."""
        if self.befalls & {Turn.REFUSED, Turn.NOT_ACCEPTED}:
            return Regime.REFUSAL_ON_FILE
        if self.grant is not None and self.grant.is_entrusted:
            return Regime.ENTRUSTED
        return Regime.PROMISED if "case.converted" in self.kinds else Regime(self.item.case_type.value)

    def go_on(self) -> list[OfficeId]:
        """Make the moves whose office has everything that was written about the case so far. Returns where."""
        made: list[OfficeId] = []
        while self._next is not None and self._is_ready(self._next):
            move, seat = self._next, seat_of(self._next.office)
            if move.if_due is None or move.if_due(self.county[seat].case(self._case)):
                self._make(move)
                made.append(seat)
            self._next = next(self._moves, None)
        return made

    def _is_ready(self, move: Move) -> bool:
        if self.county.at < self._last_at + move.after_days * DAY_MS:
            return False
        return self.case is None or self._count(self.county[seat_of(move.office)]) >= self._written

    def _make(self, move: Move) -> None:
        """Write once, and press the button a second time: it is one act."""
        office = self.county[seat_of(move.office)]
        self._moves_made += 1
        operation = op(self._number * 1000 + self._moves_made)
        written = run(move.write(office, operation))
        assert not written.repeated
        assert run(move.write(office, operation)).repeated
        self.case = written.case
        self._written = self._count(office)
        self._last_at = self.county.at
        entries = office.store.tables.entries
        self.kinds |= {entries[journal][seq].kind for journal, seq in office.store.tables.subjects[written.case]}

    def _count(self, office: Office) -> int:
        """Entries of the case that officers wrote, as far as they are here."""
        tables = office.store.tables
        keys = tables.subjects.get(self._case, [])
        return sum(tables.entries[journal][seq].kind != CaseReceived.kind for journal, seq in keys)

    @property
    def _case(self) -> CaseId:
        assert self.case is not None
        return self.case

    def _do(
        self,
        office: OfficeId,
        verb: Callable[..., Coroutine[Any, Any, Written]],
        *,
        after_days: int = 0,
        if_due: Callable[[CaseFile], bool] | None = None,
        **fields: object,
    ) -> Move:
        """A verb of the desk."""

        def write(at: Office, operation: bytes) -> Coroutine[Any, Any, Written]:
            given = {name: value() if callable(value) else value for name, value in fields.items()}
            return verb(at.desk, person_of(office), self._case, operation, **given)

        return Move(office, write, after_days, if_due)

    def _planned(self, step: Step) -> list[PlannedStep]:
        return [planned for planned in planned_steps(self.item) if planned.step is step]

    # --- the walk ----------------------------------------------------------------------------------------------------

    def _walk(self) -> Iterator[Move]:
        yield Move(self.filer, self._file_list if Turn.LISTED in self.befalls else self._file)
        if self.desk != self.filer:
            yield self._do(self.filer, Desk.offer_custody, to=self.desk, note="材料已当面核对")
        yield from self._corrected()
        if Turn.NOT_ACCEPTED in self.befalls:
            yield self._do(
                self.desk,
                Desk.refuse_acceptance,
                reason="不属于本机关职权范围",
                basis="行政许可法第32条",
                remedy=REMEDY,
            )
            yield self._do(self.filer, Desk.close_case, note="不予受理通知书已送达")
            return
        if self._is_at_once:
            yield from self._at_once()
        else:
            yield from self._accepted()
            yield from self._handled()
            yield self._decision()
        yield from self._delivered()
        if Turn.REOPENED in self.befalls:
            yield from self._again()

    @property
    def _is_at_once(self) -> bool:
        """Finished in one go at the counter that took it in, by that office's own right."""
        is_plain = self.item.case_type is CaseType.INSTANT and Turn.LISTED not in self.befalls
        return is_plain and may_decide(self.item, self.desk)

    def _file(self, at: Office, operation: bytes) -> Coroutine[Any, Any, Slip]:
        return at.intake.open_case(
            person_of(self.filer),
            operation,
            item=self.item.code,
            applicant=APPLICANT,
            materials=self._materials(),
            statement="样例申请",
            mandate=self._mandate(),
            channel=Channel.HOME if is_village_office(self.filer) else Channel.COUNTER,
        )

    async def _file_list(self, at: Office, operation: bytes) -> Slip:
        """A list has an operation of its own, made from its rows."""
        filed = await at.intake.open_list(
            person_of(self.filer), item=self.item.code, name="白观村", rows=people(1, ROWS)
        )
        return filed.slip

    def _materials(self) -> tuple[Material, ...]:
        listed = self.item.materials
        given = [Material(name, MaterialStatus.PROVIDED) for name in listed.required if name not in self._missing]
        if Turn.PROMISED not in self.befalls:
            given += [Material(name, MaterialStatus.PROVIDED) for name in listed.deferrable]
        return (*given, *(Material(name, MaterialStatus.PLEDGED) for name in listed.pledged))

    @property
    def _missing(self) -> tuple[str, ...]:
        """What the resident did not bring."""
        return self.item.materials.required[:2] if Turn.CORRECTED in self.befalls else ()

    def _mandate(self) -> Mandate | None:
        """Everybody who may leave it to the agent signs for it, in the village."""
        scopes = SCOPES_OF[self.item.delegation]
        if not is_village_office(self.filer) or not scopes:
            return None
        until = self.today + timedelta(days=90)
        words = words_of(self.item, APPLICANT.name, "白观村便民服务站", scopes, until)
        return Mandate(scopes, until, APPLICANT.name, SignedHow.THUMBPRINT, words, UNBOUND)

    def _corrected(self) -> Iterator[Move]:
        """What is missing, in one notice; a second one has to say why."""
        if Turn.CORRECTED not in self.befalls:
            return
        justifications = ("", "第一次补正的材料与原件不一致") if Turn.CORRECTED_TWICE in self.befalls else ("",)
        for justification in justifications:
            yield self._do(
                self.desk,
                Desk.request_papers,
                materials=self._missing,
                reason="申请材料不齐全，请一次补齐",
                justification=justification,
                until=lambda: self.today + timedelta(days=7),
            )
            yield from self._papers(self._missing)

    def _papers(self, names: tuple[str, ...]) -> Iterator[Move]:
        """Brought to where the resident came, and taken up by whoever holds the case."""
        if self.desk != self.filer:
            yield self._do(self.filer, Desk.bring_papers, materials=names, note="原件已核对")
        yield self._do(self.desk, Desk.receive_papers, materials=names)

    def _at_once(self) -> Iterator[Move]:
        """The resident who is at this counter takes the result along, unless it has to be made first."""
        takes_along = self.desk == self.filer and not self._planned(Step.PRODUCTION)
        yield self._do(
            self.desk,
            Desk.decide_at_once,
            outcome=Outcome.GRANTED,
            reason="符合条件",
            basis=self.item.basis[0],
            recipient=APPLICANT.name if takes_along else "",
        )

    def _accepted(self) -> Iterator[Move]:
        names = self.item.materials.deferrable if Turn.PROMISED in self.befalls else ()
        yield self._do(
            self.desk,
            Desk.accept_custody,
            note="予以受理",
            promises=lambda: tuple(Promise(name, self.today + timedelta(days=5)) for name in names),
        )
        if Turn.GREEN in self.befalls:
            yield self._do(self.desk, Desk.expedite_case, basis="县政府办公会纪要", approver=approver_at(self.desk))
        if names:
            yield from self._papers(names)

    def _handled(self) -> Iterator[Move]:
        """From acceptance to just before the decision."""
        if Turn.ASKED_LATER in self.befalls:
            names = self.item.materials.required[:1]
            yield self._do(self.desk, Desk.request_papers, materials=names, reason="复印件不清，请重交")
            yield from self._papers(names)
        yield from self._prepared()
        if self.decider != self.desk:
            yield self._step(self.desk, Step.REVIEW, "经初审符合条件，拟上报")
            yield self._do(self.desk, Desk.offer_custody, to=self.decider, note="经初审符合条件，现上报")
            yield self._do(self.decider, Desk.accept_custody, note="已接收")
        yield from self._consulted()
        for planned in self._planned(Step.REVIEW):
            yield from self._reviewed(planned)
        if Turn.EXTENDED in self.befalls:
            yield self._do(
                self.decider,
                Desk.extend_term,
                days=self.item.legal.extension_days,
                reason="案情复杂",
                approver=approver_at(self.decider),
                document="苍延〔2026〕1号",
            )
        if self.item.is_on_the_spot:
            yield self._conversion()

    def _prepared(self) -> Iterator[Move]:
        """What is done on the spot before the matter goes up or is reviewed."""
        for planned in self._planned(Step.SURVEY):
            if planned.people == 1:
                yield self._step(self.desk, Step.SURVEY, f"{planned.name}：情况属实", after_days=1)
                continue
            yield self._do(
                self.desk,
                Desk.record_survey,
                after_days=1,
                surveyors=(leader(self.desk).officer,),
                on=lambda: self.today,
                place="申请地点",
                findings=f"{planned.name}：与申请一致",
                agrees=Turn.REFUSED not in self.befalls,
            )
        for planned in self._planned(Step.PUBLICITY):
            yield self._step(self.desk, Step.PUBLICITY, f"{planned.name}：无异议", after_days=self.item.notice.days)

    def _conversion(self) -> Move:
        """On the way up the day of the acceptance may have passed."""
        return self._do(
            self.decider,
            Desk.convert_case,
            if_due=lambda case: case.accepted_at is not None and self.today > day_of(case.accepted_at),
            promise_days=2,
            reason="线路中断，当日不能办结",
        )

    def _reviewed(self, planned: PlannedStep) -> Iterator[Move]:
        """A special procedure stops the clock, by a paper that the resident gets."""
        if planned.special:
            cause = next((cause for word, cause in CAUSES.items() if word in planned.name), PauseCause.APPRAISAL)
            yield self._do(
                self.decider,
                Desk.suspend_case,
                cause=cause,
                document="苍中止〔2026〕7号",
                expected_until=lambda: self.today + timedelta(days=5),
                note=f"{planned.name}，期间不计入办理时限",
            )
            yield self._do(self.decider, Desk.resume_case, after_days=3, result=f"{planned.name}已完成")
        yield self._step(self.decider, Step.REVIEW, f"{planned.name}：符合条件")

    def _consulted(self) -> Iterator[Move]:
        """Every department at once; each answers for itself, and whoever differs meets the others."""
        windows = tuple(OfficeId(f"{COUNTY}.{desk}") for desk in CONSULTED.get(self.item.code, ()))
        if not windows:
            return
        meets = bool(self.befalls & {Turn.ABSENT, Turn.OBJECTED})
        yield self._do(
            self.decider,
            Desk.request_opinions,
            to=windows,
            due=lambda: self.today + timedelta(days=5),
            meeting_on=lambda: self.today + timedelta(days=2) if meets else None,
            note="请并联审查",
        )
        silent = self._silent(windows)
        for window in windows:
            objects = Turn.OBJECTED in self.befalls and window == windows[0]
            if window not in silent:
                yield self._do(
                    window,
                    Desk.give_opinion,
                    opinion=Opinion.OBJECTS if objects else Opinion.AGREES,
                    reason="经营场所用途有疑问" if objects else "同意",
                    basis=self.item.basis[0],
                )
        if meets:
            yield self._do(
                self.decider,
                Desk.hold_meeting,
                after_days=2,
                on=lambda: self.today,
                invited=windows,
                present=tuple(window for window in windows if window not in silent),
                minutes="联审会议一致认为可以办理",
            )

    def _silent(self, windows: tuple[OfficeId, ...]) -> tuple[OfficeId, ...]:
        return windows[-1:] if Turn.ABSENT in self.befalls else ()

    def _decision(self) -> Move:
        refused = Turn.REFUSED in self.befalls
        grant = self.grant
        windows = tuple(OfficeId(f"{COUNTY}.{desk}") for desk in CONSULTED.get(self.item.code, ()))
        return self._do(
            self.decider,
            Desk.decide,
            outcome=Outcome.REFUSED if refused else Outcome.GRANTED,
            reason="经审查，不符合规定条件" if refused else "经审查，符合规定条件",
            basis=self.item.basis[0],
            remedy=REMEDY if refused else "",
            document="苍政务〔2026〕1号",
            grant=grant.number if grant is not None else "",
            on_behalf_of=grant.grantor if grant is not None and grant.is_entrusted else "",
            deemed=self._silent(windows),
            excepted=(Excepted(3, "已在户籍地参保"),) if Turn.LISTED in self.befalls else (),
        )

    def _made(self) -> Iterator[Move]:
        """What is made, sealed and paid between the decision and its hand-over."""
        if Turn.REFUSED in self.befalls:
            return
        for planned in (*self._planned(Step.PRODUCTION), *self._planned(Step.SEALING)):
            yield self._step(self.decider, planned.step, f"{planned.name}完成")
        if self.item.fee_yuan:
            yield self._do(self.decider, Desk.pay_fee, receipt="NO.00000017", amount_fen=self.item.fee_yuan * 100)

    def _delivered(self) -> Iterator[Move]:
        yield from self._made()
        if self.decider != self.filer:
            yield self._do(self.decider, Desk.offer_custody, to=self.filer, note="结果已作出，请送达")
            yield self._do(self.filer, Desk.accept_custody)
        if not (self._is_at_once and self.desk == self.filer and not self._planned(Step.PRODUCTION)):
            yield self._do(self.filer, Desk.hand_over, recipient=APPLICANT.name, how=Handover.HOME)
        if not self._is_at_once:
            yield self._step(self.desk, Step.ARCHIVE, "材料与决定书已归档")
        yield self._do(self.filer, Desk.close_case, note="已办结")

    def _again(self) -> Iterator[Move]:
        """Taken up once more by who decided, and handed over there."""
        yield self._do(
            self.decider,
            Desk.reopen_case,
            after_days=2,
            reason="决定书文字有误，重新办理",
            approver=approver_at(self.decider),
        )
        if self.item.is_on_the_spot:
            yield self._conversion()
        yield self._decision()
        yield from self._made()
        yield self._do(self.decider, Desk.hand_over, recipient=APPLICANT.name, how=Handover.COURIER)
        yield self._do(self.decider, Desk.close_case, note="重新办结")

    def _step(self, office: OfficeId, step: Step, words: str, *, after_days: int = 0) -> Move:
        return self._do(office, Desk.complete_step, after_days=after_days, step=step, opinion=words)


def person_of(office: OfficeId) -> Person:
    """Who works there."""
    return agent(office) if is_village_office(office) else clerk(office)


def approver_at(office: OfficeId) -> OfficerId:
    """Who leads the seat that this office is, or is a window of."""
    return leader(seat_of(office)).officer
