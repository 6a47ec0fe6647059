"""How an event log is written: XES (IEEE 1849-2016) and CSV, trace by trace, so that no log is ever held whole.

Pure: traces in, bytes out. Texts of both files are ours or codes; whatever else a text holds can neither leave its
XML attribute nor become a formula in a spreadsheet. Next: `hub.audit.exporting`, which reads the cases.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from hub.audit.eventlog import LogEvent, LogTrace, end_of, instant_text, moment_text

CSV_COLUMNS: Final = (
    "case_id",
    "activity",
    "timestamp",
    "end_timestamp",
    "resource",
    "role",
    "township",
    "item",
    "sort",
)
"""`sort`: the event's place in its case, from 1: what a tool that sorts by time needs where two times are equal."""

EXTENSIONS: Final = (
    ("Concept", "concept", "http://www.xes-standard.org/concept.xesext"),
    ("Time", "time", "http://www.xes-standard.org/time.xesext"),
    ("Organizational", "org", "http://www.xes-standard.org/org.xesext"),
    ("Lifecycle", "lifecycle", "http://www.xes-standard.org/lifecycle.xesext"),
    ("ID", "identity", "http://www.xes-standard.org/identity.xesext"),
    ("Cost", "cost", "http://www.xes-standard.org/cost.xesext"),
    ("Journal", "journal", "urn:tongban:xes:journal"),
)
"""(name, prefix, URI): six of the standard's own, and where in which journal an event stands."""

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1849.2016" xes.features="">\n'
"""No namespace: the standard's own schema names none, so a log that states one does not validate against it."""
_TRACE_KEYS: Final = ("concept:name", "item", "township", "outcome")
_FORMULA: Final = "=+-@\t\r"
"""A spreadsheet takes a cell that begins with one of these for a formula."""

_PLAIN: Final = re.compile(r"[\w :.+/-]*", re.ASCII)
"""What most texts of a log consist of: nothing in it needs a second look."""
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


def xes_head(name: str, *, is_named: bool) -> str:
    """Everything before the first trace. `name`: whose log it is."""
    lines = [_HEAD]
    lines += [f'  <extension name="{one}" prefix="{prefix}" uri="{uri}"/>\n' for one, prefix, uri in EXTENSIONS]
    lines.append('  <global scope="trace">\n')
    lines += [f"    {_attribute('string', key, '')}\n" for key in _TRACE_KEYS]
    lines.append('  </global>\n  <global scope="event">\n')
    lines.append(f"    {_attribute('string', 'concept:name', '')}\n")
    lines.append(f"    {_attribute('date', 'time:timestamp', '1970-01-01T00:00:00.000+08:00')}\n")
    lines.append(f"    {_attribute('string', 'lifecycle:transition', 'complete')}\n")
    lines.append('  </global>\n  <classifier name="Activity" scope="event" keys="concept:name"/>\n')
    lines.append('  <classifier name="Transition" scope="event" keys="concept:name lifecycle:transition"/>\n')
    lines.append(f"  {_attribute('string', 'concept:name', name)}\n")
    lines.append(f"  {_attribute('string', 'lifecycle:model', 'standard')}\n")
    lines.append(f"  {_attribute('boolean', 'pseudonymised', 'false' if is_named else 'true')}\n")
    return "".join(lines)


XES_TAIL: Final = "</log>\n"


def xes_trace(trace: LogTrace) -> str:
    """One case."""
    parts = [
        _attribute("string", "concept:name", trace.case),
        _attribute("id", "identity:id", trace.identity),
        _attribute("string", "item", trace.item),
        _attribute("string", "township", trace.township),
        _attribute("string", "outcome", trace.outcome),
    ]
    if trace.village:
        parts.append(_attribute("string", "village", trace.village))
    if trace.due is not None:
        parts.append(_attribute("date", "due", moment_text(end_of(trace.due))))
    if trace.number:
        parts.append(_attribute("string", "number", trace.number))
    parts += [_xes_event(event) for event in trace.events]
    return "  <trace>\n" + "".join(f"    {part}\n" for part in parts) + "  </trace>\n"


def csv_head() -> str:
    """The line of columns."""
    return ",".join(CSV_COLUMNS) + "\r\n"


def csv_rows(trace: LogTrace) -> str:
    """One case, a line an event, in the trace's order."""
    written = io.StringIO(newline="")
    rows = csv.writer(written)
    for place, event in enumerate(trace.events, start=1):
        ended = "" if event.ended_at is None else instant_text(event.ended_at)
        whose = (event.resource, event.role, trace.township, trace.item)
        row = (trace.case, event.activity, instant_text(event.at), ended, *whose)
        rows.writerow((*map(_guarded, row), place))
    return written.getvalue()


def _xes_event(event: LogEvent) -> str:
    return f"<event>{''.join(_event_attributes(event))}</event>"


def _event_attributes(event: LogEvent) -> Iterator[str]:
    yield _attribute("string", "concept:name", event.activity)
    yield _attribute("date", "time:timestamp", instant_text(event.at))
    yield _attribute("string", "lifecycle:transition", event.transition)
    for key, text in (("org:resource", event.resource), ("org:role", event.role), ("org:group", event.group)):
        if text:
            yield _attribute("string", key, text)
    yield _attribute("id", "identity:id", event.identity)
    if event.cost_fen is not None:
        yield _attribute("float", "cost:total", f"{event.cost_fen // 100}.{event.cost_fen % 100:02d}")
        yield _attribute("string", "cost:currency", "CNY")
    yield _attribute("string", "journal:id", event.journal)
    yield _attribute("int", "journal:seq", str(event.seq))
    yield _attribute("string", "journal:link", event.link)


def _attribute(kind: str, key: str, text: str) -> str:
    if _PLAIN.fullmatch(text) is None:
        text = _UNWRITABLE.sub("\ufffd", text).translate(_ESCAPES)
    return f'<{kind} key="{key}" value="{text}"/>'


def _guarded(text: str) -> str:
    """A cell that no spreadsheet computes."""
    return f"'{text}" if text[:1] and text[0] in _FORMULA else text
