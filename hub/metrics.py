"""How the county's audit stands, as figures in the text format of Prometheus (exposition format 0.0.4).

Offices and codes only, never a case or a person. Answered to programs on this very machine and to nobody who comes by
way of another one. Next: `hub.beside`, which serves it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from litestar import MediaType, Response, Router, get
from litestar.exceptions import NotFoundException
from msgspec import Struct

from hub.audit.auditing import Auditor
from hub.audit.reverify import Pass, find_reverified
from hub.audit.sweeping import SWEPT
from hub.jobs import find_verified
from office.dues import day_from
from office.node import Node
from office.web import guards
from office.web.guards import AnyRequest
from schemas.names import Instant

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_RELAYED: Final = ("forwarded", "x-forwarded-for", "via", "x-real-ip")
"""Headers by which a relay in front of this node tells of itself: then it is not this machine that asks."""


class Metric(Struct, frozen=True):
    """One figure, or the same for several things."""

    name: str
    help: str
    """What it says, and its unit."""
    samples: tuple[tuple[Mapping[str, str], float], ...]
    """(labels, value)."""
    kind: str = "gauge"


def text_of(metrics: Iterable[Metric]) -> str:
    """The text that Prometheus reads."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for labels, value in metric.samples:
            named = ",".join(f'{name}="{_escaped(text)}"' for name, text in sorted(labels.items()))
            lines.append(f"{metric.name}{{{named}}} {value:g}" if named else f"{metric.name} {value:g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


async def read_metrics(auditor: Auditor) -> list[Metric]:
    """All figures of this moment."""
    node = auditor.node
    now = node.clock.now()
    counts = await auditor.examiner.findings.counts()
    swept = await auditor.audit.number(SWEPT)
    verified, faults = _verifications(node, now)
    return [
        Metric(
            "tongban_audit_backlog_entries",
            "Entries that have arrived and were not examined.",
            (({}, await auditor.examiner.backlog()),),
        ),
        Metric(
            "tongban_audit_findings",
            "Findings by rule, severity and state.",
            tuple(
                ({"rule": rule, "severity": severity, "state": state}, count)
                for (rule, severity, state), count in sorted(counts.items())
            ),
        ),
        Metric(
            "tongban_audit_rule_failures_total",
            "Times that a rule failed on a case since this process began.",
            (({}, auditor.failed),),
            "counter",
        ),
        Metric(
            "tongban_audit_sweep_age_days",
            "Days since the last whole sweep; absent before the first.",
            (({}, (node.today - day_from(swept)).days),) if swept else (),
        ),
        Metric(
            "tongban_line_silence_seconds",
            "Time since anything was heard on a line, by the office at its other end.",
            tuple(
                ({"office": memory.seat}, max(0, now - memory.last_heard) / 1000)
                for memory in sorted(node.books.memories.values(), key=lambda one: one.seat)
                if memory.last_heard
            ),
        ),
        Metric(
            "tongban_verification_age_seconds", "Time since a pass over the county's own store last ended.", verified
        ),
        Metric("tongban_verification_faults", "Faults that this pass found last.", faults),
    ]


_Samples = tuple[tuple[Mapping[str, str], float], ...]


def _verifications(node: Node, now: Instant) -> tuple[_Samples, _Samples]:
    """(ages, faults) of each pass that has ended."""
    whole = find_verified(node.home.folder)
    passes: list[tuple[str, Instant, int]] = [("whole", whole.at, len(whole.faults))] if whole is not None else []
    for what in Pass:
        one = find_reverified(node.home.folder, what)
        if one is not None:
            passes.append((what.value, one.at, len(one.faults)))
    ages = tuple(({"pass": name}, max(0, now - at) / 1000) for name, at, _ in passes)
    return ages, tuple(({"pass": name}, float(count)) for name, _, count in passes)


def metrics_router(auditor: Auditor) -> Router:
    """`GET /metrics`."""

    @get("/metrics", opt=guards.local(), media_type=MediaType.TEXT)
    async def metrics(request: AnyRequest) -> Response[str]:
        """The figures of this moment."""
        if any(name in request.headers for name in _RELAYED):
            raise NotFoundException
        return Response(text_of(await read_metrics(auditor)), headers={"content-type": CONTENT_TYPE})

    return Router("/", route_handlers=[metrics], include_in_schema=False)
