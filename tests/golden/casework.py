"""Golden bytes of every casework event, and the lifecycle as a text that a lawyer can read.

Write both files again, after a change that is meant, with

    python -m tests.golden.casework

and look at the difference: a changed line in `events.json` means that older nodes read other bytes than before.
"""

import json
from pathlib import Path
from typing import Final

from schemas.casework.events import (
    ActUnconfirmed,
    CaseClosed,
    CaseDecided,
    CaseEvent,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    Handover,
    Outcome,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    RemarkAdded,
    ResultHandedOver,
    encode_event,
)
from schemas.casework.lifecycle import CONTRIBUTIONS, TRANSITIONS, Stage
from schemas.casework.roles import ROLES_OF_ACT
from schemas.names import followed
from tests.support.casebook import COUNTY, TOWNSHIP, VILLAGE, digest, filing, officer

FOLDER: Final = Path(__file__).parent
EVENTS_FILE: Final = FOLDER / "events.json"
LIFECYCLE_FILE: Final = FOLDER / "lifecycle.txt"


def events() -> list[CaseEvent]:
    """One event of every kind with every field filled."""
    tip = followed(digest("the act before"))
    operation = digest("operation")[:8]
    village, township = (VILLAGE, officer(VILLAGE)), (TOWNSHIP, officer(TOWNSHIP))
    return [
        filing(),
        CustodyOffered(2, tip, operation, *village, TOWNSHIP, "材料齐全"),
        CustodyAccepted(3, tip, operation, *township, "予以受理"),
        CustodyDeclined(3, tip, operation, *township, "不属于本机关职权", "行政许可法第32条"),
        PapersRequested(4, tip, operation, *township, ("银行账户", "证件照"), "缺件"),
        PapersReceived(5, tip, operation, *township, ("银行账户",), (digest("papers"),)),
        CaseDecided(6, tip, operation, *township, Outcome.REFUSED, "不符合", "第20条", "60日内申请复议", "2026-17"),
        ResultHandedOver(9, tip, operation, *village, "王秀英", Handover.HOME, "本人签收"),
        CaseClosed(10, tip, operation, *village, "归档"),
        CaseWithdrawn(4, tip, operation, *village, "申请人自愿撤回"),
        CustodyReassigned(300, tip, operation, COUNTY, officer(COUNTY), TOWNSHIP, "原单位失联", officer(COUNTY)),
        PapersBrought(4, operation, *village, ("银行账户",), "复印件一份"),
        RecallRequested(2, operation, *village, "群众改变主意"),
        RemarkAdded(2, operation, *village, "请尽快办理"),
        ActUnconfirmed(3, operation, *township),
    ]


def events_text() -> str:
    """Kind → hexadecimal bytes of its body."""
    return json.dumps({event.kind: encode_event(event).hex() for event in events()}, indent=1) + "\n"


def lifecycle_text() -> str:
    """Stage by stage: which act leads where, whose act it is, and which roles may take part."""
    lines: list[str] = []
    for stage in Stage:
        lines.append(stage.value)
        for (here, kind), transition in TRANSITIONS.items():
            if here is stage:
                roles = ", ".join(sorted(ROLES_OF_ACT[kind]))
                lines.append(f"  {kind} -> {transition.stage.value}  [{transition.by.value}: {roles}]")
        noted = sorted(kind for kind, stages in CONTRIBUTIONS.items() if stage in stages)
        lines.append(f"  contributions: {', '.join(noted) or 'none'}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    EVENTS_FILE.write_text(events_text(), encoding="utf-8")
    LIFECYCLE_FILE.write_text(lifecycle_text(), encoding="utf-8")
