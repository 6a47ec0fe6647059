"""Orders and scores for tests: what a county would say to its offices, and what they answer."""

from datetime import date, timedelta
from typing import Final

from hub.audit.escalating import escalate_due, read_orders
from office.overseeing import THE_NODE, Oversee, oversee
from office.publishing import Publication
from schemas.casework.clocks import day_of
from schemas.names import Instant, OfficeId, OfficerId
from schemas.oversight import (
    Ground,
    OrderAnswered,
    OrderEscalated,
    OrderIssued,
    OrderVerified,
    OrderWithdrawn,
    Overseen,
    Rung,
    ScoreAppealed,
    ScoreEntered,
    ScoreJudged,
    Weight,
)
from schemas.oversight_fold import Filed, OrderFile, ScoreFile, fold_all, fold_score
from tests.support.counties import COUNTY, TOWNSHIP, County, Office, op, run

WANG: Final = OfficerId(f"{COUNTY}/wang")
LIU: Final = OfficerId(f"{COUNTY}/liu")
EVIDENCE: Final = (bytes(32), bytes([1]) * 32)
DAY_MS: Final = 86_400_000


def today_of(county: County) -> date:
    """The county's day."""
    return day_of(county.at)


def pass_days(county: County, days: int) -> None:
    """Days go by."""
    county.at = Instant(county.at + days * DAY_MS)


def order(county: County, number: int = 900, to: OfficeId = TOWNSHIP, **changes: object) -> OrderIssued:
    """An order that rests on a finding."""
    fields: dict[str, object] = {
        "operation": op(number),
        "office": COUNTY,
        "officer": WANG,
        "serial": "",
        "addressee": to,
        "ground": Ground.FINDING,
        "rule": "P1",
        "finding": "510824-2026-00017",
        "evidence": EVIDENCE,
        "facts": "该件超过承诺时限四个工作日，卷内没有延期文书。",
        "due": today_of(county) + timedelta(days=7),
        "weight": Weight.RED,
    }
    return OrderIssued(**(fields | changes))  # pyright: ignore[reportArgumentType]


def write(office: Office, *events: Overseen) -> int:
    """Write them with the office's own pen."""
    return run(office.publishing.publish(oversee(*events)))


def orders_at(office: Office) -> list[OrderFile]:
    """Every order as this office knows it."""
    return run(read_orders(office.casebook))


def the_order(office: Office) -> OrderFile:
    """The only order here."""
    (only,) = orders_at(office)
    return only


def scores_at(office: Office) -> list[ScoreFile]:
    """Every score entry as this office knows it."""
    held = run(office.casebook.overseen([ScoreEntered.kind, ScoreAppealed.kind, ScoreJudged.kind]))
    entered = [one for one in held if isinstance(one.event, ScoreEntered)]
    threads = run(office.casebook.threads([one.hash for one in entered]))
    return [score for thread in threads.values() if (score := fold_score(thread)) is not None]


def answer(held: OrderFile, number: int, office: OfficeId = TOWNSHIP) -> OrderAnswered:
    """The township explains, and says what it has put right."""
    said = ("该件因网络中断未及时录入延期文书。", "已补录并对经办人进行了培训。", EVIDENCE[:1])
    author = (op(number), office, OfficerId(f"{office}/li"))
    return OrderAnswered(*author, held.filed.hash, held.issued.addressee, bytes(32), *said)


def verdict(held: OrderFile, number: int, due: date | None = None, *, reason: str = "") -> OrderVerified:
    """The county accepts the answer that waits, or (with a day) sends it back."""
    (waiting,) = held.awaited
    author = (op(number), COUNTY, WANG)
    return OrderVerified(*author, held.filed.hash, held.issued.addressee, waiting.filed.hash, due is None, reason, due)


def withdrawal(held: OrderFile, number: int) -> OrderWithdrawn:
    """The finding was wrong."""
    return OrderWithdrawn(
        op(number),
        COUNTY,
        WANG,
        held.filed.hash,
        held.issued.addressee,
        "线路中断期间的停留不计入办理时限，该件没有超期。",
        "本督办单所述情况经核实不成立，经办人办理及时、手续完备，特此正名。",
    )


def rung(held: OrderFile, number: int, which: Rung, due: date) -> OrderEscalated:
    """A rung as a program without the pen's checks would write it."""
    return OrderEscalated(op(number), COUNTY, THE_NODE, held.filed.hash, held.issued.addressee, which, due)


def sweep(county: County, officer: OfficerId = THE_NODE) -> list[Rung]:
    """The county's nightly look at unanswered orders."""
    hub = county[COUNTY]

    async def publish(publication: Publication) -> int:
        assert isinstance(publication, Oversee)
        return await hub.publishing.publish(publication)

    return [one.step.rung for one in run(escalate_due(hub, today_of(county), publish, officer=officer))]


def score(number: int = 950, to: OfficeId = TOWNSHIP, **changes: object) -> ScoreEntered:
    """Two points off for an overdue case."""
    fields: dict[str, object] = {
        "operation": op(number),
        "office": COUNTY,
        "officer": WANG,
        "addressee": to,
        "period": "2026-03",
        "points": -20,
        "rule": "P1",
        "count": 1,
        "reason": "一件超期四个工作日。",
        "evidence": EVIDENCE,
    }
    return ScoreEntered(**(fields | changes))  # pyright: ignore[reportArgumentType]


def appeal(held: ScoreFile, number: int, office: OfficeId = TOWNSHIP) -> ScoreAppealed:
    """The office does not agree."""
    author = (op(number), office, OfficerId(f"{office}/li"))
    return ScoreAppealed(*author, held.filed.hash, held.entered.addressee, "该件停留在途中，线路中断。")


def judgement(held: ScoreFile, number: int, points: int, officer: OfficerId = LIU) -> ScoreJudged:
    """What the appeal comes to."""
    assert held.appeal is not None
    named = (held.filed.hash, held.entered.addressee, held.appeal.hash)
    return ScoreJudged(op(number), COUNTY, officer, *named, points, False, "经核实线路中断属实。")


def refolded(office: Office) -> list[Filed]:
    """Every entry of oversight that has a row here."""
    return [row.filed for row in office.cases.records.values() if row.filed is not None]


def same_everywhere(*offices: Office) -> bool:
    """Whether these offices say the same of every order and score."""
    views = [fold_all(refolded(office)) for office in offices]
    return all(view.orders == views[0].orders and view.scores == views[0].scores for view in views)
