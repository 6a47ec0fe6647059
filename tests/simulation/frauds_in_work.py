"""Frauds in how a case is worked on, and their innocent twins: steps skipped (P4), refusals without a reason (P6), fees
(P8), one person for two duties (P13), one's own case (P14), no mandate (P15), changes after the end (P21).

Thresholds are those of AUDIT 4.2's text. Never reads a rule of the product. Next: `dishonest`, `frauds_in_time`.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from msgspec import structs

from office.receiving import BY_ITSELF
from schemas.casework.casefile import NOT_IN_THIS_STAGE
from schemas.casework.events import (
    AcceptanceRefused,
    CaseDecided,
    CaseReceived,
    CaseReopened,
    CustodyAccepted,
    CustodyDeclined,
    FeePaid,
    RecallRequested,
)
from schemas.casework.steps import Step
from schemas.casework.values import Outcome
from schemas.catalogue import Grant
from schemas.names import Instant, OfficeId, OfficerId, seat_of
from schemas.register import Position, PostAssigned
from tests.benchmarks.case_paper import REMEDY
from tests.benchmarks.county_year import YEAR
from tests.benchmarks.lives import Acts
from tests.simulation.county_lines import china
from tests.simulation.dishonest import ACCUSED, Plant, PlantedYear, Script
from tests.simulation.frauds_in_time import CONVERTIBLE, RED
from tests.simulation.habits import SEPARATED

FELLING: Final = "LY01"
"""Felling permits: entrusted to townships; a survey by two and a public notice of seven days come first."""

IDENTITY_CARD: Final = "GA03"
"""Identity cards: 20 yuan, decided at the county's window."""

CARD_FEN: Final = 2000
ALLOWANCE: Final = "MZ06"
"""Allowance for the old: the county decides; one township has it by a grant that ends at midsummer."""

GRANT_END: Final = date(YEAR, 6, 30)
GRANT_GRACE_DAYS: Final = 5

PADDING: Final = "申请人户籍已经迁出本镇且无居住登记记录不符合规定条件不予办理特此决定"


# --- P4 --------------------------------------------------------------------------------------------------------------


def plant_skipped_steps(year: PlantedYear) -> None:
    """No survey, a survey by one, no public notice, a notice afterwards, no opinions, no first review."""
    for variant, skips, severities, pens in (
        ("no survey", {"survey"}, RED, ("survey_missing",)),
        ("survey by one", {"second surveyor"}, RED, ("survey_by_form", "survey_missing")),
        ("no public notice", {"notice"}, None, ("publicity_missing",)),
        ("notice afterwards", {"notice", "afterwards"}, None, ("publicity_missing",)),
    ):
        life = year.plant(year.a_town(), FELLING, year.a_day(), _felling(skips))
        if severities is None:
            year.label("P4", variant, True, [life], pen=pens)
        else:
            year.label("P4", variant, True, [life], severities, pens)
    life = year.plant(year.a_town(), "NY01", year.a_day(), _homestead_without_opinions)
    year.label("P4", "no opinions", True, [life], pen=("opinions_not_requested",))
    life = year.plant(year.a_town(), "MZ06", year.a_day(), _referred_unreviewed(""))
    year.label("P4", "no first review", True, [life], pen=("first_review_missing",))
    for variant, skips in (("complete", set[str]()), ("refused", {"notice", "refused"}), ("not shown", {"shown"})):
        life = year.plant(year.a_town(), FELLING, year.a_day(), _felling(skips))
        year.label("P4", variant, False, [life])
    life = year.plant(year.a_town(), "MZ06", year.a_day(), _referred_unreviewed("经初审符合条件,材料齐全,拟上报。"))
    year.label("P4", "review in the offer", False, [life])


def _felling(skips: set[str]) -> Script:
    def script(life: Plant) -> Acts:
        yield from life.accepted()
        start, desk = life.moment, life.desk
        life.working_days(1, after=start)
        if "second surveyor" in skips:
            life.pen = "survey_by_form"
            yield life.step(desk, Step.SURVEY, "伐区情况属实。")
        elif "survey" not in skips:
            yield life.survey(desk, agrees=True)
        life.working_days(5, after=start)
        if "shown" in skips:
            yield life.step(desk, Step.PUBLICITY, "涉及未成年人,依法不公示。")
        elif "notice" not in skips:
            yield life.step(desk, Step.PUBLICITY, "公示7日,无异议。")
        life.working_days(6, after=start)
        yield life.step(desk, Step.REVIEW, "符合条件。")
        life.seconds(1500)
        if skips & {"survey", "second surveyor"}:
            life.pen = "survey_missing"
        elif "notice" in skips and "refused" not in skips:
            life.pen = "publicity_missing"
        yield life.decision(desk, granted="refused" not in skips)
        if "afterwards" in skips:
            life.seconds(900)
            yield life.step(desk, Step.PUBLICITY, "公示7日,无异议。")
        yield from life.delivered(desk)

    return script


