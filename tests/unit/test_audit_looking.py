"""The day on which a case is looked at again: reminder, end of a term, striking off, and each night for a dead line."""

from datetime import date

import pytest

from hub.audit.limits import DEFAULTS, make_limits
from hub.audit.looking import look_day
from hub.audit.rules import RULES
from schemas.casework.events import CaseClosed, CaseDecided, CaseSuspended, ResultHandedOver
from schemas.casework.values import Handover, Outcome, PauseCause
from tests.support.casebook import TOWNSHIP
from tests.support.dossiers import Record, day, hits, item_of

RULE = {rule.code: rule for rule in RULES}
GRANTED = (Outcome.GRANTED, "经审查符合条件，准予办理", "社会救助暂行办法")


def accepted() -> Record:
    """Promised until Monday, 23 March; by law until 1 April."""
    record = Record(item_of("MZ03"))
    record.at_township("03-02 09:00", "03-02 09:30")
    return record


def looked(record: Record, today: str, **heard: str) -> date | None:
    seats = {TOWNSHIP: heard["heard"]} if heard else {}
    return look_day(record.dossier(today, heard=seats), DEFAULTS)


@pytest.mark.parametrize(
    ("today", "next_day"),
    [("03-18", "03-20"), ("03-19", "03-20"), ("03-20", "03-24"), ("03-23", "03-24"), ("03-24", "03-31")],
)
def test_a_case_is_looked_at_a_working_day_before_its_due_day_and_on_the_day_after(today: str, next_day: str) -> None:
    """Friday before the Monday on which the promise ends, Tuesday after it; then the legal term in the same way."""
    assert looked(accepted(), today) == day(next_day)


def test_the_reminder_is_found_on_that_day_and_by_the_county_s_own_number() -> None:
    (hit,) = hits(RULE["P1"], accepted().dossier("03-20"))
    assert hit.facts["state"] == "reminder"
    assert not hits(RULE["P1"], accepted().dossier("03-19"))
    assert look_day(accepted().dossier("03-17"), make_limits({"reminder_days": 3})) == day("03-18")
    assert look_day(accepted().dossier("03-19"), make_limits({"reminder_days": 0})) == day("03-23")


def handed_over() -> Record:
    record = accepted()
    record.act("03-05 10:00", CaseDecided, TOWNSHIP, *GRANTED)
    record.act("03-05 11:00", ResultHandedOver, TOWNSHIP, "样本", Handover.COUNTER)
    return record


def test_a_file_is_looked_at_when_it_should_have_been_struck_off() -> None:
    assert looked(handed_over(), "03-06") == day("03-13")
    (hit,) = hits(RULE["P1"], handed_over().dossier("03-13"))
    assert hit.facts["state"] == "unclosed"
    assert not hits(RULE["P1"], handed_over().dossier("03-12"))
    assert looked(handed_over(), "03-13") == day("04-12"), "it was found, and stands"
    assert looked(handed_over(), "03-13", heard="03-12 10:00") == day("03-14"), "the office was not heard of since"
    closed = handed_over()
    closed.act("03-06 10:00", CaseClosed, TOWNSHIP)
    assert looked(closed, "03-13") is None


def test_what_waits_for_a_dead_line_is_looked_at_each_night_until_it_is_decided() -> None:
    silent = accepted().dossier("04-20", heard={TOWNSHIP: "03-20 10:00"})
    (hit,) = hits(RULE["P1"], silent)
    assert (hit.severity.value, hit.facts["doubt"]) == ("info", "line")
    assert look_day(silent, DEFAULTS, is_on_line=True) == day("04-21")
    assert look_day(silent, DEFAULTS) == day("05-20")
    decided = accepted()
    decided.act("04-10 10:00", CaseDecided, TOWNSHIP, *GRANTED)
    assert look_day(decided.dossier("06-20"), DEFAULTS, is_on_line=True) == day("07-20"), "nothing is awaited"


def test_a_pause_is_over_a_day_after_it_was_to_end() -> None:
    record = accepted()
    record.act("03-05 10:00", CaseSuspended, TOWNSHIP, PauseCause.TESTING, "苍中止〔2026〕1号", day("03-17"))
    assert looked(record, "03-06") == day("03-18")
