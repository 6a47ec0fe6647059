"""What a resident's slip is worth: signed where the case is filed, checked at any office, remembered where it fails.

A slip whose entry is here, with its hash, is known, and a `tlog-proof` shows it to whoever trusts nobody. One whose
entry has not come yet is pending; one under whose number another entry stands contradicts its own device. Both are
remembered, for the audit (AUDIT 4.2, I5). A slip that its device did not sign is refused: it proves nothing.
Never accuses: `hub.audit.integrity` does. Next: `schemas.slips` (the bytes), `office.web.pages.slips` (the page).
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from office.tables import presented_slips
from schemas.codec import Malformed, decode, encode
from schemas.names import CaseId, Instant, OfficeId
from schemas.refusals import Refused
from schemas.slips import SlipStatement, read_slip, spell_slip
from sync.core import note
from sync.core.errors import LocalFault
from sync.core.merkle import inclusion_proof
from sync.core.slip import slip_message
from sync.excerpts import good_checkpoint_after
from sync.ports import Stored

if TYPE_CHECKING:
    from office.node import Node
    from sync.books import Books

LATE_MS: Final = 72 * 3600 * 1000
"""After so long an entry ought to be at the county, by whatever way (AUDIT 4.2, I5)."""


class SlipState(StrEnum):
    """How a slip stands here."""

    KNOWN = "known"
    """The entry is here, as signed."""
    PENDING = "pending"
    """The journal is not held here as far as that."""
    MISMATCH = "mismatch"
    """Another entry of the same device stands here under the number."""


class SlipRefused(Refused):
    """This is no slip of this county's."""


class Checked(Struct, frozen=True):
    """A good slip and how it stands here."""

    statement: SlipStatement
    state: SlipState
    office: OfficeId
    """The seat whose device signed it."""
    case: CaseId | None
    """Of a known one."""
    is_late: bool
    """Pending, and older than `LATE_MS` by its own time."""
    tlog_proof: str = ""
    """Of a known one, once a checkpoint covers it."""


class Presented(Struct, frozen=True):
    """A slip that was presented and whose entry was not here, or not this one."""

    statement: SlipStatement
    state: SlipState
    at: Instant
    """When, by this node's clock."""


def slip_of(books: "Books", entry: Stored) -> str:
    """The signed statement about a filing of this very device, spelled; empty for one of another device."""
    if entry.journal.origin != books.seat.node:
        return ""
    seat, at = books.seat, Instant(entry.at)
    message = slip_message(seat.root.county, seat.office, entry.journal, entry.seq, entry.hash, at)
    signature = seat.signer.sign(message)
    return spell_slip(SlipStatement(entry.journal.origin, entry.epoch, entry.seq, entry.hash, at, signature))


async def check_slip(node: "Node", text: str) -> Checked:
    """Check what somebody presents. Raises `SlipRefused` `not_a_slip`, `slip_of_unknown_device`, `slip_not_signed`."""
    try:
        statement = read_slip(text)
    except Malformed as malformed:
        raise SlipRefused(
            "not_a_slip",
            "这不是凭条上的签名码；请重新扫描整个二维码，或输入其中最长的一段。",
            "This is not the code of a slip; scan the whole QR code again, or type its longest part.",
        ) from malformed
    books = node.books
    office = books.seat_of_node(statement.origin)
    if office is None:
        raise SlipRefused(
            "slip_of_unknown_device",
            "本机不认识出具该凭条的设备；请在县中心核对，或待线路接通后再试。",
            "The device that signed this slip is not known here; check it at the county, or once the line is up.",
        )
    county, said = books.seat.root.county, statement
    message = slip_message(county, office, said.journal, said.seq, said.hash, said.at)
    if not books.keyring.verify_log(said.origin, message, said.signature):
        raise SlipRefused(
            "slip_not_signed",
            "该签名码不是由其所称的设备签名，可能被改动或伪造；请核对原单，必要时报县中心。",
            "The device that it names did not sign this code; it may be altered or forged. Look at the slip itself.",
        )
    held = await node.store.entries(statement.journal, statement.seq, statement.seq + 1)
    entry = held[0] if held else None
    if entry is None or entry.hash != statement.hash:
        state = SlipState.PENDING if entry is None else SlipState.MISMATCH
        now = node.clock.now()
        await _remember(node, Presented(statement, state, now))
        is_late = state is SlipState.PENDING and now - statement.at >= LATE_MS
        return Checked(statement, state, office, None, is_late)
    proof = await find_tlog_proof(books, entry)
    return Checked(statement, SlipState.KNOWN, office, entry.subject, is_late=False, tlog_proof=proof)


async def find_tlog_proof(books: "Books", entry: Stored) -> str:
    """The entry's `tlog-proof` (C2SP) under a checkpoint that its device signed; empty while none covers it.

    The leaf is the entry's hash, which stands as `extra` in the proof.
    """
    checkpoint = await good_checkpoint_after(books, entry.journal, entry.seq)
    leaves = await books.store.hashes(entry.journal, 0, checkpoint.size) if checkpoint is not None else []
    device = books.keyring.find(entry.journal.origin)
    if checkpoint is None or device is None or len(leaves) != checkpoint.size:
        return ""
    origin = note.origin_line(books.seat.root.county, device.office, entry.journal)
    key = note.VerifierKey(origin, note.ED25519, device.keys.log)
    text = note.checkpoint_text(origin, checkpoint.size, checkpoint.root)
    signed = note.format_note(text, [note.signature_line(key, checkpoint.signature)])
    path = tuple(inclusion_proof(leaves, entry.seq, checkpoint.size))
    return note.format_proof(note.TlogProof(entry.seq, path, signed, entry.hash))


async def list_presented(node: "Node") -> list[Presented]:
    """Every slip that was presented here and failed at that moment, by time."""
    query = select(presented_slips).order_by(presented_slips.c.at, presented_slips.c.hash)
    async with node.engines.read.connect() as connection:
        rows = (await connection.execute(query)).all()
    found: list[Presented] = []
    for row in rows:
        try:
            found.append(Presented(decode(row.statement, SlipStatement), SlipState(row.state), Instant(row.at)))
        except (Malformed, ValueError) as error:
            raise LocalFault("presented_slip_damaged", "a remembered slip cannot be read; run verify") from error
    return found


async def _remember(node: "Node", presented: Presented) -> None:
    """Once for each slip and state: whoever comes again adds nothing."""
    statement = presented.statement
    row = {
        "hash": statement.hash,
        "state": presented.state.value,
        "at": presented.at,
        "statement": encode(statement),
    }
    try:
        async with node.engines.write.begin() as connection:
            await connection.execute(insert(presented_slips).values(row))
    except IntegrityError:
        return
