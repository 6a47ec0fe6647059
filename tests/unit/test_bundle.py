"""Bundles of a courier between two nodes: any cut, flip, repetition or mix-up ends in the same state or is named.

The crypto of most stories is left out (`seal=bytes`): what is sealed is `tests/unit/test_age.py`.
"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256

import pytest
from msgspec.structs import replace

from schemas.codec import PAGE_COMPRESSED_BYTES_MAX, Malformed
from schemas.names import Epoch, Instant, NodeId
from schemas.wire import Page, Size
from sync.age import Opener, seal
from sync.books import Books
from sync.core.bundle import (
    BUNDLE_BYTES_MAX,
    BUNDLE_BYTES_MIN,
    MAGIC,
    PAGE,
    Manifest,
    image,
    manifest_text,
    part_of,
    read_manifest,
    signing_key,
    split,
    write_manifest,
)
from sync.core.errors import Fault, RemoteFault
from sync.core.note import format_note, signature_line
from sync.enrolment import certify
from sync.exchange import converse
from sync.keys import Ed25519Key
from sync.ledger import Admission
from sync.memory import Tables
from sync.paging import Load
from sync.usb import Taken, Written, look_into, take_in, write_bundle
from tests.support.line import (
    COUNTY,
    DOWN,
    TOWNSHIP,
    UP,
    VILLAGE,
    County,
    DirectLine,
    Party,
    note,
    township_and_village,
)

REFUSED = (Malformed, Fault)


@pytest.fixture
async def parties() -> tuple[Party, Party]:
    return await township_and_village()


async def written(sender: Party, receiver: Party, *, entries: int = 500, serial: int = 1) -> Written:
    return await write_bundle(sender.ledger, receiver.node, Load({}, page_entries=entries), seal=bytes, serial=serial)


async def read(receiver: Party, data: bytes) -> Taken:
    return await take_in(receiver.ledger, data, open_part=bytes)


async def carry(sender: Party, receiver: Party, *, serial: int = 1) -> Taken:
    return await read(receiver, (await written(sender, receiver, serial=serial)).data)


def forged(data: bytes, sender: Party, change: Callable[[Manifest], Manifest]) -> bytes:
    """The bundle with another manifest, signed anew by its sender."""
    parts, _ = split(data)
    manifest, _ = read_manifest(parts[0])
    keys = sender.signer.public_keys
    return image([write_manifest(change(manifest), keys.log, sender.signer.sign), *parts[1:]])


def codes(taken: Taken) -> list[str]:
    return [flaw.code for flaw in taken.flaws]


class ListeningPen:
    """Notes which pages come, and takes none in."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.pages: list[Page] = []

    async def admit(self, page: Page) -> Admission:
        self.pages.append(page)
        return Admission()

    async def page_for(self, neighbour: object, *, receipts_due: bool = True, load: Load | None = None) -> Page:
        raise AssertionError(neighbour)

    async def meet(self, chain: object) -> None:
        raise AssertionError(chain)


# --- there and back --------------------------------------------------------------------------------------------------


