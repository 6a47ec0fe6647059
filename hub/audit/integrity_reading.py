"""Finds what journals show of rewriting, rollback, withholding, false devices, damage and silence: the thin reader.

Everything that stands is found again at each run, from what is small: findings of the post, one receipt row a journal
and holder, heads in memory, certificates, and the pins of the last ten days. No entry is walked that is not about a
finding. A proof file is built once, when a finding is new. Judges nothing itself (`hub.audit.integrity`), writes
nothing: with the county's cosigner key it signs what the county holds at this moment, into proof files alone.
Next: `hub.audit.integrity_proofs` (the files), `hub.audit.findings` (what becomes of findings).
"""

from msgspec.structs import replace

from hub.audit import integrity_proofs as proofs
from hub.audit.integrity import (
    WITHHELD_MS,
    Behind,
    IntegrityFinding,
    judge_damage,
    judge_rollback,
    judge_silence,
    judge_slip,
    judge_withheld,
)
from hub.audit.integrity_devices import DeviceLooks
from hub.audit.integrity_facts import Asked, Look
from hub.audit.rule import Severity
from schemas.codec import PREFIX_BYTES
from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId, parent_seat, within
from schemas.slips import SlipStatement
from schemas.wire import (
    EpochOpened,
    Receipted,
)
from sync.books import Books, line_body
from sync.core.journal import Tip
from sync.forks import SUSPECT
from sync.ports import EntryKey, Evidence, ReceiptRow, Stored


async def find_integrity(books: Books, asked: Asked) -> list[IntegrityFinding]:
    """Everything that stands now."""
    look = Look(books, asked)
    await look.load()
    journals, devices = JournalLooks(look), DeviceLooks(look)
    return [
        *await journals.contradictions(),
        *await journals.rollbacks(),
        *await journals.damage(),
        *await journals.held_back(),
        *await journals.slips(),
        *journals.silence(),
        *await devices.missing_below(),
        *await devices.enrolments(),
        *await devices.revocations(),
    ]


