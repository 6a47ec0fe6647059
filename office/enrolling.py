"""How a new device gets its seat: the county's list of offices, one-time codes, enrolment sheets, the exchange itself.

The county imports its offices and prints a sheet for each: address, county root digest, one-time code. The device makes
its own keys and sends only their public halves, the code, and a signature with each key; the answer is its certificate
chain. A code is 80 random bits, lives 72 hours, is kept as argon2id, and dies at the fifth wrong try. A certificate is
an entry (`line.enrolled`) in the issuer's journal, so everybody above and below learns it, also offline.
Never sends a private key anywhere, never enrols a second device for a seat unless its code says that it replaces the
first, and never logs a code. Sources: RULINGS A14, A15, C8; RELIABILITY 3. Next: `sync.enrolment` (certificates),
`sync.reenrolling` (devices that nobody believes any more), `sync.http` (the route), `office.sheets` (the paper).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import argon2
from msgspec import Struct
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from office.tables import enrolment_codes, offices
from schemas.codec import Malformed, decode, encode
from schemas.divisions import DivisionTree, InvalidDivision, division_code
from schemas.names import ALPHABET, Instant, NodeId, OfficeId, node_id, parent_seat, seat_of, valid_seat, within
from schemas.refusals import Refused
from schemas.wire import (
    KIND_COUNTERSIGNED,
    KIND_ENROLLED,
    KIND_REVOKED,
    Certificate,
    Countersigned,
    Enrolled,
    Revoked,
    Size,
)
from sync.books import Books, line_body
from sync.core.errors import LocalFault, RemoteFault
from sync.core.journal import Draft
from sync.http import MESSAGE_BYTES_MAX, Wire
from sync.keys import PublicKeys, Signer, check_public_keys, verify_ed25519
from sync.ports import Clock, Salts, Stored
from sync.reenrolling import Former, check_may_return, enrolling, is_believed, vouched
from sync.revoking import heads_of_before, held_positions
from sync.writer import Writer

CODE_CHARACTERS: Final = 16
"""80 bits in base 32."""

CODE_LIFE_MS: Final = 72 * 3600 * 1000
CODE_TRIES_MAX: Final = 5

OFFICES_MAX: Final = 10_000
"""The largest county has about 1,000 villages; windows of departments are a few dozen."""

FIRST_ROW: Final = 2
"""The number of a table's first row: the headings have 1."""

OFFICES_TOLD_MAX: Final = 150
"""Windows and townships that an answer names: 60 and 50 in a large county, 7 KiB of the 16 that an answer may have."""

POSITIONS_MAX: Final = 400
"""Journals that one revocation names, of at most 41 bytes each: half an entry, so that there is room for the reason."""

CONFIRMED: Final = "confirmed"
"""The reason that the county states when it confirms a township's revocation."""

FOLLOWED: Final = "随后继设备重新登记一并注销 / ended as its successor enrolled again"
"""Why a former device is revoked in the act that enrols it again: every office reads it, in whichever language."""

REQUEST_BYTES_MAX: Final = MESSAGE_BYTES_MAX
_REQUEST_TITLE: Final = b"tongban enrolment request\n"


class Request(Struct, frozen=True, array_like=True):
    """Device → issuer: which office, the code from its sheet, two public keys, and a signature with each."""

    office: OfficeId
    code: str
    keys: PublicKeys
    log_proof: bytes
    cosigner_proof: bytes
    former: list[Former] = []
    """Of a device that enrols again: those that worked for its seat before, the latest first. Not sent when empty."""


class Office(Struct, frozen=True, array_like=True):
    """One row of the county's list."""

    office: OfficeId
    name: str
    address: str = ""
    """Where its own device will be reached by the offices below; empty for a village or a window."""


class Reply(Struct, frozen=True, array_like=True):
    """Issuer → device: its certificate chain from the county's device down, the address to talk upward to, and what
    other offices are called.
    """

    chain: list[Certificate]
    parent_address: str
    offices: list[Office] = []
    county_address: str = ""
    """Of the county's node, for the second path (`sync.second_path`)."""


class Sheet(Struct, frozen=True):
    """What is printed for one office and handed over on paper."""

    office: OfficeId
    name: str
    address: str
    county_digest: str
    code: str
    expires_at: Instant


class EnrolmentRefused(Refused):
    """A list or a request that an operator must correct."""


# --- the device's side ---------------------------------------------------------------------------------------------


