"""P6, P15: both sides of each threshold, each guard, and the honest habit beside it."""

import pytest
from msgspec.structs import replace

from hub.audit.dossier import ActFact, Around
from hub.audit.marking import act_facts
from hub.audit.rule import Severity
from hub.audit.rules import RULES
from schemas.casework.events import (
    AcceptanceRefused,
    CaseDecided,
    CustodyDeclined,
    CustodyOffered,
)
from schemas.casework.values import Outcome
from schemas.catalogue import Grant
from schemas.names import Instant, OfficeId, OfficerId
from tests.support.casebook import TOWNSHIP, VILLAGE
from tests.support.dossiers import DAY, Record, around_of, day, hits, item_of, told

RULE = {rule.code: rule for rule in RULES}
GRANTED = (Outcome.GRANTED, "经审查符合条件，准予办理", "社会救助暂行办法")
LEADER = OfficerId(f"{TOWNSHIP}/hu")


# --- P6 --------------------------------------------------------------------------------------------------------------

REASON = "申请事项不属于本机关职权范围。"
REMEDY = "可在六十日内申请行政复议。"


def refused(reason: str = REASON, basis: str = "行政许可法第三十二条", remedy: str = REMEDY) -> Record:
    record = Record(item_of("MZ03"))
    record.filed("03-02 09:00")
    record.act("03-02 10:00", CustodyOffered, VILLAGE, TOWNSHIP)
    record.act("03-03 10:00", AcceptanceRefused, TOWNSHIP, reason, basis, remedy)
    return record


@pytest.mark.parametrize(
    ("record", "lacks"),
    [
        (refused(), []),
        (refused(reason=REASON[1:]), ["reason"]),
        (refused(reason="  ".join(REASON[:14]) + "   "), ["reason"]),
        (refused(basis=" "), ["basis"]),
        (refused(remedy=""), ["remedy"]),
        (refused("", "", ""), ["reason+basis+remedy"]),
    ],
)
def test_a_refusal_says_why_by_what_law_and_how_to_object(record: Record, lacks: list[str]) -> None:
    assert len(REASON) == 15
    found = hits(RULE["P6"], record.dossier("03-31"))
    assert [hit.facts["lacks"] for hit in found] == lacks
    assert all(hit.severity is Severity.RED and hit.office == TOWNSHIP for hit in found)


def test_a_refused_decision_is_held_to_the_same_and_a_granted_one_is_not() -> None:
    for outcome, count in ((Outcome.REFUSED, 1), (Outcome.GRANTED, 0)):
        record = Record(item_of("MZ03"))
        record.at_township("03-02 09:00", "03-02 09:30")
        record.act("03-05 10:00", CaseDecided, TOWNSHIP, outcome, "符合", "", "")
        assert len(hits(RULE["P6"], record.dossier("03-31"))) == count


def test_an_offer_given_back_is_no_refusal() -> None:
    record = Record(item_of("MZ03"))
    record.filed("03-02 09:00")
    record.act("03-02 10:00", CustodyOffered, VILLAGE, TOWNSHIP)
    record.act("03-03 10:00", CustodyDeclined, TOWNSHIP, "应申请退回", "")
    assert not hits(RULE["P6"], record.dossier("03-31"))


def refusals(same: int, other: int, who: str = "li") -> list[Record]:
    """The same words `same` times, others before them."""
    made: list[Record] = []
    for number in range(same + other):
        reason = f"申请不符合规定的第{number + 100}项条件要求，不予受理" if number < other else REASON * 2
        record = Record(item_of("MZ03"), number + 1, base=100 * number)
        record.filed("03-02 09:00")
        record.act("03-02 10:00", CustodyOffered, VILLAGE, TOWNSHIP)
        minute = f"03-03 {10 + number // 60:02d}:{number % 60:02d}"
        record.act(minute, AcceptanceRefused, TOWNSHIP, reason, "第三十二条", REMEDY, who=who)
        made.append(record)
    return made


@pytest.mark.parametrize(("same", "other", "count"), [(19, 0, 0), (20, 0, 1), (20, 13, 1), (20, 14, 0)])
def test_the_same_words_in_most_of_an_officer_s_refusals_are_asked_about(same: int, other: int, count: int) -> None:
    records = refusals(same, other)
    around = around_of(records)
    found = [hit for record in records for hit in hits(RULE["P6"], record.dossier("03-31", around))]
    assert [(hit.severity.value, hit.facts["state"]) for hit in found] == [("yellow", "boilerplate")] * count


