"""Enrolling a device again whose enrolment nobody above believes any more, and with it those that worked before it.

An office above that burnt before it told the county has enrolled devices past the position at which it was revoked
(RULINGS A14): nothing that they write is believed, for ever. One that is there still is certified once more, by its
present office above, in its own home with its own keys. One that is gone cannot ask; whoever followed it at its seat
shows its certificate and how far it holds the journals, and the office above certifies it as well and ends it there, in
the same act. That gives nobody more power: it is the same seat, which could write the same in its own name, and what is
past the stated positions counts for nothing.
Never trusts a certificate without the signature of an issuer that is known here, never lets more count than the asking
device holds up to where the other was ended, and never touches a device that is believed. Reads the store, and no more.
Next: `sync.enrolment` (certificates), `office.enrolling` (codes), `office.founding` (the device's side).
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from schemas.codec import encode
from schemas.names import NUMBER_MAX, Instant, JournalId, NodeId, OfficeId, node_id, valid_epoch, within
from schemas.wire import (
    KIND_ENROLLED,
    KIND_REVOKED,
    Certificate,
    Enrolled,
    Enrolment,
    Revoked,
    Size,
)
from sync.books import Books, line_body
from sync.core.errors import Fault, RemoteFault
from sync.core.journal import Draft
from sync.enrolment import admit_certificate, admit_chain, certify
from sync.keys import PublicKeys
from sync.ports import Stored
from sync.recovery import after_parent_replaced
from sync.revoking import held_positions

FORMER_MAX: Final = 4
"""Devices of one seat that were enrolled while its office above told nobody, and lost one after another."""

FORMER_POSITIONS_MAX: Final = 60
"""Journals that are stated of one former device: two months of daily starts without a word from the office above. Four
devices with so many fill 12 KiB of a request's 16."""


class Former(Struct, frozen=True, array_like=True):
    """A device that worked for the seat before: its certificate, and how far its successor holds its journals."""

    certificate: Certificate
    positions: list[Size]


# --- the device's side ---------------------------------------------------------------------------------------------


async def former_devices(books: Books) -> list[Former]:
    """The devices before this one at its seat of which it holds anything, the latest first.

    Followed from certificate to certificate, believed or not: with their issuer they may have become unbelievable. Of
    several certificates for a device, and of several ends, the first that came here holds: a thief who has the issuer's
    machine now cannot change it.
    """
    known = _certificates(books, await books.store.entries_of_kind(KIND_ENROLLED))
    ends = _ends(books, await books.store.entries_of_kind(KIND_REVOKED))
    own = [known.get(books.seat.node), books.seat.chain[-1]]
    waiting = deque(certificate.enrolment.replaces for certificate in own if certificate is not None)
    seen = {books.seat.node}
    found: list[Former] = []
    while waiting and len(found) < FORMER_MAX:
        node = waiting.popleft()
        if node is None or node in seen or node not in known:
            continue
        seen.add(node)
        waiting.append(known[node].enrolment.replaces)
        positions = _newest(_counted(held_positions(books, node), ends.get(node)))
        if positions:
            found.append(Former(known[node], positions))
    return found


def _certificates(books: Books, entries: Sequence[Stored]) -> dict[NodeId, Certificate]:
    """Device of this seat → the first certificate of it that came, in its issuer's journal and signed by the issuer."""
    found: dict[NodeId, Certificate] = {}
    for entry in sorted(entries, key=lambda one: one.arrival):
        enrolled = line_body(entry, Enrolled)
        if enrolled is None:
            continue
        certificate = enrolled.certificate
        enrolment = certificate.enrolment
        if (
            enrolment.node not in found
            and entry.journal.origin == enrolment.issuer
            and _is_good(books, books.seat.office, certificate)
        ):
            found[enrolment.node] = certificate
    return found


def _ends(books: Books, entries: Sequence[Stored]) -> dict[NodeId, dict[JournalId, int]]:
    """Device → the positions at which an office above first ended it, believed or not.

    One that was started so often that it takes several entries to name them is known above (A14).
    """
    ends: dict[NodeId, dict[JournalId, int]] = {}
    for entry in sorted(entries, key=lambda one: one.arrival):
        revoked, author = line_body(entry, Revoked), books.seat_of_node(entry.journal.origin)
        if revoked is None or author in (None, books.seat.office) or not within(books.seat.office, author):
            continue
        ends.setdefault(revoked.node, {position.journal: position.size for position in revoked.positions})
    return ends


def _counted(held: Sequence[Size], ends: Mapping[JournalId, int] | None) -> list[Size]:
    """How far a device's journals are held, up to where it was ended: nobody vouches for what came in past that."""
    if ends is None:
        return list(held)
    counted = [Size(size.origin, size.epoch, min(size.size, ends.get(size.journal, 0))) for size in held]
    return [size for size in counted if size.size > 0]


def _newest(positions: Sequence[Size]) -> list[Size]:
    """As many positions as may be stated, those of the newest epochs, in their order."""
    return sorted(positions, key=lambda size: size.epoch)[-FORMER_POSITIONS_MAX:]