async def test_nine_days_of_work_go_up_and_the_receipt_comes_down(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await village.pen.write(*(note(number) for number in range(1200)))
    up = await written(village, township)
    assert (up.entries, up.cases, up.manifest.is_last, len(up.manifest.parts)) == (1200, 1, True, 3)
    assert (await read(township, up.data)).admitted == 1201  # with the epoch's opening
    await township.pen.write(*(note(number, kind=DOWN) for number in range(3)))
    taken = await carry(township, village)
    assert taken.is_whole
    link = village.ledger.books.links[township.node]
    assert link.waiting() == 0
    kinds = [entry.kind for entry in village.tables.arrivals]
    assert kinds.count(DOWN) == 3
    assert kinds.count("line.receipted") == 1


async def test_a_stick_read_twice_or_after_the_line_changes_nothing(parties: tuple[Party, Party]) -> None:
    township, village = parties
    await village.pen.write(*(note(number) for number in range(700)))
    first = await written(village, township)
    again = await written(village, township, serial=2)
    assert village.ledger.books.links[township.node].in_flight == {}
    await converse(village.pen, DirectLine(village, township))
    settled = township.fingerprint()
    for bundle in (first, again, first):
        taken = await read(township, bundle.data)
        assert (taken.admitted, taken.flaws) == (0, [])
        assert township.fingerprint() == settled
    await converse(village.pen, DirectLine(village, township))
    await village.pen.write(note(1000))
    await converse(village.pen, DirectLine(village, township))
    assert len(township.held()) == len({**township.held(), **village.held()})


async def test_the_line_goes_on_where_a_stick_was_written_in_the_middle_of_a_conversation(
    parties: tuple[Party, Party],
) -> None:
    township, village = parties
    await village.pen.write(*(note(number) for number in range(900)))
    link = village.ledger.books.links[township.node]
    page = await village.pen.page_for(township.node)
    before = (dict(link.in_flight), dict(link.acknowledged), link.page_entries, link.seen_by_neighbour)
    stick = await written(village, township, entries=50)
    assert (dict(link.in_flight), dict(link.acknowledged), link.page_entries, link.seen_by_neighbour) == before
    await township.pen.admit(page)
    assert (await read(township, stick.data)).is_whole
    await converse(village.pen, DirectLine(village, township))
    assert township.held().items() >= village.held().items()


async def test_what_does_not_fit_into_one_file_goes_on_in_the_next(parties: tuple[Party, Party]) -> None:
    township, village = parties
    noise = [sha256(b"%d" % number).digest() for number in range(400)]
    bodies = [b"".join(sha256(seed + bytes([at])).digest() for at in range(250)) for seed in noise]
    for at in range(0, len(bodies), 50):
        await village.pen.write(*(replace(note(0), body=body) for body in bodies[at : at + 50]))
    load, files = Load({}), list[Written]()
    while load.more:
        following = Load(dict(load.sent))
        files.append(
            await write_bundle(
                village.ledger, township.node, following, seal=bytes, serial=len(files) + 1, bytes_max=BUNDLE_BYTES_MIN
            )
        )
        load = following
    assert len(files) > 1
    assert all(len(file.data) <= BUNDLE_BYTES_MIN for file in files)
    assert [file.manifest.is_last for file in files] == [False] * (len(files) - 1) + [True]
    assert codes(await read(township, files[1].data)) == ["bundle_gap"]
    for file in files:
        assert (await read(township, file.data)).is_whole
    assert sum(entry.kind == UP for entry in township.tables.arrivals) == 400


async def test_wants_travel_by_stick_and_each_is_answered(parties: tuple[Party, Party]) -> None:
    """A village whose disk went back to yesterday gets its work again without ever having a line."""
    township, village = parties
    await village.pen.write(*(note(number) for number in range(40)))
    await carry(village, township)
    before = set(village.held())
    village.tables = Tables()
    await village.start()  # everything is gone but the keys
    for serial in range(2, 5):
        await carry(village, township, serial=serial)
        await carry(township, village, serial=serial)
    assert before <= set(village.held())


# --- cut, flipped, mixed up ------------------------------------------------------------------------------------------


async def small(parties: tuple[Party, Party]) -> tuple[Party, Written]:
    township, village = parties
    await village.pen.write(*(note(number, size=24) for number in range(9)))
    return township, await written(village, township, entries=3)


async def test_cut_at_every_byte_what_was_whole_is_taken_in_and_the_rest_is_named(parties: tuple[Party, Party]) -> None:
    township, bundle = await small(parties)
    keys = [township.signer.public_keys.log]
    parts, _ = split(bundle.data)
    sealed = image([seal(part, keys) for part in parts])
    opener = lru_cache(None)(Opener(township.signer).open)
    ends = [len(MAGIC)]
    for part in split(sealed)[0]:
        ends.append(ends[-1] + 4 + len(part))
    whole = await taken_pages(township.ledger.books, sealed, opener)
    assert [len(pages) for pages in whole[:1]] == [len(bundle.manifest.parts)]
    named: set[str] = set()
    for cut in range(len(sealed)):
        pages, found = await taken_pages(township.ledger.books, sealed[:cut], opener)
        complete = max(0, sum(end <= cut for end in ends) - 2)
        assert pages == whole[0][:complete], cut
        assert found, cut
        named |= set(found)
    assert named == {"bundle_empty", "bundle_cut"}


async def taken_pages(books: Books, data: bytes, opener: Callable[[bytes], bytes]) -> tuple[list[Page], list[str]]:
    pen = ListeningPen(books)
    try:
        taken = await take_in(pen, data, open_part=opener)
    except REFUSED as refusal:
        assert not pen.pages
        return [], [refusal.code]
    return pen.pages, codes(taken)


async def test_every_flipped_bit_is_found_and_the_other_parts_are_taken_in(parties: tuple[Party, Party]) -> None:
    township, bundle = await small(parties)
    keys = [township.signer.public_keys.log]
    sealed = image([seal(part, keys) for part in split(bundle.data)[0]])
    opener = lru_cache(4096)(Opener(township.signer).open)
    good, _ = await taken_pages(township.ledger.books, sealed, opener)
    named: set[str] = set()
    for at in range(0, len(sealed), 3):
        flipped = bytearray(sealed)
        flipped[at] ^= 1 << at % 8
        pages, found = await taken_pages(township.ledger.books, bytes(flipped), opener)
        assert found, at
        named |= set(found)
        assert [page for page in good if page in pages] == pages, at
        assert len(pages) < len(good), at
    assert named <= {
        *("not_a_bundle", "bundle_newer", "bundle_cut", "bundle_part_too_large", "bundle_part_damaged"),
        *("bundle_for_other", "bundle_trailing"),
    }


async def test_cut_anywhere_and_then_read_whole_ends_in_the_same_state(parties: tuple[Party, Party]) -> None:
    township, bundle = await small(parties)
    other, _ = await township_and_village()
    await read(other, bundle.data)
    for cut in range(40, len(bundle.data), len(bundle.data) // 12):
        try:
            await read(township, bundle.data[:cut])
        except REFUSED:
            continue
    assert (await read(township, bundle.data)).is_whole
    assert set(other.held()) == set(township.held())


async def test_parts_repeated_reordered_and_swapped_between_bundles_are_named(parties: tuple[Party, Party]) -> None:
    township, village = parties
    _, bundle = await small(parties)
    parts, _ = split(bundle.data)
    await village.pen.write(note(100))
    other, _ = split((await written(village, township, entries=3, serial=2)).data)
    books = township.ledger.books
    stories = {
        "bundle_part_misplaced": [parts[0], parts[2], parts[1], *parts[3:]],
        "bundle_part_foreign": [*parts[:-1], other[-1]],
        "bundle_trailing": [*parts, parts[1]],
    }
    for code, story in stories.items():
        _, found = await taken_pages(books, image(story), bytes)
        assert set(found) == {code}
    repeated = [parts[0], parts[1], parts[1], *parts[2:]]
    _, found = await taken_pages(books, image(repeated), bytes)
    assert set(found) == {"bundle_part_misplaced", "bundle_trailing"}
    # Whatever was mixed up: read again as it was written, everything is here once.
    for story in (*stories.values(), repeated):
        await read(township, image(story))
    await read(township, bundle.data)
    assert sum(entry.kind == UP for entry in township.tables.arrivals) == 9


async def test_a_length_of_ten_gigabytes_is_never_allocated(parties: tuple[Party, Party]) -> None:
    township, bundle = await small(parties)
    parts, _ = split(bundle.data)
    claimed = image(parts[:2]) + b"\xff\xff\xff\xff" + b"x" * 100
    taken = await read(township, claimed)
    assert codes(taken) == ["bundle_part_too_large"]
    assert taken.parts == 1
    with pytest.raises(Malformed, match="bundle_part_too_large"):
        split(MAGIC + b"\xff\xff\xff\xff")
    with pytest.raises(Malformed, match="bundle_too_large"):
        split(MAGIC.ljust(BUNDLE_BYTES_MAX + 1, b"x"))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bundle_empty"),
        (b"T", "bundle_cut"),
        (b"TBB1\n", "bundle_cut"),
        (b"TBB2\nwhatever", "bundle_newer"),
        (b"TBB12\n", "bundle_newer"),
        (b"PK\x03\x04", "not_a_bundle"),
        (b"TBBx\n", "not_a_bundle"),
        (b"\x00" * 100, "not_a_bundle"),
    ],
)
async def test_what_is_no_bundle_is_refused_by_name(parties: tuple[Party, Party], data: bytes, code: str) -> None:
    before = parties[0].fingerprint()
    with pytest.raises(Malformed) as refused:
        await read(parties[0], data)
    assert refused.value.code == code
    assert parties[0].fingerprint() == before


