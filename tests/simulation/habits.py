"""The habits of honest offices (AUDIT 3), laid over the lives of a generated year.

Two events in a minute, one person who checks and decides, work after the recorded end, a quarter overdue, evenings now
and then, residents who come again, reasons in their own words. Everything here is lawful, and what is late says so
itself (`truths`). Never plants anything: that is `dishonest`. Next: `tests.benchmarks.lives`, the routes themselves.
"""

from random import Random
from typing import Final

from msgspec import Struct, structs

from schemas.casework.events import AcceptanceRefused, Act, CaseDecided, CaseEvent, RemarkAdded
from schemas.casework.fold import follow
from schemas.casework.lifecycle import CONTRIBUTIONS
from schemas.casework.steps import Step
from schemas.casework.values import Applicant, Outcome
from schemas.catalogue import Grant
from schemas.names import Instant, OfficeId, OfficerId
from sync.ports import Stored
from tests.benchmarks.case_paper import Chancery
from tests.benchmarks.lives import Acts, Life
from tests.benchmarks.load_model import Matter, Origin
from tests.benchmarks.office_hours import DAY_S

IN_A_MINUTE: Final = 0.79
"""Share of cases in which two events stand within a minute: a form asks for nothing but a click."""

QUICK: Final = 0.92
"""Share of their gaps that are so short."""

QUICK_S: Final = (4, 45)
ALONE: Final = 0.80
"""One person checks and decides."""

AFTER_THE_END: Final = 0.109
"""Share of cases with events after the recorded end."""

TARDY: Final = 0.92
"""Of matters with a term so many are begun late and end late: a quarter of all cases is overdue."""

EVENING: Final = 0.0025
"""Share of events that move what is left of a day's work into the evening: about 1 % are then off-hours."""

RETURNING: Final = 0.35
"""Share of applicants who have been at that counter before, with something else."""

SEPARATED: Final = "WJ05"
"""An item for which the county declares that nobody both accepts and decides: its leaders decide."""

DUTIES: Final = (("custody.accepted", "case.decided"),)
"""The pair of acts that it declares."""

RESIDENTS_MAX: Final = 400
"""Of each counter, from whom those who return are drawn."""

WHYS: Final = (
    "申请人的户籍已经迁出",
    "提交的证明与登记信息不一致",
    "家庭收入超过规定的标准",
    "申请的用地不在规划范围内",
    "申请人已经享受同类待遇",
    "缴费年限没有达到规定",
    "经营场所没有取得使用权",
    "年龄没有达到规定的条件",
)
"""Why something is refused; the case's own particulars follow."""


class Resident(Struct):
    """Somebody who has been here, and with what."""

    person: Applicant
    items: set[str]


class Townspeople:
    """Residents of all counters: nobody has another one's number, and some come again with another matter."""

    def __init__(self, random: Random, chancery: Chancery) -> None:
        self._random = random
        self._chancery = chancery
        self._numbers: set[str] = set()
        self._of: dict[OfficeId, list[Resident]] = {}

    def draw(self, office: OfficeId, item: str, share: float = RETURNING) -> Applicant:
        """Who comes to an office with an item."""
        known = self._of.setdefault(office, [])
        if known and self._random.random() < share:
            resident = self._random.choice(known)
            if item not in resident.items:
                resident.items.add(item)
                return resident.person
        person = self.stranger()
        if len(known) < RESIDENTS_MAX:
            known.append(Resident(person, {item}))
        return person

    def stranger(self) -> Applicant:
        """Somebody whom nobody here has seen."""
        while True:
            person = self._chancery.pen.applicant()
            if person.document_number not in self._numbers:
                self._numbers.add(person.document_number)
                return person


