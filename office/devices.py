"""The devices below an office: how each stands, and what its people do when one is lost, stolen or broken.

Replacing is one act: a code for the successor, then the revocation at everything held here; the sheet is handed out
when both are durable. Broken off between the two, the code is on no sheet, so nobody can use it, and the same command
begins anew; done twice, it revokes once and prints a new sheet. Custody and cases belong to the seat: the new device
gets them back from the line (RULINGS A14, A15).
Knows devices and counts, no case and no person. Next: `office.enrolling` (codes, certificates, revocations),
`sync.revoking` (positions), `office.releasing` (what came past one), `office.cli_devices`, `office.web.pages.devices`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from office.dispositions import REVOKED
from office.enrolling import CONFIRMED, Office, certificates_of, confirmed_devices, present_devices, revoked_by_county
from office.tables import device_ends
from schemas.names import Instant, NodeId, OfficeId, parent_seat, seat_of, within
from schemas.refusals import Refused
from schemas.wire import KIND_REVOKED, Revoked
from sync.books import line_body
from sync.recovery import extent

if TYPE_CHECKING:
    from office.enrolling import Enrolling, Sheet
    from sync.books import Books
    from sync.ports import Clock, Stored

REASON_CHARACTERS_MIN: Final = 1
REASON_CHARACTERS_MAX: Final = 200
"""It travels to every office of the county."""


class DeviceRefused(Refused):
    """Something that cannot be done to a device, with the cure."""


class End(Struct, frozen=True):
    """What was known of a device when this office revoked it."""

    at: Instant
    officer: str
    reason: str
    last_heard: Instant | None
    unsent: int


class Standing(Struct, frozen=True):
    """One device below this office."""

    office: OfficeId
    node: NodeId
    enrolled_at: Instant
    """Claimed by the office that enrolled it."""
    is_present: bool
    """It works for its office now: nobody replaced it."""
    is_revoked: bool
    is_confirmed: bool
    """By the county: its enrolment, or, once it is revoked, its revocation."""
    revoked_because: str
    last_heard: Instant | None
    """When it last spoke to this node; None: never, or it speaks to another."""
    unsent: int
    """Entries that it was known to have and that are not here: lost with it, unless it comes back or a stick brings
    them. What it wrote after its last word nobody here can know."""
    held_back: int
    """Entries that came past its revocation and wait for a person (`office.releasing`)."""
    has_sheet: bool
    """A code for its successor still works: somebody has the sheet."""
    end: End | None = None


class Devices:
    """The devices below one node's office."""

    def __init__(
        self,
        write: AsyncEngine,
        read: AsyncEngine,
        enrolling: "Enrolling",
        books: "Books",
        clock: "Clock",
        office_name: Callable[[OfficeId], str],
    ) -> None:
        self._write = write
        self._read = read
        self._enrolling = enrolling
        self._books = books
        self._clock = clock
        self._office_name = office_name

    # --- reading ---------------------------------------------------------------------------------------------------

    async def list_devices(self) -> list[Standing]:
        """Every device below this office, by office, the present one first."""
        books = self._books
        certificates = await certificates_of(books)
        present = await present_devices(books)
        confirmed, ended = await confirmed_devices(books), await revoked_by_county(books)
        unconfirmed = await self._enrolling.find_unconfirmed(books)
        reasons, ends = await self._reasons(), await self._ends()
        waiting = await self._enrolling.list_awaited()
        held = Counter(found.key[0].origin for found in await books.store.dispositions() if found.code == REVOKED)
        found: list[Standing] = []
        for node, certificate in certificates.items():
            enrolment = certificate.enrolment
            if enrolment.office == books.seat.office or not within(enrolment.office, books.seat.office):
                continue
            is_revoked, is_present = books.keyring.is_revoked(node), present.get(enrolment.office) == node
            end = ends.get(node) if is_revoked else None
            is_confirmed = node in ended if is_revoked else node not in unconfirmed or node in confirmed
            found.append(
                Standing(
                    enrolment.office,
                    node,
                    enrolment.at,
                    is_present,
                    is_revoked,
                    is_confirmed,
                    reasons.get(node, ""),
                    end.last_heard if end is not None else self._last_heard(node),
                    end.unsent if end is not None else self._unsent(node),
                    held[node],
                    is_present and enrolment.office in waiting,
                    end,
                )
            )
        return sorted(found, key=lambda one: (one.office, not one.is_present, -one.enrolled_at))

    async def find_present(self, office: OfficeId) -> NodeId | None:
        """The device that works for an office now, revoked or not."""
        return (await present_devices(self._books)).get(office)

    async def _reasons(self) -> dict[NodeId, str]:
        """Device → why it was revoked, as whoever did so first has it."""
        reasons: dict[NodeId, str] = {}
        for entry in await self._books.store.entries_of_kind(KIND_REVOKED):
            body = line_body(entry, Revoked)
            if body is not None and body.reason != CONFIRMED and self._books.counts(entry):
                reasons.setdefault(body.node, body.reason)
        return reasons

    async def _ends(self) -> dict[NodeId, End]:
        async with self._read.connect() as connection:
            rows = (await connection.execute(select(device_ends))).all()
        return {
            NodeId(row.node): End(Instant(row.at), row.officer, row.reason, row.last_heard, row.unsent) for row in rows
        }

    def _last_heard(self, node: NodeId) -> Instant | None:
        memory = self._books.memories.get(node)
        return memory.last_heard if memory is not None and memory.last_heard else None

    def _unsent(self, node: NodeId) -> int:
        """Entries of the device's own journals that it, or somebody, has stated and that are not here."""
        books = self._books
        link = books.links.get(node)
        stated = {journal: state.wanted for journal, state in list(books.journals.items()) if journal.origin == node}
        for journal, size in list(link.heard.items()) if link is not None else []:
            if journal.origin == node:
                stated[journal] = max(size, stated.get(journal, 0))
        return sum(max(0, size - extent(books, journal)) for journal, size in stated.items())

    # --- acting ----------------------------------------------------------------------------------------------------

    async def replace(self, office: OfficeId, officer: str, reason: str) -> "Sheet":
        """End an office's present device and give its successor a sheet, in one act (RULINGS A14).

        A device that is revoked already stays as it is: then only the sheet is new. Raises `DeviceRefused`:
        `not_below`, `no_device`, `reason_required`.
        """
        reason = checked_reason(reason)
        present = await self.check_replace(office)
        sheet = await self._enrolling.issue_code(
            Office(office, self._office_name(office)), self._books.seat.root.digest, replaces=present
        )
        if not self._books.keyring.is_revoked(present):
            await self.revoke(present, officer, reason)
        return sheet

    async def check_replace(self, office: OfficeId) -> NodeId:
        """The device that would be replaced. Raises what `replace` does, and writes nothing."""
        if (
            seat_of(office) != office
            or office == self._books.seat.office
            or not within(office, self._books.seat.office)
        ):
            raise DeviceRefused(
                "not_below",
                f"{office} 不是本单位之下有自己设备的单位，没有作任何改动；请核对代码。",
                f"{office} is no office below this one with a device of its own; nothing was changed, check the code.",
            )
        present = await self.find_present(office)
        if present is None:
            raise DeviceRefused(
                "no_device",
                "该单位还没有登记过设备，无须更换；请直接打印注册单（sheet）。",
                "This office has no device yet, so there is nothing to replace; print a sheet for its first (sheet).",
            )
        return present

    async def revoke(self, node: NodeId, officer: str, reason: str) -> "Stored":
        """End a device without a successor for now, and keep what was known of it. Returns the entry.

        Raises `DeviceRefused` `reason_required` and what `Enrolling.revoke` does: then nothing is changed.
        """
        reason = checked_reason(reason)
        await self._enrolling.check_revoke(node)
        values = {
            "node": node,
            "office": self._books.keyring.get(node).office,
            "at": self._clock.now(),
            "officer": officer,
            "reason": reason,
            "last_heard": self._last_heard(node),
            "unsent": self._unsent(node),
        }
        # Before the entry: with that the line to the device is gone, and what it had stated.
        async with self._write.begin() as connection:
            await connection.execute(delete(device_ends).where(device_ends.c.node == node))
            await connection.execute(insert(device_ends).values(values))
        return await self._enrolling.revoke(node, reason)


