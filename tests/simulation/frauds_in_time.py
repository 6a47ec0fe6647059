"""Frauds about time, and their innocent twins: false times (I6), what is late (P1, P2, P3), what is too quick (P5),
asked twice (P7), clocks that are stopped (P9), off-hours (P12). Thresholds are those of AUDIT 4.2's text.

Never reads a rule of the product. Next: `dishonest` (what a plant is), `frauds_in_work`, `frauds_in_people`.
"""

from datetime import date, timedelta
from typing import Final

from schemas.casework.clocks import ACCEPTANCE_DAYS, DELIVERY_DAYS, VILLAGE_FORWARDS_DAYS, day_of
from schemas.casework.events import (
    CaseConverted,
    CaseResumed,
    CaseSuspended,
    CaseWithdrawn,
    CustodyAccepted,
    PapersReceived,
    PapersRequested,
)
from schemas.casework.steps import Step
from schemas.casework.values import PauseCause
from schemas.names import Instant, OfficerId
from tests.benchmarks.lives import Acts
from tests.benchmarks.office_hours import DAY_S
from tests.simulation.county_lines import DAY, MINUTE, china
from tests.simulation.dishonest import Plant, PlantedYear, Script

RED: Final = frozenset({"red"})

CONVERTIBLE: Final = "RS05"
"""Registration of the unemployed: on the spot, decided by townships, legal term ten working days. Converted to a
promise of ten days, promise and law end on one day."""

TERM: Final = 10

RELIEF: Final = "MZ03"
"""Temporary relief: promised in 15 working days, 22 by law; townships decide the small ones."""

SPOT_CHECKS: Final = (PauseCause.INSPECTION, PauseCause.TESTING, PauseCause.APPRAISAL)
STATUTORY: Final = (PauseCause.HEARING, PauseCause.EXPERT_REVIEW)


def converted(life: Plant) -> Acts:
    """Accepted at the township, and promised for the last day that the law leaves."""
    yield from life.accepted()
    life.seconds(life.random.randint(300, 1200))
    yield life.contribution(CaseConverted, life.desk, TERM, "系统核验需跨部门反馈,当日不能办结。")


def decided_after(days: int) -> Script:
    """A converted case that is decided so many working days after its acceptance."""

    def script(life: Plant) -> Acts:
        start = life.moment
        yield from converted(life)
        life.working_days(days, after=start)
        yield from life.granted(life.desk)

    return script


def pause(life: Plant, cause: PauseCause, days: int, paper: str) -> Acts:
    """The clock stands still for so many working days."""
    until = life.day_ahead(days)
    life.pen = "" if paper.strip() else "pause_undocumented"
    yield life.act(CaseSuspended, life.desk, cause, paper, until, "期间不计入办理时限。")
    life.working_days(days)
    yield life.act(CaseResumed, life.desk, "所需事项已完成。")


# --- I6 --------------------------------------------------------------------------------------------------------------


def plant_false_times(year: PlantedYear) -> None:
    """Back-dated before a beacon or a receipt that its journal names, back-dated over a due date, dated ahead."""
    random = year.random
    for seconds in (601, random.randint(660, 7200), random.randint(7200, 172_800)):
        _claimed_before(year, seconds, is_guilty=True)
    for seconds in (600, random.randint(60, 599)):
        _claimed_before(year, seconds, is_guilty=False)
    for days in (1, random.randint(2, 5)):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _back_dated_over_the_term(days))
        year.label("I6", "over a due date", True, [life], RED, late_days=days)
    for minutes in (30, random.randint(40, 150)):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _claimed_ahead(minutes))
        year.label("I6", "after its receipt", True, [life], ahead_min=minutes)
    for minutes in (10, random.randint(1, 9)):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _claimed_ahead(minutes))
        year.label("I6", "after its receipt", False, [life], ahead_min=minutes)


def _claimed_before(year: PlantedYear, seconds: int, *, is_guilty: bool) -> None:
    def script(life: Plant) -> Acts:
        start = life.moment
        yield from converted(life)
        life.working_days(4, after=start)
        life.before_anchor_ms = seconds * 1000
        yield life.step(life.desk, Step.REVIEW, "经审查,符合规定的条件。")
        life.before_anchor_ms = None
        life.seconds(400)
        yield from life.granted(life.desk)

    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), script)
    year.label("I6", "before what it had pinned", is_guilty, [life], before_s=seconds)


