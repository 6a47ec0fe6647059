"""When to talk to the node above: at once for new work, by the timetable otherwise, later when the line is down.

Decides times only; what is said is `sync.exchange`. Chance, clock and waiting are handed in. House-keeping (`line.*`)
never wakes the courier (RULINGS A9): it travels with work or by the timetable, at least once a day. A device unknown
here that knocks does (`inquire`): news of its enrolment is house-keeping, and a village waits for it. Every wait after
a failure, the first one after a start too, is drawn between nothing and its ceiling (full jitter), so that a county
whose line returns is not met by all its villages in one second (DESIGN 4).
Papers come last: a piece begins only when no entry waits on either side, and entries that come while one is under way
go by it; whatever papers meet on the line slows down nothing else.
Next: `sync.http` (the line), `sync.papers` (what a piece is).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from msgspec import Struct

from schemas.names import Instant
from sync.core.errors import Busy, Fault, LocalFault
from sync.exchange import Pen, Tally, Transport, converse
from sync.papers import Exchanged, PaperLine, PapersUnsupported
from sync.ports import Clock, Jitter, Sleeper

_log: Final = logging.getLogger("tongban.courier")

DAY_S: Final = 86_400.0

INQUIRY_EVERY_S: Final = 60.0
"""A stranger's knock costs it nothing; once a minute is half of the hourly budget even if knocking never ends."""

PIECE_PATIENCE_S: Final = 1.0
"""How long an entry waits for the piece under way; then it goes beside it, on a connection of its own. Of two seconds
half are over by then, and no entry waits until what a piece has lost is sent again."""

OVERTAKEN_S: Final = 10.0
"""A piece that is not through so long after entries went by it hangs: it is broken off and goes on anew."""

EXPONENT_MAX: Final = 30
"""Beyond it every ceiling is reached; it only keeps a line that is down for a year from huge powers."""


class Timetable(Struct, frozen=True):
    """How often to talk, and how long to wait. Seconds."""

    every_s: float = 3600.0
    """With nothing to say: results come down this often. At least daily (RULINGS A9)."""
    start_spread_s: float = 5.0
    """The first conversation after a start begins within this time."""
    backoff_first_s: float = 2.0
    """Ceiling of the first wait after a failure; it doubles with each further one."""
    backoff_max_s: float = 900.0
    """Ceiling of all waits after failures: a quarter of an hour after the line returns, all have talked."""
    burst: int = 20
    """Conversations that may follow each other without pause …"""
    budget_per_hour: int = 120
    """… and how many an hour in the long run: what is filed meanwhile travels together."""


class LineState(Struct):
    """What the line page shows."""

    talking: bool = False
    failures: int = 0
    """Failed conversations since the last good one."""
    code: str = ""
    """Why the last one failed; empty when it did not."""
    hint: str = ""
    tried_at: Instant | None = None
    succeeded_at: Instant | None = None
    conversations: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    is_carrying: bool = False
    """Papers are under way."""
    papers_unsupported: bool = False
    """The node above is of a version that knows no papers."""
    papers_code: str = ""
    """Why the last piece failed; empty when it did not."""
    papers_hint: str = ""
    papers_rate_bytes_s: float | None = None
    """What the line carried lately, both ways together; None before any piece went."""


