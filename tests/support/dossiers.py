"""Writes one case for the audit's rules: acts and contributions at stated times, with brackets, by stated officers.

The events and the fold are the product's own; clocks and facts are made as the examiner makes them. What it never
does: ask the guard at the pen, seal, or store. A `Record` is one case; `around_of` is what several show of each other.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from hub.audit.dossier import Around, Bracket, Deed, Dossier, Tie
from hub.audit.limits import DEFAULTS
from hub.audit.marking import Marks, act_facts, case_fact, paper_facts
from hub.audit.reckoning import with_due
from hub.audit.rule import AuditRule, Hit, Limits
from office.seeds import load_calendar, load_catalogue
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import CHINA_TIME, clocks_of
from schemas.casework.events import Act, CaseEvent, CaseFiled, Contribution, CustodyAccepted, CustodyOffered
from schemas.casework.fold import fold
from schemas.casework.values import Applicant, Material, MaterialStatus
from schemas.catalogue import Grant, ServiceItem
from schemas.headed import EntryHeader
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, OfficeId, OfficerId, TrackingNumber, followed
from tests.support.casebook import TOWNSHIP, VILLAGE, digest

Written: TypeAlias = tuple[CaseEvent, EntryHeader]
"""One entry with its whole header."""

MARKS: Final = Marks(b"a key of the tests, 32 bytes lng")
MINUTE: Final = 60_000
DAY: Final = 86_400_000
PERSON: Final = Applicant("王秀英", "111", "510824194910010024", "13800000000")
"""An invented resident (sample)."""


@cache
def calendar() -> WorkCalendar:
    return load_calendar()


def item_of(code: str, **changes: Any) -> ServiceItem:
    """An item of the sample catalogue, with some of it changed."""
    return replace(load_catalogue().get_item(code), **changes)


def when(text: str) -> Instant:
    """A moment of 2026 in China: "03-02 10:00"; seconds may follow."""
    parts = text.split(" ")
    clock = parts[1] if len(parts) > 1 else "10:00"
    seconds = clock if clock.count(":") == 2 else f"{clock}:00"
    moment = datetime.fromisoformat(f"2026-{parts[0]}T{seconds}").replace(tzinfo=CHINA_TIME)
    return Instant(int(moment.timestamp() * 1000))


def day(text: str) -> date:
    """A day of 2026: "03-02"."""
    return date.fromisoformat(f"2026-{text}")


@dataclass
class Record:
    """One case being written."""

    item: ServiceItem | None
    number: int = 1
    applicant: Applicant = PERSON
    items: list[Written] = field(default_factory=list[Written])
    brackets: dict[bytes, Bracket] = field(default_factory=dict[bytes, Bracket])
    turn: int = 0
    tip: bytes | None = None
    base: int = 0
    """Numbers in journals begin here: of two records the one with more was written later."""

    @property
    def case(self) -> CaseId:
        return CaseId(self.number.to_bytes(16, "big"))

    def filed(self, at: str, office: OfficeId = VILLAGE, *, who: str = "zhang", **changes: Any) -> bytes:
        """Turn 1; `changes`: of the filing."""
        code = self.item.code if self.item is not None else "XX01"
        materials = (Material("居民身份证", MaterialStatus.PROVIDED),)
        event = CaseFiled(
            1,
            None,
            self._operation(),
            office,
            OfficerId(f"{office}/{who}"),
            code,
            "2026.11-sample",
            TrackingNumber(f"{office}-AB00017"),
            digest("secret"),
            self.applicant,
            materials,
        )
        return self._act(replace(event, **changes), at)

    def act(
        self,
        at: str,
        kind: type[Act],
        office: OfficeId,
        *fields: object,
        who: str = "zhang",
        proved: tuple[str | None, str | None] = (None, None),
        device: str = "",
    ) -> bytes:
        """The next act. `proved`: not before, not after."""
        make: Any = kind
        officer = OfficerId(f"{office}/{who}" if who else "")
        event = make(self.turn + 1, self.tip, self._operation(), office, officer, *fields)
        return self._act(event, at, proved, device)

    def note(
        self,
        at: str,
        kind: type[Contribution],
        office: OfficeId,
        *fields: object,
        after: int | None = None,
        who: str = "zhang",
        proved: tuple[str | None, str | None] = (None, None),
    ) -> bytes:
        """A contribution after the present turn, or after an earlier one."""
        make: Any = kind
        officer = OfficerId(f"{office}/{who}" if who else "")
        event = make(self.turn if after is None else after, self._operation(), office, officer, *fields)
        return self._keep(event, at, proved, "")

    def at_township(self, filed: str, accepted: str) -> None:
        """Filed in the village, offered, received at once and accepted at the township."""
        self.filed(filed)
        self.act(filed, CustodyOffered, VILLAGE, TOWNSHIP)
        self.act(accepted, CustodyAccepted, TOWNSHIP)

    def _act(
        self, event: Act, at: str, proved: tuple[str | None, str | None] = (None, None), device: str = ""
    ) -> bytes:
        link = self._keep(event, at, proved, device)
        self.turn, self.tip = event.turn, followed(link)
        return link

    def _keep(self, event: CaseEvent, at: str, proved: tuple[str | None, str | None], device: str) -> bytes:
        number = self.base + len(self.items)
        link = digest("entry", self.number, number, event)
        header = EntryHeader(
            node_of(device or event.office), Epoch(1, bytes(6)), number, when(at), event.kind, self.case, link
        )
        low, high = (None if edge is None else when(edge) for edge in proved)
        self.brackets[link] = Bracket(low, high)
        self.items.append((event, header))
        return link

    def _operation(self) -> bytes:
        return digest("operation", self.number, len(self.items))[:8]

    # --- as the audit sees it ----------------------------------------------------------------------------------------

    @property
    def file(self) -> CaseFile:
        file = fold(self.items)
        assert file is not None
        return file

    def deeds(self) -> tuple[Deed, ...]:
        return deeds_of(self.file, self.items, self.brackets)

    def dossier(
        self,
        today: str = "03-31",
        around: Around | None = None,
        grants: Sequence[Grant] = (),
        ties: Mapping[OfficerId, Tie] | None = None,
        heard: Mapping[OfficeId, str] | None = None,
        **changes: Any,
    ) -> Dossier:
        """The dossier on a day; `heard`: seat → until when it was heard from."""
        made = dossier_of(self.file, self.deeds(), self.item, day(today))
        heard_until = {office: when(at) for office, at in (heard or {}).items()}
        around = around if around is not None else around_of([self])
        return replace(made, around=around, grants=tuple(grants), ties=ties or {}, heard_until=heard_until, **changes)


def node_of(office: str) -> NodeId:
    """An office's device."""
    name = hashlib.sha256(office.partition(".")[0].encode()).hexdigest()
    return NodeId("".join(chr(ord("a") + int(character, 16)) for character in name[:16]))


