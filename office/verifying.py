"""`verify`: every entry, chain, tree, signature, receipt and table of a node, walked again from the stored bytes.

What it finds it names: journal, number, and what does not fit. Trusts nothing that a row says about itself: hashes are
computed from headers and bodies, roots from hashes, case files from entries. A cut-off tail is found by whoever signed
for it (receipts, checkpoints, openings) and by the gapless numbers of arrival.
What it does not check: that bodies were true when written, and whatever nobody outside this node has ever seen. Changes
nothing and may run beside the writing process; what arrives meanwhile is left for the next time. Holds a chunk of
entries at a time, a byte for each entry, and what others signed. Next: `sync.proof` for a proof that others can check.
"""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar

from msgspec import Struct

from office.access_log import AccessLog
from office.case_rows import MemoryCases
from office.casebook import CaseInterpreter
from office.node import Node, Progress, no_progress
from office.register import RegisterBook, RegisterRows
from schemas.codec import Malformed, decode
from schemas.names import CaseId, JournalId
from schemas.oversight import OVERSIGHT
from schemas.register import REGISTER
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
SPOT_ENTRIES: Final = 64
FAULTS_MAX: Final = 1000
"""More than this is one fault: the wrong file. The report stays readable."""


class Fault(Struct, frozen=True):
    """One thing that does not fit. What to do about each code: `deploy/OPERATING.md` 7."""

    code: str
    where: str
    zh: str
    en: str


class Source(StrEnum):
    """Who says how a journal begins."""

    CHECKPOINT = "checkpoint"
    """The owner, who signed the tree."""
    RECEIPT = "receipt"
    """A holder, who signed the tree."""
    OPENING = "opening"
    """The owner's next journal: it names the last entry of the one before."""


class Claim(Struct, frozen=True, gc=False):
    """How the first `size` entries of a journal must be."""

    size: int
    digest: bytes
    """The root of their tree; of an opening, the hash of the last of them."""
    source: Source
    where: str
    must_reach: bool
    """That many must be here. Of what others hold we may have less, never other."""


_TOO_SHORT: Final = {
    Source.CHECKPOINT: ("所属设备已签名 {size} 条，实有 {held} 条", "the owner signed {size} entries, {held} are here"),
    Source.RECEIPT: (
        "该回执签收了 {journal} 的 {size} 条，实有 {held} 条",
        "this receipt is for {size} entries of {journal}, {held} are here",
    ),
}
_DIFFERENT: Final = {
    Source.CHECKPOINT: (
        "此前的条目与已签名的树根不符",
        "the entries before it do not have the root that was signed",
    ),
    Source.RECEIPT: (
        "{journal} 的前 {size} 条不是当时签收的那些",
        "the first {size} entries of {journal} are not those that were signed for",
    ),
    Source.OPENING: ("上一时期的末尾与此处所述不符", "the epoch before does not end as it says"),
}


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
    # Before the sizes: whatever was signed for until now must be in what is walked then.
    await walk.statements()
    loaded = await node.store.load()
    walk.arrived = bytearray(loaded.arrival + 1)
    for position, state in enumerate(loaded.journals):
        progress(position, len(loaded.journals))
        await walk.journal(state)
    await walk.bodies()
    await walk.arrivals()
    await walk.absent()
    await walk.tables()
    await walk.looks()
    progress(len(loaded.journals), len(loaded.journals))
    return walk.report


async def spot_check(node: Node) -> list[Fault]:
    """The last entries of every journal and some cases, for a node that must get to work: after an upgrade."""
    walk = _Walk(node, Report(faults=[]))
    for state in (await node.store.load()).journals:
        before: Stored | None = None
        for entry in await node.store.entries(state.journal, max(0, state.size - SPOT_ENTRIES), state.size):
            if before is not None and _hash_of(entry, before.hash) != entry.hash:
                en = "this entry does not follow the one before"
                walk.find("changed", f"{state.journal} #{entry.seq}", "条目与前一条不衔接", en)
            before = entry
        if state.size and (before is None or before.hash != state.tip):
            walk.find("changed", state.journal, "日志所记的末条不是实有的末条", "the journal names another last entry")
    stated = {disposition.key: disposition for disposition in await node.store.dispositions()}
    for where, zh, en in await walk.differing((await node.subjects())[:CHUNK_CASES], stated):
        walk.find("table_differs", where, zh, en)
    return walk.report.faults