def make_request(signer: Signer, office: OfficeId, code: str, former: Sequence[Former] = ()) -> bytes:
    """The request's bytes. The code is signed too: a request cannot be turned into one for another code.

    Without former devices these are the bytes that offices of earlier versions read.
    """
    plain = plain_code(code)
    message = _message(office, plain, signer.public_keys, former)
    fields = (office, plain, signer.public_keys, signer.sign(message), signer.cosign(message))
    return encode((*fields, former) if former else fields)


def plain_code(text: str) -> str:
    """A code as typed, without dashes and blanks, O and I read as digits. Raises `EnrolmentRefused`."""
    plain = "".join(text.upper().replace("-", "").split()).translate(str.maketrans("OIL", "011"))
    if len(plain) != CODE_CHARACTERS or any(character not in ALPHABET for character in plain):
        raise EnrolmentRefused(
            "code_malformed",
            f"注册码为 {CODE_CHARACTERS} 位字母数字；请对照注册单重新输入。",
            f"An enrolment code has {CODE_CHARACTERS} characters; copy it from the sheet again.",
        )
    return plain


def _message(office: OfficeId, code: str, keys: PublicKeys, former: Sequence[Former]) -> bytes:
    return _REQUEST_TITLE + encode((office, code, keys, former) if former else (office, code, keys))


# --- the issuer's side ---------------------------------------------------------------------------------------------


