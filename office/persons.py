"""The blind index of persons: which rows are about one person, for whoever can name that person and for nobody else.

A row holds a keyed digest of document and number (RULINGS C7): without this node's key nobody can try all numbers
against a stolen file, and no query lists persons. Never holds or returns a number. Next: `office.projection` (the
columns), `office.doorstep` (who asks).
"""

import hashlib
import hmac
import unicodedata
from typing import Final

MARK_BYTES: Final = 16
"""128 bits: a county has 10⁶ persons."""


def person_key(data_key: bytes) -> bytes:
    """The key of this index: one purpose, one key."""
    return hmac.digest(data_key, b"tongban persons 1", hashlib.sha256)


class PersonIndex:
    """Marks of persons under one node's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mark(self, document_type: str, document_number: str) -> bytes:
        """The mark of whoever this document is of, however its number is spelled."""
        if not document_number.isascii():
            document_number = unicodedata.normalize("NFKC", document_number)
        number = "".join(document_number.split()).upper()
        return hmac.digest(self._key, f"{document_type}\n{number}".encode(), "sha256")[:MARK_BYTES]
