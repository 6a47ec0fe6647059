"""What one would write first: one POST and one ORM commit for every event. Kept to be measured against, never used.

`python -m tests.benchmarks.naive DATABASE_URL PORT` serves it: Litestar, SQLAlchemy's ORM, PostgreSQL, a session a
request, the case's row updated with each event. No verification, no sealing, no chain.
"""

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import msgspec
import uvicorn
from litestar import Litestar, post
from litestar.params import JSONBody
from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Declarative base of the two tables."""


class Event(Base):
    """One event of one case."""

    __tablename__ = "naive_events"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    origin: Mapped[str] = mapped_column(String(16), index=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(32), index=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class Case(Base):
    """What a screen shows of a case."""

    __tablename__ = "naive_cases"

    subject: Mapped[str] = mapped_column(String(32), primary_key=True)
    stage: Mapped[str] = mapped_column(String(64))
    events: Mapped[int] = mapped_column(BigInteger)


class Posted(msgspec.Struct):
    """One event as JSON."""

    origin: str
    seq: int
    at: int
    kind: str
    subject: str
    body: bytes


def make_app(url: str) -> Litestar:
    """The application."""
    engine = create_async_engine(url, pool_size=8, max_overflow=0)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncGenerator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
        await engine.dispose()

    @post("/events")
    async def take(data: JSONBody[Posted]) -> dict[str, int]:
        async with sessions() as session:
            event = Event(
                origin=data.origin,
                seq=data.seq,
                at=data.at,
                kind=data.kind,
                subject=data.subject,
                body=data.body,
            )
            session.add(event)
            case = await session.get(Case, data.subject)
            if case is None:
                session.add(Case(subject=data.subject, stage=data.kind, events=1))
            else:
                case.stage = data.kind
                case.events += 1
            await session.commit()
        return {"number": event.number}

    return Litestar([take], lifespan=[lifespan], openapi_config=None)


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    uvicorn.run(make_app(arguments[0]), host="127.0.0.1", port=int(arguments[1]), log_config=None, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
