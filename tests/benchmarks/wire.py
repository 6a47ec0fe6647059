"""What the line costs in bytes: `python -m tests.benchmarks wire`, one JSON line at the end.

Bytes are the bodies of HTTP requests and answers, checkpoints included, both directions; per entry = per entry that
went up. Three loads of the same corpus:

backlog     A township with days of work, five origins, hands it up in pages of 500. Plain zstd: such a page is its own
            dictionary.
trickle     Every origin hands its own journal up over its own line, ten entries a page, with a receipt at the end of
            each conversation.
housekeeping  A week of one village in a folding network of village, township and county. Started every working day,
            talks every hour from 8 to 18, on all seven days; the network writes a few acts in each hour of five days,
            the county lights a beacon every day. House-keeping is what the pages would be shorter by if `line.*`
            entries (openings, receipts, pins, beacons, enrolments), with the checkpoints of runs that hold nothing
            else, were left out of them. Exchanges that carry no entry at all are counted apart (`idle_share`).

Never counts less than what travels: no header of a page is left out. Beside them stand template text instead of random,
and both without the dictionary.
"""

import json
import sys
from typing import Final

import msgspec
from msgspec import Struct

from schemas.wire import Page, Stretch, decode_head, is_line
from sync.frame import LINE_DICTIONARY, NO_DICTIONARY, pack
from tests.benchmarks.corpus import HOUR_MS, County, Device, mean_body_bytes
from tests.benchmarks.paperwork import RANDOM_TEXT, TEMPLATE_TEXT, Writing
from tests.benchmarks.talking import Exchange, exchange, hand_up, unsent

SEED: Final = 5
BACKLOG_PAGES: Final = 6
TRICKLE_ROUNDS: Final = 6
TRICKLE_ROUND_ENTRIES: Final = 150
TRICKLE_PAGE_ENTRIES: Final = 10

WEEK_DAYS: Final = 7
WORKING_DAYS: Final = 5
TALKING_HOURS: Final = 10
WORKING_HOURS: Final = 8
ACTS_AN_HOUR: Final = 10
"""Of the township and its four villages together: the village that is looked at writes one or two of them."""


class Cost(Struct):
    """Bytes and what they carried."""

    up_bytes: int = 0
    down_bytes: int = 0
    entries: int = 0
    pages: int = 0
    exchanges: int = 0

    def add(self, talked: Exchange) -> None:
        self.up_bytes += talked.up_bytes
        self.down_bytes += talked.down_bytes
        self.entries += talked.entries
        self.pages += bool(talked.entries)
        self.exchanges += 1

    @property
    def bytes_per_entry(self) -> float:
        return round((self.up_bytes + self.down_bytes) / self.entries, 1)


class WeekCost(Struct):
    """Bytes of one village's week."""

    all_bytes: int = 0
    housekeeping_bytes: int = 0
    idle_bytes: int = 0
    exchanges: int = 0


def backlog(writing: Writing, dictionary: int) -> tuple[Cost, float]:
    """The backlog's cost and the mean size of its bodies."""
    county = County(SEED)
    town = county.townships(1, writing)[0]
    town.work(BACKLOG_PAGES * 500)
    cost = Cost()
    for talked in hand_up(town.device, county.device, dictionary=dictionary):
        cost.add(talked)
    return cost, mean_body_bytes([town])


def trickle(writing: Writing, dictionary: int) -> Cost:
    """Every origin's journal over its own line, ten entries a page; the township's line carries the villages' on."""
    county = County(SEED)
    town = county.townships(1, writing)[0]
    for village in town.villages:
        town.hand_up(village)
    for _ in hand_up(town.device, county.device):
        pass
    cost = Cost()

    def talk(child: Device) -> None:
        above = county.device if child is town.device else town.device
        while unsent(child, above) >= TRICKLE_PAGE_ENTRIES:
            cost.add(exchange(child, above, dictionary=dictionary, entries_max=TRICKLE_PAGE_ENTRIES))

    for _ in range(TRICKLE_ROUNDS):
        town.work(TRICKLE_ROUND_ENTRIES, talk)
        talk(town.device)
    return cost


# --- a week of one village -------------------------------------------------------------------------------------------