class Courier:
    """Runs the conversations of one node with the node above, one at a time."""

    def __init__(
        self,
        pen: Pen,
        transport: Transport,
        *,
        clock: Clock,
        sleeper: Sleeper,
        jitter: Jitter,
        timetable: Timetable | None = None,
        papers: PaperLine | None = None,
    ) -> None:
        self.state = LineState()
        self.papers = papers
        self._pen = pen
        self._transport = transport
        self._clock = clock
        self._sleeper = sleeper
        self._jitter = jitter
        self._timetable = timetable or Timetable()
        self._called = asyncio.Event()
        self._work_waits = False
        self._papers_wait = False
        self._asked_for = False
        self._asking: list[asyncio.Future[Tally]] = []
        self._stopping = False
        self._conversation: asyncio.Task[Tally] | None = None
        self._piece: asyncio.Task[Exchanged] | None = None
        self._due_s = 0.0
        self._allowance = float(self._timetable.burst)
        self._allowance_at_s = sleeper.elapsed_s()
        self._inquired_at_s: float | None = None

    def wake(self) -> None:
        """There is new work to send: talk at once, unless the line is down or the budget spent. Never for `line.*`."""
        self._work_waits = True
        self._called.set()

    def wake_papers(self) -> None:
        """A paper came for which the node above is waiting: carry it when no entry waits. Costs no conversation."""
        self._papers_wait = self.papers is not None
        self._called.set()

    def inquire(self) -> None:
        """A device unknown here knocked: ask above for news of it, at once, but at most once a minute for all of them.

        A knock that falls into that minute is left unheard: whoever belongs here knocks again (`INQUIRY_EVERY_S`).
        """
        now_s = self._sleeper.elapsed_s()
        if self._inquired_at_s is not None and now_s - self._inquired_at_s < INQUIRY_EVERY_S:
            return
        self._inquired_at_s = now_s
        self.wake()

    def talk_now(self) -> None:
        """A person asks for it: no back-off, no budget."""
        self._asked_for = True
        self._called.set()

    async def talk(self) -> Tally:
        """Talk now, as `talk_now`, and return what that conversation did. Raises the `Fault` that ended it."""
        ended: asyncio.Future[Tally] = asyncio.get_running_loop().create_future()
        self._asking.append(ended)
        self.talk_now()
        return await ended

    def stop(self) -> None:
        """End `run` soon. A conversation under way is broken off: whatever it did not finish is resumed next time."""
        self._stopping = True
        self._called.set()
        for task in (self._conversation, self._piece):
            if task is not None:
                task.cancel()

    async def run(self) -> None:
        """Talk until `stop`. Never raises for what the line or the node above does; the state says what went wrong."""
        await self._wait(self._jitter.between(0, self._timetable.start_spread_s), for_work=False)
        self._due_s = self._sleeper.elapsed_s()
        while not self._stopping:
            pause_until_s = self._sleeper.elapsed_s()
            if not self._only_papers_wait():
                await self._talk_once()
                pause_until_s += self._pause_s() if self.state.failures == 0 else 0
            if self.state.failures == 0:
                await self._carry()
                await self._wait(pause_until_s - self._sleeper.elapsed_s(), for_work=False)
            await self._wait(self._due_s - self._sleeper.elapsed_s(), for_work=self.state.failures == 0)
        self._transport.hang_up()
        _answer(self._asking, _stopping())

    async def _talk_once(self) -> None:
        """One conversation, and when the next one is due by itself."""
        # Work that comes from here on may or may not be in this conversation: then it wakes us once more.
        self._work_waits = self._asked_for = False
        asking, self._asking = self._asking, []
        delay_s = await self._talk(asking)
        self._due_s = self._sleeper.elapsed_s() + delay_s

    async def _talk(self, asking: list["asyncio.Future[Tally]"]) -> float:
        """One conversation, for those who asked for it. Returns how long to wait for the next one by itself."""
        state = self.state
        state.talking, state.tried_at = True, Instant(self._clock.now())
        self._conversation = asyncio.create_task(converse(self._pen, self._transport))
        try:
            tally = await self._conversation
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            _answer(asking, _stopping())
            return 0.0
        except Fault as fault:
            _answer(asking, fault)
            return self._failed(fault)
        except Exception as error:
            # Our own defect must not end all talking for good. The type only: messages may hold personal data.
            _log.exception("a conversation failed: %s", type(error).__name__, exc_info=False)
            own = LocalFault("own_fault", "this node failed while talking; see its log, and run doctor")
            _answer(asking, own)
            return self._failed(own)
        finally:
            state.talking, self._conversation = False, None
        state.failures, state.code, state.hint = 0, "", ""
        state.succeeded_at = Instant(self._clock.now())
        state.conversations += 1
        state.bytes_sent += tally.bytes_sent
        state.bytes_received += tally.bytes_received
        _answer(asking, tally)
        every_s = min(self._timetable.every_s, DAY_S)
        return self._jitter.between(every_s / 2, every_s)

    def _failed(self, fault: Fault) -> float:
        state = self.state
        if fault.code != state.code:
            _log.warning("the line upward fails: %.40r; the page of the line and `status` say what to do", fault.code)
        state.failures, state.code, state.hint = state.failures + 1, fault.code, fault.hint
        self._transport.hang_up()
        return self._backoff_s(fault, state.failures)

    def _backoff_s(self, fault: Fault, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        exponent = min(failures - 1, EXPONENT_MAX)
        longest_s = self._timetable.backoff_max_s
        ceiling_s = min(self._timetable.backoff_first_s * 2**exponent, longest_s)
        # Whoever was told when to come back comes then or later, never sooner. But anybody on the way may have said it,
        # before a session is open: no answer silences us for longer than a line that is down.
        told_s = min(max(0, fault.retry_after_s), longest_s) if isinstance(fault, Busy) else 0
        return min(longest_s, told_s + self._jitter.between(0, max(ceiling_s, told_s)))

    # --- papers ------------------------------------------------------------------------------------------------------

    def _only_papers_wait(self) -> bool:
        return self._papers_wait and not self._must_talk() and self.state.failures == 0

    async def _carry(self) -> None:
        """Papers, piece after piece, and before each whatever entries wait. Ends with the papers, or with the line.

        Conversations in between cost no budget: the line is open anyway, and a page weighs less than a piece. A piece
        that fails is tried again later, as conversations are, but keeps none of them waiting.
        """
        line, failures = self.papers, 0
        self._papers_wait = False
        if line is None or not await self._begins(line):
            return
        while not self._stopping and self.state.failures == 0:
            if self._must_talk():
                await self._talk_once()
                continue
            try:
                done = await self._carry_piece(line)
            except PapersUnsupported:
                self.state.papers_unsupported = True
                return
            except Fault as fault:
                failures += 1
                self._papers_wait = False
                await self._wait(self._piece_failed(fault, failures), for_work=True)
                continue
            failures, self.state.papers_code, self.state.papers_hint = 0, "", ""
            if done is None:
                continue
            self.state.papers_unsupported = False
            self.state.papers_rate_bytes_s = line.rate_bytes_s
            self.state.bytes_sent += done.bytes_sent
            self.state.bytes_received += done.bytes_received
            if done.entries:
                await self._talk_once()
            if not done.goes_on:
                return

    def _must_talk(self) -> bool:
        return self._work_waits or self._asked_for or self._sleeper.elapsed_s() >= self._due_s

    async def _begins(self, line: PaperLine) -> bool:
        try:
            return await line.begin()
        except Exception as error:
            _log.exception("papers cannot be looked for: %s", type(error).__name__, exc_info=False)
            return False

    async def _carry_piece(self, line: PaperLine) -> Exchanged | None:
        """One exchange; entries that come meanwhile overtake it. None: it was broken off."""
        piece = self._piece = asyncio.create_task(line.exchange())
        self.state.is_carrying = True
        try:
            while not await self._is_through(piece, self._call_for_entries):
                await self._talk_once()
                if self.state.failures or not (self._work_waits or await self._is_through(piece, self._overtaken)):
                    return None
            return None if piece.cancelled() else piece.result()
        except Fault:
            raise
        except Exception as error:
            _log.exception("carrying a paper failed: %s", type(error).__name__, exc_info=False)
            raise LocalFault(
                "own_fault", "this node failed while carrying a paper; see its log, and run doctor"
            ) from None
        finally:
            self.state.is_carrying, self._piece = False, None
            if not piece.done():
                piece.cancel()
                self._transport.break_off()
            await asyncio.gather(piece, return_exceptions=True)

    async def _is_through(
        self, piece: "asyncio.Task[Exchanged]", interruption: Callable[[], Coroutine[None, None, None]]
    ) -> bool:
        """Wait until the piece is through (True) or something comes between."""
        between = asyncio.create_task(interruption())
        try:
            await asyncio.wait({piece, between}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            between.cancel()
        return piece.done()

    async def _call_for_entries(self) -> None:
        """Ends when an entry has waited for `PIECE_PATIENCE_S`."""
        while not (self._work_waits or self._asked_for):
            self._called.clear()
            await self._called.wait()
        await self._sleeper.sleep(PIECE_PATIENCE_S)

    async def _overtaken(self) -> None:
        await self._sleeper.sleep(OVERTAKEN_S)

    def _piece_failed(self, fault: Fault, failures: int) -> float:
        """Note why, and how long to wait before the next piece, as after a conversation."""
        state = self.state
        if fault.code != state.papers_code:
            _log.warning("papers wait: %.40r; the page of the line says what to do", fault.code)
        state.papers_code, state.papers_hint = fault.code, fault.hint
        return self._backoff_s(fault, failures)

    def _pause_s(self) -> float:
        """How long the budget asks to wait after a conversation; 0 while some of it is left."""
        now_s = self._sleeper.elapsed_s()
        rate = self._timetable.budget_per_hour / 3600
        refilled = self._allowance + (now_s - self._allowance_at_s) * rate
        self._allowance = min(float(self._timetable.burst), refilled) - 1
        self._allowance_at_s = now_s
        return max(0.0, -self._allowance / rate)

    async def _wait(self, delay_s: float, *, for_work: bool) -> None:
        """Wait, but not when stopping or asked by a person, and, `for_work`, not when there is work."""
        nap: asyncio.Task[None] | None = None
        try:
            while not (self._stopping or self._asked_for or (for_work and (self._work_waits or self._papers_wait))):
                if delay_s <= 0 or (nap is not None and nap.done()):
                    return
                self._called.clear()
                nap = nap or asyncio.create_task(self._nap(delay_s))
                call = asyncio.create_task(self._hear_call())
                await asyncio.wait({nap, call}, return_when=asyncio.FIRST_COMPLETED)
                call.cancel()
        finally:
            if nap is not None:
                nap.cancel()

    async def _nap(self, delay_s: float) -> None:
        await self._sleeper.sleep(delay_s)

    async def _hear_call(self) -> None:
        await self._called.wait()


def _answer(asking: list["asyncio.Future[Tally]"], outcome: Tally | Fault) -> None:
    """Tell those who still wait how their conversation ended."""
    for ended in asking:
        if ended.done():
            continue
        if isinstance(outcome, Fault):
            ended.set_exception(outcome)
        else:
            ended.set_result(outcome)


def _stopping() -> LocalFault:
    return LocalFault("stopping", "the node is stopping; try again when it runs")
