"""The audit's rules together: each is declared in full, each finds what is planted for it, none fails on anything.

A rule that is switched off is noticed here: nothing else finds in its place what was planted for it.
"""

import random
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.audit.dossier import Around, Bracket, Dossier, Tie
from hub.audit.integrity import INTEGRITY_RULES
from hub.audit.limits import DEFAULTS, LIMITS, make_limits
from hub.audit.looking import look_day
from hub.audit.reckoning import with_due
from hub.audit.rule import AuditRule, Hit, Need, Severity
from hub.audit.rules import BY_CODE, RECORDING_RULES, RULES
from hub.audit.words import WORDS, sentence_of
from office.seeds import load_catalogue
from schemas.casework.events import (
    CaseClosed,
    CaseDecided,
    CaseSuspended,
    CustodyAccepted,
    CustodyOffered,
    FeePaid,
    PapersReceived,
    PapersRequested,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
)
from schemas.casework.fold import Item, fold
from schemas.casework.steps import Step
from schemas.casework.values import Applicant, Handover, Outcome, PauseCause
from schemas.headed import EntryHeader
from schemas.names import CaseId, Instant, OfficeId, OfficerId
from schemas.papers import PaperRef
from schemas.refusals import Refused
from tests.support.casebook import TOWNSHIP, VILLAGE, digest
from tests.support.dossiers import Record, around_of, day, deeds_of, dossier_of, hits, item_of
from tests.unit.test_fold_laws import entry_sets

GRANTED: Final = (Outcome.GRANTED, "经审查符合条件，准予办理", "社会救助暂行办法")
STARRED: Final = frozenset(
    ["I6", "P1", "P2", "P4", "P5", "P6", "P8", "P9", "P11", "P12", "P13", "P14", "P15", "P16", "P20"]
)
OTHERS: Final = frozenset(["P3", "P7", "P17", "P18", "P21", "P24"])


def resident(number: int, phone: str = "") -> Applicant:
    """An invented resident (sample)."""
    return Applicant(f"样本{number}", "111", f"51082419491001{number:04d}", phone or f"139{number:08d}")


# --- an honest case, and one of each kind that is not ----------------------------------------------------------------


def honest(number: int = 1, item: str = "RS04", who: str = "zhang") -> Record:
    """A promised case as a real township works: two entries in a minute, one person who checks and decides."""
    record = Record(item_of(item, deciders=item_of("MZ03").deciders), number, resident(number), base=1000 * number)
    record.filed("03-02 09:00")
    record.act("03-02 09:00:37", CustodyOffered, VILLAGE, TOWNSHIP)
    record.act("03-02 10:00", CustodyAccepted, TOWNSHIP, who=who)
    record.note("03-04 10:00", StepCompleted, TOWNSHIP, Step.REVIEW, "符合条件", who=who)
    record.act("03-04 10:00:37", CaseDecided, TOWNSHIP, *GRANTED, who=who)
    record.note("03-04 11:00", StepCompleted, TOWNSHIP, Step.PRODUCTION, "已制证", who=who)
    record.act("03-05 09:00", CustodyOffered, TOWNSHIP, VILLAGE, who=who)
    record.act("03-05 09:30", CustodyAccepted, VILLAGE)
    record.act("03-05 16:00", ResultHandedOver, VILLAGE, "样本", Handover.HOME)
    record.act("03-05 16:01", CaseClosed, VILLAGE)
    record.note("03-06 20:00", StepCompleted, TOWNSHIP, Step.ARCHIVE, "已归档", who=who)
    return record


def begun(number: int = 1, item: str = "MZ03", **changes: object) -> Record:
    record = Record(item_of(item, **changes), number, resident(number), base=1000 * number)
    record.at_township("03-02 09:00", "03-02 09:30")
    return record


def false_time() -> list[Dossier]:
    record = honest()
    record.note("03-06 10:00", StepCompleted, TOWNSHIP, Step.ARCHIVE, "已归档", proved=("03-07 10:00", None))
    return [record.dossier()]


def overdue() -> list[Dossier]:
    return [begun().dossier("03-25")]


def step_overdue() -> list[Dossier]:
    record = Record(item_of("MZ03"), applicant=resident(1))
    record.filed("03-02 09:00")
    return [record.dossier("03-05")]


