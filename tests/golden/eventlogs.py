"""Three small event logs whose figures were worked out on paper: `eventlogs.json` has them."""

from pathlib import Path
from typing import Final

from tests.support.eventlogs import event_of, log_of, trace_of

FIGURES_FILE: Final = Path(__file__).with_name("eventlogs.json")

DAY: Final = "2026-03-02T"
CHINA: Final = ":00.000+08:00"


def _at(clock: str) -> str:
    return f"{DAY}{clock}{CHINA}"


def _case(name: str, *events: tuple[str, str, str]) -> str:
    return trace_of(name, *(event_of(activity, _at(clock), who) for activity, clock, who in events))


PERMITS: Final = log_of(
    _case(
        "p1",
        ("filed", "09:00", "li"),
        ("review", "10:00", "li"),
        ("check", "10:00", "wang"),
        ("decide", "13:00", "chen"),
    ),
    _case(
        "p2",
        ("filed", "09:00", "li"),
        ("review", "11:00", "li"),
        ("review", "12:00", "wang"),
        ("decide", "13:00", "chen"),
        ("closed", "18:00", "li"),
    ),
    _case(
        "p3",
        ("filed", "09:00", "li"),
        ("review", "09:30", "li"),
        ("check", "10:00", "wang"),
        ("decide", "11:00", "chen"),
    ),
)
"""Two variants, one tie, one activity done twice."""

GAPS: Final = log_of(
    trace_of(
        None,
        event_of("a", f"{DAY}09:00:00"),
        event_of(None, _at("09:10"), "li"),
        event_of("b", None, "li"),
    ),
    trace_of("g2", event_of("a", f"{DAY}01:00:00Z", "wang"), event_of("b", f"{DAY}09:00:30+08:00", "wang")),
    trace_of("g3"),
    head='<global scope="event"><string key="org:resource" value="counter"/></global>',
)
"""No name, no zone, no activity, no time, no event; and a default for who it was."""

DECOY: Final = (
    '<list key="remarks"><values><string key="concept:name" value="z">'
    '<date key="time:timestamp" value="1999-01-01T00:00:00Z"/></string></values></list>'
    '<container key="more"><string key="org:resource" value="nobody"/></container>'
)
LOOP: Final = log_of(
    trace_of(
        "l1",
        event_of("x", _at("10:00"), "A").replace("</event>", f"{DECOY}</event>"),
        event_of("y", _at("09:00"), "B"),
        event_of("x", _at("11:00"), "B"),
        event_of("y", _at("11:00"), "A"),
        event_of("x", _at("11:00"), "C"),
        more=DECOY,
    ),
).replace("<log ", '<log xmlns="http://www.xes-standard.org/" ')
"""Out of order in the file, three events of one moment, attributes of attributes that are no event's own."""

LOGS: Final = {"gaps": GAPS, "loop": LOOP, "permits": PERMITS}
