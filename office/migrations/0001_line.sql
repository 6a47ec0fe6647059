-- The line: journals, entries, outboxes, cursors, findings, receipts (sync/tables.py says what each column means).

CREATE TABLE node_meta (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO node_meta (name, value) VALUES ('commits', 0);

CREATE TABLE journals (
    key INTEGER NOT NULL PRIMARY KEY,
    origin TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    nonce $bytes NOT NULL,
    size BIGINT NOT NULL,
    tip $bytes NOT NULL,
    frontier $bytes NOT NULL,
    checkpointed BIGINT NOT NULL,
    wanted BIGINT NOT NULL,
    lost_upto BIGINT NOT NULL
);
CREATE UNIQUE INDEX journals_name ON journals (origin, ordinal, nonce);

CREATE TABLE entries (
    arrival $row_number NOT NULL PRIMARY KEY,
    journal INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    inlet INTEGER NOT NULL,
    at BIGINT NOT NULL,
    loose BOOLEAN NOT NULL,
    kind TEXT NOT NULL,
    subject $bytes,
    head $bytes NOT NULL,
    salt $bytes NOT NULL,
    body $bytes,
    hash $bytes NOT NULL,
    digest $bytes,
    signature $bytes,
    prev $bytes,
    proof $bytes
);
CREATE UNIQUE INDEX entries_identity ON entries (journal, seq);
CREATE INDEX entries_about ON entries (subject);
CREATE INDEX entries_housekeeping ON entries (kind, arrival) WHERE substr(kind, 1, 5) = 'line.';
-- After entries_identity: of two indexes that cost the same, SQLite takes the one made later.
CREATE INDEX entries_loose ON entries (journal, seq) WHERE loose;

CREATE TABLE checkpoints (
    journal INTEGER NOT NULL,
    size BIGINT NOT NULL,
    root $bytes NOT NULL,
    signature $bytes NOT NULL,
    PRIMARY KEY (journal, size)
);

CREATE TABLE streams (
    key INTEGER NOT NULL PRIMARY KEY,
    neighbour TEXT NOT NULL,
    lane SMALLINT NOT NULL,
    ordinal BIGINT NOT NULL,
    nonce $bytes NOT NULL
);
CREATE UNIQUE INDEX streams_name ON streams (neighbour, lane, ordinal, nonce);

CREATE TABLE outbox (
    stream INTEGER NOT NULL,
    number BIGINT NOT NULL,
    count INTEGER NOT NULL,
    journal INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (stream, number)
);
CREATE INDEX outbox_posted ON outbox (journal, seq);

CREATE TABLE inlets (
    key INTEGER NOT NULL PRIMARY KEY,
    neighbour TEXT NOT NULL,
    lane SMALLINT NOT NULL,
    ordinal BIGINT NOT NULL,
    nonce $bytes NOT NULL,
    number BIGINT NOT NULL,
    admitted BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    duplicate BIGINT NOT NULL
);

CREATE TABLE links (
    neighbour TEXT NOT NULL PRIMARY KEY,
    seat TEXT NOT NULL,
    quarantined BOOLEAN NOT NULL,
    last_heard BIGINT NOT NULL,
    memory $bytes NOT NULL
);

CREATE TABLE dispositions (
    journal INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    state TEXT NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (journal, seq)
);

CREATE TABLE evidence (
    number $row_numbers NOT NULL PRIMARY KEY,
    code TEXT NOT NULL,
    origin TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    nonce $bytes NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    hash $bytes NOT NULL,
    name $bytes NOT NULL,
    material $bytes NOT NULL
);

CREATE TABLE receipts (
    origin TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    nonce $bytes NOT NULL,
    holder TEXT NOT NULL,
    office TEXT NOT NULL,
    size BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (origin, ordinal, nonce, holder)
);
