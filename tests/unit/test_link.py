"""The numbers of one line: what is posted, sent, acknowledged, stated; and that the receiver's cursor always wins."""

import pytest
from msgspec.structs import replace

from schemas.codec import PAGE_ENTRIES_MAX
from schemas.names import Epoch, JournalId, NodeId
from schemas.wire import Cursor, Lane, Size
from sync.core.link import PAGE_GROWTH_ENTRIES, STATED_MAX, WINDOW_PAGES_MAX, Link, Placement
from tests.support.network import TOWNSHIP, size

FIRST = Epoch(1, b"first.")
SECOND = Epoch(2, b"second")
THEIRS = Epoch(7, b"theirs")
JOURNAL = JournalId(NodeId("a" * 16), FIRST)
OTHER = JournalId(NodeId("b" * 16), FIRST)


def a_link() -> Link:
    return Link(NodeId("t" * 16), TOWNSHIP)


# --- sending ---------------------------------------------------------------------------------------------------------


def test_numbers_of_a_stream_begin_at_one_and_have_no_gaps() -> None:
    link = a_link()
    assert [link.post(Lane.RUNS, FIRST, 3), link.post(Lane.RUNS, FIRST, 1), link.post(Lane.EXCERPTS, FIRST, 1)] == [
        1,
        4,
        1,
    ]
    assert link.waiting() == 5


def test_the_oldest_stream_is_sent_first_and_no_stream_is_skipped() -> None:
    """RULINGS A1: village acknowledged to 500, township restored to 300, its new 301–500 must still be sent."""
    link = a_link()
    link.post(Lane.RUNS, SECOND, 2)
    link.post(Lane.RUNS, FIRST, 5)
    link.hear_cursors([Cursor(Lane.RUNS, FIRST, 3)], {FIRST, SECOND}, full=True)
    assert link.unsent(Lane.RUNS) == [(FIRST, 3, 5), (SECOND, 0, 2)]
    assert link.unsent(Lane.EXCERPTS) == []


def test_what_is_in_flight_is_not_sent_again_until_it_is_lost() -> None:
    link = a_link()
    link.post(Lane.RUNS, FIRST, 5)
    link.sent(Lane.RUNS, FIRST, 3)
    link.sent(Lane.RUNS, FIRST, 2)
    assert link.unsent(Lane.RUNS) == [(FIRST, 3, 5)]
    link.exchange_failed()
    assert link.unsent(Lane.RUNS) == [(FIRST, 0, 5)]


def test_pages_halve_when_they_are_lost_and_grow_when_they_come_through() -> None:
    link = a_link()
    assert link.page_entries == PAGE_ENTRIES_MAX
    for _ in range(12):
        link.exchange_failed()
    assert (link.page_entries, link.window) == (1, 1)
    link.exchange_succeeded()
    assert link.page_entries == 1 + PAGE_GROWTH_ENTRIES
    for _ in range(12):
        link.exchange_succeeded()
    assert (link.page_entries, link.window) == (PAGE_ENTRIES_MAX, WINDOW_PAGES_MAX)


# --- cursors that are stated -----------------------------------------------------------------------------------------


def test_the_receivers_cursor_overwrites_ours_forward_and_back() -> None:
    link = a_link()
    link.post(Lane.RUNS, FIRST, 9)
    link.sent(Lane.RUNS, FIRST, 9)
    assert link.hear_cursors([Cursor(Lane.RUNS, FIRST, 8)], {FIRST}, full=False) == []
    assert link.waiting() == 1
    link.hear_cursors([Cursor(Lane.RUNS, FIRST, 2)], {FIRST}, full=False)
    assert link.unsent(Lane.RUNS) == [(FIRST, 2, 9)]


def test_a_full_statement_that_is_silent_about_a_stream_holds_nothing_of_it() -> None:
    link = a_link()
    link.post(Lane.RUNS, FIRST, 4)
    link.hear_cursors([Cursor(Lane.RUNS, FIRST, 4)], {FIRST}, full=True)
    link.hear_cursors([], {FIRST}, full=False)
    assert link.waiting() == 0
    link.hear_cursors([], {FIRST}, full=True)
    assert link.waiting() == 4


