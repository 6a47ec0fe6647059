"""Facts of cases, acts and papers as rows: written as cases are examined, read for whatever is examined later.

What stands around a case is asked for many cases at once, and only as far as a rule needs it. Acts of an officer are
read by officer and time and stay in memory while cases of that officer come in: nothing here walks history.
Never holds a person but as a mark. Next: `hub.audit.marking` (what the facts are), `hub.audit.examining`.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import Any, Final

import msgspec
from sqlalchemy import delete, literal, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.audit.anchoring import Anchoring
from hub.audit.dossier import ActFact, Around, CaseFact, Dossier, PaperFact
from hub.audit.marking import act_facts, officers_of, paper_facts, reason_digest
from hub.audit.rule import Need
from hub.audit.tables import audit_acts, audit_cases, audit_papers
from office.dues import number_of
from schemas.names import CaseId, Instant, JournalId, OfficeId, OfficerId
from sync.ports import EntryKey

DAYS_AROUND: Final = 31
"""How far around a case its officers' acts are looked at: what is counted by the month is whole."""
DAY_MS: Final = 24 * 3600 * 1000

REFUSALS_DAYS: Final = 366
"""How far back an officer's refusals are looked at: a few dozen a year, so that whole months need not be read."""

ALIKE_MAX: Final = 200
"""Cases with one mark that are compared: an officer's own telephone under a thousand filings must not make each of them
a thousand times as dear, and two hundred show it as well."""
SHARED_MAX: Final = 200
"""Uses of one paper: a blank form may be in every case of a county."""

ACTS_REMEMBERED_MAX: Final = 300_000
"""Acts in memory, about 250 bytes each: two months of 180 officers, more than the townships of one page have."""

KEYS_PER_QUERY_MAX: Final = 400
"""Values in one IN list: SQLite before 3.32 takes 999 parameters in a statement."""

_C: Final = audit_cases.c
_A: Final = audit_acts.c
_P: Final = audit_papers.c

_CASE_COLUMNS: Final = tuple(column.name for column in audit_cases.columns)
_UPSERT_CASE: Final = (  # our own column names only
    f"INSERT INTO audit_cases ({', '.join(_CASE_COLUMNS)}) VALUES (:{', :'.join(_CASE_COLUMNS)}) "  # noqa: S608 (our own column names)
    f"ON CONFLICT (subject) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _CASE_COLUMNS[1:])}"
)
_INSERT_ACT: Final = (
    "INSERT INTO audit_acts (officer, at, journal, seq, subject, kind, item, office, text, is_awaited) "
    "VALUES (:officer, :at, :journal, :seq, :subject, :kind, :item, :office, :text, :is_awaited) "
    "ON CONFLICT DO NOTHING"
)
_INSERT_PAPER: Final = (
    "INSERT INTO audit_papers (digest, subject, material) VALUES (:digest, :subject, :material) ON CONFLICT DO NOTHING"
)

_at_of: Final = attrgetter("at")


class _Acts:
    """What is remembered of one officer: everything since some instant, by time."""

    __slots__ = ("facts", "since")

    def __init__(self, since: int, facts: list[ActFact]) -> None:
        self.since = since
        self.facts = facts


