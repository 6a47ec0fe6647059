"""Everything that goes wrong in a county: one method per fault, each counted under its own name.

A fault changes the world (disks, lines, clocks, which machine sits where), never the product's memory behind its back:
what a node believes it must have read from its disk or heard on a line. Repairs that people make (a new device with a
new certificate, a revocation, a freed disk) are here too, through the product's own entries.
Never judges. Next: `presets` for how often, `schedule` for when.
"""

import msgspec

from schemas.codec import decode, encode
from schemas.names import CaseId, Instant, JournalId, NodeId, OfficeId
from schemas.wire import KIND_REVOKED, Certificate, Enrolled, Revoked, is_line
from sync import reenrolling
from sync.core import journal
from sync.core.errors import Fault
from sync.core.journal import Draft
from sync.ports import EntryKey, Stored
from sync.revoking import heads_of_before, held_positions, raising
from tests.simulation.devices import COUNTY, DAY, HOUR, START, Backup, Device, DiskFull, PowerCut
from tests.simulation.erasing import Eraser
from tests.simulation.replacing import Replacing
from tests.simulation.workload import Workload
from tests.simulation.world import Message, World

YEAR = 365 * DAY
BACKUPS_KEPT = 3


class Rollback(msgspec.Struct, frozen=True):
    """A device that was put back: which of its own journals reached further before, and the epoch it then opened."""

    node: NodeId
    known: bool
    lost: dict[JournalId, int]
    opened: JournalId
    witnesses: dict[EntryKey, set[OfficeId]]
    """Of its own entries that it lost: the offices whose machines held them at that moment."""
    holders: dict[CaseId, tuple[OfficeId, ...]]
    """Who had ever held each case, as far as the backup knows."""