def test_a_number_beyond_the_end_shows_once_that_we_were_rolled_back() -> None:
    link = a_link()
    link.post(Lane.RUNS, FIRST, 3)
    beyond = [Cursor(Lane.RUNS, FIRST, 9), Cursor(Lane.RUNS, THEIRS, 9), Cursor(Lane.RUNS, SECOND, 1)]
    assert link.hear_cursors(beyond, {FIRST, SECOND}, full=True) == [(Lane.RUNS, FIRST), (Lane.RUNS, SECOND)]
    assert link.acknowledged[(Lane.RUNS, FIRST)] == 3
    assert link.hear_cursors(beyond, {FIRST, SECOND}, full=True) == []


# --- a neighbour that starts anew ------------------------------------------------------------------------------------


def test_a_neighbour_that_starts_anew_has_forgotten_what_was_said() -> None:
    link = a_link()
    assert link.hear_epoch(THEIRS)
    assert not link.hear_epoch(THEIRS)
    link.hear_sizes(1, True, [size(JOURNAL, 3)])
    link.state_sizes({JOURNAL: 3}, 0)
    link.could_not_give(JOURNAL, 3, 8)
    link.post(Lane.RUNS, FIRST, 2)
    link.sent(Lane.RUNS, FIRST, 2)
    assert link.hear_epoch(Epoch(8, b"theirs"))
    assert (link.heard, link.heard_statement, link.heard_fully) == ({}, 0, False)
    assert link.state_sizes({JOURNAL: 3}, link.seen_by_neighbour) == (2, True, [size(JOURNAL, 3)])
    assert not link.not_held
    assert link.unsent(Lane.RUNS) == [(FIRST, 0, 2)]


# --- statements of sizes ----------------------------------------------------------------------------------------------


def test_the_first_statement_is_full_and_the_next_ones_say_what_changed() -> None:
    link = a_link()
    assert link.state_sizes({JOURNAL: 3, OTHER: 1}, 0) == (1, True, [size(JOURNAL, 3), size(OTHER, 1)])
    assert link.state_sizes({JOURNAL: 4, OTHER: 1}, 1) == (2, False, [size(JOURNAL, 4)])
    assert link.state_sizes({JOURNAL: 4, OTHER: 1}, 2) == (0, False, [])


def test_a_statement_that_was_lost_is_made_again() -> None:
    link = a_link()
    link.state_sizes({JOURNAL: 3}, 0)
    link.state_sizes({JOURNAL: 4}, 1)
    assert link.state_sizes({JOURNAL: 5}, 1) == (3, False, [size(JOURNAL, 5)])


def test_a_statement_that_comes_late_takes_nothing_back() -> None:
    link = a_link()
    link.hear_sizes(1, True, [size(JOURNAL, 3)])
    link.hear_sizes(3, False, [size(JOURNAL, 5)])
    link.hear_sizes(2, False, [size(JOURNAL, 4)])
    assert (link.heard, link.heard_statement) == ({JOURNAL: 5}, 3)


def test_a_neighbour_that_a_late_page_took_back_is_told_everything_again() -> None:
    ours, theirs = a_link(), a_link()
    first = ours.state_sizes({JOURNAL: 3, OTHER: 1}, 0)
    theirs.hear_sizes(*first)
    theirs.hear_sizes(*ours.state_sizes({JOURNAL: 4, OTHER: 1}, theirs.heard_statement))
    assert ours.state_sizes({JOURNAL: 4, OTHER: 1}, theirs.heard_statement)[0] == 0
    theirs.hear_sizes(*first)  # late, off a stick
    theirs.hear_sizes(*ours.state_sizes({JOURNAL: 4, OTHER: 1}, theirs.heard_statement))
    assert theirs.heard == {JOURNAL: 4, OTHER: 1}
    theirs.hear_epoch(FIRST)  # a late page of an older start makes everything forgotten …
    theirs.hear_epoch(SECOND)
    assert theirs.heard == {}
    theirs.hear_sizes(*ours.state_sizes({JOURNAL: 4, OTHER: 1}, theirs.heard_statement))
    assert theirs.heard == {JOURNAL: 4, OTHER: 1}