class Facts:
    """The facts of one node. One task at a time."""

    def __init__(self, read: AsyncEngine, anchoring: Anchoring) -> None:
        """`read`: of the audit's database."""
        self._read = read
        self._anchoring = anchoring
        self._acts: OrderedDict[OfficerId, _Acts] = OrderedDict()
        self._held = 0
        self._fresh: dict[CaseId, list[ActFact]] = {}
        """Acts of cases that are examined now and stand in no row yet; of a case that is missing nobody knows."""

    def forget(self) -> None:
        """Begin anew from what stands in the database."""
        self._acts.clear()
        self._fresh.clear()
        self._held = 0

    # --- reading -----------------------------------------------------------------------------------------------------

    async def around(self, dossiers: Sequence[Dossier], needs: Collection[Need]) -> list[Around]:
        """What stands around each of these cases, themselves and one another included as they are now."""
        own = {dossier.fact.case: dossier.fact for dossier in dossiers}
        alike, papers = _Alike(own), dict[bytes, list[PaperFact]]()
        refusals: dict[OfficerId, list[ActFact]] = {}
        if Need.OFFICER in needs or Need.REFUSALS in needs:
            await self._load_acts(dossiers)
        if Need.REFUSALS in needs:
            refusals = await self._find_refusals(dossiers)
        names = ("person", "namesake") if Need.PERSON in needs else ()
        await self._find_alike(alike, (*names, *(("phone",) if Need.PHONE in needs else ())))
        if Need.PAPER in needs:
            papers = await self._find_papers(dossiers)
        return [
            Around(
                self._acts_around(dossier) if Need.OFFICER in needs else (),
                alike.of(dossier.fact, "person", "namesake") if Need.PERSON in needs else (),
                alike.of(dossier.fact, "phone") if Need.PHONE in needs else (),
                _papers_of(dossier, papers),
                self._refusals_of(dossier, refusals) if refusals else (),
            )
            for dossier in dossiers
        ]

    async def case_facts(self, subjects: Sequence[CaseId]) -> dict[CaseId, CaseFact]:
        """The facts of these cases, as far as they were examined."""
        found: dict[CaseId, CaseFact] = {}
        for start in range(0, len(subjects), KEYS_PER_QUERY_MAX):
            some = subjects[start : start + KEYS_PER_QUERY_MAX]
            for row in await self._rows(select(audit_cases).where(_C.subject.in_(some))):
                fact = _case_from(row)
                found[fact.case] = fact
        return found

    async def _rows(self, query: Any) -> Sequence[Any]:
        async with self._read.connect() as connection:
            return (await connection.execute(query)).all()

    async def _find_alike(self, alike: "_Alike", names: Sequence[str]) -> None:
        """One statement for all marks: each is another index, and a round trip costs more than what it finds."""
        wanted = [(name, mark) for name in names for mark in alike.marks(name)]
        for start in range(0, len(wanted), KEYS_PER_QUERY_MAX):
            by_name: dict[str, list[bytes]] = {}
            for name, mark in wanted[start : start + KEYS_PER_QUERY_MAX]:
                by_name.setdefault(name, []).append(mark)
            each = [
                select(literal(name).label("name"), audit_cases).where(_C[name].in_(marks))
                for name, marks in by_name.items()
            ]
            rows = await self._rows(union_all(*each))
            for name, *row in sorted(rows, key=lambda row: -row.filed_at):
                alike.add(name, _case_from(row))

    async def _find_papers(self, dossiers: Sequence[Dossier]) -> dict[bytes, list[PaperFact]]:
        found: dict[bytes, dict[CaseId, PaperFact]] = {}
        fresh = [paper for dossier in dossiers for paper in paper_facts(dossier.file, dossier.deeds, dossier.fact)]
        wanted = sorted({paper.digest for paper in fresh})
        joined = select(_P.digest, _P.subject, _C.person, _C.namesake, _P.material).join_from(
            audit_papers, audit_cases, _C.subject == _P.subject
        )
        for start in range(0, len(wanted), KEYS_PER_QUERY_MAX):
            some = wanted[start : start + KEYS_PER_QUERY_MAX]
            for digest, subject, person, namesake, material in await self._rows(joined.where(_P.digest.in_(some))):
                uses = found.setdefault(digest, {})
                if len(uses) < SHARED_MAX:
                    uses[subject] = PaperFact(digest, subject, person or b"", namesake or b"", material)
        for paper in fresh:
            found.setdefault(paper.digest, {})[paper.case] = paper
        return {digest: list(uses.values()) for digest, uses in found.items()}

    # --- acts of officers --------------------------------------------------------------------------------------------

    async def _load_acts(self, dossiers: Sequence[Dossier]) -> None:
        """Have at hand what the officers of these cases did since a month before the first act that is asked for."""
        since: dict[OfficerId, int] = {}
        for dossier in dossiers:
            first = _span(dossier)[0]
            for officer in officers_of(dossier.deeds):
                since[officer] = min(first, since.get(officer, first))
        missing: dict[int, list[OfficerId]] = {}
        for officer, first in since.items():
            known = self._acts.get(officer)
            if known is None or known.since > first:
                # Together by month: the officers of a page are read in one statement.
                missing.setdefault(first // (DAYS_AROUND * DAY_MS), []).append(officer)
            else:
                self._acts.move_to_end(officer)
        for month, officers in sorted(missing.items()):
            await self._read_acts(officers, month * DAYS_AROUND * DAY_MS)
        for dossier in dossiers:
            facts = act_facts(dossier.file, dossier.deeds)
            self._fresh[dossier.fact.case] = [fact for fact in facts if self._is_fresh(fact)]

    async def _read_acts(self, officers: Sequence[OfficerId], since: int) -> None:
        found: dict[OfficerId, list[ActFact]] = {officer: [] for officer in officers}
        for start in range(0, len(officers), KEYS_PER_QUERY_MAX):
            some = officers[start : start + KEYS_PER_QUERY_MAX]
            query = select(audit_acts).where(_A.officer.in_(some), _A.at >= since).order_by(_A.officer, _A.at)
            rows = await self._rows(query)
            names = await self._anchoring.names({row.journal for row in rows})
            for row in rows:
                found[OfficerId(row.officer)].append(_act_from(row, names))
        for officer, facts in found.items():
            before = self._acts.pop(officer, None)
            self._held += len(facts) - (len(before.facts) if before is not None else 0)
            self._acts[officer] = _Acts(since, facts)

    def _is_fresh(self, fact: ActFact) -> bool:
        """Whether this is not among the acts of its officer, which were read; then it is remembered with them."""
        known = self._acts[fact.officer].facts
        start, end = _range(known, fact.at, fact.at)
        if any(one.place == fact.place for one in known[start:end]):
            return False
        known.insert(end, fact)
        self._held += 1
        return True

    def _acts_around(self, dossier: Dossier) -> tuple[ActFact, ...]:
        first, last = _span(dossier)
        around: list[ActFact] = []
        for officer in sorted(officers_of(dossier.deeds)):
            facts = self._acts[officer].facts
            start, end = _range(facts, first, last)
            around += facts[start:end]
        return tuple(around)

    async def _find_refusals(self, dossiers: Sequence[Dossier]) -> dict[OfficerId, list[ActFact]]:
        """What the officers who refused in these cases have refused since a year before the first of these refusals."""
        since: dict[OfficerId, int] = {}
        for dossier in dossiers:
            for officer, at in _refusing(dossier):
                since[officer] = min(at, since.get(officer, at))
        found: dict[OfficerId, list[ActFact]] = {officer: [] for officer in since}
        for start in range(0, len(since), KEYS_PER_QUERY_MAX):
            some = dict(sorted(since.items())[start : start + KEYS_PER_QUERY_MAX])
            own = _A.officer.in_(some), _A.at >= min(some.values()) - REFUSALS_DAYS * DAY_MS, _A.text.is_not(None)
            rows = await self._rows(select(audit_acts).where(*own))
            names = await self._anchoring.names({row.journal for row in rows})
            for row in rows:
                found[OfficerId(row.officer)].append(_act_from(row, names))
        return found

    def _refusals_of(self, dossier: Dossier, found: Mapping[OfficerId, Sequence[ActFact]]) -> tuple[ActFact, ...]:
        """As written, and as they are in the cases that are examined now."""
        refusals: dict[EntryKey, ActFact] = {}
        for officer in dict(_refusing(dossier)):
            refusals |= {act.place: act for act in found[officer]}
            refusals |= {act.place: act for act in self._acts[officer].facts if act.text}
        return tuple(sorted(refusals.values(), key=lambda act: (act.officer, act.at, act.place)))

    def trim(self) -> None:
        """Let go of the officers who were not met lately, while more is held than may be."""
        while self._held > ACTS_REMEMBERED_MAX:
            _, gone = self._acts.popitem(last=False)
            self._held -= len(gone.facts)

    # --- writing -----------------------------------------------------------------------------------------------------

    async def write(self, connection: AsyncConnection, dossiers: Sequence[Dossier], look: Mapping[CaseId, int]) -> None:
        """Write what the examination of these cases found out about them. `look`: case → day of the next look."""
        if not dossiers:
            return
        cases = [_case_values(dossier.fact, look.get(dossier.fact.case)) for dossier in dossiers]
        await connection.execute(text(_UPSERT_CASE), cases)
        acts = [self._act_values(fact) for dossier in dossiers for fact in self._unwritten(dossier)]
        if acts:
            await connection.execute(text(_INSERT_ACT), acts)
        papers = [
            {"digest": paper.digest, "subject": paper.case, "material": paper.material}
            for dossier in dossiers
            for paper in paper_facts(dossier.file, dossier.deeds, dossier.fact)
        ]
        if papers:
            await connection.execute(text(_INSERT_PAPER), papers)
        await self._withdraw(connection, dossiers)

    def _unwritten(self, dossier: Dossier) -> list[ActFact]:
        fresh = self._fresh.pop(dossier.fact.case, None)
        return fresh if fresh is not None else act_facts(dossier.file, dossier.deeds)

    async def _withdraw(self, connection: AsyncConnection, dossiers: Sequence[Dossier]) -> None:
        """Take back what no longer counts, and what an erasure has taken."""
        for dossier in dossiers:
            if dossier.file.is_empty:
                await connection.execute(delete(audit_papers).where(_P.subject == dossier.fact.case))
            for deed in dossier.deeds:
                if deed.officer and not deed.counts:
                    journal, seq = self._anchoring.key_of(deed.place[0]), deed.place[1]
                    own = (_A.officer == deed.officer) & (_A.at == deed.at) & (_A.journal == journal) & (_A.seq == seq)
                    if (await connection.execute(delete(audit_acts).where(own))).rowcount:
                        self.forget()

    def _act_values(self, fact: ActFact) -> dict[str, Any]:
        return {
            "officer": fact.officer,
            "at": fact.at,
            "journal": self._anchoring.key_of(fact.place[0]),
            "seq": fact.place[1],
            "subject": fact.case,
            "kind": fact.kind,
            "item": fact.item,
            "office": fact.office,
            "text": fact.text or None,
            "is_awaited": fact.is_awaited,
        }


class _Alike:
    """Cases by their marks; those that are examined now as they are now, not as they were written."""

    def __init__(self, own: Mapping[CaseId, CaseFact]) -> None:
        self._own = own
        self._by: dict[tuple[str, bytes], dict[CaseId, CaseFact]] = {}
        for fact in own.values():
            for name in ("person", "namesake", "phone"):
                if mark := getattr(fact, name):
                    self._by.setdefault((name, mark), {})[fact.case] = fact

    def marks(self, name: str) -> list[bytes]:
        """The marks of this kind that the cases examined now have."""
        return sorted(mark for kind, mark in self._by if kind == name)

    def add(self, name: str, fact: CaseFact) -> None:
        """Take in a case as it was written."""
        found = self._by.setdefault((name, getattr(fact, name)), {})
        if fact.case not in self._own and len(found) < ALIKE_MAX:
            found[fact.case] = fact

    def of(self, fact: CaseFact, *names: str) -> tuple[CaseFact, ...]:
        """The cases that share one of these marks with a case, by the time of their filing."""
        found: dict[CaseId, CaseFact] = {}
        for name in names:
            found |= self._by.get((name, getattr(fact, name)), {})
        return tuple(sorted(found.values(), key=lambda one: (one.filed_at, one.case)))


def _span(dossier: Dossier) -> tuple[int, int]:
    """From a month before the first act to a month after the last one."""
    times = [deed.at for deed in dossier.deeds if deed.counts] or [dossier.fact.filed_at]
    return min(times) - DAYS_AROUND * DAY_MS, max(times) + DAYS_AROUND * DAY_MS


def _refusing(dossier: Dossier) -> list[tuple[OfficerId, Instant]]:
    """Who refused in this case, and when."""
    refusing = (deed for deed in dossier.deeds if deed.counts and deed.officer and reason_digest(deed.event))
    return [(deed.officer, deed.at) for deed in refusing]


def _act_from(row: Any, names: Mapping[int, JournalId]) -> ActFact:
    officer, at, journal, seq, subject, kind, item, office, digest, is_awaited = row
    place = names[journal], seq
    return ActFact(subject, place, kind, item, office, officer, at, place[0].origin, digest or b"", bool(is_awaited))


def _range(facts: Sequence[ActFact], first: int, last: int) -> tuple[int, int]:
    """Where the acts from `first` to `last` begin and end."""
    return bisect_left(facts, first, key=_at_of), bisect_right(facts, last, key=_at_of)


def _papers_of(dossier: Dossier, papers: Mapping[bytes, Sequence[PaperFact]]) -> tuple[PaperFact, ...]:
    if not papers:
        return ()
    own = paper_facts(dossier.file, dossier.deeds, dossier.fact)
    return tuple(use for paper in own for use in papers.get(paper.digest, ()))


def _case_values(fact: CaseFact, look_day: int | None) -> dict[str, Any]:
    return {
        "subject": fact.case,
        "item": fact.item,
        "filing_office": fact.filing_office,
        "township": fact.township,
        "person": fact.person or None,
        "namesake": fact.namesake or None,
        "phone": fact.phone or None,
        "filed_at": fact.filed_at,
        "accepted_at": fact.accepted_at,
        "decided_at": fact.decided_at,
        "ended_at": fact.ended_at,
        "outcome": fact.outcome,
        "fees_fen": fact.fees_fen,
        "officers": msgspec.json.encode(fact.officers).decode(),
        "withdrawn_at": fact.withdrawn_at,
        "due_day": None if fact.due is None else number_of(fact.due),
        "look_day": look_day,
    }


def _case_from(row: Any) -> CaseFact:
    *first, withdrawn_at, due_day, _ = row
    subject, item, office, township, person, namesake, phone, *times, outcome, fees, officers = first
    filed_at, accepted_at, decided_at, ended_at = (None if at is None else Instant(at) for at in times)
    return CaseFact(
        CaseId(subject),
        item,
        OfficeId(office),
        OfficeId(township),
        person or b"",
        namesake or b"",
        phone or b"",
        filed_at or Instant(0),
        accepted_at,
        decided_at,
        ended_at,
        outcome,
        fees,
        _read_officers(officers),
        withdrawn_at=None if withdrawn_at is None else Instant(withdrawn_at),
        due=None if due_day is None else date.fromisoformat(f"{due_day:08d}"),
    )


_read_officers: Final = msgspec.json.Decoder(tuple[OfficerId, ...]).decode
