"""What offices write into one case: each kind of event with the words that a form would print.

Every event is the product's own, made on what the case has become by then. Never decides what happens next (`lives`)
and never asks whether an act is allowed: whoever writes it does.
"""

from datetime import date, timedelta
from random import Random
from typing import Final

from office.intake import VILLAGE_DOCUMENT
from office.seeds import SAMPLE_COUNTY, load_divisions
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.events import (
    Act,
    CaseDecided,
    CaseFiled,
    Contribution,
    CustodyOffered,
    ResultHandedOver,
    RosterAdded,
    SiteSurveyed,
    StepCompleted,
)
from schemas.casework.mandates import SCOPES_OF, UNBOUND, bind, words_of
from schemas.casework.rosters import digest_of, sort_rows, split
from schemas.casework.steps import Step
from schemas.casework.values import (
    Applicant,
    Channel,
    Consent,
    Excepted,
    Handover,
    Mandate,
    Material,
    MaterialStatus,
    Outcome,
    Promise,
    RosterRow,
    SignedHow,
)
from schemas.catalogue import Edition, Grant, ServiceItem, find_grant, may_decide
from schemas.names import CASE_ID_BYTES, CaseId, OfficeId, OfficerId, seat_of, tracking_number
from tests.benchmarks.load_model import BY_LIST, Origin, is_by_list, origin_of
from tests.benchmarks.office_hours import DAY_S, OfficeHours
from tests.benchmarks.paperwork import CLERKS, SECRET_HASH_BYTES, TEMPLATE_TEXT, Pen

WINDOWS: Final = {
    "县残联": "cl",
    "县公安局": "gaj",
    "县林业局": "lyj",
    "县民政局": "mzj",
    "县农业农村局": "nyj",
    "县人社局": "rsj",
    "县市场监管局": "scj",
    "县司法局": "sfj",
    "县退役军人事务局": "tyj",
    "县卫健局": "wjj",
    "县医保局": "ybj",
    "县自然资源局": "zrj",
    "乡镇人民政府": "scj",
}
"""Department → its window at the county."""

LEADER: Final = "hu"
"""Who approves what a clerk may not do alone."""

REMEDY: Final = "如不服本决定,可自收到之日起六十日内申请行政复议,或者六个月内向人民法院提起行政诉讼。"

MARK: Final = "Y6"
"""Two characters of every tracking number, as an epoch draws them."""

CHANNELS: Final = (Channel.COUNTER,) * 7 + (Channel.HOME, Channel.MARKET_DAY, Channel.MARKET_DAY)
"""How matters reach a village (assumed)."""


class Chancery:
    """What all cases of a county share: chance, hours, the catalogue, and each office's running numbers."""

    def __init__(
        self,
        random: Random,
        edition: Edition,
        calendar: WorkCalendar,
        hours: OfficeHours,
        rows_per_list: int,
        grants: tuple[Grant, ...] = (),
    ) -> None:
        self.random = random
        self.grants = grants
        self.pen = Pen(random, TEMPLATE_TEXT)
        self.edition = edition
        self.calendar = calendar
        self.hours = hours
        self.rows_per_list = rows_per_list
        self.county = OfficeId(SAMPLE_COUNTY)
        self._serials: dict[OfficeId, int] = {}

    def next_serial(self, seat: OfficeId) -> int:
        """The next number of a seat's own register."""
        serial = self._serials[seat] = self._serials.get(seat, 0) + 1
        return serial

    def window_of(self, item: ServiceItem) -> OfficeId:
        """The window at the county that answers for an item."""
        return OfficeId(f"{self.county}.{WINDOWS[item.department]}")


