"""The second path (第二通道): a village whose township is silent speaks with the county itself (RULINGS A12, I4, I8).

An ordinary line of the same pages, with less on it: up goes what the village's own seat wrote and nothing else, as
answers to what the county does not hold; down come the beacon, the village's watermark, and what was addressed to it,
as excerpts of lane 0. The township's line, its outbox and its cursors are untouched: whatever goes here goes there as
well, and is held there or here already when it comes. Nobody is put in quarantine over it, and no pen moves by it that
the township cannot see: what the county sends this way stands in the township's outbox too.
Must never: be opened because a computer was merely switched off, carry another seat's work, or outlive its reason.
Next: `sync.second_answers` (what the county posts), `sync.county_line` (the line), `sync.paging` (its pages).
"""

from typing import Final

from msgspec import Struct

from schemas.names import Instant, JournalId, NodeId, OfficeId, parent_seat
from schemas.wire import Answer, Certificate, Page, Want
from sync.books import Books
from sync.core.errors import RemoteFault, UnknownSender
from sync.core.link import Link
from sync.enrolment import admit_chain
from sync.excerpts import Piece, SignAt, good_checkpoint_upto, run_of
from sync.watermarks import memory_of

SILENT_MS: Final = 72 * 3600 * 1000
"""Three days: a long week-end with the township's computer switched off is none of anybody's business."""

TRIED_MIN: Final = 3
"""Attempts in a row that failed since this start, before a township that was reached before counts as silent: a village
computer that was off for a week is not the township's silence."""

PUSHED_ENTRIES_MAX: Final = 500
"""Entries of our own in one page: as many as in any other."""

PUSHED_BYTES_TARGET: Final = 256 * 1024
"""Bodies of them in one page, as in any other."""


class Silence(Struct, frozen=True):
    """Since when what was not heard, by this device's own clock and as far as it can know; None: nothing is amiss."""

    township: Instant | None
    """The last exchange with the office above, when that is 72 hours ago …"""
    county: Instant | None
    """When the last beacon came, when that is: the office above may answer and pass nothing on."""


class CountyState(Struct):
    """What became of the second path, for the page of the line."""

    tried_at: Instant | None = None
    succeeded_at: Instant | None = None
    code: str = ""
    """Why the last attempt failed; empty when it did not."""
    hint: str = ""


def silence(books: Books, now: Instant) -> Silence:
    """Who has not been heard of for 72 hours. What was never heard since this device was enrolled is not counted.

    After a start the last exchange is as old as the last one that changed something: mostly a day, by the beacon.
    """
    above = books.memories.get(books.parent) if books.parent is not None else None
    own = books.memories.get(books.seat.node)
    return Silence(
        _if_long_ago(above.last_heard if above is not None else Instant(0), now),
        _if_long_ago(own.beacon_came_at if own is not None else Instant(0), now),
    )


def _if_long_ago(at: Instant, now: Instant) -> Instant | None:
    # Either way: a clock that once stood in the future must not hide a silence until then.
    return at if at and abs(now - at) >= SILENT_MS else None


def is_called_for(books: Books, now: Instant, failures: int) -> bool:
    """Whether a village is to try the second path: no beacon for 72 hours though the office above answers, or no
    exchange for as long and the last attempts of this start failed too.

    `failures`: attempts in a row that failed since the last good one, or since the start.
    """
    if not has_one(books):
        return False
    found = silence(books, now)
    if failures:
        return found.township is not None and failures >= TRIED_MIN
    return found.county is not None


def note_beacon(books: Books) -> None:
    """A beacon came, by whatever way."""
    memory = memory_of(books)
    memory.beacon_came_at = Instant(books.clock.now())
    books.batch.links[memory.neighbour] = memory


# --- whose line is one -----------------------------------------------------------------------------------------------


def has_one(books: Books) -> bool:
    """Whether the county sits two seats above: a village."""
    return _county_seat(books) is not None


def _county_seat(books: Books) -> OfficeId | None:
    above = parent_seat(books.seat.office)
    return parent_seat(above) if above is not None else None


def county_of(books: Books) -> NodeId | None:
    """The county's present device as this village knows it."""
    seat = _county_seat(books)
    devices = books.keyring.devices_of(seat) if seat is not None else []
    present = [device.node for device in devices if _is_present(books, device.node)]
    return present[-1] if present else None


def _is_present(books: Books, node: NodeId) -> bool:
    seat = books.seat_of_node(node)
    return seat is not None and not books.keyring.is_revoked(node) and (seat, node) not in books.replaced


def may_come(books: Books, node: NodeId) -> bool:
    """Whether a device may speak with us by a second path: the present one of a village, at the county; the county's,
    at a village.
    """
    seat = books.seat_of_node(node)
    if seat is None or not _is_present(books, node):
        return False
    above = parent_seat(seat)
    is_village_of_ours = above is not None and parent_seat(above) == books.seat.office
    return is_village_of_ours or seat == _county_seat(books)


def is_second(books: Books, link: Link) -> bool:
    """Whether a link is a second path: neither to the office above nor to one right below."""
    return link.neighbour != books.parent and parent_seat(link.seat) != books.seat.office


def find_link(books: Books, node: NodeId) -> Link | None:
    """The link to a neighbour; that of a second path is made when first needed."""
    link = books.links.get(node)
    if link is None and books.epoch is not None and may_come(books, node):
        link = books.link_to(node)
    return link


