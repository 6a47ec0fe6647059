"""Golden bytes of every entry of oversight.

Write the file again, after a change that is meant, with

    python -m tests.golden.oversight

and look at the difference: a changed line means that older nodes read other bytes than before.
"""

import json
from datetime import date
from pathlib import Path
from typing import Final

from schemas.names import CASE_ID_BYTES, HASH_BYTES, OPERATION_BYTES, CaseId, Instant, OfficeId, OfficerId
from schemas.oversight import (
    NONCE_BYTES,
    Card,
    CircularPublished,
    ClassAssigned,
    FileReviewed,
    Ground,
    OrderAnswered,
    OrderEscalated,
    OrderIssued,
    OrderVerified,
    OrderWithdrawn,
    Overseen,
    Rung,
    SampleFramed,
    SampleNonced,
    SampleRevealed,
    ScoreAppealed,
    ScoreEntered,
    ScoreJudged,
    ScoresFrozen,
    Stratum,
    Total,
    Weight,
    encode_overseen,
)

OVERSIGHT_FILE: Final = Path(__file__).with_name("oversight.json")

COUNTY: Final = OfficeId("510824")
TOWNSHIP: Final = OfficeId("510824100")
ROOT: Final = bytes(range(HASH_BYTES))
OTHER: Final = bytes(reversed(ROOT))
DUE: Final = date(2027, 1, 8)


def overseen() -> list[Overseen]:
    """One of each kind, every field filled."""
    county = (bytes(range(OPERATION_BYTES)), COUNTY, OfficerId("510824/wang"))
    township = (bytes(range(OPERATION_BYTES)), TOWNSHIP, OfficerId("510824100/li"))
    about = (ROOT, TOWNSHIP)
    case = CaseId(bytes(range(CASE_ID_BYTES)))
    total = Total(TOWNSHIP, "山区乡镇", 985, 988, 2, False)
    return [
        OrderIssued(
            *county,
            "510824-督-2027-0001",
            TOWNSHIP,
            Ground.FINDING,
            "P1",
            "510824-2027-00017",
            (ROOT, OTHER),
            "该件超过承诺时限四个工作日。",
            DUE,
            Weight.RED,
            case,
        ),
        OrderAnswered(*township, *about, ROOT, "因网络中断未及时录入。", "已补录。", (OTHER,)),
        OrderVerified(*county, *about, OTHER, False, "没有附延期文书。", DUE),
        OrderEscalated(*county, *about, Rung.YELLOW, DUE, "逾期未答复"),
        OrderWithdrawn(*county, *about, "途中停留不计入时限。", "所述情况不成立，特此正名。"),
        CircularPublished(*county, "510824-通-2027-0001", "督办情况通报", "一个单位未按期答复。", (ROOT,)),
        ScoreEntered(*county, TOWNSHIP, "2027-01", -15, "P1", 1, "超期一件。", (ROOT,), "记录一", True, OTHER),
        ScoreAppealed(*township, *about, "停留在途中。", (OTHER,)),
        ScoreJudged(*county, *about, OTHER, -5, False, "部分属实。"),
        ClassAssigned(*county, TOWNSHIP, "山区乡镇", "2027-01", 800, "距县城九十公里。"),
        ScoresFrozen(*county, Card.TOWNSHIP, "2027-01", (total,), OTHER),
        SampleFramed(
            *county,
            "2026-Q4",
            Instant(1_798_700_000_000),
            OTHER,
            412,
            ROOT,
            (Stratum(TOWNSHIP, "high", 40, 20),),
            OTHER,
            DUE,
        ),
        SampleNonced(*township, ROOT, bytes(range(NONCE_BYTES))),
        SampleRevealed(*county, ROOT, OTHER, ((TOWNSHIP, bytes(range(NONCE_BYTES))),)),
        FileReviewed(*county, ROOT, case, 1, "2026-1", ("F03",), "缺一次性告知书"),
    ]


def oversight_text() -> str:
    """Kind → hexadecimal bytes of its body."""
    return json.dumps({event.kind: encode_overseen(event).hex() for event in overseen()}, indent=1) + "\n"


if __name__ == "__main__":
    OVERSIGHT_FILE.write_text(oversight_text(), encoding="utf-8")
