"""A list of persons of one village, filed as one case: its parts, its fingerprint, its persons.

The rows travel as `roster.added` beside the filing, which names their number and their digest: a list that lost a part,
or gained one, shows. Never checks a row (`office.rosters` does, before anything is written). Next: `office.intake`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from schemas.casework.events import ROSTER_PARTS_MAX, ROSTER_ROWS_MAX, CaseFiled, RosterAdded
from schemas.casework.values import RosterRow
from schemas.codec import encode

PART_BYTES_MAX: Final = 28 * 1024
"""Of rows in one part: 4 KiB of the body's 32 are left for who wrote it."""

ROWS_MAX: Final = ROSTER_ROWS_MAX * ROSTER_PARTS_MAX
"""6,000 persons in one list."""


def digest_of(rows: Sequence[RosterRow]) -> bytes:
    """SHA-256 over the rows in their order, whatever parts they travel in."""
    return hashlib.sha256(encode(tuple(rows))).digest()


def sort_rows(rows: Iterable[RosterRow]) -> list[RosterRow]:
    """The rows in one order, whoever typed them: by document, then by the rest."""
    return sorted(rows, key=lambda row: (row.document_type, row.document_number, row.name, row.phone, row.note))


def split(rows: Iterable[RosterRow]) -> list[tuple[RosterRow, ...]]:
    """The rows in parts, each of which fits one entry."""
    parts: list[tuple[RosterRow, ...]] = []
    part: list[RosterRow] = []
    size = 0
    for row in rows:
        length = len(encode(row))
        if part and (len(part) == ROSTER_ROWS_MAX or size + length > PART_BYTES_MAX):
            parts.append(tuple(part))
            part, size = [], 0
        part.append(row)
        size += length
    return [*parts, tuple(part)] if part else parts


def rows_of(added: Iterable[RosterAdded]) -> tuple[RosterRow, ...]:
    """The rows over all parts, each part once, in their order: row 1 is the first one."""
    parts = {part.part: part.rows for part in added}
    return tuple(row for number in sorted(parts) for row in parts[number])


def is_whole(filing: CaseFiled, rows: Sequence[RosterRow]) -> bool:
    """Whether these are exactly the rows that the filing speaks of."""
    return filing.roster == digest_of(rows)
