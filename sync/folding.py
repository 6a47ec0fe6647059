"""What arrived, or was written here, is taken in: learned if it is house-keeping, else folded, and posted onward.

Hands bodies to the office's interpreter and stages what comes back; never reads one and never decides about a case.
Next: `sync.ledger` (who calls), `sync.housekeeping` (`line.*`), `sync.excerpts` (posting).
"""

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby
from operator import itemgetter

from schemas.names import NodeId
from schemas.wire import is_line
from sync import housekeeping, second_path, watermarks
from sync.books import Books
from sync.core.link import Link
from sync.excerpts import post_excerpts, share
from sync.homeward import way_home
from sync.ports import Interpretation, Outcome, Stored


async def take_in(books: Books, entry: Stored) -> None:
    """Take in a house-keeping entry at once: enrolments before the runs of the enrolled, and so on."""
    for released in await housekeeping.learn(books, entry):
        await take_in(books, released)
        await _fold_and_post(books, [released])


async def settle(books: Books, fresh: Sequence[Stored], link: Link) -> None:
    """Fold and route what a page brought; what came from above is counted for the next pin."""
    # On a second path the office above counts as a giver too: all that comes so stands in its outbox as well.
    is_direct = link.neighbour != books.parent and second_path.is_second(books, link)
    await _fold_and_post(books, fresh, link.neighbour, books.parent if is_direct else None)
    watermarks.arrived(books, fresh)
    if link.neighbour != books.parent:
        return
    memory = books.remember(link)
    for entry in fresh:
        if books.is_work(entry.kind):
            books.batch.links[link.neighbour] = memory
            memory.received += 1
            memory.running_hash = sha256(memory.running_hash + entry.hash).digest()


async def _fold_and_post(books: Books, entries: Sequence[Stored], *givers: NodeId | None) -> None:
    """Fold entries and post each toward whoever must have it, except to those that gave it.

    What arrives outside its run is on its way home as well: toward its own seat and the county (RULINGS A7). What was
    written at or below our seat and comes back so was lost here with the outbox rows that carried it: it goes to
    everybody again, its giver too, who may be restored next.
    """
    given = frozenset(giver for giver in givers if giver is not None)
    leaving: defaultdict[NodeId, list[tuple[bool, Stored]]] = defaultdict(list)
    last, onward = None, list[NodeId]()
    for entry, hops in zip(entries, await interpret(books, entries), strict=True):
        if not entry.loose:
            if hops is not last:  # neighbouring entries mostly go the same way
                last, onward = hops, list(hops - given)
            for hop in onward:
                leaving[hop].append((False, entry))
            continue
        regained = books.below(entry.journal.origin)
        home = way_home(books, entry.journal)
        for hop in (hops | home) - (frozenset[NodeId]() if regained else given):
            leaving[hop].append((regained or hop in home, entry))
    # Toward each neighbour in their order; what stands in its outbox already is asked once a run, not once an entry.
    for hop in sorted(leaving):
        for lost, run in groupby(leaving[hop], key=itemgetter(0)):
            await post_excerpts(books, hop, [entry for _, entry in run], lost=lost)


async def interpret(books: Books, entries: Sequence[Stored]) -> list[frozenset[NodeId]]:
    """Fold entries and say to which neighbours each must go."""
    counted: list[Stored] = []
    outcomes: dict[int, Outcome] = {}
    journal, believed = None, False
    for position, entry in enumerate(entries):
        if entry.journal is not journal:
            journal, believed = entry.journal, not books.keyring.is_revoked(entry.journal.origin)
        if is_line(entry.kind):
            outcomes[position] = Outcome(audience=await housekeeping.hearers(books, entry))
        elif believed or books.counts(entry):
            counted.append(entry)
        else:
            books.dispose(entry, "held", "revoked")
            outcomes[position] = Outcome()
    reading = await books.interpreter.interpret(counted) if counted else Interpretation([])
    told = iter(reading.outcomes)
    hops: list[frozenset[NodeId]] = []
    last, targets = None, frozenset[NodeId]()
    for position, entry in enumerate(entries):
        outcome = outcomes.get(position)
        if outcome is None:
            outcome = next(told)
            if outcome.state:
                books.dispose(entry, outcome.state, outcome.code)
            if outcome.state == "unknown" and not books.rules.unknown_kinds:
                outcome = Outcome()
        if outcome is not last:
            last, targets = outcome, books.hops(outcome.audience)
        hops.append(targets)
    books.batch.dispositions += reading.settled
    if books.rules.share_on_offer:
        for case, offices in reading.shared:
            await share(books, case, offices)
    return hops
