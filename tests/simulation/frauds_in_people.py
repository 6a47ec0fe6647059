"""Frauds that show only beside other cases, and their innocent twins: handled in bulk (P11), one resident twice (P16),
one telephone for many (P17), cases without a resident (P18), cases that are not recorded (P19), one paper for several
(P20), one account in two places (P24).

Thresholds are those of AUDIT 4.2's text. Never reads a rule of the product. Next: `dishonest`, `frauds_in_time`.
"""

from datetime import date, timedelta
from typing import Final

from msgspec import structs

from schemas.casework.clocks import day_of
from schemas.casework.events import CaseFiled, PapersBrought
from schemas.casework.steps import Step
from schemas.casework.values import Applicant
from schemas.identity import resident_check_character
from schemas.names import HASH_BYTES, Instant, OfficeId, OfficerId
from schemas.papers import PaperRef
from tests.benchmarks.county_year import YEAR
from tests.benchmarks.lives import Acts
from tests.benchmarks.office_hours import DAY_S
from tests.simulation.county_lines import MINUTE, china
from tests.simulation.dishonest import ACCUSED, BATCH, Plant, PlantedYear, Script
from tests.simulation.frauds_in_time import CONVERTIBLE, RED, RELIEF, converted

REPLACED_ON: Final = date(YEAR, 5, 20)
"""When the township of P24 gets its second device; somebody goes on at the first one."""

DILIGENT: Final = 4
LAST_MONTH: Final = date(YEAR, 11, 25)

SHARED_MIN: Final = 5
"""Applicants with one telephone."""


# --- P11 -------------------------------------------------------------------------------------------------------------


