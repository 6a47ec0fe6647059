"""Everything bad that can arrive at the sync routes: a typed 4xx with a code and a sentence, and nothing held changes.

Sent by a device that is enrolled and has a session, unless the story says otherwise; the server is a real one.
"""

import asyncio
import resource
from collections.abc import AsyncGenerator, Callable
from random import Random

import msgspec
import pytest
import zstandard

from schemas.codec import PAGE_BYTES_MAX, PAGE_COMPRESSED_BYTES_MAX, decode, encode
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId
from schemas.wire import Checkpoint, Cursor, Head, Lane, Line, Page, Refusal, Run, Size, Stretch, Want
from sync.core.journal import Draft
from sync.core.link import Link
from sync.frame import MAGIC, pack, preface_of
from sync.http import ANSWER_PATH, ENROL_PATH, PAGE_PATH, PAGE_TYPE, SESSION_PATH, HttpLine, Reply, Wire
from sync.session import Answer, Hello
from tests.support.line import Party, note, township_and_village
from tests.support.server import Serving, serving


class Scene:
    """A village with a session, and what it can do to its township."""

    def __init__(self, township: Party, village: Party, place: Serving) -> None:
        self.township = township
        self.village = village
        self.place = place
        self.wire = Wire(place.address, idle_s=10)
        self.token = b""

    async def open_session(self) -> None:
        line = HttpLine(self.village.pen, self.wire)
        self.token = (await line._session(None)).token  # pyright: ignore[reportPrivateUsage]

    async def page(self) -> Page:
        """The page that the village would honestly send next."""
        link = self.link()
        link.in_flight.clear()
        return await self.village.pen.page_for(self.township.node)

    def link(self) -> Link:
        return self.village.ledger.books.links[self.township.node]

    async def send(self, body: bytes, *, path: str = PAGE_PATH) -> Reply:
        return await self.wire.post(path, body, token=self.token, content_type=PAGE_TYPE)


@pytest.fixture
async def scene() -> AsyncGenerator[Scene]:
    township, village = await township_and_village()
    await village.pen.write(*(note(number) for number in range(5)))
    async with serving(township) as place:
        made = Scene(township, village, place)
        await made.open_session()
        yield made
        made.wire.hang_up()


def refusal_in(reply: Reply) -> Refusal:
    refusal = decode(reply.body, Refusal)
    assert len(refusal.hint) > 20
    assert refusal.code in refusal.code.lower()
    return refusal


async def refused(scene: Scene, body: bytes, status: int, code: str, *, path: str = PAGE_PATH) -> Refusal:
    """Send, and check the refusal and that the township holds exactly what it held."""
    before = scene.township.fingerprint()
    reply = await scene.send(body, path=path)
    refusal = refusal_in(reply)
    assert (reply.status, refusal.code) == (status, code)
    assert scene.township.fingerprint() == before
    return refusal


def http_head(request: str, authorization: str = "", length_bytes: int = 0) -> bytes:
    """The head of a request as a client without manners would write it."""
    lines = [f"{request} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {length_bytes}"]
    lines += [f"Authorization: {authorization}"] if authorization else []
    return "\r\n".join([*lines, "", ""]).encode()


# --- bytes that are no page ------------------------------------------------------------------------------------------


def framed(page: Page, body: bytes, **changes: object) -> bytes:
    """A frame around any body, with the preface of `page`."""
    preface = encode(msgspec.structs.replace(preface_of(page), **changes))
    return MAGIC + b"\x00" + len(preface).to_bytes(2, "big") + preface + body


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(body)


def undeclared(body: bytes) -> bytes:
    packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return packer.compress(body) + packer.flush()


def wide_window(body: bytes) -> bytes:
    settings = zstandard.ZstdCompressionParameters(window_log=27, write_checksum=True)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj(size=len(body))
    frame = packer.compress(body) + packer.flush()
    # zstd narrows the window to the declared size; widen it again in the frame's own header, as an attacker would.
    return frame[:4] + bytes([frame[4] & ~0x20, 17 << 3]) + frame[5:]


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


