"""The composition root: one node put together from its folder, and what can be done to it as a whole.

`Node.open` takes the writing lock, brings the database to this version, folds the projections anew where they are not
whole, opens a new epoch and starts the writer: after that the node works, with or without a line. A process that only
reads opens it without the pen. Nothing else in the product reads settings, keys or the environment.
Never serves anything (`office.serving`) and never decides about a case. Next: `office.desk`, `office.worklists`,
`sync.writer`.
"""

import csv
import hashlib
import hmac
import io
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import select

from office.accounts import Accounts
from office.capturing import Capturing
from office.case_rows import CaseRows
from office.casebook import CaseInterpreter
from office.catalogue import Catalogue
from office.clock import SystemClock, SystemJitter, SystemSalts
from office.database import Engines, PenLock, database_url, on_failure, open_engines
from office.desk import Desk
from office.dues import Dues
from office.enrolling import Enrolling
from office.erasing import Erasures
from office.intake import Intake
from office.locking import VaultKeeper, finish_locking, open_vault
from office.migrations import is_of_this_version, migrate
from office.paper_wants import PaperWants
from office.papers import FolderShelf
from office.paths import Home, WritingLock, read_private, remove, write_private
from office.people import People
from office.persons import person_key
from office.projection import SqlCases
from office.publishing import Publishing
from office.receiving import Receiving
from office.register import is_of_no_case
from office.reminders import Reminders
from office.seat import load_seat, load_seat_file
from office.seeds import SAMPLE_COUNTY, load_calendar, load_catalogue, load_divisions
from office.settings import Settings, load_settings
from office.storage import FolderDisk, Storage
from office.tables import offices
from office.upgrading import upgrade
from office.worklists import Worklists
from schemas.calendar import WorkCalendar
from schemas.casework.clocks import day_of
from schemas.casework.events import EVENTS
from schemas.catalogue import Edition
from schemas.divisions import DivisionTree, InvalidDivision, division_code, parse_divisions
from schemas.names import CaseId, Instant, OfficeId, seat_of, within
from sync.addresses import is_loopback
from sync.books import Books, Seat
from sync.core.errors import LocalFault
from sync.core.journal import Draft
from sync.courier import LineState
from sync.ledger import Ledger
from sync.ports import Disposition, EntryKey, Stored, empty_batch
from sync.sealing import SEAL_KEY_BYTES, AesGcmSealer
from sync.second_path import CountyState
from sync.store import SqlStore
from sync.tables import entries
from sync.writer import Writer

if TYPE_CHECKING:
    from office.bundles import Bundles
    from office.devices import Devices
    from office.moving import Moving
    from office.vault import Vault

DATA_KEY_BYTES: Final = SEAL_KEY_BYTES

REBUILD_CASES: Final = 500
"""Cases folded in one transaction of a rebuild: about 3,500 entries."""

DESK_CHARACTERS_MAX: Final = 20

PEN_WAIT_S: Final = 2.0
"""How long a start waits for a verb that was given in the same moment: making a new database takes a tenth of it."""
PEN_PAUSE_S: Final = 0.05

Progress = Callable[[int, int], None]
"""(done, all): for a bar on the screen."""


Ready = Callable[["Node"], Awaitable[None]]
"""What must go well before a node opens an epoch: a start that fails must leave no journal behind."""


def no_progress(done: int, total: int) -> None:
    """Shows nothing."""


async def no_conditions(node: "Node") -> None:
    """Nothing must go well first."""


