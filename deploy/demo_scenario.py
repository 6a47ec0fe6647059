"""The demonstration as data: the sample county's offices and people, and the life of each of its cases.

Divisions and items are those of the shipped sample data; every person is invented, and their numbers begin with 519999,
which no division has ever had, so that they belong to nobody. Never touches a process or a file. Next: `demo_play`,
which does what is written here, phase by phase.
"""

from enum import IntEnum
from typing import Final

from msgspec import Struct

from schemas.casework.roles import Role
from schemas.identity import resident_check_character
from schemas.names import OfficeId

COUNTY_NAME: Final = "苍溪县（样例）"
"""What the demo's county root signs for: no real county is called so, hence nothing of the demo fits a live network."""
PASSWORD: Final = "sample-Cangxi-2026"
"""One for all sample accounts, and printed at the end: there is nothing to protect."""


class Place(Struct, frozen=True):
    """One office with a device of its own."""

    key: str
    module: str
    office: OfficeId
    name: str
    name_en: str
    above: str | None


class Person(Struct, frozen=True):
    """One invented officer; an account is made for each."""

    login: str
    place: str
    office: OfficeId
    name: str
    name_en: str
    """For the demo's own English table; the account has the Chinese name."""
    roles: tuple[Role, ...]


class Phase(IntEnum):
    """When something happens; `demo_play` says what befalls lines and machines at the beginning of each."""

    WORKDAY = 1
    LINES_DOWN = 2
    VILLAGES_BACK = 3
    AFTER_BACKUP = 4
    RESTORED = 5
    SILENT_TOWNSHIP = 6
    ALL_BACK = 7
    LEFT_OPEN = 8
    """After the checks, when a person stays: cases for them to go on with."""


class Step(Struct, frozen=True):
    """One event of a case, written by one officer at their own desk."""

    phase: Phase
    at: str
    """The key of the place."""
    kind: str
    fields: dict[str, str | tuple[str, ...]] = {}
    """What the form asks for beside the case itself."""
    office: OfficeId | None = None
    """The window that acts, when it is not the place's own office."""


class Story(Struct, frozen=True):
    """One case from filing to its end."""

    key: str
    zh: str
    en: str
    item: str
    """Its code in the catalogue."""
    applicant: str
    number: str
    phone: str
    statement: str
    steps: tuple[Step, ...]
    ends_in: str = "closed"
    is_clicked_twice: bool = False
    """Whether the agent presses the filing button twice."""

    @property
    def village(self) -> str:
        """Where the resident came."""
        return self.steps[0].at

    @property
    def handed_over(self) -> bool:
        """Whether a result is handed to the resident in the end."""
        return any(step.kind == "result.handed_over" for step in self.steps)


PLACES: Final = (
    Place("hub", "hub", OfficeId("510824"), "苍溪县政务服务中心", "Cangxi county", None),
    Place("t1", "township_node", OfficeId("510824100"), "陵江镇便民服务中心", "Lingjiang township", "hub"),
    Place("t2", "township_node", OfficeId("510824102"), "云峰镇便民服务中心", "Yunfeng township", "hub"),
    Place("v1", "village_agent", OfficeId("510824100205"), "白观村便民服务站", "Baiguan village", "t1"),
    Place("v2", "village_agent", OfficeId("510824100206"), "太平村便民服务站", "Taiping village", "t1"),
    Place("v3", "village_agent", OfficeId("510824102204"), "陈石村便民服务站", "Chenshi village", "t2"),
    Place("v4", "village_agent", OfficeId("510824102206"), "紫阳村便民服务站", "Ziyang village", "t2"),
)
BY_KEY: Final = {place.key: place for place in PLACES}
VILLAGES: Final = ("v1", "v2", "v3", "v4")
TOWNSHIPS: Final = ("t1", "t2")

WINDOW: Final = OfficeId("510824.rsj")
WINDOW_NAME: Final = "苍溪县人社局窗口"


def _agent(place: str, name: str) -> Person:
    return Person("agent", place, BY_KEY[place].office, name, "village agent", (Role.AGENT,))


PEOPLE: Final = (
    Person(
        "leader",
        "hub",
        OfficeId("510824"),
        "样例·县中心值班领导",
        "county leader on duty",
        (Role.LEADER, Role.SUPERVISOR),
    ),
    Person("window", "hub", WINDOW, "样例·人社局窗口", "the department's window", (Role.CLERK, Role.APPROVER)),
    Person("admin", "hub", OfficeId("510824"), "样例·县管理员", "county administrator", (Role.ADMINISTRATOR,)),
    Person("clerk", "t1", OfficeId("510824100"), "样例·陵江镇经办", "handling officer", (Role.CLERK,)),
    Person("approver", "t1", OfficeId("510824100"), "样例·陵江镇审批", "approver", (Role.APPROVER,)),
    Person("clerk", "t2", OfficeId("510824102"), "样例·云峰镇经办", "handling officer", (Role.CLERK,)),
    Person("approver", "t2", OfficeId("510824102"), "样例·云峰镇审批", "approver", (Role.APPROVER,)),
    _agent("v1", "样例·白观村代办员"),
    _agent("v2", "样例·太平村代办员"),
    _agent("v3", "样例·陈石村代办员"),
    _agent("v4", "样例·紫阳村代办员"),
)


