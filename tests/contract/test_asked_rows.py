"""Who is asked for an opinion, in rows: the same on SQLite and PostgreSQL as in the files, through every change."""

from sqlalchemy import delete, select

from office.case_rows import CaseRows
from office.database import Engines
from office.projection import SqlCases, clear_projections
from office.tables import asked
from schemas.casework.casefile import CaseFile
from schemas.casework.events import CaseDecided, OpinionGiven, OpinionsRequested
from schemas.casework.stages import UNDECIDED, Stage
from schemas.casework.values import Opinion, Outcome
from schemas.names import CaseId
from tests.support.casebook import CASE, COUNTY, TODAY, TOWNSHIP, WINDOW, Casebook
from tests.support.stages import DEPARTMENT, case_at
from tests.support.stores import SEALER


class Place:
    """The projection of one database."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.cases = SqlCases(engines.read, SEALER, bytes(32))

    async def keep(self, case: CaseFile) -> None:
        """One transaction in which others are asked than before."""
        async with self.engines.write.begin() as connection:
            await connection.execute(select(1))  # As in the store, the driver is at work in the transaction already.
            await self.cases.project(connection, CaseRows([case], [], {}, {}, asked=frozenset({case.case})))

    async def rows(self) -> set[tuple[str, CaseId]]:
        async with self.engines.read.connect() as connection:
            return {(row.office, CaseId(row.subject)) for row in await connection.execute(select(asked))}

    async def differing(self, case: CaseFile) -> list[CaseId]:
        """What `verify` would name: of a case that nobody outside its own line reads."""
        return await self.cases.find_differences({case.case: case}, {}, {}, is_due_counted=True)


async def test_rows_follow_the_case_from_the_request_to_the_decision(engines: Engines) -> None:
    place, book = Place(engines), Casebook()

    async def offices() -> set[str]:
        await place.keep(book.case)
        found = await place.rows()
        assert {subject for _, subject in found} <= {CASE}
        return {office for office, _ in found}

    book.accepted_at_township()
    assert await offices() == set()
    book.act(OpinionsRequested, TOWNSHIP, (WINDOW, DEPARTMENT, COUNTY), TODAY)
    assert await offices() == {WINDOW, DEPARTMENT, COUNTY}
    book.contribute(OpinionGiven, WINDOW, Opinion.OBJECTS, "占用林地")
    assert await offices() == {DEPARTMENT, COUNTY}
    again = book.act(OpinionsRequested, TOWNSHIP, (WINDOW,), TODAY)
    assert await offices() == {WINDOW, DEPARTMENT, COUNTY}, "asked anew"
    book.contribute(OpinionGiven, WINDOW, Opinion.AGREES, "已整改")
    assert await offices() == {DEPARTMENT, COUNTY}
    book.go_back_to(again)
    book.act(CaseDecided, TOWNSHIP, Outcome.REFUSED, "不符合条件", "社会保险法第20条", "60日内申请行政复议")
    assert await offices() == set()


async def test_only_what_is_undecided_is_asked_about(engines: Engines) -> None:
    place = Place(engines)
    for stage in Stage:
        await place.keep(case_at(stage))
        assert await place.rows() == ({(DEPARTMENT, CASE)} if stage in UNDECIDED else set()), stage


async def test_a_row_that_is_missing_or_too_many_is_named_and_a_rebuild_begins_without_any(engines: Engines) -> None:
    place, book = Place(engines), Casebook()
    book.accepted_at_township()
    book.act(OpinionsRequested, TOWNSHIP, (COUNTY,), TODAY)
    await place.keep(book.case)
    assert await place.differing(book.case) == []
    for change in (asked.insert().values(subject=CASE, office=WINDOW), delete(asked)):
        async with engines.write.begin() as connection:
            await connection.execute(change)
        assert await place.differing(book.case) == [CASE]
    await place.keep(book.case)
    assert await place.differing(book.case) == []
    async with engines.write.begin() as connection:
        await clear_projections(connection)
    assert await place.rows() == set()
