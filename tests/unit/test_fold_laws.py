"""The laws of the fold, over casebooks as honest, restored, hasty and hostile offices would write them together.

A function of the set of entries, whatever their order and number; one step equals a refold; every entry is accounted
for; one pen; the spans tell one life; no entry whatever makes it fail.
"""

import random
from itertools import pairwise
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.casework import casefile
from schemas.casework.casefile import CaseFile
from schemas.casework.events import EVENTS, Act, CaseEvent, CaseFiled, Contribution
from schemas.casework.fold import Item, fold, follow
from schemas.casework.stages import IN_TRANSIT, Stage
from schemas.casework.visibility import readers
from schemas.codec import decode, encode
from schemas.names import OfficeId, followed
from tests.golden.casework import events
from tests.support.casebook import COUNTY, OTHER_TOWNSHIP, OTHER_VILLAGE, TOWNSHIP, VILLAGE, WINDOW, Casebook, digest
from tests.support.stages import book_at

OFFICES: Final = (VILLAGE, TOWNSHIP, COUNTY, OTHER_TOWNSHIP, WINDOW)

STATED: Final = {event.kind: event for event in events() if event.kind != CaseFiled.kind}
"""One event of every kind, with every field filled."""

ACTS: Final = tuple(kind for kind, event in STATED.items() if isinstance(event, Act))
NOTES: Final = tuple(kind for kind, event in STATED.items() if isinstance(event, Contribution))
MOVES: Final = ("custody.offered", "custody.accepted", "custody.accepted", "case.decided", "result.handed_over")
"""Drawn as often again as all others, so that cases get somewhere."""


@st.composite
def entry_sets(draw: st.DrawFn) -> list[Item]:
    """Any act and any contribution anywhere in the tree of acts, from any start; some have not arrived."""
    book = book_at(draw(st.sampled_from(Stage))) if draw(st.booleans()) else Casebook()
    if not book.items:
        book.file(ordinal=draw(st.integers(1, 2)))
    known = [item for item in book.items if isinstance(item[0], Act)]
    for _ in range(draw(st.integers(0, 10))):
        # Mostly the newest act is followed, so that long lawful branches occur as well as wild ones.
        book.go_back_to(known[-1] if draw(st.integers(0, 3)) else draw(st.sampled_from(known)))
        state = book.case
        office, ordinal = draw(st.sampled_from(OFFICES)), draw(st.integers(1, 3))
        # Mostly the office that may act does, else nothing would ever happen.
        if draw(st.integers(0, 3)):
            office = state.custodian or state.offeree or office
        if draw(st.integers(0, 3)):
            kind = draw(st.sampled_from(ACTS + MOVES * 3))
            fields = _fields(STATED[kind], 5)
            if kind in ("custody.offered", "custody.reassigned", "case.rehomed"):
                fields = (draw(st.sampled_from(OFFICES)), *fields[1:])
            if kind in ("custody.reassigned", "case.rehomed"):
                office = draw(st.sampled_from((COUNTY, COUNTY, TOWNSHIP)))
            # Now and then a turn that does not follow.
            book.turn = max(book.turn + draw(st.sampled_from((0,) * 8 + (-1, 1))), 0)
            known.append(book.act(EVENTS[kind], office, *fields, ordinal=ordinal))  # pyright: ignore[reportArgumentType]
        else:
            kind = draw(st.sampled_from(NOTES))
            operation = digest(draw(st.integers(0, 5)))[:8]
            book.contribute(
                EVENTS[kind],  # pyright: ignore[reportArgumentType]
                office,
                *_fields(STATED[kind], 4),
                operation=operation,
                ordinal=ordinal,
            )
    if draw(st.booleans()):
        book.items += [draw(st.sampled_from((filed_by_a_stranger(), filed_again(book.items[0]))))]
    return [item for item in book.items if draw(st.integers(0, 7))]


def _fields(event: CaseEvent, after: int) -> tuple[object, ...]:
    return tuple(getattr(event, name) for name in event.__struct_fields__[after:])


def filed_by_a_stranger() -> Item:
    book = Casebook()
    return book.file(OTHER_VILLAGE, ordinal=1)


def filed_again(item: Item) -> Item:
    """The same filing in another epoch: a restored device sent its form again."""
    book = Casebook()
    book.items = [item]
    book.file(ordinal=3)
    return book.items[1]


@settings(max_examples=150, deadline=None)
@given(entry_sets(), st.randoms(use_true_random=False))
def test_the_fold_is_a_function_of_the_set(items: list[Item], chance: random.Random) -> None:
    expected = fold(items)
    for _ in range(3):
        shuffled = items + chance.choices(items, k=3) if items else []
        chance.shuffle(shuffled)
        assert fold(shuffled) == expected


