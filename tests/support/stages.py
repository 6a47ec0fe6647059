"""One case at every stage of the table, reached by lawful acts alone, with an office in every part that offices play.

Two origins: filed in a village and handled by its township, and filed and handled at a township's own counter. What it
never does: ask the guard at the pen; that is what these cases are for.
"""

from typing import Final

from msgspec.structs import replace

from office.seeds import load_catalogue
from schemas.casework.casefile import CaseFile
from schemas.casework.events import (
    AcceptanceRefused,
    CaseClosed,
    CaseDecided,
    CaseSuspended,
    CaseTerminated,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    OpinionsRequested,
    PapersReceived,
    PapersRequested,
    ResultHandedOver,
)
from schemas.casework.stages import Stage
from schemas.casework.values import Handover, Outcome, PauseCause
from schemas.catalogue import Decider, ServiceItem
from schemas.divisions import Tier
from schemas.names import OfficeId
from tests.support.casebook import COUNTY, OTHER_TOWNSHIP, OTHER_VILLAGE, TODAY, TOWNSHIP, VILLAGE, WINDOW, Casebook

DEPARTMENT: Final = OfficeId("510824.zrj")
"""Asked for its opinion."""

_SAMPLE: Final = load_catalogue().get_item("RS01")
EVERYWHERE: Final[ServiceItem] = replace(
    _SAMPLE,
    deciders=(Decider(Tier.TOWNSHIP, "便民服务中心"), Decider(Tier.COUNTY, "经办机构")),
    legal=replace(_SAMPLE.legal, extension_days=10),
)
"""Every tier takes it in, township and county decide it, its term can be extended: only the table refuses."""


def case_at(stage: Stage, filer: OfficeId = VILLAGE) -> CaseFile:
    """A case at `stage` that was filed by a village or, with `filer` TOWNSHIP, at the counter that handles it."""
    book = book_at(Stage.OFFERED if stage is Stage.AWAITED else stage, filer)
    if stage is Stage.AWAITED:
        del book.items[0]
    case = book.case
    assert (case.stage, case.breaches) == (stage, ())
    return case


def book_at(stage: Stage, filer: OfficeId = VILLAGE) -> Casebook:
    """The entries of such a case."""
    book = Casebook()
    book.file(filer)
    if filer == VILLAGE:
        # Sent to the wrong township first, which gave it back: a former holder.
        book.act(CustodyOffered, VILLAGE, OTHER_TOWNSHIP)
        book.act(PapersRequested, OTHER_TOWNSHIP, ("证件照",), "缺件")
        book.act(CustodyDeclined, OTHER_TOWNSHIP, "不属于本机关职权")
    if stage is Stage.FILED:
        return book
    if filer == VILLAGE or stage is Stage.OFFERED:
        book.act(CustodyOffered, filer, TOWNSHIP if filer == VILLAGE else WINDOW)
    if stage is Stage.OFFERED:
        return book
    if stage in (Stage.CORRECTING, Stage.RECEIVED, Stage.NOT_ACCEPTED):
        _answer(book, stage)
        return book
    book.act(CustodyAccepted, TOWNSHIP)
    book.act(OpinionsRequested, TOWNSHIP, (DEPARTMENT,), TODAY)
    if stage not in (Stage.DECIDED, Stage.RETURNING, Stage.READY, Stage.HANDED_OVER, Stage.CLOSED):
        _handle(book, stage)
        return book
    book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条")
    _deliver(book, stage, filer)
    return book


def _answer(book: Casebook, stage: Stage) -> None:
    if stage is Stage.NOT_ACCEPTED:
        book.act(AcceptanceRefused, TOWNSHIP, "不属于受理范围", "行政许可法第32条", "60日内申请行政复议")
        return
    book.act(PapersRequested, TOWNSHIP, ("证件照",), "缺件", "原件不清")
    if stage is Stage.RECEIVED:
        book.act(PapersReceived, TOWNSHIP, ("证件照",))


def _handle(book: Casebook, stage: Stage) -> None:
    if stage is Stage.PAPERS_AWAITED:
        book.act(PapersRequested, TOWNSHIP, ("户口簿",), "核查后发现缺件", "核查后新发现")
    elif stage is Stage.SUSPENDED:
        book.act(CaseSuspended, TOWNSHIP, PauseCause.APPRAISAL, "鉴定〔2026〕3号", TODAY)
    elif stage is Stage.REFERRED:
        book.act(CustodyOffered, TOWNSHIP, WINDOW)
    elif stage is Stage.WITHDRAWN:
        book.act(CaseWithdrawn, TOWNSHIP, "申请人自愿撤回")
    elif stage is Stage.TERMINATED:
        book.act(CaseTerminated, TOWNSHIP, "申请人死亡", "行政许可法第70条")


def _deliver(book: Casebook, stage: Stage, filer: OfficeId) -> None:
    if stage is Stage.DECIDED:
        return
    if filer == VILLAGE or stage in (Stage.RETURNING, Stage.READY):
        book.act(CustodyOffered, TOWNSHIP, VILLAGE)
    if stage is Stage.RETURNING:
        return
    if filer == VILLAGE or stage is Stage.READY:
        book.act(CustodyAccepted, VILLAGE)
    if stage is Stage.READY:
        return
    book.act(ResultHandedOver, filer, "王秀英", Handover.COUNTER)
    if stage is Stage.CLOSED:
        book.act(CaseClosed, filer)


def parts_of(stage: Stage) -> dict[str, tuple[CaseFile, OfficeId]]:
    """The part an office plays → a case at this stage and the office that plays it; parts that nobody plays are left
    out.
    """
    case, counter = case_at(stage), case_at(stage, TOWNSHIP)
    parts: dict[str, OfficeId | None] = {
        "filing village": VILLAGE,
        "custodian": case.custodian,
        "offeree": case.offeree,
        "responsible": case.responsible,
        "former holder": OTHER_TOWNSHIP,
        "department": DEPARTMENT if case.course.consulted else None,
        "county": COUNTY,
        "stranger": OTHER_VILLAGE,
    }
    found = {part: (case, office) for part, office in parts.items() if office is not None}
    return {"filing counter": (counter, TOWNSHIP), **found}
