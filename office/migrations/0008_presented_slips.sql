-- Residents' slips that were presented and whose entry was not here, or was another (office/tables.py): in no entry.

CREATE TABLE presented_slips (
    hash ${bytes} NOT NULL,
    state TEXT NOT NULL,
    at BIGINT NOT NULL,
    statement ${bytes} NOT NULL,
    PRIMARY KEY (hash, state)
);
