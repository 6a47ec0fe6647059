"""The ladder of orders that nobody answers: what is due today, and taking it (DOMAIN M, 督办).

A rung is due when the last day for the answer is over and the office is known to have what was asked of it: nobody is
reminded, carded or named because a line is down. Each rung is taken once, however often and by whomever this runs; the
first ones by themselves, the circular by an officer. Reads the county's own books and writes through the pen.
Never judges an answer. Next: `schemas.oversight_fold.LADDER`, `office.overseeing` (which judges every rung again).
"""

from collections.abc import Awaitable, Callable
from datetime import date
from hashlib import sha256
from typing import Final, Protocol

from msgspec import Struct

from office.casebook import CaseInterpreter
from office.overseeing import THE_NODE, oversee
from office.publishing import Publication
from schemas.names import OPERATION_BYTES, OfficerId, seat_of
from schemas.oversight import OrderEscalated, OrderIssued
from schemas.oversight_fold import Filed, OrderFile, Step, fold_order
from sync.books import Books

ROWS_READ: Final = 1000
"""Outbox rows read at a time: a township whose line was down for a month has a few thousand waiting."""

Publish = Callable[[Publication], Awaitable[int]]
"""Writes with the county's pen: `node.publishing.publish`, or `office.local.publish` where another process has it."""


class CountyNode(Protocol):
    """What is asked of a node (`office.node.Node`)."""

    @property
    def casebook(self) -> CaseInterpreter:
        """Its casebook."""
        ...

    @property
    def books(self) -> Books:
        """Its books."""
        ...


class Due(Struct, frozen=True):
    """A rung that an order has come to."""

    order: OrderFile
    step: Step
    is_delivered: bool
    """Whether the office is known to hold what it was asked last; else nothing is taken."""


async def find_due(node: CountyNode, today: date) -> list[Due]:
    """Every rung that is due on `today`, by the day on which the order was issued."""
    found: list[Due] = []
    for order in await read_orders(node.casebook):
        step = order.step_due(today)
        if step is not None:
            found.append(Due(order, step, await is_delivered(node.books, order.demand)))
    return found


async def read_orders(casebook: CaseInterpreter) -> list[OrderFile]:
    """Every order as it stands."""
    issued = await casebook.overseen([OrderIssued.kind])
    threads = await casebook.threads([one.hash for one in issued])
    orders = [order for thread in threads.values() if (order := fold_order(thread)) is not None]
    return sorted(orders, key=lambda order: (order.filed.at, order.filed.rank))


async def escalate_due(node: CountyNode, today: date, publish: Publish, *, officer: OfficerId = THE_NODE) -> list[Due]:
    """Take every rung that is due, in one transaction. `officer`: who puts a name under it; without one, only what goes
    by itself.

    Idempotent: a rung that was taken, or is not due any more, is not taken again. Returns what was to be taken.
    """
    wanted = [
        due for due in await find_due(node, today) if due.is_delivered and (due.step.by_itself or officer != THE_NODE)
    ]
    if wanted:
        await publish(oversee(*(_rung(due, today, officer) for due in wanted)))
    return wanted


def _rung(due: Due, today: date, officer: OfficerId) -> OrderEscalated:
    # One and the same operation for a rung of an order, however often a sweep comes to it; the pen gives the day.
    operation = sha256(due.order.filed.hash + due.step.rung.encode()).digest()[:OPERATION_BYTES]
    issued = due.order.issued
    return OrderEscalated(
        operation, issued.office, officer, due.order.filed.hash, issued.addressee, due.step.rung, today
    )


async def is_delivered(books: Books, filed: Filed) -> bool:
    """Whether the neighbour on the way to the addressed office has said that it durably holds this entry."""
    about = filed.event.about
    if about is None or seat_of(about) == books.seat.office:
        return True
    hop = books.hop(about)
    link = books.links.get(hop) if hop is not None else None
    if link is None or not await books.store.posted(link.neighbour, [(filed.journal, filed.seq)]):
        return False
    for lane, epoch in link.ends:
        above = link.acknowledged.get((lane, epoch), 0)
        while rows := await books.store.outbox(link.neighbour, lane, epoch, above, ROWS_READ):
            if any(row.journal == filed.journal and row.seq <= filed.seq < row.seq + row.count for row in rows):
                return False
            above = rows[-1].number + rows[-1].count - 1
    return True
