"""The nightly sweep: what did *not* happen, and what is to be seen with other eyes.

Only what time has changed is looked at: cases of which a clock ran out or a pause was to be over since the last look
(`hub.audit.looking`). When rules, thresholds, catalogue or calendar change, open cases and those that ended
within 400 days are examined again, page by page behind a cursor, so that a night that is broken off goes on the next.
Further parts of the sweep are handed in. Never examines what arrived (`hub.audit.examining` does) and never writes an
entry. Next: `hub.jobs`.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import delete, or_, select

from hub.audit.database import EXAMINED, keep
from hub.audit.examining import Examined, Examiner
from hub.audit.facts import DAYS_AROUND
from hub.audit.findings import Finding, Found, settle
from hub.audit.reading import READ_AT_ONCE
from hub.audit.tables import audit_acts, audit_anchors, audit_cases, audit_receipts
from office.dues import number_of
from office.own_faults import place_of
from schemas.names import CaseId
from sync.core.errors import Fault

DAY_MS: Final = 24 * 3600 * 1000

ENDED_DAYS: Final = 400
"""Ended cases of the last year and a month are judged again by a new rule; older ones were audited by the old one."""

FACTS_DAYS: Final = ENDED_DAYS + DAYS_AROUND
"""Acts, pins and receipts are kept as facts for as long: nothing that is examined again looks further back."""

SWEPT: Final = "swept"
"""Day of the last whole sweep, as 20261122."""
BASIS: Final = "basis"
"""Digest of rules, thresholds, catalogue and calendar by which everything here was examined."""
RENEWING: Final = "renewing"
"""How far a re-examination has come."""

log: Final = logging.getLogger("tongban.audit")

_C: Final = audit_cases.c


class _Renewal(Struct, frozen=True):
    basis: str
    after: str
    """The last case that was examined again, hexadecimal."""


Part = Callable[[Examiner], Awaitable[None]]
"""A further part of the sweep: it writes what it finds itself (`keep_found`), and does nothing when run twice."""


async def sweep(examiner: Examiner, parts: Sequence[tuple[str, Part]] = ()) -> Examined:
    """Look at everything that is due by today. A part that fails is told in the log, and hinders no other."""
    today = examiner.node.today
    done = await examine_due(examiner, today)
    done.add(await renew(examiner))
    is_whole = True
    for name, part in parts:
        try:
            await part(examiner)
        except Fault as fault:
            is_whole = False
            log.warning("a part of the sweep, %s, did not succeed: %s", name, fault.code)
        except Exception as error:
            is_whole = False
            log.error("a part of the sweep, %s, failed: %s", name, place_of(error))
    await forget_old(examiner)
    if is_whole:
        async with examiner.audit.writing() as connection:
            await keep(connection, SWEPT, number_of(today))
    return done


async def note_basis(examiner: Examiner) -> None:
    """Before the first page of all: by what it, and what follows until something changes, is examined."""
    if not await examiner.audit.number(EXAMINED) and not await examiner.audit.word(BASIS):
        async with examiner.audit.writing() as connection:
            await keep(connection, BASIS, basis_of(examiner))


async def is_sweep_due(examiner: Examiner) -> bool:
    """Whether this day's sweep has not been done; after days without one, one makes good for all."""
    return await examiner.audit.number(SWEPT) != number_of(examiner.node.today)


async def examine_due(examiner: Examiner, today: date) -> Examined:
    """Examine the cases that time may have changed by `today`."""
    is_due = _C.look_day <= number_of(today)
    done = Examined()
    after = b""
    while subjects := await _page(examiner, [is_due, _C.subject > after]):
        done.add(await examiner.examine(subjects))
        after = subjects[-1]
        await examiner.node.clock.sleep(0)
    return done


async def renew(examiner: Examiner) -> Examined:
    """Examine again what stands or ended lately, if it was examined by other rules or another catalogue than now."""
    basis = basis_of(examiner)
    done = Examined()
    if await examiner.audit.word(BASIS) == basis:
        return done
    after = _place_of(await examiner.audit.word(RENEWING), basis)
    since = examiner.node.clock.now() - ENDED_DAYS * DAY_MS
    is_near = or_(_C.ended_at.is_(None), _C.ended_at >= since)
    while subjects := await _page(examiner, [is_near, _C.subject > after]):
        after = subjects[-1]
        stands = msgspec.json.encode(_Renewal(basis, after.hex())).decode()
        done.add(await examiner.examine(subjects, {RENEWING: stands}))
        await examiner.node.clock.sleep(0)
    async with examiner.audit.writing() as connection:
        await keep(connection, BASIS, basis)
    return done


def basis_of(examiner: Examiner) -> str:
    """What findings depend on beside entries and the day."""
    limits = examiner.limits
    said = (
        sorted((rule.code, rule.version) for rule in examiner.rules),
        sorted(limits.values.items()),
        sorted(limits.batch_items),
        sorted(limits.repeated_items),
        sorted(limits.incompatible.items()),
    )
    catalogue, calendar = examiner.node.catalogue.digest, examiner.node.calendar.digest
    return hashlib.sha256(msgspec.json.encode(said) + catalogue + calendar).hexdigest()


def _place_of(word: str, basis: str) -> bytes:
    """Where a re-examination for this basis was broken off; the beginning for another one."""
    if not word:
        return b""
    renewal = msgspec.json.decode(word, type=_Renewal)
    return bytes.fromhex(renewal.after) if renewal.basis == basis else b""


async def _page(examiner: Examiner, conditions: Sequence[object]) -> list[CaseId]:
    query = select(_C.subject).where(*conditions).order_by(_C.subject).limit(READ_AT_ONCE)  # pyright: ignore[reportArgumentType]
    async with examiner.audit.read.connect() as connection:
        return [CaseId(subject) for subject in (await connection.execute(query)).scalars()]


async def forget_old(examiner: Examiner) -> None:
    """Let go of facts that no examination asks for any more."""
    before = examiner.node.clock.now() - FACTS_DAYS * DAY_MS
    async with examiner.audit.writing() as connection:
        for table, at in ((audit_acts, "at"), (audit_anchors, "at"), (audit_receipts, "at")):
            await connection.execute(delete(table).where(table.c[at] < before))


# --- what other parts find -------------------------------------------------------------------------------------------


async def keep_found(
    examiner: Examiner, found: Sequence[Found], standing: Sequence[Finding], why_gone: Mapping[int, str] | None = None
) -> Examined:
    """Write findings that no case's dossier gives. `standing`: the latest ones that this part would find again."""
    changes = settle(found, standing, why_gone or {})
    if not changes.is_empty:
        now, as_of = examiner.node.clock.now(), number_of(examiner.node.today)
        async with examiner.audit.writing() as connection:
            await examiner.findings.write(connection, changes, now, as_of)
    return Examined(fresh=len(changes.fresh), gone=len(changes.gone))
