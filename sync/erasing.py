"""Obeys `line.erased`: whenever the county's order is admitted, the entries that it names lose body and salt here.

Every holder obeys, whatever came first; the hashes are remembered for ever, so that a body which comes later is dropped
before it is kept (RULINGS B6). Header, hash, number and every proof stay. The order alone decides: nothing here asks
whether a case is closed, which is for the county's pen (`office.erasure_orders`), and no residue is read.
Next: `sync.bodiless` (lines without bodies), `sync.housekeeping` (who calls).
"""

from hashlib import sha256
from typing import Final

from msgspec import structs

from schemas.names import CaseId
from schemas.wire import KIND_ERASED, ZERO_HASH, Erased, body_digest
from sync import bodiless, recovery, repair
from sync.books import Books, line_body
from sync.excerpts import post_excerpts
from sync.intact import DAMAGED, bad_among
from sync.ports import EntryKey, Stored

ORDERS_READ: Final = 500
"""Orders read at a time at a start: 0.5 MB."""


async def obey(books: Books, entry: Stored, order: Erased) -> None:
    """Let the named entries go: bodies here, copies in findings, and what was folded from them."""
    place = (entry.journal, entry.seq)
    books.erased |= {one.hash for one in order.entries}
    books.batch.erased |= dict.fromkeys((one.hash for one in order.entries), place)
    hashes = {one.key: one.hash for one in order.entries}
    await _let_go(books, hashes)
    await _redact(books, hashes)
    await _ask_again(books, hashes)
    if order.subject in await books.store.purged([order.subject]):
        books.batch.purged[order.subject] = b""  # what this device remembered of it alone goes as well
    await recovery.refold(books, {order.subject})


async def purge(books: Books, subject: CaseId, residue: bytes) -> None:
    """Let a case's bodies go on this device alone (RULINGS A17). `residue` stays here; nobody else hears of it.

    What may go, and when, is the office's to know. A want for such an entry is answered «not held».
    """
    for entry in await books.store.entries_about([subject]):
        if entry.body is not None and bodiless.is_erasable(entry.kind, entry.subject):
            books.batch.stripped[entry.journal, entry.seq] = body_digest(entry.salt, entry.body)
    books.batch.purged[subject] = residue
    await recovery.refold(books, {subject})


async def catch_up(books: Books) -> None:
    """At a start: obey the orders that came when this node could not read them yet, and pass them on."""
    after, obeyed = 0, frozenset(books.erased)
    while page := await books.store.entries_of_kind(KIND_ERASED, after=after, limit=ORDERS_READ):
        after = page[-1].arrival
        for entry in page:
            order = line_body(entry, Erased)
            if order is None or obeyed.issuperset(one.hash for one in order.entries):
                continue
            if books.learn_erasure(entry) is not None:
                books.dispose(entry, "", "")  # unknown, if the case was refolded before this version came
                await obey(books, entry, order)
                readers = (await books.interpreter.readers([order.subject])).get(order.subject, frozenset())
                for hop in sorted(books.hops(readers.union(order.offices)) - {books.parent}):
                    await post_excerpts(books, hop, [entry])


async def _let_go(books: Books, hashes: dict[EntryKey, bytes]) -> None:
    """Strip what is held of these, in the store and in what this transaction has staged."""
    held = await books.store.entries_at([key for key in hashes if books.holds(*key)])
    named = [
        held[key]
        for key, link in hashes.items()
        if key in held and held[key].hash == link and bodiless.is_erasable(held[key].kind, held[key].subject)
    ]
    bad = {entry.hash for entry in await bad_among(books.store, named)}
    for entry in named:
        if entry.body is None:
            continue
        key = (entry.journal, entry.seq)
        # Of a copy that went bad on our disk the digest is not known: it is asked for, without the body.
        books.batch.stripped[key] = ZERO_HASH if entry.hash in bad else body_digest(entry.salt, entry.body)
        if entry.hash in bad and key not in books.hopeless:
            books.damaged[key] = entry.hash
            books.find(DAMAGED, *key, entry.hash)
    for disposition in await books.store.dispositions(named):
        if disposition.code != "revoked":
            books.batch.dispositions.append(structs.replace(disposition, state="", code=""))
    batch = books.batch
    batch.entries[:] = [_without_body(entry, hashes) for entry in batch.entries]
    batch.repaired[:] = [_without_body(entry, hashes) for entry in batch.repaired]


def _without_body(entry: Stored, hashes: dict[EntryKey, bytes]) -> Stored:
    if entry.body is None or hashes.get((entry.journal, entry.seq)) != entry.hash:
        return entry
    if not bodiless.is_erasable(entry.kind, entry.subject):
        return entry
    return structs.replace(entry, salt=b"", body=None, digest=body_digest(entry.salt, entry.body))


async def _redact(books: Books, hashes: dict[EntryKey, bytes]) -> None:
    """What was found about the journals of these entries may hold their bodies too: those go, the rest still proves."""
    journals = {journal for journal, _ in hashes}
    batch = books.batch
    batch.evidence[:] = [
        structs.replace(found, material=bodiless.without_bodies(found.material, hashes))
        if found.code in bodiless.WITH_BODIES and found.journal in journals
        else found
        for found in batch.evidence
    ]
    if journals.isdisjoint({journal for journal, _ in await books.store.found(bodiless.WITH_BODIES)}):
        return
    for found in await books.store.evidence():
        if found.code in bodiless.WITH_BODIES and found.journal in journals:
            name = sha256(found.material).digest()
            material = batch.redacted.get(name, found.material)
            if (left := bodiless.without_bodies(material, hashes)) != material:
                batch.redacted[name] = left


async def _ask_again(books: Books, hashes: dict[EntryKey, bytes]) -> None:
    """What came without its body before this order was refused, and perhaps given up: now it can be taken."""
    missing = {key for key in hashes if not books.holds(*key)}
    if not missing:
        return
    refused = await books.store.found({"incomplete"})
    refused |= {(found.journal, found.seq) for found in books.batch.evidence if found.code == "incomplete"}
    for journal in {journal for journal, _ in missing} & books.journals.keys():
        books.reopen(journal)
    for key in missing & refused:
        repair.miss(books, *key)
