"""A quarter's files are drawn so that nobody can steer it, reviewed blind, and drawn again by somebody outside."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from hub.__main__ import APPLICATION as HUB
from hub.audit import frames
from hub.audit.database import AuditDatabase, open_audit
from hub.audit.examining import Examiner
from hub.audit.frames import FrameRefused, frame_of, get_draw, get_sample, keep_list, secret_of, surfaced
from hub.audit.redraw import RedrawRefused, document_of, redraw
from hub.audit.reviewing import DrawnFile, FileState, list_files, results_of
from hub.audit.rule import Limits
from office.cli import main
from office.overseeing import oversee
from office.samples import SampleRefused, give_nonces
from schemas.casework.clocks import day_of
from schemas.casework.roles import Role
from schemas.casework.values import Outcome
from schemas.names import CaseId, OfficeId, OfficerId
from schemas.oversight import FileReviewed, SampleFramed, SampleNonced, SampleRevealed
from schemas.sample_fold import SampleFile
from tests.support.counties import COUNTY, TOWNSHIP, agent, clerk, op
from tests.support.nodes import Network, Places, found_network

REVIEWERS = ("chen", "zhao", "sun")
PASSWORD = "three words for a sample"
CASES = 6


class Scene:
    """A county with decided cases, its audit, and people who look through files."""

    def __init__(self, network: Network, audit: AuditDatabase) -> None:
        self.network = network
        self.audit = audit
        self.hub = network.hub
        today = day_of(self.hub.clock.now())
        self.tomorrow = today + timedelta(days=1)
        self.period = f"{today.year}-Q{(today.month + 2) // 3}"
        self.operations = 1000

    def author(self, login: str = "chen", office: OfficeId = COUNTY) -> tuple[bytes, OfficeId, OfficerId]:
        self.operations += 1
        return op(self.operations), office, OfficerId(f"{office}/{login}" if login else "")

    async def decide(self, number: int) -> CaseId:
        """The village files, the township grants."""
        slip = await self.network.file(10 * number)
        await self.network.village.desk.offer_custody(agent(), slip.case, op(10 * number + 1), to=TOWNSHIP)
        await self.network.settle()
        desk = self.network.township.desk
        await desk.accept_custody(clerk(), slip.case, op(10 * number + 2))
        outcome, basis = Outcome.GRANTED, "食品安全法第36条"
        await desk.decide(clerk(), slip.case, op(10 * number + 3), outcome=outcome, reason="符合条件", basis=basis)
        await self.network.settle()
        await Examiner(self.hub, self.audit, (), Limits({})).examine_arrived()
        return slip.case

    async def frame(self) -> SampleFramed:
        framing = await frame_of(self.hub, self.audit, self.period, self.author(), self.tomorrow)
        await keep_list(self.audit, framing.listed)
        assert await self.hub.publishing.publish(oversee(framing.framed)) == 1
        await self.network.settle()
        return framing.framed

    async def sample(self) -> SampleFile:
        return await get_sample(self.hub, self.period)

    async def reveal(self) -> SampleFile:
        sample = await self.sample()
        secret = secret_of(self.hub, self.period)
        await self.hub.publishing.publish(oversee(SampleRevealed(*self.author(), sample.filed.hash, secret, ())))
        await self.network.settle()
        return await self.sample()

    async def draw(self) -> SampleFile:
        """From the frame to the drawn files."""
        await self.frame()
        await give_nonces(self.network.township)
        await self.network.settle()
        return await self.reveal()

    async def files(self) -> list[DrawnFile]:
        return await list_files(self.hub, self.audit, await self.sample())

    async def review(self, file: DrawnFile, officer: OfficerId, *faults: str) -> None:
        number = file.round_of(officer)
        assert number is not None
        sample = await self.sample()
        login = officer.rpartition("/")[2]
        review = FileReviewed(*self.author(login), sample.filed.hash, file.case, number, "2026-1", faults)
        assert await self.hub.publishing.publish(oversee(review)) == 1


async def begin(folder: Path, cases: int) -> Scene:
    """A county in which so many cases were decided."""
    network = await Network.open(await found_network(folder))
    for login in REVIEWERS:
        await network.hub.accounts.add_officer(login, login.title(), COUNTY, [Role.SUPERVISOR], PASSWORD)
    await network.hub.writer.alone(network.hub.ledger.light_beacon)
    audit = await open_audit(network.hub.home, network.hub.settings)
    scene = Scene(network, audit)
    for number in range(1, cases + 1):
        await scene.decide(number)
    return scene


async def end(scene: Scene) -> None:
    await scene.audit.close()
    await scene.network.close()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncGenerator[Scene]:
    scene = await begin(tmp_path, CASES)
    yield scene
    await end(scene)


async def test_the_draw_is_made_of_two_chances_and_anybody_can_make_it_again(scene: Scene) -> None:
    framed = await scene.frame()
    assert sum(stratum.population for stratum in framed.strata) == CASES
    assert framed.townships == {TOWNSHIP}
    with pytest.raises(FrameRefused, match="sample_not_drawn"):
        await get_draw(scene.audit, await scene.sample())
    early = SampleRevealed(*scene.author(), (await scene.sample()).filed.hash, secret_of(scene.hub, scene.period), ())
    with pytest.raises(SampleRefused, match="reveal_too_early"):
        await scene.hub.publishing.publish(oversee(early))
    for _ in range(2):  # A township's node looks again and again; its nonce is given once.
        await give_nonces(scene.network.township)
        await scene.network.settle()
    given = (await scene.sample()).nonces
    assert given.keys() == {TOWNSHIP}
    wrong = SampleRevealed(*scene.author(), (await scene.sample()).filed.hash, bytes(32), ())
    with pytest.raises(SampleRefused, match="secret_not_committed"):
        await scene.hub.publishing.publish(oversee(wrong))
    sample = await scene.reveal()
    assert sample.secret is not None
    assert dict(sample.secret.nonces) == given, "the pen states the nonces, whoever asks"
    drawn = await get_draw(scene.audit, sample)
    assert sum(map(len, drawn.values())) == CASES
    document = await document_of(scene.hub, scene.audit, sample)
    root = scene.hub.books.seat.root.digest
    again = redraw(document, root)
    assert (again.period, again.cases, again.files) == (scene.period, CASES, CASES)
    assert again.nonces == {TOWNSHIP: given[TOWNSHIP].hex()}
    # The township and the village have frame and reveal too: they need not ask the county what was said.
    for node in (scene.network.township, scene.network.village):
        below = await get_sample(node, scene.period)
        assert below.secret == sample.secret


async def test_a_file_that_was_bent_is_found_out(scene: Scene) -> None:
    sample = await scene.draw()
    root = scene.hub.books.seat.root.digest
    document = await document_of(scene.hub, scene.audit, sample)
    plain = msgspec.json.decode(document)
    shorter = plain | {"listed": plain["listed"][1:]}
    other = plain | {"drawn": [[town, risk, cases[::-1]] for town, risk, cases in plain["drawn"]]}
    swapped = plain | {"frame": plain["reveal"], "reveal": plain["frame"]}
    bent = bytearray(base64.b64decode(plain["reveal"]))
    bent[-40] ^= 1
    forged = plain | {"reveal": base64.b64encode(bent).decode()}
    for changed, digest, code in (
        (shorter, root, "sample_file_other_list"),
        (other, root, "sample_file_other_draw"),
        (swapped, root, "sample_file_unproved"),
        (forged, root, "sample_file_unproved"),
        (plain, "0" * 64, "sample_file_unproved"),
        (plain | {"tongban_sample": 2}, root, "sample_file_malformed"),
        (dict[str, object](), root, "sample_file_malformed"),
    ):
        with pytest.raises(RedrawRefused, match=code):
            redraw(msgspec.json.encode(changed), digest)
    for data in (b"", b"[" * 100_000, document[:-5], b"\xff"):
        with pytest.raises(RedrawRefused, match="sample_file_malformed"):
            redraw(data, root)


async def test_a_silent_township_stops_nothing_and_a_late_nonce_changes_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    framed = await scene.frame()
    after = framed.nonces_until + timedelta(days=1)
    for node in (scene.hub, scene.network.township):
        monkeypatch.setattr(node.publishing._overseeing, "_today", lambda: after)  # pyright: ignore[reportPrivateUsage]
    sample = await scene.reveal()
    assert sample.secret is not None
    assert sample.secret.nonces == ()
    late = SampleNonced(*scene.author("", TOWNSHIP), sample.filed.hash, bytes(range(16)))
    with pytest.raises(SampleRefused, match="nonce_too_late"):
        await scene.network.township.publishing.publish(oversee(late))
    assert redraw(await document_of(scene.hub, scene.audit, sample), scene.hub.books.seat.root.digest).nonces == {
        TOWNSHIP: ""
    }


async def test_who_may_draw_twice_can_choose_so_nobody_may(scene: Scene) -> None:
    await scene.draw()
    again = await frame_of(scene.hub, scene.audit, scene.period, scene.author(), scene.tomorrow)
    with pytest.raises(SampleRefused, match="sample_framed_already"):
        await scene.hub.publishing.publish(oversee(again.framed))


async def test_two_reviewers_do_not_see_each_other_and_a_leader_settles(scene: Scene) -> None:
    await scene.draw()
    first, second, third = (await scene.files())[:3]
    everybody = {OfficerId(f"{COUNTY}/{login}") for login in REVIEWERS}
    (settler,) = everybody - {first.first, first.second}
    await scene.review(first, first.first, "F1")
    (seen,) = [one for one in await scene.files() if one.case == first.case]
    assert seen.state is FileState.WAITING
    assert seen.is_seen_by(first.first)
    assert not seen.is_seen_by(first.second)
    assert seen.round_of(settler) is None
    await scene.review(seen, first.second, "V4")
    (differing,) = [one for one in await scene.files() if one.case == first.case]
    assert (differing.state, differing.points) == (FileState.DIFFER, None)
    assert differing.round_of(first.first) is None
    await scene.review(differing, settler, "V4")
    await scene.review(second, second.first, "F1", "F5")
    await scene.review(second, second.second, "F1")
    files = {one.case: one for one in await scene.files()}
    assert (files[first.case].state, files[first.case].points) == (FileState.SETTLED, 0)
    assert files[second.case].points == 90
    sample = await scene.sample()
    whole = results_of(sample, list(files.values()))
    assert whole.bad_permille is None, "a part of a sample estimates nothing"
    again = FileReviewed(*scene.author("chen"), sample.filed.hash, third.case, 3, "2026-1", ())
    with pytest.raises(SampleRefused, match="review_given"):
        await scene.hub.publishing.publish(oversee(again))
    for one in files.values():
        for officer in (one.first, one.second):
            (now,) = [file for file in await scene.files() if file.case == one.case]
            if now.round_of(officer) is not None and now.state is FileState.WAITING:
                await scene.review(now, officer)
    results = results_of(sample, await scene.files())
    assert sum(one.settled for one in results.strata) == CASES
    assert results.bad_permille == round(1000 / CASES)


async def test_a_case_that_surfaces_after_the_frame_is_looked_through_whatever_the_draw(scene: Scene) -> None:
    sample = await scene.draw()
    before = await get_draw(scene.audit, sample)
    late = await scene.decide(CASES + 1)
    assert await surfaced(scene.hub, scene.audit, sample) == [late]
    assert await get_draw(scene.audit, sample) == before
    (file,) = [one for one in await scene.files() if one.stratum is None]
    assert file.case == late


async def test_what_is_missing_is_said(scene: Scene) -> None:
    for period, code in (("2026", "bad_period"), ("2026-Q5", "bad_period"), ("2019-Q1", "sample_unknown")):
        with pytest.raises(FrameRefused, match=code):
            await get_sample(scene.hub, period)
    with pytest.raises(FrameRefused, match="sample_empty"):
        await frame_of(scene.hub, scene.audit, "2019-Q1", scene.author(), scene.tomorrow)
    sample = await scene.draw()
    async with scene.audit.engines.write.begin() as connection:
        await connection.execute(frames.audit_samples.delete())
    with pytest.raises(FrameRefused, match="sample_list_missing"):
        await get_draw(scene.audit, sample)


def test_the_verbs_lead_through_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def live() -> tuple[str, str]:
        scene = await begin(tmp_path, 2)
        await end(scene)
        return scene.period, scene.tomorrow.isoformat()

    async def answer() -> str:
        network = await Network.open(Places(tmp_path))
        await give_nonces(network.township)
        await network.settle()
        await network.close()
        return network.hub.books.seat.root.digest

    def say(*words: str) -> str:
        assert main(HUB, ["audit", *words, "--home", str(tmp_path / COUNTY)]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    def refused(*words: str) -> str:
        assert main(HUB, ["audit", *words, "--home", str(tmp_path / COUNTY)]) == 1
        return capsys.readouterr().err

    period, tomorrow = asyncio.run(live())
    framed = say("sample", "frame", period, "--until", tomorrow, "--officer", "chen")
    assert f"{TOWNSHIP}\t" in framed
    assert "2 件" in framed
    assert "reveal_too_early" in refused("sample", "reveal", period, "--officer", "chen")
    assert "sample_not_drawn" in refused("sample", "results", period)
    root = asyncio.run(answer())
    assert "写入 1 条" in say("sample", "reveal", period, "--officer", "chen")
    numbers: set[str] = set()
    for login in REVIEWERS:
        for line in say("sample", "files", period, "--officer", login).splitlines()[:-1]:
            number = line.partition("\t")[0]
            numbers.add(number)
            if "轮到您" in line:
                assert "100 分" in say("sample", "review", period, number, "--officer", login)
    assert len(numbers) == 2
    number = sorted(numbers)[0]
    assert "file_not_yours" in refused("sample", "review", period, number, "--officer", "chen")
    assert "unknown_review_point" in refused("sample", "review", period, number, "--faults", "X9", "--officer", "chen")
    results = say("sample", "results", period)
    assert "2 卷中 0 卷不合格" in results
    assert "不合格率 0.0 %" in results
    file = tmp_path / "sample.json"
    say("sample", "file", period, "--to", str(file))
    assert "重抽一致" in say("redraw", str(file), "--root", root)
    assert "sample_file_unproved" in refused("redraw", str(file), "--root", "0" * 64)
    assert "一票否决" in say("sample", "form")
