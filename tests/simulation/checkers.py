"""The judges: what must be true while the county lives and when it has come to rest.

Written apart from the protocol's code: they read the disks' dictionaries, recompute hashes from bytes with hashlib
alone, and know the routing rules as RULINGS state them, not as `sync` implements them. The one thing they share with
the product is the meaning of a case (`casefile.fold`, `visibility.readers`), which has its own tests.
Each judge's docstring says what it does NOT check. None ever changes anything.
"""

import hashlib
from collections.abc import Iterator, Sequence

from schemas.casework.casefile import VOID, CaseFile
from schemas.casework.events import Act, Contribution, UnknownKind, decode_event
from schemas.casework.fold import fold
from schemas.casework.lifecycle import Stage
from schemas.casework.visibility import readers
from schemas.codec import Malformed
from schemas.names import CaseId, JournalId, OfficeId, seat_of, within
from schemas.register import REGISTER
from schemas.wire import is_line
from sync.ports import EntryKey, Stored
from tests.simulation.certified import certified_on
from tests.simulation.devices import COUNTY, Device
from tests.simulation.erasing import removals_on
from tests.simulation.faults import Faults
from tests.simulation.second_paths import went_back
from tests.simulation.workload import Workload
from tests.simulation.world import World

DOWNWARD = frozenset(REGISTER) - {"enquiry.recorded"}
"""Kinds about no case that everybody below the author must have."""

Item = tuple[Act | Contribution, Stored]
"""One readable entry of a case, decoded, and as a disk holds it."""


def while_running(world: World, work: Workload, faults: Faults) -> list[str]:
    """After every step: at most one machine believes that its office may act on a case.

    Not checked once anything was restored, lost, cloned or reassigned: a node that does not know what it forgot may act
    on what it remembers until its first contact, which can only be fenced and shown, not prevented.
    """
    if not work.touched:
        return []
    touched, work.touched = work.touched, set()
    if faults.rollbacks or faults.twins or any(d.wrecked for d in world.devices.values()):
        return []
    found: list[str] = []
    for case in touched:
        if case not in work.reassigned:
            able = [d.name for d in world.devices.values() if _may_act(d, d.disk.cases.files.get(case))]
            if len(able) > 1:
                found.append(f"two may act: {able} on {case.hex()[:6]}")
    return found


def _may_act(device: Device, case: CaseFile | None) -> bool:
    return case is not None and device.office in (case.custodian, case.offeree)


def judge(world: World, work: Workload, faults: Faults) -> list[str]:
    """Everything that must be true at rest."""
    court = Court(world, work, faults)
    found: list[str] = []
    for check in (
        court.chains_are_whole,
        court.nothing_is_lost,
        court.everything_is_folded_once,
        court.readers_agree,
        court.one_may_act,
        court.accounts_balance,
        court.rollbacks_were_noticed,
        court.nobody_is_slandered,
        court.what_is_acknowledged_is_held,
        court.deliveries_stand,
        court.quarantines_are_over,
        court.the_restored_do_not_repeat_themselves,
        court.findings_are_found_once,
        court.receipts_are_true,
        court.registers_agree,
        court.thieves_gain_nothing,
    ):
        found += [f"{check.__name__}: {problem}" for problem in check()]
    return found


