"""What is printed for residents: the one-page notice (一纸明) and the slip, as values that templates lay out.

The notice names everything at once: item, materials with what is missing, procedure, time, fee, telephone, address.
The slip adds what was handed in and promised. Both say that the agent takes no fee, and where to ask and to complain.
The slip's QR code carries number, query code and the device's signed statement behind a `#`: a browser sends that part
to no server (RULINGS B7).
Never reads a clock and never writes. Next: `office.web.pages.filing`.
"""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from office.settings import Settings
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import Clock, ClockKind, clocks_of
from schemas.catalogue import ServiceItem


class Need(StrEnum):
    """What a material is to the item."""

    REQUIRED = "required"
    DEFERRABLE = "deferrable"
    VERIFIED = "verified"
    PLEDGED = "pledged"


class NoticeLine(Struct, frozen=True):
    """One material on the notice."""

    name: str
    need: Need
    is_missing: bool


class Notice(Struct, frozen=True):
    """One page about an item: the seven points, and what this person still lacks."""

    item: ServiceItem
    materials: tuple[NoticeLine, ...]
    procedure: tuple[str, ...]
    contact: str
    complaint: str
    address: str


def notice_of(item: ServiceItem, missing: Sequence[str], settings: Settings) -> Notice:
    """The notice of an item. `missing`: what the person at the counter still has to bring."""
    listed = item.materials
    classes = (
        (Need.REQUIRED, listed.required),
        (Need.DEFERRABLE, listed.deferrable),
        (Need.PLEDGED, listed.pledged),
        (Need.VERIFIED, listed.verified),
    )
    lines = tuple(NoticeLine(name, need, name in missing) for need, names in classes for name in names)
    procedure = (item.procedure,) if item.procedure else item.steps
    return Notice(item, lines, procedure, contact_of(item, settings), complaint_of(item, settings), address(settings))


def contact_of(item: ServiceItem | None, settings: Settings) -> str:
    """Where to ask: as the catalogue names it, else this office's telephone."""
    return (item.contact if item is not None else "") or settings.service_phone


def complaint_of(item: ServiceItem | None, settings: Settings) -> str:
    """Where to complain."""
    return (item.complaint if item is not None else "") or settings.complaint_phone


def address(settings: Settings) -> str:
    """Where to look up a case; empty when the county has no such page."""
    return settings.query_address.strip()


def qr_text(settings: Settings, tracking: str, secret: str = "", statement: str = "") -> str:
    """What the QR code holds. Only a slip has the secret, and the signed `statement` (`schemas.slips`)."""
    page = address(settings)
    parts = [part for part in (tracking, secret, statement) if part]
    return f"{page}#{'/'.join(parts)}" if page else " ".join(parts)


def promised_clock(case: CaseFile, item: ServiceItem | None, calendar: WorkCalendar) -> Clock | None:
    """The clock of the promised decision; None until the case is accepted: then its days are told instead."""
    if case.accepted_at is None:
        return None
    return next((clock for clock in clocks_of(case, item, calendar) if clock.kind is ClockKind.PROMISED), None)