def late_referral() -> list[Dossier]:
    record = begun(item="MZ02", promise_days=60, legal=item_of("WJ03").legal)
    record.act("04-02 10:00", CustodyOffered, TOWNSHIP, OfficeId("510824.mzj"), "经初审符合条件，现上报")
    return [record.dossier("04-03")]


def skipped() -> list[Dossier]:
    record = begun(item="RS04", deciders=item_of("MZ03").deciders)
    record.act("03-04 10:00", CaseDecided, TOWNSHIP, *GRANTED)
    return [record.dossier("03-05")]


def instant() -> list[Dossier]:
    record = begun(item="TY01", deciders=item_of("MZ03").deciders)
    record.note("03-02 09:30:10", StepCompleted, TOWNSHIP, Step.REVIEW, "符合条件", who="li")
    record.act("03-02 09:30:20", CaseDecided, TOWNSHIP, *GRANTED)
    record.note("03-02 09:30:25", StepCompleted, TOWNSHIP, Step.PRODUCTION, "已制证")
    record.act("03-02 09:30:30", ResultHandedOver, TOWNSHIP, "样本", Handover.COUNTER)
    record.act("03-02 09:30:59", CaseClosed, TOWNSHIP)
    known = replace(record.dossier().fact, case=CaseId(bytes(16)), item="MZ01")
    return [record.dossier(around=replace(around_of([record]), by_person=(known,)))]


def unexplained() -> list[Dossier]:
    record = begun()
    record.note("03-03 10:00", StepCompleted, TOWNSHIP, Step.SURVEY, "情况属实")
    record.note("03-03 10:00", StepCompleted, TOWNSHIP, Step.REVIEW, "不符合条件")
    record.act("03-04 10:00", CaseDecided, TOWNSHIP, Outcome.REFUSED, "不符合", "", "")
    return [record.dossier("03-05")]


def asked_twice() -> list[Dossier]:
    record = begun()
    record.act("03-03 10:00", PapersRequested, TOWNSHIP, ("户口簿",), "材料不齐")
    record.act("03-04 10:00", PapersReceived, TOWNSHIP, ("户口簿",))
    record.act("03-05 10:00", PapersRequested, TOWNSHIP, ("证件照",), "缺件")
    return [record.dossier("03-06")]


def overcharged() -> list[Dossier]:
    record = begun()
    record.note("03-03 10:00", FeePaid, TOWNSHIP, 5000, "0012345")
    return [record.dossier("03-04")]


def stopped() -> list[Dossier]:
    record = begun()
    record.act("03-05 10:00", CaseSuspended, TOWNSHIP, PauseCause.HEARING, "无", day("03-20"))
    return [record.dossier("03-06")]


def burst() -> list[Dossier]:
    records: list[Record] = []
    for number in range(1, 11):
        record = Record(item_of("RS03"), number, resident(number), base=1000 * number)
        record.filed(f"03-02 10:{number:02d}", TOWNSHIP)
        records.append(record)
    around = around_of(records)
    return [record.dossier("03-02", around) for record in records]


def nights() -> list[Dossier]:
    records: list[Record] = []
    for number in range(2, 12):
        record = Record(item_of("RS03"), number, resident(number), base=1000 * number)
        on = f"03-{number:02d}"
        record.filed(f"{on} 21:00", TOWNSHIP)
        record.act(f"{on} 21:10", CustodyAccepted, TOWNSHIP, who="li")
        records.append(record)
    around = around_of(records)
    return [record.dossier(f"03-{number:02d}", around) for number, record in enumerate(records, 2)]


def alone() -> list[Dossier]:
    record = begun()
    own = OfficerId(f"{TOWNSHIP}/zhang")
    record.note("03-03 10:00", SiteSurveyed, TOWNSHIP, (own, own), day("03-03"), "村口", "与申请一致", True)
    return [record.dossier("03-04")]


def own_case() -> list[Dossier]:
    return [begun().dossier("03-04", ties={OfficerId(f"{TOWNSHIP}/zhang"): Tie.PERSON})]