class Enrolling:
    """The county's (or a township's) side: offices, codes, certificates."""

    def __init__(
        self,
        write: AsyncEngine,
        read: AsyncEngine,
        writer: Writer,
        clock: Clock,
        salts: Salts,
        address: str,
        above: Callable[[], str] = str,
    ) -> None:
        """`address`: this node's own, printed on sheets. `above`: of the node above."""
        self._write = write
        self._read = read
        self._writer = writer
        self._clock = clock
        self._salts = salts
        self._address = address
        self._above = above
        self._hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._trying = asyncio.Lock()

    # --- the list --------------------------------------------------------------------------------------------------

    async def import_offices(self, rows: Sequence[Office]) -> None:
        """Replace the county's list. Devices already enrolled stay enrolled."""
        async with self._write.begin() as connection:
            await connection.execute(delete(offices))
            values = [{"office": row.office, "name": row.name, "address": row.address} for row in rows]
            if values:
                await connection.execute(insert(offices), values)

    async def list_offices(self) -> list[Office]:
        """The county's list by code."""
        async with self._read.connect() as connection:
            rows = (await connection.execute(select(offices).order_by(offices.c.office))).all()
        return [Office(OfficeId(row.office), row.name, row.address) for row in rows]

    async def issue_code(self, office: Office, county_digest: str, *, replaces: NodeId | None = None) -> Sheet:
        """A new one-time code for an office; an earlier one of it dies. The sheet is the only place where it stands."""
        code = "".join(ALPHABET[byte % len(ALPHABET)] for byte in self._salts.draw(CODE_CHARACTERS))
        expires_at = Instant(self._clock.now() + CODE_LIFE_MS)
        digest = await asyncio.to_thread(self._hasher.hash, code, salt=self._salts.draw(16))
        row = {
            "office": office.office,
            "digest": digest,
            "expires_at": expires_at,
            "tries_left": CODE_TRIES_MAX,
            "replaces": replaces,
        }
        async with self._write.begin() as connection:
            await connection.execute(delete(enrolment_codes).where(enrolment_codes.c.office == office.office))
            await connection.execute(insert(enrolment_codes).values(row))
        return Sheet(office.office, office.name, self._address, county_digest, code, expires_at)

    async def list_awaited(self) -> set[OfficeId]:
        """Offices whose code still works: a sheet with it may be in somebody's hands."""
        code = enrolment_codes.c
        query = select(code.office).where(code.expires_at >= self._clock.now(), code.tries_left > 0)
        async with self._read.connect() as connection:
            return {OfficeId(office) for office in (await connection.execute(query)).scalars()}

    async def find_present(self, office: OfficeId, books: Books) -> NodeId | None:
        """The device that works for an office now, or None: what a new one would replace."""
        return (await present_devices(books)).get(office)

    async def find_unconfirmed(self, books: Books) -> set[NodeId]:
        """Devices that a township enrolled and the county has not yet confirmed (RULINGS A14)."""
        confirmed = await confirmed_devices(books)
        return {
            node
            for node, certificate in (await certificates_of(books)).items()
            if certificate.enrolment.issuer is not None
            and parent_seat(books.keyring.get(certificate.enrolment.issuer).office) is not None
            and node not in confirmed
        }

    # --- the exchange ----------------------------------------------------------------------------------------------

    async def enrol(self, request: bytes) -> bytes:
        """Judge a request and answer with the device's certificate chain (`sync.http.Enroller`).

        Raises `RemoteFault`: `wrong_office`, `bad_code`, `code_used_up`, `bad_proof`, `seat_taken`, `revoked_device`,
        `replaced_device`, `parent_not_enrolled`, and those of `check_public_keys`. A code works once; a device that
        lost the answer sends the same request again and gets it, and so does one that is believed here already.
        """
        asked = decode(request, Request, limit=REQUEST_BYTES_MAX)
        if not valid_seat(asked.office):
            raise _wrong_office()
        self._check_proofs(asked)
        writer = self._writer
        node = node_id(asked.keys.log)
        async with self._trying:
            present = (await present_devices(writer.books)).get(asked.office)
            if present != node or not is_believed(writer.books, node) or self._vouched(asked, node):
                replaces = await self._try_code(asked)
                await self._certify(writer, asked, node, replaces)
        chain = _chain_of(writer.books, await certificates_of(writer.books), asked.office)
        offices_here = await self.list_offices()
        own = [one for one in offices_here if one.office == asked.office]
        known = own + [one for one in offices_here if len(seat_of(one.office)) < 12 and one.office != asked.office]
        county = self._above() if self._writer.books.parent is not None else self._address
        return encode(Reply(chain, await self._parent_address(asked.office), known[:OFFICES_TOLD_MAX], county))

    def _check_proofs(self, asked: Request) -> None:
        check_public_keys(asked.keys)
        message = _message(asked.office, asked.code, asked.keys, asked.former)
        good = verify_ed25519(asked.keys.log, message, asked.log_proof) and verify_ed25519(
            asked.keys.cosigner, message, asked.cosigner_proof
        )
        if not good:
            raise RemoteFault("bad_proof", "the request is not signed by the keys that it names; send it again")

    async def _try_code(self, asked: Request) -> NodeId | None:
        """Spend a try on the office's code. Returns the device to be replaced, if the code says so."""
        row = await self._take_try(asked.office)
        try:
            await asyncio.to_thread(self._hasher.verify, row["digest"], asked.code)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError) as error:
            raise _bad_code() from error
        replaces = row["replaces"]
        return NodeId(replaces) if replaces else None

    async def _take_try(self, office: OfficeId) -> Mapping[str, str]:
        """The try is counted before it is looked at, so that many at once gain nothing."""
        code = enrolment_codes.c
        async with self._write.begin() as connection:
            row = (await connection.execute(select(enrolment_codes).where(code.office == office))).one_or_none()
            if row is None or row.expires_at < self._clock.now():
                raise _bad_code()
            if row.tries_left <= 0:
                raise RemoteFault("code_used_up", "too many wrong tries: ask the county for a new enrolment sheet")
            left = {"tries_left": code.tries_left - 1}
            await connection.execute(update(enrolment_codes).where(code.office == office).values(left))
        return {"digest": row.digest, "replaces": row.replaces}

    async def _certify(self, writer: Writer, asked: Request, node: NodeId, replaces: NodeId | None) -> None:
        books = writer.books

        async def drafting() -> Sequence[Draft]:
            above = parent_seat(asked.office)
            if above is None or not within(asked.office, books.seat.office):
                raise _wrong_office()
            devices = await present_devices(writer.books)
            if above != books.seat.office and above not in devices:
                raise _parent_not_enrolled()
            present = devices.get(asked.office)
            if present not in (None, node, replaces) and not books.keyring.is_revoked(present):
                raise RemoteFault("seat_taken", "this office has a device; print a sheet that replaces it")
            check_may_return(books, asked.office, node)
            former, at = self._vouched(asked, node), self._clock.now()
            return enrolling(books, asked.office, asked.keys, present, former, at, FOLLOWED)

        await writer.record(drafting)
        async with self._write.begin() as connection:
            await connection.execute(delete(enrolment_codes).where(enrolment_codes.c.office == asked.office))

    def _vouched(self, asked: Request, node: NodeId) -> list[Former]:
        return vouched(self._writer.books, asked.office, node, asked.former)

    async def _parent_address(self, office: OfficeId) -> str:
        """Where the new device talks to: this node, or the office between, as the county's list has it."""
        writer = self._writer
        above = parent_seat(office)
        if above is None or above == writer.books.seat.office:
            return self._address
        async with self._read.connect() as connection:
            address = await connection.scalar(select(offices.c.address).where(offices.c.office == above))
        return address or ""

    # --- confirming and ending ---------------------------------------------------------------------------------------

    async def countersign(self, node: NodeId) -> Stored:
        """The county confirms a device that a township enrolled, or that it revoked (RULINGS A14).

        A revocation is confirmed by stating how far the county itself held the device's journals before it heard of it:
        honest work that a restored township had forgotten counts again. Raises `LocalFault` `unknown_device`;
        `EnrolmentRefused` when that was done already.
        """
        books = self._writer.books

        async def drafting() -> Sequence[Draft]:
            await self.check_countersign(node)
            if not books.keyring.is_revoked(node):
                return [Draft(KIND_COUNTERSIGNED, None, encode(Countersigned(node)))]
            return _revocations(node, await heads_of_before(books, node), CONFIRMED)

        return (await self._writer.record(drafting))[0]

    async def check_countersign(self, node: NodeId) -> None:
        """Raise what `countersign` would, and write nothing."""
        books = self._writer.books
        if books.keyring.find(node) is None:
            raise LocalFault("unknown_device", f"no device {node} is enrolled in this county; check the name")
        done = await revoked_by_county(books) if books.keyring.is_revoked(node) else await confirmed_devices(books)
        if node in done:
            raise EnrolmentRefused(
                "already_confirmed",
                "该设备的登记或注销此前已经确认，无须再次确认，没有再次写入。",
                "This device's enrolment or revocation is confirmed already, once is enough; nothing more was written.",
            )

    async def revoke(self, node: NodeId, reason: str) -> Stored:
        """End a lost device: nothing of it counts beyond what is held here (RULINGS A14).

        Raises `LocalFault` `unknown_device`; `EnrolmentRefused` when it is revoked already: a second statement would
        let count what the first one held back.
        """
        writer = self._writer
        books = writer.books

        async def drafting() -> Sequence[Draft]:
            await self.check_revoke(node)
            return _revocations(node, held_positions(books, node), reason)

        return (await writer.record(drafting))[0]

    async def check_revoke(self, node: NodeId) -> None:
        """Raise what `revoke` would, and write nothing."""
        books = self._writer.books
        device = books.keyring.find(node)
        if device is None or not within(device.office, books.seat.office) or device.office == books.seat.office:
            raise LocalFault("unknown_device", f"no device {node} below this office is known here; check the name")
        if books.keyring.is_revoked(node):
            raise EnrolmentRefused(
                "already_revoked",
                "该设备已经注销，注销继续有效，没有再次写入。",
                "This device is revoked already, and stays so; nothing more was written.",
            )