def plant_bulk_handling(year: PlantedYear) -> None:
    """Ten decisions by one person in ten minutes, and nine, and ten in a little more."""
    random = year.random
    for count, seconds, is_guilty in (
        (10, 600, True),
        (10, random.randint(60, 500), True),
        (random.randint(11, 14), 500, True),
        (9, random.randint(60, 600), False),
        (10, 630, False),
    ):
        town, day = year.a_town(), year.a_day()
        clerk = OfficerId(f"{town}/bulk{len(year.labels)}")
        lives = [
            year.plant(town, CONVERTIBLE, day, _decided_beside(clerk, place * seconds // (count - 1)))
            for place in range(count)
        ]
        year.label("P11", "decided in a row", is_guilty, lives, count=count, seconds=seconds)
    town, day = year.a_town(), year.a_day()
    clerk = OfficerId(f"{town}/group{len(year.labels)}")
    lives = [year.plant(town, BATCH, day, _certified(clerk, 20 * place)) for place in range(14)]
    year.label("P11", "group service", False, lives, count=14, seconds=260)


def _decided_beside(clerk: OfficerId, offset: int) -> Script:
    """Decided five working days later, so many seconds after three o'clock."""

    def script(life: Plant) -> Acts:
        start = life.moment
        yield from converted(life)
        life.moment = (start // DAY_S + 5) * DAY_S + 16_200 + offset
        life.by[life.desk] = clerk
        yield life.decision(life.desk, granted=True)
        del life.by[life.desk]
        life.working_days(1)
        yield from life.delivered(life.desk)

    return script


def _certified(clerk: OfficerId, offset: int) -> Script:
    """One pensioner of a group, seen and certified."""

    def script(life: Plant) -> Acts:
        life.moment = life.moment // DAY_S * DAY_S + 7200
        life.at = life.chancery.hours.instant(life.moment)
        yield from life.accepted()
        life.moment = life.moment // DAY_S * DAY_S + 12_000 + offset
        life.by[life.desk] = clerk
        yield life.decision(life.desk, granted=True)
        life.moment = life.moment // DAY_S * DAY_S + 18_000
        yield from life.delivered(life.desk)

    return script


# --- P16, P17, P18 ---------------------------------------------------------------------------------------------------


def plant_duplicates(year: PlantedYear) -> None:
    """One number twice, one name and birthday twice in a village; twins, another item, and what somebody looked at."""
    for variant, item, is_guilty in (
        ("same number", CONVERTIBLE, True),
        ("same number, both paid", RELIEF, True),
        ("namesake", CONVERTIBLE, True),
        ("twins", CONVERTIBLE, False),
        ("another item", CONVERTIBLE, False),
        ("looked at", CONVERTIBLE, False),
    ):
        village, day = year.a_village(), year.a_day(2, 9)
        gap = year.random.randint(3, 40)
        first = year.plant(village, item, day, _brought())
        second_item = "MZ03" if variant == "another item" else item
        again = _brought(first, variant)
        second = year.plant(village, second_item, day + timedelta(days=gap), again)
        severities = RED if variant.endswith("paid") else ACCUSED
        year.label("P16", variant, is_guilty, [first, second], severities, gap_days=gap)


def _brought(first: Plant | None = None, variant: str = "") -> Script:
    """Filed at a village, granted at its township."""

    def script(life: Plant) -> Acts:
        if first is not None:
            life.applicant = _again(life, first.applicant, variant)
        filing = life.filing((), ())
        assert isinstance(filing, CaseFiled)
        if first is not None and variant == "looked at":
            before = first.waiting
            assert isinstance(before, CaseFiled), "a life's first event is ready from its beginning"
            filing = structs.replace(filing, duplicates=(before.tracking,))
        yield filing
        yield from _granted_at_township(life)

    return script


def _granted_at_township(life: Plant) -> Acts:
    life.seconds(300)
    yield life.offer(life.office, life.desk, "材料已核对,请审核受理。")
    life.seconds(1500)
    yield from life.acceptance()
    life.seconds(700)
    if life.item.code == RELIEF:
        start = life.moment
        for step, after in ((Step.REVIEW, 2), (Step.SURVEY, 5), (Step.PUBLICITY, 11)):
            life.working_days(after, after=start)
            yield life.step(life.desk, step, "情况属实,无异议。")
        life.working_days(12, after=start)
    yield from life.granted(life.desk)


def _again(life: Plant, person: Applicant, variant: str) -> Applicant:
    """Who comes the second time."""
    if variant == "namesake":
        return structs.replace(person, name=f"{person.name[0]} {person.name[1:]}", document_number=_sibling(person))
    if variant == "twins":
        name = person.name[0] + ("明" if person.name[1:] != "明" else "清")
        return structs.replace(person, name=name, document_number=_sibling(person), phone=life.applicant.phone)
    return person


def _sibling(person: Applicant) -> str:
    """Another number of the same birthday."""
    digits = f"{person.document_number[:14]}{(int(person.document_number[14:17]) + 2) % 1000:03d}"
    return digits + resident_check_character(digits)


def plant_shared_telephones(year: PlantedYear) -> None:
    """Five applicants of several villages with one telephone, and four."""
    for count in (SHARED_MIN, SHARED_MIN + 2, SHARED_MIN - 1):
        phone = f"166{year.random.randrange(10**8):08d}"
        day, town = year.a_day(2, 9), year.a_town()
        lives = [
            year.plant(_village(year, town, number), CONVERTIBLE, day + timedelta(days=number), _with_phone(phone))
            for number in range(count)
        ]
        year.label("P17", "one telephone", count >= SHARED_MIN, lives, applicants=count)


def _village(year: PlantedYear, town: OfficeId, number: int) -> OfficeId:
    villages = next(one.villages for one in year.towns if one.office == town)
    return villages[number % len(villages)][0]


def _with_phone(phone: str) -> Script:
    def script(life: Plant) -> Acts:
        life.applicant = structs.replace(life.applicant, phone=phone)
        yield life.filing((), ())
        yield from _granted_at_township(life)

    return script


def plant_ghosts(year: PlantedYear) -> None:
    """Money for a stranger, by one person alone, within ten minutes, under a telephone that others have too."""
    town, phone = year.a_town(), f"199{year.random.randrange(10**8):08d}"
    clerk = OfficerId(f"{town}/ghost{len(year.labels)}")
    day = year.a_day(3, 9)
    lives = [
        year.plant(town, RELIEF, day + timedelta(days=number), _ghost(phone, clerk, seconds=80 * number + 120))
        for number in range(3)
    ]
    year.label("P18", "ghost", True, lives, RED, traits=5)
    known = year.plant(town, CONVERTIBLE, day, _met())
    life = year.plant(town, RELIEF, day + timedelta(days=20), _met(known))
    year.label("P18", "known resident", False, [life], traits=0)


def _ghost(phone: str, clerk: OfficerId, seconds: int) -> Script:
    def script(life: Plant) -> Acts:
        life.applicant = structs.replace(life.applicant, phone=phone)
        life.by[life.desk] = clerk
        filing = life.filing((), ())
        yield structs.replace(filing, statement="", consents=())
        life.seconds(20)
        yield from life.acceptance()
        for step in (Step.REVIEW, Step.SURVEY, Step.PUBLICITY):
            life.seconds(seconds // 6)
            yield life.step(life.desk, step, "情况属实。")
        life.seconds(seconds // 6)
        yield life.decision(life.desk, granted=True)
        life.seconds(seconds // 6)
        yield life.handing_over(life.desk)
        life.seconds(10)
        yield from life.struck_off(life.desk)

    return script


def _met(first: Plant | None = None) -> Script:
    """Somebody who brings papers later, and whom several colleagues see."""

    def script(life: Plant) -> Acts:
        start, desk = life.moment, life.desk
        if first is not None:
            life.applicant = first.applicant
        life.by[desk] = OfficerId(f"{desk}/zhang")
        yield from life.accepted()
        life.seconds(4000)
        yield life.contribution(PapersBrought, desk, life.item.materials.required[:1], "申请人补交清晰件。")
        life.by[desk] = OfficerId(f"{desk}/lifang")
        if life.item.code == RELIEF:
            for step, after in ((Step.REVIEW, 2), (Step.SURVEY, 5), (Step.PUBLICITY, 11)):
                life.working_days(after, after=start)
                yield life.step(desk, step, "情况属实,无异议。")
        life.seconds(900)
        yield from life.granted(desk)

    return script


# --- P20 -------------------------------------------------------------------------------------------------------------


def plant_reused_papers(year: PlantedYear) -> None:
    """One photograph in the cases of two people; the same person's in two matters of theirs."""
    for variant, is_guilty in (("two people", True), ("one person", False), ("other papers", False)):
        digest, other = (year.random.randbytes(HASH_BYTES) for _ in range(2))
        day = year.a_day(2, 9)
        first = year.plant(year.a_village(), CONVERTIBLE, day, _with_paper(digest))
        owner = first if variant == "one person" else None
        item = RELIEF if variant == "one person" else CONVERTIBLE
        place = first.office if variant == "one person" else year.a_village()
        used = other if variant == "other papers" else digest
        second = year.plant(place, item, day + timedelta(days=9), _with_paper(used, owner))
        year.label("P20", variant, is_guilty, [first, second])
    photograph = year.random.randbytes(HASH_BYTES)
    lives = [year.plant(year.a_town(), "LY01", year.a_day(), _surveyed(photograph)) for _ in range(2)]
    year.label("P20", "photograph of a site", True, lives, RED)


def _with_paper(digest: bytes, owner: Plant | None = None) -> Script:
    def script(life: Plant) -> Acts:
        if owner is not None:
            life.applicant = owner.applicant
        paper = PaperRef(digest, 412_345, "image/jpeg", life.item.materials.required[0])
        yield structs.replace(life.filing((), ()), papers=(paper,))
        yield from _granted_at_township(life)

    return script


def _surveyed(photograph: bytes) -> Script:
    def script(life: Plant) -> Acts:
        yield from life.accepted()
        start, desk = life.moment, life.desk
        life.working_days(1, after=start)
        yield structs.replace(life.survey(desk, agrees=True), photographs=(photograph,))
        life.working_days(5, after=start)
        yield life.step(desk, Step.PUBLICITY, "公示7日,无异议。")
        life.working_days(6, after=start)
        yield life.step(desk, Step.REVIEW, "符合条件。")
        life.seconds(1500)
        yield from life.granted(desk)

    return script


# --- P24 -------------------------------------------------------------------------------------------------------------


def plant_shared_accounts(year: PlantedYear) -> None:
    """One person at two devices of a township within minutes, long after the second one came; and later on."""
    town = year.a_town()
    year.replace_device(town, china(REPLACED_ON, 13))
    for minutes, is_guilty in ((1, True), (4, True), (7, False), (25, False)):
        clerk = OfficerId(f"{town}/both{len(year.labels)}")
        day = year.a_day(7, 10)  # the second device came weeks before
        at = china(day, 15, 10)
        lives = [
            year.plant(town, CONVERTIBLE, day, _reviewed_at(at, clerk)),
            year.plant(town, CONVERTIBLE, day, _reviewed_at(Instant(at + minutes * MINUTE), clerk, is_former=True)),
        ]
        year.label("P24", "two devices", is_guilty, lives, minutes=minutes)


def _reviewed_at(at: Instant, clerk: OfficerId, *, is_former: bool = False) -> Script:
    """A step by this person at that instant, at the township's present device or the one before it."""

    def script(life: Plant) -> Acts:
        life.moment = life.chancery.hours.opening(day_of(at)) + 1200
        yield from converted(life)
        life.by[life.desk] = clerk
        life.exact, life.is_former = at, is_former
        yield life.step(life.desk, Step.REVIEW, "经审查,符合规定的条件。")
        life.is_former = False
        del life.by[life.desk]
        life.working_days(2)
        yield from life.granted(life.desk)

    return script


# --- P19 -------------------------------------------------------------------------------------------------------------


def plant_under_recording(year: PlantedYear) -> None:
    """Five villages with a case of one item every six days; one files nothing of it any more in December, one less."""
    town = next(one for one in year.towns if one.office in year.quiet and len(one.villages) > DILIGENT)
    villages = [village for village, _ in town.villages[: DILIGENT + 1]]
    first = date(YEAR, 1, 5)
    for place, village in enumerate(villages):
        for number in range(60):
            day = first + timedelta(days=6 * number)
            is_last = day >= LAST_MONTH
            if is_last and (place == 0 or (place == 1 and number % 2)):
                continue
            year.plant(village, CONVERTIBLE, day, _brought())
    # It is heard all the same: something else is filed there.
    for number in range(10):
        year.plant(villages[0], RELIEF, LAST_MONTH + timedelta(days=4 * number), _brought())
    year.label_office("P19", "no case in a month", True, villages[0], of_usual_percent=0)
    year.label_office("P19", "half as many", False, villages[1], of_usual_percent=50)
    year.label_office("P19", "as ever", False, villages[2], of_usual_percent=100)


ALL: Final = (
    plant_bulk_handling,
    plant_duplicates,
    plant_shared_telephones,
    plant_ghosts,
    plant_reused_papers,
    plant_shared_accounts,
)
"""Each plants one round of its rule."""
