"""What the device's signature on a resident's slip covers: «entry `seq` of this journal has this hash, I said so at».

A slip is the owner's own word about its journal in the resident's hand: whoever holds it can show that the journal
which the county holds is another, or does not reach so far. Pure; signs and verifies nothing.
Next: `sync.proof` (what a slip proves), `receipt.py`, `note.py` (the text).
"""

from schemas.names import Instant, JournalId, OfficeId
from sync.core import note


def slip_message(county: str, office: OfficeId, journal: JournalId, seq: int, link: bytes, at: Instant) -> bytes:
    """The note that the device's log key signs: a checkpoint's lines, and the claimed time in milliseconds as a fourth.

    Its origin is the journal's with `/slip` behind it, so a slip can never be read as a checkpoint of the journal.
    `seq` stands where a size would, the 32 bytes of the entry's hash where a root would. Raises `Malformed`.
    """
    text = note.checkpoint_text(f"{note.origin_line(county, office, journal)}/slip", seq, link)
    return note.note_message(f"{text}{at}\n")
