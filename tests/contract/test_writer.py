"""The queue before the pen: one transaction for many, each refusal to whom it belongs, and no failure that stops it.

Real ledgers over stores in memory whose commits can be made to fail. What a page means is not looked at here.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from msgspec.structs import replace

from schemas.names import OfficeId
from schemas.wire import Page
from sync import writer as writer_module
from sync.core.errors import AnotherWriter, Busy, LocalFault, UnknownSender
from sync.core.journal import Draft
from sync.memory import MemoryStore
from sync.ports import Batch, Loaded, Stored
from sync.writer import GROUP_ENTRIES_MAX, Writer
from tests.support.network import COUNTY, SECOND_TOWNSHIP, TOWNSHIP, Network, Node
from tests.support.stores import case

SHARED_BY_ALL = (TOWNSHIP, SECOND_TOWNSHIP)


class Disk:
    """Counts the commits of a store, and fails those that `refuse` names."""

    def __init__(self, store: MemoryStore) -> None:
        self.commits: list[int] = []
        self.refuse: list[Exception] = []
        self.spoiled_kind = ""
        store.before_commit = self.commit

    def commit(self, batch: Batch) -> None:
        if self.refuse:
            raise self.refuse.pop(0)
        if any(entry.kind == self.spoiled_kind for entry in batch.entries):
            raise ValueError("this entry cannot be written")
        self.commits.append(len(batch.entries))


class County:
    """The county with its writer running, and the townships below it."""

    def __init__(self) -> None:
        self.network = Network(*SHARED_BY_ALL, readers=frozenset({COUNTY}))
        self.node: Node = self.network[COUNTY]
        self.disk = Disk(self.node.store)
        self.writer = Writer(self.node.ledger)

    def page(self, office: OfficeId, *bodies: bytes, kind: str = "case.filed") -> Page:
        """A page of a township with these entries."""
        township = self.network[office]
        township.write(*bodies, kind=kind)
        return township.page(self.node)

    def held(self) -> list[bytes]:
        return sorted(self.node.bodies())


@pytest.fixture
async def county() -> AsyncGenerator[County]:
    made = County()
    made.writer.start()
    yield made
    await made.writer.stop()


def drafting(*bodies: bytes, kind: str = "case.filed"):
    """An officer who writes these."""

    async def draft() -> Sequence[Draft]:
        return [Draft(kind, case(1), body) for body in bodies]

    return draft


async def test_what_waits_together_is_written_in_one_transaction(county: County) -> None:
    pages = [county.page(TOWNSHIP, b"a", b"b"), county.page(SECOND_TOWNSHIP, b"c")]
    results = await asyncio.gather(
        *(county.writer.admit(page) for page in pages),
        *(county.writer.record(drafting(b"own %d" % number)) for number in range(6)),
    )
    assert len(county.disk.commits) == 1
    assert county.held() == sorted([b"a", b"b", b"c", *(b"own %d" % number for number in range(6))])
    own = [stored[0].seq for stored in results[2:] if isinstance(stored, list)]
    assert own == sorted(own)


async def test_an_answer_comes_only_when_its_entry_is_durable(county: County) -> None:
    stored: list[Stored] = await county.writer.record(drafting(b"one"))
    assert county.node.held(stored[0].journal)[-1] == stored[0]


async def test_a_refusal_goes_to_whom_it_belongs_and_the_others_are_written(county: County) -> None:
    stranger = Network(TOWNSHIP, seed=9)
    stranger[TOWNSHIP].write(b"not of this county")
    foreign = stranger[TOWNSHIP].page(stranger[COUNTY])
    forged = replace(foreign, receiver=county.node.id)

    class Refused(Exception):
        pass

    async def refuse() -> Sequence[Draft]:
        raise Refused

    good, bad, refused = await asyncio.gather(
        county.writer.admit(county.page(TOWNSHIP, b"good")),
        county.writer.admit(forged),
        county.writer.record(refuse),
        return_exceptions=True,
    )
    assert not isinstance(good, BaseException)
    assert isinstance(bad, UnknownSender)
    assert bad.code == "unknown_sender"
    assert isinstance(refused, Refused)
    assert county.held() == [b"good"]


async def test_a_failed_commit_fails_its_own_jobs_and_the_queue_goes_on(county: County) -> None:
    county.disk.refuse.append(Busy("store_full", "free space", retry_after_s=60))
    page = county.page(TOWNSHIP, b"a")
    before = county.node.rows()
    outcomes = await asyncio.gather(
        county.writer.admit(page), county.writer.record(drafting(b"own")), return_exceptions=True
    )
    assert [getattr(outcome, "code", None) for outcome in outcomes] == ["store_full", "store_full"]
    assert county.node.rows() == before
    assert (await county.writer.admit(page)).admitted == 1
    await county.writer.record(drafting(b"own"))
    assert county.held() == [b"a", b"own"]


async def test_a_job_that_cannot_be_written_does_not_take_the_others_with_it(county: County) -> None:
    county.disk.spoiled_kind = "case.spoiled"
    spoiled = county.page(SECOND_TOWNSHIP, b"spoiled", kind="case.spoiled")
    outcomes = await asyncio.gather(
        county.writer.admit(county.page(TOWNSHIP, b"a")),
        county.writer.admit(spoiled),
        county.writer.record(drafting(b"own")),
        return_exceptions=True,
    )
    assert [isinstance(outcome, ValueError) for outcome in outcomes] == [False, True, False]
    assert county.held() == [b"a", b"own"]


async def test_the_numbers_are_read_again_even_when_the_store_was_away_for_a_while() -> None:
    """A commit fails and the server is gone: the books must not be used half empty when it is back."""
    county = County()

    class Away(MemoryStore):
        gone = False

        async def load(self) -> Loaded:
            if self.gone:
                raise ConnectionError("the server does not answer")
            return await super().load()

    store = Away(county.node.store.copy())
    county.node.ledger.books.store = county.node.store = store
    disk = Disk(store)
    county.writer.start()
    before = county.node.rows()
    disk.refuse.append(ConnectionError("the server went away"))
    store.gone = True
    for _ in range(3):
        with pytest.raises(ConnectionError):
            await county.writer.record(drafting(b"lost"))
    assert county.node.rows() == before
    store.gone = False
    await county.writer.record(drafting(b"back"))
    await county.writer.admit(county.page(TOWNSHIP, b"a"))
    assert county.held() == [b"a", b"back"]
    arrived = [entry.arrival for entry in await store.entries_since(0, 99)]
    assert arrived == list(range(1, len(arrived) + 1))
    await county.writer.stop()


async def test_a_full_queue_refuses_pages_first_and_says_when_to_come_back(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "WAITING_ENTRIES_MAX", 3)
    monkeypatch.setattr(writer_module, "WAITING_JOBS_MAX", 4)
    pages = [county.page(TOWNSHIP, b"a", b"b"), county.page(SECOND_TOWNSHIP, b"c", b"d")]
    outcomes = await asyncio.gather(
        *(county.writer.admit(page) for page in pages),
        *(county.writer.record(drafting(b"own %d" % number)) for number in range(5)),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert isinstance(outcomes[1], Busy)
    assert outcomes[1].retry_after_s > 0
    assert outcomes[1].status == 503
    assert len(refused) == 3
    assert all(isinstance(outcome, Busy) for outcome in refused)
    assert (await county.writer.admit(pages[1])).admitted == 2


async def test_a_large_backlog_is_cut_into_groups(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GROUP_ENTRIES_MAX >= 500
    monkeypatch.setattr(writer_module, "GROUP_ENTRIES_MAX", 4)
    pages = [county.page(TOWNSHIP, b"a", b"b", b"c"), county.page(SECOND_TOWNSHIP, b"d", b"e")]
    await asyncio.gather(*(county.writer.admit(page) for page in pages))
    assert len(county.disk.commits) == 2
    assert county.held() == [b"a", b"b", b"c", b"d", b"e"]


async def test_who_goes_away_before_his_turn_gets_nothing_written(county: County) -> None:
    waiting = asyncio.ensure_future(county.writer.record(drafting(b"gone")))
    await asyncio.sleep(0)
    waiting.cancel()
    await county.writer.record(drafting(b"stays"))
    assert county.held() == [b"stays"]


async def test_a_look_sees_only_what_is_durable(county: County) -> None:
    county.disk.refuse.append(Busy("store_full", "free space"))
    journal = county.node.journal
    before = county.node.tip(journal).size
    failed = asyncio.ensure_future(county.writer.record(drafting(b"never written")))
    seen = await county.writer.look(lambda: county.node.tip(journal).size)
    assert seen == before
    with pytest.raises(Busy):
        await failed


async def test_pages_out_and_pages_in_take_turns(county: County) -> None:
    township = county.network[TOWNSHIP]
    admission, page, after = await asyncio.gather(
        county.writer.admit(county.page(TOWNSHIP, b"a")),
        county.writer.page_for(township.id),
        county.writer.record(drafting(b"own")),
    )
    assert admission.admitted == 1
    assert page.receiver == township.id
    assert after[0].body == b"own"
    township.admit(page)
    with pytest.raises(UnknownSender):
        await county.writer.page_for(county.node.id)
    assert await county.writer.record(drafting(b"still works"))


async def test_a_writer_that_lost_its_pen_stops_and_says_so(county: County) -> None:
    county.disk.refuse.append(AnotherWriter("second_writer", "another process writes here"))
    results = await asyncio.gather(
        county.writer.record(drafting(b"a")),
        county.writer.record(drafting(b"b")),
        county.writer.page_for(county.network[TOWNSHIP].id),
        return_exceptions=True,
    )
    assert [isinstance(result, AnotherWriter) for result in results] == [True, True, True]
    with pytest.raises(AnotherWriter):
        await county.writer.record(drafting(b"c"))
    assert county.writer.failure is not None
    assert county.writer.failure.code == "second_writer"


async def test_a_pen_lost_while_a_bad_job_is_looked_for_is_told_to_all_who_wait(county: County) -> None:
    lost = AnotherWriter("second_writer", "another process writes here")
    county.disk.refuse += [ValueError("one of them cannot be written"), ValueError("not this one"), lost]
    results = await asyncio.gather(
        *(county.writer.record(drafting(b"%d" % number)) for number in range(4)), return_exceptions=True
    )
    assert [type(result) for result in results] == [ValueError, AnotherWriter, AnotherWriter, AnotherWriter]


async def test_stopping_finishes_what_was_taken_and_takes_nothing_more(county: County) -> None:
    taken = [asyncio.ensure_future(county.writer.record(drafting(b"taken %d" % number))) for number in range(3)]
    await asyncio.sleep(0)
    await county.writer.stop()
    assert all(future.done() and not future.exception() for future in taken)
    with pytest.raises(LocalFault) as refused:
        await county.writer.record(drafting(b"late"))
    assert refused.value.code in ("stopping", "stopped")
    assert county.held() == [b"taken 0", b"taken 1", b"taken 2"]


async def test_nobody_writes_before_the_start() -> None:
    county = County()
    with pytest.raises(LocalFault) as refused:
        await county.writer.record(drafting(b"early"))
    assert refused.value.code == "not_started"


async def test_housework_waits_for_an_idle_moment_and_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "TIDY_AFTER_COMMITS", 2)
    county = County()
    tidied = asyncio.Event()
    calls: list[bool] = []

    async def tidy() -> None:
        calls.append(not county.writer.books.batch.entries)
        if len(calls) == 1:
            raise OSError("a reader stands in the way")
        tidied.set()

    writer = Writer(county.node.ledger, tidy=tidy)
    writer.start()
    for number in range(4):
        await writer.record(drafting(b"%d" % number))
    await tidied.wait()
    assert calls[:2] == [True, True]
    await writer.stop()
