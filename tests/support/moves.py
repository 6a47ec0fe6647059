"""Proposing, confirming and carrying out a move in a county of `tests.support.counties`."""

from datetime import date
from typing import Final

from office.moving import Carried
from schemas.names import OfficeId, OfficerId
from schemas.register import MoveConfirmed, MoveProposed
from tests.support.counties import COUNTY, County, leader, op, run

DOCUMENT: Final = "川府民政〔2026〕20号"
TODAY: Final = date(2026, 3, 6)


def propose(county: County, old: OfficeId, new: OfficeId, operation: int = 900, first: date = TODAY) -> MoveProposed:
    """The county proposes a move, and everybody whose line works hears of it."""
    move = MoveProposed(op(operation), COUNTY, leader().officer, old, new, first, DOCUMENT)
    county[COUNTY].publish(move)
    return move


def confirm(county: County, move: MoveProposed, side: OfficeId, by: OfficeId, operation: int) -> None:
    """An office confirms a move for itself, or for one below it."""
    county[by].publish(MoveConfirmed(op(operation), by, OfficerId(f"{by}/li"), move.operation, side))


def carry_out(county: County, move: MoveProposed, reason: str = "") -> Carried:
    """One run of the county."""
    wang = leader().officer
    return run(county[COUNTY].moving.carry_out(move.old, wang, wang, reason))


def carry_through(county: County, move: MoveProposed, reason: str = "") -> int:
    """Runs until nothing is left; returns how many cases were brought over."""
    written = 0
    while True:
        done = carry_out(county, move, reason)
        written += done.written
        if not done.written:
            assert done.left == 0
            return written
