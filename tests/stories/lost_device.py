"""A village computer lost on day 3 and replaced on day 4, told line by line: `python -m tests.stories.lost_device`.

Real nodes with real folders, keys and databases; pages are carried by hand, and the days pass on a clock set by hand.
Every line that is told was looked at first: what does not hold raises, so a transcript that ends is a proof that it
happened. Next: `test_a_lost_computer`, which asks for the same in the test suite.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Final

from office.clock import SystemClock
from office.devices import Standing
from office.founding import prepare_device
from office.node import Node
from office.releasing import Releasing
from office.verifying import verify
from office.worklists import Queue
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import CHINA_TIME
from schemas.casework.lifecycle import Stage
from schemas.casework.values import Handover, Outcome
from schemas.names import CaseId, Instant
from sync.core.errors import UnknownSender
from sync.session import Doorkeeper, answer, say_hello
from tests.support.counties import APPLICANT, TOWNSHIP, VILLAGE, agent, clerk, materials_of, op
from tests.support.dated import at
from tests.support.nodes import Network, Places, enrol_with, found_network

Say = Callable[[str], None]

FIRST_DAY: Final = date(2026, 3, 2)
"""A Monday."""


class Days:
    """The clock of every node in the story."""

    def __init__(self) -> None:
        self.now = at(FIRST_DAY, 9)

    def on(self, day: int, hour: int) -> None:
        """It is this hour of the story's n-th day."""
        self.now = Instant(at(FIRST_DAY, hour) + (day - 1) * 24 * 3600 * 1000)

    def tick(self) -> Instant:
        """A second passes whenever somebody looks."""
        self.now = Instant(self.now + 1000)
        return self.now


@contextmanager
def hand_set_clock() -> Generator[Days]:
    """The days of the story instead of the machine's."""
    days, machines = Days(), SystemClock.now

    def now(_clock: SystemClock) -> Instant:
        return days.tick()

    setattr(SystemClock, "now", now)  # noqa: B010 -- the machine's clock is not for others to set
    try:
        yield days
    finally:
        setattr(SystemClock, "now", machines)  # noqa: B010


class Told:
    """The story as it goes on."""

    def __init__(self, folder: Path, days: Days, say: Say) -> None:
        self.folder = folder
        self.days = days
        self._say = say

    def say(self, text: str) -> None:
        """A line with the story's day and hour."""
        hour = datetime.fromtimestamp(self.days.now / 1000, CHINA_TIME)
        day = (hour.date() - FIRST_DAY).days + 1
        self._say(f"第{day}天 {hour:%H:%M}  {text}")

    async def see(self, node: Node, case: CaseId) -> CaseFile:
        """A case as an office's worklist has it."""
        return (await node.worklists.get_case(node.seat, case)).file


async def tell(folder: Path, say: Say) -> None:
    """The whole story. Raises where anything is not as it is told."""
    with hand_set_clock() as days:
        places = await found_network(folder)
        network = await Network.open(places)
        told = Told(folder, days, say)
        try:
            sent, held, lost = await _until_the_loss(told, network, places)
            await _replaced(told, network, places, lost)
            await _back_at_work(told, network, sent, held)
            await _the_thief(told, network, lost)
            for node in (network.hub, network.township, network.village):
                report = await verify(node)
                assert report.faults == [], report.faults
            told.say("三级节点 verify：0 处不符")
        finally:
            await network.close()


async def _until_the_loss(told: Told, network: Network, places: Places) -> tuple[CaseId, CaseId, Path]:
    """Days 1 to 3: two cases reach the township, one comes back into the village's hands; two more never leave."""
    told.days.on(1, 9)
    sent = await network.file(1)
    await network.village.desk.offer_custody(agent(), sent.case, op(2), to=TOWNSHIP)
    await network.settle()
    told.say(f"村：登记 {sent.tracking} 并移交镇；线路畅通，镇、县均已签收")
    told.days.on(2, 10)
    held = await network.file(3)
    await network.village.desk.offer_custody(agent(), held.case, op(4), to=TOWNSHIP)
    await network.settle()
    town = network.township.desk
    await town.accept_custody(clerk(), held.case, op(5))
    await town.decide(clerk(), held.case, op(6), outcome=Outcome.GRANTED, reason="符合条件", basis="第36条")
    await town.offer_custody(clerk(), held.case, op(7), to=VILLAGE)
    await network.settle()
    await network.village.desk.accept_custody(agent(), held.case, op(8))
    await network.settle()
    told.say(f"镇：{held.tracking} 已准予，交村送达；村已接件，持件单位是村")
    told.days.on(3, 14)
    unsent = [await network.file(9), await network.file(10)]
    numbers = "、".join(slip.tracking for slip in unsent)
    told.say(f"村：断线中又登记 2 件 {numbers}，回执单已交群众，尚未送出")
    await network.village.close()
    lost = told.folder / "被盗的电脑"
    shutil.move(places.home(VILLAGE), lost)
    told.days.on(3, 18)
    told.say("村：电脑在集市上被盗")
    return sent.case, held.case, lost


