"""The life of one case, from the counter where somebody came to the file in the archive: a generator of its events.

Each life takes the route of its item: who accepts, who decides, which steps the catalogue plans; and now and then
something goes otherwise, as often as `CHANCES` says (assumed). Never seals or stores anything, and never asks whether
an act is allowed: whoever writes it does. Next: `load_model` (how many begin), `case_paper` (the events), `bulk` (where
they are written).
"""

from collections.abc import Generator, Iterator
from datetime import date
from typing import Final, TypeAlias

from office.receiving import BY_ITSELF
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import accepted_on
from schemas.casework.events import (
    AcceptanceRefused,
    CaseClosed,
    CaseConverted,
    CaseEvent,
    CaseExpedited,
    CaseReceived,
    CaseRehomed,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseTerminated,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyDeclined,
    CustodyReassigned,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    OpinionsRequested,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    RemarkAdded,
    TermExtended,
)
from schemas.casework.fold import follow
from schemas.casework.steps import Step
from schemas.casework.values import Opinion, Outcome, PauseCause, Promise
from schemas.catalogue import CaseType, PlannedStep, TermUnit, may_decide, planned_steps
from schemas.names import Instant, OfficeId
from sync.ports import Stored
from tests.benchmarks.case_paper import REMEDY, CasePaper, Chancery
from tests.benchmarks.load_model import Matter, Origin
from tests.benchmarks.office_hours import DAY_S

Acts: TypeAlias = Iterator[CaseEvent]
Ending: TypeAlias = Generator[CaseEvent, None, bool]
"""Events, and then whether the life goes on."""

CHANCES: Final = {
    "recalled": 0.001,
    "reassigned": 0.0005,
    "declined": 0.004,
    "not accepted": 0.010,
    "silence": 0.001,
    "corrected": 0.06,
    "corrected twice": 0.05,
    "promised papers": 0.10,
    "green channel": 0.003,
    "remark": 0.02,
    "papers asked for later": 0.03,
    "extended": 0.01,
    "converted": 0.03,
    "meeting": 0.30,
    "objection": 0.02,
    "withdrawn": 0.008,
    "terminated": 0.003,
    "refused": 0.02,
    "rehomed": 0.002,
    "reopened": 0.0005,
}
"""How often a life takes such a turn (assumed)."""

CONSULTED: Final = {"MZ04": ("cl",), "MZ05": ("cl",), "NY01": ("nyj", "zrj", "lyj"), "RS07": ("scj", "ybj")}
"""Joint item → windows that are asked for their opinion."""

TOWNSHIPS_OWN: Final = 0.7
"""Share of temporary relief that is small enough for the township."""

OPINION_DAYS: Final = 5
EXTENSION_DAYS_MAX: Final = 10


