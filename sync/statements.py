"""SQL texts of the writing side, made once from the tables for one of the two dialects.

Inserts run through the driver with tuples, which costs a third of what SQLAlchemy's parameter dictionaries do; reading
uses SQLAlchemy Core. Table and column names come from `sync.tables` alone, never from data. Next: `sync.store`.
"""

from collections.abc import Sequence

from sqlalchemy import Table

from sync import tables


def columns_of(table: Table) -> list[str]:
    """Column names in the order of the rows' tuples."""
    return [column.name for column in table.columns]


class Statements:
    """The writing statements for one dialect (`sqlite` or `postgresql`)."""

    def __init__(self, dialect: str) -> None:
        self._numbered = dialect == "postgresql"
        self.fence = self._filled(
            "UPDATE node_meta SET value = {} WHERE name = {} AND value = {}",
        )
        self.entries = self._insert(tables.entries)
        self.streams = self._insert(tables.streams)
        self.outbox = self._insert(tables.outbox)
        self.evidence = self._insert(tables.evidence, leave_out=("number",))
        self.journals = self._upsert(tables.journals, ("key",))
        self.checkpoints = self._upsert(tables.checkpoints, ("journal", "size"))
        self.inlets = self._upsert(tables.inlets, ("key",))
        self.links = self._upsert(tables.links, ("neighbour",))
        self.dispositions = self._upsert(tables.dispositions, ("journal", "seq"))
        self.receipts = (
            self._upsert(tables.receipts, ("origin", "ordinal", "nonce", "holder"))
            + " WHERE excluded.size > receipts.size"
        )
        self.promote = self._filled(
            "UPDATE entries SET loose = FALSE, prev = NULL, proof = NULL WHERE journal = {} AND seq = {}"
        )
        self.repair = self._filled(
            "UPDATE entries SET head = {}, salt = {}, body = {}, hash = {}, digest = {}, signature = {}, prev = {}, "
            "proof = {} WHERE journal = {} AND seq = {}"
        )
        self.settle = self._filled("DELETE FROM dispositions WHERE journal = {} AND seq = {}")
        self.erased = (
            self._upsert(tables.erased, ("hash",)) + " WHERE erased.journal IS NULL AND excluded.journal IS NOT NULL"
        )
        self.strip = self._filled(
            "UPDATE entries SET body = NULL, salt = {}, digest = {} WHERE journal = {} AND seq = {}"
        )
        self.redact = self._filled("UPDATE evidence SET name = {}, material = {} WHERE name = {}")
        self.purged = self._upsert(tables.purged, ("subject",))

    def _insert(self, table: Table, *, leave_out: Sequence[str] = ()) -> str:
        names = [name for name in columns_of(table) if name not in leave_out]
        holes = ", ".join(["{}"] * len(names))
        return self._filled(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({holes})")  # noqa: S608 (our own names)

    def _upsert(self, table: Table, key: Sequence[str]) -> str:
        names = [name for name in columns_of(table) if name not in key]
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        return f"{self._insert(table)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"

    def _filled(self, text: str) -> str:
        """Put the dialect's parameter marks where `{}` stands."""
        count = text.count("{}")
        marks = [f"${number}" for number in range(1, count + 1)] if self._numbered else ["?"] * count
        return text.format(*marks)
