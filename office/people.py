"""The people and desks of this node's county, as of today: who answers for an item, who stands in for whom, when a desk
is staffed next and when a leader signs next.

Answers come from the register, so a village knows its township's days and the county who held which post when an act
was written. What somebody is today is asked at every request (`office.accounts`), never remembered: a term ends at
midnight, a deputy's power with the absence. A village agent whose term is over takes nothing new in; what lies with
them they may still hand over until somebody else is appointed, so that no resident waits for an appointment.
Never writes and never judges an act. Next: `schemas.posts` (the rules), `office.publishing` (our own pen).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from office.casebook import CaseInterpreter
from schemas.calendar import WorkCalendar
from schemas.casework.clocks import day_of
from schemas.casework.roles import Role
from schemas.catalogue import ServiceItem
from schemas.divisions import is_village_office
from schemas.names import OfficeId, OfficerId, parent_seat, seat_of
from schemas.openings import Purpose, hours_on
from schemas.posts import ROLES_OF_POSITION, Responsible, Staff, Unanswered
from schemas.refusals import Refused
from schemas.register import AbsenceStated, Position, PostAssigned, SlotsPublished
from schemas.register_fold import Register
from sync.ports import Clock

_ONE_DAY: Final = timedelta(days=1)

SEARCH_DAYS: Final = 60
"""How far ahead a next day is looked for: a desk that is staffed less than every second month has none to print."""

_NOT_AS_AGENT: Final = frozenset({Role.CLERK, Role.APPROVER, Role.LEADER})
"""Who has one of these takes matters in without being an agent."""


class DeskKind(StrEnum):
    """How a desk is staffed."""

    PERMANENT = "permanent"
    """常驻: on every working day."""
    ROTATING = "rotating"
    """轮驻: on the days published."""
    LIAISON = "liaison"
    """联络: its liaison is called when somebody comes."""


class Staffed(Struct, frozen=True):
    """When somebody sits at a desk, or a site without desks is open."""

    site: OfficeId
    name: str
    day: date
    hours: str
    """As "09:00-17:00"; empty when not stated."""


class Slot(Struct, frozen=True):
    """When a leader signs what waits."""

    day: date
    hours: str
    leader: Responsible


class DeskView(Struct, frozen=True):
    """One desk on the list of desks."""

    site: OfficeId
    name: str
    kind: DeskKind | None
    """None: nobody has published when it is staffed."""
    next: Staffed | None
    people: tuple[PostAssigned, ...]


class People:
    """All questions about posts, absences, desks and slots. `day` is today unless given."""

    def __init__(
        self,
        casebook: CaseInterpreter,
        clock: Clock,
        seat: OfficeId,
        calendar: Callable[[], WorkCalendar],
        office_name: Callable[[OfficeId], str],
    ) -> None:
        """`calendar`, `office_name`: working days, and what offices are called, as known now."""
        self._casebook = casebook
        self._clock = clock
        self._seat = seat
        self._calendar = calendar
        self._office_name = office_name

    @property
    def register(self) -> Register:
        """What the offices have published."""
        return self._casebook.register

    @property
    def today(self) -> date:
        """The day in China; not before the county's last beacon."""
        return day_of(max(self._clock.now(), self._casebook.books.beacon_at))

    def staff(self, office: OfficeId, day: date | None = None) -> Staff:
        """The people of an office."""
        return Staff(self.register, office, day or self.today)

    # --- who ---------------------------------------------------------------------------------------------------------

    def answers_for(self, office: OfficeId, item: str, day: date | None = None) -> Responsible | Unanswered:
        """Who answers for an item at an office."""
        return self.staff(office, day).answers_for(item)

    def answered_by_others(self, office: OfficeId, officer: OfficerId, items: Collection[str]) -> frozenset[str]:
        """Of these items those for which somebody else of the office answers today. What nobody answers for is not
        among them: it is everybody's.
        """
        staff = self.staff(office)
        if not staff.has_posts:
            return frozenset()
        found = {item: staff.answers_for(item) for item in items}
        return frozenset(item for item, who in found.items() if isinstance(who, Responsible) and who.person != officer)

    def post_holders(self, at: OfficeId, item: str, day: date) -> list[PostAssigned]:
        """Who held a post at an office that looked after an item on that day: for whoever examines an act."""
        return self.register.post_holders(at, item, day)

    def name_of(self, officer: OfficerId) -> str:
        """What somebody is called, as any post at their office has it; else their login."""
        return self.staff(office_of(officer)).name_of(officer)

    def stood_in_for(self, officer: OfficerId, day: date) -> tuple[str, ...]:
        """Names of those in whose place somebody was on that day."""
        principals = self.staff(office_of(officer), day).stands_in_for(officer)
        return tuple(principal.name for principal in principals)

    # --- what accounts ask (`office.accounts`) -----------------------------------------------------------------------

    def is_away(self, officer: OfficerId) -> bool:
        """Whether somebody is stated to be away today."""
        return self.register.deputy_of(officer, self.today) is not None

    def is_standing_in(self, officer: OfficerId) -> bool:
        """Whether somebody is in another's place today."""
        return bool(self.staff(office_of(officer)).stands_in_for(officer))

    def roles_today(
        self, officer: OfficerId, own: Collection[Role], accounts: Mapping[OfficerId, Collection[Role]]
    ) -> frozenset[Role]:
        """What somebody is today (`schemas.posts.Staff.roles_on`)."""
        return self.staff(office_of(officer)).roles_on(officer, own, accounts)

    # --- when --------------------------------------------------------------------------------------------------------

    def next_staffed(self, item: ServiceItem, day: date | None = None) -> Staffed | None:
        """When, from that day on, somebody sits at the desk of an item; of an office without such a desk, when it is
        open. Looked for at this office, from a village at the one above, and upward. None: nothing is published.
        """
        day = day or self.today
        for seat in self._line():
            here = [opening.site for opening in self.register.openings(day) if seat_of(opening.site) == seat]
            ranked = sorted((rank, site) for site in here if (rank := self._rank(site, item, day)) is not None)
            found = next((staffed for _, site in ranked if (staffed := self.next_day(site, day)) is not None), None)
            if found is not None:
                return found
        return None

    def next_day(self, site: OfficeId, day: date | None = None) -> Staffed | None:
        """The first day from that one on when a desk is staffed or a site open; None within two months, or unknown. A
        day on which all people of a desk are away is none.
        """
        calendar = self._calendar()
        for on in _days_from(day or self.today):
            opening = self.register.opening_of(site, on)
            hours = hours_on(opening.rules, on, calendar) if opening is not None else None
            is_desk = site != seat_of(site)
            if hours is not None and not (is_desk and self.staff(site, on).is_deserted):
                return Staffed(site, self._office_name(site), on, hours)
        return None

    def next_slot(self, office: OfficeId) -> Slot | None:
        """When, from today on, a leader of the office signs, or who stands in; None when no slot is published."""
        first, register, calendar = self.today, self.register, self._calendar()
        at = office if register.slots_of(office, first) else seat_of(office)
        for on in _days_from(first):
            for slots in register.slots_of(at, on):
                hours = hours_on(slots.rules, on, calendar)
                leader = self.staff(office_of(slots.leader), on).stand_in_of(slots.leader)
                if hours is not None and leader is not None:
                    return Slot(on, hours, leader)
        return None

    def desks(self, seat: OfficeId) -> list[DeskView]:
        """The desks of an office, by code."""
        day, register = self.today, self.register
        published = [*register.offices(), *(opening.site for opening in register.openings(day))]
        return [self._desk(site, day) for site in sorted({one for one in published if one != seat == seat_of(one)})]

    def _desk(self, site: OfficeId, day: date) -> DeskView:
        register = self.register
        opening, people = register.opening_of(site, day), tuple(register.posts_at(site, day))
        kind = None
        if any(post.position is Position.LIAISON for post in people):
            kind = DeskKind.LIAISON
        elif opening is not None:
            opens = [rule for rule in opening.rules if rule.opens and rule.purpose is Purpose.OPENING]
            is_permanent = not opens or any(rule.is_working_week for rule in opens)
            kind = DeskKind.PERMANENT if is_permanent else DeskKind.ROTATING
        return DeskView(site, self._office_name(site), kind, self.next_day(site, day), people)

    def _rank(self, site: OfficeId, item: ServiceItem, day: date) -> int | None:
        """How well a site fits an item: its own desk, its department's, one for everything, the hall; None = not."""
        if site == seat_of(site):
            return 3
        posts, office = self.post_holders(site, item.code, day), self.register.find_office(site, day)
        if any(post.items for post in posts):
            return 0
        if office is not None and office.department:
            return 1 if office.department == item.department else None
        return 2 if posts else None

    def _line(self) -> Iterator[OfficeId]:
        here: OfficeId | None = self._seat
        if is_village_office(self._seat):
            here = parent_seat(self._seat)
        while here is not None:
            yield here
            here = parent_seat(here)


