"""Our own pen for oversight: orders, answers, verdicts, rungs, circulars, scores, appeals, freezes.

Every verb is checked inside the writing transaction against the thread as it stands there, and refuses before anything
is written. The pen itself gives what must not be typed: the number of an order, the demand that an answer answers, the
day that a rung asks for. A rung that was taken, and an operation that was written, write nothing again: a sweep may run
as often as it likes. Works without a line; what it writes goes with the next exchange or stick.
Never lets an office judge itself, and never adds points for what did not happen.
Next: `schemas.oversight_fold` (the table of an order's life), `office.publishing`, which takes these with the rest.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final, Protocol

from msgspec import Struct, structs

from office.casebook import CaseInterpreter
from office.pencil import OperationReused, Pen
from office.people import office_of
from office.samples import judge_sample
from office.texts import check_texts
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import NO_CASE
from schemas.codec import ENTRY_BODY_BYTES_MAX, Malformed
from schemas.names import OPERATION_BYTES, OfficeId, OfficerId, seat_of
from schemas.oversight import (
    REWARDS,
    CircularPublished,
    ClassAssigned,
    Ground,
    OrderAct,
    OrderAnswered,
    OrderEscalated,
    OrderIssued,
    OrderVerified,
    OrderWithdrawn,
    Overseen,
    SampleAct,
    SampleFramed,
    SampleNonced,
    ScoreAct,
    ScoreAppealed,
    ScoreEntered,
    ScoreJudged,
    ScoresFrozen,
    Sender,
    card_of,
    decode_overseen,
    encode_overseen,
    may_send,
    may_speak_for,
    number_of_paper,
    numbers_of,
)
from schemas.oversight_fold import (
    TRANSITIONS,
    Deed,
    OrderFile,
    Oversight,
    ScoreFile,
    Stage,
    fold_all,
    fold_order,
    fold_score,
)
from schemas.refusals import Refused
from sync.core.journal import Draft

THE_NODE: Final = OfficerId("")
"""Author of the rungs that are taken by themselves."""

TERM_DAYS_MAX: Final = 366
"""Days ahead that an answer may be asked for: a year's programme of rectification is the longest there is."""

_FOLDED: Final = (
    *(each.kind for each in (OrderIssued, OrderAnswered, OrderVerified, OrderEscalated, OrderWithdrawn)),
    *(each.kind for each in (CircularPublished, ScoreEntered, ScoreAppealed, ScoreJudged, ClassAssigned, ScoresFrozen)),
)
"""What `fold_all` folds."""

ORDER_MARK: Final = "督"
CIRCULAR_MARK: Final = "通"


class Oversee(Struct, frozen=True, tag="oversee"):
    """Write oversight: (kind, body) of each entry; all of them share one operation, but for rungs."""

    entries: list[tuple[str, bytes]]


def oversee(*events: Overseen) -> Oversee:
    """These entries as something to write."""
    return Oversee([(event.kind, encode_overseen(event)) for event in events])


async def read_oversight(casebook: CaseInterpreter) -> Oversight:
    """Every order, score, class, frozen month and circular that is here, as it stands."""
    return fold_all(await casebook.overseen(_FOLDED))


class OversightRefused(Refused):
    """What may not be said so."""


class Accounts(Protocol):
    """Who may put a name under something (`office.accounts.Accounts`). Each raises `Refused` for who may not."""

    async def check_officer(self, officer: OfficerId) -> None:
        """Has an open account at this node."""
        ...

    async def check_leader(self, officer: OfficerId) -> None:
        """Is a leader on duty of it."""
        ...

    async def check_supervisor(self, officer: OfficerId) -> None:
        """Supervises or leads."""
        ...


