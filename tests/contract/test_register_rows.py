"""The rows of the register on SQLite and PostgreSQL: what is written is read back, dropped, counted and compared."""

from collections.abc import Sequence

from sqlalchemy import func, select

from office.case_rows import CaseRows
from office.database import Engines
from office.projection import SqlCases
from office.register import RegisterRows, Row
from office.tables import enquiries, records
from schemas.names import Instant, OfficeId
from schemas.register import OpeningPublished, Published, encode_record
from schemas.register_fold import Register
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, County
from tests.support.publications import FIRST_DAY, edition, enquiry, opening, publish_edition
from tests.support.stores import JOURNAL, SEALER


def row(number: int, event: Published) -> Row:
    """An entry's row."""
    digest = number.to_bytes(32, "big")
    return Row(event, 1, number, digest, Instant(1000 + number), encode_record(event), (JOURNAL, number))


def published() -> list[Row]:
    """An edition, its items, an opening, two enquiries."""
    county = County(TOWNSHIP)
    publish_edition(county[COUNTY], 1, edition())
    events = [record.event for record in county[COUNTY].casebook.register.records()]
    events += [opening(TOWNSHIP, VILLAGE, 2, 1, 5), enquiry(TOWNSHIP, 3), enquiry(TOWNSHIP, 4, "")]
    return [row(number, event) for number, event in enumerate(events, start=1)]


async def write(engines: Engines, cases: SqlCases, changes: dict[bytes, Row | None]) -> None:
    """One transaction."""
    async with engines.write.begin() as connection:
        await cases.project(connection, CaseRows([], [], {}, {}, register=RegisterRows(changes)))


def changes_of(rows: Sequence[Row]) -> dict[bytes, Row | None]:
    """All of them."""
    return {each.hash: each for each in rows}


async def test_the_register_is_read_back_as_it_was_written(engines: Engines) -> None:
    cases = SqlCases(engines.read, SEALER, bytes(32))
    rows = published()
    await write(engines, cases, changes_of(rows))
    await write(engines, cases, changes_of(rows))
    held = Register(await cases.read_records())
    assert held.records() == Register(each.record for each in rows if each.record is not None).records()
    assert [found.version for found in held.editions()] == ["2026.1"]
    assert await cases.count_register() == len(rows)
    async with engines.read.connect() as connection:
        asked = select(enquiries.c.office, enquiries.c.item, func.count()).group_by(
            enquiries.c.office, enquiries.c.item
        )
        counted = {tuple(found) for found in (await connection.execute(asked)).all()}
        opened = (await connection.execute(select(records).where(records.c.key == VILLAGE))).one()
    assert counted == {(TOWNSHIP, "RS01", 1), (TOWNSHIP, "", 1)}
    assert (opened.kind, opened.effective_from, opened.effective_until) == (OpeningPublished.kind, FIRST_DAY, None)
    assert opened.office == TOWNSHIP
    assert OfficeId(VILLAGE).encode() not in opened.body


async def test_what_no_longer_counts_leaves_no_row(engines: Engines) -> None:
    cases = SqlCases(engines.read, SEALER, bytes(32))
    rows = published()
    await write(engines, cases, changes_of(rows))
    await write(engines, cases, {each.hash: None for each in rows[1:]})
    assert await cases.read_records() == [rows[0].record]
    assert await cases.count_register() == 1


async def test_a_row_that_was_changed_or_is_missing_is_found(engines: Engines) -> None:
    cases = SqlCases(engines.read, SEALER, bytes(32))
    rows = published()
    await write(engines, cases, changes_of(rows))
    assert await cases.find_register_differences(RegisterRows(changes_of(rows))) == []
    async with engines.write.begin() as connection:
        await connection.execute(records.update().where(records.c.hash == rows[0].hash).values(key="another"))
        await connection.execute(enquiries.delete().where(enquiries.c.hash == rows[-1].hash))
    differing = await cases.find_register_differences(RegisterRows(changes_of(rows) | {rows[1].hash: None}))
    assert differing == [rows[0].hash, rows[1].hash, rows[-1].hash]


async def test_a_body_that_does_not_open_stops_no_start(engines: Engines) -> None:
    cases = SqlCases(engines.read, SEALER, bytes(32))
    rows = published()
    await write(engines, cases, changes_of(rows))
    async with engines.write.begin() as connection:
        await connection.execute(records.update().where(records.c.hash == rows[0].hash).values(body=b"rot"))
    held = {record.hash for record in await cases.read_records()}
    assert rows[0].hash not in held
    assert rows[1].hash in held


def test_a_projection_is_written_row_by_row_where_one_cannot_be() -> None:
    rows = published()
    whole = CaseRows([], [], {}, {}, register=RegisterRows(changes_of(rows)))
    assert len(whole.pieces()) == len(rows)
    assert [disposition.key for disposition in whole.pieces()[0].spoiled()] == [rows[0].place]
