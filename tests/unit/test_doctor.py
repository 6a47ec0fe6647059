"""What `doctor` says of the post: nothing that somebody looked into long ago keeps it red for ever."""

from pathlib import Path

import pytest

from office.doctor import FINDINGS_DAYS, examine
from office.founding import found_county
from office.node import Node
from schemas.names import Epoch, Instant, JournalId, NodeId
from sync.ports import Evidence, empty_batch
from tests.support.counties import COUNTY

DAY_MS = 24 * 3600 * 1000


async def post_of(folder: Path) -> dict[str, tuple[bool, str]]:
    found = {finding.subject: (finding.good, finding.zh) for finding in await examine(folder)}
    return {subject: found[subject] for subject in ("quarantine", "findings")}


@pytest.mark.parametrize(("days", "good"), [(1, False), (FINDINGS_DAYS + 1, True)])
async def test_a_finding_is_told_for_a_month(tmp_path: Path, days: int, good: bool) -> None:
    found_county(tmp_path, COUNTY, "苍溪县样例")
    hub = await Node.open(tmp_path)
    try:
        assert await post_of(tmp_path) == {"quarantine": (True, "隔离区为空"), "findings": (True, "近 30 天没有")}
        batch = empty_batch()
        at = Instant(hub.clock.now() - days * DAY_MS)
        batch.evidence.append(Evidence("rollback", JournalId(NodeId("a" * 16), Epoch(1, b"nobody")), 0, at, b"", b""))
        await hub.store.commit(batch)
        assert (await post_of(tmp_path))["findings"][0] is good
    finally:
        await hub.close()