def _back_dated_over_the_term(late: int) -> Script:
    """Decided late, and written as of the last day."""

    def script(life: Plant) -> Acts:
        start = life.moment
        yield from converted(life)
        last = life.chancery.hours.instant((start // DAY_S + TERM) * DAY_S + 3600)
        life.working_days(TERM + late, after=start)
        life.claim = last
        yield life.decision(life.desk, granted=True)
        yield from life.delivered(life.desk)

    return script


def _claimed_ahead(minutes: int) -> Script:
    """An exchange follows within twelve minutes, so that claims of 25 and more lie ten minutes after the receipt."""

    def script(life: Plant) -> Acts:
        yield life.filing((), ())
        life.seconds(200)
        life.claim = Instant(life.chancery.hours.instant(life.moment) + minutes * MINUTE)
        yield from life.acceptance()
        life.seconds(minutes * 60 + 1200)
        yield from life.granted(life.desk)

    return script


# --- P1, P2, P3 ------------------------------------------------------------------------------------------------------


def plant_late_decisions(year: PlantedYear) -> None:
    """More working days than the item has, by one and by several; never decided; and what only looks late."""
    random = year.random
    for over in (1, random.randint(2, 4), random.randint(5, 20)):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), decided_after(TERM + over))
        year.label("P1", "decided late", True, [life], RED, days_over=over)
    for under in (0, 1, random.randint(2, 9)):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), decided_after(TERM - under))
        year.label("P1", "decided in time", False, [life], days_over=-under)
    for over in (1, random.randint(2, 6)):
        life = year.plant(year.a_town(), RELIEF, year.a_day(), _relief_after(15 + over))
        year.label("P1", "promise broken", True, [life], days_over=over)
    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), converted)
    year.label("P1", "never decided", True, [life], RED)
    paused = random.randint(3, 8)
    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _paused_within(paused))
    year.label("P1", "approved pause", False, [life], paused_days=paused)
    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _never_closed)
    year.label("P1", "delivered, not closed", False, [life], RED)


def _relief_after(days: int) -> Script:
    def script(life: Plant) -> Acts:
        start = life.moment
        yield from life.accepted()
        for step, after in ((Step.REVIEW, 2), (Step.SURVEY, 4), (Step.PUBLICITY, 11)):
            life.working_days(after, after=start)
            yield life.step(life.desk, step, "情况属实,公示无异议。")
        life.working_days(days, after=start)
        yield from life.granted(life.desk)

    return script


def _paused_within(days: int) -> Script:
    """Later than the term by less than an approved pause."""

    def script(life: Plant) -> Acts:
        start = life.moment
        yield from converted(life)
        life.working_days(3, after=start)
        yield from pause(life, PauseCause.EXPERT_REVIEW, days, "苍中止〔2026〕17号")
        life.working_days(TERM + days - 1, after=start)
        yield from life.granted(life.desk)

    return script


def _never_closed(life: Plant) -> Acts:
    """Decided and delivered in time; nobody struck it off."""
    start = life.moment
    yield from converted(life)
    life.working_days(2, after=start)
    yield life.decision(life.desk, granted=True)
    life.seconds(300)
    yield life.handing_over(life.desk)


def plant_late_steps(year: PlantedYear) -> None:
    """One step beyond the term that the law or the county sets for it, the whole in time: the village passes the case
    on, the township answers the filing, the result is handed over.
    """
    random = year.random
    for variant, term, script in (
        ("passed on", VILLAGE_FORWARDS_DAYS, _passed_on_after),
        ("answered", ACCEPTANCE_DAYS, _answered_after),
        ("handed over", DELIVERY_DAYS, _handed_over_after),
    ):
        for over in (1, random.randint(2, 4), 0, -random.randint(0, term)):
            office = year.a_village() if variant == "passed on" else year.a_town()
            life = year.plant(office, RELIEF, year.a_day(), script(term + over))
            year.label("P2", variant, over > 0, [life], days_over=over)


def _relief(life: Plant, start: int) -> Acts:
    """Reviewed, surveyed, shown and granted within twelve working days."""
    for step, after in ((Step.REVIEW, 1), (Step.SURVEY, 2), (Step.PUBLICITY, 3)):
        life.working_days(after, after=start)
        yield life.step(life.desk, step, "情况属实,无异议。")
    life.working_days(4, after=start)
    yield life.decision(life.desk, granted=True)