def test_changes_to_a_statement_that_was_never_heard_say_nothing() -> None:
    link = a_link()
    link.hear_sizes(2, False, [size(JOURNAL, 4)])
    assert (link.heard, link.heard_statement) == ({}, 0)


def test_a_neighbour_that_states_more_may_be_asked_again() -> None:
    link = a_link()
    link.hear_sizes(1, True, [size(JOURNAL, 3)])
    link.could_not_give(JOURNAL, 3, 8)
    link.could_not_give(OTHER, 1, 2)
    link.hear_sizes(2, False, [size(JOURNAL, 4)])
    assert (link.beyond_holes(JOURNAL, 3), link.beyond_holes(OTHER, 1)) == (3, 2)


def test_a_neighbour_is_asked_behind_all_that_it_could_not_give() -> None:
    link = a_link()
    link.could_not_give(JOURNAL, 3, 8)
    link.could_not_give(JOURNAL, 8, 20)
    assert (link.beyond_holes(JOURNAL, 3), link.beyond_holes(JOURNAL, 4)) == (20, 4)


def test_a_neighbour_cannot_fill_our_memory_with_journals() -> None:
    link = a_link()
    sizes = [Size(JOURNAL.origin, Epoch(number, b"nonce6"), 1) for number in range(STATED_MAX)]
    link.hear_sizes(1, True, sizes)
    link.hear_sizes(2, False, [size(OTHER, 1), replace(sizes[0], size=2)])
    assert len(link.heard) == len(link.news) == STATED_MAX
    assert link.heard[sizes[0].journal] == 2


def test_an_empty_first_statement_is_still_a_statement() -> None:
    assert a_link().state_sizes({}, 0) == (1, True, [])


def test_what_the_neighbour_states_is_remembered_and_replaced_by_a_full_statement() -> None:
    link = a_link()
    link.hear_sizes(0, False, [size(JOURNAL, 9)])
    assert link.heard == {}
    link.hear_sizes(1, True, [size(JOURNAL, 3), size(OTHER, 1)])
    link.hear_sizes(2, False, [size(OTHER, 2)])
    assert link.heard == {JOURNAL: 3, OTHER: 2}
    link.hear_sizes(3, True, [])
    assert (link.heard, link.heard_fully, link.heard_statement) == ({}, True, 3)


# --- receiving --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "count", "placement"),
    [
        (1, 5, Placement.HELD),
        (4, 2, Placement.HELD),
        (5, 1, Placement.HELD),
        (6, 1, Placement.NEXT),
        (3, 4, Placement.NEXT),
        (7, 1, Placement.GAP),
    ],
)
def test_where_a_stretch_stands_to_the_cursor(first: int, count: int, placement: Placement) -> None:
    link = a_link()
    link.hold(Lane.RUNS, THEIRS, 5)
    assert link.place(Lane.RUNS, THEIRS, first, count) is placement


def test_lanes_and_epochs_have_cursors_of_their_own() -> None:
    link = a_link()
    link.hold(Lane.RUNS, THEIRS, 5)
    assert link.place(Lane.EXCERPTS, THEIRS, 6, 1) is Placement.GAP
    assert link.place(Lane.RUNS, SECOND, 1, 1) is Placement.NEXT


def test_cursors_are_stated_in_full_at_first_and_then_as_they_move() -> None:
    link = a_link()
    link.held[(Lane.RUNS, FIRST)] = 4  # as read from the store at the start
    link.hold(Lane.EXCERPTS, SECOND, 2)
    assert link.cursors() == [Cursor(Lane.EXCERPTS, SECOND, 2), Cursor(Lane.RUNS, FIRST, 4)]
    assert link.cursors(full=False) == [Cursor(Lane.EXCERPTS, SECOND, 2)]