@settings(max_examples=150, deadline=None)
@given(entry_sets(), st.randoms(use_true_random=False))
def test_an_entry_that_follows_makes_what_a_refold_makes(items: list[Item], chance: random.Random) -> None:
    if chance.random() < 0.5:
        chance.shuffle(items)
    case: CaseFile | None = None
    for count, (event, header) in enumerate(items, start=1):
        whole = fold(reversed(items[:count]))
        case = follow(case, event, header) or fold(items[:count])
        assert case == whole


@settings(max_examples=80, deadline=None)
@given(entry_sets())
def test_every_entry_is_accounted_for_and_the_blob_is_the_case(items: list[Item]) -> None:
    case = fold(items)
    if case is None:
        return
    assert decode(encode(case), CaseFile) == case
    void = {breach.hash for breach in case.breaches if breach.code in casefile.VOID}
    acts = {header.hash for event, header in items if isinstance(event, Act)}
    named = {followed(link): link for link in acts}
    parents = {header.hash: event.after for event, header in items if isinstance(event, Act)}
    branch: set[bytes] = set()
    here: bytes | None = case.tip or None
    while here is not None:
        branch.add(named[here])
        here = parents[named[here]]
    groups = [branch, void, set(case.superseded), set(case.held) & acts]
    assert set().union(*groups) == acts
    assert sum(map(len, groups)) == len(acts), "each act counts, is void, superseded or held: exactly one of them"
    assert len(branch) == case.turn


@settings(max_examples=80, deadline=None)
@given(entry_sets())
def test_at_most_one_office_holds_the_pen(items: list[Item]) -> None:
    case = fold(items)
    if case is None or case.filing is None:
        return
    assert (case.custodian is None) == (case.offeree is not None) == (case.offerer is not None)
    assert isinstance(case.filing, CaseFiled)


@settings(max_examples=150, deadline=None)
@given(entry_sets())
def test_the_spans_tell_one_life_from_the_filing_on(items: list[Item]) -> None:
    """Total time = the sum over custodians and the way between them, since each span ends where the next begins."""
    case = fold(items)
    if case is None or case.filing is None:
        return
    first, last = case.spans[0], case.spans[-1]
    assert (first.office, first.since) == (case.filing_office, case.filed_at)
    assert all(one.office != other.office for one, other in pairwise(case.spans))
    assert last.office == case.custodian
    assert (last.office is None) == (case.stage in IN_TRANSIT)
    assert {span.office for span in case.spans} - {None} == set(case.holders)
    until = last.since + 1
    ends = [*(span.since for span in case.spans[1:]), until]
    spent = [end - span.since for span, end in zip(case.spans, ends, strict=True)]
    assert case.filed_at is not None
    assert sum(spent) == until - case.filed_at


@settings(max_examples=150, deadline=None)
@given(entry_sets())
def test_contributions_commute_and_everything_told_of_a_case_can_be_told(items: list[Item]) -> None:
    """No property fails on what anybody may have written, and none depends on what is no one's business here."""
    case = fold(items)
    if case is None:
        return
    for one in _TOLD:
        getattr(case, one)
    assert len({(one.office, one.operation) for one in case.contributions}) == len(case.contributions)
    assert case.opinions.keys() <= set(case.course.consulted)
    assert set(case.silent) == set(case.course.consulted) - case.opinions.keys()
    assert (case.stage is Stage.SUSPENDED) == any(pause.until is None for pause in case.course.pauses)
    if case.filing is not None:
        assert {case.filing_office, case.custodian, case.offeree, *case.course.consulted} - {None} <= readers(case)


_TOLD: Final = tuple(name for name, value in vars(CaseFile).items() if isinstance(value, property))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(Stage), st.sampled_from(sorted(EVENTS)), st.sampled_from(OFFICES), st.booleans())
def test_no_entry_of_any_kind_fails_at_any_stage(stage: Stage, kind: str, office: OfficeId, by_village: bool) -> None:
    book = book_at(stage, VILLAGE if by_village else TOWNSHIP)
    event = STATED.get(kind)
    if event is None:
        book.file(office)
    elif isinstance(event, Act):
        book.keep(replace(event, turn=book.turn + 1, after=book.tip, office=office))
    else:
        book.contribute(EVENTS[kind], office, *_fields(event, 4))  # pyright: ignore[reportArgumentType]
    case = book.case
    assert fold(reversed(book.items)) == case
