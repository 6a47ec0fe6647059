"""Timelines against the plain reading of the same statements, and brackets along what entries name by their hash."""

from hypothesis import given
from hypothesis import strategies as st

from hub.audit.brackets import Timeline, chained
from hub.audit.dossier import Bracket
from schemas.names import Instant

INSTANTS = st.integers(0, 30).map(Instant)
STATEMENTS = st.lists(st.tuples(st.integers(0, 20), INSTANTS), max_size=12)


@given(base=st.none() | INSTANTS, anchors=STATEMENTS, receipts=STATEMENTS, seq=st.integers(0, 21))
def test_a_timeline_says_what_all_statements_together_say(
    base: Instant | None, anchors: list[tuple[int, Instant]], receipts: list[tuple[int, Instant]], seq: int
) -> None:
    seen = [at for place, at in anchors if place < seq] + ([base] if base is not None else [])
    covering = [at for size, at in receipts if size > seq]
    line = Timeline(base)
    # One after the other, in whatever order they come.
    for place, at in anchors:
        line.see(place, at)
    for size, at in receipts:
        line.receive(size, at)
    for found in (line, Timeline(base, anchors, receipts)):
        assert found.not_before(seq) == max(seen, default=None)
        assert found.not_after(seq) == min(covering, default=None)


def test_an_act_was_written_after_what_it_names() -> None:
    own = [Bracket(Instant(5), Instant(9)), Bracket(Instant(2), Instant(8)), Bracket(None, Instant(12))]
    places = {b"a": 0, b"b": 1, b"c": 2}
    found = chained(own, [(), (b"a",), (b"b", b"elsewhere")], places)
    assert found == [own[0], Bracket(Instant(5), Instant(8)), Bracket(Instant(5), Instant(12))]


def test_a_name_that_stands_later_proves_nothing() -> None:
    own = [Bracket(None, None), Bracket(Instant(7), None)]
    assert chained(own, [(b"b", b"a"), ()], {b"a": 0, b"b": 1}) == own
