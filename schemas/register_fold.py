"""The fold of the register: which edition, calendar, opening, grant, name and post counts on which day.

A function of the set of entries, whatever their order. Of two records with one key the one with the later first day
counts while both are in force; of two with one first day the later written is the correction of the other and takes its
place, also where it ends earlier: corrections are counted. What two devices wrote without knowing of each other is
decided by epoch ordinal, number and hash: the same everywhere.
Never judges who may say something (`schemas.register.may_write`) and never knows what day it is. Next:
`office.register`, which fills it.
"""

from bisect import insort
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, TypeVar

from msgspec import Struct

from schemas.calendar import WorkCalendar
from schemas.catalogue import Edition, Grant, ServiceItem
from schemas.names import OfficeId, OfficerId, parent_seat, seat_of
from schemas.register import (
    AbsenceStated,
    CalendarPublished,
    EditionPublished,
    GrantEnded,
    GrantMade,
    ItemPublished,
    MoveConfirmed,
    MoveProposed,
    OfficePublished,
    OpeningPublished,
    Position,
    PostAssigned,
    Published,
    SlotsPublished,
)

T = TypeVar("T", bound=Published)


class Record(Struct, frozen=True, gc=False):
    """One entry of the register with its place: what decides between two that say something else about one thing."""

    event: Published
    ordinal: int
    """Of its author's epoch."""
    seq: int
    hash: bytes

    @property
    def rank(self) -> tuple[date, int, int, int, bytes]:
        """The higher one counts: the later first day, then the correction, then the author's order, then the hash."""
        return self.event.first_day or date.min, self.event.revision, self.ordinal, self.seq, self.hash


