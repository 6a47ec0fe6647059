"""What an audit rule is, and what it says: declared in `hub.audit.rules`, carried out by `hub.audit.examining`.

A rule never reads a clock or a store, never accuses on a claim that the office could not help, and points at entries.
Sources: AUDIT 4.2, RULINGS B9; DOMAIN M.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from hub.audit.dossier import Dossier, Recording
from schemas.names import OfficeId, OfficerId
from sync.ports import EntryKey


class Severity(StrEnum):
    """What is asked of the office that a finding is about."""

    RED = "red"
    """An answer (红牌)."""
    YELLOW = "yellow"
    """An explanation (黄牌)."""
    INFO = "info"
    """Nothing: it feeds the choice of files to be looked at."""


class Need(StrEnum):
    """Which part of `Around` a rule asks for."""

    OFFICER = "officer"
    REFUSALS = "refusals"
    PERSON = "person"
    PHONE = "phone"
    PAPER = "paper"


class Hit(Struct, frozen=True):
    """What a rule found in one case."""

    severity: Severity
    office: OfficeId
    """Whom the finding is about: an office, never a village's township in its place."""
    evidence: tuple[EntryKey, ...]
    """The entries that show it, at least one."""
    facts: Mapping[str, int | str] = {}
    """Figures and codes for the sentence; no person's name or number, no text that somebody typed."""
    officer: OfficerId | None = None
    """Where it is about one person's work."""
    key: str = ""
    """Tells several hits of one rule on one case apart, and the same hit again from a new one."""


class Limits(Struct, frozen=True):
    """The thresholds of all rules, and what a county declares of single items; each with its reason in
    `hub.audit.limits`, which makes them.
    """

    values: Mapping[str, int]
    batch_items: frozenset[str] = frozenset()
    """Items that are handled in groups (批量服务)."""
    repeated_items: frozenset[str] = frozenset()
    """Items that one person may rightly bring again within the period."""
    incompatible: Mapping[str, tuple[tuple[str, str], ...]] = {}
    """Item → pairs of kinds or steps that one officer may not both do."""

    def __getitem__(self, name: str) -> int:
        return self.values[name]


Examine: TypeAlias = Callable[[Dossier, Limits], Iterable[Hit]]
ExamineRecording: TypeAlias = Callable[[Recording, Limits], Iterable[Hit]]


class Declared(Struct, frozen=True, kw_only=True):
    """What every finding's rule says of itself, however it is carried out."""

    code: str
    """As AUDIT 4.2 has it, "P1"."""
    version: int = 1
    """Raised when the rule judges otherwise: open cases are examined again, old findings keep theirs."""
    title: tuple[str, str]
    """(zh, en)"""
    ground: str
    """The regulation that it rests on."""
    severity: Severity
    """The highest that it gives."""
    guard: tuple[str, str]
    """What it leaves alone, and why; and what the data cannot tell (zh, en)."""
    sentence: tuple[str, str]
    """(zh, en) with the names of `Hit.facts` in braces; `hub.audit.words` puts them in."""
    limits: tuple[str, ...] = ()
    """Names in `hub.audit.limits.LIMITS`."""
    is_starred: bool = False


class AuditRule(Declared, frozen=True, kw_only=True):
    """A rule on one case."""

    examine: Examine
    """Pure and total. The same dossier gives the same hits; no two hits of one rule on one case share a key."""
    needs: frozenset[Need] = frozenset()
    feeds: frozenset[str] = frozenset()
    """What a foreign event log must have for the rule to be applied to it: "timestamps", "resource", "due" …"""


class RecordingRule(Declared, frozen=True, kw_only=True):
    """A rule on what a village records of one item: swept, since what is missing never arrives."""

    examine: ExamineRecording