class JournalLooks:
    """Findings about journals themselves."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.books = look.books

    # --- I1 --------------------------------------------------------------------------------------------------------

    async def contradictions(self) -> list[IntegrityFinding]:
        """Two entries under one number; and runs that did not fit, where they prove to be their owner's."""
        found: dict[str, IntegrityFinding] = {}
        for evidence in self.look.evidence:
            if evidence.code == "fork":
                await self._contradiction(found, evidence, is_proved=True)
        for evidence in self.look.evidence:
            if evidence.code in SUSPECT:
                await self._contradiction(found, evidence, is_proved=False)
        return list(found.values())

    async def _contradiction(self, found: dict[str, IntegrityFinding], evidence: Evidence, *, is_proved: bool) -> None:
        """`is_proved`: the post has seen both signatures. Else only a file that shows them accuses anybody."""
        key = f"{evidence.journal}#{evidence.seq}"
        office = self.books.seat_of_node(evidence.journal.origin)
        if key in found or office is None:
            return
        is_known = self.look.is_known("I1", key)
        proof = None
        if not is_known:
            run = proofs.find_run(evidence)
            if is_proved:
                proof = await proofs.fork_file(self.books, evidence)
            elif run is not None:
                proof = await proofs.suspect_file(self.books, run, [slip for slip, _ in self.look.asked.slips])
        if not is_proved and not is_known and proof is None:
            return
        found[key] = IntegrityFinding(
            code="I1",
            severity=Severity.RED,
            office=office,
            key=key,
            evidence=((evidence.journal, evidence.seq),),
            facts={
                "device": evidence.journal.origin,
                "journal": str(evidence.journal),
                "seq": evidence.seq,
            },
            journal=evidence.journal,
            since=evidence.at,
            proof=proof,
        )

    # --- I2 --------------------------------------------------------------------------------------------------------

    async def rollbacks(self) -> list[IntegrityFinding]:
        """Openings that forget what their device had signed."""
        found: dict[str, IntegrityFinding] = {}
        for evidence in self.look.evidence:
            if evidence.code != "rollback":
                continue
            former = evidence.journal
            opening = await self._opening(former, evidence.hash)
            office = self.books.seat_of_node(former.origin)
            if opening is None or office is None:
                continue
            key = str(opening.journal)
            is_known = self.look.is_known("I2", key)
            found[key] = IntegrityFinding(
                code="I2",
                severity=self._judge_opening(opening),
                office=office,
                key=key,
                evidence=((opening.journal, 0),),
                facts={"device": former.origin, "journal": key, "named": evidence.seq},
                journal=former,
                since=evidence.at,
                proof=None if is_known else await proofs.rollback_file(self.books, opening, former, evidence.seq),
            )
        return list(found.values())

    async def _opening(self, former: JournalId, digest: bytes) -> Stored | None:
        for journal in self.books.epochs_of.get(former.origin, ()):
            if journal.epoch.ordinal == former.epoch.ordinal + 1:
                held = await proofs.held_at(self.books, (journal, 0))
                if held is not None and held.hash == digest:
                    return held
        return None

    def _judge_opening(self, opening: Stored) -> Severity:
        opened = line_body(opening, EpochOpened)
        reported = self._reported(opening.journal.origin)
        return judge_rollback(opening.at, reported, is_stated=opened is not None and opened.restored)

    def _reported(self, node: NodeId) -> list[Instant]:
        """When an office above said that a device is lost, or that another takes its place."""
        said = [entry.at for entry, body in self.look.revoked if body.node == node]
        return said + [entry.at for entry, body in self.look.enrolled if body.certificate.enrolment.replaces == node]

    # --- I4 --------------------------------------------------------------------------------------------------------

    async def held_back(self) -> list[IntegrityFinding]:
        """What a relay signed for and the county has not."""
        books = self.books
        found: list[IntegrityFinding] = []
        behind = [row for row in self.look.receipts if row.size > books.tips.get(row.journal, Tip()).size]
        behind = [row for row in behind if self._is_relay(row)]
        forked = {evidence.journal for evidence in self.look.evidence if evidence.code == "fork"}
        for row in behind:
            held = books.tips.get(row.journal, Tip()).size
            key = f"{row.holder} {row.journal}"
            receipt = None
            severity: Severity | None = Severity.RED
            if not self.look.is_known("I4", key):
                receipt = await proofs.find_first_receipt(books, row.holder, row.journal, held)
                severity = self._judge_withheld(row, receipt, row.journal in forked)
            if severity is None:
                continue
            place = (receipt.journal, receipt.seq) if receipt is not None else (row.journal, held)
            found.append(
                IntegrityFinding(
                    code="I4",
                    severity=severity,
                    office=row.office,
                    key=key,
                    evidence=(place,),
                    facts={
                        "relay": row.office,
                        "journal": str(row.journal),
                        "receipted": row.size,
                        "held": held,
                        "received_at": row.at,
                    },
                    journal=row.journal,
                    since=row.at,
                    proof=(
                        await proofs.withheld_up_file(books, receipt, row.journal, self.look.now)
                        if receipt is not None
                        else None
                    ),
                )
            )
        return found

    def _is_relay(self, row: ReceiptRow) -> bool:
        """Whether it is the office between, on the device that works there now: a lost one can pass nothing on."""
        seat = self.books.seat_of_node(row.journal.origin)
        return (
            seat is not None
            and row.office not in (seat, self.books.seat.office)
            and within(seat, row.office)
            and self.books.children.get(row.office) == row.holder
        )

    def _judge_withheld(self, row: ReceiptRow, receipt: Stored | None, is_contradicted: bool) -> Severity | None:
        if receipt is None:
            return None
        behind = Behind(
            _signed_at(receipt, row),
            not receipt.loose,
            self.look.asked_at(row.journal),
            self.look.heard_at(row.holder),
            is_contradicted,
            row.holder in self.look.disturbed,
        )
        return judge_withheld(behind, self.look.settled_at, self.look.now)

    # --- I5 --------------------------------------------------------------------------------------------------------

    async def slips(self) -> list[IntegrityFinding]:
        """Slips in residents' hands that the journals do not bear out."""
        found: list[IntegrityFinding] = []
        first: dict[SlipStatement, Instant] = {}
        for slip, at in self.look.asked.slips:
            first[slip] = Instant(min(at, first.get(slip, at)))
        for slip, presented_at in first.items():
            held = await proofs.held_at(self.books, (slip.journal, slip.seq))
            office = self.books.seat_of_node(slip.origin)
            if office is None or (held is not None and held.hash == slip.hash):
                continue
            disowning = await proofs.find_disowning(self.books, slip) if held is None else None
            if held is None and disowning is None and self._is_receipted(slip):
                continue  # its device has passed it on: whoever signed for it has to answer (I4)
            severity = judge_slip(
                slip.at,
                presented_at,
                self.look.now,
                is_other=held is not None,
                is_excused=self._is_excused(slip, presented_at),
            )
            if disowning is not None:
                severity = self._judge_opening(disowning)
            if severity is None:
                continue
            key = f"{slip.journal}#{slip.seq} {slip.hash[:PREFIX_BYTES].hex()}"
            is_known = self.look.is_known("I5", key)
            found.append(
                IntegrityFinding(
                    code="I5",
                    severity=severity,
                    office=office,
                    key=key,
                    evidence=((slip.journal, slip.seq),),
                    facts={
                        "journal": str(slip.journal),
                        "seq": slip.seq,
                        "slip_at": slip.at,
                        "fault": _fault_of(held, disowning),
                    },
                    journal=slip.journal,
                    since=slip.at,
                    proof=None
                    if is_known
                    else await proofs.slip_file(self.books, slip, held, disowning, self.look.now),
                )
            )
        return found

    def _is_receipted(self, slip: SlipStatement) -> bool:
        return any(row.size > slip.seq for row in self.look.receipts_of.get(slip.journal, ()))

    def _is_excused(self, slip: SlipStatement, presented_at: Instant) -> bool:
        """Whether the device is lost, was silent since, or pieces of its journal are still coming."""
        is_on_its_way = slip.journal in self.books.blocked or self.look.asked_at(slip.journal) is not None
        is_gone = self.look.is_lost(slip.origin) or slip.origin in self.look.disturbed
        is_moving = self.look.brought_at(slip.journal) > presented_at
        is_silent = self.look.heard_at(slip.origin) <= presented_at + WITHHELD_MS
        return is_gone or is_on_its_way or is_moving or is_silent

    # --- I7 --------------------------------------------------------------------------------------------------------

    def silence(self) -> list[IntegrityFinding]:
        """Seats of which nothing was heard: by the county's own times, those of the beacons that they name."""
        heard = self._last_heard()
        places = {entry.journal.origin: (entry.journal, entry.seq) for entry, _ in self.look.pins}
        found: list[IntegrityFinding] = []
        for seat, days, severity in judge_silence(
            {seat: at for seat, (at, _) in heard.items()}, self.look.now, self.look.asked.workdays
        ):
            at, node = heard[seat]
            place = places.get(node) or self.books.enrolled_by.get(node)
            if place is None:
                continue
            found.append(
                IntegrityFinding(
                    code="I7",
                    severity=severity,
                    office=seat,
                    key=seat,
                    evidence=(place,),
                    facts={"office": seat, "days": days, "heard_at": at},
                    since=at,
                )
            )
        return found

    def _last_heard(self) -> dict[OfficeId, tuple[Instant, NodeId]]:
        """Seat → when its newest device was last heard, by the beacons that it named, by its line, or enrolled."""
        present: dict[OfficeId, tuple[Instant, NodeId]] = {}
        for _, body in self.look.enrolled:
            enrolment = body.certificate.enrolment
            known = present.get(enrolment.office)
            is_gone = self.look.is_lost(enrolment.node) or parent_seat(enrolment.office) is None
            if not is_gone and (known is None or known[0] <= enrolment.at):
                present[enrolment.office] = (enrolment.at, enrolment.node)
        for seat, (at, node) in present.items():
            present[seat] = (Instant(max(at, self.look.heard_at(node))), node)
        return present

    # --- I3 --------------------------------------------------------------------------------------------------------

    async def damage(self) -> list[IntegrityFinding]:
        """What verification found, and what the county signed for and has no more."""
        books = self.books
        own = min(books.epochs_of.get(books.seat.node) or [JournalId(books.seat.node, Epoch(0, bytes(6)))])
        found: list[IntegrityFinding] = []
        for code, where in self.look.asked.faults:
            severity = judge_damage(self.look.settled_at, self.look.now, is_missing=code in ("missing", "cut_off"))
            found.append(self._damage(severity, f"{code} {where}", where, code, (own, 0), None))
        for row in self.look.receipts:
            held = books.tips.get(row.journal, Tip()).size
            if row.office != books.seat.office or row.size <= held:
                continue
            key = f"forgotten {row.journal}"
            receipt = (
                await proofs.find_receipt(books, row.holder, row.journal, held)
                if not self.look.is_known("I3", key)
                else None
            )
            proof = None
            if receipt is not None:
                proof = await proofs.county_damage_file(books, receipt, row.journal, self.look.now)
            severity = judge_damage(self.look.settled_at, self.look.now, is_missing=True)
            place = (row.journal, held)
            finding = self._damage(severity, key, str(row.journal), "forgotten", place, proof)
            found.append(replace(finding, journal=row.journal))
        return found

    def _damage(
        self, severity: Severity, key: str, where: str, fault: str, place: EntryKey, proof: bytes | None
    ) -> IntegrityFinding:
        return IntegrityFinding(
            code="I3",
            severity=severity,
            office=self.books.seat.office,
            key=key,
            evidence=(place,),
            facts={"where": where, "fault": fault},
            since=self.look.now,
            proof=proof,
        )


def _signed_at(receipt: Stored, row: ReceiptRow) -> Instant:
    """When a receipt was signed. The row is about the newest one of its holder."""
    body = line_body(receipt, Receipted)
    return body.at if body is not None else row.at


def _fault_of(held: Stored | None, disowning: Stored | None) -> str:
    """What a slip shows, as `hub.audit.words` has it."""
    if held is not None:
        return "other_entry"
    return "disowned" if disowning is not None else "not_reached"
