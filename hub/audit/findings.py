"""Findings: how they stand, what a new examination makes of them, and what an officer says to them.

A finding is history. What was found stays as it was found, with the rule's version, the edition and the day; only its
standing changes. Found again, it is the same one; with another severity it is a new one that follows it; when its
ground has gone, because a late entry came or a rule was put right, it says so and stays. Nothing goes to an office
before an officer has confirmed it: officials who were accused wrongly once trust no audit again.
`settle` is pure; `Findings` reads and writes. Never examines. Next: `hub.audit.examining`, `hub.audit.sweeping`.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.audit.rule import Hit, Severity
from hub.audit.tables import audit_findings
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, OfficeId, OfficerId
from schemas.refusals import Refused
from sync.ports import EntryKey, Sealer

NO_SUBJECT: Final = CaseId(b"")
"""Of a finding that is about no single case."""

REASON_CHARACTERS_MAX: Final = 500
"""An officer's reason: a paragraph. It is shown beside the finding, never in place of its evidence."""

KEYS_PER_QUERY_MAX: Final = 400
"""Values in one IN list: SQLite before 3.32 takes 999 parameters in a statement."""

LISTED_MAX: Final = 1000
"""Findings in one list: nobody reads more at a time."""


class State(StrEnum):
    """How a finding stands."""

    OPEN = "open"
    """Nobody has looked at it yet."""
    CONFIRMED = "confirmed"
    """An officer holds it for true: an order may follow."""
    DISMISSED = "dismissed"
    """An officer looked at it and holds it for unfounded, with a reason."""
    GONE = "gone"
    """What it rests on no longer stands."""


GONE: Final[Mapping[str, tuple[str, str]]] = {
    "entries_changed": (
        "后到的条目使其不再成立",
        "entries that came later have taken its ground away",
    ),
    "rule_changed": ("规则已修订，按新规则不成立", "the rule was changed, and does not find it any more"),
    "catalogue_changed": ("事项目录或日历已变更", "the catalogue or the calendar was changed"),
    "severity_changed": ("等级已变更，见后续问题", "its severity is another one now: see the finding that follows"),
    "erased": ("本件内容已依法删除", "the case was erased by law"),
}
"""Why the ground of a finding is gone (zh, en)."""

_RANK: Final = {Severity.INFO: 0, Severity.YELLOW: 1, Severity.RED: 2}


class Found(Struct, frozen=True):
    """What an examination found, to be compared with what stands."""

    rule: str
    version: int
    hit: Hit
    subject: CaseId = NO_SUBJECT
    edition: str = ""
    """The catalogue's version under which the terms of the case stand."""
    proof: bytes | None = None
    """A proof file that speaks for itself (`sync.proof`)."""

    @property
    def name(self) -> tuple[CaseId, str, str]:
        """What makes it the same finding when it is found again."""
        return self.subject, self.rule, self.hit.key


class Finding(Struct, frozen=True, kw_only=True):
    """One finding as it stands."""

    number: int
    rule: str
    version: int
    edition: str
    severity: Severity
    office: OfficeId
    officer: OfficerId | None
    subject: CaseId
    key: str
    facts: Mapping[str, int | str]
    evidence: tuple[EntryKey, ...]
    found_at: Instant
    as_of: int
    """The day for which it was judged, as 20261122."""
    follows: int | None
    is_latest: bool
    state: State
    state_at: Instant
    state_by: OfficerId | None
    gone_code: str | None
    """A key of `GONE`; also of a confirmed one, whose order somebody has to look at again."""
    gone_at: Instant | None
    has_proof: bool

    @property
    def name(self) -> tuple[CaseId, str, str]:
        """See `Found.name`."""
        return self.subject, self.rule, self.key