def deeds_of(file: CaseFile, items: Iterable[Written], brackets: Mapping[bytes, Bracket]) -> tuple[Deed, ...]:
    """Entries as the examiner has them: acts by turn, each followed by what was said after it."""
    broken = {*file.held, *file.superseded, *(breach.hash for breach in file.breaches)}
    said = {one.hash for one in file.contributions}
    return tuple(
        Deed(
            (JournalId(header.origin, header.epoch), header.seq),
            header.hash,
            header.kind,
            event,
            header.at,
            event.office,
            event.officer,
            header.hash not in broken if isinstance(event, Act) else header.hash in said,
            brackets.get(header.hash, Bracket()),
        )
        for event, header in sorted(items, key=_order)
    )


def _order(item: Written) -> tuple[int, int, int, bytes]:
    event, header = item
    if isinstance(event, Act):
        return 2 * event.turn, 0, 0, header.hash
    return 2 * event.after_turn + 1, header.epoch.ordinal, header.seq, header.hash


def dossier_of(file: CaseFile, deeds: tuple[Deed, ...], item: ServiceItem | None, today: date) -> Dossier:
    """Without anything around it."""
    fact = replace(case_fact(file, deeds, MARKS), place=deeds[0].place)
    clocks = clocks_of(file, item, calendar(), today=today)
    return with_due(Dossier(file, deeds, fact, item, calendar(), (), clocks, today), DEFAULTS)


def around_of(records: Iterable[Record]) -> Around:
    """What these cases show of each other, nothing left out."""
    told = [(record, record.file, record.deeds()) for record in records]
    acts = [fact for _, file, deeds in told for fact in act_facts(file, deeds)]
    facts = tuple(dossier_of(file, deeds, record.item, day("12-31")).fact for record, file, deeds in told)
    papers = [
        replace(paper, place=deeds[0].place)
        for (_, file, deeds), fact in zip(told, facts, strict=True)
        for paper in paper_facts(file, deeds, fact)
    ]
    by_officer = tuple(sorted(acts, key=lambda act: (act.officer, act.at)))
    return Around(by_officer, facts, facts, tuple(papers), tuple(act for act in by_officer if act.text))


def hits(rule: AuditRule, dossier: Dossier, limits: Limits = DEFAULTS) -> list[Hit]:
    """What a rule finds; every hit points at entries, and no two share a key."""
    found = list(rule.examine(dossier, limits))
    assert all(hit.evidence for hit in found)
    assert len({hit.key for hit in found}) == len(found)
    assert list(rule.examine(dossier, limits)) == found, "examined twice, found twice"
    return found


def told(rule: AuditRule, dossier: Dossier, limits: Limits = DEFAULTS) -> list[tuple[str, str]]:
    """(severity, state or what stands for it) of each hit."""
    return [(hit.severity.value, str(hit.facts.get("state", ""))) for hit in hits(rule, dossier, limits)]
