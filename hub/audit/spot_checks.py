"""Spot checks: entries drawn by chance are proved, each alone, to be in the tree that their journal's owner signed.

The way a court or a resident would check one: content → hash → inclusion proof → signed checkpoint. Independent of the
chain walk and of all digests. Only reads. Next: `hub.audit.reverify`.
"""

from collections import defaultdict
from typing import Final

from hub.audit.chain import Found
from office.node import Node
from office.verifying import Fault
from schemas.names import JournalId
from schemas.wire import ZERO_HASH, Checkpoint, body_digest, entry_hash, header_prefix
from sync.core.merkle import inclusion_proofs, verify_inclusion
from sync.ports import Stored

SPOTS: Final = 59
"""So many find, with 95 %, whether one entry in twenty is bad (discovery sampling, AUDIT 4.1), every night anew; each
journal drawn costs its hashes, a second for a million."""

DRAW_BYTES: Final = 8


async def check_spots(node: Node, last: int, count: int) -> tuple[int, list[Found]]:
    """Prove `count` of the first `last` arrivals. Returns how many were proved, and what could not be.

    Left out are entries outside their run and those that no checkpoint covers yet.
    """
    drawn: defaultdict[JournalId, list[Stored]] = defaultdict(list)
    for _ in range(count if last else 0):
        arrival = 1 + int.from_bytes(node.salts.draw(DRAW_BYTES), "big") % last
        for entry in await node.store.entries_since(arrival - 1, 1):
            if not entry.loose:
                drawn[entry.journal].append(entry)
    keys = {state.journal: state.key for state in (await node.store.load()).journals}
    proved, found = 0, list[Found]()
    for journal, entries in sorted(drawn.items(), key=lambda item: keys.get(item[0], 0)):
        good, bad = await _prove(node, journal, keys.get(journal, 0), entries)
        proved += good
        found += bad
    return proved, found


async def _prove(node: Node, journal: JournalId, key: int, entries: list[Stored]) -> tuple[int, list[Found]]:
    checkpoints = await node.store.checkpoints(journal, 0, 2**62)
    signed: Checkpoint | None = max(checkpoints, key=lambda one: one.size, default=None)
    if signed is None:
        return 0, []
    covered = [entry for entry in entries if entry.seq < signed.size]
    leaves = await node.store.hashes(journal, 0, signed.size)
    if len(leaves) < signed.size:
        return 0, [_unproved(key, entry) for entry in covered]
    _, paths = inclusion_proofs(leaves, [entry.seq for entry in covered])
    is_signed = node.books.verify_checkpoint(journal, signed)
    bad: list[Found] = []
    for entry, path in zip(covered, paths, strict=True):
        prev = leaves[entry.seq - 1] if entry.seq else ZERO_HASH
        digest = body_digest(entry.salt, entry.body) if entry.body is not None else entry.digest or b""
        link = entry_hash(header_prefix(journal), entry.seq, prev, digest, entry.head)
        if not (is_signed and verify_inclusion(link, entry.seq, signed.size, path, signed.root)):
            bad.append(_unproved(key, entry))
    return len(covered) - len(bad), bad


def _unproved(key: int, entry: Stored) -> Found:
    zh, en = "抽查的条目不在所属设备签名的树中", "an entry drawn by chance is not in the tree that its owner signed"
    return Found(key, entry.seq, Fault("unproved", f"{entry.journal} #{entry.seq}", zh, en))
