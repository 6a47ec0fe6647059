"""The demo's play: phase by phase, what befalls lines and machines, and what the officers do meanwhile.

Every act goes through the interface that a browser uses, signed in as the officer. An officer acts when the case's last
entry has reached their own office, as they would: nobody is told anything past the line. Never repairs anything by
hand. Next: `demo_stories` (what is played), `demo_county` (the machines), `demo_checks` (the verdict).
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final

from deploy.demo_checks import Told
from deploy.demo_county import County
from deploy.demo_desk import ActRefused, OfficerDesk, sample_photograph, today_of
from deploy.demo_processes import DemoFailed
from deploy.demo_scenario import BY_KEY, PLACES, TOWNSHIPS, VILLAGES, WINDOWS, Phase, Step, Story
from deploy.demo_stores import copy_store, meant_for
from deploy.demo_stories import OPEN_STORIES, STORIES, conversion_before
from deploy.demo_view import Narrator
from schemas.names import OPERATION_BYTES

PATIENCE_S: Final = 60.0
"""How long an officer waits for a case to arrive: with a back-off of at most 1 s this is a line that does not work."""
GLANCE_S: Final = 0.15
QUARANTINED: Final = "node_quarantined"
"""`office.desk.NodeQuarantined`: this node was rolled back and has not caught up."""
NOT_CONVERTED: Final = "not_converted"
"""`schemas.casework.regimes`: the day on which it was to be decided on the spot is over."""
COUNTY_PLACE: Final = "hub"
RESTORED_PLACE: Final = "t2"
KILLED_PLACE: Final = "v1"
SILENT_PLACE: Final = "t1"
LOSSY_PLACE: Final = "v4"
LOSSY_CASE: Final = "16"
STICK_PLACE: Final = "v2"
"""The village whose work of the days without a line is carried to its township by hand."""
PHOTOGRAPHED: Final = ("04", "07")
"""Filed there, each with a photograph."""
FORGOTTEN: Final = tuple(
    (story.key, step)
    for story in STORIES
    for step in story.steps
    if step.phase is Phase.AFTER_BACKUP and step.at == RESTORED_PLACE and step.kind == "custody.accepted"
)
"""(case, acceptance) that the backup does not know of."""


class Play:
    """One performance. `told` is what the officers were told had been written."""

    def __init__(self, county: County, narrator: Narrator, *, pause_s: float = 0.0) -> None:
        """`pause_s`: how long each phase's end stays as it is, for whoever watches."""
        self.county = county
        self.narrator = narrator
        self.pause_s = pause_s
        self.told: list[Told] = []
        self.cases: dict[str, bytes] = {}
        self.quarantine_refusals = 0
        self.kills = 0
        self.restores = 0
        self.carried_by_stick = 0
        """Cases that were whole at the township by stick, while the village's line was cut."""
        self.papers_arrived = 0
        """Photographs likewise."""
        self._written: dict[str, int] = {}

    @property
    def replies_lost(self) -> int:
        """Answers that never came back because a line broke at that very moment."""
        return sum(line.replies_lost for line in self.county.lines.values())

    @property
    def rollbacks_noticed(self) -> int:
        """Findings, at whatever node, that somebody was rolled back."""
        return sum(peek.count_findings("rollback", "rolled_back") for peek in self.county.peeks.values())

    async def perform(self) -> None:
        """All phases, then wait until nothing is under way any more."""
        await self._workday()
        await self._lines_down()
        await self._villages_back()
        await self._after_backup()
        await self._restored()
        await self._silent_township()
        await self._all_back()

    async def leave_open(self) -> None:
        """File a few cases and leave them midway, for a person to go on with."""
        self.narrator.head("另有几件留给您办理。", "A few cases are left open for you.")
        await self._play(Phase.LEFT_OPEN, OPEN_STORIES)

    # --- phases ------------------------------------------------------------------------------------------------------

    async def _workday(self) -> None:
        self.narrator.head("一、平日：线路正常，村里收件上报，镇上受理。", "1. A working day: every line is up.")
        await self._until(self._is_published, "everybody has what the county and the townships publish")
        self.narrator.tell(
            "目录、委托、岗位、值守日和审批时段已到每个镇村。",
            "Catalogue, grant, posts, staffed days and leaders' slots have reached everybody.",
        )
        await self._play(Phase.WORKDAY)

    async def _lines_down(self) -> None:
        self.narrator.head(
            "二、全部断线：村里照常收件，回执单照常打印，件存在本机。",
            "2. Every line is cut: the villages go on filing; the cases wait on their machines.",
        )
        self.county.cut(*VILLAGES, *TOWNSHIPS)
        await self._play(Phase.LINES_DOWN)
        self.narrator.tell(
            "白观村的电脑被强行断电（SIGKILL），再开机。", "Baiguan's computer is killed (SIGKILL) and started."
        )
        before = self._entries_at(KILLED_PLACE)
        await self.county.kill(KILLED_PLACE)
        self.kills += 1
        await self.county.start(KILLED_PLACE)
        if self._entries_at(KILLED_PLACE) != before:
            raise DemoFailed(f"{KILLED_PLACE} does not hold after the kill what it held before")
        self.narrator.tell("本机的件一件不少。", "Not one of its cases is missing.")
        await self._carry_stick()

    async def _carry_stick(self) -> None:
        """A village's work goes to its township on a stick, photographs and all, and the answer comes back on it."""
        above = BY_KEY[STICK_PLACE].above
        assert above is not None
        written = self.county.peeks[STICK_PLACE].snapshot().own
        await self.county.use_stick(STICK_PLACE, "write")
        await self.county.use_stick(above, "reply")
        filed = [story for story in STORIES if story.key in self.cases and story.village == STICK_PLACE]
        self.carried_by_stick = sum(
            story.steps[0].phase is Phase.LINES_DOWN
            and self.county.peeks[above].count_entries_about(self.cases[story.key]) == self._written[story.key]
            for story in filed
        )
        self.papers_arrived = self.county.count_papers(above)
        self.narrator.tell(
            f"太平村的件写入 U 盘送到陵江镇：{self.carried_by_stick} 件、照片 {self.papers_arrived} 张，线路仍断着。",
            f"Taiping's work reaches Lingjiang on a stick: {self.carried_by_stick} cases and {self.papers_arrived} "
            "photographs, the line still cut.",
        )
        await self.county.use_stick(STICK_PLACE, "read")
        if self.county.peeks[STICK_PLACE].count_receipted(BY_KEY[above].office) < written:
            raise DemoFailed("the answer that came back by stick does not acknowledge all that was carried there")
        self.narrator.tell(
            "回执随 U 盘带回：太平村知道镇里已全部收到。",
            "The answer comes back on the same stick: Taiping knows that the township has all of it.",
        )

    async def _villages_back(self) -> None:
        self.narrator.head(
            "三、村线恢复，县线仍断：积压自动上送；镇里按授权受理、补正、决定。",
            "3. The village lines are back, the county's are not: the backlog goes up, the townships work on.",
        )
        line, above = self.county.lines[LOSSY_PLACE], self.county.peeks[RESTORED_PLACE]
        line.break_before_reply(lambda: above.count_entries_about(self.cases[LOSSY_CASE]) > 0)
        self.county.mend(*VILLAGES)
        await self._until(lambda: line.replies_lost > 0, "an answer is lost")
        self.narrator.tell(
            "紫阳村的件已到镇里，应答却在途中丢失：村里不知道送到没有，线路好了再送一次。",
            "Ziyang's cases have arrived, but the answer was lost on the way: it does not know, and sends them again.",
        )
        self.county.mend(LOSSY_PLACE)
        await self._play(Phase.VILLAGES_BACK)

    async def _after_backup(self) -> None:
        self.narrator.head(
            "四、给云峰镇做备份；县线恢复，继续办件。",
            "4. A backup of Yunfeng is taken while it runs; the county's lines are back and work goes on.",
        )
        node = self.county.nodes[RESTORED_PLACE]
        await asyncio.to_thread(copy_store, self.county.database(RESTORED_PLACE), node.home / "backup.db")
        self.county.mend(*TOWNSHIPS)
        await self._play(Phase.AFTER_BACKUP)
        await self._until(self._is_at_rest, "every outbox is empty")

    async def _restored(self) -> None:
        self.narrator.head(
            "五、云峰镇的机器坏了，用旧备份恢复；它自己并不知道。",
            "5. Yunfeng's machine breaks and is restored from the old backup; it does not know that.",
        )
        self.county.cut(RESTORED_PLACE)
        witnesses = [place.key for place in PLACES if place.above == RESTORED_PLACE]
        for key in witnesses:
            self._break_when_noticed(key)
        await self.county.kill(RESTORED_PLACE)
        self.kills += 1
        self.county.put_back(RESTORED_PLACE, "backup.db")
        self.restores += 1
        await self.county.start(RESTORED_PLACE)
        await self._until(lambda: all(self.county.lines[key].is_cut for key in witnesses), "the villages notice it")
        self.narrator.tell(
            "村里记得的比镇里多：镇里由此知道自己被退回过，移交、受理、决定先停，收件照常。",
            "The villages remember more than the township: it knows now, and puts the pen down until it has caught up.",
        )
        await self._expect_quarantine()
        self.county.mend(*witnesses)
        self.county.mend(RESTORED_PLACE)
        await self._play(Phase.RESTORED)
        self.narrator.tell(
            "县里和村里把它自己写过的都还给了它。",
            "The county and the villages have given it back what it had written.",
        )

    def _break_when_noticed(self, key: str) -> None:
        """Let a village's line break as soon as the township above knows from it that it was rolled back."""
        above, seat = self.county.peeks[RESTORED_PLACE], BY_KEY[key].office
        self.county.lines[key].break_before_reply(lambda: above.is_quarantined_toward(seat))

    async def _expect_quarantine(self) -> None:
        """The old backup offers cases for acceptance that were accepted long ago: the node must not let that happen."""
        for story, step in FORGOTTEN:
            desk = await self.county.desk_for(step)
            try:
                await desk.act(
                    self.cases[story], step.kind, step.fields_on(today_of()), secrets.token_bytes(OPERATION_BYTES)
                )
            except ActRefused as refusal:
                if refusal.code != QUARANTINED:
                    raise
                self.quarantine_refusals += 1
            else:
                raise DemoFailed(f"case {story}: a node that was rolled back accepted it a second time")
        self.narrator.tell(
            "镇上经办想再受理一次已受理的件，被拒绝：请先连线补齐。",
            "Its clerk tries to accept cases that were accepted before, and is refused: catch up first.",
        )

    async def _silent_township(self) -> None:
        self.narrator.head(
            "六、陵江镇失联，县中心把一件改派给云峰镇。",
            "6. Lingjiang falls silent; the county reassigns one of its cases to Yunfeng.",
        )
        self.county.cut(SILENT_PLACE)
        await self._play(Phase.SILENT_TOWNSHIP)

    async def _all_back(self) -> None:
        self.narrator.head(
            "七、全部恢复：结果回到村里，交给群众，销号。",
            "7. Everything is back: results reach the villages, are handed over, and the cases are closed.",
        )
        self.county.mend(*VILLAGES, *TOWNSHIPS)
        await self._play(Phase.ALL_BACK)
        await self._until(self._is_at_rest, "every outbox is empty")

    # --- acts --------------------------------------------------------------------------------------------------------

    async def _play(self, phase: Phase, stories: Sequence[Story] = STORIES) -> None:
        """Everybody works at once; within one case the order is kept."""
        try:
            async with asyncio.TaskGroup() as group:
                for story in stories:
                    if any(step.phase is phase for step in story.steps):
                        group.create_task(self._live(story, phase))
        except* (DemoFailed, ActRefused) as failures:
            raise DemoFailed(str(failures.exceptions[0])) from failures
        await asyncio.sleep(self.pause_s)

    async def _live(self, story: Story, phase: Phase) -> None:
        for step in story.steps:
            if step.phase is phase:
                await self._act(story, step)

    async def _act(self, story: Story, step: Step) -> None:
        desk = await self.county.desk_for(step)
        operation = secrets.token_bytes(OPERATION_BYTES)
        if step.kind == "case.filed":
            is_photographed = story.key in PHOTOGRAPHED
            papers = [await desk.send_paper(await asyncio.to_thread(sample_photograph))] if is_photographed else []
            case = await desk.file_case(story, operation, papers)
            if story.is_clicked_twice:
                again = await desk.file_case(story, operation)
                if again != case:
                    raise DemoFailed(f"case {story.key}: a double click made two cases")
            self.cases[story.key] = case
        else:
            case = self.cases[story.key]
            await self._until(lambda: self._has_arrived(story, step), f"case {story.key} reaches {step.at}")
            await self._write(desk, story, step, operation)
        is_list = step.kind == "case.filed" and bool(story.rows)
        # The rows of a list are an entry beside its filing.
        self._written[story.key] = self._written.get(story.key, 0) + (2 if is_list else 1)
        self.told.append(Told(story.key, step.at, case, step.kind, b"" if is_list else operation))
        self._say(story, step)

    async def _write(self, desk: OfficerDesk, story: Story, step: Step, operation: bytes) -> None:
        """Write one act. A quarantined node refuses the pen until it has caught up: the officer tries again later. A
        play that goes on past midnight finds cases that should have been decided on the spot: they are converted first.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                await desk.act(self.cases[story.key], step.kind, step.fields_on(today_of()), operation)
                return
            except ActRefused as refusal:
                if refusal.code == NOT_CONVERTED:
                    await self._act(story, conversion_before(step))
                    continue
                if refusal.code != QUARANTINED or time.monotonic() > deadline:
                    raise DemoFailed(f"{step.at} may not write {step.kind}: {refusal}") from refusal
            self.quarantine_refusals += 1
            await asyncio.sleep(GLANCE_S)

    def _has_arrived(self, story: Story, step: Step) -> bool:
        """Whether this office has every entry of the case that has been written anywhere."""
        here = self.county.peeks[step.at].count_entries_about(self.cases[story.key])
        return here >= self._written[story.key]

    def _entries_at(self, place: str) -> dict[str, int]:
        """Story → entries of its case that are at a place."""
        peek = self.county.peeks[place]
        return {story: peek.count_entries_about(case) for story, case in self.cases.items()}

    def _is_published(self) -> bool:
        """Every office has what is published for it, and the county all of it."""
        every = self.county.peeks[COUNTY_PLACE].published()
        return all(
            peek.published().keys() == meant_for(BY_KEY[key].office, every) for key, peek in self.county.peeks.items()
        )

    def _is_at_rest(self) -> bool:
        """Nothing waits in any outbox, and nobody is quarantined."""
        shots = [peek.snapshot() for peek in self.county.peeks.values()]
        return not any(shot.unsent_up or shot.unsent_down or shot.quarantined for shot in shots)

    async def _until(self, condition: Callable[[], bool], goal: str) -> None:
        """Look until something has happened. Raises `DemoFailed` when patience ends."""
        deadline = time.monotonic() + PATIENCE_S
        while not await asyncio.to_thread(condition):
            if time.monotonic() > deadline:
                raise DemoFailed(f"waited {PATIENCE_S:.0f} s in vain until {goal}\n{self.county.describe()}")
            await asyncio.sleep(GLANCE_S)

    def _say(self, story: Story, step: Step) -> None:
        place = BY_KEY[step.at]
        zh, en = ACTS[step.kind]
        name = WINDOWS.get(step.office, place.name) if step.office is not None else place.name
        self.narrator.tell(f"{story.key} 号件：{name}{zh}", f"case {story.key}: {place.name_en} {en}")


ACTS: Final = {
    "case.filed": ("收件登记", "files it"),
    "custody.offered": ("移交", "offers it on"),
    "custody.accepted": ("接收", "accepts it"),
    "custody.declined": ("不予接收，说明理由", "declines it, with reason"),
    "papers.requested": ("一次性告知补正", "names every missing paper"),
    "papers.brought": ("收到补交材料", "takes in the papers"),
    "papers.received": ("确认补正材料", "takes the papers up"),
    "case.decided": ("作出决定", "decides"),
    "step.completed": ("登记办理环节", "records a step"),
    "result.handed_over": ("把结果交给群众", "hands the result over"),
    "case.closed": ("销号", "closes it"),
    "case.withdrawn": ("按申请人意愿撤回", "withdraws it on the resident's word"),
    "recall.requested": ("申请撤回移交", "asks for it back"),
    "custody.reassigned": ("改派", "reassigns it"),
    "acceptance.refused": ("不予受理，书面说明", "does not accept it, in writing"),
    "case.converted": ("登记转为承诺件", "converts it to a promised one"),
    "case.suspended": ("中止计时", "stops its clock, for a cause of the law"),
    "case.resumed": ("恢复计时", "lets its clock run again"),
    "case.expedited": ("开通绿色通道", "puts it on the green channel"),
    "case.reopened": ("经批准重新办理", "takes it up again, by leave of a leader"),
    "opinions.requested": ("同时征求各部门意见", "asks all departments at once"),
    "opinion.given": ("出具部门意见", "gives its opinion"),
    "meeting.held": ("召开联审会", "holds the joint meeting"),
    "site.surveyed": ("两人现场勘察", "surveys the site with two officers"),
}
"""Kind → what the office does, in the words of the counter."""
