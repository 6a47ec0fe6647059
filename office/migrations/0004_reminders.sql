-- What a node said when of a due day (office/tables.py). Not a projection: a rebuild leaves it as it is.

CREATE TABLE reminders (
    subject $bytes NOT NULL,
    clock TEXT NOT NULL,
    about TEXT NOT NULL,
    kind TEXT NOT NULL,
    due_day INTEGER NOT NULL,
    noted_at BIGINT NOT NULL,
    old_day INTEGER,
    reason TEXT NOT NULL,
    PRIMARY KEY (subject, clock, about, kind, due_day)
);
CREATE INDEX reminders_by_time ON reminders (noted_at);