# --- the steps of which lives are made -------------------------------------------------------------------------------


def _code(place: str) -> OfficeId:
    return BY_KEY[place].office


def _file(phase: Phase, village: str) -> Step:
    return Step(phase, village, "case.filed")


def _offer(phase: Phase, at: str, to: OfficeId, office: OfficeId | None = None) -> Step:
    return Step(phase, at, "custody.offered", {"to": to}, office)


def _accept(phase: Phase, at: str, office: OfficeId | None = None) -> Step:
    return Step(phase, at, "custody.accepted", {}, office)


def _grant(phase: Phase, at: str, office: OfficeId | None = None) -> Step:
    fields: dict[str, str | tuple[str, ...]] = {
        "outcome": "granted",
        "reason": "材料齐全，符合规定条件（样例）。",
        "basis": "按事项目录所列依据（样例）",
    }
    return Step(phase, at, "case.decided", fields, office)


def _refuse(phase: Phase, at: str) -> Step:
    fields: dict[str, str | tuple[str, ...]] = {
        "outcome": "refused",
        "reason": "不符合规定条件：与核查结果不一致（样例）。",
        "basis": "按事项目录所列依据（样例）",
        "remedy": "可在六十日内申请行政复议，或在六个月内提起行政诉讼（样例）。",
    }
    return Step(phase, at, "case.decided", fields)


def _up(phase: Phase, village: str, township: str) -> tuple[Step, ...]:
    """Filed at the village and offered to its township."""
    return (_file(phase, village), _offer(phase, village, _code(township)))


def _home(phase: Phase, decider: str, village: str, office: OfficeId | None = None) -> tuple[Step, ...]:
    """The result goes back to the village, to the resident, and the case is struck off."""
    return (
        _offer(phase, decider, _code(village), office),
        _accept(Phase.ALL_BACK, village),
        Step(Phase.ALL_BACK, village, "result.handed_over", {"recipient": "申请人本人（样例）", "how": "counter"}),
        Step(Phase.ALL_BACK, village, "case.closed"),
    )


def _number(serial: int) -> str:
    """A resident number of nobody: division 519999 does not exist."""
    digits = f"519999{1941 + serial}0301{serial:03d}"
    return digits + resident_check_character(digits)


def _story(
    serial: int, zh: str, en: str, item: str, steps: tuple[Step, ...], *, ends_in: str = "closed", twice: bool = False
) -> Story:
    return Story(
        key=f"{serial:02d}",
        zh=zh,
        en=en,
        item=item,
        applicant=f"样例·居民{serial:02d}",
        number=_number(serial),
        phone=f"1990000{serial:04d}",
        statement="样例案件：用于演示，不是真实办件。",
        steps=steps,
        ends_in=ends_in,
        is_clicked_twice=twice,
    )


# --- the cases -------------------------------------------------------------------------------------------------------

_P = Phase
_WANTED = {"materials": ("证件照",), "reason": "缺证件照一张，请补交（样例）。"}