BAD_BYTES: dict[str, tuple[Callable[[Page], bytes], int, str]] = {
    "nothing": (lambda _: b"", 400, "not_a_frame"),
    "a web page": (lambda _: b"<html>", 400, "not_a_frame"),
    "NUL bytes": (lambda _: bytes(1000), 400, "not_a_frame"),
    "magic alone": (lambda _: MAGIC, 400, "truncated"),
    "a preface that ends early": (lambda page: pack(page)[:20], 400, "truncated"),
    "a page that ends early": (lambda page: pack(page)[:-9], 400, "truncated"),
    "a page without its last byte": (lambda page: pack(page)[:-1], 400, "truncated"),
    "a byte behind the page": (lambda page: pack(page) + b"\x00", 400, "trailing"),
    "a second page behind the page": (lambda page: pack(page) + zstd(encode(page)), 400, "trailing"),
    "no zstd": (lambda page: framed(page, encode(page)), 400, "malformed"),
    "a flipped bit": (lambda page: flipped(pack(page)), 400, "malformed"),
    "no checksum": (lambda page: framed(page, zstandard.compress(encode(page))), 400, "malformed"),
    "a bomb": (lambda page: framed(page, zstd(bytes(200 * 1024 * 1024))), 400, "bomb"),
    "a bomb that does not say its size": (lambda page: framed(page, undeclared(bytes(64 << 20))), 400, "bomb"),
    "a window of 128 MiB": (lambda page: framed(page, wide_window(encode(page))), 400, "bomb"),
    "a skippable frame": (lambda page: framed(page, b"\x50\x2a\x4d\x18\x04\x00\x00\x00aaaa"), 400, "malformed"),
    "another value": (lambda page: framed(page, zstd(encode({"a": 1}))), 400, "malformed"),
    "a value behind the value": (lambda page: framed(page, zstd(encode(page) + b"\xc0")), 400, "malformed"),
    "half a value": (lambda page: framed(page, zstd(encode(page)[:-5])), 400, "malformed"),
    "deep nesting": (lambda page: framed(page, zstd(nested(100_000))), 400, "malformed"),
    "deep nesting in a field of the future": (
        lambda page: framed(page, zstd(b"\xdc\x00\x10" + encode(page)[1:] + nested(100_000))),
        400,
        "malformed",
    ),
    "four thousand million entries": (lambda page: framed(page, zstd(b"\xdd\xff\xff\xff\xff")), 400, "malformed"),
    "another page than its preface": (
        lambda page: framed(page, zstd(encode(page)), ranges=[(1, page.epoch, 1, 9)]),
        400,
        "wrong_preface",
    ),
    "a dictionary that nobody has": (
        lambda page: MAGIC + b"\xc8" + pack(page)[len(MAGIC) + 1 :],
        400,
        "unknown_dictionary",
    ),
}


def flipped(frame: bytes) -> bytes:
    changed = bytearray(frame)
    changed[-60] ^= 4
    return bytes(changed)


@pytest.mark.parametrize("story", BAD_BYTES)
async def test_bytes_that_are_no_page(scene: Scene, story: str) -> None:
    make, status, code = BAD_BYTES[story]
    await refused(scene, make(await scene.page()), status, code)


async def test_a_page_larger_than_is_read_is_cut_off(scene: Scene) -> None:
    await refused(scene, MAGIC + bytes(PAGE_COMPRESSED_BYTES_MAX), 413, "too_large")


async def test_bombs_cost_neither_memory_nor_much_time(scene: Scene) -> None:
    bomb = framed(await scene.page(), zstd(bytes(500 * 1024 * 1024)))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20):
        await refused(scene, bomb, 400, "bomb")
    after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after_kib - before_kib < 8 * PAGE_BYTES_MAX // 1024


async def test_a_body_that_is_cut_off_changes_nothing(scene: Scene) -> None:
    before = scene.township.fingerprint()
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.place.port)
    writer.write(http_head(f"POST {PAGE_PATH}", f"Bearer {scene.token.hex()}", 5000) + pack(await scene.page()))
    writer.write_eof()
    await reader.read()
    writer.close()
    assert scene.township.fingerprint() == before
    # And the node still takes the honest page.
    assert (await scene.send(pack(await scene.page()))).status == 200


# --- pages that no node wrote ----------------------------------------------------------------------------------------


def changed(page: Page, **fields: object) -> Page:
    return msgspec.structs.replace(page, **fields)


def changed_stretch(page: Page, **fields: object) -> Page:
    return changed(page, stretches=[msgspec.structs.replace(page.stretches[0], **fields)])


def changed_run(page: Page, **fields: object) -> Page:
    run = msgspec.structs.replace(page.stretches[0].runs[0], **fields)
    return changed_stretch(page, runs=[run, *page.stretches[0].runs[1:]])


FOREIGN = Epoch(1, b"\x01\x02\x03\x04\x05\x06")
NOBODY = NodeId("a" * 16)

