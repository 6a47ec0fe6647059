"""Which devices the county must know: those whose enrolment survives anywhere and is not held back by a revocation.

Read from the disks, not from any keyring. Next: `checkers`, which demands what these devices wrote.
"""

from collections.abc import Sequence

from schemas.names import NodeId
from schemas.wire import KIND_ENROLLED, Enrolled
from sync.books import Books, line_body
from tests.simulation.devices import Device


def certified_on(devices: Sequence[Device], county: Books) -> set[NodeId]:
    """Devices that the county knows, and those of which one of these disks has an enrolment that counts.

    In its issuer's own journal, for nowhere else may an enrolment stand (RULINGS A14). What a burnt office enrolled
    past the position at which it was revoked is held back until somebody enrols the device again.
    """
    found: set[NodeId] = set()
    for device in devices:
        for rows in device.disk.tables.entries.values():
            for entry in rows.values():
                enrolled = line_body(entry, Enrolled) if entry.kind == KIND_ENROLLED and county.counts(entry) else None
                if enrolled is not None and enrolled.certificate.enrolment.issuer == entry.journal.origin:
                    found.add(enrolled.certificate.enrolment.node)
    keyring = county.keyring
    return found | {device.node for office in keyring.offices() for device in keyring.devices_of(office)}
