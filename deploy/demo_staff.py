"""Who works where in the demo's county: posts with holder and deputy, an absence, staffed days, leaders' slots, terms.

Only data and the statements that it comes to: each is what `posts assign`, `absences state`, `desks set`, `slots set`
or `names bind` would publish, signed by the leader on duty. Never touches a process or a file. Next: `demo_county`,
which hands them to the node that has the pen.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from deploy.demo_scenario import BY_KEY, FARMS, INSURANCE, LAND, PEOPLE, VISITING_DESK, WINDOW, WINDOWS, Person, Place
from schemas.names import OfficeId, OfficerId, seat_of
from schemas.opening_texts import parse_rule
from schemas.register import (
    AbsenceStated,
    OfficePublished,
    OpeningPublished,
    Position,
    PostAssigned,
    Published,
    SlotsPublished,
)

DOCUMENT: Final = "样例〔2026〕3号"

DEPARTMENTS: Final = {WINDOW: "县人社局", FARMS: "县农业农村局", LAND: "县自然资源局", INSURANCE: "县医保局"}
"""Whose window each is: it takes in and decides that department's items alone."""

STANDS_IN: Final = {(WINDOW, "window"): "window-b"}
"""(office, who is away) → who stands in, and may decide in the holder's place alone."""
DAYS_AWAY: Final = 3
"""Beyond the first day, so that a play that goes on past midnight has the same people."""


class Post(Struct, frozen=True):
    """Somebody at a post, as the leader of the place `by` assigns it."""

    by: str
    at: OfficeId
    code: str
    name: str
    login: str
    position: Position
    items: tuple[str, ...] = ()
    """() = every item of the office."""


def _township(key: str, *villages: str) -> tuple[Post, ...]:
    """A leader, one post with holder and deputy, and the agents of the villages below."""
    at = BY_KEY[key].office
    aid = ("mz-1", "民政岗")
    return (
        Post(key, at, "zb-1", "值班领导岗", "leader", Position.LEADER),
        Post(key, at, *aid, "clerk", Position.PRIMARY, ("MZ01", "MZ02", "MZ03")),
        Post(key, at, *aid, "approver", Position.DEPUTY, ("MZ01", "MZ02", "MZ03")),
        *(Post(key, BY_KEY[one].office, "db-1", "代办岗", "agent", Position.AGENT) for one in villages),
    )


POSTS: Final = (
    Post("hub", BY_KEY["hub"].office, "zb-1", "值班领导岗", "leader", Position.LEADER),
    Post("hub", WINDOW, "rs-1", "人社窗口岗", "window", Position.PRIMARY),
    Post("hub", WINDOW, "rs-1", "人社窗口岗", "window-b", Position.DEPUTY),
    Post("hub", FARMS, "ny-1", "农业农村窗口岗", "farms", Position.PRIMARY),
    Post("hub", LAND, "zr-1", "自然资源窗口岗", "land", Position.PRIMARY),
    Post("hub", INSURANCE, "yb-1", "医保联络岗", "insurance", Position.LIAISON),
    *_township("t1", "v1", "v2"),
    Post("t1", VISITING_DESK, "rs-1", "人社轮驻岗", "clerk", Position.PRIMARY, ("RS03", "RS05")),
    *_township("t2", "v3", "v4"),
)

DESK_DAYS: Final = (
    ("hub", WINDOW, "工作日 09:00-17:00"),
    ("hub", FARMS, "周二、周四 09:00-17:00"),
    ("hub", LAND, "农历 3,6,9 09:00-12:00"),
    ("hub", INSURANCE, "周三 14:30-17:00"),
    ("t1", VISITING_DESK, "周二、周五 09:00-17:00"),
)
"""(place whose leader says so, desk, when somebody sits there)."""

SLOTS: Final = {"hub": "周一、周三、周五 14:30-17:30", "t1": "周二、周四 09:00-11:30", "t2": "周一、周四 15:00-17:00"}
"""Place → when its leader signs what waits for a decision."""


def person_at(office: OfficeId, login: str) -> Person:
    """Who has this login at an office; at a visiting desk somebody of the seat sits."""
    return next(one for one in PEOPLE if one.login == login and one.office in (office, seat_of(office)))


def statements_of(place: Place, operation: bytes, today: date) -> tuple[Published, ...]:
    """What the leader of a place publishes on the first day; () for a village, whose township speaks for it."""
    if place.key not in SLOTS:
        return ()
    leader = OfficerId(f"{place.office}/leader")
    author = (operation, place.office, leader)
    slots = SlotsPublished(*author, place.office, (parse_rule(SLOTS[place.key]),), leader, today)
    county = _county(author, today) if place.above is None else ()
    return (*county, *_posts(place.key, author, today), *_desks(place.key, author, today), slots)


_Author = tuple[bytes, OfficeId, OfficerId]


def _county(author: _Author, today: date) -> Iterator[Published]:
    """Whose windows they are, and who is away."""
    for window, department in DEPARTMENTS.items():
        yield OfficePublished(*author, window, WINDOWS[window], department, valid_from=today)
    for (office, away), deputy in STANDS_IN.items():
        until, principal = today + timedelta(days=DAYS_AWAY), OfficerId(f"{office}/{away}")
        yield AbsenceStated(*author, principal, today, until, OfficerId(f"{office}/{deputy}"), "下乡办理认证（样例）")


def _posts(key: str, author: _Author, today: date) -> Iterator[Published]:
    """Who holds which post; an agent is appointed until the end of next year."""
    for post in POSTS:
        if post.by == key:
            person = person_at(post.at, post.login)
            until = date(today.year + 1, 12, 31) if post.position is Position.AGENT else None
            holder = OfficerId(f"{person.office}/{person.login}"), person.name
            yield PostAssigned(
                *author, post.code, post.at, post.name, *holder, post.position, post.items, today, until, DOCUMENT
            )


def _desks(key: str, author: _Author, today: date) -> Iterator[Published]:
    """When somebody sits at each desk."""
    for by, desk, rule in DESK_DAYS:
        if by == key:
            yield OpeningPublished(*author, desk, today, (parse_rule(rule),), DOCUMENT)