def _homestead_without_opinions(life: Plant) -> Acts:
    start, desk = life.moment, life.desk
    yield from life.accepted()
    life.working_days(2, after=start)
    yield life.step(desk, Step.REVIEW, "村集体讨论通过。")
    yield life.survey(desk, agrees=True)
    life.working_days(8, after=start)
    yield life.step(desk, Step.PUBLICITY, "村公示5日,无异议。")
    life.working_days(9, after=start)
    life.pen = "opinions_not_requested"
    yield from life.granted(desk)


def _referred_unreviewed(note: str) -> Script:
    def script(life: Plant) -> Acts:
        window = life.chancery.window_of(life.item)
        yield from life.accepted()
        life.seconds(3000)
        life.pen = "" if note else "first_review_missing"
        yield life.offer(life.desk, window, note)
        life.seconds(1500)
        yield life.act(CustodyAccepted, window, "已接收。")
        life.working_days(2)
        yield life.step(window, Step.REVIEW, "经复核,符合条件。")
        life.seconds(600)
        yield from life.granted(window)

    return script


# --- P6 --------------------------------------------------------------------------------------------------------------


def plant_unexplained_refusals(year: PlantedYear) -> None:
    """A reason too short, no legal ground, no remedy; one sentence for nearly everybody."""
    random = year.random
    basis = "就业促进法第五十条"
    for length in (14, random.randint(1, 13)):
        _refused(year, "short reason", (PADDING[:length], basis, REMEDY), is_guilty=True, characters=length)
    _refused(year, "no ground", (PADDING[:20], "", REMEDY), is_guilty=True)
    _refused(year, "no remedy", (PADDING[:20], basis, ""), is_guilty=True)
    for length in (15, random.randint(16, 34)):
        _refused(year, "explained", (PADDING[:length], basis, REMEDY), is_guilty=False, characters=length)
    for words, is_guilty in (
        ((PADDING[:18], "", REMEDY), True),
        ((PADDING[:18], basis, ""), True),
        ((PADDING[:18], basis, REMEDY), False),
    ):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _not_accepted(words))
        pens = ("nonacceptance_incomplete",) if is_guilty else ()
        year.label("P6", "not accepted", is_guilty, [life], RED if is_guilty else ACCUSED, pens)
    life = year.plant(year.a_village(), CONVERTIBLE, year.a_day(), _recalled)
    year.label("P6", "given back as asked", False, [life])
    for same, others in ((20, 10), (25, 15)):
        _boilerplate(year, same, others, "one sentence", is_guilty=True)
    _boilerplate(year, 20, 10, "one sentence, over months", is_guilty=True)
    for same, others in ((19, 0), (20, 16)):
        _boilerplate(year, same, others, "one sentence", is_guilty=False)


def _refused(
    year: PlantedYear, variant: str, words: tuple[str, str, str], *, is_guilty: bool, characters: int = 20
) -> None:
    is_blank = not all(words)
    pens = ("refusal_incomplete", "answer_incomplete") if is_blank else ()
    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _refusal(words))
    year.label("P6", variant, is_guilty, [life], RED if is_guilty else ACCUSED, pens, characters=characters)


def _refusal(words: tuple[str, str, str], clerk: OfficerId | None = None) -> Script:
    def script(life: Plant) -> Acts:
        is_blank = not all(words)
        yield from life.accepted()
        life.seconds(900)
        if clerk is not None:
            life.by[life.desk] = clerk
        life.pen = "refusal_incomplete" if is_blank else ""
        number = f"苍政务〔{YEAR}〕{life.chancery.next_serial(seat_of(life.desk))}号"
        yield life.act(CaseDecided, life.desk, Outcome.REFUSED, *words, number)
        life.seconds(600)
        yield life.handing_over(life.desk)
        life.seconds(200)
        life.pen = "answer_incomplete" if is_blank else ""
        yield from life.struck_off(life.desk)

    return script