class TermEnded(Refused):
    """A village agent whose appointment is over takes nothing new in."""

    def __init__(self, last_day: date, today: date) -> None:
        super().__init__(
            "term_ended",
            f"您的代办员聘期已于 {last_day} 期满，不能再收新件；手中的件仍可移交和送达。请联系乡镇续聘或另行聘任；"
            f"如本机日期 {today} 不对，请先校正。",
            f"Your term as village agent ended on {last_day}: take nothing new in. What lies with you may still be "
            f"handed on and over. Ask the township to appoint you again, or somebody else; if today is not {today}, "
            "set this computer's clock first.",
        )


class StaffingRefused(Refused):
    """A post, an absence or a slot that cannot be stated so."""


def check_term(register: Register, officer: OfficerId, roles: Collection[Role], today: date) -> None:
    """Raise `TermEnded` for who would take a matter in as a village agent after the end of the term."""
    if _NOT_AS_AGENT.isdisjoint(roles):
        term = Staff(register, office_of(officer), today).ended_term(officer)
        if term is not None:
            raise TermEnded(min(term.effective_until or today, today - _ONE_DAY), today)


def check_staffing(event: PostAssigned | AbsenceStated | SlotsPublished) -> None:
    """Raise `StaffingRefused` for what no office could mean. An end on the day before the beginning takes it back."""
    if isinstance(event, SlotsPublished):
        _check_office_of(event.leader, event.at, is_exact=False)
        return
    until = event.effective_until
    if until is not None and until < event.effective_from != until + _ONE_DAY:
        raise StaffingRefused(
            "staffing_dates",
            "截止日期早于起始日期，没有写入；请核对起止日期。",
            "It would end before it begins; nothing was written. Check both dates.",
        )
    if not (event.document if isinstance(event, PostAssigned) else event.reason).strip():
        raise StaffingRefused(
            "staffing_document",
            "没有写明文号或事由，没有写入；请填写任职、聘任或请假的文号或事由。",
            "Neither a document nor a reason is given; nothing was written. Name what the appointment or absence rests "
            "on.",
        )
    if isinstance(event, PostAssigned):
        _check_office_of(event.person, event.at, is_exact=event.position in ROLES_OF_POSITION)
    elif event.deputy == event.person or office_of(event.deputy) != office_of(event.person):
        raise StaffingRefused(
            "deputy_elsewhere",
            "代理人须是同一单位的其他人员，没有写入；请另选代理人。",
            "The deputy must be somebody else of the same office; nothing was written. Name another one.",
        )


def _check_office_of(person: OfficerId, at: OfficeId, *, is_exact: bool) -> None:
    own = office_of(person)
    if own != at and (is_exact or own != seat_of(at)):
        raise StaffingRefused(
            "person_elsewhere",
            f"人员 {person} 不是单位 {at} 的人员，没有写入；请写成“单位代码/登录名”，并核对单位。",
            f"{person} is nobody of {at}; nothing was written. Write the office's code, a slash and the login, and "
            "check the office.",
        )


def office_of(officer: OfficerId) -> OfficeId:
    """The office that stands in an officer's name."""
    return OfficeId(officer.partition("/")[0])


def _days_from(day: date) -> Iterator[date]:
    return (day + timedelta(days=number) for number in range(SEARCH_DAYS + 1))