def test_a_year_of_an_officer_s_refusals_is_compared_and_nobody_else_s() -> None:
    """Twenty of thirty over four months; what lies more than a year back, and what a colleague wrote, is left out."""
    last = refused()
    own = last.deeds()[-1]
    words = act_facts(last.file, last.deeds())[-1]

    def others(count: int, days_apart: int, **changes: object) -> tuple[ActFact, ...]:
        acts = (
            replace(
                words, at=Instant(own.at - number * days_apart * DAY), place=(own.place[0], 99 * days_apart + number)
            )
            for number in range(1, count + 1)
        )
        return tuple(replace(act, **changes) for act in acts)

    def found(*acts: ActFact) -> list[tuple[str, str]]:
        around = Around(refusals=tuple(sorted((words, *acts), key=lambda act: (act.officer, act.at))))
        return told(RULE["P6"], last.dossier("03-31", around))

    boilerplate = [("yellow", "boilerplate")]
    assert found(*others(19, 6)) == boilerplate
    assert found(*others(18, 6)) == []
    assert found(*others(19, 6), *others(13, 5, text=bytes(32))) == boilerplate
    assert found(*others(19, 6), *others(14, 5, text=bytes(32))) == []
    assert found(*others(19, 19)) == boilerplate
    assert found(*others(19, 20)) == [], "the first lies more than a year back"
    assert found(*others(19, 6, officer=LEADER)) == []


def test_offers_given_back_in_the_same_words_are_no_refusals() -> None:
    records = refusals(19, 0)
    declined = Record(item_of("MZ03"), 99, base=9900)
    declined.filed("03-02 09:00")
    declined.act("03-02 10:00", CustodyOffered, VILLAGE, TOWNSHIP)
    declined.act("03-03 09:00", CustodyDeclined, TOWNSHIP, REASON * 2, "第三十二条", who="li")
    around = around_of([*records, declined])
    assert not [hit for record in records for hit in hits(RULE["P6"], record.dossier("03-31", around))]


# --- P15 -------------------------------------------------------------------------------------------------------------

FELLING = item_of("LY01")


def grant(first: str, last: str | None, to: OfficeId = TOWNSHIP, items: tuple[str, ...] = ("LY01",)) -> Grant:
    until = day(last) if last is not None else None
    return Grant("苍林委3号", "县林业局", True, (to,), items, day(first), until, "苍林发3号")


def felled(at: str, *grants: Grant, proved: tuple[str | None, str | None] = (None, None)) -> list[str]:
    record = Record(FELLING)
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act(at, CaseDecided, TOWNSHIP, *GRANTED, proved=proved)
    return [hit.severity.value for hit in hits(RULE["P15"], record.dossier("03-31", grants=grants))]


def test_a_decision_needs_tier_or_grant_on_its_day() -> None:
    assert felled("03-10 10:00") == ["red"]
    assert felled("03-10 10:00", grant("03-01", None)) == []
    assert felled("03-10 10:00", grant("03-01", None, OfficeId("510824102"))) == ["red"]
    assert felled("03-10 10:00", grant("03-01", None, items=("NY01",))) == ["red"]
    record = Record(item_of("MZ03"))
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act("03-10 10:00", CaseDecided, TOWNSHIP, *GRANTED)
    assert not hits(RULE["P15"], record.dossier("03-31")), "the township decides it by its tier"


@pytest.mark.parametrize(("last", "found"), [("03-15", []), ("03-14", ["red"])])
def test_a_grant_is_renewed_within_five_days(last: str, found: list[str]) -> None:
    assert felled("03-20 10:00", grant("03-01", last)) == found


def test_a_day_on_which_it_can_have_been_decided_is_in_doubt_for_the_office() -> None:
    ended = grant("01-01", "03-10")
    assert felled("03-20 10:00", ended, proved=("03-09 10:00", "03-20 12:00")) == ["info"]
    assert felled("03-20 10:00", ended, proved=("03-19 10:00", "03-20 12:00")) == ["red"]


def test_a_decision_dated_back_into_a_grant_is_outside_it() -> None:
    ended = grant("01-01", "03-10")
    assert felled("03-10 10:00", ended, proved=("03-30 09:00", "03-30 12:00")) == ["red"]
    assert felled("03-10 10:00", ended, proved=("03-30 09:00", None)) == ["red"]
    assert felled("03-10 10:00", ended, proved=("03-16 09:00", "03-16 12:00")) == ["red"]
    assert felled("03-10 10:00", ended, proved=("03-15 09:00", "03-30 12:00")) == [], "it may have been within the days"
    assert felled("03-10 10:00", ended, proved=("03-09 09:00", "03-30 12:00")) == [], "a claim inside is believed"
    assert felled("03-10 10:00", ended, proved=(None, "03-30 12:00")) == []
    renewed = grant("03-25", None)
    assert felled("03-10 10:00", ended, renewed, proved=("03-20 09:00", "03-30 12:00")) == ["info"]
    assert felled("03-10 10:00", ended, renewed, proved=("03-20 09:00", "03-24 12:00")) == ["red"]
    assert felled("03-10 10:00", ended, renewed, proved=("03-20 09:00", None)) == ["info"]
    assert felled("03-10 10:00", ended, proved=("03-30 09:00", "03-29 12:00")) == [], "proofs that exclude each other"


def test_a_decision_dated_ahead_into_a_grant_is_outside_it() -> None:
    begins = grant("03-20", None)
    assert felled("03-20 10:00", begins, proved=(None, "03-10 12:00")) == ["red"]
    assert felled("03-20 10:00", begins, proved=("03-09 12:00", "03-10 12:00")) == ["red"]
    assert felled("03-20 10:00", begins, proved=("03-09 12:00", "03-20 12:00")) == []
