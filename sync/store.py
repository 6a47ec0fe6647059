"""The durable store of a node, on PostgreSQL (asyncpg) or SQLite (aiosqlite): `Store` of `sync.ports` over SQL.

One transaction writes everything a batch holds, entries and cursors and projections together, or nothing. Rows go in as
tuples through the driver (COPY on PostgreSQL): per entry nothing happens here but one tuple and the sealing of its body.
Never streams from an open read transaction, never changes an entry's bytes, never decides. The engines are made by
`office.database`. Next: `sync.tables` (the rows), `sync.writer` (who calls commit), `sync.stored_rows` (their form).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from msgspec import Struct
from sqlalchemy import Select, Table, delete, func, select, text, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from schemas.codec import decode, encode
from schemas.names import CaseId, Epoch, JournalId, NodeId
from schemas.wire import Checkpoint, Lane
from sync import tables
from sync.core.errors import LocalFault
from sync.ports import (
    Batch,
    Disposition,
    EntryKey,
    Evidence,
    Inlet,
    JournalState,
    LinkMemory,
    Loaded,
    OutboxRow,
    ReceiptRow,
    Sealer,
    Stored,
)