def week() -> WeekCost:
    """One village's line through a week, after it has once caught up with its enrolment."""
    county = County(SEED, folds=True)
    town = county.townships(1)[0]
    watched = town.villages[0]
    cost = WeekCost()

    def talk(village: Device) -> None:
        talked = exchange(village, town.device, dictionary=LINE_DICTIONARY)
        while True:
            if village is watched:
                _account(cost, talked)
            if not (unsent(village, town.device) or talked.down.more):
                return
            talked = exchange(village, town.device, dictionary=LINE_DICTIONARY)

    for _ in range(3):
        for village in town.villages:
            talk(village)
        exchange(town.device, county.device)
    cost = WeekCost()
    for day in range(WEEK_DAYS):
        works = day < WORKING_DAYS
        if works:
            watched.start()
        county.device.light_beacon()
        for hour in range(TALKING_HOURS):
            county.clock.at += HOUR_MS
            if works and hour < WORKING_HOURS:
                town.work(ACTS_AN_HOUR, talk)
            else:
                for village in town.villages:
                    talk(village)
            exchange(town.device, county.device)
        county.clock.at += (24 - TALKING_HOURS) * HOUR_MS
    return cost


def _account(cost: WeekCost, talked: Exchange) -> None:
    cost.exchanges += 1
    cost.all_bytes += talked.wire_bytes
    if not _entries(talked.up) and not _entries(talked.down):
        cost.idle_bytes += talked.wire_bytes
        return
    for page, answer, size in ((talked.up, False, talked.up_bytes), (talked.down, True, talked.down_bytes)):
        cost.housekeeping_bytes += size - len(
            pack(without_housekeeping(page), dictionary=LINE_DICTIONARY, answer=answer)
        )


def without_housekeeping(page: Page) -> Page:
    """The page as it would be if nobody kept house."""
    stretches = [_without(stretch) for stretch in page.stretches]
    return msgspec.structs.replace(page, stretches=[kept for kept in stretches if kept.runs or kept.excerpts])


def _without(stretch: Stretch) -> Stretch:
    runs = [
        msgspec.structs.replace(run, lines=[line for line in run.lines if not _is_line(line.head)])
        for run in stretch.runs
        if not all(_is_line(line.head) for line in run.lines)
    ]
    excerpts = [excerpt for excerpt in stretch.excerpts if not _is_line(excerpt.line.head)]
    return msgspec.structs.replace(stretch, runs=runs, excerpts=excerpts)


def _is_line(head: bytes) -> bool:
    return is_line(decode_head(head).kind)


def _entries(page: Page) -> int:
    runs = sum(len(run.lines) for stretch in page.stretches for run in stretch.runs)
    return runs + sum(len(stretch.excerpts) for stretch in page.stretches)


# --- the figures -----------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Measure, print, and end with the JSON line."""
    figures: dict[str, float] = {}
    for name, writing in (("", RANDOM_TEXT), ("template_", TEMPLATE_TEXT)):
        for tail, dictionary in (("", LINE_DICTIONARY), ("_plain", NO_DICTIONARY)):
            cost, body_bytes = backlog(writing, dictionary)
            say(f"backlog {name or 'random_'}text, dictionary {dictionary}: {cost}")
            figures[f"{name}backlog_bytes_per_entry{tail}"] = cost.bytes_per_entry
            figures[f"{name}mean_body_bytes"] = round(body_bytes, 1)
            if not name and not tail:
                figures["round_trips_per_page"] = round(cost.exchanges / cost.pages, 3)
            cost = trickle(writing, dictionary)
            say(f"trickle {name or 'random_'}text, dictionary {dictionary}: {cost}")
            figures[f"{name}trickle_bytes_per_entry{tail}"] = cost.bytes_per_entry
            figures[f"{name}trickle_up_bytes_per_entry{tail}"] = round(cost.up_bytes / cost.entries, 1)
    spent = week()
    say(f"week: {spent}")
    figures["housekeeping_share"] = round(spent.housekeeping_bytes / spent.all_bytes, 3)
    figures["idle_share"] = round(spent.idle_bytes / spent.all_bytes, 3)
    figures["week_bytes"] = spent.all_bytes
    print(json.dumps(figures))
    return 0


def say(text: str) -> None:
    """A line of progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)
