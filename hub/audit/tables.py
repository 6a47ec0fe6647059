"""Tables of the audit: what it found, and what it needs to know of cases, acts and papers to find it.

In a database of their own beside the node's (`audit.db`), or in the same PostgreSQL: the worker that fills them never
waits for the pen, nor the pen for it. `audit_findings` is history: a row is written once, and only its standing and its
proof ever change; what `DURABLE` names cannot be made again and is backed up. The rest is folded anew from entries
whenever its shape changes. Persons and telephones stand here as keyed marks only (`office.persons`); words that
somebody typed, and proofs, are sealed.
Texts have no length: what arrived is bounded already. Next: `hub.audit.database`, `hub.audit.facts`.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
    text,
)

from sync.tables import tell_postgresql

audit_metadata = MetaData()
"""All tables of this module; no other table of a node is in it."""

event.listen(audit_metadata, "before_create", tell_postgresql)

_ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""Only a column called INTEGER counts up by itself in SQLite."""

_LATEST: Final = text("is_latest")
_OPEN: Final = text("state = 'open'")

audit_meta = Table(
    "audit_meta",
    audit_metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""What the audit knows of itself: versions, cursors (`hub.audit.database`)."""

audit_findings = Table(
    "audit_findings",
    audit_metadata,
    Column("number", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("rule", Text, nullable=False, comment="as AUDIT 4.2 has it"),
    Column("version", Integer, nullable=False, comment="of the rule"),
    Column("edition", Text, nullable=False, comment="of the catalogue, whose terms were applied; empty: none"),
    Column("severity", Text, nullable=False, comment="hub.audit.rule.Severity"),
    Column("office", Text, nullable=False, comment="whom it is about"),
    Column("officer", Text),
    Column("subject", LargeBinary, nullable=False, comment="CaseId; empty: about no single case"),
    Column("key", Text, nullable=False, comment="tells several of one rule and case apart"),
    Column("facts", Text, nullable=False, comment="JSON: figures and codes of the rule's sentence"),
    Column("evidence", Text, nullable=False, comment="JSON: places of the entries that show it"),
    Column("found_at", BigInteger, nullable=False, comment="the county's clock, milliseconds since 1970 UTC"),
    Column("as_of", Integer, nullable=False, comment="the day for which it was judged, as 20261122"),
    Column("follows", BigInteger, comment="the finding that this one takes the place of"),
    Column("is_latest", Boolean, nullable=False, comment="nothing has taken its place"),
    Column("state", Text, nullable=False, comment="hub.audit.findings.State"),
    Column("state_at", BigInteger, nullable=False),
    Column("state_by", Text, comment="the officer who confirmed or dismissed it"),
    Column("words_name", LargeBinary, comment="what the seal of `words` is bound to"),
    Column("words", LargeBinary, comment="that officer's reason, sealed"),
    Column("gone_code", Text, comment="why its ground is gone, also of one that was confirmed"),
    Column("gone_at", BigInteger),
    Column("proof_name", LargeBinary, comment="SHA-256 of the proof file"),
    Column("proof", LargeBinary, comment="the proof file, sealed"),
    Index("audit_findings_latest", "subject", "rule", "key", unique=True, sqlite_where=_LATEST),
    Index("audit_findings_open", "rule", "office", sqlite_where=_OPEN),
    Index("audit_findings_of_office", "office", "found_at"),
)

audit_segments = Table(
    "audit_segments",
    audit_metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="the first is 0"),
    Column("digest", LargeBinary, nullable=False),
    Column("loose", Integer, nullable=False, comment="entries outside their run"),
    Column("bare", Integer, nullable=False, comment="entries without a body"),
    Column("made_at", BigInteger, nullable=False),
)
"""Digests of 4,096 successive arrivals each (`hub.audit.segments`): what nightly re-verification compares with."""

audit_samples = Table(
    "audit_samples",
    audit_metadata,
    Column("root", LargeBinary, primary_key=True, comment="of the list, as the frame's entry names it"),
    Column("subject", LargeBinary, primary_key=True, comment="CaseId"),
    Column("township", Text, nullable=False),
    Column("risk", Text, nullable=False, comment="hub.audit.sampling.Risk"),
    sqlite_with_rowid=False,
)
"""The lists of cases from which samples were drawn, as they were then (`hub.audit.frames`)."""

audit_beacons = Table(
    "audit_beacons",
    audit_metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False, comment="in the log; the first is 0"),
    Column("leaf", LargeBinary, nullable=False, comment="body of the `line.beacon`"),
)
"""The county's daily statements in the order of their log, which a witness outside cosigns (`hub.audit.witnessing`)."""

audit_journals = Table(
    "audit_journals",
    audit_metadata,
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("base", BigInteger, comment="not before that instant was its first entry written"),
    Index("audit_journals_name", "origin", "ordinal", "nonce", unique=True),
)
"""Short names of journals, of this database alone: the node's own names are others after a restore."""

audit_anchors = Table(
    "audit_anchors",
    audit_metadata,
    Column("journal", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False, comment="no later entry of the journal was written before that instant"),
    sqlite_with_rowid=False,
)

audit_receipts = Table(
    "audit_receipts",
    audit_metadata,
    Column("journal", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", Text, primary_key=True),
    Column("stated", BigInteger, primary_key=True, autoincrement=False, comment="the time inside the cosignature"),
    Column("at", BigInteger, nullable=False, comment="the same, not before what the holder's journal had pinned"),
    sqlite_with_rowid=False,
)

audit_heard = Table(
    "audit_heard",
    audit_metadata,
    Column("origin", Text, primary_key=True),
    Column("at", BigInteger, nullable=False, comment="newest receipt of the county's, or beacon pinned"),
)
"""Until when the county has heard from each device, by its own clock."""

audit_cases = Table(
    "audit_cases",
    audit_metadata,
    Column("subject", LargeBinary, primary_key=True, comment="CaseId"),
    Column("item", Text, nullable=False),
    Column("filing_office", Text, nullable=False),
    Column("township", Text, nullable=False),
    Column("person", LargeBinary, comment="mark; null once the case is erased"),
    Column("namesake", LargeBinary, comment="mark"),
    Column("phone", LargeBinary, comment="mark"),
    Column("filed_at", BigInteger, nullable=False),
    Column("accepted_at", BigInteger),
    Column("decided_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("outcome", Text, nullable=False),
    Column("fees_fen", BigInteger, nullable=False),
    Column("officers", Text, nullable=False, comment="JSON: their names"),
    Column("withdrawn_at", BigInteger),
    Column("due_day", Integer, comment="of one that was withdrawn: its term's last day, as 20261122"),
    Column("look_day", Integer, comment="as 20261122: then time alone may have changed what is to be found"),
    Index("audit_cases_of_person", "person", sqlite_where=text("person IS NOT NULL")),
    Index("audit_cases_of_namesake", "namesake", sqlite_where=text("namesake IS NOT NULL")),
    Index("audit_cases_of_phone", "phone", sqlite_where=text("phone IS NOT NULL")),
    Index("audit_cases_to_look_at", "look_day", sqlite_where=text("look_day IS NOT NULL")),
)

audit_acts = Table(
    "audit_acts",
    audit_metadata,
    Column("officer", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("journal", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", LargeBinary, nullable=False, comment="CaseId"),
    Column("kind", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("office", Text, nullable=False),
    Column("text", LargeBinary, comment="SHA-256 of a refusal's reason"),
    Column("is_awaited", Boolean, nullable=False, comment="by appointment or green channel, as known when written"),
    # One tree of one officer's acts by their time; beside it the few that refused, of which a year is read.
    Index(
        "audit_acts_refusing",
        "officer",
        "at",
        sqlite_where=text("text IS NOT NULL"),
        postgresql_where=text("text IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

audit_papers = Table(
    "audit_papers",
    audit_metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("subject", LargeBinary, primary_key=True, comment="CaseId"),
    Column("material", Text, nullable=False),
    Index("audit_papers_of", "subject"),
    sqlite_with_rowid=False,
)

FACTS: Final = (
    audit_journals,
    audit_anchors,
    audit_receipts,
    audit_heard,
    audit_cases,
    audit_acts,
    audit_papers,
)
"""What is folded again from entries when its shape changes."""

DURABLE: Final = (audit_meta, audit_findings, audit_segments, audit_samples, audit_beacons)