def unauthorised() -> list[Dossier]:
    record = begun(item="RS02")
    record.note("03-03 10:00", StepCompleted, TOWNSHIP, Step.REVIEW, "符合条件")
    record.act("03-04 10:00", CaseDecided, TOWNSHIP, *GRANTED)
    return [record.dossier("03-05")]


def twice() -> list[Dossier]:
    first, second = begun(1), begun(2)
    second.applicant = first.applicant
    second.items.clear()
    second.turn, second.tip = 0, None
    second.at_township("03-03 09:00", "03-03 09:30")
    around = around_of([first, second])
    return [first.dossier("03-04", around), second.dossier("03-04", around)]


def one_phone() -> list[Dossier]:
    records: list[Record] = []
    for number in range(1, 6):
        record = Record(item_of("RS03"), number, resident(number, "13811112222"), base=1000 * number)
        record.filed(f"03-{1 + number:02d} 09:00")
        records.append(record)
    around = around_of(records)
    return [record.dossier("03-06", around) for record in records[4:]]


def ghost() -> list[Dossier]:
    record = Record(item_of("RS03"), applicant=resident(1))
    record.filed("03-02 09:00", TOWNSHIP)
    record.act("03-02 09:01", CustodyAccepted, TOWNSHIP)
    record.act("03-02 09:05", CaseDecided, TOWNSHIP, *GRANTED)
    record.act("03-02 09:08", ResultHandedOver, TOWNSHIP, "样本", Handover.COUNTER)
    return [record.dossier("03-03")]


def reused() -> list[Dossier]:
    records: list[Record] = []
    for number in (1, 2):
        record = Record(item_of("RS03"), number, resident(number), base=1000 * number)
        paper = PaperRef(digest("a household's book"), 1000, "image/jpeg", "户口簿")
        record.filed(f"03-{1 + number:02d} 09:00", papers=(paper,))
        records.append(record)
    around = around_of(records)
    return [records[1].dossier("03-03", around)]


def reworked() -> list[Dossier]:
    record = honest()
    record.note("03-09 10:00", StepCompleted, TOWNSHIP, Step.REVIEW, "补录审查")
    return [record.dossier()]


def lent() -> list[Dossier]:
    records: list[Record] = []
    for number, (at, device) in enumerate((("10:00", "a"), ("10:03", "b"), ("15:00", "a")), 1):
        record = Record(item_of("RS03"), number, resident(number), base=1000 * number)
        record.filed("03-02 09:00", VILLAGE, who=f"liu{number}")
        record.act("03-02 09:30", CustodyOffered, VILLAGE, TOWNSHIP, who=f"liu{number}")
        record.act(f"03-02 {at}", CustodyAccepted, TOWNSHIP, who="wang", device=device)
        records.append(record)
    around = around_of(records)
    return [record.dossier("03-02", around) for record in records]


PLANTED: Final[dict[str, Callable[[], list[Dossier]]]] = {
    "I6": false_time,
    "P1": overdue,
    "P2": step_overdue,
    "P3": late_referral,
    "P4": skipped,
    "P5": instant,
    "P6": unexplained,
    "P7": asked_twice,
    "P8": overcharged,
    "P9": stopped,
    "P11": burst,
    "P12": nights,
    "P13": alone,
    "P14": own_case,
    "P15": unauthorised,
    "P16": twice,
    "P17": one_phone,
    "P18": ghost,
    "P20": reused,
    "P21": reworked,
    "P24": lent,
}


def found_by(rules: Sequence[AuditRule], dossiers: Sequence[Dossier]) -> dict[str, list[Hit]]:
    found = {rule.code: [hit for dossier in dossiers for hit in hits(rule, dossier)] for rule in rules}
    return {code: some for code, some in found.items() if some}


@pytest.mark.parametrize("code", sorted(PLANTED))
def test_each_planted_case_is_found_by_its_own_rule_and_by_no_other(code: str) -> None:
    dossiers = PLANTED[code]()
    found = found_by(RULES, dossiers)
    grave = {name for name, some in found.items() if any(hit.severity is not Severity.INFO for hit in some)}
    assert code in found
    assert grave <= {code}, "another rule accuses the same case"
    assert code not in found_by([rule for rule in RULES if rule.code != code], dossiers)


