"""How a node stands, in counts and codes: for `status`, for programs that watch it, for a picture of the whole county.

Tells no case and no person. Reads memory and a few small tables; cheap enough to be asked twice a second.
Next: `office.web.line` for the lines in detail, `office.doctor` for what to do about it.
"""

from collections.abc import Callable

from msgspec import Struct

from office.node import Node
from office.sentences import explained
from office.storage import StorageState
from office.web.line import Neighbour, neighbours_of
from schemas.names import NodeId, OfficeId, parent_seat
from sync.courier import LineState


class Status(Struct, frozen=True):
    """One node at one moment."""

    office: OfficeId
    name: str
    node: NodeId
    is_running: bool
    """Whether a serving process holds the pen; what only it knows is absent otherwise."""
    own: int
    """Entries in this device's own journals."""
    receipted: int
    """How many of them the county has signed for."""
    held: int
    """Entries of everybody that are here."""
    cases: dict[str, int]
    """The office's own cases by queue: all, open, held, offered, overdue, due_today, due_soon."""
    set_aside: int
    findings: int
    is_quarantined: bool
    """Known to have been rolled back, and not yet caught up with every neighbour."""
    lines: tuple[Neighbour, ...]
    storage: StorageState
    courier: LineState | None = None
    """The line upward; None at the county, and when the node is not running."""
    edition: str = ""
    """Version of the catalogue that judges today."""
    is_sample: bool = False
    incomplete_editions: dict[str, int] = {}
    """Published versions of which items are still to come, and how many: not in force here until then."""
    second_notices: dict[OfficeId, int] = {}
    """This year's notices of missing papers beyond the first of a case, by the office against which they count."""


async def status_of(node: Node, *, is_running: bool = False) -> Status:
    """The state of an open node."""
    books = node.books
    device = books.seat.node
    own = [state for state in list(books.journals.values()) if state.journal.origin == device]
    receipts = [
        row.size
        for row in await node.store.receipts()
        if row.journal.origin == device and parent_seat(row.office) is None
    ]
    edition = node.catalogue.in_force(node.clock.now())
    return Status(
        books.seat.office,
        node.office_name(node.seat),
        device,
        is_running,
        sum(state.size for state in own),
        sum(receipts),
        books.arrival,
        {queue.value: count for queue, count in (await node.worklists.count(node.seat)).items()},
        await node.store.count_dispositions(),
        len(await node.store.evidence()),
        any(link.quarantined for link in list(books.links.values())),
        tuple(await neighbours_of(books, node.store)),
        node.storage.state(),
        node.line_up,
        edition.version,
        edition.is_sample,
        node.casebook.register.incomplete_editions(),
        await node.worklists.count_second_notices(node.today.year),
    )


def describe(status: Status, say: Callable[[str, str], str]) -> list[str]:
    """The state in lines for a person; `say` chooses between Chinese and English."""
    running = say("运行中", "running") if status.is_running else say("未运行", "not running")
    cases, aside = status.cases, status.set_aside
    lines = [
        f"{status.name} ({status.office}) · {running}",
        say(
            f"本机条目 {status.own} · 县已签收 {status.receipted}",
            f"own entries {status.own} · receipted by the county {status.receipted}",
        ),
        say(
            f"办件 {cases['all']} · 在办 {cases['open']} · 隔离 {aside}",
            f"cases {cases['all']} · open {cases['open']} · set aside {aside}",
        ),
        say(
            f"今日到期 {cases['due_today']} · 已逾期 {cases['overdue']}",
            f"due today {cases['due_today']} · overdue {cases['overdue']}",
        ),
    ]
    sample = say("（样例，非本县现行目录）", " (a sample, no county's own)") if status.is_sample else ""
    lines.append(say(f"事项目录 {status.edition}{sample}", f"catalogue {status.edition}{sample}"))
    for version, count in sorted(status.incomplete_editions.items()):
        zh = f"事项目录 {version} 已发布，尚有 {count} 项未到，收齐前不生效：请保持线路畅通。"
        en = f"catalogue {version} is published; {count} items are still to come, until then it is not in force."
        lines.append(say(zh, en))
    for office, count in status.second_notices.items():
        lines.append(say(f"{office} · 今年再次告知补正 {count} 件次", f"{office} · second notices this year {count}"))
    for line in status.lines:
        waiting = f"{line.waiting}{'+' if line.is_more else ''}"
        lines.append(say(f"{line.office} · 待送 {waiting}", f"{line.office} · waiting {waiting}"))
    if status.is_quarantined:
        lines.append(
            say(
                "本机曾恢复到较早状态，正在补齐：请保持线路畅通。",
                "This node was restored and is catching up: keep the line up.",
            )
        )
    courier = status.courier
    if courier is not None and courier.code:
        told = say(explained(courier.code, courier.hint, "zh"), courier.hint)
        lines.append(say(f"上行线路 {courier.code}：{told}", f"line up {courier.code}: {told}"))
    return lines
