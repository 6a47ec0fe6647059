"""Event logs for tests: small ones by hand, what the standard asks of any, and every figure by a second algorithm.

Nothing here knows the product's reader: the whole log is a tree in memory, traces are lists, quantiles are the standard
library's. The rules are those of IEEE 1849-2016's text, not its schema file.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from statistics import mean, quantiles
from typing import Any, Final
from xml.etree import ElementTree

NAMESPACE: Final = "{http://www.xes-standard.org/}"
CHINA: Final = timezone(timedelta(hours=8))
TOP: Final = 10

ATTRIBUTES: Final = ("string", "date", "int", "float", "boolean", "id", "list")
VALUES: Final = {
    "string": re.compile(r".*", re.DOTALL),
    "id": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?"),
    "int": re.compile(r"[+-]?[0-9]{1,19}"),
    "float": re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|INF|-INF|NaN"),
    "boolean": re.compile(r"true|false|0|1"),
}
NAME: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:.\-]*")
NO_COLON: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
ORDER: Final = {"extension": 0, "global": 1, "classifier": 2, **dict.fromkeys(ATTRIBUTES, 3), "trace": 4, "event": 5}
KEYS: Final = {
    "concept": {"name", "instance"},
    "time": {"timestamp"},
    "lifecycle": {"model", "transition", "state"},
    "org": {"resource", "role", "group"},
    "identity": {"id"},
    "cost": {"total", "currency", "drivers", "amount", "driver", "type"},
    "journal": {"id", "seq", "link"},
}
"""What each extension defines; the last one is ours."""
TRANSITIONS: Final = {
    *("schedule", "assign", "withdraw", "reassign", "start", "suspend", "resume", "pi_abort", "ate_abort"),
    *("complete", "autoskip", "manualskip", "unknown"),
}


def log_of(*traces: str, head: str = "") -> str:
    """A log of these traces."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1849.2016">{head}{"".join(traces)}</log>'


def trace_of(name: str | None, *events: str, more: str = "") -> str:
    """A trace."""
    named = "" if name is None else f'<string key="concept:name" value="{name}"/>'
    return f"<trace>{named}{more}{''.join(events)}</trace>"


def event_of(activity: str | None, at: str | None, resource: str | None = None, transition: str | None = None) -> str:
    """An event."""
    stated = {
        ("string", "concept:name"): activity,
        ("date", "time:timestamp"): at,
        ("string", "org:resource"): resource,
        ("string", "lifecycle:transition"): transition,
    }
    inner = [f'<{kind} key="{key}" value="{value}"/>' for (kind, key), value in stated.items() if value is not None]
    return f"<event>{''.join(inner)}</event>"


# --- what the standard asks -------------------------------------------------------------------------------------------


def breaches(path: Path) -> list[str]:
    """What of a log is not as the standard has it."""
    root = ElementTree.parse(path).getroot()
    found = [] if root.tag == "log" else [f"the root is {root.tag}"]
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", root.get("xes.version", "")):
        found.append("xes.version is no decimal")
    places = [ORDER.get(child.tag, -1) for child in root]
    if -1 in places or places != sorted(places):
        found.append("the log's parts stand in another order")
    prefixes = {child.get("prefix", "") for child in root if child.tag == "extension"}
    for child in root:
        found += list(_part_breaches(child, prefixes))
    found += list(_missing_globals(root))
    return found


def _part_breaches(part: ElementTree.Element, prefixes: set[str]) -> Iterator[str]:
    if part.tag in ("extension", "classifier"):
        required = {"extension": ("name", "prefix", "uri"), "classifier": ("name", "keys")}[part.tag]
        yield from (f"{part.tag} without {name}" for name in required if not part.get(name))
        yield from (f"{part.tag} {part.get('name')!r}" for _ in (0,) if not NO_COLON.fullmatch(part.get("name", "")))
    elif part.tag in ("trace", "event", "global"):
        tags = [child.tag for child in part]
        events = [tag == "event" for tag in tags]
        if events != sorted(events) or ("event" in tags and part.tag != "trace"):
            yield f"{part.tag}: attributes after events"
        keys = [child.get("key", "") for child in part if child.tag != "event"]
        yield from (f"{part.tag}: {key} twice" for key, count in Counter(keys).items() if count > 1)
        for child in part:
            yield from _part_breaches(child, prefixes)
    else:
        yield from _attribute_breaches(part, prefixes)


def _attribute_breaches(attribute: ElementTree.Element, prefixes: set[str]) -> Iterator[str]:
    kind, key, value = attribute.tag, attribute.get("key", ""), attribute.get("value")
    if kind not in ATTRIBUTES or set(attribute.keys()) != {"key", "value"} or value is None:
        yield f"no attribute: {kind} {attribute.attrib}"
        return
    if not NAME.fullmatch(key):
        yield f"{key!r} is no name"
    if not VALUES[kind].fullmatch(value):
        yield f"{key}: {value!r} is no {kind}"
    prefix, colon, rest = key.partition(":")
    if colon and (prefix not in prefixes or rest not in KEYS.get(prefix, ())):
        yield f"{key} is of no extension that the log declares"
    if key == "lifecycle:transition" and value not in TRANSITIONS:
        yield f"{value} is no transition of the standard life cycle"


