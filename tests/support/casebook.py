"""Writes the entries of one case for tests: acts that follow each other, branches, contributions; hashes are made up.

What it never does: seal, sign or store anything. A `Casebook` is a notebook, not a node.
"""

import hashlib
from collections.abc import Callable
from datetime import date
from typing import Final, TypeVar

from schemas.casework.casefile import CaseFile
from schemas.casework.events import (
    Act,
    CaseDecided,
    CaseEvent,
    CaseFiled,
    Contribution,
    CustodyAccepted,
    CustodyOffered,
    ResultHandedOver,
)
from schemas.casework.fold import Item, fold
from schemas.casework.mandates import UNBOUND, bind
from schemas.casework.values import Applicant, Handover, Mandate, Material, MaterialStatus, Outcome, Scope, SignedHow
from schemas.headed import EntryHeader
from schemas.names import CaseId, Epoch, Instant, NodeId, OfficeId, OfficerId, TrackingNumber, followed

VILLAGE = OfficeId("510824100201")
OTHER_VILLAGE = OfficeId("510824100202")
TOWNSHIP = OfficeId("510824100")
OTHER_TOWNSHIP = OfficeId("510824102")
COUNTY = OfficeId("510824")
WINDOW = OfficeId("510824.rsj")
FAR_COUNTY = OfficeId("510522")

CASE = CaseId(bytes(range(16)))
NOON = Instant(1_772_769_600_000)
"""6 March 2026, 12:00 in China: a Friday."""
TODAY: Final = date(2026, 3, 6)
"""The day of `NOON`."""
HOUR = 3_600_000

A = TypeVar("A", bound=Act)
C = TypeVar("C", bound=Contribution)


def digest(*parts: object) -> bytes:
    """32 bytes that differ whenever the parts do."""
    return hashlib.sha256(repr(parts).encode()).digest()


def officer(office: OfficeId) -> OfficerId:
    return OfficerId(f"{office}/zhang")


def applicant() -> Applicant:
    return Applicant("王秀英", "111", "510824194910010024", "13800000000")


MANDATE: Final = Mandate(
    (Scope.FILE, Scope.SUPPLEMENT, Scope.COLLECT),
    date(2027, 3, 1),
    "王秀英",
    SignedHow.THUMBPRINT,
    "委托村代办员办理参保登记,期限三个月",
    UNBOUND,
)


def filing(office: OfficeId = VILLAGE, item: str = "RS01") -> CaseFiled:
    """A filing as the desk would write it, turn 1."""
    return CaseFiled(
        1,
        None,
        digest("filing", office)[:8],
        office,
        officer(office),
        item,
        "2026.11-sample",
        TrackingNumber(f"{office}-AB00017"),
        digest("secret"),
        applicant(),
        tuple(Material(name, MaterialStatus.PROVIDED) for name in ("居民身份证", "参保登记表", "社会保障卡复印件")),
        "申请参保登记",
        bind(MANDATE, CASE, item, applicant()),
    )


class Casebook:
    """The entries of one case in the order they were written, and the branch that is being written now."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.turn = 0
        self.tip: bytes | None = None

    @property
    def case(self) -> CaseFile:
        """The case as it is now."""
        case = fold(self.items)
        assert case is not None
        return case

    def file(self, office: OfficeId = VILLAGE, item: str = "RS01", *, ordinal: int = 1) -> Item:
        """Turn 1."""
        return self.keep(filing(office, item), ordinal=ordinal)

    def keep(self, event: Act, *, ordinal: int = 1) -> Item:
        """An act as it is, and the branch goes on from it."""
        return self._write(event, ordinal)

    def act(self, kind: Callable[..., A], office: OfficeId, *fields: object, ordinal: int = 1) -> Item:
        """The next act on the present branch; `fields` follow the five that every act carries."""
        operation = digest("operation", len(self.items))[:8]
        return self._write(kind(self.turn + 1, self.tip, operation, office, officer(office), *fields), ordinal)

    def contribute(
        self,
        kind: Callable[..., C],
        office: OfficeId,
        *fields: object,
        operation: bytes | None = None,
        ordinal: int = 1,
    ) -> Item:
        """A contribution made after the present turn."""
        operation = operation or digest("operation", len(self.items))[:8]
        event = kind(max(self.turn, 1), operation, office, officer(office), *fields)
        return self._keep(event, ordinal)

    def go_back_to(self, item: Item) -> None:
        """Write on from an earlier act, as a node does that was restored from a backup."""
        event, header = item
        assert isinstance(event, Act)
        self.turn, self.tip = event.turn, followed(header.hash)

    def accepted_at_township(self) -> None:
        """Filed in the village, offered, accepted: turns 1 to 3."""
        self.file()
        self.act(CustodyOffered, VILLAGE, TOWNSHIP)
        self.act(CustodyAccepted, TOWNSHIP)

    def granted_at_township(self) -> None:
        """… and granted: turn 4."""
        self.accepted_at_township()
        self.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条")

    def handed_over_in_village(self) -> None:
        """… offered back, accepted, handed over: turn 7."""
        self.granted_at_township()
        self.act(CustodyOffered, TOWNSHIP, VILLAGE)
        self.act(CustodyAccepted, VILLAGE)
        self.act(ResultHandedOver, VILLAGE, "王秀英", Handover.HOME)

    def _write(self, event: Act, ordinal: int) -> Item:
        item = self._keep(event, ordinal)
        self.turn, self.tip = event.turn, followed(item[1].hash)
        return item

    def _keep(self, event: CaseEvent, ordinal: int) -> Item:
        number = len(self.items)
        header = EntryHeader(
            NodeId("n" + event.office.replace(".", "")[-15:].rjust(15, "0")),
            Epoch(ordinal, bytes(6)),
            number,
            Instant(NOON + number * HOUR),
            event.kind,
            CASE,
            digest("entry", number, event),
        )
        item = (event, header)
        self.items.append(item)
        return item
