"""When to talk to the node above: at once for new work, by the timetable otherwise, later when the line is down.

Decides times only; what is said is `sync.exchange`. Chance, clock and waiting are handed in. House-keeping (`line.*`)
never wakes the courier (RULINGS A9): it travels with work or by the timetable, at least once a day. A device unknown
here that knocks does (`inquire`): news of its enrolment is house-keeping, and a village waits for it. Every wait after
a failure, the first one after a start too, is drawn between nothing and its ceiling (full jitter), so that a county
whose line returns is not met by all its villages in one second (DESIGN 4). Next: `sync.http` (the line).
"""

import asyncio
import logging
from typing import Final

from msgspec import Struct

from schemas.names import Instant
from sync.core.errors import Busy, Fault, LocalFault
from sync.exchange import Pen, Tally, Transport, converse
from sync.ports import Clock, Jitter, Sleeper

_log: Final = logging.getLogger("tongban.courier")

DAY_S: Final = 86_400.0

INQUIRY_EVERY_S: Final = 60.0
"""A stranger's knock costs it nothing; once a minute is half of the hourly budget even if knocking never ends."""

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
    ) -> None:
        self.state = LineState()
        self._pen = pen
        self._transport = transport
        self._clock = clock
        self._sleeper = sleeper
        self._jitter = jitter
        self._timetable = timetable or Timetable()
        self._called = asyncio.Event()
        self._work_waits = False
        self._asked_for = False
        self._asking: list[asyncio.Future[Tally]] = []
        self._stopping = False
        self._conversation: asyncio.Task[Tally] | None = None
        self._allowance = float(self._timetable.burst)
        self._allowance_at_s = sleeper.elapsed_s()
        self._inquired_at_s: float | None = None

    def wake(self) -> None:
        """There is new work to send: talk at once, unless the line is down or the budget spent. Never for `line.*`."""
        self._work_waits = True
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
        if self._conversation is not None:
            self._conversation.cancel()

    async def run(self) -> None:
        """Talk until `stop`. Never raises for what the line or the node above does; the state says what went wrong."""
        await self._wait(self._jitter.between(0, self._timetable.start_spread_s), for_work=False)
        while not self._stopping:
            # Work that comes from here on may or may not be in this conversation: then it wakes us once more.
            self._work_waits = self._asked_for = False
            asking, self._asking = self._asking, []
            delay_s = await self._talk(asking)
            if self.state.failures == 0 and not self._stopping:
                await self._wait(self._pause_s(), for_work=False)
            await self._wait(delay_s, for_work=self.state.failures == 0)
        self._transport.hang_up()
        _answer(self._asking, _stopping())

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
        exponent = min(state.failures - 1, EXPONENT_MAX)
        longest_s = self._timetable.backoff_max_s
        ceiling_s = min(self._timetable.backoff_first_s * 2**exponent, longest_s)
        # Whoever was told when to come back comes then or later, never sooner. But anybody on the way may have said it,
        # before a session is open: no answer silences us for longer than a line that is down.
        told_s = min(max(0, fault.retry_after_s), longest_s) if isinstance(fault, Busy) else 0
        return min(longest_s, told_s + self._jitter.between(0, max(ceiling_s, told_s)))

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
            while not (self._stopping or self._asked_for or (for_work and self._work_waits)):
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
