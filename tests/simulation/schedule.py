"""One schedule: a county lives through its steps, is healed, runs to rest, and is judged.

The order of a step: time passes and what is due arrives; somebody may break something; somebody acts or talks. Healing
is what people do: mend lines, free disks, switch on, replace what is lost, take cloned machines away.
Next: `checkers` (the judgement), `presets` (the rates).
"""

import traceback
from collections import Counter

from msgspec import Struct

from sync.books import Rules
from tests.simulation import checkers
from tests.simulation.devices import DAY, KEYED, MINUTE, REAL, Device, Keys, Maker
from tests.simulation.faults import Faults
from tests.simulation.presets import Preset, preset_of
from tests.simulation.workload import Workload
from tests.simulation.world import World, found_county

ROUNDS_TO_REST_MAX = 60
ENTRIES_MIN = 50
STEPS_MIN = 160
REAL_EVERY = 100


class Told(Struct):
    """How a schedule ended."""

    seed: int
    preset: str
    violations: list[str]
    entries: int
    steps: int
    rounds: int
    digest: str
    counts: Counter[str]
    trace: list[str]


class Schedule:
    """The story of one seed."""

    def __init__(
        self,
        seed: int,
        preset: Preset | None = None,
        rules: Rules | None = None,
        *,
        trace: bool = False,
        keys: Keys = KEYED,
        maker: Maker | None = None,
    ) -> None:
        self.preset = preset or preset_of(seed)
        self.world: World = found_county(seed, rules, trace=trace, keys=keys, maker=maker)
        self.work = Workload(self.world, reassigns=self.preset.reassigns)
        self.faults = Faults(self.world, self.work)
        self.violations: list[str] = []
        self.steps = 0
        self.rounds = 0
        self.hurried = 0

    def run(self) -> Told:
        """Live, heal, rest, judge. An exception out of product code is a violation like any other."""
        world = self.world
        try:
            self.live()
            self.heal()
            self.rest()
            self.judge()
        except Exception as failure:
            where = traceback.extract_tb(failure.__traceback__)[-1]
            self.violations.append(f"crash: {failure!r} in {where.name}")
        return Told(
            world.seed,
            self.preset.name,
            self.violations,
            world.entries,
            self.steps,
            self.rounds,
            world.digest(),
            world.counts,
            world.trace,
        )

    def live(self) -> None:
        """All steps; more of them while too little was written."""
        self._set_weather()
        while self.steps < self.preset.steps or self.world.entries < ENTRIES_MIN:
            self.step()
            if self.steps > 5 * self.preset.steps:
                return

    def judge(self) -> list[str]:
        """Everything that is wrong at rest, added to what went wrong before."""
        self.violations += checkers.judge(self.world, self.work, self.faults)
        return self.violations

    def _set_weather(self) -> None:
        weather = self.world.weather
        weather.loss, weather.duplicates, weather.reorder = (
            self.preset.loss,
            self.preset.duplicates,
            self.preset.reorder,
        )

    def step(self) -> None:
        """A few minutes of the county."""
        world, preset, chance = self.world, self.preset, self.world.chance
        self.steps += 1
        world.advance(chance.randrange(1, 2 * preset.minutes_a_step) * MINUTE)
        for fault, rate in preset.faults.items():
            if chance.random() < rate:
                getattr(self.faults, fault)()
        self.faults.wake_the_stopped()
        what = chance.random()
        if what < preset.acts:
            self._act()
        elif what < preset.acts + preset.talks:
            self._talk()
        self.violations += checkers.while_running(world, self.work, self.faults)

    def _act(self) -> None:
        running = self.faults.running()
        if running:
            self.work.act(self.world.chance.choice(running))

    def _talk(self) -> None:
        world = self.world
        children = [d for d in [*world.children(), *self.faults.twins] if d.up and not d.wrecked]
        if children and world.chance.random() < 0.7:
            # Work goes out when there is some; the rest is the timetable, which talks about nothing (RULINGS A9).
            children = [d for d in children if world.has_work(d)] or children
        if children:
            child = world.chance.choice(children)
            for _ in range(world.chance.choice((1, 1, 2))):
                world.talk(child)

    # --- afterwards --------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """People repair everything that can be repaired."""
        world, faults = self.world, self.faults
        world.tell("healing")
        weather = world.weather
        weather.loss = weather.duplicates = weather.reorder = 0.0
        weather.narrow = False
        weather.cut = set()
        faults.free_disks()
        faults.remove_twins()
        for device in world.devices.values():
            device.disk.cut_before = device.disk.cut_after = False
        for _ in range(2):
            for device in list(world.seats.values()):
                if not device.up and not device.wrecked:
                    device.start()
            faults.replace_the_lost()
        world.deliver_all()
        world.advance(DAY)

    def rest(self) -> None:
        """Talk until nothing moves any more."""
        world = self.world
        for number in range(ROUNDS_TO_REST_MAX):
            self.rounds = number + 1
            self._hurry(number)
            world.restless = False
            for child in world.children():
                self._talk_out(child, number)
            if not world.restless and not self.faults.confirm_revocations():
                return
        self.violations.append(f"rest: something still moves after {ROUNDS_TO_REST_MAX} rounds")

    def _hurry(self, number: int) -> None:
        """Let work go first: only the round after it, in which everybody talks, can find that all is at rest."""
        while self.hurried < ROUNDS_TO_REST_MAX:
            self.hurried += 1
            busy = [child for child in self.world.children() if child.up and self.world.has_work(child)]
            pages = self.world.counts["pages"]
            for child in busy:
                self._talk_out(child, number)
            if self.world.counts["pages"] == pages:
                return

    def _talk_out(self, child: Device, number: int) -> None:
        world = self.world
        parent = world.above(child)
        assert parent is not None
        if not child.up or not parent.up:
            world.restless = True
            return
        world.expire(child)
        world.talk(child)
        world.deliver_all()
        world.advance(MINUTE)
        if child.session != (parent.name, parent.starts, child.starts):
            world.restless = True
            if number >= 5:
                self.faults.enrol_again(child)


def tell(seed: int, preset: Preset | None = None, rules: Rules | None = None, *, trace: bool = False) -> Told:
    """Run one schedule. One in a hundred has real signatures, whatever the seed's preset."""
    keys = REAL if seed % REAL_EVERY == REAL_EVERY - 1 else KEYED
    return Schedule(seed, preset, rules, trace=trace, keys=keys).run()
