"""What every store does when bodies go: they are gone whatever else a transaction does with the entry, and for ever."""

from hashlib import sha256

from msgspec import structs

from schemas.names import Instant
from sync.ports import Evidence, Store
from tests.support.stores import JOURNAL, OWN, Reopen, Scribe, case

Stores = tuple[Store, Reopen]

GONE = bytes([9]) * 32


async def test_body_and_salt_go_and_the_rest_of_the_entry_stays(stores: Stores) -> None:
    store, reopen = stores
    await store.load()
    scribe = Scribe()
    one, two = scribe.write(subject=case(1), count=2)
    await store.commit(scribe.take())
    scribe.batch.stripped[JOURNAL, 0] = GONE
    await store.commit(scribe.take())
    bare = structs.replace(one, body=None, salt=b"", digest=GONE)
    for reader in (store, reopen()):
        assert await reader.entries(JOURNAL, 0, 2) == [bare, two]
        assert await reader.hashes(JOURNAL, 0, 2) == [one.hash, two.hash]


async def test_an_entry_that_joins_its_run_or_is_put_right_meanwhile_loses_its_body_all_the_same(
    stores: Stores,
) -> None:
    store, _ = stores
    await store.load()
    scribe = Scribe()
    loose = scribe.write_loose(0, subject=case(1))
    (whole,) = scribe.write(OWN, subject=case(1))
    await store.commit(scribe.take())
    scribe.join_run(0)
    scribe.batch.repaired.append(structs.replace(whole, body=b"a good copy"))
    scribe.batch.stripped |= {(JOURNAL, 0): GONE, (OWN, 0): GONE}
    await store.commit(scribe.take())
    (joined,) = await store.entries(JOURNAL, 0, 1)
    assert joined == structs.replace(loose, body=None, salt=b"", digest=GONE, loose=False, prev=None, proof=None)
    (repaired,) = await store.entries(OWN, 0, 1)
    assert (repaired.body, repaired.salt, repaired.digest) == (None, b"", GONE)


async def test_the_erased_set_outlives_the_process_and_names_the_order(stores: Stores) -> None:
    store, reopen = stores
    await store.load()
    scribe = Scribe()
    scribe.write(OWN, kind="line.erased", subject=case(1))
    known, unknown = bytes([1]) * 32, bytes([2]) * 32
    scribe.batch.erased = {known: (OWN, 0), unknown: None}
    await store.commit(scribe.take())
    for reader in (store, reopen()):
        assert (await reader.load()).erased == {known, unknown}
        assert await reader.orders([known, unknown, bytes(32)]) == {(OWN, 0)}
        assert await reader.orders([]) == set()
    # The order comes later; a place that is known stays.
    scribe.write(JOURNAL, kind="line.erased", subject=case(1))
    scribe.batch.erased = {known: (JOURNAL, 0), unknown: (JOURNAL, 0)}
    await store.commit(scribe.take())
    assert await store.orders([known]) == {(OWN, 0)}
    assert await store.orders([unknown]) == {(JOURNAL, 0)}
    scribe.batch.erased = {unknown: None}
    await store.commit(scribe.take())
    assert await store.orders([unknown]) == {(JOURNAL, 0)}


async def test_a_finding_loses_what_must_go_and_stays_a_finding(stores: Stores) -> None:
    store, reopen = stores
    await store.load()
    scribe = Scribe()
    scribe.write()
    kept = Evidence("fork", JOURNAL, 0, Instant(1), bytes(32), b"another")
    scribe.batch.evidence = [Evidence("fork", JOURNAL, 0, Instant(1), bytes(32), b"with a body"), kept]
    await store.commit(scribe.take())
    scribe.batch.redacted = {sha256(b"with a body").digest(): b"without"}
    await store.commit(scribe.take())
    for reader in (store, reopen()):
        assert [found.material for found in await reader.evidence()] == [b"without", b"another"]


async def test_what_a_device_keeps_of_a_purged_case(stores: Stores) -> None:
    store, reopen = stores
    await store.load()
    scribe = Scribe()
    scribe.batch.purged = {case(1): b"residue", case(2): b"other"}
    await store.commit(scribe.take())
    scribe.batch.purged = {case(2): b""}
    await store.commit(scribe.take())
    for reader in (store, reopen()):
        assert await reader.purged([case(1), case(2), case(3)]) == {case(1): b"residue", case(2): b""}