class CasePaper:
    """The events of one case. `moment`: when the next one is written; `file`: what the case is by then."""

    def __init__(self, chancery: Chancery, office: OfficeId, item: ServiceItem, moment: int) -> None:
        self.chancery = chancery
        self.item = item
        self.moment = moment
        self.random = chancery.random
        self.origin = origin_of(office)
        self.office = chancery.window_of(item) if self.origin is Origin.COUNTY else office
        """Where the resident came."""
        self.desk = OfficeId(office[:9]) if self.origin is Origin.VILLAGE else self.office
        """The office that may accept it."""
        self.case = CaseId(self.random.randbytes(CASE_ID_BYTES))
        self.file: CaseFile | None = None
        self.applicant = chancery.pen.applicant()
        self.is_list = is_by_list(item.code, self.origin)

    # --- time --------------------------------------------------------------------------------------------------------

    def soon(self, low: int, high: int) -> None:
        """Some minutes later, on the same day."""
        last = (self.moment // DAY_S + 1) * DAY_S - 1
        self.moment = min(self.moment + self.random.randint(low * 60, high * 60), last)

    def days(self, low: float, high: float) -> None:
        """Some working days later."""
        self.moment += int(self.random.uniform(low, high) * DAY_S)

    @property
    def today(self) -> date:
        """The working day of the next event."""
        return self.chancery.hours.day(self.moment)

    def day_ahead(self, days: int) -> date:
        """So many working days after today."""
        return self.chancery.hours.day(self.moment + days * DAY_S)

    # --- single events -----------------------------------------------------------------------------------------------

    def act(self, kind: type[Act], office: OfficeId, *fields: object) -> Act:
        """The next act, on the one before."""
        make: type = kind
        turn, tip = (self.file.turn, self.file.tip) if self.file is not None else (0, None)
        return make(turn + 1, tip, self.chancery.pen.operation(), office, self.officer(office), *fields)

    def contribution(self, kind: type[Contribution], office: OfficeId, *fields: object, by: str = "") -> Contribution:
        """A contribution behind the last act."""
        make: type = kind
        assert self.file is not None
        author = OfficerId(f"{office}/{by}") if by else self.officer(office)
        return make(self.file.turn, self.chancery.pen.operation(), office, author, *fields)

    def officer(self, office: OfficeId) -> OfficerId:
        """One of an office's clerks."""
        return OfficerId(f"{office}/{self.random.choice(CLERKS)}")

    def leader(self, office: OfficeId) -> OfficerId:
        """Who approves there."""
        return OfficerId(f"{office}/{LEADER}")

    def filing(self, missing: tuple[str, ...], promised: tuple[Promise, ...]) -> Act:
        """Turn 1: what was handed in, without what is `missing`."""
        seat = seat_of(self.office)
        number = tracking_number(seat, MARK, self.chancery.next_serial(seat))
        consents = (Consent.REUSE,) if self.random.random() < 0.3 else ()
        return self.act(
            CaseFiled,
            self.office,
            self.item.code,
            self.chancery.edition.version,
            number,
            self.random.randbytes(SECRET_HASH_BYTES),
            self.applicant,
            self._materials(missing, promised),
            self.chancery.pen.free_text(10, 30),
            self._mandate(),
            self.random.choice(CHANNELS) if self.origin is Origin.VILLAGE else Channel.COUNTER,
            consents,
        )

    def _materials(self, missing: tuple[str, ...], promised: tuple[Promise, ...]) -> tuple[Material, ...]:
        listed = self.item.materials
        given = MaterialStatus.PROVIDED
        deferred = {one.material: Material(one.material, MaterialStatus.DEFERRED, one.until) for one in promised}
        rows = [Material(name, given) for name in listed.required if name not in missing]
        rows += [deferred.get(name, Material(name, given)) for name in listed.deferrable]
        rows += [Material(name, MaterialStatus.VERIFIED) for name in listed.verified]
        return (*rows, *(Material(name, MaterialStatus.PLEDGED) for name in listed.pledged))

    def _mandate(self) -> Mandate | None:
        """At a village every second resident has signed one."""
        scopes = SCOPES_OF[self.item.delegation]
        if self.origin is not Origin.VILLAGE or not scopes or self.random.random() < 0.5:
            return None
        until = self.today + timedelta(days=90)
        words = words_of(self.item, self.applicant.name, load_divisions().get(self.office).name, scopes, until)
        mandate = Mandate(scopes, until, self.applicant.name, SignedHow.SIGNATURE, words, UNBOUND)
        return bind(mandate, self.case, self.item.code, self.applicant)

    def roster(self) -> tuple[Act, list[tuple[RosterRow, ...]]]:
        """The filing of a village's list, and its rows in parts."""
        count = max(1, int(self.chancery.rows_per_list * self.random.uniform(0.4, 1.6)))
        people = [self.chancery.pen.applicant() for _ in range(count)]
        rows = sort_rows(RosterRow(one.name, one.document_type, one.document_number, one.phone) for one in people)
        seat = seat_of(self.office)
        filing = self.act(
            CaseFiled,
            self.office,
            BY_LIST,
            self.chancery.edition.version,
            tracking_number(seat, MARK, self.chancery.next_serial(seat)),
            self.random.randbytes(SECRET_HASH_BYTES),
            Applicant(load_divisions().get(self.office).name, VILLAGE_DOCUMENT, self.office),
            (),
            "",
            None,
            Channel.LIST,
            (),
            (),
            digest_of(rows),
            len(rows),
        )
        return filing, split(rows)

    def rows_added(self, part: int, rows: tuple[RosterRow, ...]) -> Contribution:
        """One part of the list."""
        return self.contribution(RosterAdded, self.office, part, rows)

    def offer(self, office: OfficeId, to: OfficeId, sentence: str) -> Act:
        """The pen put down before another office."""
        return self.act(CustodyOffered, office, to, sentence)

    def step(self, office: OfficeId, step: Step, words: str) -> Contribution:
        """One of the nine steps done; sealing is done by two."""
        second = self.leader(office) if step is Step.SEALING else OfficerId("")
        return self.contribution(StepCompleted, office, step, words, second)

    def survey(self, office: OfficeId, *, agrees: bool) -> Contribution:
        """Two officers were there."""
        first, second = self.random.sample(CLERKS, 2)
        surveyors = (OfficerId(f"{office}/{first}"), OfficerId(f"{office}/{second}"))
        place = load_divisions().get(self.office).name if self.origin is Origin.VILLAGE else "申请地点"
        found = "现场情况与申请一致,符合规定的条件。" if agrees else "现场情况与申请不符。"
        return self.contribution(SiteSurveyed, office, surveyors, self.today, place, found, agrees, by=first)

    def decision(self, office: OfficeId, *, granted: bool) -> Act:
        """Granted, or refused with reason, basis and remedy; of a list, without some of its rows."""
        basis = ";".join(self.item.basis)
        number = f"苍政务〔{self.today.year}〕{self.chancery.next_serial(seat_of(office))}号"
        authority = self._authority(office)
        if not granted:
            reason = f"经审查,申请不符合{self.item.basis[0]}规定的条件。"
            return self.act(CaseDecided, office, Outcome.REFUSED, reason, basis, REMEDY, number, *authority)
        reason = f"经审查,申请符合{self.item.basis[0]}规定的条件,准予办理{self.item.name}。"
        rows = self.file.filing.roster_rows if self.file is not None and self.file.filing is not None else 0
        excepted = (Excepted(self.random.randint(1, rows), "已在户籍地参保。"),) if rows else ()
        return self.act(CaseDecided, office, Outcome.GRANTED, reason, basis, "", number, *authority, (), excepted)

    def find_grant(self, office: OfficeId) -> Grant | None:
        """By which an office decides what is not its own."""
        return (
            None if may_decide(self.item, office) else find_grant(self.chancery.grants, self.item, office, self.today)
        )

    def _authority(self, office: OfficeId) -> tuple[str, str]:
        """Grant and organ, as a decision names them."""
        grant = self.find_grant(office)
        return (grant.number, grant.grantor if grant.is_entrusted else "") if grant is not None else ("", "")

    def handing_over(self, office: OfficeId) -> Act:
        """The result in the resident's hands."""
        how = Handover.HOME if self.origin is Origin.VILLAGE and self.random.random() < 0.3 else Handover.COUNTER
        note = f"已核对领取人身份证件,{self.item.name}结果当面清点无误,领取人已签收。"
        return self.act(ResultHandedOver, office, self.applicant.name, how, note)
