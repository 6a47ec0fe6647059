"""What signed statements prove together: one function a claim, from what was said to what is shown, and by which words.

Pure and total; each looks through the statements for those that make its claim true and names them. None accuses on
the word of one side alone, none reads a clock: times are what somebody signed. What a claim does not prove is said
by `claim_words`. Sources: AUDIT 1.4, 4.2 (I1-I6), RULINGS A5, A12, A14, B9. Next: `accusing` (who calls).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations, permutations
from typing import Final

from msgspec import Struct

from schemas.codec import MISSING_STATED_MAX, PREFIX_BYTES
from schemas.names import JournalId, NodeId, OfficeId, parent_seat
from schemas.wire import KIND_REVOKED, Beacon, Enrolled, EpochOpened, JournalHead, Pinned, Revoked, Watermarked
from sync.core.merkle import Frontier
from sync.proof.claim_file import Claim
from sync.proof.statements import Said, SaidEntry, SaidHolding, SaidName

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS

FORWARDING_MS: Final = 24 * HOUR_MS
"""Whoever stands between has passed on within a day what it holds, up or down: every line talks once a day."""

SLIP_MS: Final = 72 * HOUR_MS
"""Three days after a slip was handed out the county has heard of it, over a bad line too (AUDIT I5)."""

POSITIONS_MAX: Final = 400
"""Journals in one revocation: a device with more is revoked by several, one right behind the other."""

CLOCK_MS: Final = 10 * MINUTE_MS
"""Clocks that nobody sets are seconds a day wrong; ten minutes is a clock that somebody set, or a time made up."""


class Shown(Struct, frozen=True):
    """What a claim's statements show."""

    form: str
    """Which of the claim's forms: the words for it."""
    against: NodeId
    """The device whose owner has to answer."""
    office: OfficeId
    values: Mapping[str, str | int]
    """Names and figures for the words; times in milliseconds under names that end in `at`."""
    used: frozenset[int]
    """Statements that it rests on."""


Claims = Callable[[Said], Iterator[Shown]]


# --- what one owner said twice ---------------------------------------------------------------------------------------


def _equivocation(said: Said) -> Iterator[Shown]:
    """Two entries under one number, two roots of one size, or a tree over other entries than the chain."""
    for one, other in _disagreeing(said.names):
        yield _against_owner(said, "two_entries", one.journal, {one.index, other.index}, seq=one.seq)
    for one, other in combinations(said.heads, 2):
        if (one.journal, one.size) == (other.journal, other.size) and one.root != other.root:
            yield _against_owner(said, "two_roots", one.journal, {one.index, other.index}, size=one.size)
    yield from _other_tree(said)


def _disagreeing(names: Iterable[SaidName]) -> Iterator[tuple[SaidName, SaidName]]:
    """Two statements that give one number two hashes."""
    first: dict[tuple[JournalId, int], SaidName] = {}
    for name in names:
        known = first.setdefault((name.journal, name.seq), name)
        if known.hash != name.hash and known.index != name.index:
            yield known, name


def _other_tree(said: Said) -> Iterator[Shown]:
    """A signed root that is not that of the signed chain, grown from the journal's beginning or from a signed head."""
    for entry in said.entries:
        first = entry.seq - len(entry.links) + 1
        bases: list[tuple[Frontier, set[int]]] = [(Frontier(), set())] if first == 0 else []
        bases += [
            (Frontier(head.size, head.peaks), {head.index})
            for head in said.heads
            if head.journal == entry.journal and head.size == first and head.peaks
        ]
        for (base, used), head in ((base, head) for base in bases for head in said.heads):
            if head.journal != entry.journal or not first < head.size <= entry.seq + 1:
                continue
            if base.extend(entry.links[: head.size - first]).root() != head.root:
                yield _against_owner(
                    said, "other_tree", entry.journal, {entry.index, head.index, *used}, size=head.size
                )


def _rollback(said: Said) -> Iterator[Shown]:
    """An opening that names less than its device had signed, or a second child of one epoch."""
    openings = said.of_kind(EpochOpened)
    for entry, opened in openings:
        if opened.parent is None or entry.seq != 0:
            continue
        former = JournalId(entry.journal.origin, opened.parent.epoch)
        for index, size in _reach(said, former).items():
            if index != entry.index and size > opened.parent.size:
                values = {"named": opened.parent.size, "signed": size, "epoch": str(former.epoch)}
                yield _against_owner(said, "names_less", entry.journal, {entry.index, index}, **values)
    for (one, first), (other, second) in combinations(openings, 2):
        if first.parent is None or second.parent is None or one.journal.origin != other.journal.origin:
            continue
        if first.parent.epoch == second.parent.epoch and one.journal != other.journal:
            values = {"other": str(other.journal.epoch), "epoch": str(first.parent.epoch)}
            yield _against_owner(said, "two_children", one.journal, {one.index, other.index}, **values)


