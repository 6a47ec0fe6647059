"""The durable tables of the line, in SQLAlchemy Core: journals, entries, what goes out, what came in, what was found.

Holds no case and no projection; those are the office's and disposable, these are not. The shape here is that of a fresh
store; `office.migrations` brings an older one to it and a test compares the two.

No foreign keys: PostgreSQL would fire a trigger for every row, dearer than the row, and there is one writer
(`sync.store`), whose short names come from memory. Few indexes for the same reason: rows and indexes, not code, are the
cost of ingest. Next: `sync.store`.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    event,
    text,
)

META_COMMITS: Final = "commits"
"""The fence: how many transactions this store has taken. A writer that did not make the last one is refused."""

FILL_PERCENT: Final = "fill_percent"
"""Key of a table's `info`: how full PostgreSQL may fill a page with rows."""

metadata = MetaData()

_ARRIVAL = BigInteger().with_variant(Integer(), "sqlite")
"""Only a column called INTEGER is SQLite's own row number: entries then lie in arrival order with one index less."""


def tell_postgresql(metadata: MetaData, connection: Connection, **_: object) -> None:
    """Before tables are made in PostgreSQL: partial indexes are partial there too, and `FILL_PERCENT` holds.

    Not stated in the tables: for one option of PostgreSQL's SQLAlchemy loads that whole dialect, 2 MiB in a village.
    """
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.tables.values():
        if percent := table.info.get(FILL_PERCENT):
            table.dialect_options["postgresql"]["with"] = {"fillfactor": percent}
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


event.listen(metadata, "before_create", tell_postgresql)

OF_NO_CASE_SQL: Final = "(subject IS NULL OR substr(kind, 1, 5) = 'line.')"
"""Which entries the index of kinds holds: house-keeping and the register, not the many that are about a case.

A query must repeat it word for word for the index to serve it."""

node_meta = Table(
    "node_meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Numbers about the store itself: `META_COMMITS`, and those of `office.migrations`."""

journals = Table(
    "journals",
    metadata,
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("tip", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("checkpointed", BigInteger, nullable=False),
    Column("wanted", BigInteger, nullable=False),
    Column("lost_upto", BigInteger, nullable=False),
    Index("journals_name", "origin", "ordinal", "nonce", unique=True),
)
"""One row a journal (origin, epoch): see `sync.ports.JournalState`. `key` is its short name in the other tables."""

entries = Table(
    "entries",
    metadata,
    Column("arrival", _ARRIVAL, primary_key=True, autoincrement=False),
    Column("journal", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("inlet", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("loose", Boolean, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", LargeBinary),
    Column("head", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary),
    Column("hash", LargeBinary, nullable=False),
    Column("digest", LargeBinary),
    Column("signature", LargeBinary),
    Column("prev", LargeBinary),
    Column("proof", LargeBinary),
    Index("entries_identity", "journal", "seq", unique=True),
    Index("entries_about", "subject"),
    Index(
        "entries_by_kind",
        "kind",
        "arrival",
        sqlite_where=text(OF_NO_CASE_SQL),
    ),
    Index("entries_loose", "journal", "seq", sqlite_where=text("loose")),
)
"""Every entry held, ours and others'. `body` is sealed (`sync.sealing`); `arrival` is gapless and in commit order.

A case is looked up by `subject` alone and its few entries sorted: PostgreSQL keeps equal subjects in one index tuple,
so the index is a third of one over (subject, arrival), at the same cost of writing (measured)."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("journal", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

streams = Table(
    "streams",
    metadata,
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("neighbour", Text, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Index("streams_name", "neighbour", "lane", "ordinal", "nonce", unique=True),
)
"""One row for each numbered stream of an outbox (neighbour, lane, epoch): the short name that `outbox` uses."""

outbox = Table(
    "outbox",
    metadata,
    Column("stream", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Column("journal", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index("outbox_posted", "journal", "seq"),
)
"""Numbers number … number + count - 1 of a stream are entries seq … seq + count - 1 of a journal."""

inlets = Table(
    "inlets",
    metadata,
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("neighbour", Text, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("admitted", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
)
"""Our durable cursor in each neighbour's stream, and the accounting identity (`sync.ports.Inlet`)."""

links = Table(
    "links",
    metadata,
    Column("neighbour", Text, primary_key=True),
    Column("seat", Text, nullable=False),
    Column("quarantined", Boolean, nullable=False),
    Column("last_heard", BigInteger, nullable=False),
    Column("memory", LargeBinary, nullable=False),
)
"""What is remembered of each neighbour: `memory` is the MessagePack of `sync.ports.LinkMemory`; the rest is to read."""

dispositions = Table(
    "dispositions",
    metadata,
    Column("journal", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("code", Text, nullable=False),
)
"""Entries that are held, quarantined or of unknown kind. No row: folded."""

evidence = Table(
    "evidence",
    metadata,
    Column("number", _ARRIVAL, primary_key=True, autoincrement=True),
    Column("code", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("material", LargeBinary, nullable=False),
)
"""Findings of the post. Journals by full name: a finding may be about one that is not held here. `material` may hold
bodies, so it is sealed under `name`, its own SHA-256."""

erased = Table(
    "erased",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("journal", Integer, comment="of the order; null = the order is not here yet"),
    Column("seq", BigInteger, comment="of the order"),
)
"""Entries that lost body and salt by law (RULINGS B6), held here or not: no body of theirs is ever kept again."""

purged = Table(
    "purged",
    metadata,
    Column("subject", LargeBinary, primary_key=True),
    Column("residue", LargeBinary, nullable=False),
)
"""Closed cases of which this device alone let the bodies go (RULINGS A17), and what stays of them here: no person."""

receipts = Table(
    "receipts",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("ordinal", BigInteger, primary_key=True, autoincrement=False),
    Column("nonce", LargeBinary, primary_key=True),
    Column("holder", Text, primary_key=True),
    Column("office", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""How far each holder has signed for each journal: the highest size. Full names for the same reason."""
