-- The county's offices and open enrolment codes; officers and what belongs to them (office/tables.py,
-- office/account_tables.py). Projections are not here: they are dropped and folded again.

CREATE TABLE offices (
    office TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL
);

CREATE TABLE enrolment_codes (
    office TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    tries_left INTEGER NOT NULL,
    replaces TEXT
);

CREATE TABLE officers (
    officer VARCHAR(160) NOT NULL PRIMARY KEY,
    login VARCHAR(40) NOT NULL UNIQUE,
    office VARCHAR(40) NOT NULL,
    name VARCHAR(120) NOT NULL,
    roles VARCHAR(120) NOT NULL,
    password VARCHAR(200) NOT NULL,
    language VARCHAR(5) NOT NULL,
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    password_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    digest $bytes NOT NULL PRIMARY KEY,
    officer VARCHAR(160) NOT NULL REFERENCES officers (officer),
    opened_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_officer ON sessions (officer);

CREATE TABLE login_delays (
    key $bytes NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    failed_at BIGINT NOT NULL,
    not_before BIGINT NOT NULL
);

CREATE TABLE access_log (
    number $numbers NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    officer VARCHAR(160) NOT NULL,
    office VARCHAR(40) NOT NULL,
    subject $bytes NOT NULL,
    purpose VARCHAR(400) NOT NULL,
    hash $bytes NOT NULL
);