def _reach(said: Said, journal: JournalId) -> dict[int, int]:
    """Statement → how far it shows its owner to have written a journal."""
    reach: dict[int, int] = {}
    sizes = [(head.index, head.size) for head in said.heads if head.journal == journal]
    sizes += [(name.index, name.seq + 1) for name in said.names if name.journal == journal]
    for index, size in sizes:
        reach[index] = max(size, reach.get(index, 0))
    return reach


def _against_owner(said: Said, form: str, journal: JournalId, used: set[int], **values: str | int) -> Shown:
    device = said.county.devices[journal.origin]
    issuer = said.county.devices.get(device.issuer) if device.issuer is not None else None
    named = {"journal": str(journal), "issuer": issuer.office if issuer else "", **values}
    return Shown(form, device.node, device.office, named, frozenset(used))


# --- what was held and not passed on ---------------------------------------------------------------------------------


def _withheld_up(said: Said) -> Iterator[Shown]:
    """A relay's receipt that the county has, in the relay's own journal, without what it is for, a day later."""
    for relay, county in permutations(said.holdings, 2):
        if relay.entry is None or _is_county(relay.office) or not _is_county(county.office):
            continue
        own = _size_in(county, relay.entry.journal)
        if own is None or own <= relay.entry.seq or county.at < relay.at + FORWARDING_MS:
            continue
        stated = {_journal(head): head.size for head in county.heads}
        for head in relay.heads:
            held = stated.get(_journal(head))
            if held is not None and held < head.size:
                values: dict[str, str | int] = {
                    "journal": str(_journal(head)),
                    "receipted": head.size,
                    "received_at": relay.at,
                    "held": held,
                    "stated_at": county.at,
                    "own": own,
                }
                yield Shown("", relay.holder, relay.office, values, frozenset({relay.index, county.index}))


def _withheld_down(said: Said) -> Iterator[Shown]:
    """What the county lists for a seat, and the seat a day later says that it lacks; the office between had it."""
    marks = [(entry, mark) for entry, mark in said.of_kind(Watermarked) if _is_county(entry.author.office)]
    for entry, mark in marks:
        listed = _prefixes(mark)
        for pin, body in said.of_kind(Pinned):
            if pin.author.office != mark.office or body.beacon_at is None:
                continue
            if body.beacon_at < mark.beacon_at + FORWARDING_MS:
                continue
            for prefix in listed.intersection(body.missing):
                for device, office, used in _had(said, marks, mark.office, prefix):
                    values: dict[str, str | int] = {
                        "seat": mark.office,
                        "entry": prefix.hex(),
                        "listed_at": mark.beacon_at,
                        "missing_at": body.beacon_at,
                    }
                    yield Shown("", device, office, values, frozenset({entry.index, pin.index, *used}))


def _had(
    said: Said, marks: list[tuple[SaidEntry, Watermarked]], seat: OfficeId, prefix: bytes
) -> Iterator[tuple[NodeId, OfficeId, set[int]]]:
    """The device above a seat that signed that it had an entry: its author, or by its pin of a list with it."""
    above = parent_seat(seat)
    for entry in said.entries:
        if entry.author.office == above and entry.hash.startswith(prefix):
            yield entry.author.node, entry.author.office, {entry.index}
    for entry, mark in marks:
        if mark.office != above or prefix not in _prefixes(mark):
            continue
        for pin, body in said.of_kind(Pinned):
            # It names this very list, and lacks nothing else of it: a full list of what is missing may go on.
            is_answer = body.watermark is not None and entry.hash.startswith(body.watermark)
            is_complete = prefix not in body.missing and len(body.missing) < MISSING_STATED_MAX
            if is_answer and is_complete and pin.author.office == above:
                yield pin.author.node, pin.author.office, {entry.index, pin.index}


def _prefixes(mark: Watermarked) -> set[bytes]:
    stated = mark.addressed.prefixes
    return {stated[start : start + PREFIX_BYTES] for start in range(0, len(stated), PREFIX_BYTES)}


