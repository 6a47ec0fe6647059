"""Tables of the office: cases as screens read them, which device work they came from, offices and enrolment codes.

`cases`, `case_readers`, `asked`, `roster_people`, `second_notices`, `operations`, `counters`, `records`, `enquiries`,
`oversight` are projections: dropped and folded again from entries at will (DESIGN 1.8). `offices` and `enrolment_codes`
are the county's own list and are backed up. What a person may not see in a stolen file is inside `cases.file`, sealed;
names stay clear for search, and persons are found by keyed marks (RULINGS C7).
Texts have no length here: what arrived is bounded already, and must never fail in a column. Never holds anything but
`reminders` that cannot be read back from entries or imported again. Next: `office.projection`,
`office.worklists` (who reads), `office.enrolling`.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
    text,
)

from schemas.names import OPERATION_BYTES
from sync.tables import FILL_PERCENT, tell_postgresql

office_metadata = MetaData()
"""All tables of this module; `office.migrations` creates them beside the others."""

event.listen(office_metadata, "before_create", tell_postgresql)

_HELD: Final = text("custodian IS NOT NULL")
_OFFERED: Final = text("offeree IS NOT NULL")
_DUE: Final = text("due_day IS NOT NULL")
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
    Column("home", Text, comment="where the result is handed over"),
    Column("county", Text, comment="the filing office's county: scope is equality on levels, never a text prefix"),
    Column("town", Text, comment="… its township"),
    Column("village", Text, comment="… its village"),
    Column("tracking", Text, comment="number on the slip"),
    Column("applicant", Text, comment="name, clear for search; everything else of the person is in file"),
    Column("person", LargeBinary(16), comment="office.persons: mark of the applicant's document"),
    Column("filed_at", BigInteger, comment="claimed, milliseconds since 1970 UTC"),
    Column("due_day", Integer, comment="as 20261122, of the running clock that is due first; null = none runs"),
    Column("due_kind", Text, comment="schemas.casework.clocks.ClockKind"),
    Column("due_provisional", Boolean, comment="counted over days that no notice names yet"),
    Column(
        "name", LargeBinary(32), nullable=False, comment="SHA-256 of the file's clear bytes: what the seal is bound to"
    ),
    Column("file", LargeBinary, nullable=False, comment="the CaseFile, sealed"),
    Index("cases_by_time", "filed_at"),
    Index("cases_of_town", "town", "filed_at"),
    Index("cases_held", "custodian", sqlite_where=_HELD),
    Index("cases_offered", "offeree", sqlite_where=_OFFERED),
    Index("cases_by_number", "tracking"),
    Index("cases_due", "due_day", sqlite_where=_DUE),
    Index("cases_of_person", "person"),
    # A case's row is rewritten at every act: room in its page spares the indexes.
    info={FILL_PERCENT: 80},
)

case_readers = Table(
    "case_readers",
    office_metadata,
    Column("office", Text, primary_key=True),
    Column("subject", LargeBinary(16), primary_key=True),
    Index("case_readers_of", "subject"),
)
"""Readers outside the filing office's own line: windows, other townships. The line itself is in `cases`."""

asked = Table(
    "asked",
    office_metadata,
    Column("subject", LargeBinary(16), primary_key=True),
    Column("office", Text, primary_key=True),
    Index("asked_of", "office"),
)
"""Offices from which an opinion is awaited, while the case is undecided."""

roster_people = Table(
    "roster_people",
    office_metadata,
    Column("person", LargeBinary(16), primary_key=True, comment="office.persons: mark of the row's document"),
    Column("subject", LargeBinary(16), primary_key=True, comment="the list"),
    Column("item", Text, nullable=False),
    Column("filed_on", Integer, nullable=False, comment="claimed day of the filing, as 20261122"),
)
"""Who is on which list of persons: a list is one case of many."""

second_notices = Table(
    "second_notices",
    office_metadata,
    Column("subject", LargeBinary(16), primary_key=True),
    Column(
        "number", Integer, primary_key=True, autoincrement=False, comment="among the case's notices; 2 = the second"
    ),
    Column("office", Text, nullable=False, comment="who gave it"),
    Column("at", BigInteger, nullable=False, comment="claimed, milliseconds since 1970 UTC"),
    Index("second_notices_by_time", "at"),
)
"""Notices of missing papers after the first one of a case: each counts against the office (一次性告知)."""

papers = Table(
    "papers",
    office_metadata,
    Column("subject", LargeBinary(16), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True, comment="SHA-256 of the paper's bytes: its name everywhere"),
    Column("size", BigInteger, nullable=False, comment="bytes"),
    Column("media", Text, nullable=False),
    Column("material", Text, nullable=False, comment="as the catalogue names it; empty = none in particular"),
    Column("thumbnail", LargeBinary(32), comment="digest of the small picture, itself a paper; null = none"),
    Column("thumbnail_size", BigInteger, nullable=False, comment="bytes; 0 = none"),
    Index("papers_of", "digest"),
    Index("papers_of_thumbnail", "thumbnail"),
)
"""The papers that cases name (`CaseFile.papers`): which of them a node should have, and whose they are."""

