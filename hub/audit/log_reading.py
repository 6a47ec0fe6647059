"""Reads any XES log (IEEE 1849-2016, and the older XES 1.0 and 2.0), fed in pieces, and hands on one event at a time.

The parser is the standard library's expat, with every document type declaration refused: no entity can be declared,
so none can grow and none can name a file or an address. (defusedxml would do the same around the same parser; it is in
none of our locks, and one handler needs no library.) Pieces, names, nesting and lengths are bounded, so memory is,
whatever comes. What a log leaves out is counted, never guessed; where it declares a default for all its traces or
events (`global`), that stands, as the standard has it.
Never keeps an event. Next: `hub.audit.log_store`, which does; `hub.audit.importing`.
"""

import codecs
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum, auto
from typing import Final, NoReturn, Protocol
from xml.parsers import expat

from msgspec import Struct

from schemas.casework.clocks import CHINA_TIME
from schemas.refusals import Refused

NESTING_MAX: Final = 100
"""Elements within one another. A log has four; attributes of attributes go a few further."""
PENDING_BYTES_MAX: Final = 1024 * 1024
"""The parser holds what it has begun and cannot end, such as one attribute's value. Real values have some hundred."""
FOREIGN_NAMES_MAX: Final = 1_000
"""Names of elements and XML attributes beside the standard's twenty. The parser remembers each for ever."""
VALUE_CHARACTERS_MAX: Final = 2_000
"""Of a name that is kept: of a case, an activity, a resource."""

CASE: Final = "concept:name"
ACTIVITY: Final = "concept:name"
TIME: Final = "time:timestamp"
TRANSITION: Final = "lifecycle:transition"
RESOURCE: Final = "org:resource"
DUE_KEYS: Final = ("due", "deadline", "due_date", "dueDate", "duedate")
"""Under which a trace says when it is due, unless the operator names another key. Ours first, then what logs use."""