def _not_accepted(words: tuple[str, str, str]) -> Script:
    def script(life: Plant) -> Acts:
        yield life.filing((), ())
        life.seconds(900)
        life.pen = "" if all(words) else "nonacceptance_incomplete"
        yield life.act(AcceptanceRefused, life.desk, *words)
        life.seconds(600)
        yield from life.struck_off(life.desk)

    return script


def _recalled(life: Plant) -> Acts:
    """A village asks for its own case back, and gets it in four words."""
    yield life.filing((), ())
    life.seconds(300)
    yield life.offer(life.office, life.desk, "请审核受理。")
    life.seconds(400)
    yield life.contribution(CaseReceived, life.desk, by=BY_ITSELF)
    life.seconds(900)
    yield life.contribution(RecallRequested, life.office, "申请人补充了新材料。")
    life.seconds(1200)
    yield life.act(CustodyDeclined, life.desk, "应申请退回。")
    life.seconds(1200)
    yield life.offer(life.office, life.desk, "材料已补充,重新移交。")
    life.seconds(900)
    yield from life.acceptance()
    life.seconds(300)
    yield from life.granted(life.desk)


def _boilerplate(year: PlantedYear, same: int, others: int, variant: str, *, is_guilty: bool) -> None:
    """Within three weeks, or over four months."""
    town, month = year.a_town(), random_month(year)
    days = [day for day in year.chancery.hours.days if day.year == YEAR and day.month == month][:14]
    if variant.endswith("months"):
        days = [day for day in year.chancery.hours.days if day.year == YEAR and 5 <= day.month <= 8]
    clerk = OfficerId(f"{town}/refuse{len(year.labels)}")
    sentence = "经审查申请人提交的材料不符合有关规定的条件"
    lives = [
        year.plant(
            town, CONVERTIBLE, days[number % len(days)], _refusal((sentence, "就业促进法第五十条", REMEDY), clerk)
        )
        for number in range(0, 3 * same, 3)
    ]
    for number in range(others):
        own = f"经核对第{number + 1}号档案,申请人已经就业,单位为其缴纳社会保险费。"
        year.plant(town, CONVERTIBLE, year.random.choice(days), _refusal((own, "就业促进法第五十条", REMEDY), clerk))
    year.label("P6", variant, is_guilty, lives, same=same, of=same + others)


def random_month(year: PlantedYear) -> int:
    """Some month of the year but the last ones."""
    return year.random.randint(3, 9)


# --- P8 --------------------------------------------------------------------------------------------------------------


def plant_fee_deviations(year: PlantedYear) -> None:
    """More than the tariff, less than it, and twice the half of it."""
    random, county = year.random, year.chancery.county
    for over in (100, random.randint(2, 30) * 100):
        life = year.plant(county, IDENTITY_CARD, year.a_day(), _paid([CARD_FEN + over]))
        year.label("P8", "more", True, [life], RED, ("fee_above_standard",), over_fen=over)
    life = year.plant(county, IDENTITY_CARD, year.a_day(), _paid([CARD_FEN, CARD_FEN]))
    year.label("P8", "twice", True, [life], RED, ("fee_above_standard",), over_fen=CARD_FEN)
    for under in (100, random.randint(2, 15) * 100):
        life = year.plant(county, IDENTITY_CARD, year.a_day(), _paid([CARD_FEN - under]))
        year.label("P8", "less", True, [life], over_fen=-under)
    life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _paid([500]))
    year.label("P8", "free item", True, [life], RED, ("fee_above_standard",), over_fen=500)
    for parts in ([CARD_FEN], [500, CARD_FEN - 500]):
        life = year.plant(county, IDENTITY_CARD, year.a_day(), _paid(parts))
        year.label("P8", "tariff", False, [life], parts=len(parts))


def _paid(amounts: list[int]) -> Script:
    def script(life: Plant) -> Acts:
        desk = life.desk
        yield from life.accepted()
        life.seconds(900)
        yield life.decision(desk, granted=True)
        life.seconds(900)
        if life.item.fee_yuan:
            yield life.step(desk, Step.PRODUCTION, "制证完成。")
            yield life.step(desk, Step.SEALING, "已加盖窗口章。")
        left = (life.item.fee_yuan or 0) * 100
        for amount in amounts:
            left -= amount
            life.seconds(120)
            life.pen = "fee_above_standard" if left < 0 else ""
            yield life.contribution(FeePaid, desk, amount, f"NO.{life.random.randrange(10**8):08d}")
        life.seconds(300)
        yield life.handing_over(desk)
        life.seconds(100)
        yield from life.struck_off(desk)

    return script


