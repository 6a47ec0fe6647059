"""The fold that makes a case from its entries: a function of the *set* (RULINGS B2).

Neither order nor repetition of arrival changes its value. An act whose predecessor is not here is **held** until that
arrives (RULINGS B1); of two acts that follow the same one RULINGS B2 and B3 choose, and the other branch is superseded
with all that follows it. Never refuses, and never looks at who relayed an entry. Next: `schemas.casework.effects` for
what one act does.
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final, TypeAlias

from msgspec.structs import replace

from schemas.casework.casefile import (
    FILING_EXPECTED,
    NO_CASE,
    NOT_CUSTODIAN,
    OUT_OF_TURN,
    REASSIGNMENT_VOID,
    VOID,
    Breach,
    CaseFile,
    Contributed,
)
from schemas.casework.effects import act_on, contributed, file_case, opens, with_value
from schemas.casework.events import (
    Act,
    CaseEvent,
    CaseFiled,
    CaseRehomed,
    Contribution,
    CustodyOffered,
    CustodyReassigned,
    OpinionsRequested,
    ResultHandedOver,
)
from schemas.casework.residue import Kept, Removal, joined
from schemas.casework.stages import Stage
from schemas.headed import EntryHeader, Headed
from schemas.names import CaseId, Epoch, Instant, NodeId, OfficeId, followed, seat_of

Item: TypeAlias = tuple[CaseEvent, Headed]
"""One entry of a case, decoded, with its header."""

_operation_of: Final = attrgetter("operation")


def follow(case: CaseFile | None, event: CaseEvent, header: Headed) -> CaseFile | None:
    """The case after one more entry, where that equals folding the whole set; None where only a `fold` can place it."""
    if case is None:
        return file_case(event, header) if opens(event) else None
    if isinstance(event, Act):
        if event.turn != case.turn + 1 or event.after != case.tip or case.held:
            return None
        return act_on(case, event, header)
    # Nearly always nobody used the number: that must not cost more the more has been said of a case.
    is_used = event.operation in map(_operation_of, case.contributions)
    if case.filing is None or (is_used and any(_is_again(one, event) for one in case.contributions)):
        return None
    return replace(case, contributions=with_value(case.contributions, contributed(event, header)))


def fold(entries: Iterable[Item], removals: Iterable[Removal] = (), subject: CaseId = NO_CASE) -> CaseFile | None:
    """The case that this *set* of entries makes, whatever their order and however often each occurs; None if empty.

    `removals`: what stays of the entries of case `subject` that lost their bodies.
    """
    items = list(entries)
    kept = joined(subject, removals)
    if kept is not None:
        return _fold_set(items, kept)
    case: CaseFile | None = None
    for event, header in items:
        case = follow(case, event, header)
        if case is None:
            return _fold_set(items)
    return case


def acts_of(entries: Iterable[Item], removals: Iterable[Removal] = (), subject: CaseId = NO_CASE) -> tuple[bytes, ...]:
    """The acts that count, by turn, each as the next one names it: what a residue says of them."""
    kept = joined(subject, removals)
    acts = [(event, header) for event, header in _distinct(entries, kept) if isinstance(event, Act)]
    branch = _Tree(acts, kept).winning_branch()
    known = kept.acts if kept is not None else ()
    return (*known, *(followed(node.header.hash) for node in branch[1 if known else 0 :]))


def _is_again(one: Contributed, event: Contribution) -> bool:
    return one.operation == event.operation and one.office == event.office


# --- the whole set -------------------------------------------------------------------------------------------------


class _Node:
    """One act in the tree of acts: each hangs below the act it names in `after`."""

    __slots__ = ("children", "event", "handed_over", "header", "seats", "state")

    def __init__(self, event: Act, header: Headed, state: CaseFile) -> None:
        self.event = event
        self.header = header
        self.state = state
        """The case after this act, had nothing else happened than its branch."""
        self.children: list[_Node] = []
        self.seats: set[OfficeId] = set()
        """Seats that built on this act, near or far. A window is its seat's: one device writes for both, and forgets
        what both did when it is restored."""
        self.handed_over = isinstance(event, ResultHandedOver) and state.stage is Stage.HANDED_OVER
        """Whether this act or one built on it handed the result over."""

    @property
    def seat(self) -> OfficeId:
        """The seat whose device wrote the act."""
        return seat_of(self.event.office)

    @property
    def built_on(self) -> bool:
        """Whether an office other than the act's own has built on it."""
        return bool(self.seats - {self.seat})

    def descendants(self) -> list["_Node"]:
        """This act and all that were built on it."""
        found: list[_Node] = [self]
        for node in found:
            found += node.children
        return found