class Changes(Struct):
    """What an examination changes about findings."""

    fresh: list[tuple[Found, int | None]]
    """With the finding that each follows."""
    gone: dict[int, str]
    """Number → why its ground is gone."""
    back: list[int]
    """Confirmed ones whose ground was gone and stands again."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.fresh or self.gone or self.back)


def settle(found: Iterable[Found], standing: Iterable[Finding], why_gone: Mapping[int, str]) -> Changes:
    """What is new and what no longer stands. `standing`: the latest findings of everything that was examined.

    `why_gone`: number → a key of `GONE`, for those of them whose ground something else than entries may have taken.
    """
    changes = Changes([], {}, [])
    hits: dict[tuple[CaseId, str, str], Found] = {}
    for one in found:
        before = hits.get(one.name)
        if before is None or _RANK[one.hit.severity] > _RANK[before.hit.severity]:
            hits[one.name] = one
    known = {finding.name: finding for finding in standing}
    for name, one in hits.items():
        _place(one, known.get(name), changes)
    for name, finding in known.items():
        if name not in hits and finding.state in (State.OPEN, State.CONFIRMED) and finding.gone_code is None:
            changes.gone[finding.number] = why_gone.get(finding.number, "entries_changed")
    return changes


def _place(one: Found, finding: Finding | None, changes: Changes) -> None:
    if finding is None:
        changes.fresh.append((one, None))
        return
    risen = _RANK[one.hit.severity] - _RANK[finding.severity]
    match finding.state:
        case State.GONE:
            changes.fresh.append((one, finding.number))
        case State.DISMISSED if risen <= 0:
            pass  # somebody has looked at as much as this, and more
        case State.DISMISSED:
            changes.fresh.append((one, finding.number))
        case _ if risen:
            changes.fresh.append((one, finding.number))
            changes.gone[finding.number] = "severity_changed"
        case _ if finding.gone_code is not None:
            changes.back.append(finding.number)
        case _:
            pass


# --- rows ------------------------------------------------------------------------------------------------------------

_F: Final = audit_findings.c
_SEALED: Final = ("words_name", "words", "proof_name", "proof")
_SHOWN: Final = (
    *(column for column in audit_findings.columns if column.name not in _SEALED),
    _F.proof_name.is_not(None).label("has_proof"),
)
_LATEST: Final = text("is_latest")
"""Word for word as in the index, or SQLite does not use it."""
_OPEN: Final = text("state = 'open'")


class Findings:
    """The findings of one node."""

    def __init__(self, read: AsyncEngine, sealer: Sealer) -> None:
        """`read`: of the audit's database. `sealer`: for what may hold what somebody typed, or bodies of entries."""
        self._read = read
        self._sealer = sealer

    # --- reading -----------------------------------------------------------------------------------------------------

    async def standing(self, subjects: Sequence[CaseId], rules: Collection[str]) -> list[Finding]:
        """The latest findings about these cases by these rules."""
        found: list[Finding] = []
        for start in range(0, len(subjects), KEYS_PER_QUERY_MAX):
            some = subjects[start : start + KEYS_PER_QUERY_MAX]
            found += await self._find(select(*_SHOWN).where(_LATEST, _F.subject.in_(some)))
        return [finding for finding in found if finding.rule in rules]

    async def search(
        self,
        *,
        is_open: bool = False,
        rule: str = "",
        office: OfficeId | None = None,
        subject: CaseId | None = None,
        limit: int = LISTED_MAX,
    ) -> list[Finding]:
        """Findings, newest first. `office`: those about it and about offices below it."""
        conditions: list[ColumnElement[bool]] = []
        if is_open:
            conditions.append(_OPEN)  # pyright: ignore[reportArgumentType]
        if rule:
            conditions.append(_F.rule == rule)
        if office is not None:
            conditions.append((_F.office == office) | _F.office.startswith(office, autoescape=True))
        if subject is not None:
            conditions.append(_F.subject == subject)
        return await self._find(select(*_SHOWN).where(*conditions).order_by(_F.number.desc()).limit(limit))

    async def find(self, number: int) -> Finding | None:
        """The finding of this number, or None."""
        found = await self._find(select(*_SHOWN).where(_F.number == number))
        return found[0] if found else None

    async def get(self, number: int) -> Finding:
        """The finding of this number. Raises `Refused` `no_such_finding`."""
        found = await self.find(number)
        if found is None:
            raise Refused(
                "no_such_finding",
                f"没有编号为 {number} 的问题；请用 hub audit findings 查看编号。",
                f"there is no finding number {number}; see the numbers with hub audit findings",
            )
        return found

    async def words_of(self, number: int) -> str:
        """What the officer who confirmed or dismissed it gave as a reason; empty where nobody did."""
        clear = await self._opened(number, _F.words_name, _F.words)
        return clear.decode() if clear is not None else ""

    async def proof_of(self, number: int) -> bytes | None:
        """Its proof file, if it has one."""
        return await self._opened(number, _F.proof_name, _F.proof)

    async def counts(self) -> dict[tuple[str, str, str], int]:
        """How many there are, by rule, severity and state."""
        query = select(_F.rule, _F.severity, _F.state, func.count()).group_by(_F.rule, _F.severity, _F.state)
        async with self._read.connect() as connection:
            rows = (await connection.execute(query)).all()
        return {(rule, severity, state): count for rule, severity, state, count in rows}

    async def _find(self, query: Any) -> list[Finding]:
        async with self._read.connect() as connection:
            return [_finding_from(row) for row in (await connection.execute(query)).all()]

    async def _opened(self, number: int, name: Any, sealed: Any) -> bytes | None:
        async with self._read.connect() as connection:
            row = (await connection.execute(select(name, sealed).where(_F.number == number))).first()
        return self._sealer.open(row[0], row[1]) if row is not None and row[0] is not None else None

    # --- writing -----------------------------------------------------------------------------------------------------

    async def write(self, connection: AsyncConnection, changes: Changes, now: Instant, as_of: int) -> None:
        """Write what an examination changed, inside its transaction."""
        for number, code in changes.gone.items():
            await connection.execute(
                update(audit_findings).where(_F.number == number).values(gone_code=code, gone_at=now)
            )
            was_open = (_F.number == number) & (_F.state == State.OPEN.value)
            await connection.execute(
                update(audit_findings).where(was_open).values(state=State.GONE.value, state_at=now)
            )
        for number in changes.back:
            await connection.execute(
                update(audit_findings).where(_F.number == number).values(gone_code=None, gone_at=None)
            )
        for _, follows in changes.fresh:
            if follows is not None:
                await connection.execute(update(audit_findings).where(_F.number == follows).values(is_latest=False))
        if changes.fresh:
            values = [self._values(found, follows, now, as_of) for found, follows in changes.fresh]
            await connection.execute(insert(audit_findings), values)

    def _values(self, found: Found, follows: int | None, now: Instant, as_of: int) -> dict[str, Any]:
        hit = found.hit
        return {
            "rule": found.rule,
            "version": found.version,
            "edition": found.edition,
            "severity": hit.severity.value,
            "office": hit.office,
            "officer": hit.officer,
            "subject": found.subject,
            "key": hit.key,
            "facts": msgspec.json.encode(dict(hit.facts), order="sorted").decode(),
            "evidence": msgspec.json.encode([_place_out(place) for place in hit.evidence]).decode(),
            "found_at": now,
            "as_of": as_of,
            "follows": follows,
            "is_latest": True,
            "state": State.OPEN.value,
            "state_at": now,
            **self._sealed("proof", found.proof),
        }

    def _sealed(self, column: str, clear: bytes | None) -> dict[str, bytes | None]:
        """Two columns: what the seal is bound to, and the sealed bytes."""
        if clear is None:
            return {f"{column}_name": None, column: None}
        name = hashlib.sha256(clear).digest()
        return {f"{column}_name": name, column: self._sealer.seal(name, clear)}

    async def drop_proofs(self, connection: AsyncConnection, subjects: Collection[CaseId]) -> None:
        """Cases were erased by law: proof files about them hold their bodies."""
        gone = (_F.subject.in_(sorted(subjects))) & (_F.subject != NO_SUBJECT)
        await connection.execute(update(audit_findings).where(gone).values(proof_name=None, proof=None))

    async def decide(
        self, connection: AsyncConnection, number: int, state: State, officer: OfficerId, reason: str, now: Instant
    ) -> None:
        """An officer confirms or dismisses an open finding.

        Raises `Refused` `finding_not_open`, `finding_reason`.
        """
        words = reason.strip()
        if not words or len(words) > REASON_CHARACTERS_MAX:
            raise Refused(
                "finding_reason",
                f"理由须填写，且不超过 {REASON_CHARACTERS_MAX} 字；没有作任何改动，请补充后重试。",
                f"a reason is needed, of at most {REASON_CHARACTERS_MAX} characters; nothing was changed: add it and "
                "try again",
            )
        is_open = (_F.number == number) & (_F.state == State.OPEN.value)
        values = {"state": state.value, "state_at": now, "state_by": officer, **self._sealed("words", words.encode())}
        changed = await connection.execute(update(audit_findings).where(is_open).values(values))
        if not changed.rowcount:
            raise Refused(
                "finding_not_open",
                f"问题 {number} 不是待核状态，没有作任何改动；请用 hub audit show {number} 查看其现状。",
                f"finding {number} is not open, nothing was changed; see how it stands with hub audit show {number}",
            )


def _finding_from(row: Any) -> Finding:
    values = row._asdict()
    values["severity"], values["state"] = Severity(row.severity), State(row.state)
    values["facts"] = msgspec.json.decode(row.facts)
    values["evidence"] = tuple(_place_in(place) for place in msgspec.json.decode(row.evidence, type=list[_Place]))
    return Finding(**values)


_Place = tuple[str, int, str, int]
"""Origin, ordinal and nonce (hexadecimal) of a journal, and the number in it."""


def _place_out(place: EntryKey) -> _Place:
    journal, seq = place
    return journal.origin, journal.epoch.ordinal, journal.epoch.nonce.hex(), seq


def _place_in(place: _Place) -> EntryKey:
    origin, ordinal, nonce, seq = place
    return JournalId(NodeId(origin), Epoch(ordinal, bytes.fromhex(nonce))), seq