# --- from whom, for whom ---------------------------------------------------------------------------------------------


async def refused_as(receiver: Party, data: bytes) -> str:
    before = receiver.fingerprint()
    with pytest.raises(REFUSED) as refused:
        await read(receiver, data)
    assert receiver.fingerprint() == before
    return str(refused.value).partition(":")[0]


async def test_a_manifest_that_says_something_else_is_refused(parties: tuple[Party, Party]) -> None:
    township, village = parties
    _, bundle = await small(parties)
    stories: dict[str, Callable[[Manifest], Manifest]] = {
        "bundle_other_county": lambda m: replace(m, root="0" * 64),
        "bundle_for_other": lambda m: replace(m, receiver=NodeId(village.node[::-1])),
        "bundle_own": lambda m: replace(m, sender=township.node),
        "bundle_unknown_sender": lambda m: replace(m, sender=NodeId(village.node[::-1])),
    }
    for code, change in stories.items():
        assert await refused_as(township, forged(bundle.data, village, change)) == code
    assert await refused_as(township, forged(bundle.data, township, lambda m: m)) == "bundle_unsigned"
    parts, _ = split(bundle.data)
    newer = parts[0].replace(b"tongban bundle 1\n", b"tongban bundle 2\n")
    assert await refused_as(township, image([newer, *parts[1:]])) == "bundle_newer"
    for damage in (parts[0].replace(b"last yes", b"last maybe"), parts[0][:-1], b"x", b"tongban bundle 1\n"):
        assert await refused_as(township, image([damage, *parts[1:]])) == "bundle_manifest"
    with pytest.raises(RemoteFault, match="bundle_own"):
        look_into(village.ledger.books, bundle.data, bytes)


