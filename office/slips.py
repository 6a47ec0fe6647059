"""What the resident takes home: a number, and a query code that the journal knows only by its salted hash.

The code is derived from the filing's operation under this node's own key, so a form that is sent again, or a slip that
is opened again, shows the same one, and nothing has to store it (RULINGS B7).
Never writes and never logs a code. Next: `office.desk`, which files; `office.web.pages.filing`, which shows the slip.
"""

import hashlib
import hmac
from typing import Final

from schemas.casework.events import CaseFiled
from schemas.names import ALPHABET, Epoch, OfficerId
from schemas.refusals import Refused

SECRET_CHARACTERS: Final = 12
"""60 bits in base 32 (RULINGS B7): a slip's secret cannot be guessed over any line, and can be read aloud."""

SECRET_SALT_BYTES: Final = 8
SECRET_HASH_BYTES: Final = 16
"""A secret has 60 random bits, so 128 bits of hash bind it; both travel in every filing and do not compress."""


class SlipRefused(Refused):
    """This slip is not shown: it is another officer's, or its code cannot be made here."""


def reopened_secret(key: bytes, filing: CaseFiled | None, officer: OfficerId) -> str:
    """The query code of a filed case, for the officer who filed it. Raises `SlipRefused` for everybody else, and where
    the filing was made under another key: a replaced device has one of its own.
    """
    if filing is None or filing.officer != officer:
        raise SlipRefused(
            "slip_of_another",
            "凭条只能由登记收件的人员再次打开；请交该人员办理，或请群众凭编号查询。",
            "Only the officer who filed the case can open its slip again; ask them, or go by the number.",
        )
    secret = secret_of(key, filing.operation)
    if not is_secret_of(filing, secret):
        raise SlipRefused(
            "slip_elsewhere",
            "该凭条由原来的设备打印，本机无法再生成其查询码；请告知群众凭编号查询。",
            "Another device printed this slip, and its query code cannot be made here; go by the number.",
        )
    return secret


def secret_of(key: bytes, operation: bytes) -> str:
    """The query code of what `operation` filed."""
    digest = hmac.digest(key, b"tongban slip secret\n" + operation, "sha256")
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:SECRET_CHARACTERS])


def hash_secret(salt: bytes, secret: str) -> bytes:
    """SHA-256 over salt and secret, shortened. 60 random bits need no slow hash."""
    return hashlib.sha256(salt + secret.encode()).digest()[:SECRET_HASH_BYTES]


def is_secret_of(filing: CaseFiled, secret: str) -> bool:
    """Whether a resident typed the secret of this filing's slip. Blanks, dashes and small letters are forgiven."""
    plain = "".join(secret.upper().replace("-", "").split())
    salt, expected = filing.secret_hash[:SECRET_SALT_BYTES], filing.secret_hash[SECRET_SALT_BYTES:]
    return hmac.compare_digest(hash_secret(salt, plain), expected)


def mark_of(epoch: Epoch) -> str:
    """The 2 characters of tracking numbers that are drawn with the epoch: its nonce is (RULINGS B7)."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in epoch.nonce[:2])
