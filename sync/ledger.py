"""The one write path of a node: its own pen (`record`) and its post (`admit`). Each call is one transaction.

Verify or seal, fold, post to outboxes, move the cursor, receipt: staged in memory, then written by one `Store.commit`
(RULINGS C2: awaits only its store, so the simulator steps it without an event loop). On any failure of the commit
everything staged is thrown away and read again. Never looks into a body that is not `line.*`.
Next: `sync.books` (the state), `sync.folding` (what arrivals do), `sync.paging` (what goes out), `sync.recovery`
(restores, wants), `sync.writer` (queue).
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from schemas.codec import Malformed, encode
from schemas.names import EPOCH_NONCE_BYTES, SALT_BYTES, CaseId, Epoch, Instant, JournalId, NodeId, within
from schemas.wire import (
    KIND_EPOCH_OPENED,
    KIND_PINNED,
    KIND_RECEIPTED,
    Answer,
    Certificate,
    Checkpoint,
    EpochOpened,
    Excerpt,
    Head,
    Lane,
    Line,
    Page,
    Parent,
    Run,
    Stretch,
    attestation,
    is_line,
)
from sync import (
    bodiless,
    erasing,
    folding,
    forks,
    housekeeping,
    lighting,
    recovery,
    repair,
    second_answers,
    second_path,
    stating,
)
from sync.books import Books
from sync.core.errors import Fault, GapFault, LocalFault, RemoteFault, UnknownSender
from sync.core.journal import (
    CHECKPOINT_BYTES_MAX,
    CHECKPOINT_ENTRIES_MAX,
    Checked,
    Draft,
    Tip,
    check_excerpt,
    check_run,
    checkpoint_at,
    seal,
    well_formed,
)
from sync.core.link import Link, Placement
from sync.paging import Load, compose
from sync.ports import Stored, empty_batch, is_empty

Drafting = Callable[[], Awaitable[Sequence[Draft]]]
"""Looks at the state inside the transaction and says what to write, or raises its own refusal: then nothing is."""

STRETCH_ENTRIES_MAX = 1024
"""Entries one stretch may claim: a page of 500 plus the rest of its last checkpoint segment."""


class Admission(msgspec.Struct):
    """What became of a page: how many entries were new, already held, refused; codes of the refused runs."""

    admitted: int = 0
    duplicate: int = 0
    refused: int = 0
    codes: list[str] = []


class Ledger:
    """The pen and the post of one node. One per node, held under the node's writing lock."""

    def __init__(self, books: Books) -> None:
        self.books = books

    # --- opening -------------------------------------------------------------------------------------------------

    async def open_epoch(self, *, restored: bool = False) -> Epoch:
        """Load the store and open a new epoch: at every start of a writing process (DESIGN 4, RULINGS A5).

        The opening names the newest epoch of this device that the store holds, its size, its tip and its final
        checkpoint. `restored` = this node knows that its store came from a backup: quarantine begins.
        """
        books = self.books
        await books.load()
        parent = await self._past()
        if not books.rules.epoch_per_start and parent is not None:
            books.epoch = parent.epoch
            return parent.epoch
        epoch = await self._open(parent, restored=restored)
        await erasing.catch_up(books)
        await self.commit()
        return epoch

    async def _leave_epoch(self) -> None:
        """Stage the opening of another epoch in this start: a machine copied while it ran writes the present one too.

        Once in a start, or a neighbour could make us open one with every page.
        """
        books = self.books
        if books.left_epoch is not None or not books.rules.epoch_per_start:
            return
        self.sign_tip()
        books.left_epoch = books.epoch
        await self._open(await self._past(), restored=True)

    async def _past(self) -> Parent | None:
        """The newest epoch of this device: its size, its tip and its final checkpoint."""
        books = self.books
        # Only what is held: of anything else of ours we know by hearsay.
        held = [journal for journal in books.epochs_of.get(books.seat.node, ()) if recovery.extent(books, journal)]
        if not held:
            return None
        previous = max(held, key=lambda journal: journal.epoch)
        tip = books.tips[previous]
        return Parent(previous.epoch, tip.size, tip.hash, await self._final_checkpoint(previous, tip))

    async def _open(self, parent: Parent | None, *, restored: bool) -> Epoch:
        books = self.books
        ordinal = parent.epoch.ordinal + 1 if parent is not None else 1
        epoch = books.epoch = Epoch(ordinal, books.salts.draw(EPOCH_NONCE_BYTES))
        opened = EpochOpened(books.seat.office, parent, restored, books.seat.software)
        if restored and books.rules.quarantine:
            for link in [one for one in books.links.values() if not recovery.is_spared(books, one)]:
                link.quarantined = True
                books.remember(link)
        await self._record_line(KIND_EPOCH_OPENED, opened)
        return epoch

    async def _final_checkpoint(self, journal: JournalId, tip: Tip) -> Checkpoint:
        staged = self.books.batch.checkpoints.get((journal, tip.size))
        held = [staged] if staged is not None else await self.books.store.checkpoints(journal, tip.size - 1, tip.size)
        return held[0] if held else await self.sign_at(journal, tip.size)

    def _sign(self, journal: JournalId, size: int, root: bytes) -> Checkpoint:
        message = self.books.checkpoint_message(journal, size, root)
        if message is None:
            raise LocalFault("not_enrolled", "this device has no seat yet; enrol it with the code on its sheet")
        checkpoint = Checkpoint(size, root, self.books.seat.signer.sign(message))
        self.books.batch.checkpoints[(journal, size)] = checkpoint
        state = self.books.journal_state(journal)
        state.checkpointed = max(state.checkpointed, size)
        return checkpoint

    # --- transactions --------------------------------------------------------------------------------------------

    async def perform(self, jobs: Sequence[Callable[[], Awaitable[object]]]) -> list[object | Exception]:
        """Run jobs one after another and commit them together (group commit).

        A job that is refused (`Fault`, or whatever a drafting raised) has staged nothing and fails alone. Anything else
        fails the whole group: the books are read again and the error is raised.
        """
        results: list[object | Exception] = []
        try:
            for job in jobs:
                arrival = self.books.arrival
                try:
                    results.append(await job())
                except (Fault, DraftingRefused, Malformed) as refusal:
                    if self.books.arrival != arrival:
                        raise  # something was staged before it was refused: no refusal, but an error of ours
                    results.append(refusal.reason if isinstance(refusal, DraftingRefused) else refusal)
            await self.commit()
        except BaseException:
            await self.books.load()
            raise
        return results

    async def _alone(self, job: Callable[[], Awaitable[object]]) -> object:
        result = (await self.perform([job]))[0]
        if isinstance(result, Exception):
            raise result
        return result

    async def commit(self) -> None:
        """Write what is staged, durably, and begin a new batch. Nothing staged: nothing is written."""
        books = self.books
        books.batch.projected = books.interpreter.drain()
        if is_empty(books.batch):
            return
        batch, books.batch = books.batch, empty_batch()
        if not books.rules.atomic_page:
            await books.store.commit(msgspec.structs.replace(empty_batch(), inlets=batch.inlets))
        await books.store.commit(batch)

    # --- own pen -------------------------------------------------------------------------------------------------

    async def record(self, drafting: Drafting) -> list[Stored]:
        """Write with our own pen, in one transaction. `drafting` sees the state inside it and may raise a refusal."""
        return await self._alone(lambda: self.stage_record(drafting))  # pyright: ignore[reportReturnType]

    async def stage_record(self, drafting: Drafting) -> list[Stored]:
        """`record` as a part of a larger transaction (`perform`)."""
        try:
            drafts = await drafting()
        except Exception as reason:
            raise DraftingRefused(reason) from reason
        written: list[Stored] = []
        while len(written) < len(drafts):
            written += await self._write(drafts, written)
        return written

    async def _record_line(self, kind: str, body: msgspec.Struct) -> Stored:
        return (await self._write([Draft(kind, None, encode(body))], []))[0]

    async def _write(self, drafts: Sequence[Draft], written: Sequence[Stored]) -> list[Stored]:
        """Seal the next drafts after those that are `written`, up to where a checkpoint is due; fold them at once.

        House-keeping stands alone: what is behind it may depend on what it teaches.
        """
        books = self.books
        sealed: list[Stored] = []
        last = written[-1] if written else None
        for draft in drafts[len(written) :]:
            if sealed and (is_line(draft.kind) or is_line(sealed[-1].kind) or self._is_checkpoint_due()):
                break
            assert draft.chained is None or last is not None
            body = draft.chained(last.hash) if draft.chained is not None and last is not None else draft.body
            last = self._seal(msgspec.structs.replace(draft, body=body))
            sealed.append(last)
        hops = await folding.interpret(books, sealed)
        taken = [await self._take_in(entry, targets) for entry, targets in zip(sealed, hops, strict=True)]
        if self._is_checkpoint_due():
            self.sign_tip()
        return taken

    def _seal(self, draft: Draft) -> Stored:
        books = self.books
        own = books.own
        tip = books.tips.get(own, Tip())
        sealed, after = seal(own, tip, draft, Instant(books.clock.now()), books.salts.draw(SALT_BYTES))
        books.advance(own, after, [])
        books.unsigned_bytes += len(draft.body)
        return Stored(
            own,
            tip.size,
            books.next_arrival(),
            sealed.line.head,
            sealed.head.at,
            draft.kind,
            draft.subject,
            sealed.line.salt,
            draft.body,
            sealed.hash,
        )

    def _is_checkpoint_due(self) -> bool:
        books = self.books
        unsigned = books.tips[books.own].size - books.journals[books.own].checkpointed
        return unsigned >= CHECKPOINT_ENTRIES_MAX or books.unsigned_bytes >= CHECKPOINT_BYTES_MAX

    async def _take_in(self, entry: Stored, hops: frozenset[NodeId]) -> Stored:
        """Attest, keep, learn and post an entry of ours that was folded; returns it as it is kept."""
        books = self.books
        if any(hop != books.parent for hop in hops) or (entry.subject is None and not is_line(entry.kind)):
            # RULINGS A11: what an office posts to anyone but its parent is attested when written. What is about no case
            # is for devices that are yet to be enrolled, too.
            entry = msgspec.structs.replace(entry, signature=books.seat.signer.sign(attestation(entry.hash)))
        books.batch.entries.append(entry)
        await folding.take_in(books, entry)
        for hop in sorted(hops - {books.parent}):
            if hop in books.links:  # not a device that this very entry replaces
                books.post(hop, Lane.EXCERPTS, books.own, entry.seq)
        if books.parent is not None:
            books.post(books.parent, Lane.RUNS, books.own, entry.seq)
            books.work_waits = books.work_waits or books.is_work(entry.kind)
        return entry

    def sign_tip(self) -> None:
        """Sign a checkpoint at the end of our own journal, unless one stands there (RULINGS A3)."""
        books = self.books
        if books.epoch is None:
            return
        tip = books.tips.get(books.own, Tip())
        if tip.size and tip.size > books.journals[books.own].checkpointed:
            self._sign(books.own, tip.size, tip.frontier.root())
        books.unsigned_bytes = 0

    async def sign_at(self, journal: JournalId, size: int) -> Checkpoint:
        """A checkpoint of a journal of this very device at an earlier size, or of an earlier start: by its entries.

        What was kept of its tree may have gone bad on the disk, and our signature under it would stand for ever.
        """
        leaves = await self.books.store.hashes(journal, 0, size)
        signed = await self.books.store.checkpoints(journal, 0, size)
        tip = self.books.tips.get(journal, Tip())
        gone = len(leaves) < size or (signed and checkpoint_at(leaves, signed[-1].size)[1] != signed[-1].root)
        if gone and tip.size == size:  # it is the entries that went bad: what was signed before says so
            return self._sign(journal, size, tip.frontier.root())
        return self._sign(journal, *checkpoint_at(leaves, size))

    # --- post ----------------------------------------------------------------------------------------------------

    async def admit(self, page: Page) -> Admission:
        """Take in a page. Repeated entries are ignored; the cursor moves with the entries.

        Raises `UnknownSender`, `RemoteFault` (numbers that cannot be right) or `GapFault` (starts above our cursor,
        which it carries) before anything is staged. Bad runs are consumed as refused, never raised (RULINGS A8).
        """
        return await self._alone(lambda: self.stage_admit(page))  # pyright: ignore[reportReturnType]

    async def stage_admit(self, page: Page) -> Admission:
        """`admit` as a part of a larger transaction (`perform`)."""
        books = self.books
        link = second_path.link_of(books, page)
        self._place(link, page)
        books.judged.clear()
        books.has_made_tip = False
        admission = Admission()
        started = link.hear_epoch(page.epoch)
        if recovery.hear_numbers(books, link, page):
            await self._leave_epoch()
        fresh: list[Stored] = []
        for stretch in page.stretches:
            fresh += await self._admit_stretch(link, stretch, admission)
        for answer in page.answers:
            fresh += await self._admit_answer(link, answer, admission)
        await folding.settle(books, fresh, link)
        if books.refold_due:
            # With the good copy, in one transaction: once that is written, nothing says any more that it was bad.
            due, books.refold_due = books.refold_due, set[CaseId | None]()
            await recovery.refold(books, due)
        stating.hear(books, link, page)
        await recovery.after_page(books, link, page, started=started)
        # When it was heard last is written with the next change only: for screens, and for when to try a second path.
        books.remember(link).last_heard = Instant(books.clock.now())
        return admission

    def _place(self, link: Link, page: Page) -> None:
        for stretch in page.stretches:
            lines = sum(len(run.lines) for run in stretch.runs) if stretch.lane == Lane.RUNS else len(stretch.excerpts)
            if stretch.lane not in (Lane.EXCERPTS, Lane.RUNS) or stretch.first < 1 or stretch.count < 1:
                raise RemoteFault("malformed", "a stretch of the page has impossible numbers; send the page again")
            if stretch.count > STRETCH_ENTRIES_MAX or lines != stretch.count:
                raise RemoteFault("wrong_count", "a stretch holds other entries than it counts; send the page again")
            placement = link.place(stretch.lane, stretch.epoch, stretch.first, stretch.count)
            if placement is Placement.GAP and self.books.rules.refuse_gaps:
                raise GapFault(
                    "gap",
                    "the page begins above what is held here; send from the stated cursor",
                    cursors=link.cursors(),
                )

    async def _admit_stretch(self, link: Link, stretch: Stretch, admission: Admission) -> list[Stored]:
        books = self.books
        if link.place(stretch.lane, stretch.epoch, stretch.first, stretch.count) is Placement.HELD:
            admission.duplicate += stretch.count
            return []
        inlet = books.inlet(link.neighbour, stretch.lane, stretch.epoch)
        part = Admission()
        fresh: list[Stored] = []
        # The sender's own runs first: they may hold the enrolment of the devices behind it.
        for run in sorted(stretch.runs, key=lambda run: run.origin != link.neighbour):
            fresh += await self._admit_run(link, run, inlet.key, part)
        for excerpt in stretch.excerpts:
            fresh += await self._admit_excerpt(excerpt, inlet.key, part)
        overlap = inlet.number - stretch.first + 1
        inlet.number = stretch.first + stretch.count - 1
        inlet.admitted += part.admitted
        inlet.refused += part.refused
        inlet.duplicate += part.duplicate - overlap
        link.hold(stretch.lane, stretch.epoch, inlet.number)
        admission.admitted += part.admitted
        admission.refused += part.refused
        admission.duplicate += part.duplicate
        admission.codes += part.codes
        return fresh

    async def _admit_answer(self, link: Link, answer: Answer, admission: Admission) -> list[Stored]:
        journal = answer.want.journal
        part = Admission()
        fresh: list[Stored] = []
        before = self.books.tips.get(journal)
        repaired = await repair.put_right(self.books, answer)
        alone = repair.is_ours(self.books, answer.want)
        if answer.run is not None and answer.run.journal == journal:
            fresh += await self._admit_run(link, answer.run, 0, part)
        for excerpt in answer.excerpts:
            if excerpt.journal == journal:
                fresh += await self._admit_excerpt(excerpt, 0, part)
        if self.books.tips.get(journal) != before or repaired or (alone and fresh):
            link.wanting.discard(answer.want)
        else:
            recovery.not_helped(self.books, link, answer)
        admission.admitted += part.admitted
        return fresh

    async def _admit_run(self, link: Link, run: Run, inlet: int, part: Admission) -> list[Stored]:
        books = self.books
        journal = run.journal
        known = books.tips.get(journal, Tip())
        if books.keyring.find(run.origin) is None:
            return self._refuse(link, run, len(run.lines), "unknown_origin", part)
        verify = books.verify_checkpoint if books.rules.check_chain else None
        checked = check_run(run, known, verify, bodiless.lawful(books))
        known, checked = await repair.check_again(books, run, known, checked)
        part.duplicate += min(checked.skip, len(run.lines))
        if await forks.find(books, run, checked, known):
            checked = Checked(checked.skip, [], [], known, [], "fork")
        refused = len(run.lines) - checked.skip - len(checked.links)
        before = recovery.extent(books, journal)
        fresh = self._store_lines(run, checked.skip, checked.links, checked.heads, inlet, part)
        if checked.links:
            books.advance(journal, checked.tip, checked.checkpoints)
            await recovery.after_arrival(books, journal, checked.tip.size - 1, before)
            if books.below(run.origin) and books.parent is not None:
                books.post(books.parent, Lane.RUNS, journal, known.size, len(checked.links))
            if within(link.seat, books.seat.office) and any(books.is_work(entry.kind) for entry in fresh):
                books.due_receipts.setdefault(link.neighbour, set()).add(journal)
            # It gave us this itself: what we hold of it need not be said, to this start of it and unless we want more.
            if journal not in books.blocked or books.journals[journal].wanted <= checked.tip.size:
                link.confirmed[journal] = checked.tip.size
        if refused > 0:
            self._refuse(link, run, refused, checked.code, part, await forks.suspicious(books, run, checked.code))
        if any(map(is_line, {entry.kind for entry in fresh})):
            for entry in fresh:
                if is_line(entry.kind):
                    await folding.take_in(books, entry)
        return fresh

    def _store_lines(
        self,
        run: Run,
        skip: int,
        links: Sequence[bytes],
        heads: Sequence[Head],
        inlet: int,
        part: Admission,
    ) -> list[Stored]:
        """Stage a run's new lines; one that is already here as an excerpt only joins its run (RULINGS A2)."""
        books = self.books
        journal = run.journal
        loose = books.loose.get(journal, {})
        fresh: list[Stored] = []
        arrived = zip(run.lines[skip : skip + len(links)], links, heads, strict=True)
        for seq, (line, link_hash, head) in enumerate(arrived, run.start + skip):
            if loose and loose.pop(seq, None) is not None:
                books.batch.promoted.append((journal, seq))
                part.duplicate += 1
                continue
            kept = bodiless.kept(books, line, link_hash, head)
            fresh.append(_stored(journal, seq, books.next_arrival(), kept, head, link_hash, inlet))
        part.admitted += len(fresh)
        books.batch.entries += fresh
        return fresh

    def _refuse(self, link: Link, run: Run, count: int, code: str, part: Admission, kept: bytes = b"") -> list[Stored]:
        """Consume the bad rest of a run as refused; the journal is blocked until a good copy comes (RULINGS A8)."""
        books = self.books
        part.refused += count
        part.codes.append(code)
        if code == "fork":
            return []  # recorded where it was proved; no better copy is to be had
        # Anything else may be a relay's damage: fetch it again (DESIGN 1.6).
        if well_formed(run):
            repair.want_again(books, link, run)
        books.find(code, run.journal, run.start, b"", kept or run.prev)
        return []

    async def _admit_excerpt(self, excerpt: Excerpt, inlet: int, part: Admission) -> list[Stored]:
        books = self.books
        journal = excerpt.journal
        try:
            link_hash, head, code = check_excerpt(excerpt, books.verify_checkpoint, self._verify_attestation)
            if not bodiless.is_lawful(books, excerpt.line, link_hash, head):
                code = "incomplete"  # nobody erases on the way (RULINGS B6)
        except Malformed as fault:
            link_hash, head, code = b"", None, fault.code
        if code or head is None:
            part.refused += 1
            part.codes.append(code)
            material = await bodiless.excerpt_as_evidence(books, excerpt, link_hash)
            books.find(code, journal, max(0, excerpt.seq), link_hash, material)
            repair.miss(books, journal, excerpt.seq)
            return []
        held = await self._held_hash(journal, excerpt.seq)
        if held is not None:
            part.duplicate += 1
            if held and held != link_hash:
                await forks.find_alone(books, excerpt, link_hash)
            return []
        line = bodiless.kept(books, excerpt.line, link_hash, head)
        entry = _stored(journal, excerpt.seq, books.next_arrival(), line, head, link_hash, inlet)
        proof = encode(excerpt.proof) if excerpt.proof is not None else None
        entry = msgspec.structs.replace(entry, loose=True, prev=excerpt.prev, proof=proof)
        books.journal_state(journal)
        before = recovery.extent(books, journal)
        books.loose.setdefault(journal, {})[excerpt.seq] = link_hash
        books.touch(journal)
        books.missing.discard((journal, excerpt.seq))
        books.batch.entries.append(entry)
        part.admitted += 1
        await recovery.after_arrival(books, journal, excerpt.seq, before)
        await folding.take_in(books, entry)
        return [entry]

    def _verify_attestation(self, journal: JournalId, link_hash: bytes, signature: bytes) -> bool:
        return self.books.keyring.verify_log(journal.origin, attestation(link_hash), signature)

    async def _held_hash(self, journal: JournalId, seq: int) -> bytes | None:
        loose = self.books.loose.get(journal, {})
        if seq in loose:
            return loose[seq]
        if seq >= self.books.tips.get(journal, Tip()).size:
            return None
        for entry in reversed(self.books.batch.entries):
            if entry.journal == journal and entry.seq == seq:
                return entry.hash
        held = await self.books.store.hashes(journal, seq, seq + 1)
        return held[0] if held else b""

    # --- going out -----------------------------------------------------------------------------------------------

    async def page_for(self, neighbour: NodeId, *, receipts_due: bool = True, load: Load | None = None) -> Page:
        """The next page toward a neighbour, or with a `load` the next one for a stick.

        What must be written for it (receipts, checkpoints) is committed first.
        """
        link = second_path.find_link(self.books, neighbour)
        if link is None:
            raise UnknownSender("unknown_neighbour", "no line to this device is known here; enrol it first")
        await self._alone(lambda: self._prepare(neighbour, receipts_due=receipts_due))
        page = await compose(self.books, link, self.sign_at, load)
        if self.books.batch.checkpoints:
            await self.commit()
        return page

    async def _prepare(self, neighbour: NodeId, *, receipts_due: bool) -> None:
        """Write what waits for this exchange: one receipt, one pin (RULINGS A9), the checkpoint at our own end."""
        books = self.books
        for receipt in housekeeping.due_receipts(books, books.links[neighbour]) if receipts_due else ():
            await self._record_line(KIND_RECEIPTED, receipt)
        if (pin := await housekeeping.due_pin(books, neighbour)) is not None:
            await self._write([Draft(KIND_PINNED, None, housekeeping.encode_pin(pin))], [])
        await second_answers.post_due(books, books.links[neighbour])
        if neighbour not in books.children.values() or books.proof_due:
            self.sign_tip()
        if books.proof_due:
            books.proof_due = False
            # A device that was restored has epochs of its own that no later one names, and so nobody signed to the end.
            for journal in books.epochs_of.get(books.seat.node, ()):
                if books.journals[journal].size > books.journals[journal].checkpointed:
                    await self.sign_at(journal, books.journals[journal].size)

    async def meet(self, chain: Sequence[Certificate]) -> None:
        """The office above showed its certificates: take it as our parent if it replaces the one we know.

        Raises `RemoteFault` unless they lead to the seat above. The enrolment entry that comes first makes it durable.
        """
        await self._alone(lambda: recovery.meet(self.books, chain))

    async def light_beacon(self) -> Stored:
        """The county's daily statement of all heads it holds, and to each seat its own (RULINGS A12, A13).

        Raises `LocalFault` below the county.
        """
        return (await self.record(lambda: lighting.light(self.books)))[0]


class DraftingRefused(Exception):
    """Carries a drafting's own refusal through `perform`, which knows by it that nothing was staged."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _stored(journal: JournalId, seq: int, arrival: int, line: Line, head: Head, link_hash: bytes, inlet: int) -> Stored:
    """An arrived line as it is held."""
    return Stored(
        journal,
        seq,
        arrival,
        line.head,
        head.at,
        head.kind,
        head.subject,
        line.salt,
        line.body,
        link_hash,
        line.digest if line.body is None else None,
        line.signature,
        inlet=inlet,
    )
