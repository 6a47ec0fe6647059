"""A decision that nobody was given yet is taken back (`case.reopened`): by whom, and in which term."""

import random
from datetime import date
from typing import Final

from office.seeds import load_calendar, load_catalogue
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import Clock, ClockKind, clocks_of
from schemas.casework.events import (
    CaseDecided,
    CaseReopened,
    CustodyAccepted,
    CustodyOffered,
    ResultHandedOver,
    TermExtended,
)
from schemas.casework.fold import fold
from schemas.casework.stages import Stage
from schemas.casework.values import Handover, Outcome
from schemas.names import OfficerId
from tests.support.casebook import COUNTY, TOWNSHIP, WINDOW, Casebook, officer
from tests.support.dated import DatedCasebook

CALENDAR: Final = load_calendar()
WAIT: Final = load_catalogue().items["MZ06"]
LEADER: Final = OfficerId(f"{TOWNSHIP}/wang")


def folded(book: Casebook) -> CaseFile:
    """The case of the whole book, in whatever order it comes."""
    shuffled = list(book.items)
    random.Random(1).shuffle(shuffled)
    assert fold(shuffled) == book.case
    return book.case


def clock_of(book: Casebook, kind: ClockKind) -> Clock:
    """The one clock of a kind."""
    (clock,) = (one for one in clocks_of(book.case, WAIT, CALENDAR) if one.kind is kind)
    return clock


def test_who_decided_puts_it_right_and_nobody_else_who_holds_it() -> None:
    book = Casebook()
    book.accepted_at_township()
    book.act(TermExtended, TOWNSHIP, 10, "案情复杂", officer(COUNTY))
    book.act(CustodyOffered, TOWNSHIP, WINDOW)
    book.act(CustodyAccepted, WINDOW)
    book.act(CaseDecided, WINDOW, Outcome.GRANTED, "符合条件", "社会保险法第20条")
    book.act(CustodyOffered, WINDOW, TOWNSHIP)
    taken_back = book.act(CustodyAccepted, TOWNSHIP)
    book.act(CaseReopened, TOWNSHIP, "不同意", officer(COUNTY))
    case = folded(book)
    assert (case.stage, case.turn) == (Stage.READY, 9)
    assert [breach.code for breach in case.breaches] == ["not_custodian"]
    book.items.pop()
    book.go_back_to(taken_back)
    book.act(CustodyOffered, TOWNSHIP, WINDOW)
    book.act(CustodyAccepted, WINDOW)
    book.act(CaseReopened, WINDOW, "姓名有误", officer(COUNTY))
    case = folded(book)
    assert (case.stage, case.decision, case.breaches) == (Stage.IN_REVIEW, None, ())
    assert (case.renewed_at, len(case.course.extensions)) == (None, 1)


def test_it_begins_no_new_term() -> None:
    diary = DatedCasebook().accepted_on(date(2026, 3, 6))
    due = clock_of(diary, ClockKind.LEGAL).due
    assert due is not None
    diary.on(due.day).act(CaseDecided, TOWNSHIP, Outcome.REFUSED, "暂不符合", "条例第3条", "可复议")
    diary.act(CaseReopened, TOWNSHIP, "理由有误", LEADER)
    assert clock_of(diary, ClockKind.LEGAL).due == due, "or the last day of every term could begin another"
    assert clock_of(diary, ClockKind.PROMISED).start == date(2026, 3, 6)
    diary.act(CaseDecided, TOWNSHIP, Outcome.REFUSED, "不符合", "条例第3条", "可复议")
    diary.act(ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    diary.act(CaseReopened, TOWNSHIP, "复议撤销", LEADER)
    assert clock_of(diary, ClockKind.LEGAL).start == due.day, "what was handed over met its term"
