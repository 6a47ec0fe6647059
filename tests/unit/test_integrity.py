"""Judgements about journals at both sides of each threshold, and a reader that no stranger's bytes can stop."""

import pytest
from msgspec.structs import replace

from hub.audit import integrity_reading
from hub.audit.findings import NO_SUBJECT, Finding, Found, State, settle
from hub.audit.integrity import (
    DAY_MS,
    INTEGRITY_RULES,
    REGISTERED_MS,
    REPAIRING_MS,
    RESENDING_MS,
    SLIP_MS,
    WITHHELD_MS,
    Behind,
    comparable,
    judge_damage,
    judge_enrolment,
    judge_rollback,
    judge_silence,
    judge_slip,
    judge_withheld,
)
from hub.audit.rule import Hit, Severity
from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId
from schemas.slips import SlipStatement
from schemas.wire import KIND_PINNED, KIND_RECEIPTED, Pinned
from sync.ports import Evidence, ReceiptRow
from tests.support.attacks import keep_back, look, next_day, only, proved, reds, slip_for
from tests.support.network import COUNTY, START, TOWNSHIP, VILLAGE, Network

RED, YELLOW, INFO = Severity.RED, Severity.YELLOW, Severity.INFO
JOURNAL = JournalId(NodeId("a" * 16), Epoch(1, b"nonce1"))
RELAY = NodeId("b" * 16)
BEHIND = Behind(
    Instant(START),
    is_receipt_held=True,
    asked_at=None,
    heard_at=Instant(START),
    is_contradicted=False,
    is_disturbed=False,
)
LATER = Instant(START + WITHHELD_MS + 1)
LONG_AGO = Instant(0)


def kept(number: int, rule: str, key: str = "") -> Finding:
    """A finding that stands."""
    return Finding(
        number=number,
        rule=rule,
        version=1,
        edition="",
        severity=RED,
        office=TOWNSHIP,
        officer=None,
        subject=NO_SUBJECT,
        key=key,
        facts={},
        evidence=((JOURNAL, 0),),
        found_at=after(0),
        as_of=20261122,
        follows=None,
        is_latest=True,
        state=State.OPEN,
        state_at=after(0),
        state_by=None,
        gone_code=None,
        gone_at=None,
        has_proof=True,
    )


def after(milliseconds: int) -> Instant:
    return Instant(START + milliseconds)


# --- judgements ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("registered", "is_stated", "severity"),
    [
        ([], False, RED),
        ([], True, YELLOW),
        ([after(REGISTERED_MS)], False, YELLOW),
        ([after(-REGISTERED_MS)], False, YELLOW),
        ([after(REGISTERED_MS + 1)], False, RED),
        ([after(-REGISTERED_MS - 1)], False, RED),
    ],
)
def test_a_rollback_is_excused_by_being_registered(
    registered: list[Instant], is_stated: bool, severity: Severity
) -> None:
    assert judge_rollback(after(0), registered, is_stated=is_stated) is severity


def test_a_relay_has_a_day() -> None:
    assert judge_withheld(BEHIND, LONG_AGO, after(WITHHELD_MS)) is None
    assert judge_withheld(BEHIND, LONG_AGO, LATER) is RED


def test_a_relay_is_not_judged_where_something_else_explains_it() -> None:
    assert judge_withheld(replace(BEHIND, is_receipt_held=False), LONG_AGO, LATER) is None
    assert judge_withheld(replace(BEHIND, is_contradicted=True), LONG_AGO, LATER) is None
    assert judge_withheld(BEHIND, Instant(LATER - RESENDING_MS + 1), LATER) is None
    assert judge_withheld(BEHIND, Instant(LATER - RESENDING_MS), LATER) is RED
    assert judge_withheld(replace(BEHIND, is_disturbed=True), LONG_AGO, LATER) is YELLOW


@pytest.mark.parametrize(
    ("heard_ms", "severity"),
    [(0, None), (WITHHELD_MS, None), (WITHHELD_MS + 1, YELLOW), (REPAIRING_MS, YELLOW), (REPAIRING_MS + 1, RED)],
)
def test_damage_is_put_right_by_a_relay_that_is_there(heard_ms: int, severity: Severity | None) -> None:
    damaged = replace(BEHIND, asked_at=after(0), heard_at=after(heard_ms))
    assert judge_withheld(damaged, LONG_AGO, after(100 * DAY_MS)) is severity


def test_a_slip_is_judged_by_the_countys_clock() -> None:
    now = after(SLIP_MS + 1)
    assert judge_slip(LONG_AGO, now, now, is_other=True, is_excused=True) is RED
    assert judge_slip(LONG_AGO, now, now, is_other=False, is_excused=False) is YELLOW
    assert judge_slip(after(0), after(0), now, is_other=False, is_excused=False) is RED
    assert judge_slip(after(0), after(0), now, is_other=False, is_excused=True) is YELLOW
    assert judge_slip(after(0), after(1), now, is_other=False, is_excused=False) is YELLOW
    assert judge_slip(after(1), after(1), now, is_other=False, is_excused=False) is None
    assert judge_slip(after(100 * DAY_MS), after(0), now, is_other=False, is_excused=True) is YELLOW


def test_silence_is_counted_in_working_days_and_told_once() -> None:
    second = OfficeId("510824101")
    heard = {TOWNSHIP: after(0), VILLAGE: after(-DAY_MS), second: after(DAY_MS), OfficeId("510824101201"): after(0)}
    assert judge_silence(heard, after(3 * DAY_MS)) == [
        (TOWNSHIP, 3, YELLOW),
        (OfficeId("510824101201"), 3, INFO),
    ]
    assert judge_silence(heard, after(3 * DAY_MS - 1)) == [(VILLAGE, 3, INFO)]
    assert judge_silence(heard, after(30 * DAY_MS), lambda start, end: 0) == []


