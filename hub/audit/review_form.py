"""The form by which a file is looked through: 100 points, what deducts from them, and what voids them (案卷评查).

After the practice of file reviews for administrative licences: points of legality are vetoes, points of form deduct.
Two reviewers fill it in without seeing each other's; where they differ, a leader settles it with both before them.
Pure. Sources: AUDIT 4.1 [20]; DOMAIN K, M (百分检查). Next: `hub.audit.reviewing`.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from msgspec import Struct

from schemas.refusals import Refused

FORM: Final = "2026-1"
"""Version of the form; every review names the one that it was filled in by."""

POINTS: Final = 100
PASS_POINTS: Final = 80
"""A file below it counts as bad, and so does one with a veto."""
DIFFERENCE_MAX: Final = 10
"""Two reviewers may differ by so many points; by more, or about a veto or the pass, a leader settles it."""


class Point(Struct, frozen=True):
    """One line of the form."""

    code: str
    zh: str
    en: str
    points: int
    """Deducted where it is not as it should be; 0 = a veto."""

    @property
    def is_veto(self) -> bool:
        """Whether the file gets no points at all."""
        return self.points == 0


_LINES: Final = (
    Point("V1", "无权受理或决定（无授权、越权）", "decided without competence", 0),
    Point("V2", "超过法定时限且无合法理由", "past the legal term without a lawful cause", 0),
    Point("V3", "缺少法定必经步骤（公示、听证、勘验等）", "a step that the law demands is missing", 0),
    Point("V4", "不予受理或不予批准未说明理由和依据", "a refusal without reason and legal basis", 0),
    Point("V5", "应由两人办理的核查只有一人", "one officer where the law wants two", 0),
    Point("V6", "违规收费或收费与标准不符", "a fee that is not due, or another amount", 0),
    Point("F1", "申请材料不齐而未一次性告知", "gaps that were not all told at once", 10),
    Point("F2", "重复要求提交目录以外的材料", "papers asked for that the catalogue does not list", 10),
    Point("F3", "受理、补正、决定文书缺失或未送达", "a notice is missing or was not served", 10),
    Point("F4", "办理环节与目录不符或顺序颠倒", "steps other than the catalogue's, or out of order", 10),
    Point("F5", "环节意见空泛或照抄", "opinions that say nothing, or the same everywhere", 5),
    Point("F6", "承诺时限内未办结（未超法定时限）", "past the promised term, within the legal one", 10),
    Point("F7", "中止、延长缺少依据文书", "a pause or extension without its document", 10),
    Point("F8", "附件不清晰、缺页或与材料名称不符", "papers unreadable, incomplete or of another name", 5),
    Point("F9", "委托手续不完整", "the agent's authority is incomplete", 5),
    Point("F10", "未告知救济途径", "the way to object was not told", 10),
    Point("F11", "结果未及时送达或签收不全", "the result came late, or without a signature", 5),
    Point("F12", "归档不及时或卷宗缺项", "filed late, or parts of the file are missing", 5),
    Point("F13", "登记信息错漏", "faults in what was entered", 5),
)

LINES: Final[dict[str, Point]] = {line.code: line for line in _LINES}
"""By code, in the order of the form."""


class UnknownPoint(Refused):
    """A code that the form does not have."""

    def __init__(self, code: str) -> None:
        known = "、".join(LINES)
        super().__init__(
            "unknown_review_point",
            f"评查表没有 {code} 这一项，没有写入；可用的有 {known}。",
            f"The form has no line {code}; nothing was written. It has {known}.",
        )


class Outcome(StrEnum):
    """What two reviews of one file come to."""

    AGREED = "agreed"
    DIFFER = "differ"
    """A leader must settle it."""


def points_of(faults: Collection[str]) -> int:
    """Points of a file with these faults, each counted once. Raises `UnknownPoint`."""
    lines = [_line(code) for code in sorted(set(faults))]
    if any(line.is_veto for line in lines):
        return 0
    return max(0, POINTS - sum(line.points for line in lines))


def is_bad(faults: Collection[str]) -> bool:
    """Whether a file with these faults counts as bad in the results of a sample. Raises `UnknownPoint`."""
    return points_of(faults) < PASS_POINTS


def compared(first: Collection[str], second: Collection[str]) -> Outcome:
    """What two reviews of one file come to. Raises `UnknownPoint`."""
    vetoes = [{code for code in faults if _line(code).is_veto} for faults in (first, second)]
    differ = (
        vetoes[0] != vetoes[1]
        or is_bad(first) is not is_bad(second)
        or abs(points_of(first) - points_of(second)) > DIFFERENCE_MAX
    )
    return Outcome.DIFFER if differ else Outcome.AGREED


def settled_points(first: Collection[str], second: Collection[str]) -> int:
    """The points of a file on whose reviews two officers agree: the better of the two, since they hardly differ."""
    return max(points_of(first), points_of(second))


def _line(code: str) -> Point:
    found = LINES.get(code)
    if found is None:
        raise UnknownPoint(code)
    return found