@pytest.mark.parametrize("code", sorted(PLANTED))
def test_every_finding_reads_as_a_sentence_in_both_languages(code: str) -> None:
    rule = BY_CODE[code]
    for dossier in PLANTED[code]():
        for hit in hits(BY_CODE_OF_CASES[code], dossier):
            zh, en = sentence_of(rule, hit.facts)
            assert "…" not in zh + en
            assert "{" not in zh + en
            assert not re.search(r"[a-z]{4,}[._][a-z]+", zh), "a code that has no word"
            assert severity_of(rule.severity) <= severity_of(hit.severity)


BY_CODE_OF_CASES: Final = {rule.code: rule for rule in RULES}


def severity_of(severity: Severity) -> int:
    """0 is the gravest."""
    return [Severity.RED, Severity.YELLOW, Severity.INFO].index(severity)


def test_an_honest_case_is_left_alone_by_all() -> None:
    records = [honest(number, who=("zhang", "li", "wang")[number % 3]) for number in range(1, 9)]
    around = around_of(records)
    for record in records:
        found = found_by(RULES, [record.dossier("04-30", around)])
        assert not found, "two entries in a minute, one who checks and decides, an evening, work after the end"


# --- the declarations ------------------------------------------------------------------------------------------------


def test_every_case_level_rule_is_declared_once_and_the_starred_ones_are_marked() -> None:
    assert {rule.code for rule in RULES} == STARRED | OTHERS == set(PLANTED)
    assert {rule.code for rule in RULES if rule.is_starred} == STARRED
    assert [rule.code for rule in RECORDING_RULES] == ["P19"]
    assert len(BY_CODE) == len(RULES) + 1
    assert not set(BY_CODE) & set(INTEGRITY_RULES)


@pytest.mark.parametrize("rule", [*RULES, *RECORDING_RULES, *INTEGRITY_RULES.values()], ids=lambda rule: rule.code)
def test_each_rule_says_everything_in_both_languages(rule: AuditRule) -> None:
    for zh, en in (rule.title, rule.guard, rule.sentence):
        assert re.search(r"[\u4e00-\u9fff]", zh)
        assert not re.search(r"[\u4e00-\u9fff]", en)
        assert len(en) > len(zh) / 4
    zh, en = rule.sentence
    assert set(re.findall(r"{(\w+)}", zh)) == set(re.findall(r"{(\w+)}", en))
    assert rule.ground


def test_every_threshold_has_a_reason_a_range_and_a_rule() -> None:
    used = {name for rule in (*RULES, *RECORDING_RULES) for name in rule.limits}
    assert used == set(LIMITS)
    for limit in LIMITS.values():
        assert limit.low <= limit.default <= limit.high
        assert len(limit.reason) > 5


def test_a_county_s_own_threshold_counts_and_a_wrong_one_is_refused() -> None:
    assert make_limits({"bulk_cases_min": 20})["bulk_cases_min"] == 20
    assert DEFAULTS["bulk_cases_min"] == 10
    for name, value, code in (("bulk_cases", 10, "audit_limit_unknown"), ("bulk_cases_min", 2, "audit_limit_range")):
        with pytest.raises(Refused) as refused:
            make_limits({name: value})
        assert refused.value.code == code


def test_words_are_there_in_both_languages() -> None:
    assert all(zh and en for zh, en in WORDS.values())
    rule = BY_CODE["P1"]
    assert sentence_of(rule, {"clock": "legal"})[1].startswith("the legal term to …")


# --- on anything -----------------------------------------------------------------------------------------------------

MOMENTS: Final = st.one_of(
    st.integers(1_772_000_000_000, 1_776_000_000_000),
    st.sampled_from((-1, 0, 1, 2_082_758_400_000, 7_300_000_000_000, 2**53)),
)
CODES: Final = sorted(load_catalogue().items)
DAYS: Final = st.dates(date(1970, 1, 1), date(2199, 1, 1))


