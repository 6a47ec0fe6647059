"""Which cases an office still has to do with, asked of the rows: the same on SQLite and PostgreSQL as of the files."""

from msgspec.structs import replace
from sqlalchemy import select

from office.case_rows import CaseRows, MemoryCases
from office.database import Engines
from office.projection import SqlCases
from schemas.casework.casefile import CaseFile
from schemas.casework.stages import Stage
from schemas.names import CaseId, OfficeId
from tests.support.casebook import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, WINDOW
from tests.support.stages import case_at
from tests.support.stores import SEALER

DESK = OfficeId(f"{TOWNSHIP}.mz")
NEIGHBOUR = OfficeId("5108241001")


def files() -> list[CaseFile]:
    """A case at every stage, filed in the village, at the township's counter, and re-homed to another village; one held
    by a desk of the township; each under a number of its own.
    """
    found = [case_at(stage, filer) for stage in Stage for filer in (VILLAGE, TOWNSHIP)]
    found += [replace(case, home=OTHER_VILLAGE) for case in found if case.home == VILLAGE]
    found.append(replace(case_at(Stage.IN_REVIEW), custodian=DESK))
    return [replace(case, case=CaseId(number.to_bytes(16, "big"))) for number, case in enumerate(found)]


async def test_rows_and_files_agree_on_whom_a_case_still_concerns(engines: Engines) -> None:
    cases, memory = SqlCases(engines.read, SEALER, bytes(32)), MemoryCases()
    rows = CaseRows(files(), [], {}, {})
    memory.project(rows)
    async with engines.write.begin() as connection:
        await connection.execute(select(1))  # As in the store, the driver is at work in the transaction already.
        await cases.project(connection, rows)
    for office in (COUNTY, WINDOW, TOWNSHIP, DESK, NEIGHBOUR, VILLAGE, OTHER_VILLAGE):
        found = await cases.read_at(office)
        assert found == await memory.read_at(office)
        # The county has a window at work.
        assert bool(found) is (office != NEIGHBOUR)
