"""What offices between do to the devices below them: decisions kept from a village, false devices, false revocations.

A thin reader over `hub.audit.integrity_facts`; judges nothing itself (`hub.audit.integrity`), writes nothing.
Next: `hub.audit.integrity_proofs` (the files), `hub.audit.integrity_reading` (the other looks).
Sources: RULINGS A12, A14.
"""

from collections.abc import Sequence

from hub.audit import integrity_proofs as proofs
from hub.audit.integrity import (
    WITHHELD_MS,
    IntegrityFinding,
    judge_enrolment,
)
from hub.audit.integrity_facts import CHUNK, RECENT_BEACONS, Look
from hub.audit.rule import Severity
from schemas.codec import PREFIX_BYTES
from schemas.names import Instant, JournalId, NodeId, OfficeId, parent_seat
from schemas.wire import (
    KIND_COUNTERSIGNED,
    KIND_WATERMARKED,
    Countersigned,
    Enrolled,
    Pinned,
    Revoked,
    Watermarked,
)
from sync.books import line_body
from sync.ports import ReceiptRow, Stored


class DeviceLooks:
    """Findings about what stands between the county and a device."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.books = look.books

    # --- I8 --------------------------------------------------------------------------------------------------------

    async def missing_below(self) -> list[IntegrityFinding]:
        """What seats say that they lack, although the office between has it."""
        lacking = [(entry, body) for entry, body in self.look.pins if body.missing and body.beacon_at is not None]
        if not lacking:
            return []
        marks = await self._marks()
        found: dict[str, IntegrityFinding] = {}
        for pin, body in lacking:
            seat = self.books.seat_of_node(pin.journal.origin)
            for prefix in body.missing:
                key = f"{seat} {prefix.hex()}"
                if seat is None or key in found:
                    continue
                finding = await self._withheld_down(key, seat, prefix, pin, body, marks)
                if finding is not None:
                    found[key] = finding
        return list(found.values())

    async def _marks(self) -> list[tuple[Stored, Watermarked]]:
        """The watermarks of the last days, the oldest first: what a seat lacks longer it says no more than at first."""
        after = self.look.beacons[-3 * RECENT_BEACONS][0].arrival if len(self.look.beacons) >= 3 * RECENT_BEACONS else 0
        found: list[tuple[Stored, Watermarked]] = []
        while page := await self.books.store.entries_of_kind(KIND_WATERMARKED, after=after, limit=CHUNK):
            after = page[-1].arrival
            found += [
                (entry, body)
                for entry in page
                if (body := line_body(entry, Watermarked)) is not None and self.look.is_ours(entry)
            ]
        return found

    async def _withheld_down(
        self,
        key: str,
        seat: OfficeId,
        prefix: bytes,
        pin: Stored,
        body: Pinned,
        marks: Sequence[tuple[Stored, Watermarked]],
    ) -> IntegrityFinding | None:
        mark = next((one for one in marks if one[1].office == seat and prefix in _listed(one[1])), None)
        above = parent_seat(seat)
        if mark is None or above is None or above == self.books.seat.office:
            return None
        having = await self._having(above, prefix, mark[0], marks)
        if not having:
            return None
        is_known = self.look.is_known("I8", key)
        proof = None if is_known else await proofs.withheld_down_file(self.books, mark[0], pin, having)
        if (body.beacon_at or 0) < mark[1].beacon_at + WITHHELD_MS:
            return None
        return IntegrityFinding(
            code="I8",
            severity=Severity.YELLOW if having[-1].journal.origin in self.look.disturbed else Severity.RED,
            office=above,
            key=key,
            evidence=tuple((one.journal, one.seq) for one in (pin, *having)),
            facts={
                "seat": seat,
                "relay": above,
                "entry": prefix.hex(),
                "listed_at": mark[1].beacon_at,
                "missing_at": body.beacon_at or 0,
            },
            since=mark[1].beacon_at,
            proof=proof,
        )

    async def _having(
        self, above: OfficeId, prefix: bytes, mark: Stored, marks: Sequence[tuple[Stored, Watermarked]]
    ) -> list[Stored]:
        """What shows that the office between had an entry: the entry, if it wrote it; or its pin of a list with it."""
        for listed, body in marks:
            if body.office != above or prefix not in _listed(body):
                continue
            for pin, said in self.look.pins:
                is_answer = said.watermark is not None and listed.hash.startswith(said.watermark)
                if is_answer and self.books.seat_of_node(pin.journal.origin) == above and prefix not in said.missing:
                    return [listed, pin]
        before = [entry.arrival for entry, _ in self.look.beacons if entry.arrival < mark.arrival]
        after = before[-2] if len(before) > 1 else 0
        while page := await self.books.store.entries_since(after, CHUNK):
            after = page[-1].arrival
            for entry in page:
                if entry.hash.startswith(prefix):
                    is_author = self.books.seat_of_node(entry.journal.origin) == above
                    return [entry] if is_author else []
            if after >= mark.arrival:
                return []
        return []

    # --- A14 -------------------------------------------------------------------------------------------------------

    async def enrolments(self) -> list[IntegrityFinding]:
        """Devices that a township enrolled beside one that was still at work, unless the county confirmed them."""
        books = self.books
        confirmed = {
            body.node
            for entry in await books.store.entries_of_kind(KIND_COUNTERSIGNED)
            if (body := line_body(entry, Countersigned)) is not None and self.look.is_ours(entry)
        }
        pinned = self._latest_pins()
        enrolled_at = {body.certificate.enrolment.node: body.certificate.enrolment.at for _, body in self.look.enrolled}
        found: list[IntegrityFinding] = []
        for entry, body in self.look.enrolled:
            new = body.certificate.enrolment
            author = books.seat_of_node(entry.journal.origin)
            if author is None or author == books.seat.office:
                continue
            for former in books.keyring.devices_of(new.office):
                pin = pinned.get(former.node)
                if former.node == new.node or pin is None or books.keyring.is_revoked(former.node):
                    continue
                if enrolled_at.get(former.node, new.at) >= new.at:
                    continue
                seen = pin[1].beacon_at or Instant(0)
                severity = judge_enrolment((entry.at, new.at), seen, is_confirmed=new.node in confirmed)
                if severity is not None:
                    found.append(await self._false_enrolment(entry, body, author, pin, severity))
        return found

    async def _false_enrolment(
        self, entry: Stored, body: Enrolled, author: OfficeId, pin: tuple[Stored, Pinned], severity: Severity
    ) -> IntegrityFinding:
        new = body.certificate.enrolment
        key = f"enrolled {new.node}"
        proof = None
        beacons = [lit for lit, beacon in self.look.beacons if beacon.at == pin[1].beacon_at]
        if beacons and not self.look.is_known("A14", key):
            proof = await proofs.false_enrolment_file(self.books, entry, pin[0], beacons[-1])
        return IntegrityFinding(
            code="A14",
            severity=severity,
            office=author,
            key=key,
            evidence=((entry.journal, entry.seq), (pin[0].journal, pin[0].seq)),
            facts={
                "relay": author,
                "seat": new.office,
                "device": new.node,
                "former": pin[0].journal.origin,
                "fault": "false_enrolment",
            },
            since=entry.at,
            proof=proof,
        )

    def _latest_pins(self) -> dict[NodeId, tuple[Stored, Pinned]]:
        """Device → its pin that names the county's latest beacon."""
        lit = {beacon.at for _, beacon in self.look.beacons}
        latest: dict[NodeId, tuple[Stored, Pinned]] = {}
        for entry, body in self.look.pins:
            if body.beacon_at not in lit:
                continue
            known = latest.get(entry.journal.origin)
            if known is None or (known[1].beacon_at or 0) <= (body.beacon_at or 0):
                latest[entry.journal.origin] = (entry, body)
        return latest

    async def revocations(self) -> list[IntegrityFinding]:
        """Revocations at a position below what the revoker itself had signed for."""
        books = self.books
        found: list[IntegrityFinding] = []
        for entry, body in self.look.revoked:
            author = entry.journal.origin
            office = books.seat_of_node(author)
            if office is None or office == books.seat.office:
                continue
            journals = books.epochs_of.get(body.node, ())
            for row in (row for journal in journals for row in self.look.receipts_of.get(journal, ())):
                if row.holder != author or row.size <= self._named(author, row.journal):
                    continue
                finding = await self._false_revocation(entry, body, office, row)
                if finding is not None:
                    found.append(finding)
        return found

    def _named(self, author: NodeId, journal: JournalId) -> int:
        """The highest position that this device names of a journal, in whatever revocation."""
        sizes = (
            size.size
            for entry, body in self.look.revoked
            if entry.journal.origin == author and body.node == journal.origin
            for size in body.positions
            if size.journal == journal
        )
        return max(sizes, default=0)

    async def _false_revocation(
        self, entry: Stored, body: Revoked, office: OfficeId, row: ReceiptRow
    ) -> IntegrityFinding | None:
        key = f"revoked {row.journal}"
        is_known = self.look.is_known("A14", key)
        receipt = None
        if not is_known:
            receipt = await proofs.find_receipt(
                self.books, row.holder, row.journal, self._named(row.holder, row.journal)
            )
            if receipt is None or await proofs.openings_between(self.books, receipt, entry) is None:
                return None
        return IntegrityFinding(
            code="A14",
            severity=Severity.RED,
            office=office,
            key=key,
            evidence=((entry.journal, entry.seq),),
            facts={
                "relay": office,
                "seat": self.books.seat_of_node(body.node) or "",
                "device": body.node,
                "fault": "false_revocation",
            },
            journal=row.journal,
            since=entry.at,
            proof=await proofs.false_revocation_file(self.books, entry, receipt) if receipt is not None else None,
        )


def _listed(mark: Watermarked) -> set[bytes]:
    stated = mark.addressed.prefixes
    return {stated[start : start + PREFIX_BYTES] for start in range(0, len(stated), PREFIX_BYTES)}
