"""`verify`: every entry, chain, tree, signature, receipt and table of a node, walked again from the stored bytes.

What it finds it names: journal, number, and what does not fit. Trusts nothing that a row says about itself: hashes are
computed from headers and bodies, roots from hashes, case files from entries. A cut-off tail is found by whoever signed
for it (receipts, checkpoints, openings) and by the gapless numbers of arrival.
What it does not check: that bodies were true when written, and whatever nobody outside this node has ever seen. Changes
nothing and may run beside the writing process; what arrives meanwhile is left for the next time. Next: `sync.proof` for
a proof that others can check.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from office.access_log import AccessLog
from office.casebook import CaseInterpreter, MemoryCases
from office.node import Node, Progress, no_progress
from schemas.codec import Malformed, decode
from schemas.names import CaseId, JournalId
from schemas.wire import (
    KIND_EPOCH_OPENED,
    KIND_RECEIPTED,
    ZERO_HASH,
    EpochOpened,
    Head,
    Proof,
    Receipted,
    attestation,
    body_digest,
    decode_head,
    entry_hash,
    header_prefix,
)
from sync import receipts
from sync.core.merkle import Frontier, verify_inclusion
from sync.ports import Disposition, EntryKey, JournalState, Stored

T = TypeVar("T")

CHUNK_ENTRIES: Final = 1000
CHUNK_CASES: Final = 200
FAULTS_MAX: Final = 1000
"""More than this is one fault: the wrong file. The report stays readable."""


class Fault(Struct, frozen=True):
    """One thing that does not fit."""

    code: str
    where: str
    what: str


class Report(Struct):
    """What was walked and what was found."""

    journals: int = 0
    entries: int = 0
    checkpoints: int = 0
    receipts: int = 0
    cases: int = 0
    faults: list[Fault] = []


async def verify(node: Node, progress: Progress = no_progress) -> Report:
    """Walk the whole node. Total: whatever is wrong is in the report."""
    walk = _Walk(node, Report(faults=[]))
    loaded = await node.store.load()
    for position, state in enumerate(loaded.journals):
        progress(position, len(loaded.journals))
        await walk.journal(state)
    await walk.arrivals(loaded.arrival)
    await walk.statements()
    await walk.tables()
    await walk.looks()
    progress(len(loaded.journals), len(loaded.journals))
    return walk.report


class _Walk:
    """One verification: the roots that were computed, and the report."""

    def __init__(self, node: Node, report: Report) -> None:
        self.node = node
        self.report = report
        self.leaves: dict[JournalId, list[bytes]] = {}
        self.arrived: set[int] = set()

    def find(self, code: str, where: object, what: str) -> None:
        """Note a fault."""
        if len(self.report.faults) < FAULTS_MAX:
            self.report.faults.append(Fault(code, str(where), what))

    async def looks(self) -> None:
        """The record of who lifted whose mask: no row was changed or taken out of the middle."""
        engines = self.node.engines
        number = await AccessLog(engines.write, engines.read, self.node.clock).find_break()
        if number is not None:
            self.find(
                "look_changed", f"access log #{number}", "the record of this look or of the one before was changed"
            )

    # --- journals --------------------------------------------------------------------------------------------------

    async def journal(self, state: JournalState) -> None:
        """Hashes, chain, head, tree and checkpoints of one journal, and its entries outside the run."""
        self.report.journals += 1
        leaves = self.leaves[state.journal] = []
        for start in range(0, state.size, CHUNK_ENTRIES):
            stop = min(start + CHUNK_ENTRIES, state.size)
            for entry in await self.node.store.entries(state.journal, start, stop):
                self._entry(state, entry, leaves)
        for entry in await self.node.store.loose_beyond(state.journal, state.size):
            self._entry(state, entry, leaves)
        self._head(state, leaves)
        await self._checkpoints(state, leaves)

    def _entry(self, state: JournalState, entry: Stored, leaves: list[bytes]) -> None:
        where = f"{state.journal} #{entry.seq}"
        self.report.entries += 1
        self.arrived.add(entry.arrival)
        if entry.loose:
            prev = entry.prev or ZERO_HASH
        else:
            if entry.seq != len(leaves):
                self.find("missing", f"{state.journal} #{len(leaves)}", "an entry before this one is not here")
                leaves += [ZERO_HASH] * (entry.seq - len(leaves))
            prev = leaves[-1] if leaves else ZERO_HASH
        if _hash_of(entry, prev) != entry.hash:
            self.find("changed", where, "the entry's bytes do not have its hash, or it does not follow the one before")
        if not _head_fits(entry):
            self.find("changed", where, "the columns beside the entry say something else than its header")
        books = self.node.books
        if entry.signature is not None and not books.keyring.verify_log(
            state.journal.origin, attestation(entry.hash), entry.signature
        ):
            self.find("bad_signature", where, "the signature on this entry is not its device's")
        if entry.loose:
            self._loose(entry, where)
        else:
            leaves.append(entry.hash)

    def _loose(self, entry: Stored, where: str) -> None:
        """An entry outside its run stands by its signature, its proof, or the cosignature inside it."""
        if entry.signature is not None or entry.kind == KIND_RECEIPTED:
            return
        proof = _read_proof(entry)
        good = (
            proof is not None
            and verify_inclusion(entry.hash, entry.seq, proof.checkpoint.size, proof.path, proof.checkpoint.root)
            and self.node.books.verify_checkpoint(entry.journal, proof.checkpoint)
        )
        if not good:
            self.find("unproved", where, "nothing here proves this entry any more")

    def _head(self, state: JournalState, leaves: Sequence[bytes]) -> None:
        frontier = Frontier().extend(leaves)
        if len(leaves) != state.size:
            self.find("cut_off", state.journal, f"the journal's row says {state.size} entries, {len(leaves)} are here")
        elif leaves and leaves[-1] != state.tip:
            self.find("changed", state.journal, "the journal's row names another last entry")
        elif state.frontier and Frontier.from_bytes(state.frontier).root() != frontier.root():
            self.find("changed", state.journal, "the journal's row holds another tree")

    async def _checkpoints(self, state: JournalState, leaves: Sequence[bytes]) -> None:
        frontier = Frontier()
        done = 0
        for checkpoint in await self.node.store.checkpoints(state.journal, 0, 2**62):
            self.report.checkpoints += 1
            where = f"{state.journal} checkpoint {checkpoint.size}"
            if checkpoint.size > len(leaves):
                if checkpoint.size > await self._size_now(state.journal):
                    self.find("cut_off", where, f"the owner signed {checkpoint.size} entries, {len(leaves)} are here")
                continue
            frontier = frontier.extend(leaves[done : checkpoint.size])
            done = checkpoint.size
            if frontier.root() != checkpoint.root:
                self.find("changed", where, "the entries before it do not have the root that was signed")
            if not self.node.books.verify_checkpoint(state.journal, checkpoint):
                self.find("bad_signature", where, "the checkpoint is not signed by its journal's device")

    async def _size_now(self, journal: JournalId) -> int:
        """The journal's size at this moment: a node that works writes on while it is walked."""
        loaded = await self.node.store.load()
        return next((state.size for state in loaded.journals if state.journal == journal), 0)

    async def arrivals(self, last: int) -> None:
        """Numbers of arrival have no gap: a deleted row leaves one, whatever else was put right."""
        missing = [number for number in range(1, last + 1) if number not in self.arrived]
        for number in missing[:FAULTS_MAX]:
            self.find("missing", f"arrival {number}", "the entry that arrived with this number is not here")

    # --- what others signed ------------------------------------------------------------------------------------------

    async def statements(self) -> None:
        """Receipts and openings name sizes and roots of journals: what is here must reach and fit them."""
        for entry in await self.node.store.entries_of_kind(KIND_RECEIPTED):
            body = _read(entry, Receipted)
            if body is None or entry.arrival not in self.arrived:
                continue
            self.report.receipts += 1
            where = f"{entry.journal} #{entry.seq}"
            seat = self.node.books.seat
            if not receipts.is_good(self.node.books.keyring, seat.root.county, body):
                self.find("bad_signature", where, "the receipt is not signed by its holder")
            ours = body.holder == seat.node
            for head in body.heads:
                self._statement(JournalId(head.origin, head.epoch), head.size, head.root, where, is_ours=ours)
        for entry in await self.node.store.entries_of_kind(KIND_EPOCH_OPENED):
            opened = _read(entry, EpochOpened)
            if opened is None or opened.parent is None:
                continue
            parent = opened.parent
            leaves = self.leaves.get(JournalId(entry.journal.origin, parent.epoch), [])
            if 0 < parent.size <= len(leaves) and leaves[parent.size - 1] != parent.hash:
                self.find("changed", f"{entry.journal} #{entry.seq}", "the epoch before does not end as it says")

    def _statement(self, journal: JournalId, size: int, root: bytes, where: str, *, is_ours: bool) -> None:
        """A signed head: what we signed for must be here whole; of what others hold we may have less, never other."""
        leaves = self.leaves.get(journal, [])
        is_own_journal = journal.origin == self.node.books.seat.node
        if size > len(leaves):
            if is_ours or is_own_journal:
                what = f"{size} entries of {journal} were signed for here, {len(leaves)} are here"
                self.find("cut_off", where, what)
            return
        if Frontier().extend(leaves[:size]).root() != root:
            self.find("changed", where, f"the first {size} entries of {journal} are not those that were signed for")

    # --- tables ------------------------------------------------------------------------------------------------------

    async def tables(self) -> None:
        """Every case row and every disposition is what the entries give when folded by a casebook without memory."""
        node = self.node
        stated = {disposition.key: disposition for disposition in await node.store.dispositions()}
        subjects = await node.subjects()
        rows = set(await node.cases.subjects())
        self.report.cases = len(rows)
        for subject in sorted(rows - set(subjects)):
            self.find("table_differs", f"case {subject.hex()}", "a row for which there is no entry")
        for start in range(0, len(subjects), CHUNK_CASES):
            chunk = subjects[start : start + CHUNK_CASES]
            differing = await self._fold(chunk, stated)
            # A node that works may have written between two of these reads: what differs twice is a fault.
            if differing:
                stated = {disposition.key: disposition for disposition in await node.store.dispositions()}
                for where, what in await self._fold(chunk, stated):
                    self.find("table_differs", where, what)

    async def _fold(self, subjects: Sequence[CaseId], stated: Mapping[EntryKey, Disposition]) -> list[tuple[str, str]]:
        """(where, what) of every row of these cases that differs from a fold of their entries."""
        scratch = MemoryCases()
        casebook = CaseInterpreter(scratch, remembered=2 * CHUNK_CASES)
        casebook.attach(self.node.books)
        reading = await casebook.refold(subjects, stated)
        rows = casebook.drain()
        if rows is not None:
            scratch.project(rows)
        found: list[tuple[str, str]] = []
        for settled in reading.settled:
            journal, seq = settled.key
            found.append((f"{journal} #{seq}", f"should stand as {settled.state or 'folded'} {settled.code}".strip()))
        differing = await self.node.cases.find_differences(scratch.files, scratch.operations)
        found += [(f"case {subject.hex()}", "the rows are not what the case's entries say") for subject in differing]
        return found


def _hash_of(entry: Stored, prev: bytes) -> bytes:
    digest = body_digest(entry.salt, entry.body) if entry.body is not None else (entry.digest or b"")
    return entry_hash(header_prefix(entry.journal), entry.seq, prev, digest, entry.head)


def _head_fits(entry: Stored) -> bool:
    try:
        head: Head = decode_head(entry.head)
    except Malformed:
        return False
    return (head.at, head.kind, head.subject) == (entry.at, entry.kind, entry.subject)


def _read_proof(entry: Stored) -> Proof | None:
    try:
        return decode(entry.proof, Proof) if entry.proof is not None else None
    except Malformed:
        return None


def _read(entry: Stored, kind: type[T]) -> T | None:
    if entry.body is None:
        return None
    try:
        return decode(entry.body, kind)
    except Malformed:
        return None