def unconfirmed(devices: Sequence[Standing]) -> list[Standing]:
    """What the county has yet to confirm: revocations, and enrolments of devices that work."""
    return [one for one in devices if not one.is_confirmed and (one.is_revoked or one.is_present)]


def is_county(office: OfficeId) -> bool:
    """Whether an office confirms what others did."""
    return parent_seat(office) is None


def check_is_county(office: OfficeId) -> None:
    """Raise `DeviceRefused` `confirm_at_county` anywhere else."""
    if not is_county(office):
        raise DeviceRefused(
            "confirm_at_county",
            "只有县中心可以确认；请联系县中心管理员。",
            "Only the county confirms this; call the county's administrator.",
        )


def checked_reason(reason: str) -> str:
    """A reason as it is written down. Raises `DeviceRefused` `reason_required`."""
    reason = " ".join(reason.split())
    if not REASON_CHARACTERS_MIN <= len(reason) <= REASON_CHARACTERS_MAX:
        raise DeviceRefused(
            "reason_required",
            f"请写明原因（{REASON_CHARACTERS_MIN} 至 {REASON_CHARACTERS_MAX} 字，不写个人信息）：各级单位都会看到。",
            f"State the reason, in {REASON_CHARACTERS_MIN} to {REASON_CHARACTERS_MAX} characters and without personal "
            "data: every office will read it.",
        )
    return reason