class HonestLife(Life):
    """One case of an honest office. `at` is the world's time of the next event; what is written is the office's claim.

    A walk may set, just before it yields an event: `exact`, the world's time of it; `claim`, what is written as its
    time; `pen`, the code with which the product's own pen would refuse it; `breach`, the rule of the fold that it
    breaks.
    """

    def __init__(self, chancery: Chancery, people: Townspeople, matter: Matter) -> None:
        self.people = people
        self.exact: Instant | None = None
        self.claim: Instant | None = None
        self.pen = ""
        self.breach = ""
        self.events: list[tuple[CaseEvent, Instant]] = []
        """What was written, and when in the world."""
        random = chancery.random
        self.alone = random.random() < ALONE
        self.tardy = random.random() < TARDY
        self.quick = QUICK if random.random() < IN_A_MINUTE else 0.0
        self._clerks: dict[OfficeId, OfficerId] = {}
        super().__init__(chancery, matter)

    def written(self, entry: Stored) -> None:
        """See `Life.written`; a breach that was announced is not wondered at."""
        assert self.waiting is not None
        self.events.append((self.waiting, self.at))
        self.file = follow(self.file, self.waiting, entry)
        assert self.file is not None
        found = [one.code for one in self.file.breaches if one.hash == entry.hash]
        assert found == ([self.breach] if self.breach else []), f"{self.waiting.kind} of {self.item.code}: {found}"
        self._last = entry.hash
        self.exact, self.claim, self.pen, self.breach = None, None, "", ""
        self.waiting = next(self._steps, None)
        if self.waiting is not None:
            self.at = self._time_of(self.waiting)

    def _time_of(self, event: CaseEvent) -> Instant:
        hours = self.chancery.hours
        if self.exact is not None:
            return self.exact
        at = max(self.at, hours.instant(self.moment))
        if not self.quick:
            at = max(at, Instant(self.at + self.random.randint(61, 200) * 1000))
        is_bound = event.kind in CONTRIBUTIONS and not CONTRIBUTIONS[event.kind]
        if is_bound or self.random.random() > self._evening():
            return at
        return max(at, hours.evening(self.moment))

    def _evening(self) -> float:
        return EVENING

    def postpone(self, moment: int) -> None:
        """Nothing is known here before that moment: the line was down."""
        self.moment = max(self.moment, moment)
        self.at = max(self.at, self.chancery.hours.instant(self.moment))

    # --- habits ------------------------------------------------------------------------------------------------------

    def soon(self, low: int, high: int) -> None:
        """Mostly a click after a click."""
        if self.random.random() < self.quick:
            last = (self.moment // DAY_S + 1) * DAY_S - 1
            self.moment = min(self.moment + self.random.randint(*QUICK_S), last)
        else:
            super().soon(low, high)

    def days(self, low: float, high: float) -> None:
        """Between acceptance and decision a tardy office takes longer than it promised."""
        file = self.file
        is_due = file is not None and file.accepted_at is not None and file.decision is None
        slow = self.random.uniform(3.5, 6.0) if self.tardy and is_due else 1.0
        super().days(slow * low, slow * high)

    def officer(self, office: OfficeId) -> OfficerId:
        """The same person throughout, or each time somebody."""
        if not self.alone:
            return super().officer(office)
        return self._clerks.setdefault(office, super().officer(office))

    def act(self, kind: type[Act], office: OfficeId, *fields: object) -> Act:
        """Reasons of a refusal are written for the case."""
        event = super().act(kind, office, *fields)
        if isinstance(event, CaseDecided) and self.item.code == SEPARATED:
            event = structs.replace(event, officer=self.leader(office))
        if isinstance(event, AcceptanceRefused) or (
            isinstance(event, CaseDecided) and event.outcome is Outcome.REFUSED
        ):
            return structs.replace(event, reason=self.reason())
        return event

    def find_grant(self, office: OfficeId) -> Grant | None:
        """One that ends is left alone: the matter might outlast it."""
        grant = super().find_grant(office)
        return grant if grant is not None and grant.effective_until is None else None

    def reason(self) -> str:
        """Why, in somebody's own words."""
        why, day, part = self.random.choice(WHYS), self.today, self.random.randint(1, 9999)
        return f"经{day.month}月{day.day}日核查(档案第{part}号),{why},不符合{self.item.name}的条件。"

    def _taken_in(self, missing: tuple[str, ...], promised: tuple[object, ...]) -> Acts:
        if not self.is_list:
            self.applicant = self.people.draw(self.office, self.item.code)
        return super()._taken_in(missing, promised)  # pyright: ignore[reportArgumentType]

    def _happens(self, what: str) -> bool:
        # What is overdue already is not extended any more, and a matter on the spot is not made to wait.
        if what == "extended" and self.tardy:
            return False
        return super()._happens(what)

    def _closed(self, note: str) -> Acts:
        yield from super()._closed(note)
        if self.random.random() > AFTER_THE_END:
            return
        file = self.case_file
        office = file.holders[-1] if file.holders else self.desk
        self.soon(5, 600)
        if self.origin is not Origin.VILLAGE and self.random.random() < 0.5:
            yield self.step(office, Step.ARCHIVE, "补录归档目录,原件已装订。")
        else:
            yield self.contribution(RemarkAdded, office, "档案已补充扫描件目录。")
