"""Computers that change hands: new ones for offices that still work, and thieves who try their luck with the old.

Beside `faults`, which loses and replaces. A thief has disk and key: he files cases in the office's name and tries
to get them in, over the line and on a stick. Nothing of that may count once the office above has revoked the device.
Never judges: `stolen` says what `checkers` must not find. Next: `faults`, `sync.revoking`.
"""

from msgspec import Struct

from schemas.codec import encode
from schemas.names import CaseId, NodeId
from schemas.wire import KIND_ENROLLED, Enrolled
from sync.core.journal import Draft
from sync.enrolment import certify
from tests.simulation.devices import COUNTY, HOUR, Device, DiskFull, PowerCut
from tests.simulation.workload import Workload
from tests.simulation.world import Message, World


class Stolen(Struct, frozen=True):
    """A case that a thief filed with a device of which the office above knew that it was revoked."""

    case: CaseId
    node: NodeId


class Replacing:
    """The part of `Faults` that is about who has which computer."""

    world: World
    work: Workload

    def __init__(self) -> None:
        self.stolen: list[Stolen] = []

    def _note(self, fault: str, device: Device | None = None) -> None:
        self.world.counts[fault] += 1
        self.world.tell(fault, device.name if device else "")

    def _pick(self, devices: list[Device]) -> Device | None:
        return self.world.chance.choice(devices) if devices else None

    def write(self, device: Device, drafts: list[Draft]) -> bool:
        """Write house-keeping with a device's pen; False when its machine failed meanwhile."""
        try:
            device.write(drafts)
        except DiskFull:
            return False
        except PowerCut:
            self.world.power_cut(device)
            return False
        return True

    def successor_of(self, former: Device) -> tuple[Device, list[Draft]] | None:
        """A new machine for a former one's seat and the entry that enrols it; None while nobody above can write."""
        world = self.world
        issuer = world.above(former)
        if issuer is None or not issuer.up or issuer.wrecked or issuer.disk.full:
            return None
        gone = [d for d in world.devices.values() if d.office == former.office and (d.wrecked or d is former)]
        generation = 2 + len(gone)
        name = f"{former.name.partition('.')[0]}.{generation}"
        signer = world.keys.signer(f"{name} of {world.seed}")
        enrolment = world.keys.enrolment(signer, former.office, issuer.node, replaces=former.node)
        certificate = certify(issuer.signer, enrolment)
        device = Device(world, name, signer, [*issuer.chain, certificate])
        return device, [Draft(KIND_ENROLLED, None, encode(Enrolled(certificate)))]

    def replace_a_working_one(self) -> None:
        """An office gets a new computer."""
        world = self.world
        former = self._pick([d for d in world.survivors() if d.office != COUNTY and d.node not in world.clones])
        if former is not None:
            self.replace_working(former)

    def replace_working(self, former: Device) -> bool:
        """The old computer is put away without a last word, and nobody revokes it. False while nobody can enrol one."""
        world = self.world
        issuer = world.above(former)
        made = self.successor_of(former)
        if issuer is None or made is None or issuer.disk.cut_after or not self.write(issuer, made[1]):
            # Enrolled by a machine that failed over it, the new one would ask again until it is told so.
            return False
        former.stop()
        former.wrecked = True
        self._note("working device replaced", former)
        world.add(made[0].name, made[0].signer, made[0].chain).start()
        return True

    def thief_returns(self) -> None:
        """Whoever has an old machine switches it on, files in the office's name, and tries to get it in."""
        world = self.world
        gone = [d for d in world.devices.values() if d.wrecked and d.node not in world.clones]
        device = self._pick(gone)
        if device is not None:
            self.misuse(device)

    def misuse(self, device: Device) -> None:
        """One evening with somebody else's computer."""
        world = self.world
        parent = world.above(device)
        if parent is None or not parent.up:
            return
        device.wrecked = False
        device.start()
        if device.up:
            self._note("thief at work", device)
            is_known = parent.books.keyring.is_revoked(device.node)
            if self.work.file(device) and is_known:
                self.stolen.append(Stolen(self.work.filed[-1], device.node))
        if device.up and device.books.links.get(parent.node) is not None:
            self._get_in(device, parent)
        device.stop()
        device.wrecked = True

    def _get_in(self, device: Device, parent: Device) -> None:
        world = self.world
        opened = world.open_session(device, parent)
        page = world.compose(device, parent, receipts_due=True) if device.up else None
        if page is None:
            return
        world.counts["thief's page"] += 1
        message = Message(device.name, parent.name, encode(page), 0, False, True, 0)
        # Where no session is to be had he sends a stick, whatever that may help.
        world.post(message, world.now + (1 if opened else world.chance.randrange(1, 20) * HOUR))
