"""The demonstration as data: the sample county's offices and people, what it publishes, and what a life is made of.

Divisions and items are those of the shipped sample data; every person is invented. Never touches a process or a file.
Next: `demo_staff`, who works where; `demo_stories`, the life of each case; `demo_play`, which does what is written.
"""

from datetime import date, timedelta
from enum import IntEnum
from typing import Final

from msgspec import Struct

from schemas.casework.roles import Role
from schemas.catalogue import Grant
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

    @property
    def phone(self) -> str:
        """Printed on slips and notices; no telephone has such a number."""
        return f"0839-0000{PLACES.index(self) + 1:03d}（样例）"


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
    days: dict[str, int] = {}
    """Fields that are days: how many days after the one on which the step is written."""

    def fields_on(self, today: date) -> dict[str, str | tuple[str, ...]]:
        """The form as it is filled in on that day."""
        return self.fields | {name: (today + timedelta(days=ahead)).isoformat() for name, ahead in self.days.items()}


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
    rows: tuple[tuple[str, str], ...] = ()
    """(name, resident number) of everybody on the list, if it is one."""

    @property
    def missing(self) -> frozenset[str]:
        """Materials that the resident did not have at the filing, as a notice names them before the acceptance."""
        kinds = [step.kind for step in self.steps]
        accepted = kinds.index("custody.accepted") if "custody.accepted" in kinds else len(kinds)
        notices = [step for step in self.steps[:accepted] if step.kind == "papers.requested"]
        return frozenset(name for notice in notices for name in notice.fields["materials"])

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
FARMS: Final = OfficeId("510824.nyj")
LAND: Final = OfficeId("510824.zrj")
INSURANCE: Final = OfficeId("510824.ybj")
VISITING_DESK: Final = OfficeId("510824100.rs")
WINDOWS: Final = {
    WINDOW: "苍溪县人社局窗口",
    FARMS: "苍溪县农业农村局窗口",
    LAND: "苍溪县自然资源局窗口",
    INSURANCE: "苍溪县医保局窗口",
    VISITING_DESK: "陵江镇人社轮驻窗口",
}
"""The departments' desks: four at the county centre, which work on its device, and one that visits a township."""

COMPLAINT_PHONE: Final = "0839-0000000（样例）"
QUERY_ADDRESS: Final = "https://cangxi.example/query"
"""A name that leads nowhere (RFC 2606)."""

EDITION: Final = "2026-demo"
EDITION_DOCUMENT: Final = "样例〔2026〕1号"
GRANT: Final = Grant(
    "样例〔2026〕2号",
    "县林业局",
    True,
    (BY_KEY["t2"].office,),
    ("LY01",),
    date(2026, 1, 1),
    None,
    "样例〔2026〕2号",
)
"""By which Yunfeng decides on felling permits in the name of the county's forestry bureau."""


def _agent(place: str, name: str) -> Person:
    return Person("agent", place, BY_KEY[place].office, name, "village agent", (Role.AGENT,))


def _window(login: str, office: OfficeId, name: str, name_en: str) -> Person:
    return Person(login, "hub", office, name, name_en, (Role.CLERK, Role.APPROVER))


PEOPLE: Final = (
    Person(
        "leader",
        "hub",
        OfficeId("510824"),
        "样例·县中心值班领导",
        "county leader on duty",
        (Role.LEADER, Role.SUPERVISOR),
    ),
    _window("window", WINDOW, "样例·人社局窗口A岗", "social security's window, away these days"),
    Person("window-b", "hub", WINDOW, "样例·人社局窗口B岗", "social security's window, deputy", (Role.CLERK,)),
    _window("farms", FARMS, "样例·农业农村局窗口", "agriculture's window"),
    _window("land", LAND, "样例·自然资源局窗口", "natural resources' window"),
    _window("insurance", INSURANCE, "样例·医保局窗口", "medical insurance's window"),
    Person("admin", "hub", OfficeId("510824"), "样例·县管理员", "county administrator", (Role.ADMINISTRATOR,)),
    Person("clerk", "t1", OfficeId("510824100"), "样例·陵江镇经办", "handling officer", (Role.CLERK,)),
    Person("approver", "t1", OfficeId("510824100"), "样例·陵江镇审批", "approver", (Role.APPROVER,)),
    Person("leader", "t1", OfficeId("510824100"), "样例·陵江镇值班领导", "leader on duty", (Role.LEADER,)),
    Person("clerk", "t2", OfficeId("510824102"), "样例·云峰镇经办", "handling officer", (Role.CLERK,)),
    Person("approver", "t2", OfficeId("510824102"), "样例·云峰镇审批", "approver", (Role.APPROVER,)),
    Person("leader", "t2", OfficeId("510824102"), "样例·云峰镇值班领导", "leader on duty", (Role.LEADER,)),
    _agent("v1", "样例·白观村代办员"),
    _agent("v2", "样例·太平村代办员"),
    _agent("v3", "样例·陈石村代办员"),
    _agent("v4", "样例·紫阳村代办员"),
)
