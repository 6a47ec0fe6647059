"""Examining cases: dossiers through the rules, findings and facts and cursor in one transaction.

What is due is what arrived behind the cursor, whoever woke us and however often: the same entries examined again change
nothing. A rule that fails on one case is told in the log and leaves what stands as it is; it stops neither the other
rules nor the other cases. Never writes an entry and never confirms a finding (`hub.audit.findings`).
Next: `hub.audit.sweeping` (what did *not* happen), `hub.jobs` (who calls).
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, structs
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.audit.anchoring import ANCHORING, Anchoring
from hub.audit.database import EXAMINED, EXAMINED_HASH, WRITTEN, AuditDatabase, Overtaken, keep
from hub.audit.dossier import Dossier
from hub.audit.facts import Facts
from hub.audit.findings import Changes, Finding, Findings, Found, settle
from hub.audit.integrity_proofs import false_time_file
from hub.audit.looking import look_day
from hub.audit.marking import Marks
from hub.audit.reading import READ_AT_ONCE, Reader
from hub.audit.reckoning import Doubt, with_due
from hub.audit.rule import AuditRule, Limits, Need
from hub.audit.tables import FACTS
from office.dues import number_of
from office.node import Node
from office.own_faults import place_of
from office.persons import person_key
from schemas.names import CaseId
from schemas.wire import KIND_ERASED, is_line
from sync.ports import Stored
from sync.sealing import AesGcmSealer
from sync.tables import entries

ENTRIES_AT_ONCE: Final = 500
"""Entries behind one movement of the cursor: a page, of about 100 cases."""

FALSE_TIME: Final = "I6"
"""The rule whose findings signed statements alone may show: they get a proof file."""

TRIES_MAX: Final = 5
"""Times that another worker may come in between before we leave the work to it."""

YIELD_CASES: Final = 20
"""Cases judged, in 20 ms, before others may have this process: the hub examines beside its pages."""

log: Final = logging.getLogger("tongban.audit")

_E: Final = entries.c


class Examined(Struct):
    """What was done."""

    entries: int = 0
    cases: int = 0
    fresh: int = 0
    """Findings that are new."""
    gone: int = 0
    failed: int = 0
    """Rules that failed on a case: a defect of ours."""

    def add(self, other: "Examined") -> None:
        """Count what another did as well."""
        self.entries += other.entries
        self.cases += other.cases
        self.fresh += other.fresh
        self.gone += other.gone
        self.failed += other.failed


class _Chunk(Struct):
    """What one transaction is to write."""

    dossiers: list[Dossier]
    look: dict[CaseId, int]
    changes: Changes
    failed: int


class Examiner:
    """Examines the cases of one node by these rules. One task at a time."""

    def __init__(self, node: Node, audit: AuditDatabase, rules: Sequence[AuditRule], limits: Limits) -> None:
        self.node = node
        self.audit = audit
        self.rules = tuple(rules)
        self.limits = limits
        self.findings = Findings(audit.read, AesGcmSealer(node.data_key))
        self.anchoring = Anchoring(audit.read, node.books)
        self.facts = Facts(audit.read, self.anchoring)
        self._reader = Reader(node, self.anchoring, Marks(person_key(node.data_key)))
        self._needs: frozenset[Need] = frozenset().union(*(rule.needs for rule in self.rules))
        self._codes = frozenset(rule.code for rule in self.rules)
        self._versions = {rule.code: rule.version for rule in self.rules}
        self._stood = 0
        self.upto = 0
        """The cursor as this process last knew it."""

    # --- what arrived ------------------------------------------------------------------------------------------------

    async def backlog(self) -> int:
        """Entries that have arrived and were not examined."""
        self.upto = await self.audit.number(EXAMINED)
        return max(0, self.node.books.arrival - self.upto)

    async def examine_arrived(self) -> Examined:
        """Examine everything that arrived behind the cursor, page by page."""
        done = Examined()
        while True:
            some = await self._examine_page()
            if some is None:
                return done
            done.add(some)
            await self.node.clock.sleep(0)

    async def _examine_page(self) -> Examined | None:
        """Examine what stands next behind the cursor; None: nothing does, or another worker is at it."""
        for _ in range(TRIES_MAX):
            try:
                return await self._try_page()
            except Overtaken:
                self.forget()
            except BaseException:
                self.forget()
                raise
        return None

    async def _try_page(self) -> Examined | None:
        words = await self._look_at_fence()
        cursor, stood_at = int(words.get(EXAMINED, 0)), words.get(EXAMINED_HASH, "")
        query = select(_E.arrival, _E.kind, _E.subject, _E.hash).where(_E.arrival >= cursor)
        async with self.node.engines.read.connect() as connection:
            rows = (await connection.execute(query.order_by(_E.arrival).limit(ENTRIES_AT_ONCE))).all()
        self.upto = cursor
        if cursor:
            if not rows or rows[0].arrival != cursor or rows[0].hash.hex() != stood_at:
                await self._begin_anew()
                return Examined()
            rows = rows[1:]
        if not rows:
            return None
        upto = rows[-1].arrival
        counts = {kind: sum(1 for row in rows if row.kind == kind) for kind in ANCHORING}
        await self._take_house_keeping(cursor, upto, counts)
        erased = {CaseId(row.subject) for row in rows if row.kind == KIND_ERASED and row.subject is not None}
        about = (row for row in rows if row.subject is not None and (not is_line(row.kind) or row.kind == KIND_ERASED))
        subjects = list(dict.fromkeys(CaseId(row.subject) for row in about))
        pieces = [subjects[start : start + READ_AT_ONCE] for start in range(0, len(subjects), READ_AT_ONCE)]
        chunks = [await self._judge(piece) for piece in pieces]
        async with self.audit.writing(self._stood) as connection:
            for chunk in chunks:
                await self._write(connection, chunk)
            if erased:
                await self.findings.drop_proofs(connection, erased)
            await self.anchoring.drain().write(connection)
            await keep(connection, EXAMINED, upto)
            await keep(connection, EXAMINED_HASH, rows[-1].hash.hex())
        self._written()
        self.upto = upto
        return _told(chunks, len(rows))

    async def _begin_anew(self) -> None:
        """The store is not the one that was examined: it was put back from a backup. Findings stay, facts go."""
        log.warning("the store was put back since it was examined: everything in it is examined again")
        self.forget()
        async with self.audit.writing(self._stood) as connection:
            for table in FACTS:
                await connection.execute(delete(table))
            await keep(connection, EXAMINED, 0)
        self._written()

    async def _take_house_keeping(self, after: int, upto: int, counts: Mapping[str, int]) -> None:
        found: list[Stored] = []
        for kind, count in sorted(counts.items()):
            if count:
                some = await self.node.store.entries_of_kind(kind, after=after, limit=count)
                found += [entry for entry in some if entry.arrival <= upto and self.node.books.counts(entry)]
        if found:
            odd = {one.key for one in await self.node.store.dispositions(found)}
            good = [entry for entry in found if (entry.journal, entry.seq) not in odd]
            await self.anchoring.take(sorted(good, key=lambda entry: entry.arrival))

    # --- cases by name -----------------------------------------------------------------------------------------------

    async def examine(self, subjects: Sequence[CaseId], marks: Mapping[str, str | int] | None = None) -> Examined:
        """Examine these cases as of today. `marks`: what is to be kept in `audit_meta` with what was found.

        Whoever walks through many hands them over `READ_AT_ONCE` at a time. Raises `Overtaken` where other workers
        come in between again and again.
        """
        for tried in range(TRIES_MAX):
            try:
                await self._look_at_fence()
                pieces = [subjects[start : start + READ_AT_ONCE] for start in range(0, len(subjects), READ_AT_ONCE)]
                chunks = [await self._judge(piece) for piece in pieces]
                async with self.audit.writing(self._stood) as connection:
                    for chunk in chunks:
                        await self._write(connection, chunk)
                    await self.anchoring.drain().write(connection)
                    for name, value in sorted((marks or {}).items()):
                        await keep(connection, name, value)
            except Overtaken:
                self.forget()
                if tried + 1 == TRIES_MAX:
                    raise
            except BaseException:
                self.forget()
                raise
            else:
                self._written()
                return _told(chunks, 0)
        raise AssertionError("unreachable")

    def forget(self) -> None:
        """Begin anew from what stands in the database."""
        self.anchoring.forget()
        self.facts.forget()

    async def _look_at_fence(self) -> Mapping[str, str]:
        """See whether anybody else wrote. Returns what `audit_meta` says."""
        words = await self.audit.words()
        stood = int(words[WRITTEN])
        if stood != self._stood:
            self.forget()
        self._stood = stood
        return words

    def _written(self) -> None:
        self._stood += 1
        self.anchoring.trim()
        self.facts.trim()

    # --- judging -----------------------------------------------------------------------------------------------------

    async def _judge(self, subjects: Sequence[CaseId]) -> _Chunk:
        today = self.node.today
        dossiers = [with_due(one, self.limits) for one in await self._reader.dossiers(subjects, today)]
        standing = await self.findings.standing([one.fact.case for one in dossiers], self._codes)
        around = await self.facts.around(dossiers, self._needs) if self._needs else None
        found: list[Found] = []
        failed: set[tuple[CaseId, str]] = set()
        editions: dict[CaseId, str] = {}
        for position, dossier in enumerate(dossiers):
            subject = dossier.fact.case
            editions[subject] = edition = self.node.catalogue.edition_of_terms(dossier.file).version
            if dossier.file.is_empty:
                continue
            whole = dossier if around is None else structs.replace(dossier, around=around[position])
            if position % YIELD_CASES == YIELD_CASES - 1:
                await self.node.clock.sleep(0)
            for rule in self.rules:
                try:
                    found += [
                        Found(rule.code, rule.version, hit, subject, edition)
                        for hit in rule.examine(whole, self.limits)
                    ]
                except Exception as error:
                    failed.add((subject, rule.code))
                    log.error("rule %s failed on a case: %s", rule.code, place_of(error))
        kept = [finding for finding in standing if (finding.subject, finding.rule) not in failed]
        empty = {dossier.fact.case for dossier in dossiers if dossier.file.is_empty}
        why = {finding.number: self._why_gone(finding, editions, empty) for finding in kept}
        changes = settle((one for one in found if (one.subject, one.rule) not in failed), kept, why)
        changes.fresh = [(await self._with_proof(one), follows) for one, follows in changes.fresh]
        on_line = {one.subject for one in found if one.hit.facts.get("doubt") == Doubt.LINE.value}
        days = {one.fact.case: look_day(one, self.limits, is_on_line=one.fact.case in on_line) for one in dossiers}
        look = {case: number_of(day) for case, day in days.items() if day is not None}
        return _Chunk(dossiers, look, changes, len(failed))

    async def _with_proof(self, found: Found) -> Found:
        """A false time that is new, with the file that shows it; without, where only a case's acts show it."""
        if found.rule != FALSE_TIME:
            return found
        books = self.node.books
        for entry in (await books.store.entries_at(list(found.hit.evidence))).values():
            proof = await false_time_file(books, entry)
            if proof is not None:
                return structs.replace(found, proof=proof)
        return found

    def _why_gone(self, finding: Finding, editions: Mapping[CaseId, str], empty: set[CaseId]) -> str:
        if finding.subject in empty:
            return "erased"
        if finding.version != self._versions[finding.rule]:
            return "rule_changed"
        return "entries_changed" if finding.edition == editions[finding.subject] else "catalogue_changed"

    async def _write(self, connection: AsyncConnection, chunk: _Chunk) -> None:
        await self.facts.write(connection, chunk.dossiers, chunk.look)
        if not chunk.changes.is_empty:
            now, as_of = self.node.clock.now(), number_of(self.node.today)
            await self.findings.write(connection, chunk.changes, now, as_of)


def _told(chunks: Sequence[_Chunk], count: int) -> Examined:
    return Examined(
        count,
        sum(len(chunk.dossiers) for chunk in chunks),
        sum(len(chunk.changes.fresh) for chunk in chunks),
        sum(len(chunk.changes.gone) for chunk in chunks),
        sum(chunk.failed for chunk in chunks),
    )