_WANTED_OF_EVENT: Final = frozenset({ACTIVITY, TIME, TRANSITION, RESOURCE})
_CHARSETS: Final = {"gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "big5": "big5hkscs"}
"""Declared encoding → what reads it. expat itself has UTF-8, UTF-16, ASCII and everything of one byte a character."""
_DECLARATION: Final = re.compile(rb"""<\?xml\s[^>]{0,100}encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND: Final = timedelta(microseconds=1)


class LogRefused(Refused):
    """The file is no log that can be read to its end; nothing of it counts."""


class Moment(Struct, frozen=True, gc=False):
    """One stated time."""

    at: int
    """Microseconds since 1970 UTC."""
    local: datetime
    """As its own clock showed it."""
    has_zone: bool


class RawEvent(Struct, frozen=True, gc=False):
    """One event as the log has it; None: it does not say."""

    activity: str | None
    moment: Moment | None
    transition: str | None
    resource: str | None


class RawTrace(Struct, frozen=True):
    """What a trace says of itself, at its end."""

    name: str | None
    due: Moment | None
    is_whole_day: bool
    """The due time is a midnight: the day is meant, to its end."""


class Tally(Struct):
    """What was counted beside the log's content."""

    defaulted: int = 0
    """Attributes that a log leaves out and for which it declares a default."""
    nested: int = 0
    """Attributes of attributes, in lists and containers too; none of them is an event's own."""
    foreign: int = 0
    """Elements that XES does not know, left aside with all that is in them."""
    outside: int = 0
    """Events of no trace."""
    without_zone: int = 0
    unreadable_times: int = 0
    without_case: int = 0
    without_activity: int = 0
    without_time: int = 0
    without_resource: int = 0
    without_transition: int = 0


class Receiver(Protocol):
    """Whoever keeps what is read."""

    def event(self, event: RawEvent) -> None:
        """The next event of the trace that is being read."""
        ...

    def end_trace(self, trace: RawTrace) -> None:
        """The trace has ended."""
        ...


class _Element(IntEnum):
    LOG = auto()
    TRACE = auto()
    EVENT = auto()
    GLOBAL = auto()
    EXTENSION = auto()
    CLASSIFIER = auto()
    VALUES = auto()
    ATTRIBUTE = auto()


_ELEMENTS: Final = {
    **{one.name.lower(): one for one in _Element if one is not _Element.ATTRIBUTE},
    **dict.fromkeys(
        ("string", "date", "int", "float", "boolean", "id", "list", "container"),
        _Element.ATTRIBUTE,
    ),
}

_PLACES: Final = {
    _Element.LOG: (None,),
    _Element.TRACE: (_Element.LOG,),
    _Element.EVENT: (_Element.LOG, _Element.TRACE),
    _Element.GLOBAL: (_Element.LOG,),
    _Element.EXTENSION: (_Element.LOG,),
    _Element.CLASSIFIER: (_Element.LOG,),
}
"""Element → within which ones it stands."""


class LogReader:
    """One log. Give it the file's bytes in pieces, then `close` it."""

    def __init__(self, receiver: Receiver, due_keys: Iterable[str] = DUE_KEYS) -> None:
        self.tally = Tally()
        self.version = ""
        self.extensions: list[str] = []
        """Prefixes of the extensions that the log declares."""
        self._receiver = receiver
        self._due_keys = tuple(due_keys)
        self._wanted_of_trace = frozenset({CASE, *self._due_keys})
        self._defaults: dict[str, dict[str, str]] = {"trace": {}, "event": {}}
        self._elements: dict[str, _Element] = {}
        self._foreign_names: set[str] = set()
        self._depth = 0
        self._inside: _Element | None = None
        self._inside_depth = 0
        """Depth of what is read now; its own attributes stand one deeper."""
        self._left_aside = 0
        """Depth of the foreign element that is left aside; 0 = none."""
        self._trace: dict[str, str] = {}
        self._event: dict[str, str] = {}
        self._global: dict[str, str] = {}
        self._of_trace = False
        """Whether the event that is read stands in a trace."""
        self._fed = 0
        """Bytes that the parser was given."""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._parser = self._make_parser()

    def feed(self, piece: bytes) -> None:
        """Read on; the first piece holds the XML declaration. Raises `LogRefused`, and what the receiver raises."""
        if not self._fed:
            self._parser = self._make_parser(_find_charset(piece))
        if self._decoder is not None:
            piece = self._transcoded(self._decoder, piece)
        self._parse(piece, is_last=False)
        self._fed += len(piece)
        if self._fed - self._parser.CurrentByteIndex > PENDING_BYTES_MAX + len(piece):
            line = self._parser.CurrentLineNumber
            raise LogRefused(
                "xes_too_long",
                f"日志第 {line} 行有超过 1 MiB 的单个值，疑似损坏或恶意构造，没有统计任何内容；请重新导出该日志。",
                f"Line {line} of the log has one value of more than 1 MiB, so it is damaged or made to harm; nothing "
                "was counted. Export it anew.",
            )

    def close(self) -> None:
        """The file has ended. Raises `LogRefused` where the log has not."""
        tail = self._transcoded(self._decoder, b"", is_last=True) if self._decoder is not None else b""
        self._parse(tail, is_last=True)

    def _make_parser(self, charset: str = "") -> expat.XMLParserType:
        """A parser; `charset`: one that expat does not know, which is then turned into UTF-8 before it."""
        if charset:
            self._decoder = codecs.getincrementaldecoder(charset)()
        parser = expat.ParserCreate("utf-8" if charset else None, " ")
        parser.ordered_attributes = True
        parser.buffer_text = False
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartNamespaceDeclHandler = self._declare
        return parser

    def _parse(self, piece: bytes, *, is_last: bool) -> None:
        try:
            self._parser.Parse(piece, is_last)
        except LogRefused:
            raise
        except (LookupError, ValueError) as error:
            if self._fed:
                raise
            # Only the XML declaration, and so only the first piece, can name an encoding that nobody knows.
            raise _unknown_encoding() from error
        except expat.ExpatError as error:
            said = expat.errors.messages.get(error.code, "")
            raise LogRefused(
                "xes_broken",
                f"日志在第 {error.lineno} 行不是完好的 XML（{said}），没有统计任何内容；请重新导出该日志。",
                f"Line {error.lineno} of the log is no well-formed XML ({said}); nothing was counted. Export it anew.",
            ) from error

    def _transcoded(self, decoder: codecs.IncrementalDecoder, piece: bytes, *, is_last: bool = False) -> bytes:
        try:
            return decoder.decode(piece, is_last).encode()
        except UnicodeDecodeError as error:
            raise _unknown_encoding() from error

    # --- elements ----------------------------------------------------------------------------------------------------

    def _start(self, name: str, attributes: list[str]) -> None:
        depth = self._depth = self._depth + 1
        if depth > NESTING_MAX:
            raise LogRefused(
                "xes_too_deep",
                f"日志的元素嵌套超过 {NESTING_MAX} 层，疑似损坏或恶意构造，没有统计任何内容；请重新导出该日志。",
                f"The log nests more than {NESTING_MAX} elements, so it is damaged or made to harm; nothing was "
                "counted. Export it anew.",
            )
        if self._left_aside:
            self._remember(name, attributes)
            return
        if depth == 1:
            self._begin(name)
        element = self._elements.get(name)
        if element is _Element.ATTRIBUTE:
            self._read_attribute(depth, attributes)
        elif element is None:
            self._remember(name, attributes)
            self.tally.foreign += 1
            self._left_aside = depth
        else:
            self._enter(element, depth, attributes)

    def _end(self, name: str) -> None:
        depth = self._depth
        self._depth = depth - 1
        if self._left_aside:
            if depth == self._left_aside:
                self._left_aside = 0
            return
        if depth == self._inside_depth:
            self._leave()

    def _begin(self, name: str) -> None:
        """The root: whatever namespace it has, or none, is that of XES here."""
        space, separator, local = name.rpartition(" ")
        if local != "log":
            raise LogRefused(
                "not_xes",
                "该文件不是 XES 日志（根元素不是 log），没有统计任何内容；请选择业务系统导出的 .xes 或 .xes.gz 文件。",
                "This file is no XES log (its root element is not «log»), so nothing was counted; choose an .xes or "
                ".xes.gz file.",
            )
        self._elements = {f"{space}{separator}{local}": element for local, element in _ELEMENTS.items()}

    def _enter(self, element: _Element, depth: int, attributes: list[str]) -> None:
        if attributes:
            self._remember("", attributes)
        if element is _Element.VALUES:
            if depth == self._inside_depth + 1:
                self._misplaced("values")
            return
        if self._inside not in _PLACES[element] or depth != self._inside_depth + 1:
            self._misplaced(element.name.lower())
        stated = dict(zip(attributes[::2], attributes[1::2], strict=True))
        if element is _Element.LOG:
            self.version = stated.get("xes.version", "")[:40]
        elif element is _Element.EXTENSION and len(self.extensions) < FOREIGN_NAMES_MAX:
            self.extensions.append(stated.get("prefix", "")[:100])
        elif element is _Element.TRACE:
            self._trace = {}
        elif element is _Element.EVENT:
            self._event, self._of_trace = {}, self._inside is _Element.TRACE
        elif element is _Element.GLOBAL:
            self._global = self._defaults.get(stated.get("scope", "event"), {})
        self._inside, self._inside_depth = element, depth

    def _leave(self) -> None:
        left, self._inside_depth = self._inside, self._inside_depth - 1
        if left is _Element.EVENT and self._of_trace:
            self._inside = _Element.TRACE
            self._receiver.event(self._event_of(self._event))
            return
        self._inside = _Element.LOG if left is not _Element.LOG else None
        if left is _Element.EVENT:
            self.tally.outside += 1
        elif left is _Element.TRACE:
            self._receiver.end_trace(self._trace_of(self._trace))

    def _misplaced(self, name: str) -> NoReturn:
        line = self._parser.CurrentLineNumber
        raise LogRefused(
            "xes_broken",
            f"日志第 {line} 行的元素 {name} 不在标准规定的位置，没有统计任何内容；请重新导出该日志。",
            f"In line {line} the element {name} stands where the standard has none, so nothing was counted; export the "
            "log anew.",
        )

    # --- attributes --------------------------------------------------------------------------------------------------

    def _read_attribute(self, depth: int, attributes: list[str]) -> None:
        if depth != self._inside_depth + 1:
            self.tally.nested += 1
            return
        if len(attributes) == 4 and attributes[0] == "key" and attributes[2] == "value":
            key, value = attributes[1], attributes[3]
        else:
            self._remember("", attributes)
            stated = dict(zip(attributes[::2], attributes[1::2], strict=True))
            key, value = stated.get("key", ""), stated.get("value", "")
        if self._inside is _Element.EVENT:
            if key in _WANTED_OF_EVENT:
                self._event[key] = value
        elif self._inside is _Element.TRACE:
            if key in self._wanted_of_trace:
                self._trace[key] = value
        elif self._inside is _Element.GLOBAL and (key in _WANTED_OF_EVENT or key in self._wanted_of_trace):
            self._global[key] = value

    def _declare(self, prefix: str | None, space: str | None) -> None:
        self._remember(f"{prefix} {space}"[:VALUE_CHARACTERS_MAX], [])

    def _remember(self, name: str, attributes: list[str]) -> None:
        """Count names that the standard does not have, before the parser has more of them than memory holds."""
        names = self._foreign_names
        names.update(attributes[::2])
        names.add(name)
        if len(names) > FOREIGN_NAMES_MAX:
            raise LogRefused(
                "xes_too_many_names",
                f"日志中的元素和属性名超过 {FOREIGN_NAMES_MAX} 种，疑似损坏或恶意构造，没有统计；请重新导出该日志。",
                f"The log has more than {FOREIGN_NAMES_MAX} names of elements and XML attributes, so it is damaged or "
                "made to harm; nothing was counted. Export it anew.",
            )

    # --- values ------------------------------------------------------------------------------------------------------

    def _event_of(self, stated: dict[str, str]) -> RawEvent:
        tally = self.tally
        if len(stated) < len(_WANTED_OF_EVENT):
            self._complete(stated, self._defaults["event"], _WANTED_OF_EVENT)
        activity = stated.get(ACTIVITY)
        resource = stated.get(RESOURCE)
        transition = stated.get(TRANSITION)
        tally.without_activity += activity is None
        tally.without_resource += resource is None
        tally.without_transition += transition is None
        moment = self._moment(stated.get(TIME))
        tally.without_time += moment is None
        for text in (activity, resource, transition):
            if text is not None and len(text) > VALUE_CHARACTERS_MAX:
                self._refuse_value()
        return RawEvent(activity, moment, transition, resource)

    def _trace_of(self, stated: dict[str, str]) -> RawTrace:
        self._complete(stated, self._defaults["trace"], self._wanted_of_trace)
        name = stated.get(CASE)
        self.tally.without_case += name is None
        if name is not None and len(name) > VALUE_CHARACTERS_MAX:
            self._refuse_value()
        due = self._moment(next((stated[key] for key in self._due_keys if key in stated), None))
        is_whole_day = due is not None and due.local.time() == datetime.min.time()
        return RawTrace(name, due, is_whole_day)

    def _complete(self, stated: dict[str, str], defaults: dict[str, str], wanted: frozenset[str]) -> None:
        for key, value in defaults.items():
            if key in wanted and key not in stated:
                stated[key] = value
                self.tally.defaulted += 1

    def _moment(self, text: str | None) -> Moment | None:
        if text is None:
            return None
        moment = read_moment(text)
        if moment is None:
            self.tally.unreadable_times += 1
        elif not moment.has_zone:
            self.tally.without_zone += 1
        return moment

    def _refuse_value(self) -> NoReturn:
        line = self._parser.CurrentLineNumber
        raise LogRefused(
            "xes_name_too_long",
            f"日志第 {line} 行的名称超过 {VALUE_CHARACTERS_MAX} 字，没有统计任何内容；请核对该日志并重新导出。",
            f"Line {line} of the log has a name of more than {VALUE_CHARACTERS_MAX} characters, so nothing was "
            "counted; look at the log and export it anew.",
        )


def read_moment(text: str) -> Moment | None:
    """A time as XML Schema's dateTime, or ISO 8601, has it; without a zone that of China. None: it is no time.

    A day without a time is none: nobody knows when in it.
    """
    text = text.strip()
    later = timedelta(0)
    if "T24:00:00" in text:
        text, later = text.replace("T24:00:00", "T00:00:00"), timedelta(days=1)
    if "T" not in text and " " not in text:
        return None
    try:
        local = datetime.fromisoformat(text) + later
        has_zone = local.tzinfo is not None
        if not has_zone:
            local = local.replace(tzinfo=CHINA_TIME)
        return Moment((local - _EPOCH) // _MICROSECOND, local, has_zone)
    except (ValueError, OverflowError):
        return None


def _find_charset(beginning: bytes) -> str:
    """The encoding that a log declares, if it is one of those that Chinese systems write and expat cannot read."""
    declared = _DECLARATION.match(beginning)
    return _CHARSETS.get(declared[1].decode().lower(), "") if declared is not None else ""


def _unknown_encoding() -> LogRefused:
    return LogRefused(
        "xes_encoding",
        "日志的字符编码不认识，或内容与所声明的编码不符，没有统计任何内容；请以 UTF-8 编码重新导出该日志。",
        "The log has an encoding that is not known here, or other text than its declaration says, so nothing was "
        "counted; export it anew as UTF-8.",
    )


def _refuse_doctype(*_: object) -> NoReturn:
    raise LogRefused(
        "xes_doctype",
        "日志带有文档类型声明（DTD、实体），它可能读取其他文件或耗尽内存，没有统计任何内容；请导出不带声明的日志。",
        "The log has a document type declaration (DTD, entities), which could read other files or eat all memory, so "
        "nothing was counted; export it without one.",
    )
