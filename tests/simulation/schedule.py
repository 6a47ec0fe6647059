"""One schedule: a county lives through its steps, is healed, runs to rest, and is judged.

The order of a step: time passes and what is due arrives; somebody may break something; somebody acts or talks. Healing
is what people do: mend lines, free disks, switch on, replace what is lost, take cloned machines away.
Next: `checkers` (the judgement), `presets` (the rates).
"""

import gc
import traceback
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate

from msgspec import Struct

from schemas.codec import PAGE_ENTRIES_MAX
from schemas.names import parent_seat
from sync.rules import Rules
from tests.simulation import checkers
from tests.simulation.devices import COUNTY, DAY, KEYED, MINUTE, REAL, Device, Keys, Maker
from tests.simulation.erasing import judge_erasures
from tests.simulation.faults import Faults
from tests.simulation.paper_judges import judge_papers
from tests.simulation.papers import PaperTraffic
from tests.simulation.presets import Preset, preset_of
from tests.simulation.second_paths import SecondPaths, judge_watermarks
from tests.simulation.workload import Workload
from tests.simulation.world import World, found_county

PASSES_TO_REST_MAX = 60
HELP_EVERY = 20
LAST_DAYS = 2
"""Beacons at rest: what the first brings about, the second states."""
ENTRIES_MIN = 50
STEPS_MIN = 160
REAL_EVERY = 100
COLLECT_EVERY = 10
"""Schedules: 3 MiB each."""

Known = tuple[int, int, int, int]
"""Entries at the lower and the upper end of a line, and what each end last heard that the other holds."""


