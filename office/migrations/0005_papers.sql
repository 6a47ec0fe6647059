-- Which papers are wanted from a neighbour, and how far each neighbour says it holds one (office/tables.py). Neither is a
-- projection: a person's request and a neighbour's word are in no entry.

CREATE TABLE paper_wants (
    digest $bytes NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    rank INTEGER NOT NULL,
    reason TEXT NOT NULL,
    neighbour TEXT,
    failures INTEGER NOT NULL,
    asked_at BIGINT NOT NULL
);

CREATE TABLE paper_states (
    neighbour TEXT NOT NULL,
    digest $bytes NOT NULL,
    held BIGINT NOT NULL,
    stated_at BIGINT NOT NULL,
    PRIMARY KEY (neighbour, digest)
);
