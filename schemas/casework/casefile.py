"""CaseFile: what is known of one case, and the fold that makes it from the case's entries.

The fold is total: it never refuses, reads no clock and asks for no permission. What breaks a rule is listed in
`breaches`, what cannot count yet in `held`, what lost against another branch in `superseded`.
`fold` is a function of the *set* of entries (RULINGS B2): neither order nor repetition of arrival changes its value.

How an act is judged, given the state its predecessor left:
- its predecessor is not here: **held**, until that arrives (RULINGS B1);
- it does not hold the pen, or its turn does not follow: **void**, a breach; the turn stays free for the true custodian;
- it holds the pen but the stage does not allow the act: it **takes its turn and changes nothing else**, a breach;
- two acts follow the same one: RULINGS B2 and B3 choose; the other branch is superseded with all that follows it.

Never validates competence or content (`lifecycle.permits` does so at the pen, the audit afterwards) and never looks at
who relayed an entry. Next: `lifecycle` for the table, `visibility` for who sees which part.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from schemas.casework.events import (
    Act,
    CaseDecided,
    CaseEvent,
    CaseFiled,
    CaseWithdrawn,
    Contribution,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    ResultHandedOver,
)
from schemas.casework.lifecycle import IN_TRANSIT, TRANSITIONS, Actor, Stage, is_county_of
from schemas.divisions import Tier, tier_of_office
from schemas.names import CaseId, Instant, OfficeId, followed, seat_of
from schemas.wire import Headed

Item: TypeAlias = tuple[CaseEvent, Headed]
"""One entry of a case, decoded, with its header."""


class _Sortable(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


V = TypeVar("V", bound=_Sortable)

NO_CASE = CaseId(b"")
NO_TIP = b""

NOT_CUSTODIAN = "not_custodian"
OUT_OF_TURN = "out_of_turn"
NOT_IN_THIS_STAGE = "not_in_this_stage"
OFFERED_TO_ITSELF = "offered_to_itself"
REASSIGNMENT_VOID = "reassignment_void"
FILING_EXPECTED = "filing_expected"
VILLAGE_CANNOT_REVIEW = "village_cannot_review"

VOID: Final = frozenset({NOT_CUSTODIAN, OUT_OF_TURN, FILING_EXPECTED})
"""Breaches after which the act takes no turn."""

BREACHES: Final[dict[str, tuple[str, str]]] = {
    NOT_CUSTODIAN: (
        "该步骤由未持有本件的单位作出，不计入办理过程；请督查核实。",
        "An office that did not hold the case wrote this step; it does not count. Supervision must look into it.",
    ),
    OUT_OF_TURN: (
        "该步骤的序号与其前一步不衔接，不计入办理过程；请督查核实。",
        "This step's turn does not follow the step it names; it does not count. Supervision must look into it.",
    ),
    NOT_IN_THIS_STAGE: (
        "本件当时的状态不允许该步骤，该步骤只占序号、不产生效果；请持件单位重新办理。",
        "The case's stage did not allow this step; it took its turn without effect. The custodian must act again.",
    ),
    OFFERED_TO_ITSELF: (
        "本件移交给了移交单位自己，移交不产生效果；请持件单位重新移交。",
        "The case was offered to the office that held it; the offer has no effect. The custodian must offer it again.",
    ),
    REASSIGNMENT_VOID: (
        "结果已经送达，县级改派无效；请县中心核实原持件单位的办理过程。",
        "The result had already been handed over: the reassignment is void. The county must review that office's work.",
    ),
    FILING_EXPECTED: (
        "第一步不是收件登记，不计入办理过程；请督查核实。",
        "The first step is not a filing; it does not count. Supervision must look into it.",
    ),
    VILLAGE_CANNOT_REVIEW: (
        "村级不能受理或决定，该步骤只占序号、不产生效果；请督查核实该村。",
        "A village neither accepts nor decides; the step took its turn without effect. Supervision must look into it.",
    ),
}
"""Breach code → what it means and who does something about it (zh, en)."""


class Breach(Struct, frozen=True, array_like=True, order=True, gc=False):
    """A casework rule broken by an entry that was kept (DESIGN 1.5)."""

    turn: int
    hash: bytes
    code: str
    """A key of `BREACHES`."""


class Contributed(Struct, frozen=True, array_like=True, order=True, gc=False):
    """A contribution as the case remembers it; its text stays in the entry."""

    turn: int
    """The turn it was made after."""
    hash: bytes
    operation: bytes
    ordinal: int
    """Epoch ordinal of its entry: of two with one operation the lower (ordinal, hash) is the one that counts."""
    kind: str
    office: OfficeId
    materials: tuple[str, ...]


class CaseFile(Struct, frozen=True, array_like=True, gc=False):
    """All that is known of one case here. Stored as one blob per case; screens read the projection made from it."""

    case: CaseId
    stage: Stage = Stage.AWAITED
    turn: int = 0
    """Turn of the last act that counts; 0 while the filing is missing."""
    tip: bytes = NO_TIP
    """That act as the next one must name it: its hash, shortened (`schemas.names.followed`)."""
    custodian: OfficeId | None = None
    """Who holds the pen; None in transit and while the filing is missing."""
    offerer: OfficeId | None = None
    offeree: OfficeId | None = None
    """Both set exactly while an offer is open."""
    holders: tuple[OfficeId, ...] = ()
    """Every custodian so far, first the filing office, each once."""
    filing: CaseFiled | None = None
    filed_at: Instant | None = None
    accepted_at: Instant | None = None
    """Claimed time of the first acceptance: the legal clocks start there. Like all four a claim, not a proof."""
    decision: CaseDecided | None = None
    decided_at: Instant | None = None
    ended_at: Instant | None = None
    """Claimed time of handing over or withdrawal."""
    requests: int = 0
    """Notices of missing papers so far; more than one is worth a look (一次性告知)."""
    wanted: tuple[str, ...] = ()
    """Materials asked for and not yet taken up."""
    taken_up: tuple[bytes, ...] = ()
    """Hashes of the contributions that an act took up."""
    contributions: tuple[Contributed, ...] = ()
    held: tuple[bytes, ...] = ()
    """Entries whose filing or previous turn is not here yet, sorted."""
    superseded: tuple[bytes, ...] = ()
    """Acts void with the branch that lost (RULINGS B2), sorted."""
    breaches: tuple[Breach, ...] = ()
    informed: tuple[OfficeId, ...] = ()
    """Offices that never held the pen on the branch that counts, yet must hear how the case goes on: an offeree passed
    over by a reassignment, and whoever worked on a superseded branch. Sorted."""

    @property
    def filing_office(self) -> OfficeId | None:
        """Where the resident came, and where the result is handed over."""
        return self.filing.office if self.filing is not None else None

    @property
    def brought(self) -> tuple[Contributed, ...]:
        """Papers that were brought and that no act has taken up yet."""
        return tuple(c for c in self.contributions if c.kind == PapersBrought.kind and c.hash not in self.taken_up)

    @property
    def recall_requested(self) -> bool:
        """Whether the offerer asked for the pen back during the offer that is open now."""
        return self.stage in IN_TRANSIT and any(
            c.kind == RecallRequested.kind and c.turn == self.turn and c.office == self.offerer
            for c in self.contributions
        )


def follow(case: CaseFile | None, event: CaseEvent, header: Headed) -> CaseFile | None:
    """The case after one more entry, where that equals folding the whole set; None where only a `fold` can place it."""
    if case is None:
        return _file(event, header) if _opens(event) else None
    if isinstance(event, Act):
        if event.turn != case.turn + 1 or event.after != case.tip or case.held:
            return None
        return _act(case, event, header)
    if case.filing is None or any(c.operation == event.operation for c in case.contributions):
        return None
    return replace(case, contributions=_with(case.contributions, _contributed(event, header)))


def fold(entries: Iterable[Item]) -> CaseFile | None:
    """The case that this *set* of entries makes, whatever their order and however often each occurs; None if empty."""
    items = list(entries)
    case: CaseFile | None = None
    for event, header in items:
        case = follow(case, event, header)
        if case is None:
            return _fold_set(items)
    return case


# --- one act on the case it follows --------------------------------------------------------------------------------


def _opens(event: CaseEvent) -> bool:
    return isinstance(event, CaseFiled) and event.turn == 1 and event.after is None


def _file(event: CaseEvent, header: Headed) -> CaseFile:
    assert isinstance(event, CaseFiled)
    return CaseFile(
        header.subject or NO_CASE,
        Stage.FILED,
        1,
        followed(header.hash),
        event.office,
        None,
        None,
        (event.office,),
        event,
        header.at,
    )


def _act(case: CaseFile, event: Act, header: Headed) -> CaseFile:
    """The next act: void if the office has no pen, without effect if the stage forbids it, else its effect."""
    transition = TRANSITIONS.get((case.stage, event.kind))
    if not _is_actor(case, event.office, transition.by if transition is not None else Actor.CUSTODIAN):
        return replace(case, breaches=_with(case.breaches, Breach(event.turn, header.hash, NOT_CUSTODIAN)))
    if transition is None:
        return _without_effect(case, event, header, NOT_IN_THIS_STAGE)
    taken = replace(case, stage=transition.stage, turn=event.turn, tip=followed(header.hash))
    effect = _EFFECTS.get(event.kind)
    return taken if effect is None else effect(case, taken, event, header)


def _is_actor(case: CaseFile, office: OfficeId, actor: Actor) -> bool:
    """Whether `office` is the one whose act this may be. In transit nobody is the custodian."""
    if actor is Actor.CUSTODIAN:
        return office == case.custodian
    if actor is Actor.OFFEREE:
        return office == case.offeree
    return case.filing is not None and is_county_of(office, case.filing.office)


def _without_effect(case: CaseFile, event: Act, header: Headed, code: str) -> CaseFile:
    breaches = _with(case.breaches, Breach(event.turn, header.hash, code))
    return replace(case, turn=event.turn, tip=followed(header.hash), breaches=breaches)


# Effects: what an act changes beyond stage and turn. Each gets the case before, and as it is with both.


def _offer(case: CaseFile, taken: CaseFile, event: CustodyOffered, header: Headed) -> CaseFile:
    if event.to == case.custodian:
        return _without_effect(case, event, header, OFFERED_TO_ITSELF)
    return replace(taken, custodian=None, offerer=case.custodian, offeree=event.to)


def _accept(case: CaseFile, taken: CaseFile, event: CustodyAccepted, header: Headed) -> CaseFile:
    if case.stage in (Stage.FILED, Stage.OFFERED) and tier_of_office(event.office) is Tier.VILLAGE:
        return _without_effect(case, event, header, VILLAGE_CANNOT_REVIEW)
    if case.accepted_at is None and taken.stage is Stage.IN_REVIEW:
        taken = replace(taken, accepted_at=header.at)
    return _picked_up(taken, event.office)


def _decline(case: CaseFile, taken: CaseFile, event: CustodyDeclined, header: Headed) -> CaseFile:
    return _picked_up(taken, case.offerer)


def _reassign(case: CaseFile, taken: CaseFile, event: CustodyReassigned, header: Headed) -> CaseFile:
    if case.offeree is not None:
        taken = replace(taken, informed=_with(case.informed, case.offeree))
    return _picked_up(taken, event.to)


def _picked_up(taken: CaseFile, custodian: OfficeId | None) -> CaseFile:
    """Exactly one office holds the pen again."""
    holders = taken.holders
    if custodian is not None and custodian not in holders:
        holders = (*holders, custodian)
    return replace(taken, custodian=custodian, offerer=None, offeree=None, holders=holders)


def _decide(case: CaseFile, taken: CaseFile, event: CaseDecided, header: Headed) -> CaseFile:
    if tier_of_office(event.office) is Tier.VILLAGE:
        return _without_effect(case, event, header, VILLAGE_CANNOT_REVIEW)
    return replace(taken, decision=event, decided_at=header.at, wanted=())


def _request_papers(case: CaseFile, taken: CaseFile, event: PapersRequested, header: Headed) -> CaseFile:
    more = (name for name in dict.fromkeys(event.materials) if name not in case.wanted)
    return replace(taken, wanted=(*case.wanted, *more), requests=case.requests + 1)


def _receive_papers(case: CaseFile, taken: CaseFile, event: PapersReceived, header: Headed) -> CaseFile:
    wanted = tuple(name for name in case.wanted if name not in event.materials)
    return replace(taken, wanted=wanted, taken_up=tuple(sorted({*case.taken_up, *event.contributions})))


def _end(case: CaseFile, taken: CaseFile, event: Act, header: Headed) -> CaseFile:
    return replace(taken, ended_at=header.at)


_EFFECTS: Final[dict[str, Callable[[CaseFile, CaseFile, Any, Headed], CaseFile]]] = {
    CustodyOffered.kind: _offer,
    CustodyAccepted.kind: _accept,
    CustodyDeclined.kind: _decline,
    CustodyReassigned.kind: _reassign,
    CaseDecided.kind: _decide,
    PapersRequested.kind: _request_papers,
    PapersReceived.kind: _receive_papers,
    ResultHandedOver.kind: _end,
    CaseWithdrawn.kind: _end,
}


def _contributed(event: Contribution, header: Headed) -> Contributed:
    materials = event.materials if isinstance(event, PapersBrought) else ()
    return Contributed(
        event.after_turn, header.hash, event.operation, header.epoch.ordinal, event.kind, event.office, materials
    )


def _with(values: tuple[V, ...], value: V) -> tuple[V, ...]:
    """`values` and `value`, sorted, each once: what several arrivals leave must not show their order."""
    return tuple(sorted({*values, value}))


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

    def __init__(self, acts: list[tuple[Act, Headed]]) -> None:
        self.roots: list[_Node] = []
        self.nodes: dict[bytes, _Node] = {}
        self.held: set[bytes] = set()
        self.void: set[bytes] = set()
        self.breaches: set[Breach] = set()
        self._turns = {header.hash: event.turn for event, header in acts}
        # Should two hashes begin alike, the lower one is meant: the fold stays a function of the set.
        hashes = sorted(self._turns, reverse=True)
        self._named = {followed(link): link for link in hashes}
        for event, header in sorted(acts, key=_by_turn):
            self._place(event, header)
        for node in sorted(self.nodes.values(), key=lambda node: -node.event.turn):
            for child in node.children:
                node.seats |= child.seats | {child.seat}
                node.handed_over = node.handed_over or child.handed_over

    def _place(self, event: Act, header: Headed) -> None:
        """Judge one act. Predecessors come first, because an act whose turn does not follow is void at once."""
        if event.after is None:
            self._place_first(event, header)
            return
        before = self._named.get(event.after)
        if before is None:
            self.held.add(header.hash)
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
        else:
            node = _Node(event, header, _file(event, header))
            self.nodes[header.hash] = node
            self.roots.append(node)

    def _place_next(self, parent: _Node, event: Act, header: Headed) -> None:
        state = _act(parent.state, event, header)
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
        best: dict[OfficeId, _Node] = {}
        for node in sorted(reassigned or others, key=_precedence_within_a_seat):
            best.setdefault(node.seat, node)
        return min(best.values(), key=_precedence)


def _precedence_within_a_seat(node: _Node) -> tuple[bool, bool, int, bytes]:
    """Among what one seat wrote: RULINGS B2 behind B3's exception. What that seat itself put into a resident's hands is
    not taken away by an act that it has forgotten. Of other seats' acts no handing over says anything: anybody could
    write one.
    """
    return not node.handed_over, *_precedence(node)


def _precedence(node: _Node) -> tuple[bool, int, bytes]:
    """RULINGS B2: the act on which another office has built, then the lower epoch ordinal, then the lower hash."""
    return not node.built_on, node.header.epoch.ordinal, node.header.hash


def _by_turn(item: tuple[Act, Headed]) -> tuple[int, bytes]:
    return item[0].turn, item[1].hash


def _fold_set(items: list[Item]) -> CaseFile | None:
    """`fold` without its short cut: build the tree of acts, choose the branch, add what commutes."""
    distinct = {header.hash: (event, header) for event, header in items}
    if not distinct:
        return None
    acts = [(event, header) for event, header in distinct.values() if isinstance(event, Act)]
    notes = [_contributed(event, header) for event, header in distinct.values() if isinstance(event, Contribution)]
    tree = _Tree(acts)
    branch = tree.winning_branch()
    case = branch[-1].state if branch else CaseFile(items[0][1].subject or NO_CASE)
    breached = {breach.hash for breach in tree.breaches if breach.code in VOID}
    superseded = (tree.nodes.keys() | tree.void) - breached - {node.header.hash for node in branch}
    # Only who worked on this very case must hear how it goes on, not who filed another one under its number.
    of_this_case = branch[0].descendants() if branch else []
    losers = [node for node in of_this_case if node.header.hash in superseded]
    return replace(
        case,
        contributions=_each_once(notes) if branch else (),
        held=tuple(sorted(tree.held if branch else tree.held.union(note.hash for note in notes))),
        superseded=tuple(sorted(superseded)),
        breaches=tuple(sorted({*case.breaches, *tree.breaches})),
        informed=tuple(sorted({*case.informed, *_workers(losers)})),
    )


def _workers(nodes: Iterable[_Node]) -> set[OfficeId]:
    """The offices that wrote these acts, or to which they offered or gave the case."""
    offices: set[OfficeId] = set()
    for node in nodes:
        offices.add(node.event.office)
        offices |= {office for office in (node.state.offeree, node.state.custodian) if office is not None}
    return offices


def _each_once(notes: list[Contributed]) -> tuple[Contributed, ...]:
    """One contribution for each operation: a restored device may have written the same one again (RULINGS B10)."""
    kept: dict[bytes, Contributed] = {}
    for note in sorted(notes, key=lambda note: (note.ordinal, note.hash)):
        kept.setdefault(note.operation, note)
    return tuple(sorted(kept.values()))