def _passed_on_after(days: int) -> Script:
    def script(life: Plant) -> Acts:
        start = life.moment
        yield life.filing((), ())
        if days:
            life.working_days(days, after=start)
        life.seconds(600)
        yield life.offer(life.office, life.desk, "材料已核对,请审核受理。")
        life.seconds(1500)
        yield from life.acceptance()
        yield from _relief(life, life.moment)
        yield from life.delivered(life.desk)

    return script


def _answered_after(days: int) -> Script:
    def script(life: Plant) -> Acts:
        start = life.moment
        yield life.filing((), ())
        if days:
            life.working_days(days, after=start)
        life.seconds(600)
        yield from life.acceptance()
        yield from _relief(life, life.moment)
        yield from life.delivered(life.desk)

    return script


def _handed_over_after(days: int) -> Script:
    def script(life: Plant) -> Acts:
        yield from life.accepted()
        yield from _relief(life, life.moment)
        decided = life.moment
        if days:
            life.working_days(days, after=decided)
        yield from life.delivered(life.desk)

    return script


def plant_late_referrals(year: PlantedYear) -> None:
    """The first review takes more than the twenty days of art. 43."""
    random = year.random
    for days in (21, random.randint(22, 30)):
        life = year.plant(year.a_town(), "WJ03", year.a_day(2, 6), _referred_after(days))
        year.label("P3", "referred late", True, [life], days=days)
    for days in (20, random.randint(1, 19)):
        life = year.plant(year.a_town(), "WJ03", year.a_day(2, 6), _referred_after(days))
        year.label("P3", "referred in time", False, [life], days=days)


def _referred_after(days: int) -> Script:
    def script(life: Plant) -> Acts:
        start, window = life.moment, life.chancery.window_of(life.item)
        yield from life.accepted()
        life.working_days(min(days, 12), after=start)
        yield life.step(life.desk, Step.PUBLICITY, "村评议公示10日,无异议。")
        yield life.step(life.desk, Step.REVIEW, "初审符合条件,拟上报。")
        life.working_days(days, after=start)
        yield life.offer(life.desk, window, "经初审符合条件,现上报。")
        life.seconds(2400)
        yield life.act(CustodyAccepted, window, "已接收。")
        life.working_days(2)
        yield from life.granted(window)

    return script


# --- P5 --------------------------------------------------------------------------------------------------------------


def plant_instant_handling(year: PlantedYear) -> None:
    """From acceptance to the end within a minute, with steps that nobody can take in one."""
    random = year.random
    for seconds in (60, random.randint(40, 59), random.randint(24, 39)):
        life = year.plant(year.a_town(), RELIEF, year.a_day(), _within(seconds))
        year.label("P5", "closed at once", True, [life], seconds=seconds)
    for seconds in (61, random.randint(62, 90)):
        life = year.plant(year.a_town(), RELIEF, year.a_day(), _within(seconds))
        year.label("P5", "closed soon", False, [life], seconds=seconds)
    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _on_the_spot)
    year.label("P5", "item on the spot", False, [life], seconds=45)
    for count in (5, 4):
        town, day = year.a_town(), _monday(year)
        clerk = OfficerId(f"{town}/quick{count}")
        lives = [year.plant(town, RELIEF, day, _within(45, clerk)) for _ in range(count)]
        year.label("P5", "so many in a week", count == 5, lives, RED, count=count)


def _monday(year: PlantedYear) -> date:
    day = year.a_day()
    return day - timedelta(days=day.weekday())