def test_what_the_county_lacks_is_excused_while_it_is_sent_again() -> None:
    assert judge_damage(after(0), after(RESENDING_MS - 1), is_missing=True) is YELLOW
    assert judge_damage(after(0), after(RESENDING_MS), is_missing=True) is RED
    assert judge_damage(after(0), after(0), is_missing=False) is RED


def test_a_second_device_is_judged_by_the_later_of_two_claimed_times() -> None:
    times = (after(0), after(DAY_MS))
    assert judge_enrolment(times, after(2 * DAY_MS), is_confirmed=False) is None
    assert judge_enrolment(times, after(2 * DAY_MS + 1), is_confirmed=False) is RED
    assert judge_enrolment(times, after(9 * DAY_MS), is_confirmed=True) is None


def test_a_lasting_finding_that_is_not_seen_again_has_not_gone() -> None:
    standing = [kept(1, "I1", "x"), kept(2, "I4", "y"), kept(3, "P1")]
    assert settle([], comparable(standing, []), {}).gone == {2: "entries_changed"}
    seen = Found("I1", 1, Hit(RED, TOWNSHIP, ((JOURNAL, 0),), key="x"), NO_SUBJECT)
    assert settle([seen], comparable(standing, [seen]), {}).gone == {2: "entries_changed"}
    assert {finding.state for finding in standing} == {State.OPEN}


# --- the reader ------------------------------------------------------------------------------------------------------


@pytest.fixture
def network() -> Network:
    network = Network(TOWNSHIP, VILLAGE, real=True)
    network[VILLAGE].write(b"one")
    network.settle_all()
    return network


def test_a_finding_that_is_kept_costs_no_second_file(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_back(network[TOWNSHIP], lambda journal, seq: journal.origin != network[VILLAGE].id)
    network[VILLAGE].write(b"a complaint")
    network.settle_all()
    next_day(network, 2)
    found = only(look(network), "I4")
    assert proved(network, found).claim == "withheld_up"
    monkeypatch.setattr(integrity_reading.proofs, "find_first_receipt", None)
    again = only(look(network, known={(found.code, found.key)}), "I4")
    assert (again.key, again.severity, again.proof) == (found.key, RED, None)


def test_a_relay_is_not_accused_where_the_rule_is_off(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The story above rests on this judgement and nothing else."""

    def excuse(behind: Behind, settled_at: Instant, now: Instant) -> None:
        return None

    monkeypatch.setattr(integrity_reading, "judge_withheld", excuse)
    keep_back(network[TOWNSHIP], lambda journal, seq: journal.origin != network[VILLAGE].id)
    network[VILLAGE].write(b"a complaint")
    network.settle_all()
    next_day(network, 2)
    assert not reds(look(network))


@pytest.mark.parametrize("code", ["fork", "rollback", "fork_suspected", "broken_chain", "lost"])
@pytest.mark.parametrize("material", [b"", b"\xc1", bytes(32), b"\x97" * 300])
def test_damaged_evidence_stops_nothing(network: Network, code: str, material: bytes) -> None:
    county, village = network[COUNTY], network[VILLAGE]
    for journal in (village.journal, JOURNAL, JournalId(village.id, Epoch(9, b"nonce9"))):
        county.tables.evidence.append(Evidence(code, journal, 2**40, after(0), bytes(32), material))
    assert all(finding.proof is None for finding in look(network))


def test_strange_rows_and_slips_accuse_nobody(network: Network) -> None:
    county, village = network[COUNTY], network[VILLAGE]
    strange = JournalId(NodeId("c" * 16), Epoch(1, b"nonce1"))
    for row in (
        ReceiptRow(strange, network[TOWNSHIP].id, TOWNSHIP, 9, after(0)),
        ReceiptRow(village.journal, RELAY, TOWNSHIP, 2**40, after(0)),
        ReceiptRow(village.journal, RELAY, OfficeId("999999999"), 2**40, after(0)),
        ReceiptRow(village.journal, network[TOWNSHIP].id, TOWNSHIP, 2**40, after(0)),
    ):
        county.tables.receipts[(row.journal, row.holder)] = row
    slips = [
        SlipStatement(strange.origin, strange.epoch, 0, bytes(32), after(0), bytes(64)),
        slip_for(village, JournalId(village.id, Epoch(2**31, b"nonce1")), 2**50, bytes(32), after(0)),
    ]
    next_day(network)
    assert not reds(look(network, *slips))


def test_a_village_that_cries_wolf_accuses_nobody(network: Network) -> None:
    """It says that it lacks what nobody ever sent it."""
    next_day(network)
    beacon_at = network[VILLAGE].books.beacon_at
    pin = Pinned(network[TOWNSHIP].id, 1, bytes(32), beacon_at, None, [b"nothing!"], b"no list!")
    network[VILLAGE].write_line(KIND_PINNED, pin)
    next_day(network, 3)
    assert not reds(look(network))


def test_a_township_that_writes_an_unreadable_receipt_stops_nothing(network: Network) -> None:
    network[TOWNSHIP].write_line(KIND_RECEIPTED, Pinned(network[COUNTY].id, 1, bytes(32)))
    next_day(network, 2)
    assert not reds(look(network))


def test_rules_say_what_they_mean_in_both_languages() -> None:
    for code, rule in INTEGRITY_RULES.items():
        assert rule.code == code
        for zh, en in (rule.title, rule.guard, rule.sentence):
            assert zh != en
            assert all(text == text.strip() and text for text in (zh, en))