def link_of(books: Books, page: Page) -> Link:
    """The link by which a page came. Raises `RemoteFault` for one that is not for us or should not have come this way,
    `UnknownSender` for one of a device that may not speak here.
    """
    if page.receiver != books.seat.node:
        raise RemoteFault("wrong_receiver", "this message is addressed to another device; check the address")
    link = find_link(books, page.sender)
    if books.keyring.is_revoked(page.sender):
        raise UnknownSender("revoked_device", "this device was revoked; enrol a new one with a new code")
    if link is None:
        raise UnknownSender("unknown_sender", "this device is not enrolled here; enrol it with its code")
    if is_second(books, link):
        _check(books, link, page)
    return link


def meet(books: Books, chain: list[Certificate]) -> NodeId:
    """The county's device showed its certificates, at the village: the link to it.

    Raises `RemoteFault` (`not_the_county`, and those of `admit_chain`), or `UnknownSender` for one that was replaced.
    """
    keyring = admit_chain(books.keyring, books.seat.root, chain)
    enrolment = chain[-1].enrolment
    if enrolment.office != _county_seat(books):
        raise RemoteFault("not_the_county", "this is not the county's node; correct the setting county")
    books.keyring = keyring
    if find_link(books, enrolment.node) is None:
        raise UnknownSender("replaced_device", "another device took this one's place; use that one, or enrol anew")
    return enrolment.node


def _check(books: Books, link: Link, page: Page) -> None:
    """Refuse on a second path what does not belong there."""
    if not may_come(books, link.neighbour):
        raise UnknownSender("replaced_device", "another device took this one's place; use that one, or enrol anew")
    if books.parent is not None:
        return  # A village takes from the county what it takes from its township.
    runs = [run for stretch in page.stretches for run in stretch.runs]
    runs += [answer.run for answer in page.answers if answer.run is not None]
    excerpts = [excerpt for stretch in page.stretches for excerpt in stretch.excerpts]
    excerpts += [excerpt for answer in page.answers for excerpt in answer.excerpts]
    own = all(books.seat_of_node(run.origin) == link.seat for run in runs)
    given_back = all(books.seat_of_node(one.origin) in (link.seat, books.seat.office) for one in excerpts)
    if not own or not given_back:
        raise RemoteFault(
            "second_path_foreign", "a village speaks to the county for itself alone; send the rest through the township"
        )


# --- what goes up ----------------------------------------------------------------------------------------------------


def pushes_wait(books: Books, link: Link) -> bool:
    """Whether the county lacks something that this village's seat wrote, as far as it has said what it holds."""
    is_up = books.parent is not None and is_second(books, link)
    return is_up and link.heard_fully and bool(_unpushed(books, link, {}))


def _unpushed(books: Books, link: Link, receipted: dict[JournalId, int]) -> list[tuple[JournalId, int]]:
    """(journal, from where on) of our seat's journals of which the county lacks the end."""
    found: list[tuple[JournalId, int]] = []
    for journal, tip in sorted(books.tips.items()):
        if books.seat_of_node(journal.origin) != books.seat.office:
            continue
        stated = link.heard if link.heard_fully else receipted
        known = max(stated.get(journal, 0), link.given.get(journal, 0))
        if known < tip.size:
            found.append((journal, known))
    return found


async def pushes(books: Books, link: Link, sign_at: SignAt, *, unasked: bool) -> tuple[list[Answer], bool]:
    """Runs of our own seat for the county, as answers: what it does not hold by its own word, in this page's measure;
    and whether more are to follow.

    `unasked`: on a stick nobody can say first what he holds; then the county's receipts tell.
    """
    if books.parent is None or not is_second(books, link) or not (link.heard_fully or unasked):
        return [], False
    receipted = {} if link.heard_fully else await _receipted(books, link.neighbour)
    answers: list[Answer] = []
    room, size = PUSHED_ENTRIES_MAX, PUSHED_BYTES_TARGET
    for journal, start in _unpushed(books, link, receipted):
        while room > 0 and size > 0 and start < (end := books.tips[journal].size):
            stop = await _cut(books, journal, start, min(end, start + room), size)
            if stop <= start:
                break
            run = await run_of(books, Piece(journal, start, stop), sign_at)
            answers.append(Answer(Want(journal.origin, journal.epoch, start, stop), run, []))
            room -= stop - start
            size -= sum(len(line.body or b"") for line in run.lines)
            link.given[journal] = start = stop
    return answers, bool(answers) and bool(_unpushed(books, link, receipted))


async def _cut(books: Books, journal: JournalId, start: int, stop: int, bytes_target: int) -> int:
    """Where a run may end: anywhere in a journal of this very device, in a forerunner's at a good checkpoint."""
    held = await books.store.entries(journal, start, stop)
    total, count = 0, 0
    for entry in held:
        total += len(entry.body or b"")
        if count and total > bytes_target:
            break
        count += 1
    stop = min(stop, start + count)
    if journal.origin == books.seat.node:
        return stop
    return await good_checkpoint_upto(books, journal, start, stop)


async def _receipted(books: Books, holder: NodeId) -> dict[JournalId, int]:
    """How far the county has signed for journals of our seat."""
    return {row.journal: row.size for row in await books.store.receipts() if row.holder == holder}
