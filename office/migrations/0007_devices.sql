-- What was known of a device when this office ended it (office/tables.py): in no entry, and gone with its line.

CREATE TABLE device_ends (
    node TEXT NOT NULL PRIMARY KEY,
    office TEXT NOT NULL,
    at BIGINT NOT NULL,
    officer TEXT NOT NULL,
    reason TEXT NOT NULL,
    last_heard BIGINT,
    unsent BIGINT NOT NULL
);
