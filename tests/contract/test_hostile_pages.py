"""Six hundred pages with odd values in odd places: each is taken or refused in words, and the township stays whole.

Bytes that do not decode are `test_bad_input`'s; here every page is one that the decoder lets through.
"""

import copy
import random
from collections import Counter
from typing import Any, cast

import msgspec

from schemas.codec import Malformed, decode, encode
from schemas.wire import Answer, Lane, Page, Stretch, Want
from sync.core.errors import Fault
from sync.core.merkle import Frontier
from sync.excerpts import excerpt_of
from sync.exchange import Responder, converse
from sync.frame import MAGIC, preface_of
from tests.contract.test_bad_input import zstd
from tests.support.line import DOWN, DirectLine, Party, note, township_and_village

PAGES = 600

ODD_VALUES: tuple[object, ...] = (
    0,
    -1,
    2**31,
    2**32,
    2**53,
    2**63,
    2**64 - 1,
    -(2**63),
    "",
    "\x00",
    "a" * 16,
    "a" * 100,
    b"",
    b"\x00",
    b"x" * 6,
    b"x" * 16,
    b"x" * 32,
    b"x" * 40_000,
    None,
    True,
    [],
)


def places(value: Any, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """The paths to everything inside nested lists."""
    found = [path] if path else []
    inside = cast("list[Any]", value) if isinstance(value, list) else []
    for position, inner in enumerate(inside):
        found += places(inner, (*path, position))
    return found


def spoilt(page: Page, chance: random.Random) -> bytes:
    """The page's bytes with one to three values changed, lengthened, shortened or repeated."""
    return spoilt_value(msgspec.msgpack.decode(encode(page)), chance)


def spoilt_value(value: Any, chance: random.Random) -> bytes:
    """The same of any message, taken apart."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        path = chance.choice(places(value))
        place: Any = value
        for position in path[:-1]:
            place = place[position]
        old: Any = place[path[-1]]
        alike = [odd for odd in ODD_VALUES if type(odd) is type(old)] or list(ODD_VALUES)
        way = chance.randrange(4)
        if way == 0 and isinstance(old, int) and -1000 < old < 2**60:
            place[path[-1]] = old + chance.choice((-1, 1, 5, 500))
        elif way == 1 and isinstance(old, list) and old:
            place[path[-1]] = chance.choice((old[:-1], [*old, old[0]]))  # pyright: ignore[reportUnknownArgumentType]
        else:
            place[path[-1]] = chance.choice(alike)
    return msgspec.msgpack.encode(value)


async def honest_pages(township: Party, village: Party) -> list[Page]:
    """What a village sends: a run; wants and answers; an excerpt."""
    await village.pen.write(*(note(number) for number in range(20)))
    await township.pen.write(*(note(number, kind=DOWN) for number in range(5)))
    await converse(village.pen, DirectLine(village, township))
    await village.start()
    await village.pen.write(*(note(number) for number in range(12)))
    books = village.ledger.books
    page = await village.pen.page_for(township.node)
    run = page.stretches[0].runs[0]
    wants = [Want(journal.origin, journal.epoch, 0, 5) for journal in books.journals]
    excerpt = await excerpt_of(books, (await village.store.entries(run.journal, 2, 3))[0])
    answers = [Answer(wants[0], run, []), Answer(wants[-1], None, [excerpt])]
    single = Stretch(Lane.EXCERPTS, page.epoch, 1, 1, [], [excerpt])
    return [
        page,
        msgspec.structs.replace(page, wants=wants, answers=answers),
        msgspec.structs.replace(page, stretches=[single]),
    ]


def whole(party: Party) -> bool:
    """Whether every journal's size, tip and tree are those of the entries that are held."""
    for journal, state in party.tables.journals.items():
        links = [entry.hash for entry in party.tables.entries.get(journal, {}).values() if not entry.loose]
        if len(links) != state.size or (links and links[-1] != state.tip):
            return False
        frontier = Frontier.from_bytes(state.frontier) if state.frontier else Frontier()
        if links and frontier.root() != Frontier().extend(links).root():
            return False
    return True


async def test_no_page_whatever_its_values_breaks_the_node_that_reads_it() -> None:
    chance = random.Random(20)
    township, village = await township_and_village()
    pages = await honest_pages(township, village)
    pristine = township.store.copy()
    outcomes: Counter[str] = Counter()
    for _ in range(PAGES):
        body = spoilt(chance.choice(pages), chance)
        try:
            preface = msgspec.structs.replace(preface_of(decode(body, Page)), sender=village.node)
        except Malformed:
            continue
        opening = encode(preface)
        frame = MAGIC + b"\x00" + len(opening).to_bytes(2, "big") + opening + zstd(body)
        try:
            await Responder(township.pen).respond(village.node, frame)
            outcomes["taken"] += 1
        except (Fault, Malformed) as refused:
            outcomes[refused.code if len(refused.hint) > 20 else "refused without a sentence"] += 1
        assert whole(township)
        township.tables = copy.deepcopy(pristine)
        await township.start()
    assert "refused without a sentence" not in outcomes
    assert {"taken", "malformed", "broken_chain", "bad_signature", "wrong_count"} <= set(outcomes)