class WakingPen:
    """The writer as the desk sees it: after every act the courier is told that there is work."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.on_work: Callable[[], None] | None = None

    async def record(self, drafting: Callable[[], Awaitable[Sequence[Draft]]]) -> list[Stored]:
        """See `sync.writer.Writer.record`."""
        written = await self._writer.record(drafting)
        if written and self.on_work is not None:
            self.on_work()
        return written


class Node:
    """One open node. Make it with `open`, end it with `close`."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        seat: Seat,
        engines: Engines,
        data_key: bytes,
        vault: "Vault | None" = None,
    ) -> None:
        self.home = home
        self.settings = settings
        self.engines = engines
        self.data_key = data_key
        self.vault = vault
        """What a village's folder is locked with, open; None for a folder that lies plain, and above the village."""
        self.clock = SystemClock()
        self.salts = SystemSalts()
        self.jitter = SystemJitter()
        ballast = _ballast_of(home, engines)
        disk = FolderDisk((ballast or home.ballast).parent)
        self.storage = Storage(disk, ballast, self.clock, self.salts, home.papers)
        on_failure(engines, self.storage.hear)
        sealer = AesGcmSealer(data_key)
        self.papers = FolderShelf(home.papers, sealer if vault is None else _file_sealer(vault, data_key))
        self.capturing = Capturing(self.papers, self.storage.check_papers)
        self.cases = SqlCases(engines.read, sealer, person_key(data_key), lambda case: self.dues.of(case))
        self.store = SqlStore(engines.write, engines.read, sealer=sealer, project=self.cases.project)
        self.casebook = CaseInterpreter(self.cases, remembered=settings.cases_remembered)
        self.books = Books(seat, self.store, self.casebook, self.clock, self.salts)
        self.casebook.attach(self.books)
        self.ledger = Ledger(self.books)
        self.writer = Writer(self.ledger, tidy=self.store.tidy)
        self.pen = WakingPen(self.writer)
        self.divisions = load_tree(home, seat.office)
        self.catalogue = load_editions(home, lambda: self.casebook.register.editions(), lambda: self.books.beacon_at)
        self.dues = Dues(self.catalogue, lambda: self.calendar, remembered=settings.cases_remembered)
        self.reminders = Reminders(engines.write, engines.read, self.cases, self.dues, self.clock, lambda: self.today)
        self.people = People(self.casebook, self.clock, seat.office, lambda: self.calendar, self.office_name)
        self.accounts = Accounts(engines.write, engines.read, seat.office, self.clock, self.salts, self.people)
        if vault is not None:
            self.accounts.keeper = VaultKeeper(vault)
        self._make_desks(data_key)
        self.erasures = Erasures(home, self.store, engines.read, self.cases, self.papers)
        self.paper_wants = PaperWants.of(self)
        self.worklists = Worklists(
            engines.read, self.cases, self.store, self.books, seat.office, lambda: self.dues.days(self.today)
        )
        self.enrolling = Enrolling(
            engines.write,
            engines.read,
            self.writer,
            self.clock,
            self.salts,
            address_of(settings),
            lambda: self.parent_address,
        )
        self.parent_address = settings.parent
        self.county_address = settings.county
        """At a village: where the second path leads; empty where nobody said."""
        self.county_line: CountyState | None = None
        """What became of the second path; None while it was never called for."""
        self.line_up: LineState | None = None
        """What the courier says of the line upward; None at the county, and while nobody talks upward."""
        self._names: dict[OfficeId, str] = {}
        self._locks: Locks | None = None
        self._copies_first = True

    def _make_desks(self, data_key: bytes) -> None:
        """Everything that writes with the pen on an officer's behalf, or the node's own."""
        self.intake = Intake(
            self.pen,
            self.casebook,
            self.catalogue,
            self.clock,
            self.salts,
            _slip_key(data_key),
            check_room=self.storage.check_filing,
            shelf=self.papers,
        )
        self.desk = Desk(
            self.pen,
            self.casebook,
            self.catalogue,
            self.clock,
            self.is_office,
            self.accounts,
            shelf=self.papers,
        )
        self.receiving = Receiving(self.pen, self.casebook, self.seat)
        self.publishing = Publishing(
            self.pen, self.casebook, self.seat, self.is_office, lambda: self.today, self.accounts
        )

    @property
    def moving(self) -> "Moving":
        """Moves of offices. Made when asked for: a village never needs it."""
        from office.moving import Moving

        return Moving(
            self.pen, self.casebook, self.catalogue, self.clock, self.publishing, self.accounts, self.office_name
        )

    @cached_property
    def bundles(self) -> "Bundles":
        """Courier bundles. Made when asked for: most days nobody carries a stick."""
        from office.bundles import Bundles

        return Bundles(self)

    @property
    def devices(self) -> "Devices":
        """The devices below. Made when asked for: a village has none."""
        from office.devices import Devices

        return Devices(self.engines.write, self.engines.read, self.enrolling, self.books, self.clock, self.office_name)

    # --- life ------------------------------------------------------------------------------------------------------

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        with_pen: bool = True,
        refold: bool = False,
        settings: Settings | None = None,
        progress: Progress = no_progress,
        ready: Ready = no_conditions,
        vault: "Vault | None" = None,
        with_copy: bool = True,
    ) -> "Node":
        """Open the node in `folder`. With the pen: lock, migrate, refold if needed or asked, new epoch, writer started.

        `ready`: awaited with the pen in hand before the epoch is opened; whatever it raises ends the opening.
        `vault`: of a locked folder, open; without it whoever is at the terminal is asked (`office.locking`).
        `with_copy`: a store of an earlier version is copied before it is taken over (`office.upgrading`).
        Raises `LocalFault`: `not_enrolled`, `second_writer`, `newer_store`, `bad_settings`, `locked` and what the
        files' readers raise; `Malformed` for a damaged key file.
        """
        home = Home(folder)
        settings = settings or load_settings(home.settings)
        seat_file = load_seat_file(home)
        url = database_url(settings.database, home.database)
        is_sqlite = not settings.database or url.drivername.startswith("sqlite")
        locks = Locks(WritingLock(home.lock), None if is_sqlite else PenLock(url))
        engines: Engines | None = None
        try:
            if with_pen:
                await _take_patiently(locks, home)
            if home.vault.exists():
                finish_locking(home, settings, has_pen=with_pen)
                vault = vault or await open_vault(home, settings)
            engines = open_engines(url, vault.store_key if vault is not None else None)
            data_key = load_data_key(home, vault)
            node = cls(home, settings, load_seat(home, vault), engines, data_key, vault)
            node.parent_address = settings.parent or seat_file.parent_address
            node.county_address = settings.county or seat_file.county_address
            node._locks = locks
            node._copies_first = with_copy
            if with_pen:
                await node._take_up_pen(progress, ready, refold=refold)
            else:
                await node._look_in(progress)
            await node.load_names()
        except BaseException:
            if engines is not None:
                await engines.close()
            await locks.release()
            raise
        return node

    async def _look_in(self, progress: Progress) -> None:
        """For a process that only reads: the pen is touched only where the store must be brought up first, by a version
        or after a restore, which may hold what was erased since.

        Where somebody else is just doing that, it waits; where a running node folds anew, it reads what there is.
        """
        assert self._locks is not None
        deadline = self.clock.elapsed_s() + PEN_WAIT_S
        while True:
            is_current = not self.home.upgrading.exists() and await is_of_this_version(self.engines.read)
            if is_current and not self.home.restored.exists() and await self.cases.is_folded():
                break
            try:
                await self._locks.take()
            except LocalFault:
                if is_current:
                    break
                if self.clock.elapsed_s() > deadline:
                    raise
                await self.clock.sleep(PEN_PAUSE_S)
                continue
            try:
                await self._bring_up(progress, refold=False)
            finally:
                await self._locks.release()
            return
        await self.books.load()

    async def _bring_up(self, progress: Progress, *, refold: bool) -> None:
        """The database of this version, its projections whole. Needs the lock."""
        await upgrade(self, progress, with_copy=self._copies_first)
        await migrate(self.engines.write)
        bared = await self.erasures.reapply()
        await self.books.load()
        if refold or not await self.cases.is_folded():
            await self.rebuild(progress)
        elif bared:
            await self._refold(bared, {one.key: one for one in await self.store.dispositions()})

    async def _take_up_pen(self, progress: Progress, ready: Ready, *, refold: bool) -> None:
        await self._bring_up(progress, refold=refold)
        await self._fold_understood()
        await ready(self)
        await self.ledger.open_epoch(restored=self.home.restored.exists())
        remove(self.home.restored)
        self.writer.start()
        await self.receiving.sweep(self.engines.read)
        await self.reminders.refresh()

    async def close(self) -> None:
        """Finish what was taken, give everything back."""
        if self.writer.failure is None:
            await self.writer.stop()
        await self.engines.close()
        if self._locks is not None:
            await self._locks.release()

    # --- projections -------------------------------------------------------------------------------------------------

    async def rebuild(self, progress: Progress = no_progress) -> int:
        """Drop every projection and fold it again from the entries; returns the number of cases.

        For the holder of the pen, before its writer runs. Broken off, it begins anew at the next start.
        """
        self.casebook.reset()
        stated = {disposition.key: disposition for disposition in await self.store.dispositions()}
        await self._commit(CaseRows([], [], {}, {}, begins=True))
        await self._refold([None], stated)
        subjects = await self.subjects()
        for start in range(0, len(subjects), REBUILD_CASES):
            progress(start, len(subjects))
            await self._refold(subjects[start : start + REBUILD_CASES], stated)
            self.casebook.forget()
        await self._commit(CaseRows([], [], {}, {}, ends=True))
        progress(len(subjects), len(subjects))
        return len(subjects)

    async def _fold_understood(self) -> None:
        """After an upgrade: fold what holds entries of a kind which this version understands at last."""
        stated = {disposition.key: disposition for disposition in await self.store.dispositions()}
        subjects: set[CaseId | None] = set()
        for (journal, seq), disposition in stated.items():
            if disposition.state != "unknown":
                continue
            for entry in await self.store.entries(journal, seq, seq + 1):
                if entry.kind in EVENTS if entry.subject is not None else is_of_no_case(entry.kind):
                    subjects.add(entry.subject)
        if subjects:
            await self._refold(subjects, stated)

    async def _refold(self, subjects: Iterable[CaseId | None], stated: Mapping[EntryKey, Disposition]) -> None:
        reading = await self.casebook.refold(subjects, stated)
        batch = empty_batch()
        batch.dispositions = reading.settled
        batch.projected = self.casebook.drain()
        await self.store.commit(batch)

    async def _commit(self, rows: CaseRows) -> None:
        batch = empty_batch()
        batch.projected = rows
        await self.store.commit(batch)

    async def subjects(self) -> list[CaseId]:
        """Every case of which an entry is here."""
        query = select(entries.c.subject).where(entries.c.subject.is_not(None)).distinct()
        async with self.engines.read.connect() as connection:
            return sorted(CaseId(subject) for subject in (await connection.execute(query)).scalars())

    # --- offices -----------------------------------------------------------------------------------------------------

    @property
    def seat(self) -> OfficeId:
        """The office whose pen this node holds."""
        return self.books.seat.office

    @property
    def today(self) -> date:
        """The day in China; not before the county's last beacon, however far back this device's clock has fallen."""
        return day_of(max(self.clock.now(), self.books.beacon_at))

    @property
    def calendar(self) -> WorkCalendar:
        """Working days: what came with the program, and over it what the county has published."""
        return self.casebook.register.calendar(load_calendar())

    @property
    def county(self) -> OfficeId:
        """The county in whose tree this node stands."""
        return OfficeId(seat_of(self.seat)[:6])

    async def load_names(self) -> None:
        """Read what offices are called: at start, and, while the county's node is served, every minute anew.

        A verb beside it may import the list at any time. Other nodes are told names when they are enrolled,
        and from then on by the register.
        """
        async with self.engines.read.connect() as connection:
            rows = (await connection.execute(select(offices.c.office, offices.c.name))).all()
        self._names = {OfficeId(office): name for office, name in rows}

    def office_name(self, office: OfficeId) -> str:
        """What an office is called: as published, else as this node was told; its code where it has no name for it."""
        name = self.casebook.register.name_of(office, self.today) or self._names.get(office)
        if name is not None:
            return name
        division = self.divisions.find(seat_of(office)) if self.divisions is not None else None
        if division is None:
            return office
        desk = office.partition(".")[2]
        return f"{division.name} {desk}" if desk else division.name

    def known_offices(self) -> list[OfficeId]:
        """Offices of the county that a case may be sent to, as far as this node knows them, by code."""
        register, today = self.casebook.register, self.today
        known = {*self._names, *register.offices(), *self.books.keyring.offices(), self.seat}
        return sorted(office for office in known if register.find_ended(office, today) is None)

    def is_office(self, office: OfficeId) -> bool:
        """Whether the county has this office, as far as this node can tell: by its list or its tree of divisions."""
        if office in self._names or self.casebook.register.find_office(office, self.today) is not None:
            return True
        seat, separator, desk = office.partition(".")
        if separator and not (desk.isascii() and desk.isalnum() and len(desk) <= DESK_CHARACTERS_MAX):
            return False
        try:
            code = division_code(seat)
        except InvalidDivision:
            return False
        if self.divisions is not None:
            return code in self.divisions
        return within(OfficeId(seat), self.county)


