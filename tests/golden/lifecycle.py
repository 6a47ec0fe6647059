"""The table of the lifecycle as texts that people read: every cell stage × kind × office, and a diagram.

Never judges: it asks `schemas.casework.lifecycle.permits` and writes down the answer. `tests.golden.casework` writes
the files again.
"""

from pathlib import Path
from typing import Final

from schemas.casework.casefile import CaseFile
from schemas.casework.events import EVENTS, CaseFiled
from schemas.casework.lifecycle import CONTRIBUTIONS, TRANSITIONS, Actor, NotPermitted, permits
from schemas.casework.roles import ROLES_OF_ACT
from schemas.casework.stages import Stage
from schemas.names import OfficeId
from tests.architecture.sources import ROOT
from tests.support.casebook import TODAY
from tests.support.stages import EVERYWHERE, parts_of

LIFECYCLE_FILE: Final = Path(__file__).parent / "lifecycle.txt"
DIAGRAM_FILE: Final = ROOT / "schemas" / "casework" / "LIFECYCLE.md"

KINDS: Final = tuple(kind for kind in EVENTS if kind != CaseFiled.kind)
"""Filing alone opens a case, and stands outside the table."""

NOTED: Final = "noted"
"""The answer for a contribution that may be made: no stage changes by it."""


def answer(case: CaseFile, kind: str, office: OfficeId) -> str:
    """What the guard at the pen says: the next stage, `NOTED`, or the code of the refusal."""
    try:
        permits(case, kind, office, EVERYWHERE, today=TODAY)
    except NotPermitted as refusal:
        return refusal.code
    return NOTED if kind in CONTRIBUTIONS else f"-> {TRANSITIONS[case.stage, kind].stage.value}"


def matrix_text() -> str:
    """Stage by stage: what each office is answered for each kind; kinds that are answered alike share a line."""
    lines = ["roles: who may take part at an office that may"]
    lines += [f"  {kind}: {', '.join(sorted(ROLES_OF_ACT[kind]))}" for kind in KINDS]
    for stage in Stage:
        parts = parts_of(stage)
        played = ", ".join(f"{part} {office}" for part, (_, office) in parts.items())
        lines += ["", f"{stage.value} ({played})"]
        shared: dict[str, list[str]] = {}
        for kind in KINDS:
            answers: dict[str, list[str]] = {}
            for part, (case, office) in parts.items():
                answers.setdefault(answer(case, kind, office), []).append(part)
            said = sorted(answers.items(), key=lambda one: (not one[0].startswith((NOTED, "->")), one[0]))
            text = "; ".join(f"{code}: {', '.join(offices)}" for code, offices in said)
            shared.setdefault(text, []).append(kind)
        lines += [f"  {', '.join(kinds)}\n      {text}" for text, kinds in shared.items()]
    return "\n".join(lines) + "\n"


# --- the diagram -----------------------------------------------------------------------------------------------------

HEAD: Final = """\
# The life of a case

Drawn from the one table of `schemas/casework/lifecycle.py` by `tests/golden/casework.py`, which also writes every
answer, stage × kind × office, to [lifecycle.txt](../../tests/golden/lifecycle.txt). An arrow names the acts that lead
along it; *(o)* is written by the office the case is offered to, *(r)* by the office that answers for the case or by the
county, *(rh)* by one of these two that holds it, everything else by the office that holds it. Besides, at any stage but
the last the county alone can move the pen (`custody.reassigned`, the table below), and the county, or the office that
holds the case, can change where the result is handed over (`case.rehomed`). Contributions and a re-homing change no
stage.

"""

MARKS: Final = {
    Actor.CUSTODIAN: "",
    Actor.OFFEREE: " (o)",
    Actor.RESPONSIBLE: " (r)",
    Actor.RESPONSIBLE_CUSTODIAN: " (rh)",
}


def diagram_text() -> str:
    """The diagram, what each stage means, and where a reassignment leads."""
    arrows: dict[tuple[Stage, Stage], list[str]] = {}
    for (stage, kind), transition in TRANSITIONS.items():
        if transition.by is not Actor.COUNTY and kind != "case.rehomed":
            arrows.setdefault((stage, transition.stage), []).append(kind + MARKS[transition.by])
    drawn = [f"    {here.value} --> {there.value}: {', '.join(kinds)}" for (here, there), kinds in arrows.items()]
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> filed: case.filed", *drawn, "    closed --> [*]", "```", ""]
    lines += ["| stage | a reassignment leads to | contributions |", "| --- | --- | --- |"]
    for stage in Stage:
        moved = TRANSITIONS.get((stage, "custody.reassigned"))
        noted = sorted(kind for kind, stages in CONTRIBUTIONS.items() if stage in stages)
        row = (stage.value, moved.stage.value if moved is not None else "–", ", ".join(noted) or "–")
        lines.append(f"| {' | '.join(row)} |")
    return HEAD + "\n".join(lines) + "\n"
