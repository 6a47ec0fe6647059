"""Who is enrolled by whom: certificates chained up to the county root, and the keyring they make.

Pure. Never trusts a certificate whose issuer is not already in the keyring (or is not the root), and never a device's
claim about its own seat. Revocations name positions, not times (RULINGS A14). Next: `sync.keys` (what a keyring does),
`sync.ledger` (when certificates arrive), `office.enrolling` (one-time codes and sheets).
"""

from collections.abc import Iterable

from schemas.names import parent_seat, valid_seat
from schemas.wire import Certificate, Enrolment, enrolment_message
from sync.core.errors import RemoteFault
from sync.keys import EnrolledDevice, Keyring, PublicKeys, Signer, root_digest


class Root:
    """The county's name, its root public key and how signatures are verified: what every node knows from its sheet."""

    def __init__(self, county: str, public_key: bytes) -> None:
        self.county = county
        self.public_key = public_key

    @property
    def digest(self) -> str:
        """The 64 hexadecimal digits printed on every enrolment sheet."""
        return root_digest(self.public_key)


def certify(signer: Signer, enrolment: Enrolment) -> Certificate:
    """The issuer's signature under an enrolment (log key, as every statement in a journal)."""
    return Certificate(enrolment, signer.sign(enrolment_message(enrolment)))


def admit_certificate(keyring: Keyring, root: Root, certificate: Certificate) -> Keyring:
    """The keyring with the certified device in it.

    Raises `RemoteFault`: `foreign_county`, `wrong_office`, `unknown_issuer`, `wrong_issuer` (only the seat above or the
    county may enrol), `bad_signature`; and those of `Keyring.with_device`, for impossible keys and for a device that
    has another seat: its checkpoints name its seat, so it keeps that for life.
    """
    enrolment = certificate.enrolment
    if enrolment.county != root.county:
        raise RemoteFault("foreign_county", "this certificate belongs to another county; check the enrolment sheet")
    if not valid_seat(enrolment.office):
        raise RemoteFault("wrong_office", "devices are enrolled for seats of 6, 9 or 12 digits; make a new certificate")
    message = enrolment_message(enrolment)
    if enrolment.issuer is None:
        good = parent_seat(enrolment.office) is None and keyring.verify(root.public_key, message, certificate.signature)
    else:
        issuer = keyring.find(enrolment.issuer)
        if issuer is None:
            raise RemoteFault("unknown_issuer", "the enrolling device is not known here yet; sync upward first")
        if parent_seat(enrolment.office) != issuer.office and parent_seat(issuer.office) is not None:
            raise RemoteFault("wrong_issuer", "only the office above or the county may enrol a device for this seat")
        good = keyring.verify_log(enrolment.issuer, message, certificate.signature)
    if not good:
        raise RemoteFault("bad_signature", "the certificate's signature is not its issuer's; ask for it again")
    keys = PublicKeys(enrolment.log_key, enrolment.cosigner_key)
    return keyring.with_device(EnrolledDevice(enrolment.node, enrolment.office, keys))


def admit_chain(keyring: Keyring, root: Root, chain: Iterable[Certificate]) -> Keyring:
    """`admit_certificate` for a chain that begins at the county's own device."""
    for certificate in chain:
        keyring = admit_certificate(keyring, root, certificate)
    return keyring
