"""Two releases beside each other: the previous one at one tier, today's at the others, and cases that go all the way.

The previous release is its tag in this checkout's history, built into a wheel and put into an environment of its own
that borrows the libraries of this one: nothing is fetched. The county is made by verbs, each by the release that runs
there, because a store that today's has opened is refused by the previous one. Needs git and the tag. Next: `programs`.
"""

import asyncio
import csv
import subprocess
import sys
import tempfile
import venv
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

from msgspec import structs

from deploy.demo_county import officer_for
from deploy.demo_desk import OfficerDesk, today_of
from deploy.demo_scenario import BY_KEY, COUNTY_NAME, PASSWORD, PEOPLE, WINDOWS, Step, Story
from deploy.demo_stories import STORIES
from office.local import RunningNode
from office.paths import Home, write_private
from office.status import Status
from schemas.names import OPERATION_BYTES
from tests.nightly.drills import ROOT, Failed, Figures, hand_back, in_child, say
from tests.nightly.programs import TODAY, Program, Release
from tests.support.pictures import jpeg
from tests.support.waiting import free_port, until

PREVIOUS: Final = "v0.1.0"
"""The tag of the release before this one."""

TIERS: Final = ("hub", "t1", "v1")
"""One line of the demo's county: county, township, village."""

HERE: Final = {"v2": "v1", "v3": "v1", "v4": "v1", "t2": "t1"}
"""Who plays whom."""

ELSEWHERE: Final = ("05", "12", "13", "14", "15", "21")
"""Cases about several townships, about a grant, and about who stands in for whom: the demo publishes these first."""

ARRIVAL_S_MAX: Final = 120.0
REST_S_MAX: Final = 180.0
LOOK_S: Final = 0.2


def why_not() -> str:
    """Why the previous release cannot be built here; empty when it can."""
    try:
        asked = ["git", "rev-parse", "--verify", "--quiet", f"{PREVIOUS}^{{commit}}"]
        found = subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return "a program is missing: git, which has the previous release"
    return "" if found else f"this checkout has no tag {PREVIOUS}: fetch tags, or work in a full clone"


def between(*previous: str) -> Figures:
    """Carry the cases with these tiers at the previous release."""
    return in_child("tests.nightly.skew", *previous, within_s=1200)


# --- the previous release --------------------------------------------------------------------------------------------


def build(folder: Path) -> Release:
    """The previous release's programs in an environment of its own, offline."""
    source, wheels, place = folder / "source", folder / "wheels", folder / "environment"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", PREVIOUS], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", source], input=archive.stdout, check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-index"]
    _call(*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(wheels), str(source))
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    (wheel,) = wheels.glob("tongban-*.whl")
    _call(*pip, "--python", str(python), "install", *offline, str(wheel))
    own = _said(python, "import sysconfig; print(sysconfig.get_path('purelib'))")
    borrowed = _said(Path(sys.executable), "import sysconfig; print(sysconfig.get_path('purelib'))")
    # A bare folder: the links in it to this checkout's own packages are not followed.
    (Path(own) / "borrowed.pth").write_text(borrowed, encoding="utf-8")
    where = _said(python, "import office, sync; print(office.__file__, sync.__file__)", folder)
    assert where.count(str(place)) == 2, f"the previous release is not the one that is found: {where}"
    return Release(str(python), folder)