def _orphan_slip(said: Said) -> Iterator[Shown]:
    """A slip against the same number in its device's journal, or against a county that does not hold so much."""
    for slip in said.slips:
        for name in said.names:
            if (name.journal, name.seq) == (slip.journal, slip.seq) and name.hash != slip.hash:
                used = {slip.index, name.index}
                yield _against_owner(said, "other_entry", slip.journal, used, seq=slip.seq, slip_at=slip.at)
        for county in said.holdings:
            held = _size_in(county, slip.journal) if _is_county(county.office) else None
            if held is not None and held <= slip.seq and county.at >= slip.at + SLIP_MS:
                values: dict[str, str | int] = {
                    "seq": slip.seq,
                    "slip_at": slip.at,
                    "held": held,
                    "stated_at": county.at,
                }
                used = {slip.index, county.index}
                yield _against_owner(said, "not_reached", slip.journal, used, **values)


def _county_damage(said: Said) -> Iterator[Shown]:
    """The county's own word about a journal against its later one: less of it, or other entries."""
    for earlier, later in permutations(said.holdings, 2):
        if not _is_county(earlier.office) or not _is_county(later.office) or earlier.at >= later.at:
            continue
        stated = {_journal(head): head for head in later.heads}
        for head in earlier.heads:
            now = stated.get(_journal(head), head)
            if now.size > head.size or (now.size, now.root) == (head.size, head.root):
                continue
            values: dict[str, str | int] = {
                "journal": str(_journal(head)),
                "was": head.size,
                "was_at": earlier.at,
                "now": now.size,
                "now_at": later.at,
            }
            form = "less" if now.size < head.size else "other"
            yield Shown(form, later.holder, later.office, values, frozenset({earlier.index, later.index}))


def _journal(head: JournalHead) -> JournalId:
    return JournalId(head.origin, head.epoch)


def _size_in(holding: SaidHolding, journal: JournalId) -> int | None:
    """How far the holder says that it holds a journal; None where it says nothing of it."""
    return max((head.size for head in holding.heads if _journal(head) == journal), default=None)


def _is_county(office: OfficeId) -> bool:
    return parent_seat(office) is None


# --- times -----------------------------------------------------------------------------------------------------------


def _false_time(said: Said) -> Iterator[Shown]:
    """An entry that claims a time before something which its own journal had named, or after a receipt for it."""
    for entry in said.entries:
        for pin, body in said.of_kind(Pinned):
            if pin.journal.origin != entry.journal.origin or not _is_before(said, pin, entry):
                continue
            for form, at, index, holder in _named_times(said, pin, body):
                if entry.at < at - CLOCK_MS:
                    used = {entry.index, pin.index, index, *_openings_between(said, pin, entry)}
                    values = {"seq": entry.seq, "claimed_at": entry.at, "known_at": at, "holder": holder}
                    yield _against_owner(said, form, entry.journal, used, **values)
        for holding in said.holdings:
            if holding.holder == entry.journal.origin or entry.at <= holding.at + CLOCK_MS:
                continue
            if _covers(holding, entry):
                values = {
                    "seq": entry.seq,
                    "claimed_at": entry.at,
                    "known_at": holding.at,
                    "holder": holding.office,
                }
                used = {entry.index, holding.index}
                yield _against_owner(said, "after_receipt", entry.journal, used, **values)


def _named_times(said: Said, pin: SaidEntry, body: Pinned) -> Iterator[tuple[str, int, int, OfficeId]]:
    """(form, time, statement, office) of what a pin says its device had: a beacon of the county's, a receipt for it.

    Both must be in the file as they were signed: a device that only says that it saw something proves nothing by it.
    """
    for entry, beacon in said.of_kind(Beacon):
        if _is_county(entry.author.office) and body.beacon_at == beacon.at:
            yield "before_beacon", beacon.at, entry.index, entry.author.office
    for holding in said.holdings:
        is_neighbour = holding.holder == body.neighbour and holding.holder != pin.journal.origin
        is_for_it = any(head.origin == pin.journal.origin for head in holding.heads)
        if (
            is_neighbour
            and is_for_it
            and body.receipted_at is not None
            and body.receipted_at // 1000 * 1000 == holding.at
        ):
            yield "before_receipt", holding.at, holding.index, holding.office