BAD_PAGES: dict[str, tuple[Callable[[Page], Page], int, str]] = {
    "another sender": (lambda page: changed(page, sender=NOBODY), 400, "wrong_sender"),
    "another receiver": (lambda page: changed(page, receiver=NOBODY), 400, "wrong_receiver"),
    "a sender with NUL bytes": (lambda page: changed(page, receiver=NodeId("a" * 15 + "\x00")), 400, "malformed"),
    "an epoch of four bytes": (lambda page: changed(page, epoch=Epoch(1, b"\x01\x02\x03\x04")), 400, "malformed"),
    "an epoch before the first": (lambda page: changed(page, epoch=Epoch(-1, bytes(6))), 400, "malformed"),
    "an ordinal of five bytes": (lambda page: changed_run(page, epoch=Epoch(2**32, bytes(6))), 400, "malformed"),
    "a run of a device with a Chinese name": (
        lambda page: changed_run(page, origin=NodeId("村" * 16)),
        400,
        "malformed",
    ),
    "a run from the far future": (lambda page: changed_run(page, start=2**62), 400, "malformed"),
    "a negative cursor": (lambda page: changed(page, cursors=[Cursor(0, FOREIGN, -1)]), 400, "malformed"),
    "a size beyond all numbers": (lambda page: changed(page, sizes=[Size(NOBODY, FOREIGN, 2**63)]), 400, "malformed"),
    "a thousand wants": (lambda page: changed(page, wants=[Want(NOBODY, FOREIGN, 0, 9)] * 1000), 400, "malformed"),
    "a lane that does not exist": (lambda page: changed_stretch(page, lane=9), 400, "malformed"),
    "a number before the first": (lambda page: changed_stretch(page, first=0), 400, "malformed"),
    "more entries than it counts": (lambda page: changed_stretch(page, count=2), 400, "wrong_count"),
    "a gap": (lambda page: changed_stretch(page, first=7), 409, "gap"),
    "a gap in a stream never heard of": (lambda page: changed_stretch(page, epoch=FOREIGN, first=2), 409, "gap"),
}


@pytest.mark.parametrize("story", BAD_PAGES)
async def test_pages_that_no_node_wrote(scene: Scene, story: str) -> None:
    make, status, code = BAD_PAGES[story]
    await refused(scene, pack(make(await scene.page())), status, code)


async def test_a_gap_is_answered_with_the_cursor(scene: Scene) -> None:
    assert (await scene.send(pack(await scene.page()))).status == 200
    await scene.village.pen.write(note(6))
    page = await scene.page()
    refusal = await refused(scene, pack(changed_stretch(page, first=page.stretches[0].first + 500)), 409, "gap")
    assert [(cursor.lane, cursor.number) for cursor in refusal.cursors] == [(Lane.RUNS, 6)]


# --- runs that are not what their author signed ----------------------------------------------------------------------


def with_line(page: Page, position: int, **fields: object) -> Page:
    run = page.stretches[0].runs[0]
    lines = list(run.lines)
    lines[position] = msgspec.structs.replace(lines[position], **fields)
    return changed_run(page, lines=lines)


def with_checkpoint(page: Page, **fields: object) -> Page:
    run = page.stretches[0].runs[0]
    return changed_run(page, checkpoints=[msgspec.structs.replace(run.checkpoints[-1], **fields)])


def head_with(**fields: object) -> bytes:
    return encode(msgspec.structs.replace(Head(1, Instant(0), "note.sent_up", None), **fields))