class Register:
    """What the offices have published, as far as it is here. The order of adding is free, and so is repetition."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._held: dict[str, dict[str, list[Record]]] = {}
        self._items: dict[str, ServiceItem] = {}
        self._editions: tuple[Edition, ...] | None = None
        self._calendar: tuple[WorkCalendar, WorkCalendar] | None = None
        self._grants: tuple[Grant, ...] | None = None
        for record in records:
            self.add(record)

    # --- contents ----------------------------------------------------------------------------------------------------

    def add(self, record: Record) -> None:
        """Take a record in; one that is here already changes nothing."""
        event = record.event
        held = self._held.setdefault(event.kind, {}).setdefault(event.key, [])
        if record in held:
            return
        insort(held, record, key=_rank)
        if isinstance(event, ItemPublished):
            self._items[event.key] = event.read()
        self._forget(event)

    def _forget(self, event: Published) -> None:
        if isinstance(event, ItemPublished | EditionPublished):
            self._editions = None
        elif isinstance(event, CalendarPublished):
            self._calendar = None
        elif isinstance(event, GrantMade | GrantEnded):
            self._grants = None

    def records(self) -> list[Record]:
        """Everything here, by kind, key and rank."""
        kinds = sorted(self._held.items())
        return [record for _, keys in kinds for _, held in sorted(keys.items()) for record in held]

    def find(self, kind: type[T], key: str) -> T | None:
        """The record with this key that ranks highest: it counts last, whether or not it counts today."""
        held = self._held.get(kind.kind, {}).get(key)
        return held[-1].event if held else None  # pyright: ignore[reportReturnType]

    def next_revision(self, event: Published) -> int:
        """The revision with which a statement takes the place of those that have its first day."""
        kept = self._held.get(event.kind, {})
        # Of editions every other one stands beside it, whatever its version: one is in force.
        rivals = kept.values() if isinstance(event, EditionPublished) else [kept.get(event.key, [])]
        same_day = [one.event.revision for held in rivals for one in held if one.event.first_day == event.first_day]
        return max(same_day, default=-1) + 1

    def present(self, kind: type[T], key: str, day: date) -> T | None:
        """Of the records with this key the one that counts on `day`."""
        judged = None
        for record in reversed(self._held.get(kind.kind, {}).get(key, ())):
            event = record.event
            first, last = event.first_day or date.min, event.last_day
            # Those with the first day of one already judged were corrected by it.
            if first > day or first == judged:
                continue
            if last is None or day <= last:
                return event  # pyright: ignore[reportReturnType]
            judged = first
        return None

    def _all_present(self, kind: type[T], day: date, prefix: str = "") -> list[T]:
        keys = sorted(key for key in self._held.get(kind.kind, {}) if key.startswith(prefix))
        found = (self.present(kind, key, day) for key in keys)
        return [event for event in found if event is not None]

    # --- the catalogue -----------------------------------------------------------------------------------------------

    def find_item(self, digest: bytes) -> ServiceItem | None:
        """The item of this digest."""
        return self._items.get(digest.hex())

    def editions(self) -> tuple[Edition, ...]:
        """Every edition of which all items are here, in the order in which they come into force."""
        if self._editions is None:
            found = [self._edition(listed) for listed in self.listed()]
            self._editions = tuple(edition for edition in found if edition is not None)
        return self._editions

    def incomplete_editions(self) -> dict[str, int]:
        """Version → how many of its items are not here yet: it is not in force until they are."""
        missing = {listed.version: self._missing(listed) for listed in self.listed()}
        return {version: count for version, count in missing.items() if count}

    def listed(self) -> list[EditionPublished]:
        """Every edition's list of items, in the order in which they come into force."""
        lasts = [held[-1] for held in self._held.get(EditionPublished.kind, {}).values() if held]
        return [record.event for record in sorted(lasts, key=_rank)]  # pyright: ignore[reportReturnType]

    def _missing(self, listed: EditionPublished) -> int:
        return sum(1 for code, digest in listed.items if not self._has(code, digest))

    def _has(self, code: str, digest: bytes) -> bool:
        item = self.find_item(digest)
        return item is not None and item.code == code

    def _edition(self, listed: EditionPublished) -> Edition | None:
        if self._missing(listed):
            return None
        items = {code: self._items[digest.hex()] for code, digest in sorted(listed.items)}
        return Edition(
            listed.version,
            listed.effective_from,
            None,
            listed.is_sample,
            items,
            listed.document,
            listed.approver,
        )

    # --- days --------------------------------------------------------------------------------------------------------

    def calendar(self, known: WorkCalendar) -> WorkCalendar:
        """`known`, with every year that was published: a notice replaces one that came with the program."""
        if self._calendar is None or self._calendar[0] is not known:
            made = known
            for held in self._held.get(CalendarPublished.kind, {}).values():
                for record in held[-1:]:
                    assert isinstance(record.event, CalendarPublished)
                    made = made.with_year(record.event.read())
            self._calendar = (known, made)
        return self._calendar[1]

    def opening_of(self, site: OfficeId, day: date) -> OpeningPublished | None:
        """When a site opens, or a desk is staffed, by what is in force on `day`."""
        return self.present(OpeningPublished, site, day)

    def openings(self, day: date) -> list[OpeningPublished]:
        """The rules of every site in force on `day`, by code."""
        return self._all_present(OpeningPublished, day)

    def slots_of(self, at: OfficeId, day: date) -> list[SlotsPublished]:
        """When the leaders of an office sign."""
        return self._all_present(SlotsPublished, day, f"{at}/")

    # --- who may, who is ---------------------------------------------------------------------------------------------

    def grants(self) -> tuple[Grant, ...]:
        """Every grant by number, up to the day on which it ends or was ended, whichever comes first."""
        if self._grants is None:
            found = (self.find_grant(number) for number in sorted(self._held.get(GrantMade.kind, {})))
            self._grants = tuple(grant for grant in found if grant is not None)
        return self._grants

    def find_grant(self, number: str) -> Grant | None:
        """The grant of this number, in force or not."""
        made = self.find(GrantMade, number)
        if made is None:
            return None
        ends = [record.event.first_day for record in self._held.get(GrantEnded.kind, {}).get(number, ())]
        # An end before the beginning ends all of it; no day of another pen's is before the first there is.
        last_days = [max(end, made.effective_from, _FIRST_DAY) - _ONE_DAY for end in ends if end is not None]
        if made.effective_until is not None:
            last_days.append(made.effective_until)
        return Grant(
            made.number,
            made.grantor,
            made.is_entrusted,
            made.grantees,
            made.items,
            made.effective_from,
            min(last_days, default=None),
            made.document,
        )

    def find_office(self, office: OfficeId, day: date) -> OfficePublished | None:
        """What is published about an office, as of `day`."""
        return self.present(OfficePublished, office, day)

    def name_of(self, office: OfficeId, day: date) -> str | None:
        """What an office is called; after its end, as it was called last."""
        present = self.find_office(office, day) or self.find(OfficePublished, office)
        return present.name if present is not None else None

    def find_ended(self, office: OfficeId, day: date) -> OfficePublished | None:
        """What is published about an office, or the seat of a desk, whose last day is over on `day`; else None."""
        for one in (office, seat_of(office)):
            last = self.find(OfficePublished, one)
            if last is not None and last.valid_to is not None and last.valid_to < day:
                return last if self.find_office(one, day) is None else None
        return None

    def offices(self) -> list[OfficeId]:
        """Every office of which something is published, by code."""
        return [OfficeId(key) for key, held in sorted(self._held.get(OfficePublished.kind, {}).items()) if held]

    def moves(self) -> list[MoveProposed]:
        """Every proposed move, of each office the last one, by the old office's code."""
        held = sorted(self._held.get(MoveProposed.kind, {}).items())
        return [records[-1].event for _, records in held if records]  # pyright: ignore[reportReturnType]

    def confirmed_sides(self, move: MoveProposed) -> frozenset[OfficeId]:
        """Which of a move's two offices have agreed to it. The county speaks for nobody but its own windows here."""
        said = self._held.get(MoveConfirmed.kind, {})
        return frozenset(
            side
            for side in (move.old, move.new)
            for one in said.get(MoveConfirmed.key_of(move.operation, side), ())
            if parent_seat(seat_of(one.event.office)) is not None or seat_of(side) == seat_of(one.event.office)
        )

    def posts_at(self, at: OfficeId, day: date) -> list[PostAssigned]:
        """Who holds a post at an office: first the primary ones, then the others."""
        return sorted(self._all_present(PostAssigned, day, f"{at}/"), key=_place)

    def agents(self, day: date) -> list[PostAssigned]:
        """Every village agent in office, by village."""
        return [post for post in self._all_present(PostAssigned, day) if post.position is Position.AGENT]

    def post_holders(self, at: OfficeId, item: str, day: date) -> list[PostAssigned]:
        """Those of `posts_at` that look after an item."""
        return [post for post in self.posts_at(at, day) if not post.items or item in post.items]

    def terms_at(self, at: OfficeId) -> list[PostAssigned]:
        """Everything that was ever stated about the posts of an office: of each post and position the latest last."""
        posts = self._held.get(PostAssigned.kind, {})
        keys = sorted(key for key in posts if key.startswith(f"{at}/"))
        return [record.event for key in keys for record in posts[key]]  # pyright: ignore[reportReturnType]

    def absences_at(self, office: OfficeId, day: date) -> list[AbsenceStated]:
        """Who of an office's people is away."""
        return self._all_present(AbsenceStated, day, f"{office}/")

    def deputy_of(self, person: OfficerId, day: date) -> OfficerId | None:
        """Who takes over from somebody who is away on `day`; None when nobody is known to be away."""
        absence = self.present(AbsenceStated, person, day)
        return absence.deputy if absence is not None else None


_POSITIONS: Final = tuple(Position)
_ONE_DAY: Final = timedelta(days=1)
_FIRST_DAY: Final = date.min + _ONE_DAY


def _rank(record: Record) -> tuple[date, int, int, int, bytes]:
    return record.rank


def _place(post: PostAssigned) -> tuple[int, str]:
    return _POSITIONS.index(post.position), post.post
