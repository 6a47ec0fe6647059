"""The walk over one journal, whole or in stretches: the same roots, and the same entry named."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from hub.audit.chain import Course, Found, Part, Row, Walk, join
from schemas.wire import ZERO_HASH, body_digest, encode_head, entry_hash
from sync.core.merkle import Frontier, root_of

PREFIX = b"prefix of a journal"
NOBODY: frozenset[bytes] = frozenset()


def clear(name: bytes, stored: bytes) -> bytes:
    """Bodies of these journals lie open."""
    return stored


def journal(size: int) -> tuple[Course, list[Row]]:
    """A journal's rows, and what its own row says."""
    rows: list[Row] = []
    prev = ZERO_HASH
    for seq in range(size):
        salt, body = seq.to_bytes(8, "big"), b"body %d" % seq
        head = encode_head(1000 + seq, "case.filed", None)  # pyright: ignore[reportArgumentType]
        prev = entry_hash(PREFIX, seq, prev, body_digest(salt, body), head)
        rows.append((1, seq, seq + 1, 0, 1000 + seq, b"case.filed", None, head, salt, body, prev, None))
    return Course(1, "j", PREFIX, size, prev, Frontier().extend(row[10] for row in rows).root()), rows


def walk(course: Course, rows: list[Row], sizes: list[int], stretch: int, chunk: int) -> list[Found]:
    """What is found in stretches of so many entries, `chunk` rows at a time."""
    links = {row[1]: row[10] for row in rows}
    dues = [(size, root_of(row[10] for row in journal(course.size)[1][:size])) for size in sizes]
    parts: list[Part] = []
    found: list[Found] = []
    for start in range(0, course.size, stretch):
        stop = start + stretch if start + stretch < course.size else None
        here = [row for row in rows if start <= row[1] < (course.size if stop is None else stop)]
        prev = links.get(start - 1) if start else ZERO_HASH
        inside = [due for due in dues if start < due[0] and (stop is None or due[0] <= stop)]
        one = Walk(course, inside, clear, NOBODY, start=start, stop=stop, prev=prev)
        for at in range(0, len(here), chunk):
            one.take(here[at : at + chunk])
        one.finish()
        found += one.found
        parts.append(one.part)
    return found + join(course, parts)


@given(size=st.integers(1, 150), power=st.integers(0, 7), chunk=st.integers(1, 40), sizes=st.sets(st.integers(1, 150)))
def test_an_honest_journal_fits_in_any_stretches(size: int, power: int, chunk: int, sizes: set[int]) -> None:
    course, rows = journal(size)
    assert walk(course, rows, sorted(one for one in sizes if one <= size), 2**power, chunk) == []


@given(size=st.integers(2, 120), power=st.integers(0, 7), seed=st.integers(0, 2**32))
def test_a_root_that_is_not_that_of_the_entries_is_found_in_any_stretch(size: int, power: int, seed: int) -> None:
    """A whole other journal, well chained, under the roots that were signed for the first."""
    course, rows = journal(size)
    random = Random(seed)
    at = random.randrange(size)
    prev = rows[at - 1][10] if at else ZERO_HASH
    for seq in range(at, size):
        row = list(rows[seq])
        row[9] = b"another body" if seq == at else row[9]
        prev = row[10] = entry_hash(PREFIX, seq, prev, body_digest(row[8], row[9]), row[7])
        rows[seq] = tuple(row)
    found = walk(course, rows, [random.randint(at + 1, size)], 2**power, 16)
    assert found
    assert {one.fault.code for one in found} == {"changed"}


@given(size=st.integers(2, 120), power=st.integers(0, 7), at=st.integers(0, 119), column=st.sampled_from([7, 8, 9, 10]))
def test_a_changed_byte_names_its_entry_in_any_stretch(size: int, power: int, at: int, column: int) -> None:
    course, rows = journal(size)
    at %= size
    row = list(rows[at])
    row[column] = bytes([row[column][0] ^ 1]) + row[column][1:]
    rows[at] = tuple(row)
    found = walk(course, rows, [size], 2**power, 16)
    assert min(one.seq for one in found) == at
    assert f"j #{at}" in {one.fault.where for one in found}


@given(size=st.integers(3, 120), power=st.integers(0, 7), at=st.integers(0, 119))
def test_a_row_that_is_gone_is_named_in_any_stretch(size: int, power: int, at: int) -> None:
    course, rows = journal(size)
    at %= size
    del rows[at]
    found = walk(course, rows, [size], 2**power, 16)
    assert f"j #{at}" in {one.fault.where for one in found}
    assert {one.fault.code for one in found} <= {"missing", "cut_off"}


def test_values_of_another_kind_are_faults_not_failures() -> None:
    """SQLite keeps any type in any column."""
    course, rows = journal(6)
    for column in (4, 5, 6, 7, 8, 9, 10):
        for value in (None, 5, "text", b"", 2.5):
            if value == rows[3][column] or (column == 6 and value is None):
                continue
            spoiled = [*rows[:3], (*rows[3][:column], value, *rows[3][column + 1 :]), *rows[4:]]
            one = Walk(course, [], clear, NOBODY)
            one.take(spoiled)
            one.finish()
            assert any(found.seq == 3 for found in one.found) or one.bare == [3], (column, value)