class _Run:
    """A journal's entries as they are walked: their tree, and the claims that lie ahead."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        self.size = 0
        self.tip = ZERO_HASH
        self.ahead = deque(sorted(claims, key=lambda claim: claim.size))
        self._frontier = Frontier()
        self._fresh: list[bytes] = []

    def add(self, link: bytes) -> list[Claim]:
        """Take the next entry's hash. Returns the claims that end here and do not fit."""
        self.size += 1
        self.tip = link
        self._fresh.append(link)
        if len(self._fresh) == CHUNK_ENTRIES:
            self.root()
        broken: list[Claim] = []
        while self.ahead and self.ahead[0].size <= self.size:
            claim = self.ahead.popleft()
            if claim.digest != (link if claim.source is Source.OPENING else self.root()):
                broken.append(claim)
        return broken

    def root(self) -> bytes:
        """The root over all entries so far."""
        self._frontier = self._frontier.extend(self._fresh)
        self._fresh = []
        return self._frontier.root()


class _Walk:
    """One verification: what was claimed, what was seen, and the report."""

    def __init__(self, node: Node, report: Report) -> None:
        self.node = node
        self.report = report
        self.claims: defaultdict[JournalId, list[Claim]] = defaultdict(list)
        self.walked: dict[JournalId, int] = {}
        """How far each journal was to be read."""
        self.doubtful: list[EntryKey] = []
        """Entries without a body that was not erased, or with one that was, as far as the books knew."""
        self.arrived = bytearray()
        """1 at the number of each arrival that was seen."""

    def find(self, code: str, where: object, zh: str, en: str) -> None:
        """Note a fault."""
        if len(self.report.faults) < FAULTS_MAX:
            self.report.faults.append(Fault(code, str(where), zh, en))

    async def looks(self) -> None:
        """The record of who lifted whose mask: no row was changed or taken out of the middle."""
        node = self.node
        number = await AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key).find_break()
        if number is not None:
            self.find(
                "look_changed",
                f"access log #{number}",
                "这条查看记录或其前一条被改动过",
                "the record of this look or of the one before was changed",
            )

    # --- journals --------------------------------------------------------------------------------------------------

    async def journal(self, state: JournalState) -> None:
        """Hashes, chain, head, tree and checkpoints of one journal, and its entries outside the run."""
        self.report.journals += 1
        # No journal has more entries than ever arrived, whatever its row says.
        stop = self.walked[state.journal] = min(state.size, len(self.arrived) - 1)
        run = _Run(self.claims.pop(state.journal, []) + await self._checkpoints(state.journal))
        for start in range(0, stop, CHUNK_ENTRIES):
            for entry in await self.node.store.entries(state.journal, start, min(start + CHUNK_ENTRIES, stop)):
                self._entry(state, entry, run)
        for entry in await self.node.store.loose_beyond(state.journal, state.size):
            self._entry(state, entry, run)
        self._head(state, run)
        await self._unreached(state.journal, run.ahead, run.size)

    def _entry(self, state: JournalState, entry: Stored, run: _Run) -> None:
        where = f"{state.journal} #{entry.seq}"
        self.report.entries += 1
        if 0 < entry.arrival < len(self.arrived):
            self.arrived[entry.arrival] = 1
        if entry.loose:
            prev = entry.prev or ZERO_HASH
        else:
            if entry.seq != run.size:
                missing = f"{state.journal} #{run.size}"
                self.find("missing", missing, "此处缺少条目", "an entry before this one is not here")
                while run.size < entry.seq:
                    self._differ(state.journal, run.add(ZERO_HASH))
            prev = run.tip
        if _hash_of(entry, prev) != entry.hash:
            en = "the entry's bytes do not have its hash, or it does not follow the one before"
            self.find("changed", where, "条目内容与其哈希不符，或与前一条不衔接", en)
        is_erased = entry.hash in self.node.books.erased
        if is_erased is not (entry.body is None):
            self.doubtful.append((entry.journal, entry.seq))
        if not _head_fits(entry):
            en = "the columns beside the entry say something else than its header"
            self.find("changed", where, "条目旁的各栏与其条目头不一致", en)
        books = self.node.books
        if entry.signature is not None and not books.keyring.verify_log(
            state.journal.origin, attestation(entry.hash), entry.signature
        ):
            self.find(
                "bad_signature", where, "条目的签名不是其设备的", "the signature on this entry is not its device's"
            )
        if entry.loose:
            self._loose(entry, where)
        else:
            self._differ(state.journal, run.add(entry.hash))

    async def bodies(self) -> None:
        """A body goes by law or not at all; on a device that let closed cases' go, theirs are gone too.

        Read again: an order may have come while the journals were walked.
        """
        store = self.node.store
        erased = (await store.load()).erased if self.doubtful else set[bytes]()
        for journal, seq in self.doubtful:
            for entry in await store.entries(journal, seq, seq + 1):
                where = f"{journal} #{seq}"
                if entry.body is None and entry.hash not in erased and not await self._is_purged(entry):
                    en = "the entry's body is gone, and no order of erasure is known here"
                    self.find("body_missing", where, "条目的内容不在，而本机没有相应的删除令", en)
                if entry.body is not None and entry.hash in erased:
                    en = "the entry was erased by law, and its body is still here"
                    self.find("not_erased", where, "条目应已依法删除，内容却还在", en)

    async def _is_purged(self, entry: Stored) -> bool:
        return entry.subject is not None and bool(await self.node.store.purged([entry.subject]))

    def _loose(self, entry: Stored, where: str) -> None:
        """An entry outside its run stands by its signature or its proof: of a receipt, too, for the cosignature inside
        says nothing about its number.
        """
        if entry.signature is not None:
            return
        proof = _read_proof(entry)
        good = (
            proof is not None
            and verify_inclusion(entry.hash, entry.seq, proof.checkpoint.size, proof.path, proof.checkpoint.root)
            and self.node.books.verify_checkpoint(entry.journal, proof.checkpoint)
        )
        if not good:
            self.find("unproved", where, "该条目已失去证明", "nothing here proves this entry any more")

    def _head(self, state: JournalState, run: _Run) -> None:
        if run.size != state.size:
            en = f"the journal's row says {state.size} entries, {run.size} are here"
            first = f"{state.journal} #{min(run.size, state.size)}"
            self.find("cut_off", first, f"日志记载有 {state.size} 条，实有 {run.size} 条", en)
        elif run.size and run.tip != state.tip:
            en = "the journal's row names another last entry"
            self.find("changed", state.journal, "日志所记的末条不是实有的末条", en)
        elif state.frontier and _root_of(state.frontier) != run.root():
            self.find("changed", state.journal, "日志所记的树与条目不符", "the journal's row holds another tree")

    async def arrivals(self) -> None:
        """Numbers of arrival have no gap: a deleted row leaves one, whatever else was put right."""
        missing: list[int] = []
        number = self.arrived.find(0, 1)
        while number > 0 and len(missing) < FAULTS_MAX:
            missing.append(number)
            number = self.arrived.find(0, number + 1)
        sizes = await self._sizes_now() if missing else {}
        for number in missing:
            if not await self._joined(number, sizes):
                en = "the entry that arrived with this number is not here"
                self.find("missing", f"arrival {number}", "以此序号到达的条目不在本机", en)

    async def _joined(self, number: int, sizes: Mapping[JournalId, int]) -> bool:
        """Whether a single entry joined its run between the two reads of its journal: the next time finds it there."""
        for entry in await self.node.store.entries_since(number - 1, 1):
            if entry.arrival == number and not entry.loose:
                return self.walked.get(entry.journal, 0) <= entry.seq < sizes.get(entry.journal, 0)
        return False

    async def _sizes_now(self) -> dict[JournalId, int]:
        """How far journals reach at this moment: a node that works writes on while it is walked."""
        return {state.journal: state.size for state in (await self.node.store.load()).journals}

    # --- what was signed ---------------------------------------------------------------------------------------------

    async def statements(self) -> None:
        """Receipts and openings name sizes and roots of journals: what is here must reach and fit them."""
        seat = self.node.books.seat
        async for entry in self._house_keeping(KIND_RECEIPTED):
            body = _read(entry, Receipted)
            if body is None:
                continue
            self.report.receipts += 1
            where = f"{entry.journal} #{entry.seq}"
            if not receipts.is_good(self.node.books.keyring, seat.root.county, body):
                self.find("bad_signature", where, "回执的签名不是持有者的", "the receipt is not signed by its holder")
                continue
            for head in (head for head in body.heads if head.size > 0):
                must_reach = seat.node in (body.holder, head.origin)
                claim = Claim(head.size, head.root, Source.RECEIPT, where, must_reach)
                self.claims[JournalId(head.origin, head.epoch)].append(claim)
        async for entry in self._house_keeping(KIND_EPOCH_OPENED):
            opened = _read(entry, EpochOpened)
            parent = opened.parent if opened is not None else None
            if parent is not None and parent.size:
                claim = Claim(parent.size, parent.hash, Source.OPENING, f"{entry.journal} #{entry.seq}", False)
                self.claims[JournalId(entry.journal.origin, parent.epoch)].append(claim)

    async def _house_keeping(self, kind: str) -> AsyncIterator[Stored]:
        after = 0
        while page := await self.node.store.entries_of_kind(kind, after=after, limit=CHUNK_ENTRIES):
            for entry in page:
                yield entry
            after = page[-1].arrival

    async def _checkpoints(self, journal: JournalId) -> list[Claim]:
        claims: list[Claim] = []
        for checkpoint in await self.node.store.checkpoints(journal, 0, 2**62):
            self.report.checkpoints += 1
            where = f"{journal} checkpoint {checkpoint.size}"
            if not self.node.books.verify_checkpoint(journal, checkpoint):
                en = "the checkpoint is not signed by its journal's device"
                self.find("bad_signature", where, "检查点的签名不是该日志所属设备的", en)
            claims.append(Claim(checkpoint.size, checkpoint.root, Source.CHECKPOINT, where, True))
        return claims

    def _differ(self, journal: JournalId, claims: Iterable[Claim]) -> None:
        for claim in claims:
            zh, en = (text.format(journal=journal, size=claim.size) for text in _DIFFERENT[claim.source])
            self.find("changed", claim.where, zh, en)

    async def _unreached(self, journal: JournalId, claims: Iterable[Claim], held: int) -> None:
        due = [claim for claim in claims if claim.must_reach]
        size = (await self._sizes_now()).get(journal, 0) if due else 0
        for claim in due:
            if claim.size > size:
                values = {"journal": journal, "size": claim.size, "held": held}
                zh, en = (text.format(**values) for text in _TOO_SHORT[claim.source])
                self.find("cut_off", claim.where, zh, en)

    async def absent(self) -> None:
        """What was signed for of journals of which nothing is here."""
        for journal, claims in self.claims.items():
            await self._unreached(journal, claims, 0)

    # --- tables ------------------------------------------------------------------------------------------------------

    async def tables(self) -> None:
        """Every case row and every disposition is what the entries give when folded by a casebook without memory."""
        node = self.node
        stated = {disposition.key: disposition for disposition in await node.store.dispositions()}
        subjects = await node.subjects()
        rows = set(await node.cases.subjects())
        self.report.cases = len(rows)
        await self._register()
        for subject in sorted(rows - set(subjects)):
            en = "a row for which there is no entry"
            self.find("table_differs", f"case {subject.hex()}", "表中有此件，却没有任何条目", en)
        for start in range(0, len(subjects), CHUNK_CASES):
            chunk = subjects[start : start + CHUNK_CASES]
            differing = await self.differing(chunk, stated)
            # A node that works may have written between two of these reads: what differs twice is a fault.
            if differing:
                stated = {disposition.key: disposition for disposition in await node.store.dispositions()}
                for where, zh, en in await self.differing(chunk, stated):
                    self.find("table_differs", where, zh, en)

    async def _register(self) -> None:
        """Every row of the register is what its entry gives, and there is no other row."""
        # Before the entries: whatever comes while they are read has its row later.
        rows_here = await self.node.cases.count_register()
        for kind in (*REGISTER, *OVERSIGHT):
            after = 0
            while page := await self.node.store.entries_of_kind(kind, after=after, limit=CHUNK_ENTRIES):
                after = page[-1].arrival
                rows_here -= await self._register_page(page)
        if rows_here > 0:
            en = "the register has rows for which there is no entry"
            self.find("table_differs", "register", "登记表中有行，却没有任何条目", en)

    async def _register_page(self, page: Sequence[Stored]) -> int:
        """Compare the rows of these entries. Returns how many there must be."""
        book = RegisterBook()
        settled = {disposition.key for disposition in await book.fold_page(self.node.books, page, self.node.cases)}
        differing = set(await self.node.cases.find_register_differences(RegisterRows(book.changes)))
        for entry in page:
            if entry.hash in differing or (entry.journal, entry.seq) in settled:
                en = "the register's row, or how the entry stands, is not what the entry says"
                self.find("table_differs", f"{entry.journal} #{entry.seq}", "登记表所载或该条目的状态与条目不符", en)
        return sum(1 for row in book.changes.values() if row is not None)

    async def differing(
        self, subjects: Sequence[CaseId], stated: Mapping[EntryKey, Disposition]
    ) -> list[tuple[str, str, str]]:
        """(where, zh, en) of every row of these cases that differs from a fold of their entries."""
        scratch = MemoryCases()
        casebook = CaseInterpreter(scratch, remembered=2 * CHUNK_CASES)
        casebook.attach(self.node.books)
        reading = await casebook.refold(subjects, stated)
        rows = casebook.drain()
        if rows is not None:
            scratch.project(rows)
        found: list[tuple[str, str, str]] = []
        for settled in reading.settled:
            journal, seq = settled.key
            due = f"{settled.state or 'folded'} {settled.code}".strip()
            found.append((f"{journal} #{seq}", f"该条目的状态应为 {due}", f"should stand as {due}"))
        differing = await self.node.cases.find_differences(
            scratch.files, scratch.operations, scratch.listed, is_due_counted=await self.node.reminders.is_counted()
        )
        zh, en = "表中所载与本件的条目不符", "the rows are not what the case's entries say"
        return found + [(f"case {subject.hex()}", zh, en) for subject in differing]


def _root_of(frontier: bytes) -> bytes | None:
    try:
        return Frontier.from_bytes(frontier).root()
    except Malformed:
        return None


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