class Overseeing:
    """Writes oversight for this node's offices. Every verb raises `Refused` with nothing written."""

    def __init__(
        self,
        pen: Pen,
        casebook: CaseInterpreter,
        seat: OfficeId,
        is_office: Callable[[OfficeId], bool],
        today: Callable[[], date],
        calendar: Callable[[], WorkCalendar],
        accounts: Accounts,
    ) -> None:
        """`is_office`: whether the county has this office."""
        self._pen = pen
        self._casebook = casebook
        self._seat = seat
        self._is_office = is_office
        self._today = today
        self._calendar = calendar
        self._accounts = accounts

    async def write(self, asked: Oversee) -> int:
        """Do what is asked. Returns how many entries were written; 0: all of it is written already."""
        events = await self._read(asked)

        async def drafting() -> Sequence[Draft]:
            # Rungs share no operation: how each order stands says whether one is still to be taken.
            is_form = bool(events) and not isinstance(events[0], OrderEscalated)
            done = await self._casebook.find_operation(events[0].operation) if is_form else None
            if done is None:
                return await self._drafts(events)
            if done.subject != NO_CASE:
                raise OperationReused
            return []

        return len(await self._pen.record(drafting))

    async def check(self, asked: Oversee) -> None:
        """Raise what `write` would, and write nothing."""
        await self._drafts(await self._read(asked))

    # --- before the transaction --------------------------------------------------------------------------------------

    async def _read(self, asked: Oversee) -> list[Overseen]:
        events: list[Overseen] = []
        for kind, body in asked.entries:
            try:
                events.append(decode_overseen(kind, body))
            except (Malformed, KeyError) as error:
                raise _unacceptable() from error
        if not all(len(event.operation) == OPERATION_BYTES for event in events):
            raise _unacceptable()
        for event in events:
            await self._check_author(event)
        return events

    async def _check_author(self, event: Overseen) -> None:
        if not may_send(self._seat, event) or seat_of(event.office) != self._seat:
            raise OversightRefused(
                "oversight_not_yours",
                "督办、考核和通报由县中心发出，答复和申诉由被督办、被考核的单位作出，没有写入；请由有权的单位办理。",
                "Orders, scores and circulars are the county's to write, answers and appeals the office's that they "
                "are addressed to; nothing was written. Let that office do it.",
            )
        if event.officer != THE_NODE:
            if office_of(event.officer) != event.office:
                raise OversightRefused(
                    "oversight_officer_elsewhere",
                    f"{event.officer} 不是 {event.office} 的人员，没有写入；请由该单位的人员办理。",
                    f"{event.officer} is nobody of {event.office}; nothing was written. Somebody of that office must "
                    "do it.",
                )
            if event.sender is Sender.COUNTY:
                await self._accounts.check_supervisor(event.officer)
            else:
                await self._accounts.check_officer(event.officer)
        elif not isinstance(event, OrderEscalated | SampleNonced):
            raise OversightRefused(
                "oversight_unsigned",
                "没有写明经办人，没有写入；除到期催办外，督办和考核都须由经办人署名。",
                "No officer is named; nothing was written. But for the first rungs that are due, a person signs.",
            )
        check_texts(event)

    # --- inside the transaction --------------------------------------------------------------------------------------

    async def _drafts(self, events: Sequence[Overseen]) -> list[Draft]:
        drafts: list[Draft] = []
        given: dict[str, int] = {}
        for event in events:
            judged = await self._judge(event, given)
            if judged is not None:
                body = encode_overseen(judged)
                if len(body) > ENTRY_BODY_BYTES_MAX:
                    raise _unacceptable()
                drafts.append(Draft(judged.kind, None, body))
        return drafts

    async def _judge(self, event: Overseen, given: dict[str, int]) -> Overseen | None:
        """What to write for it; None: it is written already."""
        match event:
            case OrderIssued():
                self._check_issue(event)
                return structs.replace(event, serial=await self._number(event, ORDER_MARK, given))
            case CircularPublished():
                threads = await self._casebook.threads(event.orders)
                if any(fold_order(thread) is None for thread in threads.values()):
                    raise _unknown_order()
                return structs.replace(event, serial=await self._number(event, CIRCULAR_MARK, given))
            case OrderAct():
                return await self._judge_order_act(event)
            case ScoreAct():
                await self._check_score_act(event)
                return event
            case ScoreEntered():
                await self._check_score(event)
                return event
            case ClassAssigned():
                self._check_addressee(event.addressee)
                return event
            case ScoresFrozen():
                return await self._judge_freeze(event)
            case SampleFramed() | SampleAct():
                return await judge_sample(self._casebook, event, self._today())
            case _:
                raise _unacceptable()

    async def _number(self, event: Overseen, mark: str, given: dict[str, int]) -> str:
        year = self._today().year
        prefix = numbers_of(self._seat, mark, year)
        if prefix not in given:
            held = await self._casebook.overseen([event.kind], prefix)
            tails = [one.event.number.removeprefix(prefix) for one in held]
            given[prefix] = max((int(tail) for tail in tails if tail.isascii() and tail.isdecimal()), default=0)
        given[prefix] += 1
        return number_of_paper(self._seat, mark, year, given[prefix])

    def _check_addressee(self, office: OfficeId) -> None:
        ended = self._casebook.register.find_ended(office, self._today())
        if card_of(office) is None or not self._is_office(office) or ended is not None:
            raise OversightRefused(
                "oversight_no_addressee",
                f"{office} 不是本县现有的窗口、乡镇或村，没有写入；请核对单位代码，已撤并的填写接续单位。",
                f"{office} is no window, township or village of this county, or no longer; nothing was written. Check "
                "the code; of an office that ended, name the one that took over.",
            )

    def _check_term(self, due: date | None) -> None:
        today = self._today()
        if due is None or not today < due <= today + timedelta(days=TERM_DAYS_MAX):
            raise OversightRefused(
                "oversight_term",
                "答复期限应在明天至一年以内，没有写入；请重新填写期限。",
                "The day for the answer must be after today and within a year; nothing was written. Give another day.",
            )

    def _check_issue(self, order: OrderIssued) -> None:
        self._check_addressee(order.addressee)
        self._check_term(order.due)
        if order.ground is Ground.FINDING and not (order.rule and order.finding):
            raise OversightRefused(
                "order_without_ground",
                "依据审计发现的督办单须写明规则和发现编号，没有写入；请补填，或改为案卷评查、走访核实。",
                "An order that rests on a finding names its rule and number; nothing was written. Add them, or let it "
                "rest on a file review or a visit.",
            )

    async def _judge_order_act(self, event: OrderAct) -> Overseen | None:
        order = fold_order((await self._casebook.threads([event.order]))[event.order])
        if order is None or order.issued.addressee != event.addressee:
            raise _unknown_order()
        match event:
            case OrderAnswered():
                _permit(order, Deed.ANSWER)
                if not may_speak_for(event.office, order.issued.addressee):
                    raise _unknown_order()
                return structs.replace(event, after=order.demand.hash)
            case OrderVerified():
                _permit(order, Deed.ACCEPT if event.accepted else Deed.REJECT)
                self._check_verdict(order, event)
                return event
            case OrderEscalated():
                return self._judge_rung(order, event)
            case OrderWithdrawn():
                _permit(order, Deed.WITHDRAW)
                return event
            case _:
                raise _unacceptable()

    def _check_verdict(self, order: OrderFile, verdict: OrderVerified) -> None:
        if verdict.answer not in {one.filed.hash for one in order.awaited}:
            raise OversightRefused(
                "answer_judged",
                "这份答复已经验收，或不属于该督办单，没有写入；请用 orders show 核对。",
                "This answer was judged already, or is not this order's; nothing was written. See orders show.",
            )
        if verdict.accepted:
            return
        self._check_term(verdict.due)
        if not verdict.reason.strip():
            raise OversightRefused(
                "verdict_without_reason",
                "验收不通过须写明理由，没有写入；请写明还差什么。",
                "An answer that is not accepted is owed a reason; nothing was written. Say what is still missing.",
            )

    def _judge_rung(self, order: OrderFile, event: OrderEscalated) -> Overseen | None:
        """A rung that is not due, or no longer since the sweep looked, is nobody's fault: it is not taken."""
        step = order.step_due(self._today())
        if step is None or step.rung is not event.rung:
            return None
        if event.officer == THE_NODE and not step.by_itself:
            raise OversightRefused(
                "rung_unsigned",
                "全县通报须由经办人署名，没有写入；请由经办人办理。",
                "The circular goes to the whole county and needs an officer's name; nothing was written.",
            )
        return structs.replace(event, due=self._calendar().add_working_days(self._today(), step.days).day)

    async def _check_score(self, score: ScoreEntered) -> None:
        self._check_addressee(score.addressee)
        if not score.is_earned or (score.points > 0 and score.veto) or (score.points > 0 and score.rule not in REWARDS):
            codes = "、".join(REWARDS)
            raise OversightRefused(
                "score_for_nothing",
                f"加分须写明做了几件什么事并附凭据，规则为 {codes} 之一，没有写入；“零投诉”等零数字本身不得加分。",
                f"Points are added for things done, counted and shown, under one of {', '.join(REWARDS)}; nothing was "
                "written. A count of zero, as of complaints, earns nothing by itself.",
            )
        if score.points == 0 and not score.veto:
            raise OversightRefused(
                "score_of_nothing",
                "分值为零，没有写入；请填写扣分（负数）或加分。",
                "It is worth no points; nothing was written. Give a deduction (below zero) or points to add.",
            )
        if score.period > f"{self._today():%Y-%m}":
            raise OversightRefused(
                "score_ahead",
                "记分月份晚于本月，没有写入；请核对月份。",
                "The month is still to come; nothing was written. Check it.",
            )
        card = card_of(score.addressee)
        if await self._casebook.overseen([ScoresFrozen.kind], f"{card} {score.period}"):
            raise OversightRefused(
                "month_frozen",
                f"{score.period} 的考核已经定稿，没有写入；请记入本月，并在理由中写明发生的时间。",
                f"{score.period} is frozen; nothing was written. Enter it in the present month, and say in the reason "
                "when it happened.",
            )

    async def _check_score_act(self, event: ScoreAct) -> None:
        score = fold_score((await self._casebook.threads([event.entry]))[event.entry])
        if score is None or score.entered.addressee != event.addressee:
            raise OversightRefused(
                "score_unknown",
                "本机没有这条记分，没有写入；请用 scores list 核对编号。",
                "There is no such score entry here; nothing was written. See scores list.",
            )
        match event:
            case ScoreAppealed():
                if score.appeal is not None or not may_speak_for(event.office, score.entered.addressee):
                    raise OversightRefused(
                        "score_appealed",
                        "这条记分已经申诉过，没有写入；请等待县中心的结论，或用 scores list 查看。",
                        "This entry was appealed before; nothing was written. Wait for what the county says, or see "
                        "scores list.",
                    )
            case ScoreJudged():
                _check_judgement(score, event)
            case _:
                raise _unacceptable()

    async def _judge_freeze(self, table: ScoresFrozen) -> Overseen | None:
        if table.period >= f"{self._today():%Y-%m}":
            raise OversightRefused(
                "month_not_over",
                f"{table.period} 尚未结束，没有定稿；请在次月办理。",
                f"{table.period} is not over; nothing was frozen. Do it in the month after.",
            )
        return None if await self._casebook.overseen([table.kind], table.number) else table