def _covers(holding: SaidHolding, entry: SaidEntry) -> bool:
    """Whether a receipt is for the very checkpoint that proves the entry."""
    proof = entry.checkpoint
    return proof is not None and any(
        _journal(head) == entry.journal and (head.size, head.root) == (proof.size, proof.root) for head in holding.heads
    )


def _is_before(said: Said, one: SaidEntry, other: SaidEntry) -> bool:
    """Whether a device wrote one entry before another: lower in one journal, or below where a later one continues."""
    if one.journal == other.journal:
        return one.seq < other.seq
    return bool(_openings_between(said, one, other))


def _openings_between(said: Said, one: SaidEntry, other: SaidEntry) -> frozenset[int]:
    """The openings by which the journal of the later entry continues that of the earlier one; empty: it does not."""
    openings = {entry.journal: (entry.index, body.parent) for entry, body in said.of_kind(EpochOpened) if not entry.seq}
    used: set[int] = set()
    here = other.journal
    while here != one.journal:
        index, parent = openings.pop(here, (0, None))
        if parent is None:
            return frozenset()
        used.add(index)
        here = JournalId(here.origin, parent.epoch)
        if here == one.journal and one.seq >= parent.size:
            return frozenset()
    return frozenset(used)


# --- devices ---------------------------------------------------------------------------------------------------------


def _false_enrolment(said: Said) -> Iterator[Shown]:
    """A second device for a seat whose device went on signing, and naming beacons lit after that enrolment."""
    beacons = {(beacon.at, entry.index) for entry, beacon in said.of_kind(Beacon) if _is_county(entry.author.office)}
    for entry, enrolled in said.of_kind(Enrolled):
        new = enrolled.certificate.enrolment
        if _is_county(entry.author.office) or entry.journal.origin != new.issuer:
            continue
        for pin, body in said.of_kind(Pinned):
            former = pin.author
            if former.office != new.office or former.node == new.node or former.at >= new.at:
                continue
            for at, index in beacons:
                if body.beacon_at == at and at > max(entry.at, new.at) + FORWARDING_MS:
                    values: dict[str, str | int] = {
                        "seat": new.office,
                        "device": new.node,
                        "former": former.node,
                        "enrolled_at": entry.at,
                        "known_at": at,
                    }
                    used = frozenset({entry.index, pin.index, index})
                    yield Shown("", entry.author.node, entry.author.office, values, used)


def _false_revocation(said: Said) -> Iterator[Shown]:
    """A revocation at a position below one that the revoker itself had receipted before."""
    for entry, revoked in said.of_kind(Revoked):
        positions: dict[JournalId, int] = {}
        for size in revoked.positions:
            positions[size.journal] = max(size.size, positions.get(size.journal, 0))
        for holding in said.holdings:
            receipt = holding.entry
            if receipt is None or receipt.journal.origin != entry.journal.origin:
                continue
            if not _is_before(said, receipt, entry):
                continue
            for head in holding.heads:
                if head.origin != revoked.node:
                    continue
                journal = _journal(head)
                if journal not in positions and not _is_whole(entry, revoked):
                    continue
                named = positions.get(journal, 0)
                if named < head.size:
                    values: dict[str, str | int] = {
                        "device": revoked.node,
                        "journal": str(_journal(head)),
                        "named": named,
                        "receipted": head.size,
                        "received_at": holding.at,
                    }
                    used = {entry.index, holding.index, *_openings_between(said, receipt, entry)}
                    yield Shown("", entry.author.node, entry.author.office, values, frozenset(used))


def _is_whole(entry: SaidEntry, revoked: Revoked) -> bool:
    """Whether a revocation speaks for the journals that it does not name: it is not one of several."""
    return entry.kind_before not in (None, KIND_REVOKED) and len(revoked.positions) < POSITIONS_MAX


CLAIMS: Final[Mapping[str, Claims]] = {
    Claim.EQUIVOCATION: _equivocation,
    Claim.ROLLBACK: _rollback,
    Claim.WITHHELD_UP: _withheld_up,
    Claim.WITHHELD_DOWN: _withheld_down,
    Claim.ORPHAN_SLIP: _orphan_slip,
    Claim.FALSE_TIME: _false_time,
    Claim.FALSE_ENROLMENT: _false_enrolment,
    Claim.FALSE_REVOCATION: _false_revocation,
    Claim.COUNTY_DAMAGE: _county_damage,
}