def _revocations(node: NodeId, positions: Sequence[Size], reason: str) -> list[Draft]:
    """A device that was started daily for years has more journals than one entry can name: statements add up."""
    pieces = [positions[first : first + POSITIONS_MAX] for first in range(0, len(positions), POSITIONS_MAX)]
    return [Draft(KIND_REVOKED, None, encode(Revoked(node, list(piece), reason))) for piece in pieces or [[]]]


async def present_devices(books: Books) -> dict[OfficeId, NodeId]:
    """Seat → the device that nobody replaced."""
    return {office: one.enrolment.node for office, one in _present(books, await certificates_of(books)).items()}


def _present(books: Books, certificates: Mapping[NodeId, Certificate]) -> dict[OfficeId, Certificate]:
    """Seat → the certificate of the device that none of the same seat replaced; of several right below, of the one
    that may talk to us.
    """
    enrolments = [certificate.enrolment for certificate in certificates.values()]
    replaced = {(enrolment.office, enrolment.replaces) for enrolment in enrolments}
    found = {
        one.enrolment.office: one
        for one in certificates.values()
        if (one.enrolment.office, one.enrolment.node) not in replaced
    }
    return found | {seat: certificates[node] for seat, node in books.children.items() if node in certificates}


async def revoked_by_county(books: Books) -> set[NodeId]:
    """The devices that the county revoked itself, or whose revocation by a township it has confirmed."""
    revoked: set[NodeId] = set()
    for entry in await books.store.entries_of_kind(KIND_REVOKED):
        author = books.seat_of_node(entry.journal.origin)
        body = line_body(entry, Revoked)
        if body is not None and author is not None and parent_seat(author) is None:
            revoked.add(body.node)
    return revoked


