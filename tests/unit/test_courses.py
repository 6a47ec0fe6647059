"""What the page of a case says of its course: who took which step when, and what happens to some cases only."""

from datetime import date

from office.seeds import load_catalogue
from office.web.courses import CourseView, course_of
from office.worklists import Found, Traced
from schemas.casework.events import (
    AcceptanceRefused,
    CaseDecided,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CustodyAccepted,
    CustodyOffered,
    OpinionGiven,
    OpinionsRequested,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.fold import Item
from schemas.casework.steps import Step
from schemas.casework.values import Handover, Opinion, Outcome, PauseCause, Promise
from schemas.casework.visibility import FieldGroup, Sight
from schemas.headed import EntryHeader
from schemas.names import JournalId, OfficerId
from sync.ports import Stored
from tests.support.casebook import COUNTY, TOWNSHIP, VILLAGE, WINDOW, Casebook, officer

CLEAR = dict.fromkeys(FieldGroup, Sight.CLEAR)
OTHER = OfficerId(f"{TOWNSHIP}/wang")


def found(book: Casebook, superseded: tuple[Item, ...] = ()) -> Found:
    """A notebook as the read side finds it."""
    case = book.case
    traced: list[Traced] = []
    for item in book.items:
        event, header = item
        assert isinstance(header, EntryHeader)
        journal = JournalId(header.origin, header.epoch)
        entry = Stored(journal, header.seq, 1, b"", header.at, event.kind, case.case, b"", b"", header.hash)
        traced.append(Traced(entry, event, "superseded" if item in superseded else "", "", frozenset()))
    return Found(case, tuple(traced))


def course(book: Casebook, item: str = "NY01", superseded: tuple[Item, ...] = ()) -> CourseView:
    return course_of(found(book, superseded), load_catalogue().get_item(item), CLEAR)


def taken(view: CourseView) -> list[tuple[str, str, tuple[str, ...]]]:
    """(step, the catalogue's word, who took it) of every step that is done."""
    return [(one.step, one.name, one.officers) for one in view.steps if one.at is not None]


def test_each_record_fills_the_next_free_place_of_the_plan() -> None:
    """MZ04 plans a review at the township and another one at the federation: 镇初审, 残联审核."""
    book = Casebook()
    book.file(item="MZ04")
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.act(CustodyAccepted, TOWNSHIP)
    book.contribute(StepCompleted, TOWNSHIP, Step.REVIEW, "属实", OTHER)
    view = course(book, "MZ04")
    assert (view.steps[0].step, view.steps[0].name) == ("acceptance", "受理")
    assert taken(view) == [
        ("acceptance", "受理", (officer(TOWNSHIP),)),
        ("review", "镇初审", (officer(TOWNSHIP), OTHER)),
    ]
    book.contribute(StepCompleted, TOWNSHIP, Step.REVIEW, "复核")
    book.contribute(StepCompleted, TOWNSHIP, Step.REVIEW, "再复核")
    reviews = [name for step, name, _ in taken(course(book, "MZ04")) if step == "review"]
    assert reviews == ["镇初审", "残联审核", ""]


def test_a_survey_names_all_who_were_there_and_a_lost_branch_nobody() -> None:
    book = Casebook()
    book.accepted_at_township()
    survey = book.contribute(SiteSurveyed, TOWNSHIP, (officer(TOWNSHIP), OTHER), date(2026, 3, 6), "3组", "清楚", True)
    assert ("survey", "三到场勘察（2 人）", (officer(TOWNSHIP), OTHER)) in taken(course(book))
    assert "survey" not in [step for step, _, _ in taken(course(book, superseded=(survey,)))]


def test_a_reopened_case_takes_its_later_steps_anew() -> None:
    book = Casebook()
    book.granted_at_township()
    book.act(ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    assert {step for step, _, _ in taken(course(book))} == {"acceptance", "decision", "issue"}
    book.act(CaseReopened, TOWNSHIP, "适用依据有误", OTHER)
    view = course(book)
    assert {step for step, _, _ in taken(view)} == {"acceptance"}
    assert view.reopened == 1


def test_pauses_extensions_promises_and_opinions_are_told() -> None:
    book = Casebook()
    book.file(item="NY01")
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.act(CustodyAccepted, TOWNSHIP, "", (Promise("住房设计图", date(2026, 3, 20)),))
    book.act(CaseSuspended, TOWNSHIP, PauseCause.HEARING, "1号", date(2026, 3, 12))
    book.act(CaseResumed, TOWNSHIP, "听证结束")
    book.act(TermExtended, TOWNSHIP, 10, "天气", OTHER)
    book.act(OpinionsRequested, TOWNSHIP, (WINDOW, COUNTY), date(2026, 3, 18))
    book.contribute(OpinionGiven, WINDOW, Opinion.OBJECTS, "占用基本农田")
    book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "已核实", "法", "", "", "", "", (COUNTY,))
    view = course(book)
    assert [(one.cause, one.until is None) for one in view.pauses] == [("hearing", False)]
    assert [(one.days, one.approver) for one in view.extensions] == [(10, OTHER)]
    assert "住房设计图" in [one.material for one in view.promises]
    assert [(one.office, one.opinion, one.is_deemed) for one in view.opinions] == [
        (WINDOW, "objects", False),
        (COUNTY, "", True),
    ]


def test_what_a_reader_may_not_see_is_not_in_the_course_either() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.act(AcceptanceRefused, TOWNSHIP, "户籍不在本县", "法", "可申请复议")
    item = load_catalogue().get_item("RS01")
    told = course_of(found(book), item, CLEAR).not_accepted
    assert told is not None
    assert told.remedy == "可申请复议"
    hidden = dict.fromkeys(FieldGroup, Sight.HIDDEN)
    assert course_of(found(book), item, hidden).not_accepted is None
    assert course_of(found(book), None, CLEAR).steps == ()