paper_wants = Table(
    "paper_wants",
    office_metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("size", BigInteger, nullable=False, comment="bytes"),
    Column("rank", Integer, nullable=False, comment="0 a thumbnail, 1 a person asked for it, 2 by policy"),
    Column("reason", Text, nullable=False, comment="why: for the page and for support, never a person's name"),
    Column("neighbour", Text, comment="who asked us for it; null = we ourselves"),
    Column("failures", Integer, nullable=False, comment="how often it arrived and was not what its name says"),
    Column("asked_at", BigInteger, nullable=False, comment="by this node's clock, milliseconds since 1970 UTC"),
)
"""Papers that are to come here. No projection: that somebody asked for one is in no entry."""

paper_states = Table(
    "paper_states",
    office_metadata,
    Column("neighbour", Text, primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("held", BigInteger, nullable=False, comment="bytes that it durably holds, as it last said"),
    Column("stated_at", BigInteger, nullable=False, comment="by this node's clock, milliseconds since 1970 UTC"),
)
"""How far each neighbour says it holds a paper. No projection: it is said between neighbours and is in no entry."""

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

records = Table(
    "records",
    office_metadata,
    Column("hash", LargeBinary(32), primary_key=True, comment="of the entry"),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False, comment="schemas.register: what it is about"),
    Column("effective_from", Date, comment="null = always"),
    Column("effective_until", Date, comment="null = until another one counts"),
    Column("office", Text, nullable=False, comment="who published it"),
    Column("ordinal", BigInteger, nullable=False, comment="of the author's epoch"),
    Column("seq", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="the entry's, sealed like it under its hash"),
    Index("records_of", "kind", "key"),
)
"""The register, enquiries excepted: every statement that counts, and not only the one that counts today."""

enquiries = Table(
    "enquiries",
    office_metadata,
    Column("hash", LargeBinary(32), primary_key=True, comment="of the entry"),
    Column("at", BigInteger, nullable=False, comment="claimed, milliseconds since 1970 UTC"),
    Column("office", Text, nullable=False),
    Column("item", Text, nullable=False, comment="code; empty = about no item"),
    Column("outcome", Text, nullable=False),
    Index("enquiries_of", "office", "at"),
)
"""Who asked is not known here or anywhere: only that somebody did."""

oversight = Table(
    "oversight",
    office_metadata,
    Column("hash", LargeBinary(32), primary_key=True, comment="of the entry"),
    Column("kind", Text, nullable=False),
    Column("thread", LargeBinary(32), nullable=False, comment="hash of the entry that began the order or score"),
    Column("number", Text, nullable=False, comment="schemas.oversight: on paper, a month, an office; may be empty"),
    Column("office", Text, nullable=False, comment="who wrote it"),
    Column("addressee", Text, comment="whom it is addressed to; null = all offices"),
    Column("due_day", Integer, comment="as 20261122, the last day for an answer; null = none is asked"),
    Column("at", BigInteger, nullable=False, comment="claimed, milliseconds since 1970 UTC"),
    Column("origin", Text, nullable=False, comment="the device in whose journal it stands"),
    Column("ordinal", BigInteger, nullable=False, comment="of that journal's epoch"),
    Column("nonce", LargeBinary(6), nullable=False, comment="of that journal's epoch"),
    Column("seq", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="the entry's, sealed like it under its hash"),
    Index("oversight_threads", "thread"),
    Index("oversight_of", "kind", "number"),
)
"""Orders, answers, circulars, scores, appeals: every entry that reads, also one that waits for what it is about."""

reminders = Table(
    "reminders",
    office_metadata,
    Column("subject", LargeBinary(16), primary_key=True),
    Column("clock", Text, primary_key=True, comment="schemas.casework.clocks.ClockKind"),
    Column("about", Text, primary_key=True, comment="the department or material of that clock, else empty"),
    Column("kind", Text, primary_key=True, comment="office.reminders.ReminderKind"),
    Column("due_day", Integer, primary_key=True, autoincrement=False, comment="as 20261122"),
    Column("noted_at", BigInteger, nullable=False, comment="by this node's clock"),
    Column("old_day", Integer, comment="moved: when it had been due"),
    Column("reason", Text, nullable=False, comment="moved: the document that moved it"),
    Index("reminders_by_time", "noted_at"),
)
"""What this node said when of a due day, each once. Not a projection: nobody else knows when it was said."""

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

device_ends = Table(
    "device_ends",
    office_metadata,
    Column("node", Text, primary_key=True),
    Column("office", Text, nullable=False, comment="the seat that it had"),
    Column("at", BigInteger, nullable=False, comment="by this node's clock, milliseconds since 1970 UTC"),
    Column("officer", Text, nullable=False, comment="who ended it; office.access_log.COMMAND_LINE for the console"),
    Column("reason", Text, nullable=False),
    Column("last_heard", BigInteger, comment="when it last spoke to this node; null = never, or to another"),
    Column("unsent", BigInteger, nullable=False, comment="entries that it had stated and this node did not hold"),
)
"""What was known of a device when it was revoked here. No projection: a neighbour's word is in no entry."""

presented_slips = Table(
    "presented_slips",
    office_metadata,
    Column("hash", LargeBinary(32), primary_key=True, comment="of the entry that the slip names"),
    Column("state", Text, primary_key=True, comment="office.slip_checks.SlipState, as it was found"),
    Column("at", BigInteger, nullable=False, comment="by this node's clock, milliseconds since 1970 UTC"),
    Column("statement", LargeBinary, nullable=False, comment="MessagePack of schemas.slips.SlipStatement"),
)
"""Residents' slips whose entry was not here, or was another, when they were presented. No projection: a resident's
paper is in no entry. Names no person."""