BAD_RUNS: dict[str, tuple[Callable[[Page], Page], str]] = {
    "a changed body": (lambda page: with_line(page, 2, body=b"another text"), "broken_chain"),
    "a changed salt": (lambda page: with_line(page, 2, salt=page.stretches[0].runs[0].lines[3].salt), "broken_chain"),
    "a broken chain": (lambda page: changed_run(page, prev=b"\x07" * 32), "fork_suspected"),
    "a broken signature": (lambda page: with_checkpoint(page, signature=bytes(64)), "bad_signature"),
    "a signature of three bytes": (lambda page: with_checkpoint(page, signature=b"abc"), "bad_signature"),
    "another root": (lambda page: with_checkpoint(page, root=bytes(32)), "broken_chain"),
    "a root of one byte": (lambda page: with_checkpoint(page, root=b"\x00"), "broken_chain"),
    "no checkpoint": (lambda page: changed_run(page, checkpoints=[]), "malformed"),
    "a checkpoint elsewhere": (lambda page: with_checkpoint(page, size=3), "malformed"),
    "an unknown device": (lambda page: changed_run(page, origin=NOBODY), "unknown_origin"),
    "a wrong epoch": (lambda page: changed_run(page, epoch=FOREIGN), "broken_chain"),
    "a body that is too large": (lambda page: with_line(page, 2, body=bytes(40_000)), "malformed"),
    "a body that is missing": (lambda page: with_line(page, 2, body=None), "incomplete"),
    "a head that is none": (lambda page: with_line(page, 2, head=b"\xff\x00"), "malformed"),
    "a kind with NUL bytes": (lambda page: with_line(page, 2, head=head_with(kind="a\x00b")), "malformed"),
    "a kind of 10 kB": (lambda page: with_line(page, 2, head=head_with(kind="k" * 10_000)), "malformed"),
    "a case number of one byte": (lambda page: with_line(page, 2, head=head_with(subject=CaseId(b"1"))), "malformed"),
    "a clock beyond any calendar": (lambda page: with_line(page, 2, head=head_with(at=2**63)), "malformed"),
}


@pytest.mark.parametrize("story", BAD_RUNS)
async def test_runs_that_are_not_what_their_author_signed(scene: Scene, story: str) -> None:
    """RULINGS A8: the numbers are consumed as refused, no entry is taken, and a good copy is had afterwards."""
    make, code = BAD_RUNS[story]
    held = list(scene.township.tables.arrivals)
    reply = await scene.send(pack(make(await scene.page())))
    refusal = refusal_in(reply)
    assert (reply.status, refusal.code) == (422, code)
    assert [(cursor.lane, cursor.number) for cursor in refusal.cursors] == [(Lane.RUNS, 6)]
    assert scene.township.tables.arrivals == held
    assert [finding.code for finding in scene.township.tables.evidence] == [code]
    # The same bad page once more is not refused again and changes nothing: its numbers are behind us.
    before = scene.township.fingerprint()
    assert (await scene.send(pack(make(await scene.page())))).status in (200, 409)
    assert scene.township.fingerprint() == before


async def test_a_fork_is_refused_and_both_branches_are_kept(scene: Scene) -> None:
    """A cloned disk: the same device writes the same numbers of the same epoch twice."""
    from tests.support.line import Party as Clone

    township, village = scene.township, scene.village
    clone = Clone("village", village.certificate.enrolment.office, village.county, None)
    clone.chain = village.chain
    await clone.start()
    assert clone.ledger.books.own == village.ledger.books.own
    await clone.pen.write(note(99), note(100))
    assert (await scene.send(pack(await scene.page()))).status == 200
    held = list(township.tables.arrivals)

    await clone.pen.write(*(note(number) for number in range(200, 210)))
    page = await clone.pen.page_for(township.node)
    reply = await scene.send(pack(page))

    assert (reply.status, refusal_in(reply).code) == (422, "fork")
    assert township.tables.arrivals == held
    assert "fork" in {finding.code for finding in township.tables.evidence}


async def test_an_unknown_kind_is_kept_and_shown_not_refused(scene: Scene) -> None:
    await scene.village.pen.write(Draft("case.blessed", CaseId(bytes(16)), b"of a later version"))
    assert (await scene.send(pack(await scene.page()))).status == 200
    states = {(row.state, row.code) for row in scene.township.tables.dispositions.values()}
    assert states == {("unknown", "unknown_kind")}


async def test_fields_of_a_later_version_are_read_over(scene: Scene) -> None:
    page = await scene.page()
    assert encode(page)[0] == 0x9F
    newer = b"\xdc\x00\x10" + encode(page)[1:] + encode({"field of the future": [1, 2, 3]})
    assert (await scene.send(framed(page, zstd(newer)))).status == 200


# --- who speaks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [b"", b"\x00", bytes(32), b"x" * 5000])
async def test_without_a_session_not_a_byte_of_the_page_is_read(scene: Scene, token: bytes) -> None:
    scene.token = token
    await refused(scene, MAGIC + bytes(100_000), 401, "no_session")


@pytest.mark.parametrize("header", ["Bearer", "Bearer zz", "Basic eDp4", "Bearer ❄", "Bearer " + "0" * 63])
async def test_headers_that_are_no_token(scene: Scene, header: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.place.port)
    writer.write(http_head(f"POST {PAGE_PATH}", header))
    answered = await reader.read()
    writer.close()
    assert answered.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 "))