# --- the pen ---------------------------------------------------------------------------------------------------------


class Locks:
    """One writing process per node (RULINGS C1): the lock of the folder, and over PostgreSQL the database's as well,
    whose pen may be held from another machine with a folder of its own.
    """

    def __init__(self, folder: WritingLock, database: PenLock | None) -> None:
        self._folder = folder
        self._database = database

    async def take(self) -> None:
        """Take both or neither. Raises `LocalFault` `second_writer`; never waits."""
        self._folder.take()
        try:
            if self._database is not None:
                await self._database.take()
        except BaseException:
            self._folder.release()
            raise

    async def release(self) -> None:
        """Give both back."""
        if self._database is not None:
            await self._database.release()
        self._folder.release()


async def _take_patiently(locks: Locks, home: Home) -> None:
    """Take the pen. A verb that brings up a new store has it for a moment: one that serves says so in its folder."""
    clock = SystemClock()
    deadline = clock.elapsed_s() + PEN_WAIT_S
    while True:
        try:
            await locks.take()
        except LocalFault:
            if home.local.exists() or clock.elapsed_s() > deadline:
                raise
            await clock.sleep(PEN_PAUSE_S)
        else:
            return


# --- files -----------------------------------------------------------------------------------------------------------


def load_data_key(home: Home, vault: "Vault | None" = None) -> bytes:
    """The key that seals bodies at rest; `vault`: of a locked folder. Raises `LocalFault` if it is gone or damaged."""
    key = read_private(home.data_key, missing_hint="put its backup back; without it no stored text can be read")
    if vault is not None:
        key = vault.open(home.data_key.name, key)
    if len(key) != DATA_KEY_BYTES:
        raise LocalFault("bad_data_key", f"{home.data_key} is damaged; put its backup back")
    return key