class _Tree:
    """All acts of a case, each judged on the state its predecessor left."""

    def __init__(self, acts: list[tuple[Act, Headed]], kept: Kept | None = None) -> None:
        """`kept`: what stays of acts that are gone: the others grow on it."""
        self.roots: list[_Node] = []
        self.nodes: dict[bytes, _Node] = {}
        self.held: set[bytes] = set()
        self.void: set[bytes] = set()
        self.breaches: set[Breach] = set()
        self._turns = {header.hash: event.turn for event, header in acts}
        # Should two hashes begin alike, the lower one is meant: the fold stays a function of the set.
        hashes = sorted(self._turns, reverse=True)
        self._named = {followed(link): link for link in hashes}
        self._gone: frozenset[bytes] = frozenset()
        if kept is not None and kept.base is not None:
            self._plant(kept.base, kept.gone)
        for event, header in sorted(acts, key=_by_turn):
            self._place(event, header)
        for node in sorted(self.nodes.values(), key=lambda node: -node.event.turn):
            for child in node.children:
                node.seats |= child.seats | {child.seat}
                node.handed_over = node.handed_over or child.handed_over

    def _plant(self, base: CaseFile, gone: frozenset[bytes]) -> None:
        """Begin with a case of which only a residue is here: nothing competes with it."""
        assert base.filing is not None
        nowhere, at = NodeId(""), base.filed_at or Instant(0)
        header = EntryHeader(nowhere, Epoch(0, b""), 0, at, base.filing.kind, base.case, base.tip)
        root = _Node(base.filing, header, base)
        self.nodes[base.tip] = root
        self.roots.append(root)
        self._turns[base.tip] = base.turn
        self._named |= {short: short for short in (*gone, base.tip)}
        self._gone = gone

    def _place(self, event: Act, header: Headed) -> None:
        """Judge one act. Predecessors come first, because an act whose turn does not follow is void at once."""
        if event.after is None:
            self._place_first(event, header)
            return
        before = self._named.get(event.after)
        if before is None:
            self.held.add(header.hash)
        elif before in self._gone:
            self.void.add(header.hash)
        elif event.turn != self._turns[before] + 1:
            self._breach(event, header, OUT_OF_TURN)
        elif before in self.held:
            self.held.add(header.hash)
        elif before in self.void:
            self.void.add(header.hash)
        else:
            self._place_next(self.nodes[before], event, header)

    def _place_first(self, event: Act, header: Headed) -> None:
        if not isinstance(event, CaseFiled):
            self._breach(event, header, FILING_EXPECTED)
        elif event.turn != 1:
            self._breach(event, header, OUT_OF_TURN)
        elif self.roots and self.roots[0].state.is_empty:
            self.void.add(header.hash)
        else:
            node = _Node(event, header, file_case(event, header))
            self.nodes[header.hash] = node
            self.roots.append(node)

    def _place_next(self, parent: _Node, event: Act, header: Headed) -> None:
        state = act_on(parent.state, event, header)
        if state.tip != followed(header.hash):
            self._breach(event, header, NOT_CUSTODIAN)
            return
        node = _Node(event, header, state)
        self.nodes[header.hash] = node
        parent.children.append(node)

    def _breach(self, event: Act, header: Headed, code: str) -> None:
        self.void.add(header.hash)
        self.breaches.add(Breach(event.turn, header.hash, code))

    def winning_branch(self) -> list[_Node]:
        """The acts that count, from the filing on (RULINGS B2, B3); empty while there is no filing."""
        branch: list[_Node] = []
        rivals = self.roots
        while rivals:
            winner = self._choose(rivals)
            branch.append(winner)
            rivals = winner.children
        return branch

    def _choose(self, rivals: list[_Node]) -> _Node:
        reassigned = [node for node in rivals if isinstance(node.event, CustodyReassigned)]
        others = [node for node in rivals if not isinstance(node.event, CustodyReassigned)]
        if reassigned and any(node.handed_over for node in others):
            for node in reassigned:
                self.breaches.add(Breach(node.event.turn, node.header.hash, REASSIGNMENT_VOID))
            reassigned = []
        if any(node.handed_over for node in others if not isinstance(node.event, CaseRehomed)):
            # Nothing is left to hand over elsewhere; only a branch that did so itself competes.
            others = [node for node in others if node.handed_over or not isinstance(node.event, CaseRehomed)]
        best: dict[OfficeId, _Node] = {}
        for node in sorted(reassigned or others, key=_precedence_within_a_seat):
            best.setdefault(node.seat, node)
        return min(best.values(), key=_precedence)