async def test_a_device_revoked_in_the_middle_of_its_session(scene: Scene) -> None:
    page = await scene.page()
    await scene.township.revoke(scene.village.node, [])
    await refused(scene, pack(page), 403, "revoked_device")


async def test_a_session_cannot_carry_another_devices_page(scene: Scene) -> None:
    page = await scene.page()
    await refused(scene, framed(page, zstd(encode(page)), sender=NOBODY), 400, "wrong_sender")


@pytest.mark.parametrize("path", [SESSION_PATH, ANSWER_PATH])
@pytest.mark.parametrize("body", [b"", b"\xc1", nested(3000), b"\x00" * 100, b"[1,2,3]"])
async def test_session_messages_that_are_none(scene: Scene, path: str, body: bytes) -> None:
    await refused(scene, body, 400, "malformed", path=path)


async def test_a_hello_from_another_county(scene: Scene) -> None:
    hello = Hello(scene.village.node, "0" * 64, bytes(32))
    await refused(scene, encode(hello), 400, "foreign_county", path=SESSION_PATH)


async def test_a_short_nonce(scene: Scene) -> None:
    hello = Hello(scene.village.node, scene.township.county.root.digest, b"short")
    await refused(scene, encode(hello), 400, "malformed", path=SESSION_PATH)


async def test_answers_that_prove_nothing(scene: Scene) -> None:
    township, village = scene.township, scene.village
    doorkeeper = scene.place.doorkeeper
    hello = Hello(village.node, township.county.root.digest, Random("nonce").randbytes(32))
    challenge = doorkeeper.challenge(hello)
    signed = village.signer.sign(b"something else")
    stale = Answer(village.node, hello.nonce, bytes(32), signed)
    await refused(scene, encode(stale), 401, "stale_nonce", path=ANSWER_PATH)
    swapped = Answer(village.node, bytes(32), challenge.nonce, signed)
    await refused(scene, encode(swapped), 401, "stale_nonce", path=ANSWER_PATH)
    forged = Answer(village.node, hello.nonce, challenge.nonce, signed)
    await refused(scene, encode(forged), 400, "bad_signature", path=ANSWER_PATH)
    nobody = Answer(NOBODY, hello.nonce, challenge.nonce, signed)
    await refused(scene, encode(nobody), 403, "unknown_device", path=ANSWER_PATH)


async def test_an_answer_counts_once(scene: Scene) -> None:
    """Whoever overhears an answer cannot have a token of his own for it."""
    from sync.session import answer

    hello = Hello(scene.village.node, scene.township.county.root.digest, bytes(32))
    challenge = scene.place.doorkeeper.challenge(hello)
    signed = encode(answer(scene.village.pen.books, hello, challenge, b""))
    assert (await scene.send(signed, path=ANSWER_PATH)).status == 200
    await refused(scene, signed, 401, "stale_nonce", path=ANSWER_PATH)


async def test_enrolment_where_there_is_none(scene: Scene) -> None:
    await refused(scene, b"code", 400, "no_enrolment", path=ENROL_PATH)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (f"GET {PAGE_PATH}", b"405"),
        ("POST /sync/elsewhere", b"404"),
        (f"POST {PAGE_PATH}/%00", b"404"),
        ("POST /sync/page?token=x", b"401"),
    ],
)
async def test_other_requests(scene: Scene, request_line: str, status: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.place.port)
    writer.write(http_head(request_line))
    answered = await reader.read()
    writer.close()
    assert answered.split()[1] == status


async def test_a_refusal_as_json_for_whoever_asks_for_it(scene: Scene) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.place.port)
    writer.write(
        f"POST {PAGE_PATH} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n"
        "Content-Length: 0\r\n\r\n".encode()
    )
    answered = await reader.read()
    writer.close()
    refusal = msgspec.json.decode(answered.partition(b"\r\n\r\n")[2], type=Refusal)
    assert refusal.code == "no_session"


def test_the_pages_used_here_are_real() -> None:
    """The table's helpers name fields of the wire; this keeps them honest when the wire grows."""
    assert {field.name for field in msgspec.structs.fields(Run)} >= {"start", "prev", "lines", "checkpoints"}
    assert {field.name for field in msgspec.structs.fields(Stretch)} >= {"lane", "epoch", "first", "count"}
    assert {field.name for field in msgspec.structs.fields(Line)} >= {"head", "salt", "body"}
    assert {field.name for field in msgspec.structs.fields(Checkpoint)} >= {"size", "root", "signature"}
    assert JournalId(NOBODY, FOREIGN)
