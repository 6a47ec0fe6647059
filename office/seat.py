"""What a device keeps of its enrolment: the county, its root's public key, its certificate chain, the address above.

Public data, yet written like keys: half a file would make the device nobody. Never holds a private key. Next:
`office.enrolling` (where it comes from), `office.node` (who reads it).
"""

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from office.paths import Home, read_private, write_private
from schemas.wire import Certificate
from sync.books import Seat
from sync.core.errors import LocalFault
from sync.enrolment import Root, admit_chain
from sync.keys import Ed25519Signer, Keyring, refuse_simulation_keys, verify_ed25519

if TYPE_CHECKING:
    from office.vault import Vault


class SeatFile(Struct, frozen=True):
    """The file `seat.json`."""

    county: str
    root: bytes
    chain: list[Certificate]
    parent_address: str = ""
    county_address: str = ""
    """Of the county's node, as the office above knew it at the enrolment: for the second path."""


def save_seat(home: Home, seat: SeatFile) -> None:
    """Write the seat durably."""
    write_private(home.seat, msgspec.json.format(msgspec.json.encode(seat), indent=1))


def load_seat_file(home: Home) -> SeatFile:
    """The seat as written. Raises `LocalFault` `not_enrolled` or `bad_seat`."""
    if not home.seat.exists():
        raise LocalFault(
            "not_enrolled", f"{home.folder} holds no seat; run init at the county, or enrol with the code on the sheet"
        )
    content = read_private(home.seat, missing_hint="enrol this device again")
    try:
        return msgspec.json.decode(content, type=SeatFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LocalFault(
            "bad_seat", f"{home.seat} is damaged; put its backup back, or enrol this device anew"
        ) from error


def load_signer(home: Home, vault: "Vault | None" = None) -> Ed25519Signer:
    """The device's keys. `vault`: of a locked folder. Raises `LocalFault` when there are none, `Malformed` when the
    file is damaged.
    """
    content = read_private(home.keys, missing_hint="run init or enrol to make keys")
    return Ed25519Signer.from_bytes(content if vault is None else vault.open(home.keys.name, content))


def load_seat(home: Home, vault: "Vault | None" = None) -> Seat:
    """Who this device is, with its chain checked up to the root. Raises `LocalFault` or `RemoteFault`."""
    file = load_seat_file(home)
    signer = load_signer(home, vault)
    root = Root(file.county, file.root)
    keyring = admit_chain(Keyring(), root, file.chain)
    refuse_simulation_keys(signer, keyring)
    if not file.chain or file.chain[-1].enrolment.node != signer.node:
        raise LocalFault("foreign_seat", "the seat belongs to another device's keys; enrol this device anew")
    return Seat(signer, file.chain, root, verify_ed25519)
