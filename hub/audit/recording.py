"""Under-recording, swept: how many cases of each item each village filed, month by month, beside its neighbours.

Counted from the facts of cases in one statement, whatever the county's history. Villages alone: a counter further up
has no neighbours to be compared with. Next: `hub.audit.judgements_recording`, which judges.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from msgspec import structs
from sqlalchemy import func, select

from hub.audit.dossier import Counts, Recording
from hub.audit.examining import Examiner
from hub.audit.findings import NO_SUBJECT, Found
from hub.audit.rule import Hit, RecordingRule
from hub.audit.sweeping import keep_found
from hub.audit.tables import audit_cases
from schemas.casework.events import CaseFiled
from schemas.divisions import is_village_office
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, OfficeId, parent_seat
from sync.ports import EntryKey

DAY_MS: Final = 24 * 3600 * 1000
MONTH_MS: Final = 30 * DAY_MS
MONTHS: Final = 12

_NOWHERE: Final[EntryKey] = (JournalId(NodeId(""), Epoch(0, b"")), 0)
"""In the place of the newest filing, which is looked up only where something is found."""

_C: Final = audit_cases.c


async def sweep_recording(examiner: Examiner, rules: Sequence[RecordingRule]) -> None:
    """Judge every village and item by these rules."""
    today = examiner.node.today
    found: list[Found] = []
    for recording in await read_recordings(examiner):
        for rule in rules:
            if any(True for _ in rule.examine(recording, examiner.limits)):
                place = await _last_filing(examiner, recording)
                whole = structs.replace(recording, last_filing=place)
                hits = rule.examine(whole, examiner.limits)
                found += [Found(rule.code, rule.version, _named(hit, recording.village)) for hit in hits]
    codes = {rule.code for rule in rules}
    # Of an earlier month nothing can be said any more: what was found then stands.
    month = f":{today.year:04d}-{today.month:02d}"
    standing = await examiner.findings.standing([NO_SUBJECT], codes)
    await keep_found(examiner, found, [one for one in standing if one.key.endswith(month)])


def _named(hit: Hit, village: OfficeId) -> Hit:
    """Findings about no case are told apart by their keys alone."""
    return structs.replace(hit, key=f"{village}:{hit.key}")


async def read_recordings(examiner: Examiner) -> list[Recording]:
    """What every village recorded of every item in the last thirteen times thirty days."""
    node = examiner.node
    now = node.clock.now()
    since = now - (MONTHS + 1) * MONTH_MS
    month = (now - _C.filed_at) / MONTH_MS
    query = (
        select(_C.filing_office, _C.item, func.floor(month).label("month"), func.count())
        .where(_C.filed_at > since, _C.filed_at <= now)
        .group_by(_C.filing_office, _C.item, "month")
    )
    async with examiner.audit.read.connect() as connection:
        rows = (await connection.execute(query)).all()
    counted: defaultdict[tuple[OfficeId, str], dict[int, int]] = defaultdict(dict)
    age: defaultdict[OfficeId, int] = defaultdict(int)
    for office, item, number, count in rows:
        if is_village_office(office):
            counted[OfficeId(office), item][int(number)] = count
            age[OfficeId(office)] = max(age[OfficeId(office)], int(number))
    heard = await examiner.anchoring.heard_until()
    edition = node.catalogue.in_force(now)
    counts = {
        (village, item): Counts(months.get(0, 0), tuple(months.get(number, 0) for number in range(1, age[village] + 1)))
        for (village, item), months in counted.items()
    }
    peers: defaultdict[tuple[OfficeId | None, str], list[OfficeId]] = defaultdict(list)
    for village, item in counts:
        peers[parent_seat(village), item].append(village)
    return [
        Recording(
            village,
            edition.find_item(item),
            node.today,
            own,
            tuple(counts[other, item] for other in peers[parent_seat(village), item] if other != village),
            _NOWHERE,
            heard.get(village, Instant(0)),
        )
        for (village, item), own in counts.items()
    ]


async def _last_filing(examiner: Examiner, recording: Recording) -> EntryKey:
    """The entry of the newest filing of an item at a village."""
    assert recording.item is not None
    newest = (
        select(_C.subject)
        .where(_C.filing_office == recording.village, _C.item == recording.item.code)
        .order_by(_C.filed_at.desc())
        .limit(1)
    )
    async with examiner.audit.read.connect() as connection:
        subject = CaseId((await connection.execute(newest)).scalar_one())
    entries = await examiner.node.store.entries_about([subject])
    return next((entry.journal, entry.seq) for entry in entries if entry.kind == CaseFiled.kind)