class Life(CasePaper):
    """One case. `waiting` is its next event, None at the end; whoever writes it says so with `written`."""

    def __init__(self, chancery: Chancery, matter: Matter) -> None:
        item = chancery.edition.get_item(matter.item)
        hours = chancery.hours
        moment = hours.opening(matter.day) + int(chancery.random.random() * DAY_S)
        super().__init__(chancery, matter.office, item, moment)
        self._is_instant = item.case_type is CaseType.INSTANT
        self._last: bytes = b""
        self._steps = self._walk()
        self.waiting: CaseEvent | None = next(self._steps)
        self.at: Instant = hours.instant(self.moment)
        if matter.is_booked:
            self._book(moment)

    def _book(self, moment: int) -> None:
        """Taken in on the day of rest before, or in the evening; the counters go on when they open."""
        hours = self.chancery.hours
        resting = hours.resting_before(moment)
        self.at = resting or hours.evening(moment)
        if resting is None:
            self.moment = (moment // DAY_S + 1) * DAY_S

    def written(self, entry: Stored) -> None:
        """The waiting event became this entry. AssertionError: it broke a rule."""
        assert self.waiting is not None
        self.file = follow(self.file, self.waiting, entry)
        assert self.file is not None
        assert not self.file.breaches, f"{self.waiting.kind} of {self.item.code}: {self.file.breaches}"
        self._last = entry.hash
        self.waiting = next(self._steps, None)
        self.at = max(self.at, self.chancery.hours.instant(self.moment))

    @property
    def case_file(self) -> CaseFile:
        """What the case is by now."""
        assert self.file is not None
        return self.file

    def _happens(self, what: str) -> bool:
        return self.random.random() < CHANCES[what]

    # --- the walk ----------------------------------------------------------------------------------------------------

    def _walk(self) -> Acts:
        is_corrected = not self.is_list and self._happens("corrected")
        missing = self.item.materials.required[:2] if is_corrected else ()
        promised = () if is_corrected else self._promises()
        yield from self._taken_in(missing, promised)
        if self.origin is Origin.VILLAGE and not (yield from self._handed_up()):
            return
        if not (yield from self._verdict(missing, promised)):
            return
        yield from self._asides()
        decider = self.desk if self._decides(self.desk) else self.chancery.window_of(self.item)
        if not (yield from self._at_once(decider) if self._is_instant else self._in_time(decider, promised)):
            return
        yield from self._finish(decider)

    def _promises(self) -> tuple[Promise, ...]:
        """Papers that are promised for a day soon."""
        days = self.item.promise_days // 2
        if days == 0 or not self._happens("promised papers"):
            return ()
        return tuple(Promise(name, self.day_ahead(days)) for name in self.item.materials.deferrable)

    def _decides(self, office: OfficeId) -> bool:
        """By its tier, or by a grant; temporary relief goes to the county when it is not small."""
        if self.item.code == "MZ03" and self.random.random() > TOWNSHIPS_OWN:
            return False
        return may_decide(self.item, office) or self.find_grant(office) is not None

    def _taken_in(self, missing: tuple[str, ...], promised: tuple[Promise, ...]) -> Acts:
        if not self.is_list:
            yield self.filing(missing, promised)
        else:
            filing, parts = self.roster()
            yield filing
            for number, rows in enumerate(parts, 1):
                yield self.rows_added(number, rows)
        self.soon(2, 20)

    def _handed_up(self) -> Ending:
        """From the village to the township; False: it ended there."""
        yield from self._offered(self.office, self.desk, f"{self.item.name}申请材料已当面核对并拍照,请审核受理。")
        if self._happens("recalled"):
            yield self.contribution(RecallRequested, self.office, "申请人补充了新材料,申请撤回。")
            self.soon(10, 60)
            yield self.act(CustodyDeclined, self.desk, "应移交单位申请退回。")
            self.soon(10, 60)
            yield from self._offered(self.office, self.desk, "材料已补充,重新移交。")
        if self._happens("declined"):
            yield self.act(CustodyDeclined, self.desk, "申请人户籍不在本乡镇,请到户籍地申请。", self.item.basis[0])
            yield from self._given_up("申请人到户籍地申请。")
            return False
        if self._happens("reassigned"):
            self.days(2, 4)
            county = self.chancery.county
            yield self.act(CustodyReassigned, county, self.desk, "逾期未接收,县中心改派。", self.leader(county))
        return True

    def _offered(self, office: OfficeId, to: OfficeId, sentence: str) -> Acts:
        """An offer, and the node that gets it says so."""
        yield self.offer(office, to, sentence)
        self.soon(1, 10)
        yield self.contribution(CaseReceived, to, by=BY_ITSELF)
        self.soon(5, 60)

    def _verdict(self, missing: tuple[str, ...], promised: tuple[Promise, ...]) -> Ending:
        """The three answers to a filing; False: it is not accepted."""
        desk = self.desk
        if not missing and self._happens("not accepted"):
            reason = "申请事项不属于本机关职权范围。"
            yield self.act(AcceptanceRefused, desk, reason, "行政许可法第三十二条", REMEDY)
            yield from self._closed("不予受理通知书已送达申请人。")
            return False
        if missing:
            yield from self._correction(missing, "")
            if self._happens("corrected twice"):
                yield from self._correction(missing[:1], "第一次补正的材料与原件不一致,须重新提交。")
        words = f"你提交的{self.item.name}申请材料齐全,符合法定形式,根据{self.item.basis[0]},决定予以受理。"
        deemed = self._silence() if not (missing or promised) and self._happens("silence") else None
        yield self.act(CustodyAccepted, desk, words, promised, deemed)
        return True

    def _silence(self) -> date | None:
        """Nobody answers for more than five working days: from when the law takes that as acceptance."""
        self.days(6, 8)
        return accepted_on(self.case_file, self.chancery.calendar, self.today)

    def _correction(self, missing: tuple[str, ...], justification: str) -> Acts:
        """One notice, the papers, taken up."""
        until = self.day_ahead(5)
        yield self.act(PapersRequested, self.desk, missing, "申请材料不齐全,请一次补齐。", justification, until)
        self.days(0.5, 3)
        yield from self._papers(missing)

    def _papers(self, names: tuple[str, ...]) -> Acts:
        """Brought to the village, or to the counter itself, and taken up by the custodian."""
        custodian = self.case_file.custodian
        assert custodian is not None
        brought: tuple[bytes, ...] = ()
        if custodian != self.office:
            yield self.contribution(PapersBrought, self.office, names, "申请人已补交,原件已核对。")
            brought = (self._last,)
            self.soon(5, 90)
        yield self.act(PapersReceived, custodian, names, brought)
        self.soon(5, 60)

    def _asides(self) -> Acts:
        desk = self.desk
        if self._happens("green channel"):
            yield self.contribution(CaseExpedited, desk, "招商引资重点项目,县政府办公会纪要。", self.leader(desk))
        if self._happens("remark"):
            yield self.contribution(RemarkAdded, self.office, "申请人要求电话通知领取结果。")

    # --- regimes -----------------------------------------------------------------------------------------------------

    def _at_once(self, decider: OfficeId) -> Ending:
        """On the spot, the same day; else converted, with a promise."""
        self.soon(2, 20)
        if decider != self.desk:
            yield self.step(self.desk, Step.REVIEW, "初审材料齐全,报县窗口办理。")
            yield from self._referred(decider)
        can_wait = self.item.legal.days > 0 and self.item.legal.unit is not TermUnit.ON_THE_SPOT
        if can_wait and self._happens("converted"):
            days = min(2, self.item.legal.days)
            yield self.contribution(CaseConverted, decider, days, "系统核验需跨部门反馈,当日不能办结。")
            self.days(0.2, 0.9)
        yield from self._reviewed(decider, [step for step in self._planned(Step.REVIEW) if step.special])
        return (yield from self._decided(decider))

    def _in_time(self, decider: OfficeId, promised: tuple[Promise, ...]) -> Ending:
        """Within the promise: survey, notice, reviews, opinions, the decision. False: it ended before."""
        pace = self.item.promise_days * self.random.uniform(0.35, 0.9)
        self.days(0.1 * pace, 0.2 * pace)
        if promised:
            yield from self._papers(tuple(one.material for one in promised))
        yield from self._prepared(pace)
        if decider != self.desk:
            yield self.step(self.desk, Step.REVIEW, f"{self.item.name}经初审符合条件,材料齐全,拟上报。")
            self.soon(5, 60)
            yield from self._referred(decider)
            self.days(0.1 * pace, 0.2 * pace)
        if self._happens("papers asked for later"):
            yield from self._asked_later(decider)
        if self._happens("withdrawn"):
            yield self.act(CaseWithdrawn, decider, "申请人自愿撤回申请。")
            yield from self._closed("已告知申请人。")
            return False
        agreed = (yield from self._consulted(decider)) if self.item.case_type is CaseType.JOINT else True
        yield from self._reviewed(decider, self._planned(Step.REVIEW) or [PlannedStep(Step.REVIEW, "审查")])
        if self.item.legal.extension_days and self._happens("extended"):
            days = min(EXTENSION_DAYS_MAX, self.item.legal.extension_days)
            yield self.act(
                TermExtended, decider, days, "案情复杂,经批准延长。", self.leader(decider), "苍延〔2026〕1号"
            )
            self.days(0.5, 0.8 * days)
        if self._happens("terminated"):
            yield self.act(CaseTerminated, decider, "申请人死亡,终止办理。", self.item.basis[0])
            yield from self._closed("终止办理决定书已送达。")
            return False
        self.days(0.1 * pace, 0.2 * pace)
        return (yield from self._decided(decider, agreed=agreed))

    def _planned(self, step: Step) -> list[PlannedStep]:
        return [planned for planned in planned_steps(self.item) if planned.step is step]

    def _prepared(self, pace: float) -> Acts:
        """What is done on the spot, before the matter goes up or is reviewed."""
        for planned in self._planned(Step.SURVEY):
            self.days(0.1 * pace, 0.2 * pace)
            if planned.people > 1:
                yield self.survey(self.desk, agrees=True)
            else:
                yield self.step(self.desk, Step.SURVEY, f"{planned.name}:情况属实。")
        for planned in self._planned(Step.PUBLICITY):
            self.days(0.7 * self.item.notice.days, 0.8 * self.item.notice.days)
            yield self.step(self.desk, Step.PUBLICITY, f"{planned.name}{self.item.notice.days}日,无异议。")

    def _reviewed(self, decider: OfficeId, planned: list[PlannedStep]) -> Acts:
        """Each review; a special one stops the clock where the office says so."""
        for one in planned:
            if one.special and not self._is_instant:
                until, paper = self.day_ahead(5), f"苍中止〔2026〕{self.random.randint(1, 999)}号"
                yield self.act(CaseSuspended, decider, _cause_of(one), paper, until, f"{one.name},期间不计入办理时限。")
                self.days(1, 5)
                yield self.act(CaseResumed, decider, f"{one.name}已完成。")
            yield self.step(decider, Step.REVIEW, f"{one.name}:符合条件。")
            self.soon(5, 60)

    def _referred(self, decider: OfficeId) -> Acts:
        yield from self._offered(self.desk, decider, f"{self.item.name}经初审符合条件,现上报{self.item.department}。")
        yield self.act(CustodyAccepted, decider, "已接收,转办理。")
        self.soon(2, 30)

    def _asked_later(self, decider: OfficeId) -> Acts:
        names = self.item.materials.required[:1]
        words = "审查中发现原件与复印件不一致,受理时未能发现。"
        yield self.act(PapersRequested, decider, names, "请补交清晰复印件。", words, self.day_ahead(5))
        self.days(0.3, 2)
        yield from self._papers(names)

    def _consulted(self, decider: OfficeId) -> Generator[CaseEvent, None, bool]:
        """Every department at once; whether all of them agree."""
        county = self.chancery.county
        windows = tuple(OfficeId(f"{county}.{desk}") for desk in CONSULTED[self.item.code])
        meets = self._happens("meeting")
        meeting = self.day_ahead(2) if meets else None
        yield self.act(OpinionsRequested, decider, windows, self.day_ahead(OPINION_DAYS), meeting, "请并联审查。")
        agreed = True
        if meets:
            self.days(2, 2)
            yield self.contribution(MeetingHeld, decider, self.today, windows, windows, "联审会议一致认为材料齐全。")
        for window in windows:
            self.days(0.2, 1.2)
            objects = self._happens("objection")
            agreed = agreed and not objects
            opinion, reason = (Opinion.OBJECTS, "不符合规划。") if objects else (Opinion.AGREES, "经审查,同意办理。")
            yield self.contribution(OpinionGiven, window, opinion, reason, self.item.basis[0])
        return agreed

    def _decided(self, decider: OfficeId, *, agreed: bool = True) -> Ending:
        yield self.decision(decider, granted=agreed and not self._happens("refused"))
        return True

    # --- the end -----------------------------------------------------------------------------------------------------

    def _finish(self, decider: OfficeId) -> Acts:
        """Made, sealed, paid, sent back to where the resident came, handed over, filed away."""
        yield from self._made(decider)
        place = self.office
        if self.origin is Origin.VILLAGE and self._happens("rehomed"):
            place = self.desk
            yield self.act(CaseRehomed, decider, place, "申请人要求在乡镇便民服务中心领取。")
        if decider != place:
            self.soon(5, 60)
            yield self.offer(decider, place, f"{self.item.name}结果已作出,请送达申请人。")
            self.soon(5, 120)
            yield self.act(CustodyAccepted, place, "已领取结果,将送达申请人。")
            if self.origin is Origin.VILLAGE:
                self.days(0.1, 2)
        self.soon(2, 20)
        yield self.handing_over(place)
        if not self._is_instant:
            self.soon(5, 60)
            yield self.step(self.desk, Step.ARCHIVE, "申请材料与决定书副本已归档,保管期限十年。")
        yield from self._closed(f"{self.item.name}已办结,结果已送达。")
        if self._happens("reopened"):
            yield from self._again(decider)

    def _made(self, decider: OfficeId) -> Acts:
        decision = self.case_file.decision
        assert decision is not None
        if decision.outcome is not Outcome.GRANTED:
            return
        for planned in self._planned(Step.PRODUCTION):
            self.soon(5, 60)
            yield self.step(decider, Step.PRODUCTION, f"{planned.name}完成。")
            yield self.step(decider, Step.SEALING, "已加盖窗口章。")
        if self.item.fee_yuan and not self.case_file.is_paid:
            yield self.contribution(
                FeePaid, decider, self.item.fee_yuan * 100, f"NO.{self.random.randrange(10**8):08d}"
            )

    def _again(self, decider: OfficeId) -> Acts:
        """Taken up once more by who decided, by leave of the leader."""
        self.days(2, 20)
        yield self.act(CaseReopened, decider, "决定书文字有误,重新办理。", self.leader(decider))
        yield from self._reviewed(decider, [PlannedStep(Step.REVIEW, "复核")])
        yield from self._decided(decider)
        yield from self._made(decider)
        yield self.handing_over(decider)
        yield from self._closed("重新办理已办结。")

    def _given_up(self, reason: str) -> Acts:
        self.soon(10, 60)
        yield self.act(CaseWithdrawn, self.office, reason)
        yield from self._closed("已告知申请人。")

    def _closed(self, note: str) -> Acts:
        custodian = self.case_file.custodian
        assert custodian is not None
        self.soon(2, 30)
        yield self.act(CaseClosed, custodian, note)


def _cause_of(step: PlannedStep) -> PauseCause:
    """What the law calls such a special procedure (art. 45)."""
    if "检疫" in step.name:
        return PauseCause.QUARANTINE
    if "检验" in step.name:
        return PauseCause.INSPECTION
    return PauseCause.EXPERT_REVIEW if "评审" in step.name else PauseCause.APPRAISAL