class Told(Struct):
    """How a schedule ended."""

    seed: int
    preset: str
    violations: list[str]
    entries: int
    steps: int
    passes: int
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
        self.papers = PaperTraffic(self.world, rate=self.preset.papers)
        self.work = Workload(
            self.world,
            reassigns=self.preset.reassigns,
            publishes=self.preset.publishes,
            photograph=self.papers.photograph,
        )
        self.faults = Faults(self.world, self.work)
        self.paths = SecondPaths(self.world, beacons=self.preset.beacons, rate=self.preset.second_paths)
        self.violations: list[str] = []
        self.steps = 0
        self.passes = 0
        self.quiet: set[str] = set()
        """Children whose line had an exchange without content, and nothing has moved at either end since."""
        self.fruitless: dict[str, Known] = {}
        """Child → how much both ends of its line knew before an exchange that led to nothing."""
        self._troubles = list(self.preset.faults)
        self._chances = list(accumulate(self.preset.faults.values()))

    def run(self) -> Told:
        """Live, heal, rest, judge. An exception out of product code is a violation like any other."""
        world = self.world
        try:
            self.live()
            self.heal()
            self.rest()
            self.tell_watermarks()
            self.rest_papers()
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
            self.passes,
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
        self.violations += judge_papers(self.world, self.papers)
        self.violations += judge_erasures(self.world)
        self.violations += judge_watermarks(self.world, self.faults, is_told=self.preset.beacons > 0)
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
        world.advance(int(chance.random() * 2 * preset.minutes_a_step * MINUTE))
        self.papers.step()
        self.paths.step()
        trouble = bisect_right(self._chances, chance.random())
        if trouble < len(self._troubles):
            getattr(self.faults, self._troubles[trouble])()
        self.faults.wake_the_stopped()
        # Spread evenly over the steps: a county that stops working early has nothing left to lose.
        acts = (preset.entries - world.entries) / max(1, preset.steps - self.steps)
        what = chance.random() * (1 + preset.talks)
        if what < preset.talks:
            self._talk()
        elif what < preset.talks + acts:
            self._act()
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
        world.tamper = None
        faults.free_disks()
        faults.remove_twins()
        for device in world.devices.values():
            device.disk.cut_before = device.disk.cut_after = False
        for device in faults.running():
            for link in device.books.links.values():
                link.page_entries = PAGE_ENTRIES_MAX
        for _ in range(2):
            for device in list(world.seats.values()):
                if not device.up and not device.wrecked:
                    device.start()
            faults.replace_the_lost()
        world.deliver_all()
        world.advance(DAY)

    def rest(self) -> None:
        """Talk until nothing moves any more.

        Lines on which something waits go first. It is over when every line had an exchange without content after
        anything last moved at either of its ends, and people find nothing left to do.
        """
        children = self.world.children()
        for number in range(PASSES_TO_REST_MAX):
            self.passes = number + 1
            stored = self._stored()
            for child in children:
                if self._is_worth_while(child):
                    self._talk_out(child)
            if self._stored() != stored:
                continue
            for child in children:
                if child.name not in self.quiet:
                    self._talk_out(child)
            is_over = len(self.quiet) == len(children) and not any(map(self._is_worth_while, children))
            # People do not wait for ever until a line that cannot rest comes to rest by itself.
            if (is_over or self.passes % HELP_EVERY == 0) and not self._help() and is_over:
                return
        self.violations.append(f"rest: something still moves after {PASSES_TO_REST_MAX} passes")

    def tell_watermarks(self) -> None:
        """The county's last days: what it states of the county at rest, and what everybody makes of that."""
        for _ in range(LAST_DAYS if self.preset.beacons else 0):
            self.paths.light()
            self.quiet.clear()
            self.fruitless.clear()
            self.rest()

    def rest_papers(self) -> None:
        """Carry papers until nothing moves any more."""
        if not self.papers.rest():
            self.violations.append("rest: papers still move")

    def _is_worth_while(self, child: Device) -> bool:
        """Whether something waits on the line, and more is known at its ends than when nothing came of it."""
        return child.up and self.world.has_work(child) and self.fruitless.get(child.name) != self._known(child)

    def _stored(self) -> int:
        return sum(device.disk.tables.arrival for device in self.world.survivors())

    def _known(self, child: Device) -> Known:
        parent = self.world.above(child)
        assert parent is not None
        up, down = child.link_to(parent), parent.link_to(child)
        heard = up.heard_statement if up is not None else 0, down.heard_statement if down is not None else 0
        return child.disk.tables.arrival, parent.disk.tables.arrival, *heard

    def _help(self) -> bool:
        """What people do when nothing moves by itself any more. False when there was nothing left to do."""
        children = self.world.children()
        forgotten = [child for child in children if not self.world.in_session(child)]
        forgotten = forgotten or [child for child in children if self._is_unknown_above(child)]
        for child in forgotten:
            self.faults.enrol_again(child)
        if not self.faults.confirm_revocations() and not forgotten:
            return False
        self.quiet.clear()
        return True

    def _is_unknown_above(self, child: Device) -> bool:
        """Whether the county refuses what a working device writes: its enrolment lies past a revocation of whoever
        enrolled it. That is never released, it is done anew (`office.releasing`).
        """
        return self.world.seats[COUNTY].books.keyring.find(child.node) is None

    def _talk_out(self, child: Device) -> None:
        """One exchange."""
        world = self.world
        parent = world.above(child)
        assert parent is not None
        if not child.up or not parent.up:
            return
        pages, known = world.counts["pages"], self._known(child)
        world.stirred.clear()
        world.expire(child)
        world.talk(child)
        world.deliver_all()
        world.advance(MINUTE)
        if not world.stirred:
            self.quiet.add(child.name)
        moved = [other for other in world.children() if {other.office, parent_seat(other.office)} & world.stirred]
        self.quiet -= {other.name for other in moved}
        if not world.stirred or world.counts["pages"] == pages:
            self.fruitless[child.name] = known


def tell(seed: int, preset: Preset | None = None, rules: Rules | None = None, *, trace: bool = False) -> Told:
    """Run one schedule. One in a hundred has real signatures, whatever the seed's preset."""
    keys = REAL if seed % REAL_EVERY == REAL_EVERY - 1 else KEYED
    return Schedule(seed, preset, rules, trace=trace, keys=keys).run()


def tell_job(job: tuple[range, Preset | None]) -> list[Told]:
    """`tell_many` for a worker: processes find it here by its name, and nothing in a program's own `__main__`."""
    return list(tell_many(*job))


def tell_many(seeds: Iterable[int], preset: Preset | None = None) -> Iterator[Told]:
    """Run many schedules. Their garbage is collected between them: within one nearly everything lives to its end."""
    gc.freeze()
    gc.disable()
    try:
        for number, seed in enumerate(seeds):
            yield tell(seed, preset)
            if number % COLLECT_EVERY == 0:
                gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
