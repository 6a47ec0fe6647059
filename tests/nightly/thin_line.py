"""The thin-line drills: a backlog over 20 kbit/s, and new cases' receipts while photographs go up over 64 kbit/s.

`python -m tests.nightly.thin_line trickle|thin` in a process with its own network (`tests.support.bridge.alone`); the
registry starts it so. Times are the machine's: on a busy one they say nothing. Next: `thin_county`.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any, Final

from office.paths import Home
from tests.nightly.drills import Failed, Figures, hand_back, in_child, say
from tests.nightly.thin_county import ThinCounty, VillageDesk, thin_county
from tests.support.bridge import Bridge, Traffic, alone, lay, tcp_counts
from tests.support.counties import VILLAGE
from tests.support.thin_lines import PROFILES
from tests.support.waiting import until

TRICKLE_ENTRIES: Final = 1000
TRICKLE_S_MAX: Final = 60.0

THIN_CASES: Final = 50
THIN_PHOTOGRAPHS: Final = 5
SMALL_CASE_EVERY_S: Final = 20.0
SMALL_CASES_MIN: Final = 20
RECEIPT_S_MAX: Final = 10.0
WIRE_PER_FRAME_MAX: Final = 1.3
THIN_PATIENCE_S: Final = 3000.0
"""1.5 MB take 3 minutes at 64 kbit/s; five times that with losses and outages."""

LOOK_S: Final = 0.25
"""How often the agent looks whether a case is signed for."""


def trickle() -> Figures:
    """1,000 entries written with the line down are durable at the township within a minute at 20 kbit/s."""
    return in_child("tests.nightly.thin_line", "trickle", before=alone(), within_s=900)


def thin() -> Figures:
    """Over 64 kbit/s, 600 ms, 5 % loss and outages 50 cases and 5 photographs arrive whole, while the receipts of
    small cases stay fast.
    """
    return in_child("tests.nightly.thin_line", "thin", before=alone(), within_s=2 * THIN_PATIENCE_S)


# --- 20 kbit/s -------------------------------------------------------------------------------------------------------


async def tell_trickle(folder: Path) -> Figures:
    """The backlog's drill. The time runs from the first packet: when to try a line is the timetable's matter."""
    async with (
        lay(PROFILES["trickle"]) as bridge,
        thin_county(folder, bridge, TRICKLE_ENTRIES // 2, seed=20) as county,
    ):
        await county.township.start()
        wanted = county.held_at_township() + TRICKLE_ENTRIES
        await county.village.start()
        await until(lambda: _begun(bridge), "the village to call")
        begun_s = bridge.now_s()
        await until(
            lambda: _held(county, wanted),
            f"{TRICKLE_ENTRIES} entries to be durable at the township",
            within_s=5 * TRICKLE_S_MAX,
        )
        took_s, traffic = bridge.now_s() - begun_s, bridge.traffic()
        figures: Figures = {"entries": TRICKLE_ENTRIES, "seconds_to_durable": round(took_s, 1)} | _wire(traffic)
        if took_s > TRICKLE_S_MAX:
            raise Failed(f"{took_s:.1f} s to be durable, more than {TRICKLE_S_MAX:.0f}", figures)
        return figures


async def _begun(bridge: Bridge) -> bool:
    return bridge.traffic().up.offered > 0


async def _held(county: ThinCounty, wanted: int) -> bool:
    return county.held_at_township() >= wanted


def _wire(traffic: Traffic) -> Figures:
    return {
        "wire_bytes_up": traffic.up.offered_bytes - traffic.up.cut_bytes,
        "wire_bytes_down": traffic.down.offered_bytes - traffic.down.cut_bytes,
        "bytes_into_outages": traffic.up.cut_bytes + traffic.down.cut_bytes,
        "packets_lost": traffic.up.lost + traffic.down.lost,
        "packets_cut": traffic.up.cut + traffic.down.cut,
        "packets_overflowed": traffic.up.overflowed + traffic.down.overflowed,
    }


# --- 64 kbit/s, 600 ms, 5 %, outages ---------------------------------------------------------------------------------


async def tell_thin(folder: Path) -> Figures:
    """The drill of the lanes."""
    async with (
        lay(PROFILES["thin"]) as bridge,
        thin_county(folder, bridge, THIN_CASES, photographs=THIN_PHOTOGRAPHS, seed=64) as county,
    ):
        await county.township.start()
        wanted = county.held_at_township() + 2 * THIN_CASES
        await county.village.start()
        desk = VillageDesk(Random(1), Home(county.places.home(VILLAGE)))
        try:
            await desk.sign_in()
            await until(lambda: _begun(bridge), "the village to call")
            begun_s = bridge.now_s()
            waits: list[float] = []
            filing = asyncio.create_task(_file_small_cases(desk, bridge, waits))
            await until(lambda: _held(county, wanted), "the backlog", within_s=THIN_PATIENCE_S, every_s=LOOK_S)
            backlog_s = bridge.now_s() - begun_s
            await until(lambda: _all_here(county), "the photographs", within_s=THIN_PATIENCE_S, every_s=LOOK_S)
            photographs_s = bridge.now_s() - begun_s
            await until(lambda: _enough(waits), "enough small cases", within_s=THIN_PATIENCE_S, every_s=LOOK_S)
            filing.cancel()
            await asyncio.gather(filing, return_exceptions=True)
            state = await _at_rest(desk)
        finally:
            await desk.close()
        figures = _judge_thin(waits, bridge.traffic(), state)
        figures |= tcp_counts()
        figures |= {"backlog_seconds": round(backlog_s, 1), "photographs_seconds": round(photographs_s, 1)}
        return _pass_or_fail(figures)


async def _all_here(county: ThinCounty) -> bool:
    return county.photographs_at_township() == len(county.photographs)


async def _enough(waits: list[float]) -> bool:
    return len(waits) >= SMALL_CASES_MIN


async def _file_small_cases(desk: VillageDesk, bridge: Bridge, waits: list[float]) -> None:
    """Until cancelled: a small case every 20 s; how long each waited for its receipt while the line was alive."""
    while True:
        filed_s = bridge.now_s()
        case = await desk.file()
        await until(
            lambda: desk.is_receipted(case),  # noqa: B023 (awaited before the next case)
            "the township's receipt",
            within_s=THIN_PATIENCE_S,
            every_s=LOOK_S,
        )
        here_s = bridge.now_s()
        waits.append(here_s - filed_s - bridge.profile.flaps.down_between(filed_s, here_s))
        say(
            f"{here_s:.0f} s: receipt after {here_s - filed_s:.1f} s, the line being alive in {waits[-1]:.1f} s of them"
        )
        await bridge.wait_until(filed_s + SMALL_CASE_EVERY_S)


async def _at_rest(desk: VillageDesk) -> dict[str, Any]:
    """Wait for the end of what is under way, which alone is counted; what the courier has counted then."""

    async def over() -> bool:
        state = await desk.courier()
        return bool(state["conversations"]) and not (state["talking"] or state["is_carrying"])

    await until(over, "the conversation to end", within_s=120, every_s=LOOK_S)
    return await desk.courier()


def _judge_thin(waits: list[float], traffic: Traffic, state: dict[str, Any]) -> Figures:
    waits = sorted(waits)
    frames = state["bytes_sent"] + state["bytes_received"]
    return {
        "small_cases": len(waits),
        "receipt_seconds_p50": round(_share(waits, 0.5), 1),
        "receipt_seconds_p90": round(_share(waits, 0.9), 1),
        "receipt_seconds_max": round(waits[-1], 1),
        "wire_bytes": traffic.wire_bytes,
        "frame_bytes": frames,
        "wire_per_frame": round(traffic.wire_bytes / frames, 3),
    } | _wire(traffic)


def _share(ordered: list[float], share: float) -> float:
    """The value that this share of an ordered list does not exceed."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _pass_or_fail(figures: Figures) -> Figures:
    if figures["receipt_seconds_p90"] > RECEIPT_S_MAX:
        raise Failed(f"a small case's receipt took more than {RECEIPT_S_MAX:.0f} s at p90", figures)
    if figures["wire_per_frame"] > WIRE_PER_FRAME_MAX:
        raise Failed(f"more than {WIRE_PER_FRAME_MAX} bytes on the wire for a byte of frames", figures)
    return figures


DRILLS: Final = {"trickle": tell_trickle, "thin": tell_thin}


def main(name: str) -> Figures:
    """One drill, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(DRILLS[name](Path(folder)))


if __name__ == "__main__":
    sys.exit(hand_back(lambda: main(sys.argv[1])))
