"""A stage for scripted stories: the simulator's county with named acts instead of chance.

A story says who does what in which order; the stage lets pages arrive at once unless told otherwise, and at the end
`settle` heals, runs to rest and asks the same judges as the simulator does. Next: `test_counterexamples`.
"""

from collections.abc import Callable

from schemas.casework.casefile import CaseFile
from schemas.casework.events import (
    CaseDecided,
    CaseEvent,
    CustodyAccepted,
    CustodyOffered,
    CustodyReassigned,
    RemarkAdded,
    ResultHandedOver,
)
from schemas.casework.values import Handover, Outcome
from schemas.codec import encode
from schemas.names import OPERATION_BYTES, CaseId, OfficerId
from schemas.wire import Page
from sync.rules import Rules
from tests.simulation.devices import COUNTY, MINUTE, OFFICES, Backup, Device
from tests.simulation.presets import CALM
from tests.simulation.schedule import Schedule
from tests.simulation.workload import Head
from tests.simulation.world import Message

EXCHANGES_MAX = 40
"""Enough for a whole backlog in pages of one entry."""

Make = Callable[[Head], CaseEvent]


class Stage:
    """The county, all offices switched on, fair weather."""

    def __init__(self, seed: int = 1, rules: Rules | None = None) -> None:
        self.schedule = Schedule(seed, CALM, rules, trace=True)
        self.world = self.schedule.world
        self.work = self.schedule.work
        self.faults = self.schedule.faults
        self.sync()

    def device(self, name: str) -> Device:
        """The machine that works at an office now, by the office's short name."""
        return self.world.seats[OFFICES[name]]

    # --- lines --------------------------------------------------------------------------------------------------------

    def sync(self, *names: str, rounds: int = 2) -> None:
        """Each named office (all, when none is named) talks to the one above until nothing waits."""
        for _ in range(rounds):
            for child in self.world.children():
                if child.up and (not names or child.name.partition(".")[0] in names):
                    self._talk_out(child)

    def _talk_out(self, child: Device) -> None:
        for _ in range(EXCHANGES_MAX):
            self.world.expire(child)
            self.world.talk(child)
            self.world.deliver_all()
            self.world.advance(MINUTE)
            if not self.world.has_work(child):
                return

    def cut(self, *names: str) -> None:
        """Lines upward are down."""
        self.world.weather.cut |= set(names)

    def mend(self, *names: str) -> None:
        """… and up again."""
        self.world.weather.cut -= set(names)

    def deliver(self, sender: str, receiver: str, page: Page) -> None:
        """A page arrives on a stick, whenever it was made."""
        self.world.post(Message(sender, receiver, encode(page), 0, False, True, 0), self.world.now)
        self.world.deliver_all()

    # --- machines -----------------------------------------------------------------------------------------------------

    def back_up(self, name: str) -> Backup:
        """A copy of an office's disk."""
        return self.device(name).back_up()

    def restore(self, name: str, backup: Backup, *, known: bool = False) -> None:
        """Put the copy back and start."""
        self.faults.restore(self.device(name), backup, known=known)

    def restart(self, name: str) -> None:
        """Off and on again."""
        self.device(name).stop()
        self.device(name).start()

    def lose_and_replace(self, name: str) -> None:
        """The machine burns; the office above hands out another."""
        self.faults.lose(self.device(name))
        assert self.faults.replace(self.device(name)) is not None

    # --- casework -----------------------------------------------------------------------------------------------------

    def file(self, name: str) -> CaseId:
        """A resident comes to this office."""
        assert self.work.file(self.device(name))
        return self.work.filed[-1]

    def see(self, name: str, case: CaseId) -> CaseFile:
        """The case as this office sees it."""
        return self.device(name).disk.cases.files[case]

    def offer(self, name: str, case: CaseId, to: str) -> bytes:
        """Custody is offered."""
        return self._act(name, case, lambda head: CustodyOffered(*head, OFFICES[to]))

    def accept(self, name: str, case: CaseId) -> bytes:
        """Custody is accepted."""
        return self._act(name, case, lambda head: CustodyAccepted(*head))

    def grant(self, name: str, case: CaseId) -> bytes:
        """Decided: granted."""
        return self._act(name, case, lambda head: CaseDecided(*head, Outcome.GRANTED, "符合条件", "社会保险法第20条"))

    def refuse(self, name: str, case: CaseId) -> bytes:
        """Decided: refused."""
        words = ("不符合条件", "社会保险法第20条", "可在六十日内申请行政复议")
        return self._act(name, case, lambda head: CaseDecided(*head, Outcome.REFUSED, *words))

    def hand_over(self, name: str, case: CaseId) -> bytes:
        """The resident has the result."""
        return self._act(name, case, lambda head: ResultHandedOver(*head, "王秀英", Handover.COUNTER))

    def reassign(self, case: CaseId, to: str) -> bytes:
        """The county moves the pen away from a silent office."""
        approver = OfficerId(f"{COUNTY}/zhang")
        return self._act("C", case, lambda head: CustodyReassigned(*head, OFFICES[to], "长期无音讯", approver))

    def remark(self, name: str, case: CaseId) -> bytes:
        """A note for everybody."""
        office = OFFICES[name]
        seen = self.see(name, case)
        operation = self.world.chance.randbytes(OPERATION_BYTES)
        event = RemarkAdded(seen.turn, operation, office, OfficerId(f"{office}/zhang"), "已联系")
        return self._perform(name, case, event)

    def _act(self, name: str, case: CaseId, make: Make) -> bytes:
        seen, office = self.see(name, case), OFFICES[name]
        operation = self.world.chance.randbytes(OPERATION_BYTES)
        return self._perform(
            name, case, make((seen.turn + 1, seen.tip, operation, office, OfficerId(f"{office}/zhang")))
        )

    def _perform(self, name: str, case: CaseId, event: CaseEvent) -> bytes:
        digest = self.work.perform(self.device(name), case, event)
        assert digest is not None, self.world.trace[-1]
        return digest

    def may_not(self, name: str, case: CaseId, act: str) -> bool:
        """Whether the pen refuses this act of `Stage` to this office now."""
        try:
            getattr(self, act)(name, case)
        except AssertionError:
            return True
        return False

    # --- the end ------------------------------------------------------------------------------------------------------

    def found(self, code: str) -> bool:
        """Whether anybody ever recorded such a finding."""
        return any(found == code for _, found, _ in self.world.findings)

    def settle(self) -> list[str]:
        """Heal, run to rest, judge: everything that is wrong."""
        self.schedule.heal()
        self.schedule.rest()
        return self.schedule.judge()