class Faults(Replacing, Eraser):
    """What may strike the county."""

    def __init__(self, world: World, work: Workload) -> None:
        super().__init__()
        self.world = world
        self.work = work
        self.wakes: dict[str, int] = {}
        """Device → when somebody will switch it on again."""
        self.twins: list[Device] = []
        self.rollbacks: list[Rollback] = []

    def running(self) -> list[Device]:
        """Machines that are on, twins included."""
        return [device for device in self.world.devices.values() if device.ledger is not None and not device.wrecked]

    # --- power -------------------------------------------------------------------------------------------------------

    def cut_power_before_commit(self) -> None:
        """The next transaction of some machine never reaches its disk."""
        device = self._pick(self.running())
        if device is not None:
            device.disk.cut_before = True

    def cut_power_after_commit(self) -> None:
        """The next transaction of some machine is durable, and nobody hears of it."""
        device = self._pick(self.running())
        if device is not None:
            device.disk.cut_after = True

    def switch_off(self) -> None:
        """Somebody closes the office for some hours."""
        device = self._pick(self.running())
        if device is not None:
            self._note("switched off", device)
            device.stop()

    def wake_the_stopped(self) -> None:
        """Whoever finds a dark machine switches it on, after a while."""
        world = self.world
        dark = [device for device in world.devices.values() if device.ledger is None and not device.wrecked]
        if not dark and not self.wakes:
            return
        self.wakes = {device.name: self.wakes.get(device.name, 0) for device in dark}
        for device in dark:
            if not self.wakes[device.name]:
                self.wakes[device.name] = world.now + world.chance.randrange(1, 6) * HOUR
            elif self.wakes[device.name] <= world.now:
                self._note("switched on", device)
                device.start()

    # --- disks -------------------------------------------------------------------------------------------------------

    def back_up(self) -> None:
        """Some office makes its backup."""
        device = self._pick(self.running())
        if device is not None:
            device.backups = [*device.backups, device.back_up()][-BACKUPS_KEPT:]
            self.world.tell("backs up", device.name)

    def restore_knowingly(self) -> None:
        """Restored by the restore command, which says so."""
        self._restore(known=True)

    def restore_unknowingly(self) -> None:
        """Somebody copied an old disk image back and told nobody."""
        self._restore(known=False)

    def _restore(self, *, known: bool) -> None:
        candidates = [d for d in self.world.survivors() if d.backups and d not in self.twins]
        device = self._pick(candidates)
        if device is not None:
            self.restore(device, self.world.chance.choice(device.backups), known=known)

    def restore(self, device: Device, backup: Backup, *, known: bool) -> None:
        """Put a backup back and start from it."""
        self._note("restored knowingly" if known else "restored unknowingly", device)
        before = _own_extents(device)
        device.restores += 1
        device.put_back(backup)
        device.backups = [kept for kept in device.backups if kept.at <= backup.at]
        device.start(restored=known)
        after = _own_extents(device)
        lost = {held: size for held, size in before.items() if size > after.get(held, 0)}
        if device.up:
            witnesses = self._witnesses(device, lost, after)
            holders = {case: file.holders for case, file in device.disk.cases.files.items()}
            self.rollbacks.append(Rollback(device.node, known, lost, device.books.own, witnesses, holders))

    def _witnesses(
        self, device: Device, lost: dict[JournalId, int], kept: dict[JournalId, int]
    ) -> dict[EntryKey, set[OfficeId]]:
        keys = [(held, seq) for held, size in lost.items() for seq in range(kept.get(held, 0), size)]
        others = [other for other in self.world.survivors() if other is not device]
        return {key: {other.office for other in others if other.holds(key)} for key in keys}

    def fill_disk(self) -> None:
        """A disk is full: whatever brings entries fails."""
        device = self._pick(self.running())
        if device is not None:
            self._note("disk filled", device)
            device.disk.full = True

    def free_disks(self) -> None:
        """Somebody makes room."""
        for device in self.world.devices.values():
            device.disk.full = False

    def rot_a_copy(self) -> None:
        """A bit flips in a township's copy of somebody else's entry."""
        world = self.world
        relays = [d for d in world.survivors() if d.up and len(d.office) == 9]
        device = self._pick(relays)
        if device is None:
            return
        found = [
            entry
            for rows in device.disk.tables.entries.values()
            for entry in rows.values()
            if entry.journal.origin != device.node and entry.body and entry.subject and not is_line(entry.kind)
            if (device.name, (entry.journal, entry.seq)) not in world.rotten
        ]
        if not found:
            return
        self.rot(device, world.chance.choice(found))

    def rot(self, device: Device, entry: Stored) -> None:
        """Flip a bit in the body of this copy."""
        assert entry.body is not None
        damaged = bytes([entry.body[0] ^ 1]) + entry.body[1:]
        rows = device.disk.tables.entries[entry.journal]
        rows[entry.seq] = msgspec.structs.replace(entry, body=damaged)
        self.world.rotten.add((device.name, (entry.journal, entry.seq)))
        self._note("copy rotted", device)

    # --- devices -----------------------------------------------------------------------------------------------------

    def lose_device(self) -> None:
        """A laptop is stolen, a township office burns: the disk is gone for good."""
        candidates = [d for d in self.world.survivors() if d.office != COUNTY and d not in self.twins]
        device = self._pick(candidates)
        if device is not None:
            self.lose(device)

    def lose(self, device: Device) -> None:
        """This machine is gone."""
        self._note("device lost", device)
        device.stop()
        device.wrecked = True

    def replace_the_lost(self) -> None:
        """The office above hands out a new machine for a lost one and revokes the old."""
        for device in list(self.world.seats.values()):
            if device.wrecked:
                self.replace(device)

    def replace(self, lost: Device) -> Device | None:
        """Enrol a successor: new keys, `replaces`, and the old device revoked at what the office above holds of it."""
        issuer = self.world.above(lost)
        made = self.successor_of(lost)
        if issuer is None or made is None:
            return None
        device, enrolling = made
        if not self.write(issuer, [*enrolling, _revocation(issuer, lost.node)]):
            return None
        self._note("device replaced", lost)
        device = self.world.add(device.name, device.signer, device.chain)
        device.start()
        return device

    def confirm_revocations(self) -> bool:
        """The county's officer confirms townships' revocations, at the heads that the county holds (RULINGS A14).

        True when there was one that named less.
        """
        county, confirmed = self.world.seats[COUNTY], False
        if not county.up or county.disk.full:
            return False
        for device in list(self.world.devices.values()):
            if not county.up:  # its power went with the confirmation before
                break
            if not device.wrecked or not county.books.keyring.is_revoked(device.node):
                continue
            sizes = raising(county.books, self.world.run(heads_of_before(county.books, device.node)))
            if sizes and self.write(
                county, [Draft(KIND_REVOKED, None, encode(Revoked(device.node, sizes, "confirmed")))]
            ):
                self._note("revocation confirmed higher", device)
                confirmed = True
        return confirmed

    def enrol_again(self, child: Device) -> bool:
        """The office above believes a device no more (restored, or new itself), or one that worked for its seat before:
        it is enrolled once more in its own home, and the device that the office takes for the present one is ended.
        """
        issuer = self.world.above(child)
        if issuer is None or not issuer.up or child.ledger is None:
            return False
        present = issuer.books.children.get(child.office)
        try:
            drafts = self._reenrolling(child, issuer, present)
        except Fault:
            return False
        if present not in (None, child.node) and not issuer.books.keyring.is_revoked(present):
            drafts.append(_revocation(issuer, present))
        if not self.write(issuer, drafts):
            return False
        self._note("enrolled again by hand", child)
        certificate = decode(drafts[0].body, Enrolled).certificate
        self._follow(child, [*issuer.chain, certificate])
        child.stop()
        child.chain = [*issuer.chain, certificate]
        child.start()
        return True

    def _reenrolling(self, child: Device, issuer: Device, present: NodeId | None) -> list[Draft]:
        books = issuer.books
        reenrolling.check_may_return(books, child.office, child.node)
        named = self.world.run(reenrolling.former_devices(child.books))
        former = reenrolling.vouched(books, child.office, child.node, named)
        if former:
            self._note("former device enrolled again", child)
        keys = child.signer.public_keys
        return reenrolling.enrolling(books, child.office, keys, present, former, Instant(START), "followed")

    def _follow(self, child: Device, chain: list[Certificate]) -> None:
        """The device hears who is above it now: what it had for the one before goes to this one (RULINGS A15)."""
        ledger = child.ledger
        if ledger is None:
            return
        try:
            self.world.run(ledger.perform([lambda: reenrolling.follow(ledger.books, chain)]))
        except (Fault, DiskFull):
            return
        except PowerCut:
            self.world.power_cut(child)

    def enrol_somebody_again(self) -> None:
        """An office above enters a certificate once more that it had entered before."""
        children = [d for d in self.world.children() if d.up and d.node not in self.world.clones]
        child = self._pick(children)
        if child is not None:
            self.enrol_again(child)

    def clone_device(self) -> None:
        """A disk is copied and both machines go on: after a restart of the copy, or as a resumed virtual machine."""
        candidates = [d for d in self.world.survivors() if d.up and len(d.office) == 12 and not self.twins]
        device = self._pick(candidates)
        if device is not None:
            self.clone(device, hot=self.world.chance.random() < 0.5)

    def clone(self, device: Device, *, hot: bool) -> Device:
        """The twin. `hot`: it resumes inside the same epoch."""
        world = self.world
        self._note("device cloned hot" if hot else "device cloned cold", device)
        world.clones.add(device.node)
        twin = Device(world, device.name + "'", device.signer, device.chain)
        world.devices[twin.name] = twin
        twin.put_back(device.back_up())
        twin.starts = 1000
        if hot:
            epoch = device.books.epoch
            twin.resume(epoch)
        else:
            twin.start()
        self.twins.append(twin)
        return twin

    def remove_twins(self) -> None:
        """Somebody finds the second machine and takes it away."""
        for twin in self.twins:
            twin.stop()
            twin.wrecked = True

    # --- clocks ------------------------------------------------------------------------------------------------------

    def turn_clock(self) -> None:
        """A machine's clock jumps: minutes, or years, either way."""
        device = self._pick(self.running())
        if device is not None:
            reach = self.world.chance.choice((HOUR, DAY, YEAR, 10 * YEAR))
            device.skew_ms = self.world.chance.randrange(-reach, reach)
            self._note("clock turned", device)

    # --- lines -------------------------------------------------------------------------------------------------------

    def cut_line(self) -> None:
        """A line upward is down."""
        child = self._pick(self.world.children())
        if child is not None:
            self._note("line cut", child)
            self.world.weather.cut.add(child.name)

    def mend_line(self) -> None:
        """One of the lines is up again."""
        cut = sorted(self.world.weather.cut)
        if cut:
            name = self.world.chance.choice(cut)
            self.world.weather.cut.discard(name)
            self.world.tell("line mended", name)

    def black_out(self) -> None:
        """The whole county is off the line; people go on working."""
        self._note("county-wide outage")
        self.world.weather.cut = {child.name for child in self.world.children()}
        for device in self.world.children():
            if device.up and len(device.office) == 12 and self.world.chance.random() < 0.5:
                self.burst(device, self.world.chance.randrange(4, 12))

    def burst(self, device: Device, filings: int) -> None:
        """A day at the counter without a line."""
        self._note("burst", device)
        for _ in range(filings):
            if not device.up:
                return
            self.work.file(device)

    def send_stick_up(self) -> None:
        """A page goes up in a pocket."""
        child = self._pick([d for d in self.world.children() if d.up])
        if child is not None:
            parent = self.world.above(child)
            assert parent is not None
            self._send_stick(child, parent)

    def send_stick_down(self) -> None:
        """A page comes down in a pocket."""
        child = self._pick([d for d in self.world.children() if not d.wrecked])
        if child is not None:
            parent = self.world.above(child)
            assert parent is not None
            if parent.up:
                self._send_stick(parent, child)

    def _send_stick(self, sender: Device, receiver: Device) -> None:
        world = self.world
        link = sender.books.links.get(receiver.node)
        if link is None:
            return
        data = world.write_stick(sender, receiver)
        if data is None:
            return
        self._note("stick sent", sender)
        if world.chance_of_sticks.random() < 0.2:
            # Pulled out while it was being copied.
            data = data[: world.chance_of_sticks.randrange(len(data))]
            world.counts["stick cut"] += 1
        message = Message(sender.name, receiver.name, data, 0, False, True, 0)
        for _ in range(world.chance.choice((1, 1, 2))):
            world.post(message, world.now + world.chance.randrange(1, 20) * HOUR)

    # --- versions ----------------------------------------------------------------------------------------------------

    def write_unknown_kind(self) -> None:
        """A newer office writes a step that nobody else knows yet."""
        device = self._pick(self.running())
        if device is None:
            return
        cases = [case for case in device.disk.cases.files.values() if case.filing is not None]
        if not cases:
            return
        case = self.world.chance.choice(cases)
        self._note("unknown kind", device)
        body = encode([1, self.world.chance.randbytes(8), "新版本的步骤"])
        self.write(device, [Draft("case.reviewed/2", case.case, body)])

    def write_with_newer_header(self) -> None:
        """A newer office's headers have a field that we do not know."""
        device = self._pick(self.running())
        if device is None:
            return
        self._note("newer header", device)
        plain = journal.encode_head

        def longer(at: Instant, kind: str, subject: CaseId | None) -> bytes:
            return encode([2, at, kind, subject, "a newer field", {"of": 7}])

        journal.encode_head = longer
        try:
            self.work.act(device)
        finally:
            journal.encode_head = plain

    def write_newer_body(self) -> None:
        """A newer office's remark has a field more."""
        device = self._pick(self.running())
        if device is None:
            return
        cases = [case for case in device.disk.cases.files.values() if case.filing is not None]
        if cases:
            self._note("newer body", device)
            self.work.remark(device, self.world.chance.choice(cases), extra=encode("a newer field"))


def _revocation(issuer: Device, lost: NodeId) -> Draft:
    """The statement that nothing of a lost device counts beyond what the office above holds of it."""
    return Draft(KIND_REVOKED, None, encode(Revoked(lost, held_positions(issuer.books, lost), "lost")))


def _own_extents(device: Device) -> dict[JournalId, int]:
    tables = device.disk.tables
    return {held: max(rows) + 1 for held, rows in tables.entries.items() if held.origin == device.node and rows}