def _file_sealer(vault: "Vault", data_key: bytes) -> AesGcmSealer:
    """For papers of a locked folder: under the vault's key; those kept before it was locked still open."""
    return AesGcmSealer(vault.file_key, key_id=2, older={1: data_key})


def _ballast_of(home: Home, engines: Engines) -> Path | None:
    """Beside the SQLite file, wherever the settings put that; none on PostgreSQL, whose disk is the server's."""
    if not engines.is_sqlite:
        return None
    return Path(engines.write.url.database or home.database).with_name(home.ballast.name)


def _slip_key(data_key: bytes) -> bytes:
    """The key of slips' secrets: one purpose, one key."""
    return hmac.digest(data_key, b"tongban slips 1", hashlib.sha256)


def load_editions(
    home: Home, published: Callable[[], Sequence[Edition]], not_before: Callable[[], Instant]
) -> Catalogue:
    """What is published; until then the editions in the node's folder, or the sample that ships with every node.

    Raises `LocalFault` for a damaged file.
    """
    own = read_editions(home)
    return Catalogue(own or [load_catalogue()], [load_catalogue()] if own else (), published, not_before)


def read_editions(home: Home) -> list[Edition]:
    """Every edition that the county has imported here, oldest first. Raises `LocalFault` `bad_catalogue`."""
    if not home.catalogue.exists():
        return []
    try:
        return msgspec.json.decode(home.catalogue.read_bytes(), type=list[Edition])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LocalFault("bad_catalogue", f"{home.catalogue} cannot be read; import the catalogue again") from error


