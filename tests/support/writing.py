"""A journal written by hand, outside any ledger: to judge what `sync.core.journal` makes of it, and for attackers."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from schemas.names import SALT_BYTES, CaseId, Epoch, Instant, JournalId, OfficeId
from schemas.wire import Checkpoint, Excerpt, Line, Proof, Run, attestation
from sync.core import note
from sync.core.journal import Draft, Tip, seal
from sync.core.merkle import Frontier, inclusion_proof, root_of
from sync.keys import Ed25519Signer, verify_ed25519

COUNTY_NAME: Final = "cangxi"
VILLAGE: Final = OfficeId("510824100201")
CASE: Final = CaseId(b"case" * 4)
AT: Final = Instant(1_700_000_000_000)
DEVICE: Final = Ed25519Signer.create(b"l" * 32 + b"c" * 32)
THIEF: Final = Ed25519Signer.create(b"t" * 32 + b"u" * 32)
JOURNAL: Final = JournalId(DEVICE.node, Epoch(1, b"nonce1"))


class Written(Struct):
    """Lines of one journal with their hashes; `tip` is where it stands."""

    journal: JournalId
    lines: list[Line]
    links: list[bytes]
    tip: Tip

    def run(self, start: int = 0, stop: int | None = None, checkpoints: Sequence[int] | None = None) -> Run:
        """Entries start … stop - 1 as their owner sends them, signed at these sizes (the end unless named)."""
        end = len(self.lines) if stop is None else stop
        prev = self.links[start - 1] if start else bytes(32)
        signed = [self.checkpoint(size) for size in (checkpoints if checkpoints is not None else [end])]
        return Run(self.journal.origin, self.journal.epoch, start, prev, self.lines[start:end], signed)

    def checkpoint(self, size: int, signer: Ed25519Signer = DEVICE) -> Checkpoint:
        """The first `size` entries, signed."""
        return sign_head(self.journal, size, root_of(self.links[:size]), signer)

    def tip_at(self, size: int) -> Tip:
        """Where somebody stands who holds the first `size` entries."""
        return Tip(size, self.links[size - 1] if size else bytes(32), Frontier().extend(self.links[:size]))

    def excerpt(self, seq: int, *, attested: bool = False, proved_at: int | None = None) -> Excerpt:
        """One entry outside its run, with its own signature, a proof, or neither."""
        line = self.lines[seq]
        signature = DEVICE.sign(attestation(self.links[seq])) if attested else None
        proof = None
        if proved_at is not None:
            proof = Proof(self.checkpoint(proved_at), inclusion_proof(self.links, seq, proved_at))
        prev = self.links[seq - 1] if seq else bytes(32)
        carried = Line(line.head, line.salt, line.body, line.digest, signature)
        return Excerpt(self.journal.origin, self.journal.epoch, seq, prev, carried, proof)


def write(*bodies: bytes, journal: JournalId = JOURNAL, after: Written | None = None) -> Written:
    """Seal filings with these bodies, one after another, from the beginning or behind what is there."""
    return write_drafts(*(Draft("case.filed", CASE, body) for body in bodies), journal=journal, after=after)


def write_drafts(*drafts: Draft, journal: JournalId = JOURNAL, after: Written | None = None) -> Written:
    """Seal entries of any kind. The clock ticks a millisecond, the salts count up."""
    tip = after.tip if after else Tip()
    lines, links = (list(after.lines), list(after.links)) if after else ([], [])
    for draft in drafts:
        salt = bytes([tip.size]) * SALT_BYTES
        sealed, tip = seal(journal, tip, draft, Instant(AT + tip.size), salt)
        lines.append(sealed.line)
        links.append(sealed.hash)
    return Written(journal, lines, links, tip)


def message(journal: JournalId, size: int, root: bytes) -> bytes:
    """What the owner signs."""
    return note.note_message(note.checkpoint_text(note.origin_line(COUNTY_NAME, VILLAGE, journal), size, root))


def sign_head(journal: JournalId, size: int, root: bytes, signer: Ed25519Signer = DEVICE) -> Checkpoint:
    """Any size and root under a signature."""
    return Checkpoint(size, root, signer.sign(message(journal, size, root)))


def by_owner(journal: JournalId, checkpoint: Checkpoint) -> bool:
    """Whether the device signed this checkpoint."""
    text = message(journal, checkpoint.size, checkpoint.root)
    return verify_ed25519(DEVICE.public_keys.log, text, checkpoint.signature)


def attested_by_owner(journal: JournalId, link: bytes, signature: bytes) -> bool:
    """Whether the device attested this entry."""
    return verify_ed25519(DEVICE.public_keys.log, attestation(link), signature)