def _missing_globals(root: ElementTree.Element) -> Iterator[str]:
    for scope in ("trace", "event"):
        promised = {one.get("key") for part in root.iter("global") if part.get("scope") == scope for one in part}
        for part in root.iter(scope):
            missing = promised - {one.get("key") for one in part}
            yield from (f"a {scope} lacks the global {key}" for key in sorted(filter(None, missing)))


# --- figures, the other way -------------------------------------------------------------------------------------------


class Case:
    """One trace, in memory."""

    def __init__(self, trace: ElementTree.Element, defaults: dict[str, str]) -> None:
        own = {one.get("key"): one.get("value") for one in trace if _local(one) != "event"}
        self.name = own.get("concept:name")
        events = [
            defaults | {one.get("key", ""): one.get("value", "") for one in event}
            for event in trace
            if _local(event) == "event"
        ]
        timed: list[tuple[datetime, int, dict[str, str]]] = []
        latest = datetime.min.replace(tzinfo=CHINA)
        for place, event in enumerate(events):
            moment = _time(event.get("time:timestamp"))
            timed.append((moment or latest, place, event))
            latest = moment or latest
        timed.sort(key=lambda one: (one[0], one[1]))
        self.events = [event for _, _, event in timed]
        self.activities = [event.get("concept:name") for event in self.events]
        self.resources = [event.get("org:resource") for event in self.events]
        self.times = [moment for moment in (_time(event.get("time:timestamp")) for event in self.events) if moment]


def figures(text: str) -> dict[str, Any]:
    """The figures of a log, as the importer tells them, but for the rules and what it says of the log itself."""
    root = ElementTree.fromstring(text)
    defaults = {
        one.get("key", ""): one.get("value", "")
        for part in root
        if _local(part) == "global" and part.get("scope") == "event"
        for one in part
    }
    cases = [Case(part, defaults) for part in root if _local(part) == "trace"]
    full = [case for case in cases if case.events]
    names = [activity for case in full for activity in case.activities if activity is not None]
    steps = [pair for case in full for pair in _pairs(case.activities)]
    handed = [[pair for pair in _pairs(case.resources) if pair[0] != pair[1]] for case in full]
    again = [{name: count for name, count in Counter(case.activities).items() if name and count > 1} for case in full]
    ties = [sum(one == other for one, other in _pairs(case.times)) for case in full]
    return {
        "cases": len(cases),
        "events": sum(len(case.events) for case in cases),
        "activities": _ranked(Counter(names), "activity", "count"),
        "variants": _variants(full),
        "directly_follows": _ranked_pairs(Counter(steps)),
        "throughput_seconds": _throughput(full),
        "rework": {
            "cases": sum(bool(one) for one in again),
            "events": sum(count - 1 for one in again for count in one.values()),
            "activities": _ranked(Counter(name for one in again for name in one), "activity", "cases"),
        },
        "handovers": {
            "count": sum(map(len, handed)),
            "cases": sum(map(bool, handed)),
            "pairs": _ranked_pairs(Counter(pair for one in handed for pair in one)),
        },
        "ties": {"events": sum(ties), "cases": sum(map(bool, ties))},
    }


def _pairs(values: Sequence[Any]) -> list[tuple[Any, Any]]:
    return [(one, other) for one, other in pairwise(values) if one is not None and other is not None]


def _variants(cases: Sequence[Case]) -> dict[str, Any]:
    counts = Counter(tuple(case.activities) for case in cases)  # in the order of first sight
    most = sorted(counts.items(), key=lambda one: -one[1])[:TOP]
    told = [{"count": count, "length": len(names), "activities": list(names)} for names, count in most]
    return {"count": len(counts), "top": told}


def _throughput(cases: Sequence[Case]) -> dict[str, Any]:
    spans = sorted((max(case.times) - min(case.times)).total_seconds() for case in cases if case.times)
    if not spans:
        return {"cases": 0}
    of_four = quantiles(spans, n=4, method="inclusive") if len(spans) > 1 else spans * 3
    of_ten = quantiles(spans, n=10, method="inclusive") if len(spans) > 1 else spans * 9
    told = {"min": spans[0], "q25": of_four[0], "median": of_four[1], "q75": of_four[2], "p90": of_ten[8]}
    told |= {"max": spans[-1], "mean": mean(spans)}
    return {"cases": len(spans)} | {name: round(value, 6) for name, value in told.items()}


def _ranked(counts: Counter[str], name: str, count: str) -> list[dict[str, Any]]:
    return [{name: one, count: many} for one, many in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]


def _ranked_pairs(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [{"from": one, "to": other, "count": count} for (one, other), count in most]


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=CHINA)


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