def keep_edition(home: Home, edition: Edition) -> None:
    """Keep a new edition beside the older ones, under which cases were filed; one of the same version is replaced."""
    kept = [older for older in read_editions(home) if older.version != edition.version]
    write_private(home.catalogue, msgspec.json.encode([*kept, edition]))


def load_tree(home: Home, office: OfficeId) -> DivisionTree | None:
    """The county's divisions: its own table, the sample's where it is that county, else None."""
    if home.divisions.exists():
        table = read_private(home.divisions, missing_hint="make it readable, or import it again at the hub")
        try:
            return parse_divisions(csv.DictReader(io.StringIO(table.decode("utf-8-sig"), newline="")))
        except (UnicodeDecodeError, csv.Error) as error:
            raise LocalFault(
                "bad_divisions",
                f"{home.divisions} is no table of divisions: import it again at the hub (hub divisions import), and "
                "copy it from there to the nodes below",
            ) from error
    return load_divisions() if seat_of(office)[:6] == SAMPLE_COUNTY else None


def keep_divisions(home: Home, tree: DivisionTree) -> None:
    """Keep the county's own table of divisions in place of the one before."""
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(("code", "name", "level", "parent"))
    rows.writerows((one.code, one.name, one.tier.value, one.parent or "") for one in tree)
    write_private(home.divisions, table.getvalue().encode())


def address_of(settings: Settings) -> str:
    """The address printed on sheets: the one set, or made from host and port."""
    if settings.address:
        return settings.address
    scheme = "http" if is_loopback(settings.host) else "https"
    return f"{scheme}://{settings.host}:{settings.port}"