def _chain_of(books: Books, certificates: Mapping[NodeId, Certificate], office: OfficeId) -> list[Certificate]:
    """Certificates from the county's device to the office's present one, each office between them once."""
    present = _present(books, certificates)
    path: list[OfficeId] = []
    here: OfficeId | None = office
    while here is not None and here != books.seat.office:
        path.append(here)
        here = parent_seat(here)
    if any(seat not in present for seat in path):
        raise _parent_not_enrolled()
    return [*books.seat.chain, *(present[seat] for seat in reversed(path))]


async def confirmed_devices(books: Books) -> set[NodeId]:
    """The devices that the county has confirmed."""
    confirmed: set[NodeId] = set()
    for entry in await books.store.entries_of_kind(KIND_COUNTERSIGNED):
        author = books.seat_of_node(entry.journal.origin)
        if entry.body is not None and author is not None and parent_seat(author) is None:
            confirmed.add(decode(entry.body, Countersigned).node)
    return confirmed


async def certificates_of(books: Books) -> dict[NodeId, Certificate]:
    """The certificates that are believed here: any device may write into its journal what looks like one."""
    believed = set(books.enrolled_by.values())
    found: dict[NodeId, Certificate] = {}
    for entry in await books.store.entries_of_kind(KIND_ENROLLED):
        if entry.body is None or (entry.journal, entry.seq) not in believed:
            continue
        try:
            certificate = decode(entry.body, Enrolled).certificate
        except Malformed:
            continue
        found[certificate.enrolment.node] = certificate
    return found


def _parent_not_enrolled() -> RemoteFault:
    return RemoteFault("parent_not_enrolled", "the office above has no device yet; enrol that one first")


def _wrong_office() -> RemoteFault:
    return RemoteFault("wrong_office", "this office's device is not enrolled here; use its own sheet")


def _bad_code() -> RemoteFault:
    return RemoteFault("bad_code", "the code is wrong, used or over: check the sheet, or ask the county for a new one")


# --- the county's list from a table --------------------------------------------------------------------------------


def parse_offices(rows: Sequence[Mapping[str, str]], county: OfficeId, divisions: DivisionTree | None) -> list[Office]:
    """Offices from rows with the columns office, name, address. Raises `EnrolmentRefused` for the first bad row.

    A row's office is a division's code, or a code, a dot and a desk for a department's window (RULINGS C4). Rows are
    counted as a spreadsheet does: the headings are the first, and an empty one is passed over.
    """
    found: dict[OfficeId, Office] = {}
    if not 0 < sum(1 for row in rows if any(row.values())) <= OFFICES_MAX:
        raise EnrolmentRefused(
            "offices_count",
            f"单位表应有 1 至 {OFFICES_MAX} 行；请核对文件，按县分开导入。",
            f"The list of offices must have 1 to {OFFICES_MAX} rows; check the file and import one county at a time.",
        )
    for number, row in enumerate(rows, start=FIRST_ROW):
        if not any(row.values()):
            continue
        office = OfficeId((row.get("office") or "").strip())
        name = (row.get("name") or "").strip()
        desk = office.partition(".")[2]
        try:
            code = division_code(seat_of(office))
        except InvalidDivision as refusal:
            raise _bad_row(number, "的代码不可能存在", "has an impossible code") from refusal
        if not within(seat_of(office), county):
            raise _bad_row(number, "不属于本县", "belongs to another county")
        if divisions is not None and code not in divisions:
            raise _bad_row(number, "代码不在区划表中", "has a code that is not in the table of divisions")
        if not name or len(name) > 120 or "\x00" in name:
            raise _bad_row(number, "名称为空或过长", "has no name, or one longer than 120 characters")
        if "." in office and not (desk.isascii() and desk.isalnum() and desk.islower() and len(desk) <= 20):
            raise _bad_row(number, "窗口代号应为小写字母和数字", "has a desk that is not small letters and digits")
        if office in found:
            raise _bad_row(number, "重复", "occurs twice")
        address = (row.get("address") or "").strip()
        if address and not is_address(address):
            raise _bad_row(number, "的地址应形如 https://host:port", "has an address other than https://host:port")
        found[office] = Office(office, name, address)
    return sorted(found.values(), key=lambda office: office.office)


def is_address(text: str) -> bool:
    """Whether the offices below could talk to it: better asked now than when the sheets are in the villages."""
    try:
        Wire(text)
    except LocalFault:
        return False
    return True


def _bad_row(number: int, zh: str, en: str) -> EnrolmentRefused:
    return EnrolmentRefused(
        "offices_row",
        f"单位表第 {number} 行{zh}；请改正后重新导入。",
        f"Row {number} of the offices {en}; correct it and import again.",
    )