def _precedence_within_a_seat(node: _Node) -> tuple[bool, bool, bool, int, bytes]:
    """Among what one seat wrote: RULINGS B2 behind B3's exception. What that seat itself put into a resident's hands is
    not taken away by an act that it has forgotten. Of other seats' acts no handing over says anything: anybody could
    write one.
    """
    return not node.handed_over, *_precedence(node)


def _precedence(node: _Node) -> tuple[bool, bool, int, bytes]:
    """RULINGS B2: the act on which another office has built, then the lower epoch ordinal, then the lower hash.

    Before these a re-homing gives way: it can be said again, and nobody's work on the matter shall fall for it.
    """
    is_rehoming = isinstance(node.event, CaseRehomed)
    return not node.built_on, is_rehoming, node.header.epoch.ordinal, node.header.hash


def _by_turn(item: tuple[Act, Headed]) -> tuple[int, bytes]:
    return item[0].turn, item[1].hash


def _distinct(items: Iterable[Item], kept: Kept | None) -> list[Item]:
    """Each entry once, without those that a residue speaks for."""
    distinct = {header.hash: (event, header) for event, header in items}
    if kept is None:
        return list(distinct.values())
    known = kept.gone | set(kept.acts)
    return [
        (event, header)
        for link, (event, header) in distinct.items()
        if (followed(link) not in known if isinstance(event, Act) else link not in kept.notes)
    ]


def _fold_set(items: list[Item], kept: Kept | None = None) -> CaseFile | None:
    """`fold` without its short cut: build the tree of acts, choose the branch, add what commutes."""
    distinct = _distinct(items, kept)
    if not distinct and (kept is None or kept.base is None):
        return None
    acts = [(event, header) for event, header in distinct if isinstance(event, Act)]
    notes = [contributed(event, header) for event, header in distinct if isinstance(event, Contribution)]
    notes += kept.notes.values() if kept is not None else ()
    tree = _Tree(acts, kept)
    branch = tree.winning_branch()
    case = branch[-1].state if branch else CaseFile(items[0][1].subject or NO_CASE)
    breached = {breach.hash for breach in tree.breaches if breach.code in VOID}
    superseded = (tree.nodes.keys() | tree.void) - breached - {node.header.hash for node in branch}
    # Only who worked on this very case must hear how it goes on, not who filed another one under its number.
    of_this_case = branch[0].descendants() if branch else []
    losers = [node for node in of_this_case if node.header.hash in superseded]
    # Of a case that is gone nobody can tell what they worked on: they hold some of it, and must hear that it is gone.
    late = [event for event, header in acts if header.hash in superseded | tree.held] if case.is_empty else []
    return replace(
        case,
        contributions=_each_once(notes) if branch else (),
        held=tuple(sorted(tree.held if branch else tree.held.union(note.hash for note in notes))),
        superseded=tuple(sorted({*case.superseded, *superseded})),
        breaches=tuple(sorted({*case.breaches, *tree.breaches})),
        informed=tuple(sorted({*case.informed, *_workers(losers)}.union(*map(_named_in, late)))),
    )


def _workers(nodes: Iterable[_Node]) -> set[OfficeId]:
    """The offices that wrote these acts, or to which they offered, gave or re-homed the case."""
    offices: set[OfficeId] = set()
    for node in nodes:
        offices.add(node.event.office)
        offices |= {office for office in (node.state.offeree, node.state.custodian) if office is not None}
        if isinstance(node.event, CaseRehomed):
            offices.add(node.event.to)
    return offices


def _named_in(event: Act) -> set[OfficeId]:
    """The office that wrote an act, and those to which it gave or showed the case."""
    match event:
        case CustodyOffered() | CustodyReassigned() | CaseRehomed():
            return {event.office, event.to}
        case OpinionsRequested():
            return {event.office, *event.to}
        case _:
            return {event.office}


def _each_once(notes: list[Contributed]) -> tuple[Contributed, ...]:
    """One contribution for each operation: a restored device may have written the same one again (RULINGS B10). An
    office's own: others see its operations, and must not silence it by repeating one.
    """
    kept: dict[tuple[OfficeId, bytes], Contributed] = {}
    for note in sorted(notes, key=lambda note: (note.ordinal, note.hash)):
        kept.setdefault((note.office, note.operation), note)
    return tuple(sorted(kept.values()))