async def follow(books: Books, chain: Sequence[Certificate]) -> None:
    """Take the device that stands above us by a new chain of ours, which a person got for us with a sheet.

    What was meant for the one before goes to it. Unlike `recovery.meet` it need not have followed that one as far as is
    known here. Stages; `Ledger.perform` commits. Raises what `check_chain` does.
    """
    check_chain(books, chain)
    books.keyring = admit_chain(books.keyring, books.seat.root, chain)
    above, known = chain[-2].enrolment.node, books.parent
    if above != known:
        books.adopt_parent(above)
        await after_parent_replaced(books, known)


def check_chain(books: Books, chain: Sequence[Certificate]) -> None:
    """Refuse a chain that leads through a device known here to be revoked: a thief may answer with its keys.

    Raises `RemoteFault` `revoked_issuer`.
    """
    if any(books.keyring.is_revoked(certificate.enrolment.node) for certificate in chain):
        raise RemoteFault("revoked_issuer", "a revoked device enrolled the node above; ask the county for a new sheet")


# --- the issuer's side ---------------------------------------------------------------------------------------------


def is_believed(books: Books, node: NodeId) -> bool:
    """Whether a device is known here by an enrolment that counts: one that came before its issuer's revocation, and
    lies past it, is remembered but believed nowhere else.
    """
    entry = books.enrolled_by.get(node)
    return books.keyring.find(node) is not None and (entry is None or books.keyring.counts(*entry))


def vouched(books: Books, office: OfficeId, node: NodeId, former: Sequence[Former]) -> list[Former]:
    """Of the former devices that a device of a seat names, those to be enrolled with it, the oldest first.

    Of the same seat and county, with keys that fit, signed by an issuer known here, revoked or not; nothing of one that
    is believed already changes.
    """
    found: dict[NodeId, Former] = {}
    for one in reversed(former[:FORMER_MAX]):
        name = one.certificate.enrolment.node
        positions = [size for size in one.positions if _is_possible(size, name)]
        if positions and name != node and not is_believed(books, name) and _is_good(books, office, one.certificate):
            found.setdefault(name, Former(one.certificate, _newest(positions)))
    return list(found.values())


def check_may_return(books: Books, office: OfficeId, node: NodeId) -> None:
    """Refuse a device that was ended or followed at its seat: enrolled again, it could not talk to anybody.

    Raises `RemoteFault` `revoked_device` or `replaced_device`.
    """
    if books.keyring.is_revoked(node):
        raise RemoteFault("revoked_device", "this device was revoked; enrol a new one with a new code")
    if (office, node) in books.replaced:
        raise RemoteFault("replaced_device", "another device took this one's place; use that one, or enrol anew")


def _is_possible(size: Size, node: NodeId) -> bool:
    return size.origin == node and valid_epoch(size.epoch) and 0 < size.size <= NUMBER_MAX


def _is_good(books: Books, office: OfficeId, certificate: Certificate) -> bool:
    """Whether a certificate is one for this seat by a device known here that may issue it, revoked or not."""
    if certificate.enrolment.office != office:
        return False
    try:
        admit_certificate(books.keyring, books.seat.root, certificate)
    except Fault:
        return False
    return True


def enrolling(
    books: Books,
    office: OfficeId,
    keys: PublicKeys,
    present: NodeId | None,
    former: Sequence[Former],
    at: Instant,
    reason: str,
) -> list[Draft]:
    """What an issuer writes to enrol a device, and with it the former ones of its seat (`vouched`).

    Each follows the one before, the first of them `present`, the device that works for the seat by what is believed
    here. The asking one comes first: so the seat is never given to one of the others. Raises `RemoteFault` for what
    nobody would believe.
    """
    node, keyring = node_id(keys.log), books.keyring
    line = [one.certificate.enrolment for one in former]
    names = {node, *(enrolment.node for enrolment in line)}
    before = next((one for one in _predecessors(books, node, present, line) if one not in names), None)
    certificates: list[Certificate] = []
    for name, public in [*((e.node, PublicKeys(e.log_key, e.cosigner_key)) for e in line), (node, keys)]:
        enrolment = Enrolment(
            books.seat.root.county, name, office, public.log, public.cosigner, books.seat.node, at, before
        )
        certificates.append(certify(books.seat.signer, enrolment))
        keyring = admit_certificate(keyring, books.seat.root, certificates[-1])
        before = name
    drafts = [_enrolled(certificates[-1])]
    for certificate, one in zip(certificates, former, strict=False):
        drafts.append(_enrolled(certificate))
        name = certificate.enrolment.node
        if not books.keyring.is_revoked(name):
            drafts.append(Draft(KIND_REVOKED, None, encode(Revoked(name, one.positions, reason))))
    return drafts


def _predecessors(books: Books, node: NodeId, present: NodeId | None, line: Sequence[Enrolment]) -> list[NodeId]:
    """Which device the first of a line may follow, the likeliest first."""
    candidates = [present, books.predecessors.get(node), line[0].replaces if line else None]
    return [candidate for candidate in candidates if candidate is not None]


def _enrolled(certificate: Certificate) -> Draft:
    return Draft(KIND_ENROLLED, None, encode(Enrolled(certificate)))
