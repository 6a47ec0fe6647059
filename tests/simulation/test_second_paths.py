"""Silent townships and what a county states of itself, as schedules and as stories."""

from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from schemas.casework.stages import Stage as CaseStage
from schemas.names import JournalId, NodeId
from schemas.wire import Lane
from sync import watermarks
from sync.ports import EntryKey
from sync.watermarks import prefix_of
from tests.simulation.devices import DAY
from tests.simulation.mirror import Mirrors
from tests.simulation.presets import SECOND_PATH, WATCHED, Preset
from tests.simulation.schedule import Schedule, tell, tell_many
from tests.simulation.second_paths import SecondPaths, judge_watermarks
from tests.simulation.stage import Stage
from tests.simulation.switched_off import without

SCHEDULES = 30
SQLITE_SCHEDULES = 3

DRY_PATHS = replace(
    SECOND_PATH, faults={name: rate for name, rate in SECOND_PATH.faults.items() if name != "rot_a_copy"}
)
"""Without damaged copies, which only the disk in memory can have."""


@pytest.mark.parametrize("preset", [WATCHED, SECOND_PATH], ids=["watched", "second_path"])
def test_the_first_schedules_end_well_and_everything_happened(preset: Preset) -> None:
    counts: Counter[str] = Counter()
    for told in tell_many(range(SCHEDULES), preset):
        assert told.violations == [], told.seed
        counts += told.counts
    for name in ("beacon", "second path", "stick past the township", "wants answered with a run", "line cut"):
        assert counts[name], name


@pytest.mark.parametrize("seed", range(SQLITE_SCHEDULES))
def test_some_live_on_sqlite(seed: int, tmp_path: Path) -> None:
    mirrors = Mirrors(tmp_path)
    try:
        told = Schedule(seed, DRY_PATHS, maker=mirrors).run()
    finally:
        mirrors.close()
    assert told.violations == []


def test_the_same_seed_tells_the_same_story() -> None:
    assert [tell(seed, SECOND_PATH).digest for seed in range(4)] == [
        tell(seed, SECOND_PATH).digest for seed in range(4)
    ]


@pytest.mark.parametrize("seed", [74, 112, 181])
def test_a_schedule_that_once_failed_ends_well(seed: int) -> None:
    """74, 112: a judge that took a restored village's second path for a line; 181: a quarantine nobody lifted."""
    assert tell(seed, SECOND_PATH).violations == []


# --- stories ---------------------------------------------------------------------------------------------------------


def paths_of(stage: Stage) -> SecondPaths:
    """The county's days and the second path of a stage, on a line that loses nothing."""
    paths = SecondPaths(stage.world, beacons=0.0, rate=0.0)
    paths.chance.random = lambda: 1.0
    return paths


def test_a_village_works_on_past_a_township_that_burned() -> None:
    """Filed for a township that is gone, given to another by the county, decided there, and known at the village."""
    stage = Stage()
    paths = paths_of(stage)
    stage.faults.lose(stage.device("TA"))
    case = stage.file("V1")
    stage.offer("V1", case, "TA")
    for _ in range(4):
        paths.speak(stage.device("V1"))
    stage.reassign(case, "TB")
    stage.sync("TB")
    stage.accept("TB", case)
    stage.grant("TB", case)
    stage.sync("TB")
    for _ in range(4):
        paths.speak(stage.device("V1"))
    assert stage.see("V1", case) == stage.see("C", case)
    assert stage.see("V1", case).stage is CaseStage.DECIDED
    assert stage.faults.replace(stage.device("TA")) is not None
    assert stage.settle() == []
    assert stage.see("TA", case) == stage.see("V1", case)


def test_a_village_that_never_came_back_left_its_work_at_the_county_and_its_township_gets_it_there() -> None:
    stage = Stage()
    paths = paths_of(stage)
    stage.cut("V1")
    case = stage.file("V1")
    for _ in range(4):
        paths.speak(stage.device("V1"))
    stage.lose_and_replace("V1")
    assert stage.settle() == []
    assert stage.see("TA", case).filing is not None


def keep_back(stage: Stage, hidden: EntryKey) -> None:
    """The township of V1 passes everything on but this entry."""
    books, village = stage.device("TA").books, stage.device("V1").node
    post = books.post

    def others(neighbour: NodeId, lane: Lane, journal: JournalId, seq: int, count: int = 1) -> None:
        if neighbour != village or (journal, seq) != hidden:
            post(neighbour, lane, journal, seq, count)

    books.post = others


@pytest.mark.parametrize("seed", range(10))
def test_what_a_township_keeps_back_is_named_by_the_village_within_two_days(seed: int) -> None:
    """I8: the village's own signed pin says what it lacks, whatever else travels beside it."""
    stage = Stage(seed)
    paths = paths_of(stage)
    case = stage.file("V1")
    stage.sync()
    county = stage.device("C")
    place = (county.books.own, county.books.tips[county.books.own].size)
    keep_back(stage, place)
    digest = stage.remark("C", case)
    (hidden,) = [entry for entry in county.disk.tables.entries[place[0]].values() if entry.hash == digest]
    assert (hidden.journal, hidden.seq) == place
    for _ in range(2):
        stage.world.advance(DAY)
        paths.light()
        stage.sync()
    heard = watermarks.heard(stage.device("V1").books)
    assert heard is not None
    assert [prefix for prefix, _ in heard.lacking] == [prefix_of(digest)]
    paths.speak(stage.device("V1"))
    paths.speak(stage.device("V1"))
    assert stage.device("V1").holds(place), "and the county gives it what was kept back"


def test_nobody_lacks_anything_in_an_honest_county() -> None:
    stage = Stage()
    paths = paths_of(stage)
    for _ in range(5):
        case = stage.file("V1")
        stage.sync()
        stage.remark("C", case)
        stage.remark("TA", case)
        stage.world.advance(DAY)
        paths.light()
        stage.sync()
    for name in ("V1", "V2", "TA", "TB"):
        heard = watermarks.heard(stage.device(name).books)
        assert heard is None or (heard.lacking, heard.skipped) == ([], 0)
    assert stage.settle() == []


def test_the_judge_sees_a_watermark_that_was_never_told() -> None:
    told = Schedule(0, WATCHED, without(["watermarks"]))
    told.run()
    assert judge_watermarks(told.world, told.faults, is_told=True)
    assert not judge_watermarks(told.world, told.faults, is_told=False)
