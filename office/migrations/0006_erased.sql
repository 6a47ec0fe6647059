-- Which entries lost their bodies by law, and of which cases this device let them go (sync/tables.py).

CREATE TABLE erased (
    hash $bytes NOT NULL PRIMARY KEY,
    journal INTEGER,
    seq BIGINT
);

CREATE TABLE purged (
    subject $bytes NOT NULL PRIMARY KEY,
    residue $bytes NOT NULL
);
