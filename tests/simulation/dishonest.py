"""A county with dishonest offices in it: an honest year, and among it cases of which somebody knows what is wrong.

Every plant is an ordinary case in the journals of the offices, written from the text of AUDIT 4.2 alone: of each rule
some cases that it must find, and beside each of them a twin on the other side of the threshold that it must leave
alone. The label says which. Never reads a rule of the product. Next: `frauds_in_time`, `frauds_in_work`,
`frauds_in_people` (what is planted), `habits` (the honest rest), `tests.benchmarks.audit` (who counts).
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from heapq import heappop, heappush
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct

from office.clock import SystemSalts
from office.founding import prepare_device
from office.node import Node
from office.paths import read_private, write_private
from office.seat import SeatFile, load_signer, save_seat
from schemas.casework.clocks import CHINA_TIME, day_of
from schemas.casework.events import Act, CaseClosed, CustodyAccepted
from schemas.casework.lifecycle import permits_event
from schemas.casework.reasons import NotPermitted
from schemas.catalogue import CaseType, Grant
from schemas.codec import encode
from schemas.names import CaseId, Instant, OfficeId, OfficerId, seat_of
from schemas.register import GrantMade, Published
from schemas.wire import Certificate, Enrolment, enrolment_message
from sync.keys import SEED_BYTES, Ed25519Key
from tests.benchmarks.bulk import Device
from tests.benchmarks.case_paper import CasePaper
from tests.benchmarks.county_year import COUNTY_NAME, WRITTEN_BY_THE_NODE, YEAR, Year
from tests.benchmarks.lives import Acts, Life
from tests.benchmarks.load_model import Matter, townships
from tests.benchmarks.office_hours import DAY_S
from tests.simulation.county_lines import DAY, CountyLines, Outage, china
from tests.simulation.habits import HonestLife, Townspeople
from tests.simulation.truths import truths_of

STARRED: Final = frozenset(
    {"I1", "I2", "I3", "I4", "I5", "I6"}
    | {"P1", "P2", "P4", "P5", "P6", "P8", "P9", "P11", "P12", "P13", "P14", "P15", "P16", "P20"}
)
"""The first twenty rules, as AUDIT 4.2 marks them."""

BATCH: Final = "RS03"
"""Yearly certification of pensioners: an item that the county declares to be handled in groups."""

ACCUSED: Final = frozenset({"red", "yellow"})
"""Severities that ask something of an office."""

OUTAGES_SHARE: Final = 0.12
"""Of seats whose line is dead for some days once in the year."""

OUTAGE_DAYS: Final = (1, 6)
REPLACED: Final = 6
"""Devices that are replaced in the year."""

FOUNDED: Final = datetime(YEAR - 1, 12, 30, 9, tzinfo=CHINA_TIME)


class Label(Struct, frozen=True):
    """What is known of a plant."""

    rule: str
    """As AUDIT 4.2 has it."""
    variant: str
    """Which of the rule's conditions, or which guard."""
    is_guilty: bool
    cases: tuple[CaseId, ...]
    """A finding on any of them finds the plant."""
    parameters: Mapping[str, int | str]
    """On which side of the threshold it lies, and how far."""
    severities: frozenset[str] = ACCUSED
    """Guilty: what it may be called. Innocent: what it must not be called."""
    pen: tuple[str, ...] = ()
    """Codes with which the product's own pen would have refused entries of it; they arrived all the same."""
    office: OfficeId | None = None
    """Of a plant that is about no single case: the office that a finding has to name."""


class Verdict(Struct, frozen=True):
    """One finding, as far as labels are compared with it."""

    rule: str
    case: CaseId
    severity: str
    office: OfficeId = OfficeId("")


