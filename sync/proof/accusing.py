"""Checks a claim file against the county root's digest: certificates, every statement, and the claim computed anew.

Total over hostile input: a file is either proved, with exactly what it proves in `Accused`, or `Refused` with a code.
All of it or nothing: a statement or certificate on which the claim does not rest is refused too.
Next: `statements` (what is signed), `claims` (what that proves), `claim_words` (how it is said).
"""

from collections.abc import Mapping

from msgspec import Struct

from schemas.codec import Malformed
from schemas.names import NodeId, OfficeId
from sync.proof.believing import County, Refused
from sync.proof.claim_file import (
    STATEMENTS_MAX,
    ClaimFile,
    EntryStatement,
    ReceiptStatement,
    Statement,
    claim_from_bytes,
)
from sync.proof.claims import CLAIMS, Shown
from sync.proof.file import CERTIFICATES_MAX
from sync.proof.statements import Said, read_statements


class Accused(Struct, frozen=True):
    """What a good claim file proves, and against whom."""

    county: str
    claim: str
    form: str
    """Which of the claim's forms; empty where it has one."""
    against: NodeId
    office: OfficeId
    values: Mapping[str, str | int]


def check_claim(data: bytes, root: str) -> Accused:
    """Check a claim file's bytes against the 64 hexadecimal digits of the county root's digest. Raises `Refused`."""
    try:
        return _check(claim_from_bytes(data), root)
    except Malformed as fault:
        raise Refused(fault.code, fault.hint) from fault


def _check(file: ClaimFile, root: str) -> Accused:
    if len(file.certificates) > CERTIFICATES_MAX or not 0 < len(file.statements) <= STATEMENTS_MAX:
        raise Refused("too_large", "the file holds more certificates or statements than any claim needs")
    county = County(file.county, file.root_key, file.certificates, root)
    claim = CLAIMS.get(file.claim)
    if claim is None:
        raise Refused("unknown_claim", "this version of tongban-verify does not know the claim; use a newer one")
    said = read_statements(county, file.statements)
    shown = _resting_on_most(list(claim(said)), said)
    if len(_used(shown, said)) != len(file.statements):
        raise Refused("superfluous", "the file holds statements that prove nothing here; ask for it again")
    county.refuse_superfluous(map(_signer, file.statements))
    return Accused(county.name, file.claim, shown.form, shown.against, shown.office, shown.values)


def _resting_on_most(shown: list[Shown], said: Said) -> Shown:
    """The reading that needs the most statements."""
    if not shown:
        raise Refused("claim_fails", "everything in the file is signed, and it does not show what the file claims")
    return max(shown, key=lambda one: len(_used(one, said)))


def _used(shown: Shown, said: Said) -> set[int]:
    """Statements that a reading rests on, with the slips by which their entries are proved."""
    return {*shown.used, *(said.resting[index] for index in shown.used if index in said.resting)}


def _signer(statement: Statement) -> NodeId:
    """The device that a statement is of."""
    match statement:
        case EntryStatement():
            return statement.excerpt.origin
        case ReceiptStatement():
            return statement.holder
        case _:
            return statement.origin
