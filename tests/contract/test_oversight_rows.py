"""The rows of oversight on SQLite and PostgreSQL: written, read back by thread and number, compared, dropped."""

from collections.abc import Sequence

from msgspec import structs

from office.case_rows import CaseRows
from office.database import Engines
from office.projection import SqlCases
from office.register import RegisterRows, Row
from office.tables import oversight
from schemas.names import Instant
from schemas.oversight import OrderIssued, Overseen, encode_overseen
from schemas.oversight_fold import Stage, fold_all
from tests.golden.oversight import ROOT, overseen
from tests.support.stores import JOURNAL, SEALER


def row(number: int, event: Overseen, digest: bytes = b"") -> Row:
    """An entry's row."""
    digest = digest or number.to_bytes(32, "big")
    body = encode_overseen(event)
    return Row(event, JOURNAL.epoch.ordinal, number, digest, Instant(1000 + number), body, (JOURNAL, number))


def rows() -> list[Row]:
    """One of each kind; the first is what the acts are about."""
    first, *others = overseen()
    return [row(0, first, ROOT), *(row(number, event) for number, event in enumerate(others, start=1))]


async def write(engines: Engines, cases: SqlCases, changes: dict[bytes, Row | None]) -> None:
    """One transaction."""
    async with engines.write.begin() as connection:
        await cases.project(connection, CaseRows([], [], {}, {}, register=RegisterRows(changes)))


def changes_of(some: Sequence[Row]) -> dict[bytes, Row | None]:
    """All of them."""
    return {each.hash: each for each in some}


async def test_oversight_is_read_back_as_it_was_written(engines: Engines) -> None:
    cases = SqlCases(engines.read, SEALER, bytes(32))
    made = rows()
    await write(engines, cases, changes_of(made))
    await write(engines, cases, changes_of(made))
    thread = await cases.read_threads([ROOT])
    assert {one.hash: one for one in thread} == {
        one.hash: one.filed for one in made if one.filed and one.filed.thread == ROOT
    }
    assert {one.event.kind for one in thread} >= {"order.issued", "order.answered", "order.withdrawn"}
    (order,) = fold_all(thread).orders
    assert order.stage is Stage.WITHDRAWN
    numbered = await cases.read_overseen([OrderIssued.kind, "circular.published"], "510824-督-")
    assert [one.event.kind for one in numbered] == [OrderIssued.kind]
    assert await cases.read_overseen([OrderIssued.kind], "510824-督-2027_") == [], "an underscore is no wildcard"
    assert await cases.read_threads([]) == []
    assert await cases.count_register() == len(made)
    assert await cases.read_records() == []


async def test_no_body_lies_open(engines: Engines) -> None:
    cases = SqlCases(engines.read, SEALER, bytes(32))
    await write(engines, cases, changes_of(rows()))
    async with engines.read.connect() as connection:
        kept = (await connection.execute(oversight.select())).all()
    assert len(kept) == len(rows())
    for one in kept:
        assert "超过".encode() not in one.body
        assert not any(isinstance(value, str) and "超过" in value for value in one)


async def test_a_row_that_was_changed_or_is_missing_is_found(engines: Engines) -> None:
    cases = SqlCases(engines.read, SEALER, bytes(32))
    made = rows()
    await write(engines, cases, changes_of(made))
    assert await cases.find_register_differences(RegisterRows(changes_of(made))) == []
    async with engines.write.begin() as connection:
        await connection.execute(oversight.update().where(oversight.c.hash == made[0].hash).values(due_day=20300101))
        await connection.execute(oversight.delete().where(oversight.c.hash == made[1].hash))
    differing = await cases.find_register_differences(RegisterRows(changes_of(made) | {made[2].hash: None}))
    assert differing == [made[0].hash, made[1].hash, made[2].hash]


async def test_a_body_that_does_not_open_stops_nothing(engines: Engines) -> None:
    cases = SqlCases(engines.read, SEALER, bytes(32))
    made = rows()
    await write(engines, cases, changes_of(made))
    async with engines.write.begin() as connection:
        await connection.execute(oversight.update().where(oversight.c.hash == made[1].hash).values(body=b"rot"))
    held = {one.hash for one in await cases.read_threads([ROOT])}
    assert made[1].hash not in held
    assert ROOT in held


async def test_what_no_longer_counts_leaves_no_row(engines: Engines) -> None:
    cases = SqlCases(engines.read, SEALER, bytes(32))
    made = rows()
    await write(engines, cases, changes_of(made))
    await write(engines, cases, {each.hash: None for each in made[1:]})
    assert [one.hash for one in await cases.read_threads([ROOT])] == [ROOT]
    assert await cases.count_register() == 1


def test_an_entry_of_the_register_is_none_of_oversight() -> None:
    made = rows()[0]
    assert made.record is None
    assert made.filed is not None
    assert structs.replace(made, seq=9).filed != made.filed
