"""Golden bytes of every casework event; with them the lifecycle as texts that a lawyer can read (`lifecycle`).

Write all three files again, after a change that is meant, with

    python -m tests.golden.casework

and look at the difference: a changed line in `events.json` means that older nodes read other bytes than before.
"""

import json
from datetime import date
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from schemas.casework.events import (
    AcceptanceRefused,
    ActUnconfirmed,
    CaseClosed,
    CaseConverted,
    CaseDecided,
    CaseEvent,
    CaseExpedited,
    CaseReceived,
    CaseRehomed,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseTerminated,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    OpinionsRequested,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    RemarkAdded,
    ResultHandedOver,
    RosterAdded,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
    encode_event,
)
from schemas.casework.steps import Step
from schemas.casework.values import Excepted, Handover, Opinion, Outcome, PauseCause, Promise, RosterRow
from schemas.names import followed
from schemas.papers import PaperRef
from tests.golden.lifecycle import DIAGRAM_FILE, LIFECYCLE_FILE, diagram_text, matrix_text
from tests.support.casebook import COUNTY, TOWNSHIP, VILLAGE, WINDOW, digest, filing, officer

FOLDER: Final = Path(__file__).parent
EVENTS_FILE: Final = FOLDER / "events.json"
EVENTS_WITHOUT_PAPERS_FILE: Final = FOLDER / "events_without_papers.json"
"""The two events that name papers, as nodes wrote them before there were any. Never written again."""

PAPER: Final = PaperRef(digest("a photograph"), 300_000, "image/jpeg", "居民身份证", digest("a small picture"), 4_000)
PDF: Final = PaperRef(digest("a document"), 90_000, "application/pdf")


def events() -> list[CaseEvent]:
    """One event of every kind with every field filled."""
    tip = followed(digest("the act before"))
    operation = digest("operation")[:8]
    village, township = (VILLAGE, officer(VILLAGE)), (TOWNSHIP, officer(TOWNSHIP))
    return [
        replace(filing(), papers=(PAPER,)),
        CustodyOffered(2, tip, operation, *village, TOWNSHIP, "材料齐全"),
        CustodyAccepted(
            3, tip, operation, *township, "予以受理", (Promise("银行账户", date(2026, 3, 20)),), date(2026, 3, 6)
        ),
        CustodyDeclined(3, tip, operation, *township, "不属于本机关职权", "行政许可法第32条"),
        AcceptanceRefused(3, tip, operation, *township, "不属于受理范围", "第32条", "60日内申请复议"),
        PapersRequested(
            4, tip, operation, *township, ("银行账户", "证件照"), "缺件", "核查后新发现", date(2026, 3, 13)
        ),
        PapersReceived(5, tip, operation, *township, ("银行账户",), (digest("papers"),)),
        CaseSuspended(
            5, tip, operation, *township, PauseCause.APPRAISAL, "鉴定〔2026〕3号", date(2026, 4, 10), "等待鉴定"
        ),
        CaseResumed(6, tip, operation, *township, "鉴定已出"),
        TermExtended(6, tip, operation, *township, 10, "案情复杂", officer(COUNTY), "延〔2026〕1号"),
        OpinionsRequested(6, tip, operation, *township, (WINDOW,), date(2026, 3, 20), date(2026, 3, 19), "请阅"),
        CaseDecided(
            6,
            tip,
            operation,
            *township,
            Outcome.REFUSED,
            "不符合",
            "第20条",
            "60日内申请复议",
            "2026-17",
            "委〔2026〕2号",
            "县民政局",
            (WINDOW,),
            (Excepted(7, "已在外地参保"),),
        ),
        ResultHandedOver(9, tip, operation, *village, "王秀英", Handover.HOME, "本人签收"),
        CaseClosed(10, tip, operation, *village, "归档"),
        CaseWithdrawn(4, tip, operation, *village, "申请人自愿撤回"),
        CaseTerminated(5, tip, operation, *township, "申请人死亡", "行政许可法第70条"),
        CaseReopened(11, tip, operation, *township, "复议决定撤销", officer(COUNTY)),
        CustodyReassigned(300, tip, operation, COUNTY, officer(COUNTY), TOWNSHIP, "原单位失联", officer(COUNTY)),
        CaseRehomed(12, tip, operation, COUNTY, officer(COUNTY), TOWNSHIP, "村级代办点撤并", officer(COUNTY)),
        PapersBrought(4, operation, *village, ("银行账户",), "复印件一份", (PAPER, PDF)),
        RecallRequested(2, operation, *village, "群众改变主意"),
        RemarkAdded(2, operation, *village, "请尽快办理"),
        ActUnconfirmed(3, operation, *township),
        CaseReceived(2, operation, *township),
        StepCompleted(3, operation, *township, Step.REVIEW, "材料属实", officer(COUNTY), "审〔2026〕5号"),
        SiteSurveyed(
            3,
            operation,
            *township,
            (officer(TOWNSHIP), officer(VILLAGE)),
            date(2026, 3, 9),
            "白观村三组",
            "与申报一致",
            True,
            (digest("photo"),),
        ),
        OpinionGiven(3, operation, WINDOW, officer(WINDOW), Opinion.AGREES_WITH_CONDITIONS, "补充规划意见", "第34条"),
        MeetingHeld(3, operation, *township, date(2026, 3, 19), (WINDOW, COUNTY), (COUNTY,), "一致同意"),
        FeePaid(3, operation, *township, 2000, "0012345"),
        CaseExpedited(3, operation, *township, "抢险救灾", officer(COUNTY)),
        CaseConverted(3, operation, *township, 5, "系统停机，当日不能办结"),
        RosterAdded(
            1, operation, *village, 1, (RosterRow("王秀英", "111", "510824194910010024", "13800000000", "低保"),)
        ),
    ]


def events_text() -> str:
    """Kind → hexadecimal bytes of its body."""
    return json.dumps({event.kind: encode_event(event).hex() for event in events()}, indent=1) + "\n"


if __name__ == "__main__":
    EVENTS_FILE.write_text(events_text(), encoding="utf-8")
    LIFECYCLE_FILE.write_text(matrix_text(), encoding="utf-8")
    DIAGRAM_FILE.write_text(diagram_text(), encoding="utf-8")