async def test_a_revoked_device_and_a_replaced_one_bring_nothing_in(parties: tuple[Party, Party]) -> None:
    township, village = parties
    _, bundle = await small(parties)
    successor = Party("successor", village.ledger.books.seat.office, village.county, township)
    del township.ledger.books.links[village.node]
    assert await refused_as(township, bundle.data) == "bundle_replaced_sender"
    assert await refused_as(township, bundle.data) == "bundle_replaced_sender"
    await township.revoke(village.node, [Size(village.node, Epoch(1, bytes(6)), 0)])
    assert await refused_as(township, bundle.data) == "bundle_revoked_sender"
    await successor.start()
    assert await refused_as(township, (await written(successor, township)).data) == "bundle_unknown_sender"


async def test_a_page_of_another_device_and_a_part_of_a_newer_version_are_named(parties: tuple[Party, Party]) -> None:
    township, village = parties
    _, bundle = await small(parties)
    parts, _ = split(bundle.data)
    newer = forged(bundle.data, village, lambda m: replace(m, parts=(*m.parts, part_of("films", b"xy"))))
    taken = await read(township, newer + b"\x00\x00\x00\x02xy")
    assert codes(taken) == ["bundle_part_unknown"]
    assert taken.parts == len(parts) - 1
    downward = split((await written(township, village)).data)[0][-1]
    strange = forged(bundle.data, village, lambda m: replace(m, parts=(part_of(PAGE, downward),)))
    taken = await read(township, image([split(strange)[0][0], downward]))
    assert codes(taken) == ["wrong_sender"]


async def test_the_successor_of_the_office_above_introduces_itself_on_the_stick() -> None:
    county = County()
    hub = Party("county", COUNTY, county, None)
    township = Party("township", TOWNSHIP, county, hub)
    village = Party("village", VILLAGE, county, township)
    for party in (hub, township, village):
        await party.start()
    await township.enrol(village)
    await hub.enrol(township)
    await carry(township, hub)
    await village.pen.write(note(1))
    successor = Party("successor", TOWNSHIP, county, hub)
    enrolment = replace(successor.certificate.enrolment, replaces=township.node)
    successor.certificate = certify(hub.signer, enrolment)
    successor.chain = [*hub.chain, successor.certificate]
    await hub.enrol(successor)
    await successor.start()
    # What the lost one knew comes back from the county, asked for by stick: who the village is, among it.
    for sender, receiver in ((hub, successor), (successor, hub), (hub, successor)):
        assert (await carry(sender, receiver)).is_whole
    taken = await carry(successor, village)
    assert taken.is_whole, taken.flaws
    assert village.ledger.books.parent == successor.node
    assert (await carry(village, successor)).is_whole
    assert any(entry.kind == UP for entry in successor.tables.arrivals)
    assert await refused_as(village, (await written(township, village)).data) == "bundle_replaced_sender"


# --- the manifest ----------------------------------------------------------------------------------------------------


def example(parts: int = 1) -> Manifest:
    village, township = NodeId("om3557cgqxfqwg56"), NodeId("iom3l3aq3if2cath")
    return Manifest(
        "cangxi",
        "ab" * 32,
        village,
        VILLAGE,
        township,
        TOWNSHIP,
        Instant(-5),
        Epoch(7, b"abcdef"),
        3,
        True,
        tuple(part_of(PAGE, b"%d" % number) for number in range(parts)),
    )


def test_a_manifest_reads_as_it_was_written_and_fits_a_note_with_all_its_parts() -> None:
    key = Ed25519Key(bytes(32))
    for manifest in (example(0), example(1), example(2047)):
        data = write_manifest(manifest, key.public_key, key.sign)
        assert read_manifest(data)[0] == manifest
        assert len(data) < PAGE_COMPRESSED_BYTES_MAX // 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("serial 3", "serial 0"),
        ("serial 3", "serial 03"),
        ("epoch 7-", "epoch 07-"),
        ("at -5", "at -05"),
        ("at -5", "at 99999999999999999"),
        ("part page 1 ", "part page 0 "),
        ("part page 1 ", "part page 99999999 "),
        ("part page", "part PAGE"),
        ("from om", "from Om"),
        ("to iom", "to  iom"),
        ("510824100201", "5108241002"),
        ("last yes", "last yes\nlast yes"),
    ],
)
def test_a_manifest_has_one_spelling(old: str, new: str) -> None:
    text = manifest_text(example())
    assert old in text
    line = signature_line(signing_key(example(), bytes(32)), bytes(64))
    with pytest.raises(Malformed, match="bundle_manifest"):
        read_manifest(format_note(text.replace(old, new), [line]).encode())