def _within(seconds: int, clerk: OfficerId | None = None) -> Script:
    """Seven entries: two gaps of the rest, four of four seconds each."""

    def script(life: Plant) -> Acts:
        if clerk is not None:
            life.by[life.desk] = clerk
        yield from life.accepted()
        for step in (Step.REVIEW, Step.SURVEY, Step.PUBLICITY):
            life.seconds(4)
            yield life.step(life.desk, step, "情况属实,符合条件。")
        life.seconds(4)
        yield life.decision(life.desk, granted=True)
        rest = seconds - 16
        life.seconds(rest // 2)
        yield life.handing_over(life.desk)
        life.seconds(rest - rest // 2)
        yield from life.struck_off(life.desk)

    return script


def _on_the_spot(life: Plant) -> Acts:
    yield from life.accepted()
    life.seconds(10)
    yield life.step(life.desk, Step.REVIEW, "符合条件。")
    life.seconds(10)
    yield life.decision(life.desk, granted=True)
    life.seconds(10)
    yield life.handing_over(life.desk)
    life.seconds(15)
    yield from life.struck_off(life.desk)


# --- P7, P9 ----------------------------------------------------------------------------------------------------------


def plant_repeated_supplements(year: PlantedYear) -> None:
    """Asked twice, or asked late."""
    random = year.random
    for notices in (2, 3):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _asked(notices))
        year.label("P7", "asked again", True, [life], notices=notices)
    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _asked(2, why=""))
    year.label("P7", "asked again without a word", True, [life], pen=("second_notice_unjustified",), notices=2)
    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _asked_unaccepted(8))
    year.label("P7", "asked late, unaccepted", True, [life], pen=("accepted_by_silence",), days=8)
    for days in (6, random.randint(7, 8)):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _asked_on_day(days))
        year.label("P7", "asked late", True, [life], days=days)
    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _asked(1))
    year.label("P7", "asked once", False, [life], notices=1)
    for days in (5, random.randint(1, 4)):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _asked_on_day(days))
        year.label("P7", "asked in time", False, [life], days=days)


def _asked(notices: int, why: str = "第一次补正的材料与原件不一致。") -> Script:
    def script(life: Plant) -> Acts:
        missing, words = life.item.materials.required[:1], "材料不齐全,请一次补齐。"
        yield life.filing(missing, ())
        for number in range(notices):
            life.seconds(600)
            life.pen = "" if why or not number else "second_notice_unjustified"
            said = why if number else ""
            yield life.act(PapersRequested, life.desk, missing, words, said, life.day_ahead(5))
            life.seconds(900)
            yield life.act(PapersReceived, life.desk, missing, ())
        life.seconds(300)
        yield from life.acceptance()
        life.seconds(300)
        yield from life.granted(life.desk)

    return script


def _asked_unaccepted(days: int) -> Script:
    """Silence for more than five days, and then a notice in place of the answer."""

    def script(life: Plant) -> Acts:
        start, missing = life.moment, life.item.materials.required[:1]
        yield life.filing(missing, ())
        life.working_days(days, after=start)
        life.pen = "accepted_by_silence"
        yield life.act(PapersRequested, life.desk, missing, "材料不齐全,请补齐。", "", life.day_ahead(5))
        life.seconds(3000)
        yield life.act(PapersReceived, life.desk, missing, ())
        life.seconds(300)
        yield from life.acceptance()
        life.seconds(300)
        yield from life.granted(life.desk)

    return script


def _asked_on_day(days: int) -> Script:
    def script(life: Plant) -> Acts:
        start, names = life.moment, life.item.materials.required[:1]
        yield from converted(life)
        life.working_days(days, after=start)
        why = "受理时未能发现原件与复印件不一致。"
        yield life.act(PapersRequested, life.desk, names, "请补交清晰复印件。", why, life.day_ahead(3))
        life.seconds(4000)
        yield life.act(PapersReceived, life.desk, names, ())
        life.working_days(9, after=start)
        yield from life.granted(life.desk)

    return script


def plant_clock_stopping(year: PlantedYear) -> None:
    """A pause on the last day, a pause without a paper, a late case withdrawn and filed anew."""
    random = year.random
    for cause in SPOT_CHECKS:
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _paused_on_day(TERM, cause))
        year.label("P9", "paused on the last day", True, [life], days_left=0)
    for left in (1, 2, random.randint(3, 8)):
        life = year.plant(
            year.a_town(), CONVERTIBLE, year.a_day(), _paused_on_day(TERM - left, random.choice(SPOT_CHECKS))
        )
        year.label("P9", "paused in time", False, [life], days_left=left)
    for cause in STATUTORY:
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _paused_on_day(TERM, cause))
        year.label("P9", "statutory pause", False, [life], days_left=0)
    left = random.randint(3, 6)
    life = year.plant(
        year.a_town(), CONVERTIBLE, year.a_day(), _paused_on_day(TERM - left, PauseCause.TESTING, paper=" ")
    )
    year.label("P9", "no paper", True, [life], RED, ("pause_undocumented",), days_left=left)
    for late, gap, is_guilty in ((2, 1, True), (1, 3, True), (2, 8, False), (-5, 1, False)):
        _refiled(year, late, gap, is_guilty=is_guilty)


