"""Tables of the office: cases as screens read them, which device work they came from, offices and enrolment codes.

`cases`, `case_readers`, `operations`, `counters` are projections: dropped and folded again from entries at will
(DESIGN 1.8). `offices` and `enrolment_codes` are the county's own list and are backed up. What a person may not see in
a stolen file is inside `cases.file`, sealed; names stay clear for search (RULINGS C7).
Texts have no length here: what arrived is bounded already, and must never fail in a column. Never holds anything that
cannot be read back from entries or imported again. Next: `office.projection`,
`office.worklists` (who reads), `office.enrolling`.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text

from schemas.names import OPERATION_BYTES

office_metadata = MetaData()
"""All tables of this module; `office.migrations` creates them beside the others."""

_HELD: Final = text("custodian IS NOT NULL")
_OFFERED: Final = text("offeree IS NOT NULL")
"""A case is with one or the other: the index of each holds only its own. Any equality on the column implies it."""

cases = Table(
    "cases",
    office_metadata,
    Column("subject", LargeBinary(16), primary_key=True, comment="CaseId"),
    Column("stage", Text, nullable=False, comment="schemas.casework.lifecycle.Stage"),
    Column("turn", Integer, nullable=False, comment="of the last act that counts; 0 = the filing is awaited"),
    Column("custodian", Text, comment="who holds the pen; null in transit"),
    Column("offeree", Text, comment="set while an offer is open"),
    Column("item", Text, comment="code in the catalogue"),
    Column("filing_office", Text),
    Column("county", Text, comment="the filing office's county: scope is equality on levels, never a text prefix"),
    Column("town", Text, comment="… its township"),
    Column("village", Text, comment="… its village"),
    Column("tracking", Text, comment="number on the slip"),
    Column("applicant", Text, comment="name, clear for search; everything else of the person is in file"),
    Column("filed_at", BigInteger, comment="claimed, milliseconds since 1970 UTC"),
    Column(
        "name", LargeBinary(32), nullable=False, comment="SHA-256 of the file's clear bytes: what the seal is bound to"
    ),
    Column("file", LargeBinary, nullable=False, comment="the CaseFile, sealed"),
    Index("cases_by_time", "filed_at"),
    Index("cases_of_town", "town", "filed_at"),
    Index("cases_held", "custodian", sqlite_where=_HELD, postgresql_where=_HELD),
    Index("cases_offered", "offeree", sqlite_where=_OFFERED, postgresql_where=_OFFERED),
    Index("cases_by_number", "tracking"),
    # A case's row is rewritten at every act: room in its page spares the indexes.
    postgresql_with={"fillfactor": 80},
)

case_readers = Table(
    "case_readers",
    office_metadata,
    Column("office", Text, primary_key=True),
    Column("subject", LargeBinary(16), primary_key=True),
    Index("case_readers_of", "subject"),
)
"""Readers outside the filing office's own line: windows, other townships. The line itself is in `cases`."""

operations = Table(
    "operations",
    office_metadata,
    Column(
        "operation",
        LargeBinary(OPERATION_BYTES),
        primary_key=True,
        comment="the user action's own number (RULINGS B10)",
    ),
    Column("subject", LargeBinary(16), nullable=False),
    Column("kind", Text, nullable=False, comment="of the entry that it made"),
    Column("hash", LargeBinary(32), nullable=False, comment="of that entry"),
)
"""User actions of our own office that are already written."""

counters = Table(
    "counters",
    office_metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

SERIAL: Final = "serial"
"""Counter: the highest serial among the tracking numbers of our own filings."""

FOLDED: Final = "folded"
"""Counter: 1 once the projections hold every case; absent in a fresh store and while a rebuild is under way."""

offices = Table(
    "offices",
    office_metadata,
    Column("office", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False, comment="where its devices talk upward to"),
)
"""The county's offices as imported: who may be enrolled."""

enrolment_codes = Table(
    "enrolment_codes",
    office_metadata,
    Column("office", Text, primary_key=True, comment="one open code per office: a new one replaces it"),
    Column("digest", Text, nullable=False, comment="argon2id, PHC string"),
    Column("expires_at", BigInteger, nullable=False),
    Column("tries_left", Integer, nullable=False),
    Column("replaces", Text, comment="the lost device that the new one follows"),
)