# --- P13, P14 --------------------------------------------------------------------------------------------------------


def plant_one_for_two(year: PlantedYear) -> None:
    """One officer accepts and decides, where the item declares that nobody may do both."""
    town = year.a_town()
    one, two = OfficerId(f"{town}/zhang"), OfficerId(f"{town}/lifang")
    for variant, item, decider, is_guilty in (
        ("declared pair", SEPARATED, one, True),
        ("two people", SEPARATED, two, False),
        ("undeclared", CONVERTIBLE, one, False),
    ):
        life = year.plant(town, item, year.a_day(), _by_two(one, decider))
        year.label("P13", variant, is_guilty, [life], RED if is_guilty else ACCUSED)


def _by_two(accepts: OfficerId, decides: OfficerId) -> Script:
    def script(life: Plant) -> Acts:
        life.by[life.desk] = accepts
        yield from life.accepted()
        life.seconds(1500)
        life.by[life.desk] = decides
        yield life.decision(life.desk, granted=True)
        life.by[life.desk] = accepts
        yield from life.delivered(life.desk)

    return script


def plant_own_cases(year: PlantedYear) -> None:
    """An officer whose name the register knows decides on an application in that name; a colleague does so instead."""
    for variant, is_guilty in (("own case", True), ("recused", False), ("somebody else's", False)):
        town = year.a_town()
        person = OfficerId(f"{town}/self{len(year.labels)}")
        name = year.people.stranger().name + "政"
        year.publish(town, _post(year, town, person, name))
        handler = OfficerId(f"{town}/zhang") if variant == "recused" else person
        applies = name if variant != "somebody else's" else ""
        life = year.plant(town, CONVERTIBLE, year.a_day(), _applied(applies, handler))
        # Of an officer the county knows the name alone, and another may have it: what it is called is the rule's.
        year.label("P14", variant, is_guilty, [life], ACCUSED | {"info"} if is_guilty else ACCUSED)


def _post(year: PlantedYear, town: OfficeId, person: OfficerId, name: str) -> PostAssigned:
    return PostAssigned(
        year.chancery.pen.operation(),
        town,
        OfficerId(f"{town}/hu"),
        f"jy-{len(year.labels)}",
        town,
        "就业服务岗",
        person,
        name,
        Position.PRIMARY,
        (CONVERTIBLE,),
        date(YEAR, 1, 1),
        None,
    )


def _applied(name: str, handler: OfficerId) -> Script:
    def script(life: Plant) -> Acts:
        if name:
            life.applicant = structs.replace(life.applicant, name=name)
        life.by[life.desk] = handler
        yield from life.accepted()
        life.seconds(1500)
        yield from life.granted(life.desk)

    return script


# --- P15 -------------------------------------------------------------------------------------------------------------


def plant_no_mandates(year: PlantedYear) -> None:
    """Decided without a grant, long after its end, a few days after its end, dated back into it."""
    random = year.random
    town = year.a_town()
    number = f"苍民委〔{YEAR}〕{len(year.labels)}号"
    year.add_grant(
        Grant(number, "县民政局", False, (town,), (ALLOWANCE,), date(YEAR, 1, 1), GRANT_END, f"苍民发{number}")
    )
    other = next(one for one in sorted(year.quiet) if one != town)
    life = year.plant(other, ALLOWANCE, year.a_day(), _allowed(number, is_granted=False))
    year.label("P15", "never granted", True, [life], RED, ("not_competent",))
    for days in (GRANT_GRACE_DAYS + 1, random.randint(14, 60)):
        life = _decided_on(year, town, GRANT_END + timedelta(days=days), number)
        year.label("P15", "grant ended", True, [life], RED, ("not_competent",), days_after=days)
    life = _decided_on(year, town, GRANT_END + timedelta(days=20), number, back_to=GRANT_END)
    year.label("P15", "dated back into the grant", True, [life], RED, ("not_competent",), days_after=20)
    for days in (0, -random.randint(1, 90)):
        life = _decided_on(year, town, GRANT_END + timedelta(days=days), number)
        year.label("P15", "grant in force", False, [life], days_after=days)
    for days in (1, 3):
        life = _decided_on(year, town, GRANT_END + timedelta(days=days), number)
        year.label("P15", "just ended", False, [life], days_after=days, pen=("not_competent",))