class Plant(HonestLife):
    """One planted case: its walk is a script's."""

    def __init__(self, year: "PlantedYear", office: OfficeId, item: str, day: date, script: "Script") -> None:
        self.script = script
        self.pens: list[str] = []
        self.is_former = False
        """The next event is written at the device that the office had before."""
        self.before_anchor_ms: int | None = None
        """The next event claims to have been written so long before the latest time that its journal names."""
        self.by: dict[OfficeId, OfficerId] = {}
        """Who writes for an office, where the script says so."""
        super().__init__(year.chancery, year.people, Matter(day, office, item, is_booked=False))
        self.begins = self.at
        self.alone, self.tardy, self.quick = True, False, 1.0

    def _walk(self) -> Acts:
        self.applicant = self.people.stranger()
        # Never near the day's end: the exchange with the office above is still on the same day.
        self.moment = self.moment // DAY_S * DAY_S + self.random.randint(1800, DAY_S // 2)
        self.at = Instant(0)
        return self.script(self)

    def _evening(self) -> float:
        return 0.0

    def act(self, kind: type[Act], office: OfficeId, *fields: object) -> Act:
        """As the script words it."""
        return CasePaper.act(self, kind, office, *fields)

    def officer(self, office: OfficeId) -> OfficerId:
        """Whom the script names; else anybody."""
        return self.by.get(office) or super().officer(office)

    # --- time, to the second -----------------------------------------------------------------------------------------

    def seconds(self, count: int) -> None:
        """Exactly so many seconds later, within the day."""
        self.moment += count

    def working_days(self, count: int, *, after: int | None = None) -> None:
        """So many working days after the day of a moment (this one's), at some time of that morning."""
        start = self.moment if after is None else after
        self.moment = (start // DAY_S + count) * DAY_S + self.random.randint(1800, DAY_S // 2)

    # --- passages that scripts share ---------------------------------------------------------------------------------

    def accepted(self) -> Acts:
        """Filed at the counter, and accepted at once."""
        yield self.filing((), ())
        self.seconds(self.random.randint(20, 200))
        yield from self.acceptance()

    def acceptance(self) -> Acts:
        """The acceptance alone."""
        yield self.act(CustodyAccepted, self.desk, f"{self.item.name}申请材料齐全,符合法定形式,予以受理。")

    def delivered(self, decider: OfficeId) -> Acts:
        """Made, paid, handed over where it was decided, struck off."""
        self.seconds(self.random.randint(30, 600))
        yield from self._made(decider)
        self.seconds(self.random.randint(20, 300))
        yield self.handing_over(decider)
        self.seconds(self.random.randint(20, 300))
        yield from self.struck_off(decider)

    def struck_off(self, office: OfficeId) -> Acts:
        """The case is closed, there and then."""
        yield self.act(CaseClosed, office, f"{self.item.name}已办结。")

    def granted(self, decider: OfficeId) -> Acts:
        """Granted and delivered."""
        yield self.decision(decider, granted=True)
        yield from self.delivered(decider)


Script: TypeAlias = Callable[[Plant], Acts]


class PlantedYear(Year):
    """An honest county-year of a given share, with plants in it. `labels` and `lives` say what is known of it."""

    def __init__(self, node: Node, share: float, seed: int) -> None:
        super().__init__(node, share, seed)
        self.labels: list[Label] = []
        self.lives: list[HonestLife] = []
        """The honest ones that were begun."""
        self.planted: list[Plant] = []
        self.people = Townspeople(self.random, self.chancery)
        self.lines = CountyLines(self.bulk, node.books, self.random, self.chancery.county)
        self._published: list[tuple[OfficeId, Published]] = []
        """What goes into the register before the year, and by whom."""
        self.replacements: list[tuple[Instant, OfficeId]] = []
        self.former: dict[OfficeId, Device] = {}
        """Seat → the device that was replaced there."""
        self.last_at = Instant(0)
        self.on_month: Callable[[int], Awaitable[None]] = _nobody
        towns = townships()
        self.quiet = {town.office for town in towns[::2]}
        """Townships whose lines, and whose villages', never fail: what is planted there depends on no line."""
        self.towns = towns

    # --- before the year ---------------------------------------------------------------------------------------------

    async def enrol(self) -> None:
        """Devices with clocks of their own, lines that will fail, and the grants in the county's register."""
        await super().enrol()
        seats = [seat for seat in self.bulk.devices if seat != self.chancery.county]
        self.lines.add(seats)
        for seat in seats:
            if OfficeId(seat[:9]) in self.quiet or self.random.random() > OUTAGES_SHARE:
                continue
            since = china(date(YEAR, self.random.randint(1, 12), self.random.randint(1, 28)), 11)
            days = self.random.uniform(*OUTAGE_DAYS)
            self.lines.devices[seat].outage = Outage(since, Instant(since + round(days * DAY)))
        troubled = sorted(seat for seat in seats if OfficeId(seat[:9]) not in self.quiet)
        for number, seat in enumerate(self.random.sample(troubled, REPLACED)):
            self.replace_device(seat, china(date(YEAR, 2 * number + 1, 12), 13))
        for one in self.chancery.grants:
            self.publish(self.chancery.county, self._made(one))
        for office, event in self._published:
            await self.bulk.line(office, event.kind, encode(event), china(date(YEAR, 1, 1), 9))
        await self.bulk.flush()

    def add_grant(self, one: Grant) -> None:
        """A grant that the county published; before `enrol`."""
        self.chancery.grants = (*self.chancery.grants, one)

    def replace_device(self, seat: OfficeId, at: Instant) -> None:
        """Another device takes a seat at that time; before the year is lived."""
        self.replacements.append((at, seat))
        self.replacements.sort()

    def publish(self, office: OfficeId, event: Published) -> None:
        """Something that an office publishes on the first day of the year; before `enrol`."""
        self._published.append((office, event))

    def _made(self, one: Grant) -> GrantMade:
        county = self.chancery.county
        return GrantMade(
            self.chancery.pen.operation(),
            county,
            OfficerId(f"{county}/hu"),
            one.number,
            one.grantor,
            one.is_entrusted,
            one.grantees,
            one.items,
            one.effective_from,
            one.effective_until,
            one.document,
        )

    # --- plants ------------------------------------------------------------------------------------------------------

    def plant(self, office: OfficeId, item: str, day: date, script: Script) -> Plant:
        """One case more, on that day or the next working day."""
        life = Plant(self, office, item, day, script)
        self.planted.append(life)
        return life

    def label(
        self,
        rule: str,
        variant: str,
        is_guilty: bool,
        lives: Sequence[Plant],
        severities: frozenset[str] = ACCUSED,
        pen: tuple[str, ...] = (),
        **parameters: int | str,
    ) -> None:
        """Say what is known of some plants."""
        cases = tuple(life.case for life in lives)
        self.labels.append(Label(rule, variant, is_guilty, cases, parameters, severities, pen))

    def label_office(self, rule: str, variant: str, is_guilty: bool, office: OfficeId, **parameters: int | str) -> None:
        """Say what is known of an office, whatever its cases."""
        self.labels.append(Label(rule, variant, is_guilty, (), parameters, office=office))

    def a_day(self, first: int = 2, last: int = 10) -> date:
        """A working day in these months."""
        days = [day for day in self.chancery.hours.days if day.year == YEAR and first <= day.month <= last]
        return self.random.choice(days)

    def a_town(self) -> OfficeId:
        """A township whose line is good."""
        return self.random.choice(sorted(self.quiet))

    def a_village(self, town: OfficeId | None = None) -> OfficeId:
        """A village of such a township."""
        chosen = town or self.a_town()
        villages = next(one.villages for one in self.towns if one.office == chosen)
        return self.random.choice([village for village, _ in villages])

    # --- the year ----------------------------------------------------------------------------------------------------

    def _lives(self, month: int) -> Iterator[Life]:
        planted = sorted(
            (life for life in self.planted if day_of(life.begins).month == month), key=lambda life: life.begins
        )
        queue: list[tuple[Instant, int, Life]] = []
        for number, life in enumerate(planted):
            heappush(queue, (life.at, number, life))
        for life in self._honest(month):
            while queue and queue[0][0] <= life.at:
                yield heappop(queue)[2]
            yield life
        while queue:
            yield heappop(queue)[2]

    def _honest(self, month: int) -> Iterator[HonestLife]:
        day, of_the_day = None, list[HonestLife]()
        for matter in self.model.matters(self.random, month):
            if matter.day != day:
                yield from sorted(of_the_day, key=lambda life: life.at)
                day, of_the_day = matter.day, []
            life = HonestLife(self.chancery, self.people, matter)
            self.lives.append(life)
            of_the_day.append(life)
        yield from sorted(of_the_day, key=lambda life: life.at)

    async def _go_on(self, waiting: list[tuple[Instant, int, Life]], upto: Instant | None) -> None:
        while waiting and (upto is None or waiting[0][0] <= upto):
            _, number, life = heappop(waiting)
            assert isinstance(life, HonestLife)
            if self._is_cut_off(life):
                heappush(waiting, (life.at, number, life))
                continue
            await self._reach(life)
            self._write(life)
            if life.waiting is not None:
                heappush(waiting, (life.at, number, life))
            if self.bulk.is_full:
                await self.bulk.flush()

    async def month_over(self, month: int) -> None:
        """Lines and store are as they stand after the month's last filing; then whoever looks in does so."""
        await self.lines.advance(self.last_at)
        await self.bulk.flush()
        await self.on_month(month)

    async def live(self) -> None:
        """See `Year.live`; at the end everything has gone up."""
        await super().live()
        await self.lines.advance(Instant(self.last_at + 3 * DAY))
        await self.bulk.finish()

    def _is_cut_off(self, life: HonestLife) -> bool:
        """Whether the next event's office cannot know of the one before: then it comes when the line is up again."""
        event, file = life.waiting, life.file
        assert event is not None
        if file is None or isinstance(life, Plant):
            return False
        # What must be done on its day is carried by hand.
        if life.item.case_type is CaseType.INSTANT and file.accepted_at is not None and file.decision is None:
            return False
        before, here = seat_of(life.events[-1][0].office), seat_of(event.office)
        for seat in {before, here}:
            outage = self.lines.devices[seat].outage
            if before != here and outage is not None and self.lines.is_down(seat, life.at):
                hours = self.chancery.hours
                life.postpone(hours.opening(day_of(Instant(outage.until + DAY))) + self.random.randint(0, 3600))
                return True
        return False

    async def _reach(self, life: HonestLife) -> None:
        """The state of all lines when a life's next event is written."""
        event, at = life.waiting, life.at
        assert event is not None
        while self.replacements and self.replacements[0][0] <= at:
            when, seat = self.replacements.pop(0)
            await self.lines.advance(when)
            self.former[seat] = await self.bulk.replace(seat, when)
        await self.lines.advance(at)
        here = seat_of(event.office)
        if life.events:
            await self.lines.deliver(seat_of(life.events[-1][0].office), here, at)
        await self.lines.check_in(here, at)

    def _write(self, life: Life) -> None:
        assert isinstance(life, HonestLife)
        event = life.waiting
        assert event is not None
        seat, at, kind = seat_of(event.office), life.at, event.kind
        if kind not in WRITTEN_BY_THE_NODE:
            refused = self._refusal(life)
            assert refused == life.pen, f"{kind} of {life.item.code}: {refused!r}, not {life.pen!r}"
            if life.pen and isinstance(life, Plant):
                life.pens.append(life.pen)
        claimed = life.claim if life.claim is not None else self.lines.claimed(seat, at)
        if isinstance(life, Plant) and life.before_anchor_ms is not None:
            claimed = Instant(self.lines.anchor(seat) - life.before_anchor_ms)
        device = self.former[seat] if isinstance(life, Plant) and life.is_former else None
        entry = self.bulk.write(seat, kind, life.case, encode(event), claimed, device)
        self.lines.wrote(seat, at)
        self.last_at = max(self.last_at, at)
        life.written(entry)

    def _refusal(self, life: HonestLife) -> str:
        """The code with which the product's own pen refuses the waiting event; "" when it lets it pass."""
        event, chancery = life.waiting, self.chancery
        assert event is not None
        try:
            permits_event(
                life.file,
                event,
                life.item,
                today=day_of(life.at),
                grants=chancery.grants,
                calendar=chancery.calendar,
            )
        except NotPermitted as refused:
            return refused.code
        return ""

    # --- what is known afterwards ------------------------------------------------------------------------------------

    def truths(self) -> dict[CaseId, frozenset[str]]:
        """Of each honest case the rules that may say something of it."""
        today = day_of(self.last_at)
        return {life.case: truths_of(life, self.chancery.calendar, today) for life in self.lives if life.events}


async def _nobody(month: int) -> None:
    """Nobody looks in."""


def found_county_in(folder: Path, office: OfficeId) -> None:
    """A county's node that was founded before the year: with the device's own clock its year would lie before it."""
    home = prepare_device(folder)
    if not home.root_key.exists():
        write_private(home.root_key, Ed25519Key(SystemSalts().draw(SEED_BYTES)).to_bytes())
    root = Ed25519Key.from_bytes(read_private(home.root_key, missing_hint="the root key was just written there"))
    signer = load_signer(home)
    keys, at = signer.public_keys, Instant(int(FOUNDED.timestamp()) * 1000)
    enrolment = Enrolment(COUNTY_NAME, signer.node, office, keys.log, keys.cosigner, None, at)
    certificate = Certificate(enrolment, root.sign(enrolment_message(enrolment)))
    save_seat(home, SeatFile(COUNTY_NAME, root.public_key, [certificate]))
