"""What a new examination makes of findings that stand: the whole table of their lives, without a database."""

from itertools import count

import pytest

from hub.audit.findings import GONE, Changes, Finding, Found, State, settle
from hub.audit.rule import Hit, Severity
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, OfficeId

CASE = CaseId(bytes(16))
OFFICE = OfficeId("510824100")
PLACE = (JournalId(NodeId("a" * 16), Epoch(1, b"nonces")), 3)
NUMBERS = count(1)


def found(severity: Severity = Severity.YELLOW, *, key: str = "", rule: str = "P1", days: int = 1) -> Found:
    return Found(rule, 1, Hit(severity, OFFICE, (PLACE,), {"days": days}, key=key), CASE)


def standing(
    state: State, severity: Severity = Severity.YELLOW, *, key: str = "", gone: str | None = None, rule: str = "P1"
) -> Finding:
    return Finding(
        number=next(NUMBERS),
        rule=rule,
        version=1,
        edition="",
        severity=severity,
        office=OFFICE,
        officer=None,
        subject=CASE,
        key=key,
        facts={},
        evidence=(PLACE,),
        found_at=Instant(1),
        as_of=20261123,
        follows=None,
        is_latest=True,
        state=state,
        state_at=Instant(1),
        state_by=None,
        gone_code=gone,
        gone_at=None,
        has_proof=False,
    )


def test_what_is_found_for_the_first_time_is_new() -> None:
    one, other = found(), found(key="second")
    assert settle([one, other], [], {}) == Changes([(one, None), (other, None)], {}, [])


@pytest.mark.parametrize("state", sorted(set(State) - {State.GONE}))
def test_what_is_found_again_is_the_same(state: State) -> None:
    # Also with other figures: a case that is later by a day every night is no new finding every night.
    assert settle([found(days=9)], [standing(state)], {}).is_empty


def test_of_two_that_are_one_the_graver_is_kept() -> None:
    red = found(Severity.RED)
    assert settle([found(), red, found(Severity.INFO)], [], {}).fresh == [(red, None)]


def test_what_was_gone_and_is_found_again_follows_it() -> None:
    before = standing(State.GONE, gone="entries_changed")
    again = found()
    assert settle([again], [before], {}) == Changes([(again, before.number)], {}, [])


@pytest.mark.parametrize("severity", [Severity.INFO, Severity.RED])
@pytest.mark.parametrize("state", [State.CONFIRMED, State.OPEN])
def test_another_severity_is_a_new_finding_that_follows(state: State, severity: Severity) -> None:
    before = standing(state)
    other = found(severity)
    assert settle([other], [before], {}) == Changes([(other, before.number)], {before.number: "severity_changed"}, [])


def test_what_an_officer_dismissed_comes_back_only_when_it_is_graver() -> None:
    before = standing(State.DISMISSED)
    assert settle([found(Severity.INFO)], [before], {}).is_empty
    red = found(Severity.RED)
    assert settle([red], [before], {}) == Changes([(red, before.number)], {}, [])


@pytest.mark.parametrize("state", [State.CONFIRMED, State.OPEN])
def test_what_is_not_found_any_more_says_why(state: State) -> None:
    before = standing(state)
    assert settle([], [before], {}) == Changes([], {before.number: "entries_changed"}, [])
    assert settle([], [before], {before.number: "rule_changed"}).gone == {before.number: "rule_changed"}


@pytest.mark.parametrize("state", [State.DISMISSED, State.GONE])
def test_what_is_over_is_not_over_again(state: State) -> None:
    assert settle([], [standing(state)], {}).is_empty


def test_the_ground_of_a_confirmed_one_may_go_once_and_come_back() -> None:
    before = standing(State.CONFIRMED, gone="entries_changed")
    assert settle([], [before], {}).is_empty
    assert settle([found()], [before], {}) == Changes([], {}, [before.number])


def test_every_reason_is_told_in_both_languages() -> None:
    assert all(zh and en and zh != en for zh, en in GONE.values())