def _check_judgement(score: ScoreFile, event: ScoreJudged) -> None:
    if score.appeal is None or event.appeal != score.appeal.hash or score.judged is not None:
        raise OversightRefused(
            "appeal_unknown",
            "这条记分没有待处理的申诉，没有写入；请用 scores appeals 核对。",
            "No appeal of this entry waits for an answer; nothing was written. See scores appeals.",
        )
    entered = score.entered
    if not min(0, entered.points) <= event.points <= max(0, entered.points) or event.veto > entered.veto:
        raise OversightRefused(
            "appeal_made_worse",
            "申诉的结论只能维持、减轻或撤销原记分，没有写入；请核对分值。",
            "An appeal can only uphold, lessen or cancel what was entered; nothing was written. Check the points.",
        )
    if event.officer == entered.officer:
        raise OversightRefused(
            "appeal_own_judge",
            "申诉不能由当初记分的人处理，没有写入；请由另一名经办人办理。",
            "Who entered the points does not judge the appeal; nothing was written. Let another officer do it.",
        )


def _permit(order: OrderFile, deed: Deed) -> None:
    if (order.stage, deed) not in TRANSITIONS:
        zh, en = _STAGES[order.stage]
        raise OversightRefused(
            "order_stage",
            f"该督办单{zh}，不能这样办理，没有写入；请用 orders show 核对。",
            f"The order {en} and this cannot be done now; nothing was written. See orders show.",
        )


_STAGES: Final = {
    Stage.OPEN: ("正在等待答复", "waits for its answer"),
    Stage.ANSWERED: ("已答复、待验收", "is answered and waits for the verdict"),
    Stage.CLOSED: ("已经销号", "is closed"),
    Stage.WITHDRAWN: ("已经撤回", "was withdrawn"),
}


def _unknown_order() -> OversightRefused:
    return OversightRefused(
        "order_unknown",
        "本机没有这份督办单，没有写入；请用 orders list 核对编号，或连上线路后再试。",
        "There is no such order here; nothing was written. See orders list, or connect the line first.",
    )


def _unacceptable() -> OversightRefused:
    return OversightRefused(
        "oversight_unacceptable",
        "有一栏为空、过长或写法有误，没有写入；请改正后重试（事实、理由至多 2000 字，凭据至多 200 条）。",
        "A field is empty, too long or not written as it must be; nothing was written. Correct it and try again (facts "
        "and reasons have at most 2,000 characters, evidence 200 entries).",
    )
