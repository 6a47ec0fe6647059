"""A sample from the store: the list of its frame, the secret, and what is drawn once the secret is revealed.

The list stands beside the findings, under the root that the frame's entry names, so the draw is made from what was
listed then, whatever has come since. The secret is derived from the node's own key and the period: there is one for
each period and no other, and nothing but the key file need be kept.
Never writes an entry: `office.publishing` does, asked by `hub.cli_samples`. Next: `hub.audit.sampling` (the draw),
`hub.audit.reviewing` (the files that were drawn), `hub.audit.redraw` (for others).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import insert, select

from hub.audit.database import AuditDatabase
from hub.audit.findings import State
from hub.audit.rule import Severity
from hub.audit.sampling import (
    FILES_AFTER_RED,
    FILES_DEFAULT,
    Listed,
    draw_all,
    list_root,
    risk_of,
    seed_of,
    shared_out,
)
from hub.audit.tables import audit_cases, audit_findings, audit_samples
from office.node import Node
from schemas.casework.clocks import CHINA_TIME, day_of
from schemas.names import CaseId, Instant, OfficeId, OfficerId, seat_of
from schemas.oversight import SampleFramed
from schemas.refusals import Refused
from schemas.sample_fold import SampleFile, commitment, fold_sample
from schemas.wire import KIND_BEACON, Beacon
from sync.books import line_body

ROWS_AT_ONCE: Final = 5000

_QUARTER: Final = re.compile(r"\A(20[0-9]{2})-Q([1-4])\Z")


class FrameRefused(Refused):
    """What is asked for is not here."""


class Framing(Struct, frozen=True):
    """What a frame will say, and its list."""

    framed: SampleFramed
    listed: tuple[Listed, ...]


def span_of(period: str) -> tuple[Instant, Instant]:
    """The first instant of a quarter and the first after it, by China's clocks. Raises `FrameRefused` `bad_period`."""
    found = _QUARTER.match(period)
    if found is None:
        raise FrameRefused(
            "bad_period", f"“{period}”不是季度；应如 2026-Q4。", f'"{period}" is no quarter; write it as 2026-Q4.'
        )
    year, quarter = int(found[1]), int(found[2])
    first = date(year, 3 * quarter - 2, 1)
    after = date(year + quarter // 4, (3 * quarter) % 12 + 1, 1)
    return _midnight(first), _midnight(after)


def _midnight(day: date) -> Instant:
    return Instant(int(datetime(day.year, day.month, day.day, tzinfo=CHINA_TIME).timestamp() * 1000))


def secret_of(node: Node, period: str) -> bytes:
    """The county's secret for one period."""
    return hmac.digest(node.data_key, b"tongban sample secret 1\n" + period.encode(), hashlib.sha256)


async def frame_of(
    node: Node, audit: AuditDatabase, period: str, author: tuple[bytes, OfficeId, OfficerId], nonces_until: date
) -> Framing:
    """The frame of a quarter: every case that was decided or ended in it, and how many of each stratum are drawn.

    Raises `FrameRefused`: `bad_period`, `sample_empty` (no such case was examined), `no_beacon_yet`.
    """
    listed = await list_cases(node, audit, period)
    if not listed:
        raise FrameRefused(
            "sample_empty",
            f"{period} 没有已办结的件，没有抽查；请先运行 audit run，或核对期别。",
            f"No case was decided in {period}; nothing is framed. Run audit run first, or check the quarter.",
        )
    beacon = await _last_beacon(node)
    populations: dict[tuple[OfficeId, str], int] = {}
    for one in listed:
        populations[one.township, one.risk] = populations.get((one.township, one.risk), 0) + 1
    strata = shared_out(populations, await _files_wanted(audit, period, {town for town, _ in populations}))
    framed = SampleFramed(
        *author,
        period,
        beacon.at,
        beacon.root,
        len(listed),
        list_root(listed),
        tuple(strata),
        commitment(secret_of(node, period)),
        nonces_until,
    )
    return Framing(framed, tuple(listed))


async def list_cases(node: Node, audit: AuditDatabase, period: str) -> list[Listed]:
    """The cases decided in a quarter, or ended in it without a decision, as far as they were examined; sorted."""
    first, after = span_of(period)
    settled = audit_cases.c.decided_at.is_not(None)
    when = (settled & audit_cases.c.decided_at.between(first, after - 1)) | (
        ~settled & audit_cases.c.ended_at.between(first, after - 1)
    )
    query = select(audit_cases.c.subject, audit_cases.c.township, audit_cases.c.item).where(when)
    edition = node.catalogue.in_force(Instant(after - 1))
    async with audit.read.connect() as connection:
        rows = (await connection.execute(query)).all()
    return sorted(
        Listed(OfficeId(township), risk_of(edition.find_item(item)).value, CaseId(subject))
        for subject, township, item in rows
    )


async def keep_list(audit: AuditDatabase, listed: Sequence[Listed]) -> None:
    """Keep the list of a frame under its root, once; before the frame's entry is written."""
    root = list_root(listed)
    if await read_list(audit, root):
        return
    rows = [{"root": root, "subject": one.case, "township": one.township, "risk": one.risk} for one in listed]
    async with audit.writing() as connection:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            await connection.execute(insert(audit_samples), rows[start : start + ROWS_AT_ONCE])


async def read_list(audit: AuditDatabase, root: bytes) -> list[Listed]:
    """The list with this root; empty where it is not here."""
    query = select(audit_samples).where(audit_samples.c.root == root)
    async with audit.read.connect() as connection:
        rows = (await connection.execute(query)).all()
    return sorted(Listed(OfficeId(row.township), row.risk, CaseId(row.subject)) for row in rows)


async def get_sample(node: Node, period: str) -> SampleFile:
    """How the sample of a period stands. Raises `FrameRefused`: `bad_period`, `sample_unknown`."""
    span_of(period)
    for one in await node.casebook.overseen([SampleFramed.kind], period):
        sample = fold_sample((await node.casebook.threads([one.hash]))[one.hash])
        if sample is not None:
            return sample
    raise FrameRefused(
        "sample_unknown",
        f"{period} 还没有确定抽查范围；请先用 audit sample frame 确定。",
        f"No sample of {period} is framed; do so with audit sample frame.",
    )


async def get_draw(audit: AuditDatabase, sample: SampleFile) -> dict[tuple[OfficeId, str], list[CaseId]]:
    """The files that are drawn, by stratum. Raises `FrameRefused`: `sample_not_drawn`, `sample_list_missing`."""
    seed = get_seed(sample)
    listed = await read_list(audit, sample.framed.list_root)
    if not listed or list_root(listed) != sample.framed.list_root:
        raise FrameRefused(
            "sample_list_missing",
            "抽查范围的名单不在本机或已被改动，无法抽取；请从备份恢复 audit.db。",
            "The list of the frame is not here, or was changed: nothing can be drawn. Restore audit.db from a backup.",
        )
    return draw_all(seed, sample.framed.strata, listed)


def get_seed(sample: SampleFile) -> bytes:
    """The seed of a sample whose secret is revealed. Raises `FrameRefused` `sample_not_drawn`."""
    secret = sample.secret
    if secret is None:
        until = sample.framed.nonces_until
        raise FrameRefused(
            "sample_not_drawn",
            f"秘密尚未公布，案卷还没有抽出；{until} 之后或各乡镇随机数齐全后用 audit sample reveal 公布。",
            f"The secret is not revealed, so nothing is drawn yet; reveal it after {until}, or once every nonce is in.",
        )
    return seed_of(secret.secret, dict(secret.nonces), sample.framed.townships, sample.filed.hash)


async def surfaced(node: Node, audit: AuditDatabase, sample: SampleFile) -> list[CaseId]:
    """Cases of the period that came to light after its frame: every one of them is looked through (AUDIT 4.1)."""
    before = {one.case for one in await read_list(audit, sample.framed.list_root)}
    return [one.case for one in await list_cases(node, audit, sample.framed.period) if one.case not in before]


async def _files_wanted(audit: AuditDatabase, period: str, townships: set[OfficeId]) -> Mapping[OfficeId, int]:
    """More files of whoever had a confirmed red finding in the quarter before."""
    first, _ = span_of(period)
    start, _ = span_of(_quarter_of(first - 1))
    columns = audit_findings.c
    red = (columns.severity == Severity.RED.value) & (columns.state == State.CONFIRMED.value)
    query = select(columns.office).where(red & columns.found_at.between(start, first - 1)).distinct()
    async with audit.read.connect() as connection:
        warned = {seat_of(OfficeId(office))[:9] for office in (await connection.execute(query)).scalars()}
    return {town: FILES_AFTER_RED if town in warned else FILES_DEFAULT for town in townships}


def _quarter_of(at: int) -> str:
    day = day_of(Instant(at))
    return f"{day.year}-Q{(day.month + 2) // 3}"


async def _last_beacon(node: Node) -> Beacon:
    """The county's last daily statement: what the frame stands on."""
    found = await node.store.entries_of_kind(KIND_BEACON)
    beacons = [body for entry in found if (body := line_body(entry, Beacon)) is not None]
    if not beacons:
        raise FrameRefused(
            "no_beacon_yet",
            "县中心还没有发布过每日声明，抽查范围无从固定；请让 hub run 运行一天后再办理。",
            "The county has not made its daily statement yet, on which a frame stands; let hub run for a day first.",
        )
    return beacons[-1]