def _decided_on(year: PlantedYear, town: OfficeId, day: date, number: str, *, back_to: date | None = None) -> Plant:
    """Accepted, and decided on that day or the next working day."""
    hours = year.chancery.hours
    index = next(place for place, one in enumerate(hours.days) if one >= day)
    if day <= GRANT_END and hours.days[index] > GRANT_END:
        index -= 1
    is_granted = hours.days[index] <= GRANT_END
    claimed = china(back_to, 11) if back_to is not None else None
    return year.plant(town, ALLOWANCE, hours.days[index - 3], _allowed(number, is_granted=is_granted, claimed=claimed))


def _allowed(number: str, *, is_granted: bool, claimed: Instant | None = None) -> Script:
    def script(life: Plant) -> Acts:
        start, desk = life.moment, life.desk
        yield from life.accepted()
        life.working_days(1, after=start)
        yield life.step(desk, Step.REVIEW, "村核实、镇初审,符合条件。")
        life.working_days(3, after=start)
        life.pen, life.claim = "" if is_granted else "not_competent", claimed
        reason = f"经审查,申请符合规定的条件,准予办理{life.item.name}。"
        serial = f"苍政务〔{YEAR}〕{life.chancery.next_serial(seat_of(desk))}号"
        yield life.act(CaseDecided, desk, Outcome.GRANTED, reason, life.item.basis[0], "", serial, number)
        yield from life.delivered(desk)

    return script


# --- P21 -------------------------------------------------------------------------------------------------------------


def plant_changes_after_the_end(year: PlantedYear) -> None:
    """Money or another decision after the case was struck off; and what is in order afterwards."""
    for variant, after, severities, pens in (
        ("fee afterwards", _fee_afterwards, RED, ("stage_forbids",)),
        ("decided again", _decided_again, RED, ("stage_forbids",)),
        ("taken up without leave", _reopened_by(""), None, ("approver_required",)),
    ):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _afterwards(after))
        if severities is None:
            year.label("P21", variant, True, [life], pen=pens)
        else:
            year.label("P21", variant, True, [life], severities, pens)
    for variant, after in (("archived", _archived), ("taken up by leave", _reopened_by("leader"))):
        life = year.plant(year.a_town(), CONVERTIBLE, year.a_day(), _afterwards(after))
        year.label("P21", variant, False, [life])


def _afterwards(after: Callable[[Plant], Acts]) -> Script:
    def script(life: Plant) -> Acts:
        yield from life.accepted()
        life.seconds(900)
        yield from life.granted(life.desk)
        life.working_days(3)
        yield from after(life)

    return script


def _fee_afterwards(life: Plant) -> Acts:
    life.pen = "stage_forbids"
    yield life.contribution(FeePaid, life.desk, 5000, "NO.00001234")


def _decided_again(life: Plant) -> Acts:
    life.pen, life.breach = "stage_forbids", NOT_IN_THIS_STAGE
    words = (PADDING, "就业促进法第五十条", REMEDY, "苍政务〔2026〕补1号")
    yield life.act(CaseDecided, life.desk, Outcome.REFUSED, *words)


def _archived(life: Plant) -> Acts:
    yield life.step(life.desk, Step.ARCHIVE, "档案已装订归档。")


def _reopened_by(leave: str) -> Callable[[Plant], Acts]:
    def after(life: Plant) -> Acts:
        clerk = OfficerId(f"{life.desk}/zhang")
        life.by[life.desk] = clerk
        approver = life.leader(life.desk) if leave else ""
        life.pen = "" if leave else "approver_required"
        yield life.act(CaseReopened, life.desk, "决定书文字有误,重新办理。", OfficerId(approver))
        life.seconds(1200)
        yield life.decision(life.desk, granted=bool(leave))
        yield from life.delivered(life.desk)

    return after


ALL: Final = (
    plant_skipped_steps,
    plant_unexplained_refusals,
    plant_fee_deviations,
    plant_one_for_two,
    plant_own_cases,
    plant_no_mandates,
    plant_changes_after_the_end,
)
"""Each plants one round of its rule."""
