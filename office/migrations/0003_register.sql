-- The index of kinds holds whatever is about no case: house-keeping and, from now on, the register (sync/tables.py).

DROP INDEX entries_housekeeping;
CREATE INDEX entries_by_kind ON entries (kind, arrival) WHERE (subject IS NULL OR substr(kind, 1, 5) = 'line.');