async def _standing(node: Node, device: str) -> Standing:
    return next(one for one in await node.devices.list_devices() if one.node == device)


async def _replaced(told: Told, network: Network, places: Places, lost: Path) -> None:
    """Day 4: the township revokes and hands out a sheet in one act; the new computer enrols with its code."""
    told.days.on(4, 9)
    former = network.township.books.children[VILLAGE]
    sheet = await network.township.devices.replace(VILLAGE, "li", "电脑在集市上被盗")
    standing = await _standing(network.township, former)
    assert standing.is_revoked
    assert standing.has_sheet is True or standing.is_present
    heard = datetime.fromtimestamp((standing.last_heard or 0) / 1000, CHINA_TIME)
    told.say(f"镇：devices replace {VILLAGE}：原设备 {former} 注销，新注册单 {sheet.code[:4]}-…（72 小时、一次有效）")
    known = f"镇：设备页显示最后联系 {heard:%m-%d %H:%M}，已知未送出 {standing.unsent} 条"
    told.say(f"{known}；其后所登记的无从得知，凭回执单核对")
    await enrol_with(sheet, prepare_device(places.home(VILLAGE)), network.township)
    network.village = await places.open(VILLAGE)
    assert network.village.books.seat.node != former
    told.say(f"村：新电脑输入 16 位注册码，登记为 {network.village.books.seat.node}")
    await network.settle()
    assert await _held_by_county(network, former) == (True, False)
    await network.hub.enrolling.countersign(former)
    await network.hub.enrolling.countersign(network.village.books.seat.node)
    await network.settle()
    assert await _held_by_county(network, former) == (True, True)
    told.say("县：确认注销（按县中心所持位置）并确认新设备")


async def _held_by_county(network: Network, former: str) -> tuple[bool, bool]:
    standing = await _standing(network.hub, former)
    return standing.is_revoked, standing.is_confirmed


async def _back_at_work(told: Told, network: Network, sent: CaseId, held: CaseId) -> None:
    """Everything that had been received is back; the pen is the seat's, so the result is handed over."""
    village = network.village
    told.days.on(4, 10)
    assert (await told.see(village, sent)).stage is Stage.OFFERED
    assert (await told.see(village, held)).custodian == VILLAGE
    counts = await village.worklists.count(VILLAGE)
    assert counts[Queue.ALL] == 2
    told.say(f"村：历史与办件已补回，共 {counts[Queue.ALL]} 件；1 件在本村手中，编号、期限、履历不变")
    await village.desk.hand_over(agent(), held, op(20), recipient="王秀英", how=Handover.HOME)
    await village.desk.close_case(agent(), held, op(21))
    again = [await network.file(22), await network.file(23)]
    await network.settle()
    assert (await told.see(network.hub, held)).stage is Stage.CLOSED
    for slip in again:
        assert (await told.see(network.hub, slip.case)).filing_office == VILLAGE
    told.say("村：结果已送达并办结；凭群众手中的 2 张回执单补登 2 件，镇、县均已签收")


async def _the_thief(told: Told, network: Network, lost: Path) -> None:
    """Day 5: the old computer is started again. It is refused in words, and nothing of it counts."""
    told.days.on(5, 20)
    thief = await Node.open(lost)
    township, hub = network.township, network.hub
    try:
        forged = await thief.intake.open_case(
            agent(), op(90), item="WJ02", applicant=APPLICANT, materials=materials_of("WJ02"), statement="冒名"
        )
        keeper = Doorkeeper(township.books)
        hello = say_hello(thief.books)
        signed = answer(thief.books, hello, keeper.challenge(hello), b"")
        assert _code_of(lambda: keeper.admit(signed)) == "revoked_device"
        page = await thief.writer.page_for(township.books.seat.node)
        try:
            await township.writer.admit(page)
        except UnknownSender as refusal:
            told.say(f"贼：开机、冒名登记 1 件并同步——镇拒绝：{refusal.code}")
        else:
            raise AssertionError("the township took a revoked device's page")
        await network.settle()
        for node in (hub, township, network.village):
            assert forged.case not in await node.cases.subjects()
        held, _ = await Releasing(hub.books, hub.writer).list_held()
        assert held == []
        told.say("县、镇、村：冒名件均不存在，注销位置之后没有任何内容计入")
    finally:
        await thief.close()


def _code_of(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except UnknownSender as refusal:
        return refusal.code
    return ""


def main() -> int:
    """Print the transcript."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(tell(Path(folder), print))
    return 0


if __name__ == "__main__":
    sys.exit(main())