STORIES: Final = (
    _story(
        1,
        "断线前受理，断县线时镇上照常办结",
        "accepted before the cut, decided by the township while its own line up is down",
        "WJ05",
        (
            *_up(_P.WORKDAY, "v1", "t1"),
            _accept(_P.WORKDAY, "t1"),
            _grant(_P.VILLAGES_BACK, "t1"),
            *_home(_P.VILLAGES_BACK, "t1", "v1"),
        ),
    ),
    _story(
        2,
        "断线时收件，线路恢复后自动上报",
        "filed while the line is down, goes up by itself when it is back",
        "RS05",
        (
            *_up(_P.LINES_DOWN, "v1", "t1"),
            _accept(_P.VILLAGES_BACK, "t1"),
            _grant(_P.VILLAGES_BACK, "t1"),
            *_home(_P.VILLAGES_BACK, "t1", "v1"),
        ),
        twice=True,
    ),
    _story(
        3,
        "断线时收件，镇上不予许可",
        "filed while the line is down, refused by the township with reason, basis and remedy",
        "SC03",
        (
            *_up(_P.LINES_DOWN, "v1", "t1"),
            _accept(_P.VILLAGES_BACK, "t1"),
            _refuse(_P.VILLAGES_BACK, "t1"),
            *_home(_P.VILLAGES_BACK, "t1", "v1"),
        ),
    ),
    _story(
        4,
        "一次性告知补材料，村里补交后办结",
        "missing papers named in one notice, brought to the village, then granted",
        "WJ05",
        (
            *_up(_P.LINES_DOWN, "v2", "t1"),
            _accept(_P.VILLAGES_BACK, "t1"),
            Step(_P.VILLAGES_BACK, "t1", "papers.requested", {**_WANTED}),
            Step(_P.VILLAGES_BACK, "v2", "papers.brought", {"materials": ("证件照",), "note": "已补交（样例）"}),
            Step(_P.VILLAGES_BACK, "t1", "papers.received", {"materials": ("证件照",)}),
            _grant(_P.AFTER_BACKUP, "t1"),
            *_home(_P.AFTER_BACKUP, "t1", "v2"),
        ),
    ),
    _story(
        5,
        "镇里上报，县人社局窗口决定",
        "passed on by the township, decided at the county's window",
        "RS01",
        (
            *_up(_P.LINES_DOWN, "v1", "t1"),
            _accept(_P.VILLAGES_BACK, "t1"),
            _offer(_P.VILLAGES_BACK, "t1", WINDOW),
            _accept(_P.AFTER_BACKUP, "hub", WINDOW),
            _grant(_P.AFTER_BACKUP, "hub", WINDOW),
            *_home(_P.AFTER_BACKUP, "hub", "v1", WINDOW),
        ),
    ),
    _story(
        6,
        "群众在村里撤回申请",
        "withdrawn at the village on the resident's word",
        "WJ02",
        (
            _file(_P.LINES_DOWN, "v2"),
            Step(_P.LINES_DOWN, "v2", "case.withdrawn", {"reason": "申请人撤回（样例）"}),
            Step(_P.LINES_DOWN, "v2", "case.closed"),
        ),
    ),
    _story(
        7,
        "村里申请撤回移交，镇里退回，改正后重报",
        "the village asks for its offer back, the township gives it back, and it is offered again",
        "WJ01",
        (
            *_up(_P.LINES_DOWN, "v2", "t1"),
            Step(_P.LINES_DOWN, "v2", "recall.requested", {"reason": "登记有误，申请撤回更正（样例）"}),
            Step(_P.VILLAGES_BACK, "t1", "custody.declined", {"reason": "应村里申请退回（样例）"}),
            _offer(_P.AFTER_BACKUP, "v2", _code("t1")),
            _accept(_P.AFTER_BACKUP, "t1"),
            _grant(_P.AFTER_BACKUP, "t1"),
            *_home(_P.AFTER_BACKUP, "t1", "v2"),
        ),
    ),
    _story(
        8,
        "镇里不予受理，说明理由，群众撤回",
        "not accepted by the township, with reason; the resident withdraws",
        "YB01",
        (
            *_up(_P.LINES_DOWN, "v3", "t2"),
            Step(_P.VILLAGES_BACK, "t2", "custody.declined", {"reason": "不属于本镇受理范围（样例）", "basis": "样例"}),
            Step(_P.AFTER_BACKUP, "v3", "case.withdrawn", {"reason": "申请人改向户籍地申请（样例）"}),
            Step(_P.AFTER_BACKUP, "v3", "case.closed"),
        ),
    ),
    _story(
        9,
        "备份之后才办的件，恢复旧备份也不丢",
        "handled after the backup was taken; the old backup does not lose it",
        "RS03",
        (
            *_up(_P.LINES_DOWN, "v3", "t2"),
            _accept(_P.AFTER_BACKUP, "t2"),
            _grant(_P.AFTER_BACKUP, "t2"),
            *_home(_P.RESTORED, "t2", "v3"),
        ),
    ),
    _story(
        10,
        "备份之后受理，恢复之后补材料办结",
        "accepted after the backup; papers and decision after the restore",
        "WJ05",
        (
            *_up(_P.LINES_DOWN, "v4", "t2"),
            _accept(_P.AFTER_BACKUP, "t2"),
            Step(_P.AFTER_BACKUP, "t2", "papers.requested", {**_WANTED}),
            Step(_P.RESTORED, "v4", "papers.brought", {"materials": ("证件照",), "note": "已补交（样例）"}),
            Step(_P.RESTORED, "t2", "papers.received", {"materials": ("证件照",)}),
            _grant(_P.RESTORED, "t2"),
            *_home(_P.RESTORED, "t2", "v4"),
        ),
    ),
    _story(
        11,
        "镇机器恢复旧备份期间，村里照常收件",
        "filed in the village while its township's machine was being restored",
        "NY01",
        (
            *_up(_P.RESTORED, "v4", "t2"),
            _accept(_P.RESTORED, "t2"),
            _grant(_P.RESTORED, "t2"),
            *_home(_P.RESTORED, "t2", "v4"),
        ),
    ),
    _story(
        12,
        "镇里失联，县中心改派邻镇办理",
        "its township falls silent; the county reassigns it to the neighbouring township",
        "RS05",
        (
            *_up(_P.WORKDAY, "v2", "t1"),
            Step(
                _P.SILENT_TOWNSHIP,
                "hub",
                "custody.reassigned",
                {"to": _code("t2"), "reason": "原单位失联，限期办理（样例）", "approver": "510824/leader"},
            ),
            _accept(_P.SILENT_TOWNSHIP, "t2"),
            _grant(_P.SILENT_TOWNSHIP, "t2"),
            *_home(_P.SILENT_TOWNSHIP, "t2", "v2"),
        ),
    ),
    _story(
        13,
        "镇与镇之间转办",
        "passed from one township to the other, through the county",
        "NY01",
        (
            *_up(_P.WORKDAY, "v3", "t2"),
            _accept(_P.WORKDAY, "t2"),
            _offer(_P.WORKDAY, "t2", _code("t1")),
            _accept(_P.AFTER_BACKUP, "t1"),
            _grant(_P.AFTER_BACKUP, "t1"),
            *_home(_P.AFTER_BACKUP, "t1", "v3"),
        ),
    ),
    _story(
        14,
        "镇里上报，县人社局窗口决定（云峰镇）",
        "passed on by the other township, decided at the county's window",
        "RS06",
        (
            *_up(_P.LINES_DOWN, "v4", "t2"),
            _accept(_P.VILLAGES_BACK, "t2"),
            _offer(_P.VILLAGES_BACK, "t2", WINDOW),
            _accept(_P.AFTER_BACKUP, "hub", WINDOW),
            _grant(_P.SILENT_TOWNSHIP, "hub", WINDOW),
            *_home(_P.SILENT_TOWNSHIP, "hub", "v4", WINDOW),
        ),
    ),
    _story(
        15,
        "断线时收件，镇上不予许可（云峰镇）",
        "filed while the line is down, refused by the other township",
        "MZ03",
        (
            *_up(_P.LINES_DOWN, "v3", "t2"),
            _accept(_P.VILLAGES_BACK, "t2"),
            _refuse(_P.VILLAGES_BACK, "t2"),
            *_home(_P.VILLAGES_BACK, "t2", "v3"),
        ),
    ),
    _story(
        16,
        "断线时收件，回执在途中丢失，重发不重复",
        "filed while the line is down; the answer to its first sending is lost, it is sent again and counts once",
        "YB01",
        (
            *_up(_P.LINES_DOWN, "v4", "t2"),
            _accept(_P.VILLAGES_BACK, "t2"),
            _grant(_P.VILLAGES_BACK, "t2"),
            *_home(_P.VILLAGES_BACK, "t2", "v4"),
        ),
    ),
)

