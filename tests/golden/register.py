"""Golden bytes of every entry of the register.

Write the file again, after a change that is meant, with

    python -m tests.golden.register

and look at the difference: a changed line means that older nodes read other bytes than before.
"""

import json
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from schemas.calendar import YearStatus
from schemas.catalogue import (
    CaseType,
    Decider,
    Delegation,
    LegalTerm,
    Materials,
    ServiceItem,
    TermSource,
    TermStart,
    TermUnit,
    digest_of_item,
)
from schemas.codec import encode
from schemas.divisions import Tier
from schemas.names import OPERATION_BYTES, OfficeId, OfficerId
from schemas.openings import OpeningRule, Purpose, RuleKind
from schemas.register import (
    AbsenceStated,
    Answer,
    CalendarPublished,
    EditionPublished,
    EnquiryRecorded,
    GrantEnded,
    GrantMade,
    ItemPublished,
    MoveConfirmed,
    MoveProposed,
    OfficePublished,
    OpeningPublished,
    Position,
    PostAssigned,
    Published,
    SlotsPublished,
    encode_record,
)

REGISTER_FILE: Final = Path(__file__).with_name("register.json")

COUNTY: Final = OfficeId("510824")
TOWNSHIP: Final = OfficeId("510824100")
WANG: Final = OfficerId("510824/wang")
LI: Final = OfficerId("510824100/li")
CHEN: Final = OfficerId("510824100/chen")
DAY: Final = date(2027, 1, 1)

ITEM: Final = ServiceItem(
    "RS01",
    "城乡居民基本养老保险参保登记",
    "Enrolment in the residents' pension scheme",
    "人力资源和社会保障局",
    CaseType.PROMISED,
    "20",
    ("社会保险法第20条",),
    LegalTerm(20, TermUnit.WORKING_DAYS, TermStart.ACCEPTED),
    5,
    TermSource.SAMPLE,
    Materials(("居民身份证",), ("社会保障卡",)),
    0,
    (Tier.VILLAGE, Tier.TOWNSHIP),
    (Decider(Tier.TOWNSHIP, "乡镇"),),
    Delegation.YES,
)


def records() -> list[Published]:
    """One of each kind, every field filled."""
    county = (bytes(range(OPERATION_BYTES)), COUNTY, WANG)
    township = (bytes(range(OPERATION_BYTES)), TOWNSHIP, LI)
    weekdays = OpeningRule(RuleKind.WEEKDAYS, (1, 3), (), Purpose.OPENING, True, "09:00-12:00,14:00-17:30")
    market = OpeningRule(RuleKind.LUNAR_DIGITS, (1, 4, 7), (), Purpose.MARKET, False)
    closed = OpeningRule(RuleKind.LISTED, (), (date(2027, 2, 5),), Purpose.OPENING, False)
    listed = ((ITEM.code, digest_of_item(ITEM)),)
    return [
        ItemPublished(*county, msgspec.Raw(encode(ITEM))),
        EditionPublished(*county, "2027.01", DAY, "苍府办〔2026〕1号", WANG, False, listed),
        CalendarPublished(*county, 2027, YearStatus.LOCAL, "苍府办〔2026〕8号", ((101, False), (103, True))),
        OpeningPublished(*township, TOWNSHIP, DAY, (weekdays, market, closed), "陵府〔2026〕2号"),
        GrantMade(
            *county, "苍府〔2026〕5号", "县人社局", True, (TOWNSHIP,), ("RS01",), DAY, date(2027, 12, 31), "赋权决定"
        ),
        GrantEnded(*county, "苍府〔2026〕5号", date(2027, 7, 1), "苍府〔2027〕9号"),
        OfficePublished(*county, TOWNSHIP, "陵江镇", "便民服务中心", "滨江路1号", DAY, date(2030, 1, 1), COUNTY),
        MoveProposed(*county, TOWNSHIP, COUNTY, DAY, "川府民政〔2026〕20号"),
        MoveConfirmed(*township, bytes(range(OPERATION_BYTES)), TOWNSHIP),
        PostAssigned(
            *township,
            "mz-1",
            TOWNSHIP,
            "民政岗",
            LI,
            "李明",
            Position.PRIMARY,
            ("RS01",),
            DAY,
            date(2027, 12, 31),
            "陵府〔2026〕3号",
        ),
        AbsenceStated(*township, LI, DAY, date(2027, 1, 5), CHEN, "培训"),
        SlotsPublished(*township, TOWNSHIP, (weekdays,), LI, DAY),
        EnquiryRecorded(*township, "RS01", Answer.REFERRED, COUNTY),
    ]


def register_text() -> str:
    """Kind → hexadecimal bytes of its body."""
    return json.dumps({event.kind: encode_record(event).hex() for event in records()}, indent=1) + "\n"


if __name__ == "__main__":
    REGISTER_FILE.write_text(register_text(), encoding="utf-8")