@st.composite
def dossiers(draw: st.DrawFn) -> Dossier | None:
    """Whatever anybody may have written, under clocks that say anything, with brackets that may contradict them."""
    items: list[tuple[Item, EntryHeader]] = []
    brackets: dict[bytes, Bracket] = {}
    for event, header in draw(entry_sets()):
        assert isinstance(header, EntryHeader)
        if draw(st.integers(0, 2)) == 0:
            header = replace(header, at=Instant(draw(MOMENTS)))
        edge = st.none() | MOMENTS
        low, high = draw(edge), draw(edge)
        brackets[header.hash] = Bracket(None if low is None else Instant(low), None if high is None else Instant(high))
        items.append(((event, header), header))
    written = [(event, header) for (event, _), header in items]
    file = fold(written)
    if file is None or file.filing is None:
        return None
    deeds = deeds_of(file, written, brackets)
    item = None if draw(st.integers(0, 9)) == 0 else item_of(draw(st.sampled_from(CODES)))
    today = draw(DAYS)
    made = dossier_of(file, deeds, item, today)
    ties = {deed.officer: Tie.NAME for deed in deeds if draw(st.booleans())}
    heard = {OfficeId(TOWNSHIP): Instant(draw(MOMENTS))} if draw(st.booleans()) else {}
    return replace(made, around=_around(draw, made), ties=ties, heard_until=heard)


def _around(draw: st.DrawFn, made: Dossier) -> Around:
    from hub.audit.marking import act_facts

    acts = act_facts(made.file, made.deeds) * draw(st.sampled_from((1, 1, 12)))
    moved = [
        replace(act, case=CaseId(number.to_bytes(16, "big")), at=Instant(act.at + number * 1000))
        for number, act in enumerate(acts)
    ]
    by_officer = tuple(sorted([*acts, *moved], key=lambda act: (act.officer, act.at)))
    others = tuple(
        replace(made.fact, case=CaseId(number.to_bytes(16, "big")), filed_at=Instant(made.fact.filed_at - number * 999))
        for number in range(draw(st.integers(0, 6)))
    )
    refusals = tuple(act for act in by_officer if act.text)
    return Around(by_officer, (made.fact, *others), (made.fact, *others), (), refusals)


@settings(max_examples=250, deadline=None)
@given(dossiers(), st.randoms(use_true_random=False))
def test_no_rule_fails_on_any_case_that_the_fold_accepts(dossier: Dossier | None, chance: random.Random) -> None:
    if dossier is None:
        return
    assert with_due(dossier, DEFAULTS).fact.due is None or dossier.fact.withdrawn_at is not None
    look = look_day(dossier, DEFAULTS)
    assert look is None or look > dossier.today
    known = {deed.place for deed in dossier.deeds}
    known |= {act.place for act in dossier.around.by_officer}
    known |= {fact.place for fact in dossier.around.by_person if fact.place is not None}
    people = list(dossier.around.by_person)
    chance.shuffle(people)
    shuffled = replace(dossier, around=replace(dossier.around, by_person=tuple(people), by_phone=tuple(people)))
    for rule in RULES:
        found = hits(rule, dossier)
        assert set(rule.limits) <= set(LIMITS)
        for hit in found:
            assert set(hit.evidence) <= known
            assert severity_of(rule.severity) <= severity_of(hit.severity)
            assert all(isinstance(value, int | str) and len(str(value)) < 120 for value in hit.facts.values())
            assert all(sentence_of(rule, hit.facts))
        assert hits(rule, shuffled) == found, "the order of what stands around says nothing"


@settings(max_examples=60, deadline=None)
@given(dossiers())
def test_an_empty_case_is_judged_by_its_times_alone(dossier: Dossier | None) -> None:
    if dossier is None:
        return
    purged = replace(dossier, file=replace(dossier.file, purged=True))
    assert not found_by([rule for rule in RULES if rule.code != "I6"], [purged])


def test_what_a_rule_looks_at_is_what_it_asked_for() -> None:
    """Nothing is found through what a rule did not ask for: its neighbours would be missing in the real examination."""
    for code, plant in PLANTED.items():
        rule = BY_CODE_OF_CASES[code]
        for dossier in plant():
            around = dossier.around
            asked = Around(
                around.by_officer if Need.OFFICER in rule.needs else (),
                around.by_person if Need.PERSON in rule.needs else (),
                around.by_phone if Need.PHONE in rule.needs else (),
                around.by_paper if Need.PAPER in rule.needs else (),
                around.refusals if Need.REFUSALS in rule.needs else (),
            )
            assert hits(rule, replace(dossier, around=asked)) == hits(rule, dossier)