def _call(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def _said(python: Path, program: str, folder: Path | None = None) -> str:
    done = subprocess.run([python, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


# --- a county of two releases ----------------------------------------------------------------------------------------


class MixedCounty:
    """County, township and village in a row, each of one release."""

    def __init__(self, folder: Path, releases: Mapping[str, Release]) -> None:
        self._folder = folder
        self._ports = {key: free_port() for key in TIERS}
        self.programs = {key: self.program(key, release) for key, release in releases.items()}
        self._desks: dict[tuple[str, str], OfficerDesk] = {}

    def program(self, key: str, release: Release, **more: str) -> Program:
        """One node at a release; `more`: settings of its own."""
        settings = {"PORT": str(self._ports[key]), "SYNC_EVERY_S": "1", "BACKOFF_MAX_S": "1", **more}
        return Program(BY_KEY[key].module, self._folder / key, settings, release=release)

    def address(self, key: str) -> str:
        """Where a node's pages are."""
        return f"http://127.0.0.1:{self._ports[key]}"

    async def found(self) -> None:
        """Make the county as its people would."""
        hub = BY_KEY["hub"]
        rows = [(BY_KEY[key].office, BY_KEY[key].name, self.address(key)) for key in TIERS]
        rows += [(window, name, "") for window, name in WINDOWS.items()]
        offices = self._folder / "offices.csv"
        with offices.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("office", "name", "address"), *rows])
        await self.programs["hub"].verb("init", "--office", hub.office, "--name", COUNTY_NAME)
        await self.programs["hub"].verb("network", "import", "--quiet", "--local", str(offices))
        for key in TIERS:
            if key != "hub":
                sheet = self.programs["hub"].home / "sheets" / f"{BY_KEY[key].office}.txt"
                await self.programs[key].verb("enrol", str(sheet))
            await self._add_accounts(key)
            await self.programs[key].start()

    async def _add_accounts(self, key: str) -> None:
        for person in PEOPLE:
            if person.place == key:
                roles = [word for role in person.roles for word in ("--role", role.value)]
                words = ("--login", person.login, "--name", person.name, "--office", person.office, *roles)
                await self.programs[key].verb("accounts", "add", *words, "--password-stdin", given=f"{PASSWORD}\n")

    async def desk_for(self, step: Step) -> OfficerDesk:
        """The desk of an officer who may write this step, signed in."""
        person = officer_for(step)
        desk = self._desks.setdefault((person.place, person.login), OfficerDesk(self.address(person.place), person))
        await desk.sign_in()
        return desk

    async def look(self) -> dict[str, Status]:
        """Every node as it says itself that it stands."""
        return {key: await RunningNode.find(Home(program.home)).status() for key, program in self.programs.items()}

    async def is_at_rest(self) -> bool:
        """Whether no work waits anywhere to be sent, and all hold the same of each other."""
        return not any(line.waiting for one in (await self.look()).values() for line in one.lines)

    def count_papers(self, key: str) -> int:
        """Whole papers on a node's shelf, small pictures among them."""
        folder = Home(self.programs[key].home).papers
        return sum(not path.suffix for path in folder.iterdir()) if folder.exists() else 0

    async def verifies(self, key: str) -> bool:
        """Whether a node's own check finds nothing. A village of today locks its store with its agent's password."""
        program, words = self.programs[key], ["verify"]
        if Home(program.home).vault.exists():
            agent = next(person for person in PEOPLE if person.place == key)
            write_private(passwords := self._folder / "passwords", f"{agent.login}\n{PASSWORD}\n".encode())
            words += ["--passphrase-file", str(passwords)]
        try:
            await program.verb(*words)
        except AssertionError as refused:
            say(str(refused))
            return False
        return True

    async def close(self) -> None:
        """Hang up and stop everything."""
        for desk in self._desks.values():
            await desk.close()
        self._desks.clear()
        await asyncio.gather(*(program.stop() for program in self.programs.values()))


@asynccontextmanager
async def mixed_county(folder: Path, releases: Mapping[str, Release]) -> AsyncGenerator[MixedCounty]:
    """Found one, and stop it at the end."""
    county = MixedCounty(folder, releases)
    try:
        await county.found()
        yield county
    finally:
        await county.close()


# --- what happens there ----------------------------------------------------------------------------------------------


def stories() -> list[Story]:
    """The demo's cases that need nothing published, all moved to this line of offices."""
    return [_moved(story) for story in STORIES if story.key not in ELSEWHERE]


def _moved(story: Story) -> Story:
    return structs.replace(story, steps=tuple(_moved_step(step) for step in story.steps))


def _moved_step(step: Step) -> Step:
    fields = {
        name: _here(value) if isinstance(value, str) else tuple(map(_here, value))
        for name, value in step.fields.items()
    }
    return structs.replace(step, at=HERE.get(step.at, step.at), fields=fields)


def _here(text: str) -> str:
    """The text with the codes of other lines' offices replaced. Villages first: their codes begin with a township's."""
    for key, here in HERE.items():
        text = text.replace(BY_KEY[key].office, BY_KEY[here].office)
    return text


async def tell(folder: Path, previous: Sequence[str]) -> Figures:
    """Carry every story through a county in which these tiers run the previous release."""
    old = build(folder / "previous")
    say(f"{PREVIOUS} is built")
    releases = {key: old if key in previous else TODAY for key in TIERS}
    random = Random(7)
    (folder / "county").mkdir()
    async with mixed_county(folder / "county", releases) as county:
        told = stories()
        for story in told:
            # The first has a photograph with it, where the village's release knows of any.
            papers = [jpeg()] if story is told[0] and "v1" not in previous else []
            await carry(county, story, random, papers)
            say(f"case {story.key} went {len(story.steps)} steps: {story.en}")
        return await _judge(county, len(told), previous)


async def carry(county: MixedCounty, story: Story, random: Random, papers: Sequence[bytes] = ()) -> None:
    """Every step of a case, each where it is taken, once the case has come there."""
    case, written = b"", 0
    for step in story.steps:
        desk = await county.desk_for(step)
        operation = random.randbytes(OPERATION_BYTES)
        if step.kind == "case.filed":
            case = await desk.file_case(story, operation, [await desk.send_paper(one) for one in papers])
            # The rows of a list are an entry beside its filing.
            written += bool(story.rows)
        else:
            await _arrived(desk, case, written)
            await desk.act(case, step.kind, step.fields_on(today_of()), operation)
        written += 1


async def _arrived(desk: OfficerDesk, case: bytes, written: int) -> None:
    """Wait until the officer of the next step sees all that was written about a case."""

    async def here() -> bool:
        return await desk.count_steps(case) >= written

    await until(here, f"{written} entries of a case at {desk.person.office}", within_s=ARRIVAL_S_MAX, every_s=LOOK_S)


async def _judge(county: MixedCounty, told: int, previous: Sequence[str]) -> Figures:
    await until(county.is_at_rest, "nothing to wait to be sent", within_s=REST_S_MAX, every_s=LOOK_S)
    await until(lambda: _papers_settled(county, previous), "papers to go or to wait", within_s=REST_S_MAX)
    seen = await county.look()
    logged = [line for program in county.programs.values() for line in program.log.splitlines()]
    complaints = [line for line in logged if " ERROR " in line]
    unverified = [key for key in TIERS if not await county.verifies(key)]
    figures: Figures = {
        "previous": dict.fromkeys(previous, PREVIOUS),
        "cases": told,
        "entries": {key: one.held for key, one in seen.items()},
        "unsent": sum(line.waiting for one in seen.values() for line in one.lines),
        "set_aside": sum(one.set_aside for one in seen.values()),
        "findings": sum(one.findings for one in seen.values()),
        "errors_logged": len(complaints),
        "papers": {key: county.count_papers(key) for key in ("v1", "t1")},
        "papers_unsupported_above": [key for key, one in seen.items() if _waits_with_papers(one)],
    }
    wrong = [name for name in ("unsent", "set_aside", "findings", "errors_logged") if figures[name]]
    if wrong or unverified:
        why = f"not nothing: {', '.join(wrong)}" if wrong else f"verify refuses {', '.join(unverified)}"
        raise Failed(f"{why} {complaints[:3]}", figures)
    return figures


async def _papers_settled(county: MixedCounty, previous: Sequence[str]) -> bool:
    """Whether the photograph and its small picture are at a township that knows papers, or are said to wait for it."""
    if "v1" in previous:
        return True
    if "t1" in previous:
        return _waits_with_papers((await county.look())["v1"])
    return county.count_papers("t1") == county.count_papers("v1") > 0


def _waits_with_papers(status: Status) -> bool:
    return status.courier is not None and status.courier.papers_unsupported


def main(previous: Sequence[str]) -> Figures:
    """One pair of releases, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(tell(Path(folder), previous))


if __name__ == "__main__":
    sys.exit(hand_back(lambda: main(sys.argv[1:])))