OPEN_STORIES: Final = (
    _story(17, "已收件，待移交", "filed, to be offered", "WJ05", (_file(_P.LEFT_OPEN, "v1"),), ends_in="filed"),
    _story(
        18, "已移交，待镇里接收", "offered, to be accepted", "RS05", _up(_P.LEFT_OPEN, "v2", "t1"), ends_in="offered"
    ),
    _story(
        19,
        "已告知补正，待补材料",
        "papers are awaited",
        "WJ05",
        (
            *_up(_P.LEFT_OPEN, "v1", "t1"),
            _accept(_P.LEFT_OPEN, "t1"),
            Step(_P.LEFT_OPEN, "t1", "papers.requested", {**_WANTED}),
        ),
        ends_in="papers_awaited",
    ),
    _story(
        20,
        "已决定，待村里接收送达",
        "decided, to be accepted and handed over in the village",
        "RS03",
        (
            *_up(_P.LEFT_OPEN, "v3", "t2"),
            _accept(_P.LEFT_OPEN, "t2"),
            _grant(_P.LEFT_OPEN, "t2"),
            _offer(_P.LEFT_OPEN, "t2", _code("v3")),
        ),
        ends_in="returning",
    ),
    _story(
        21,
        "已上报，待县窗口接收",
        "passed on, to be accepted at the county's window",
        "RS06",
        (*_up(_P.LEFT_OPEN, "v4", "t2"), _accept(_P.LEFT_OPEN, "t2"), _offer(_P.LEFT_OPEN, "t2", WINDOW)),
        ends_in="referred",
    ),
)
"""Cases for a person to try; they are filed after the verdict and have no part in it."""