def _paused_on_day(days: int, cause: PauseCause, paper: str = "苍中止〔2026〕23号") -> Script:
    def script(life: Plant) -> Acts:
        start = life.moment
        yield from converted(life)
        life.working_days(days, after=start)
        yield from pause(life, cause, 3, paper)
        life.seconds(1200)
        yield from life.granted(life.desk)

    return script


def _refiled(year: PlantedYear, late: int, gap: int, *, is_guilty: bool) -> None:
    """`late`: working days after the term on which it is withdrawn. `gap`: calendar days until it is filed anew."""
    hours, town = year.chancery.hours, year.a_town()
    day = year.a_day(2, 9)
    while True:
        withdrawn = hours.days[hours.days.index(day) + TERM + late]
        again = withdrawn + timedelta(days=gap)
        if year.chancery.calendar.is_working(again):
            break
        day = year.a_day(2, 9)

    def first(life: Plant) -> Acts:
        start = life.moment
        yield from converted(life)
        life.working_days(TERM + late, after=start)
        yield life.act(CaseWithdrawn, life.desk, "申请人自愿撤回申请。")
        life.seconds(60)
        yield from life.struck_off(life.desk)

    before = year.plant(town, CONVERTIBLE, day, first)

    def second(life: Plant) -> Acts:
        life.seconds(9000)
        life.applicant = before.applicant
        yield from life.accepted()
        life.seconds(600)
        yield from life.granted(life.desk)

    after = year.plant(town, CONVERTIBLE, again, second)
    variant = "withdrawn and filed anew"
    year.label("P9", variant, is_guilty, [before, after], days_over=late, filed_after_days=gap)


# --- P12 -------------------------------------------------------------------------------------------------------------


def plant_off_hours(year: PlantedYear) -> None:
    """Decisions of one person in one month: so many of them on days of rest, or at night."""
    for variant, off, within, is_guilty in (
        ("days of rest", 10, 40, True),
        ("days of rest", 12, 20, True),
        ("nights", 11, 10, True),
        ("days of rest", 9, 9, False),
        ("days of rest", 10, 44, False),
        ("nights", 9, 12, False),
    ):
        town = year.a_town()
        clerk = OfficerId(f"{town}/late{len(year.labels)}")
        month = year.random.choice((3, 6, 7, 11))
        times = _times(year, month, variant, off) + _office_times(year, month, within)
        lives = [year.plant(town, CONVERTIBLE, day_of(at), _decided_at(at, clerk)) for at in times]
        year.label("P12", variant, is_guilty, lives, outside=off, of=off + within)


def _times(year: PlantedYear, month: int, variant: str, count: int) -> list[Instant]:
    """Instants outside hours, hours apart where there are several on a day."""
    calendar = year.chancery.calendar
    days = [date(year.model.year, month, number) for number in range(3, 29)]
    is_night = variant == "nights"
    chosen = [day for day in days if calendar.is_working(day) == is_night]
    hours = (21, 22, 20) if is_night else (10, 13, 16)
    slots = [china(day, hour, 7 * number % 50) for number, hour in enumerate(hours) for day in chosen]
    return slots[:count]


def _office_times(year: PlantedYear, month: int, count: int) -> list[Instant]:
    calendar = year.chancery.calendar
    days = [date(year.model.year, month, number) for number in range(3, 29)]
    chosen = [day for day in days if calendar.is_working(day)]
    slots = [china(day, hour, 20) for hour in (10, 15, 11, 16) for day in chosen]
    return slots[:count]


def _decided_at(at: Instant, clerk: OfficerId) -> Script:
    """Accepted before that day by a colleague, decided by this one at this instant, handed over afterwards."""

    def script(life: Plant) -> Acts:
        hours = life.chancery.hours
        life.moment = hours.opening(day_of(Instant(at - 2 * DAY))) - DAY_S + life.random.randint(600, DAY_S - 3000)
        yield from converted(life)
        life.by[life.desk] = clerk
        life.exact = at
        yield life.decision(life.desk, granted=True)
        del life.by[life.desk]
        life.moment = hours.opening(day_of(Instant(at + DAY))) + life.random.randint(600, DAY_S - 3000)
        yield from life.delivered(life.desk)

    return script


ALL: Final = (
    plant_false_times,
    plant_late_decisions,
    plant_late_steps,
    plant_late_referrals,
    plant_instant_handling,
    plant_repeated_supplements,
    plant_clock_stopping,
    plant_off_hours,
)
"""Each plants one round of its rule."""
