"""What officials call the standings of orders and the rungs of the ladder: (zh, en), one wording for every place.

Never decides anything. Next: `office.cli_oversight`, `hub.audit.documents`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from schemas.oversight import Ground, Rung, Weight
from schemas.oversight_fold import OrderFile, Stage

STAGES: Final[Mapping[Stage, tuple[str, str]]] = {
    Stage.OPEN: ("待答复", "awaits its answer"),
    Stage.ANSWERED: ("已答复，待验收", "answered, awaits the verdict"),
    Stage.CLOSED: ("已销号", "closed"),
    Stage.WITHDRAWN: ("已撤回", "withdrawn"),
}

RUNGS: Final[Mapping[Rung, tuple[str, str]]] = {
    Rung.REMINDER: ("催办", "reminder"),
    Rung.YELLOW: ("黄牌", "yellow card"),
    Rung.RED: ("红牌", "red card"),
    Rung.CIRCULAR: ("通报", "circular"),
}

GROUNDS: Final[Mapping[Ground, tuple[str, str]]] = {
    Ground.FINDING: ("审计发现", "finding"),
    Ground.FILE_REVIEW: ("案卷评查", "file review"),
    Ground.VISIT: ("走访核实", "visit"),
}

WEIGHTS: Final[Mapping[Weight, tuple[str, str]]] = {
    Weight.RED: ("书面答复", "an answer"),
    Weight.YELLOW: ("说明情况", "an explanation"),
}


def standing_of(order: OrderFile, say: Callable[[str, str], str]) -> str:
    """How an order stands, and the highest rung it has come to."""
    words = say(*STAGES[order.stage])
    return words + (f" · {say(*RUNGS[order.taken[-1]])}" if order.taken else "")
