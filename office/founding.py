"""Making a node: its folder, its keys, the county's root, and the enrolment from the device's side.

The county's node is made by `found_county`: the root key signs the county's own device once and is then taken offline.
Every other device is made by `prepare_device` and gets its seat by `enrol_device`, which speaks to the address on the
sheet and sends the code only after that address has proved that it belongs to the county (`sync.http`). A device that
has its seat already is enrolled again in place, when those above it know or believe it no more: it keeps its key, its
journals and whatever it has not sent.
Never overwrites a key and never sends one anywhere. Next: `office.enrolling` (the issuer's side), `office.node`,
`sync.reenrolling`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from office.clock import SystemClock, SystemSalts
from office.database import database_url, open_engines
from office.enrolling import OFFICES_TOLD_MAX, Office, Reply, Sheet, make_request
from office.migrations import migrate
from office.node import DATA_KEY_BYTES, Node
from office.paths import Home, WritingLock, read_private, write_private
from office.seat import SeatFile, load_seat_file, load_signer, save_seat
from office.settings import load_settings, sample_settings
from office.tables import offices
from schemas.codec import decode
from schemas.divisions import Tier, division_code, tier_of
from schemas.names import NodeId, OfficeId
from schemas.wire import Certificate, Enrolment, enrolment_message
from sync.core.errors import LocalFault, RemoteFault
from sync.enrolment import Root, admit_chain
from sync.http import Wire, request_enrolment
from sync.keys import SEED_BYTES, SIGNER_ENTROPY_BYTES, Ed25519Key, Ed25519Signer, Keyring, root_digest, verify_ed25519
from sync.reenrolling import check_chain, follow, former_devices

COUNTY_NAME_CHARACTERS_MAX: Final = 60


def prepare_device(folder: Path) -> Home:
    """The folder of a new device with its keys and a settings file; what is already there stays as it is."""
    home = Home(folder)
    home.make()
    salts = SystemSalts()
    if not home.settings.exists():
        write_private(home.settings, sample_settings().encode())
    if not home.data_key.exists():
        write_private(home.data_key, salts.draw(DATA_KEY_BYTES))
    if not home.keys.exists():
        write_private(home.keys, Ed25519Signer.create(salts.draw(SIGNER_ENTROPY_BYTES)).to_bytes())
    return home


def found_county(folder: Path, office: OfficeId, name: str) -> str:
    """Make the county's node: root key, device keys, and the device's certificate. Returns the root's digest.

    A root key that lies in the folder is used again: then a new device of the same county is made. Raises `LocalFault`
    `already_enrolled` when the folder has a seat, `InvalidDivision` or `LocalFault` when it cannot be a county.
    """
    if tier_of(division_code(office)) is not Tier.COUNTY:
        raise LocalFault("not_county", "a county's code has 6 digits; the offices below are enrolled with their sheets")
    if not 0 < len(name) <= COUNTY_NAME_CHARACTERS_MAX or any(sign in name for sign in "/\n\x00+ "):
        raise LocalFault(
            "bad_county_name",
            f"name the county in at most {COUNTY_NAME_CHARACTERS_MAX} characters, no blanks or slashes",
        )
    home = prepare_device(folder)
    if home.seat.exists():
        raise LocalFault("already_enrolled", f"{home.folder} is a node already; choose another folder")
    if not home.root_key.exists():
        write_private(home.root_key, Ed25519Key(SystemSalts().draw(SEED_BYTES)).to_bytes())
    root = Ed25519Key.from_bytes(read_private(home.root_key, missing_hint="put the county's root key there"))
    signer = load_signer(home)
    keys = signer.public_keys
    enrolment = Enrolment(name, signer.node, office, keys.log, keys.cosigner, None, SystemClock().now())
    certificate = Certificate(enrolment, root.sign(enrolment_message(enrolment)))
    save_seat(home, SeatFile(name, root.public_key, [certificate]))
    return root_digest(root.public_key)


async def enrol_device(folder: Path, sheet: Sheet) -> SeatFile:
    """Get this device its seat with a sheet's code, or get it believed again. Returns the seat, then in the folder.

    Raises `LineDown` when nobody answers, `RemoteFault` for what the issuer refuses or what is not this county,
    `LocalFault` `already_enrolled` where the folder has the seat of another office or county; and for a device that is
    enrolled again what `Node.open` does. A lost answer costs nothing: the same command again gets it.
    """
    home = prepare_device(folder)
    if home.seat.exists():
        return await _enrol_again(home, sheet)
    signer = load_signer(home)
    reply, seat = await _ask(signer.node, sheet, make_request(signer, sheet.office, sheet.code))
    await _keep_offices(home, reply.offices)
    save_seat(home, seat)
    return seat


async def _enrol_again(home: Home, sheet: Sheet) -> SeatFile:
    """A new certificate chain for a device that keeps everything else, and for those before it at its seat.

    What is to go to the new office above is in its outbox before the seat says so: broken off in between, the same
    command does it again.
    """
    before = load_seat_file(home)
    if before.chain[-1].enrolment.office != sheet.office or root_digest(before.root) != sheet.county_digest:
        raise LocalFault("already_enrolled", f"{home.folder} is a node already; run it, or choose another folder")
    answers: list[tuple[Reply, SeatFile]] = []

    async def ask(node: Node) -> None:
        former = await former_devices(node.books)
        request = make_request(node.books.seat.signer, sheet.office, sheet.code, former)
        answers.append(await _ask(node.books.seat.node, sheet, request))
        check_chain(node.books, answers[0][1].chain)

    node = await Node.open(home.folder, ready=ask)  # refused, it leaves no epoch behind
    try:
        reply, seat = answers[0]
        await node.writer.alone(lambda: _follow(node, seat.chain))
        await _replace_offices(node.engines.write, reply.offices)
        save_seat(home, seat)
    finally:
        await node.close()
    return seat


async def _follow(node: Node, chain: Sequence[Certificate]) -> None:
    for result in await node.ledger.perform([lambda: follow(node.books, chain)]):
        if isinstance(result, Exception):
            raise result


async def _ask(node: NodeId, sheet: Sheet, request: bytes) -> tuple[Reply, SeatFile]:
    """Send a request to the address on the sheet. Returns the answer and the seat in it, checked up to the root."""
    wire = Wire(sheet.address)
    try:
        answer, root_key = await request_enrolment(
            wire, node, sheet.office, sheet.county_digest, request, salts=SystemSalts(), verify=verify_ed25519
        )
    finally:
        wire.hang_up()
    reply = decode(answer, Reply)
    return reply, _seat_of(reply, root_key, node, sheet)


def _seat_of(reply: Reply, root_key: bytes, node: NodeId, sheet: Sheet) -> SeatFile:
    """The seat in an answer, checked up to the root. Raises `RemoteFault`."""
    if not reply.chain:
        raise RemoteFault("no_chain", "the answer holds no certificate; ask the county for a new sheet")
    own = reply.chain[-1].enrolment
    county = reply.chain[0].enrolment.county
    admit_chain(Keyring(), Root(county, root_key), reply.chain)
    if own.node != node or own.office != sheet.office:
        raise RemoteFault("foreign_certificate", "the answer is for another device; enrol again")
    return SeatFile(county, root_key, reply.chain, reply.parent_address or sheet.address, reply.county_address)


async def _keep_offices(home: Home, known: list[Office]) -> None:
    """Keep what other offices are called, so that a case can be offered to them by name."""
    settings = load_settings(home.settings)
    lock = WritingLock(home.lock)
    lock.take()
    engines = open_engines(database_url(settings.database, home.database))
    try:
        await migrate(engines.write)
        await _replace_offices(engines.write, known)
    finally:
        await engines.close()
        lock.release()


async def _replace_offices(write: AsyncEngine, known: list[Office]) -> None:
    async with write.begin() as connection:
        await connection.execute(delete(offices))
        values = [{"office": one.office, "name": one.name, "address": ""} for one in known[:OFFICES_TOLD_MAX]]
        if values:
            await connection.execute(insert(offices), values)
