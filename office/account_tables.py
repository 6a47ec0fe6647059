"""Tables of the people at one node: officers, their sessions, delays after wrong passwords, and the log of looks.

They belong to this node alone and never travel: an officer is known elsewhere only as the author named in an act.
Never holds a password or a session's name in clear. Next: `office.accounts`, `office.access_log`, which write them.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

account_metadata = MetaData()
"""All tables of this module; `office.migrations` creates them beside the others."""

officers = Table(
    "officers",
    account_metadata,
    Column("officer", String(160), primary_key=True, comment="OfficerId: office/login"),
    Column("login", String(40), nullable=False, unique=True, comment="what is typed at sign-in; one per node"),
    Column("office", String(40), nullable=False, comment="OfficeId: the node's seat or a window of it"),
    Column("name", String(120), nullable=False, comment="shown beside acts on this node's screens"),
    Column("roles", String(120), nullable=False, comment="words of schemas.casework.roles, joined by blanks"),
    Column("password", String(200), nullable=False, comment="argon2id, PHC string"),
    Column("language", String(5), nullable=False, comment="zh or en"),
    Column("active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False, comment="milliseconds since 1970 UTC"),
    Column("password_at", BigInteger, nullable=False, comment="when the password was last set"),
)

sessions = Table(
    "sessions",
    account_metadata,
    Column("digest", LargeBinary(32), primary_key=True, comment="SHA-256 of the name in the cookie"),
    Column("officer", String(160), ForeignKey("officers.officer"), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False, comment="moved at most once a minute"),
    Index("sessions_by_officer", "officer"),
)

login_delays = Table(
    "login_delays",
    account_metadata,
    Column("key", LargeBinary(32), primary_key=True, comment="SHA-256: see office.accounts.DelayKeys"),
    Column("failures", Integer, nullable=False),
    Column("failed_at", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False, comment="no attempt is looked at earlier"),
)

access_log = Table(
    "access_log",
    account_metadata,
    Column("number", Integer, primary_key=True, comment="from 1, without gaps"),
    Column("at", BigInteger, nullable=False),
    Column("officer", String(160), nullable=False),
    Column("office", String(40), nullable=False),
    Column("subject", LargeBinary(16), nullable=False, comment="CaseId"),
    Column("purpose", String(400), nullable=False),
    Column("hash", LargeBinary(32), nullable=False, comment="HMAC-SHA-256 over the hash before and this row"),
)
