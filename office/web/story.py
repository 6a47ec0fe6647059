"""The story of one case in plain lines, masked as for whoever watches: for a terminal, or a printed page.

Shows what the case page shows, in the same words. Never shows what that masks. Next: `office.cli_case`.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from office.web import labels
from office.web.deadlines import CLOCKS, STARTS, UNITS, clock_views, custody_views
from office.web.i18n import n_, nn_
from office.web.site import Names
from office.web.views import Sights, StepView, detail_of
from office.worklists import Found
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import CHINA_TIME, ClockKind, StartEvent
from schemas.casework.lifecycle import Stage
from schemas.casework.roles import Role
from schemas.casework.visibility import sight_of
from schemas.catalogue import TermUnit

if TYPE_CHECKING:
    from office.node import Node


def story_of(node: "Node", names: Names, found: Found) -> list[str]:
    """One line for the case, one for each entry, each clock and each office that had it."""
    file = found.file
    sights = sight_of(file, node.county, (Role.SUPERVISOR,))
    case = detail_of(found, sights, node.seat)
    summary, filing = case.summary, file.filing
    where = names.office(summary.custodian or summary.offeree)
    lines = [
        f"{summary.tracking or summary.case}  {names.item(summary.item)}  {summary.applicant}",
        f"{names.text(labels.STAGES[Stage(summary.stage)])}  {where}".rstrip(),
    ]
    if filing is not None and filing.mandate is not None:
        lines.append(names.text(n_("By written authority until %(day)s")) % {"day": filing.mandate.until})
        if case.mandate_is_foreign:
            lines.append(names.text(n_("This authority is not for this case, or was changed: ask the resident")))
    lines += [_line(names, step) for step in case.steps]
    return [*lines, *_clocks(node, names, file, sights), *_custody(node, names, file)]


def _clocks(node: "Node", names: Names, file: CaseFile, sights: Sights) -> list[str]:
    """Every clock: from when, how long, until when, and when it stopped."""
    lines: list[str] = []
    for clock in clock_views(node, file, sights):
        term = names.plural(*UNITS[TermUnit(clock.unit)], clock.days) % {"num": clock.days} if clock.unit else ""
        parts = [
            names.text(CLOCKS[ClockKind(clock.kind)]),
            names.office(clock.office),
            f"{clock.start} {names.text(STARTS[StartEvent(clock.start_event)])}",
            term,
        ]
        if clock.due is not None:
            provisional = names.text(n_("(provisional)")) if clock.is_provisional else ""
            parts.append(names.text(n_("due on %(day)s")) % {"day": clock.due} + provisional)
        if clock.stopped is not None:
            parts.append(names.text(n_("stopped on %(day)s")) % {"day": clock.stopped})
        if clock.days_over:
            over = nn_("overdue by %(num)s working day", "overdue by %(num)s working days")
            parts.append(names.plural(*over, clock.days_over) % {"num": clock.days_over})
        lines.append("  ".join(part for part in parts if part))
    return lines


def _custody(node: "Node", names: Names, file: CaseFile) -> list[str]:
    """Where the time went."""
    on_its_way, days = names.text(n_("on its way")), names.text(n_("%(count)s days"))
    return [
        f"{names.office(one.office) or on_its_way}  {days % {'count': one.days}}" for one in custody_views(node, file)
    ]


def _line(names: Names, step: StepView) -> str:

    at = datetime.fromtimestamp(step.at / 1000, CHINA_TIME).strftime("%Y-%m-%d %H:%M")
    turn = f"{step.turn:>3}" if step.turn else "  ·"
    said = "  ".join(
        f"{names.text(labels.field(step.kind, one.field))}: {' '.join(names.said(one.field, one.value).split())}"
        for one in step.said
        if one.field in labels.FIELDS
    )
    state = f" ({names.text(labels.STATES[step.state])})" if step.state else ""
    act = names.text(labels.FORMALLY_ACCEPTED if step.is_acceptance else labels.TOLD.get(step.kind, step.kind))
    return f"{at} {turn}  {names.office(step.office)}  {act}{state}  {said}".rstrip()