class Court:
    """All disks as they lie at rest."""

    def __init__(self, world: World, work: Workload, faults: Faults) -> None:
        self.world = world
        self.work = work
        self.faults = faults
        self.devices = world.survivors()
        self.forked = {key for key, records in world.written.items() if len({r.hash for r in records}) > 1}
        self.fork_from: dict[JournalId, int] = {}
        for journal, seq in self.forked:
            self.fork_from[journal] = min(seq, self.fork_from.get(journal, seq))
        self.rotten = {(name, key) for name, key in world.rotten if self._is_rotten(name, key)}
        self.held: dict[EntryKey, list[Device]] = {}
        for device in self.devices:
            for journal, rows in device.disk.tables.entries.items():
                for seq in rows:
                    if (device.name, (journal, seq)) not in self.rotten:
                        self.held.setdefault((journal, seq), []).append(device)
        certified = certified_on(self.devices, world.seats[COUNTY].books)
        self.enrolled = certified | world.clones | {device.node for device in self.devices}
        """Devices that the county must know, and those that sit somewhere."""
        self.subjects = sorted({subject for device in self.devices for subject in device.disk.tables.subjects})
        self._seats: dict[tuple[OfficeId, CaseId | None], set[OfficeId]] = {}
        self._hashes: dict[tuple[object, ...], bytes] = {}
        self._roots: dict[tuple[bytes, ...], bytes] = {}
        self._truths: dict[CaseId, CaseFile | None] = {}
        self._events: dict[bytes, Act | Contribution | None] = {}

    def _is_rotten(self, name: str, key: EntryKey) -> bool:
        """Whether a copy that we damaged is still there and still bad: it may have been fetched again."""
        entry = self.world.devices[name].disk.tables.entries.get(key[0], {}).get(key[1])
        if entry is not None and entry.body is None:
            device = self.world.devices[name]
            return device.up and entry.hash in device.books.damaged.values()
        return entry is not None and entry.body not in [record.body for record in self.world.written[key]]

    # --- bytes -------------------------------------------------------------------------------------------------------

    def chains_are_whole(self) -> Iterator[str]:
        """Each journal on each disk, recomputed from bytes: hashes, links, numbers, tips, the newest checkpoint's root.

        Does not check signatures (keyed hashes here; Ed25519 has its own tests) nor copies that we damaged ourselves.
        """
        for device in self.devices:
            tables = device.disk.tables
            for journal, rows in tables.entries.items():
                size = tables.journals[journal].size
                yield from self._run_is_whole(device, journal, rows, size)
                for seq, entry in rows.items():
                    if seq >= size or entry.loose:
                        yield from self._excerpt_is_whole(device, entry, size)

    def _run_is_whole(self, device: Device, journal: JournalId, rows: dict[int, Stored], size: int) -> Iterator[str]:
        prev = bytes(32)
        leaves: list[bytes] = []
        for seq in range(size):
            entry = rows.get(seq)
            if entry is None or entry.loose:
                yield f"{device.name} has no entry {seq} of {size} in {journal}"
                return
            if (device.name, (journal, seq)) in self.rotten:
                prev = entry.hash
            else:
                prev = self._hash_of(entry, prev)
                if prev != entry.hash:
                    yield f"{device.name} {journal}:{seq} hashes to something else"
                    return
            known = self.world.written.get((journal, seq))
            if known and prev not in [record.hash for record in known]:
                yield f"{device.name} {journal}:{seq} was never written so"
            leaves.append(prev)
        if size and prev != device.disk.tables.journals[journal].tip:
            yield f"{device.name} {journal} has another tip"
        sizes = [s for s in device.disk.tables.checkpoints.get(journal, {}) if s <= size]
        if sizes:
            newest = max(sizes)
            if self._root_of(tuple(leaves[:newest])) != device.disk.tables.checkpoints[journal][newest].root:
                yield f"{device.name} {journal} checkpoint {newest} has another root"

    def _hash_of(self, entry: Stored, prev: bytes) -> bytes:
        """The hash of these very bytes, computed once for all disks that hold the same."""
        parts = (entry.journal, entry.seq, prev, entry.head, entry.salt, entry.body, entry.digest)
        found = self._hashes.get(parts)
        if found is None:
            found = self._hashes[parts] = _hash(entry, prev)
        return found

    def _root_of(self, leaves: tuple[bytes, ...]) -> bytes:
        root = self._roots.get(leaves)
        if root is None:
            root = self._roots[leaves] = _root(leaves)
        return root

    def _excerpt_is_whole(self, device: Device, entry: Stored, size: int) -> Iterator[str]:
        if (device.name, (entry.journal, entry.seq)) in self.rotten:
            return
        if entry.prev is None or self._hash_of(entry, entry.prev) != entry.hash:
            yield f"{device.name} {entry.journal}:{entry.seq} is loose and does not hash"
        if entry.seq < size:
            yield f"{device.name} {entry.journal}:{entry.seq} is loose inside its run"

    # --- who must hold what ------------------------------------------------------------------------------------------

    def _required(self, office: OfficeId, subject: CaseId | None) -> set[OfficeId]:
        """The seats that must have what an office wrote about a case."""
        seats = self._seats.get((office, subject))
        if seats is None:
            seats = {o for o in self.world.seats if within(office, o)}
            case = self._truth_of(subject) if subject is not None else None
            if case is not None and not self._touches_fork(case.case):
                seats |= {seat_of(reader) for reader in readers(case)} & self.world.seats.keys()
            self._seats[office, subject] = seats
        return seats

    def _truth_of(self, subject: CaseId) -> CaseFile | None:
        """The case as the set of all surviving entries that count makes it, by the county's revocations."""
        if subject not in self._truths:
            self._truths[subject] = self._fold(self.devices, subject)
        return self._truths[subject]

    def _fold(self, devices: list[Device], subject: CaseId) -> CaseFile | None:
        removals = removals_on(devices, self.world.seats[COUNTY], subject)
        return fold(self._items_on(devices, subject), removals, subject)

    def _items(self, subject: CaseId) -> list[Item]:
        return self._items_on(self.devices, subject)

    def _items_on(self, devices: list[Device], subject: CaseId) -> list[Item]:
        items: dict[EntryKey, Item] = {}
        for device in devices:
            for key in device.disk.tables.subjects.get(subject, []):
                if key in items or (device.name, key) in self.rotten:
                    continue
                entry = device.disk.tables.entries[key[0]][key[1]]
                if entry.hash not in self._events:
                    self._events[entry.hash] = _read(entry)
                event = self._events[entry.hash]
                if event is None or not self._counts(entry) or entry.hash in device.disk.tables.erased:
                    continue
                items[key] = (event, entry)
        return list(items.values())

    def _counts(self, entry: Stored) -> bool:
        """Whether the entry lies below every position at which its device was revoked, as the county has it."""
        return self.world.seats[COUNTY].books.counts(entry)

    def nothing_is_lost(self) -> Iterator[str]:
        """Every entry that any disk still holds is at its own office, at every office above, and at every case reader.

        Entries whose every copy was destroyed are excused, branches of a cloned device beyond the fork, house-keeping
        of which only offices aside of its own line kept a copy, and what a former device wrote whose every enrolment
        burnt, or lies past its issuer's revocation: nobody can tell it from what a thief makes up (`certified`). What
        lies past a revocation of its own must be home and in the county, and at a reader only when it was released.
        Cases touched by a branch are judged on their own line alone: who else reads them depends on which branch a node
        saw first. Does not check that entries reach nobody else (the routing table's test) nor bodies' secrecy.
        """
        for key, records in self.world.written.items():
            record = records[0]
            holders = self.held.get(key)
            if not holders or self._is_forked(key):
                continue
            if is_line(record.kind) and not any(within(record.office, holder.office) for holder in holders):
                continue
            if key[0].origin not in self.enrolled:
                continue
            offices = {device.office for device in holders}
            offices |= {device.office for device in self.devices if (device.name, key) in self.rotten}
            missing = self._required(record.office, record.subject) - offices
            if not self._counts(holders[0].disk.tables.entries[key[0]][key[1]]):
                # Suspended, it makes nobody a reader (RULINGS A5, A14).
                missing = {office for office in missing if within(record.office, office)}
            if self._goes_down(holders[0], key):
                missing |= {seat for seat in self.world.seats if within(seat, record.office)} - offices
            for office in sorted(missing):
                place = f"{record.device}:{key[0].epoch.ordinal}:{key[1]}"
                yield f"{record.kind} {place} is not at {self.world.seats[office].name}"

    def _goes_down(self, holder: Device, key: EntryKey) -> bool:
        """Whether an entry is one of those about no case that everybody below its author must have."""
        entry = holder.disk.tables.entries[key[0]][key[1]]
        return entry.subject is None and entry.kind in DOWNWARD and self._counts(entry)

    def registers_agree(self) -> Iterator[str]:
        """Every office has folded exactly what survives and counts of what it and those in its line have published.

        Compares which entries count, on the disk and in memory. Does not check what they come to: that is the fold's
        own test. Left out are a cloned device's branches, and what `nothing_is_lost` excuses since its enrolment burnt.
        """
        kept: dict[bytes, Stored] = {}
        for key, holders in self.held.items():
            entry = holders[0].disk.tables.entries[key[0]][key[1]]
            if entry.subject is None and entry.kind in REGISTER and not self._is_forked(key) and self._counts(entry):
                kept[entry.hash] = entry
        for device in self.devices:
            expected = {digest for digest, entry in kept.items() if self._concerns(device.office, entry)}
            rows = device.disk.cases.records
            known = {digest: row.place for digest, row in rows.items() if row.place[0].origin in self.enrolled}
            found = {digest for digest, place in known.items() if not self._is_forked(place)}
            if found != expected:
                missing, more = len(expected - found), len(found - expected)
                yield f"{device.name} lacks {missing} entries of its register and has {more} that do not count"
            remembered = device.interpreter.register.records() if device.interpreter is not None else []
            on_disk = {digest for digest, row in rows.items() if row.event.kind in DOWNWARD}
            if device.up and {record.hash for record in remembered} != on_disk:
                yield f"{device.name} remembers another register than its disk has"

    def _concerns(self, office: OfficeId, entry: Stored) -> bool:
        """Whether an office must know what is published: its own line upward, and those below it."""
        author = self.world.seats[COUNTY].books.seat_of_node(entry.journal.origin)
        if author is None:
            return False
        return within(author, office) or (entry.kind in DOWNWARD and within(office, author))

    def _is_forked(self, key: EntryKey) -> bool:
        return bool(self.fork_from) and key[1] >= self.fork_from.get(key[0], 1 << 60)

    def thieves_gain_nothing(self) -> Iterator[str]:
        """No office counts a case that was filed with a device of which the office above knew that it was revoked.

        Not checked where anything was restored or a township replaced: an office that forgot a revocation may revoke
        again, and by RULINGS A14 the highest position holds.
        """
        forgetful = any(device.wrecked and len(device.office) < 12 for device in self.world.devices.values())
        if self.faults.rollbacks or forgetful:
            return
        for stolen in self.faults.stolen:
            for device in self.devices:
                case = device.disk.cases.files.get(stolen.case)
                if case is not None and case.filing is not None:
                    yield f"{device.name} counts what a thief filed with {self.world.name_of(stolen.node)}"

    # --- cases -------------------------------------------------------------------------------------------------------

    def everything_is_folded_once(self) -> Iterator[str]:
        """Each readable entry that counts has exactly one place in its case: on the branch, beside it, or held.

        Compares with the fold of what the same disk holds. Does not check what the fold itself should be, nor cases of
        which that disk holds a copy that we damaged and nobody asked for yet.
        """
        for device in self.devices:
            for subject in device.disk.tables.subjects:
                if self._has_rot(device, subject):
                    continue
                items = self._items_on([device], subject)
                case = device.disk.cases.files.get(subject)
                if case != self._fold([device], subject) and case != CaseFile(subject):
                    yield f"{device.name} {subject.hex()[:6]} is not the fold of its entries"
                    continue
                if case is not None and not case.is_empty:
                    yield from self._places(device, case, items)

    def _places(self, device: Device, case: CaseFile, items: list[Item]) -> Iterator[str]:
        after = {_mark(header.hash): event.after for event, header in items if isinstance(event, Act)}
        named = {link[:16]: link for link in after}
        branch: list[bytes] = []
        at: bytes | None = case.tip or None
        while at is not None:
            branch.append(named.get(at, at))
            at = after.get(named.get(at, at))
        if len(branch) != case.turn:
            yield f"{device.name} {case.case.hex()[:6]} has {len(branch)} acts at turn {case.turn}"
        void = [_mark(breach.hash) for breach in case.breaches if breach.code in VOID]
        superseded, held = [_mark(h) for h in case.superseded], [_mark(h) for h in case.held]
        for event, header in items:
            if isinstance(event, Contribution):
                continue
            lists = (branch, superseded, held, void)
            places = sum(1 for marks in lists if _mark(header.hash) in marks)
            if places != 1:
                yield f"{device.name} {case.case.hex()[:6]} {event.kind} stands in {places} places"
        operations = [note.operation for note in case.contributions]
        if len(operations) != len(set(operations)):
            yield f"{device.name} {case.case.hex()[:6]} counts one contribution twice"

    def _has_rot(self, device: Device, subject: CaseId) -> bool:
        if not self.rotten:
            return False
        return any((device.name, key) in self.rotten for key in device.disk.tables.subjects.get(subject, []))

    def readers_agree(self) -> Iterator[str]:
        """All offices that may read a case have the same case file, the one made by everything that survives.

        Cases touched by a cloned device's forked branch are left out: which branch a node saw first it keeps.
        """
        for subject in self.subjects:
            if self._touches_fork(subject):
                continue
            truth = self._truth_of(subject)
            if truth is None:
                continue
            for office in readers(truth):
                device = self.world.seats.get(seat_of(office))
                if device is None or self._has_rot(device, subject):
                    continue
                own = device.disk.cases.files.get(subject)
                if own != truth:
                    yield f"{device.name} sees {subject.hex()[:6]} {_sketch(own)}, all together {_sketch(truth)}"

    def _touches_fork(self, subject: CaseId) -> bool:
        """Whether any disk has an entry of the case that lies on a cloned device's branches."""
        if not self.fork_from:
            return False
        keys = (key for device in self.devices for key in device.disk.tables.subjects.get(subject, []))
        return any(self._is_forked(key) for key in keys)

    def one_may_act(self) -> Iterator[str]:
        """At rest at most one office believes that it may act on a case. Reassigned or restored: no excuse."""
        for subject in self.subjects:
            if self._touches_fork(subject):
                continue
            if any(self._has_rot(device, subject) for device in self.devices):
                continue
            able = [d.name for d in self.devices if _may_act(d, d.disk.cases.files.get(subject))]
            if len(able) > 1:
                yield f"{able} on {subject.hex()[:6]}"

    def deliveries_stand(self) -> Iterator[str]:
        """A case whose result was handed over says so at rest, wherever the handing over survives and counts.

        Not checked when the handing over itself was destroyed everywhere or written past a revocation; nor of a case
        that was erased, for what comes later is not judged against what is gone; nor, where two branches both handed
        something over, which of the two things the resident should keep.
        """
        for subject, (outcome, digest) in self.work.delivered.items():
            items = self._items(subject)
            if not any(header.hash == digest for _, header in items):
                continue
            for device in self.devices:
                case = device.disk.cases.files.get(subject)
                if case is None or case.is_empty or case.stage in (Stage.AWAITED, Stage.HANDED_OVER, Stage.CLOSED):
                    continue
                if digest in case.superseded:
                    yield f"{device.name} overturned {subject.hex()[:6]} ({outcome})"

    # --- the line ----------------------------------------------------------------------------------------------------

    def accounts_balance(self) -> Iterator[str]:
        """Per inlet: highest number = admitted + refused + duplicate, and admitted = entries that name the inlet.

        Does not check that `duplicate` was rightly called so.
        """
        for device in self.devices:
            tables = device.disk.tables
            stored: dict[int, int] = {}
            for rows in tables.entries.values():
                for entry in rows.values():
                    stored[entry.inlet] = stored.get(entry.inlet, 0) + 1
            for key, inlet in tables.inlets.items():
                if inlet.number != inlet.admitted + inlet.refused + inlet.duplicate:
                    sender = self.world.name_of(inlet.neighbour)
                    parts = f"{inlet.admitted} + {inlet.refused} + {inlet.duplicate}"
                    yield f"{device.name} from {sender} lane {inlet.lane}: {inlet.number} is not {parts}"
                if inlet.admitted != stored.get(key, 0):
                    yield f"{device.name} inlet {key}: {inlet.admitted} admitted, {stored.get(key, 0)} stored"

    def what_is_acknowledged_is_held(self) -> Iterator[str]:
        """Whatever an outbox believes to be acknowledged lies on the neighbour's disk, or in its evidence as refused.

        Does not check rows toward devices that no longer sit anywhere, nor toward one that was cloned (two disks
        answered under one name), or was restored and has not spoken on its second path since.
        """
        for device in self.devices:
            for other in self.devices:
                link = device.books.links.get(other.node)
                if link is None or other.node in self.world.clones or went_back(device, other):
                    continue
                refused = {(e.journal, e.seq) for e in other.disk.tables.evidence}
                blocked = {journal for journal, _ in refused}
                for (node, lane, epoch), rows in device.disk.tables.outbox.items():
                    if node != other.node:
                        continue
                    upto = link.acknowledged.get((lane, epoch), 0)
                    for row in rows:
                        for offset in range(row.count):
                            key = (row.journal, row.seq + offset)
                            if row.number + offset > upto or other.holds(key):
                                continue
                            if key[0] in blocked or self._is_forked(key):
                                continue
                            yield f"{device.name} believes {other.name} has {key[0]}:{key[1]}"

    def rollbacks_were_noticed(self) -> Iterator[str]:
        """A device that lost entries of its own which others still hold was found out: by itself or by a neighbour.

        Not checked when no disk kept the last entry that was lost, or the opening that followed, nor where either lies
        past a revocation: suspended, it tells nothing, and the revocation has sent everything home already.
        """
        found = {origin for _, code, origin in self.world.findings if code in ("rollback", "rolled_back")}
        told = {key for key, by in self.held.items() if self._counts(by[0].disk.tables.entries[key[0]][key[1]])}
        for rollback in self.faults.rollbacks:
            proved = any((journal, size - 1) in told for journal, size in rollback.lost.items())
            if proved and (rollback.opened, 0) in told and rollback.node not in found:
                yield f"{self.world.name_of(rollback.node)} was rolled back and nobody noticed"

    def nobody_is_slandered(self) -> Iterator[str]:
        """No device is accused of a fork unless it was cloned; every hot clone that both spoke is found.

        Does not check that a fork is found when only one of the two machines ever reached the line.
        """
        for finder, code, origin in sorted(self.world.findings):
            if code == "fork" and origin not in self.world.clones:
                yield f"{finder} accuses {self.world.name_of(origin)} of a fork"

    def quarantines_are_over(self) -> Iterator[str]:
        """Nobody waits to catch up when nothing moves any more."""
        for device in self.devices:
            for link in device.books.links.values():
                if link.quarantined:
                    yield f"{device.name} toward {self.world.name_of(link.neighbour)}"

    def the_restored_do_not_repeat_themselves(self) -> Iterator[str]:
        """A device that knows that it was restored takes no turn again that it had taken and another holder knew of.

        Checked only where one device was rolled back, always knowingly, and none lost or cloned: a device that does not
        know may act until its first contact, and what nobody remembers nobody can tell. Nor are offices that became
        holders after the backup: a restored device does not know whom to ask (RULINGS B5 lets it act; B2 decides).
        """
        rollbacks = self.faults.rollbacks
        if len({r.node for r in rollbacks}) != 1 or not all(r.known for r in rollbacks) or self.faults.twins:
            return
        if any(device.wrecked for device in self.world.devices.values()):
            return
        for subject in self.subjects:
            items = self._items(subject)
            acts = [(e, h) for e, h in items if isinstance(e, Act) and h.journal.origin == rollbacks[0].node]
            for rollback in rollbacks:
                holders = set(rollback.holders.get(subject, ()))
                known = {key for key, offices in rollback.witnesses.items() if offices & holders}
                before = {(e.turn, e.after) for e, h in acts if (h.journal, h.seq) in known}
                again = {(e.turn, e.after) for e, h in acts if h.journal == rollback.opened}
                for turn, _ in sorted(before & again, key=lambda taken: taken[0]):
                    yield f"turn {turn} of {subject.hex()[:6]} was taken again after a restore"

    def findings_are_found_once(self) -> Iterator[str]:
        """What an outbox number proves is proved once for each neighbour, lane and epoch (RULINGS A1)."""
        for device in self.devices:
            tables = device.disk.tables
            lines = {(inlet.neighbour, lane) for inlet in tables.inlets.values() for lane in (0, 1)}
            shown: dict[JournalId, int] = {}
            for finding in tables.evidence:
                if finding.code == "rolled_back":
                    shown[finding.journal] = shown.get(finding.journal, 0) + 1
            for journal, times in shown.items():
                if times > max(2, len(lines)):
                    yield f"{device.name} was shown its rollback of {journal} {times} times"

    def receipts_are_true(self) -> Iterator[str]:
        """Every receipt that anybody keeps names entries that its holder's office has, as far as any disk has them.

        Does not check that there are enough receipts.
        """
        for device in self.devices:
            for row in device.disk.tables.receipts.values():
                holder = self.world.seats.get(row.office)
                if holder is None:
                    continue
                for seq in range(row.size):
                    key = (row.journal, seq)
                    if key in self.held and not holder.holds(key) and not self._is_forked(key):
                        yield f"{holder.name} receipted {row.journal}:{seq} and has it not"
                        break


def _mark(digest: bytes) -> bytes:
    """The part of a hash by which acts name what they follow."""
    return digest[:16]


def _read(entry: Stored) -> Act | Contribution | None:
    if entry.subject is None or entry.body is None:
        return None
    try:
        return decode_event(entry.kind, entry.body)
    except (UnknownKind, Malformed):
        return None


def _sketch(case: CaseFile | None) -> str:
    if case is None:
        return "nothing"
    counts = (len(case.held), len(case.superseded), len(case.contributions), len(case.breaches))
    return f"{case.stage}/{case.turn}/{case.tip.hex()[:6]} held, beside, notes, breaches {counts}"


# --- hashing, from the written description alone ---------------------------------------------------------------------


def _hash(entry: Stored, prev: bytes) -> bytes:
    digest = entry.digest if entry.body is None else hashlib.sha256(entry.salt + entry.body).digest()
    assert digest is not None
    epoch = entry.journal.epoch
    header = (
        b"TBE1"
        + entry.journal.origin.encode()
        + epoch.ordinal.to_bytes(4, "big")
        + epoch.nonce
        + entry.seq.to_bytes(8, "big")
        + prev
        + digest
        + entry.head
    )
    return hashlib.sha256(header).digest()


def _root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, as the text has it."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()
