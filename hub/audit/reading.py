"""Dossiers of many cases at once: what the audit judges, read from the node's own tables in a few statements.

Case files come from the projection, entries from the journals, terms, grants and calendar from what is published; times
get their brackets from `hub.audit.anchoring`. Only reads, and only what is committed. An entry that came between the
two reads is not in the file yet: it is left out, and its own arrival brings the case here again.
Never judges. Next: `hub.audit.examining`.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Final

from hub.audit.anchoring import Anchoring
from hub.audit.brackets import chained
from hub.audit.circumstances import Posts, promised_items, rest_days_open, ties_of
from hub.audit.dossier import Bracket, CaseFact, Deed, Dossier
from hub.audit.marking import Marks, case_fact
from office.node import Node
from office.own_faults import place_of
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import VOID, CaseFile
from schemas.casework.clocks import clocks_of
from schemas.casework.events import Act, CaseEvent, PapersReceived, UnknownKind, decode_event
from schemas.catalogue import Grant
from schemas.codec import Malformed
from schemas.names import CaseId, Instant, OfficeId, followed
from schemas.wire import is_line
from sync.ports import Stored

READ_AT_ONCE: Final = 200
"""Cases in one statement: about 2,000 entries, 2 MiB."""

log: Final = logging.getLogger("tongban.audit")


class Reader:
    """Makes dossiers of one node's cases."""

    def __init__(self, node: Node, anchoring: Anchoring, marks: Marks) -> None:
        self.anchoring = anchoring
        self._node = node
        self._marks = marks
        self._grants: tuple[tuple[Grant, ...], dict[str, tuple[Grant, ...]]] = ((), {})
        self._heard_until: Mapping[OfficeId, Instant] = {}
        self._promised: frozenset[str] = frozenset()
        self._posts: Posts = node.casebook.register.terms_at

    async def dossiers(self, subjects: Sequence[CaseId], today: date) -> list[Dossier]:
        """Those of these cases whose filing is here and that the county can read."""
        files = await self._node.cases.read(subjects)
        filed = {subject: file for subject, file in files.items() if file.filing is not None}
        entries: dict[CaseId, list[tuple[CaseEvent, Stored]]] = {subject: [] for subject in filed}
        for entry in await self._node.store.entries_about(list(filed)):
            event = self._read(entry)
            if event is not None and entry.subject is not None:
                entries[entry.subject].append((event, entry))
        journals = {entry.journal for found in entries.values() for _, entry in found}
        await self.anchoring.load(journals)
        self._heard_until = await self.anchoring.heard_until()
        calendar = self._node.calendar
        self._promised = promised_items(self._node.catalogue.in_force(self._node.clock.now()))
        self._posts = cache(self._node.casebook.register.terms_at)
        found: list[Dossier] = []
        for subject, items in entries.items():
            try:
                found.append(self._dossier(filed[subject], items, calendar, today))
            except Exception as error:
                # A defect of ours: one case must not keep all others from being examined.
                log.error("a case could not be read for the audit: %s", place_of(error))
        return found

    def _read(self, entry: Stored) -> CaseEvent | None:
        if entry.body is None or is_line(entry.kind) or not self._node.books.counts(entry):
            return None
        try:
            return decode_event(entry.kind, entry.body)
        except (UnknownKind, Malformed):
            return None

    def _dossier(
        self, file: CaseFile, items: list[tuple[CaseEvent, Stored]], calendar: WorkCalendar, today: date
    ) -> Dossier:
        deeds = self._deeds(file, items)
        item = self._node.catalogue.terms_of(file)
        fact: CaseFact = case_fact(file, deeds, self._marks)
        grants = self._grants_of(fact.item)
        clocks = clocks_of(file, item, calendar, today=today)
        return Dossier(
            file,
            deeds,
            fact,
            item,
            calendar,
            grants,
            clocks,
            today,
            heard_until=self._heard_until,
            rest_days_open=rest_days_open(deeds, self._node.casebook.register, calendar),
            promised_items=self._promised,
            ties=ties_of(file, deeds, self._posts),
        )

    def _deeds(self, file: CaseFile, items: list[tuple[CaseEvent, Stored]]) -> tuple[Deed, ...]:
        items.sort(key=_order)
        timelines = self.anchoring.timeline
        own: list[Bracket] = []
        for _, entry in items:
            line = timelines(entry.journal)
            own.append(Bracket(line.not_before(entry.seq), line.not_after(entry.seq)))
        brackets = _chained(items, own)
        lost = {*file.held, *file.superseded, *(breach.hash for breach in file.breaches if breach.code in VOID)}
        broken = {breach.hash for breach in file.breaches} | lost
        said = {one.hash for one in file.contributions}
        return tuple(
            Deed(
                (entry.journal, entry.seq),
                entry.hash,
                entry.kind,
                event,
                entry.at,
                event.office,
                event.officer,
                entry.hash not in broken if isinstance(event, Act) else entry.hash in said,
                bracket,
            )
            for (event, entry), bracket in zip(items, brackets, strict=True)
            # Not folded yet: it came after the file was read.
            if not isinstance(event, Act) or event.turn <= file.turn or entry.hash in lost
        )

    def _grants_of(self, item: str) -> tuple[Grant, ...]:
        published = self._node.casebook.register.grants()
        if self._grants[0] is not published:
            by_item: dict[str, list[Grant]] = {}
            for grant in published:
                for code in grant.items:
                    by_item.setdefault(code, []).append(grant)
            self._grants = (published, {code: tuple(grants) for code, grants in by_item.items()})
        return self._grants[1].get(item, ())


def _order(item: tuple[CaseEvent, Stored]) -> tuple[int, int, bytes]:
    """Acts by turn, each followed by what was said after it."""
    event, entry = item
    if isinstance(event, Act):
        return 2 * event.turn, 0, entry.hash
    return 2 * event.after_turn + 1, entry.epoch.ordinal * 2**64 + entry.seq, entry.hash


def _chained(items: Sequence[tuple[CaseEvent, Stored]], own: list[Bracket]) -> list[Bracket]:
    """Brackets with what the acts name by their hash taken in: what they follow, and what they take up."""
    if len(items) == 1:
        return own
    places: dict[bytes, int] = {}
    names: list[tuple[bytes, ...]] = []
    for position, (event, entry) in enumerate(items):
        places[followed(entry.hash)] = position
        match event:
            case PapersReceived(contributions=taken):
                names.append((*([event.after] if event.after is not None else []), *map(followed, taken)))
            case Act():
                names.append((event.after,) if event.after is not None else ())
            case _:
                names.append(())
    return chained(own, names, places)
