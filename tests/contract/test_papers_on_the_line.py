"""Papers over a real server on loopback: up and down, resumed, past old townships and hostile neighbours."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Generator
from random import Random

import msgspec
import pytest

from schemas.codec import Malformed, encode
from schemas.papers import PAPER_BYTES_MAX, PAPER_PAGE_BYTES_MAX, PIECE_BYTES_MAX, PaperPage, PaperWant, Piece
from sync.core.errors import Busy, Fault, RemoteFault, UnknownSender
from sync.core.papers import SPOILED_MAX
from sync.exchange import converse
from sync.http import MESSAGE_TYPE, PAPERS_PATH, PAPERS_TYPE, HttpLine, Wire
from sync.papers import PaperLine, PapersUnsupported, carry_all, read_message
from tests.contract.test_hostile_pages import spoilt_value
from tests.support.line import Party, note, township_and_village
from tests.support.papers import HandedOver, Holder
from tests.support.proxy import chaos_proxy
from tests.support.server import Serving, serving

Holders = tuple[Holder, Holder]
"""The township's papers and the village's."""


@pytest.fixture
async def holders() -> Holders:
    township, village = await township_and_village()
    return Holder(township), Holder(village)


@pytest.fixture
async def served(holders: Holders) -> AsyncGenerator[Serving]:
    async with serving(holders[0].party, papers=holders[0].responder()) as place:
        yield place


LineOf = Callable[[Holder, Serving], PaperLine]


@pytest.fixture
def line_of() -> Generator[LineOf]:
    """Makes lines and hangs them all up at the end."""
    lines: list[HttpLine] = []

    def make(village: Holder, place: Serving) -> PaperLine:
        lines.append(HttpLine(village.party.pen, Wire(place.address, idle_s=10)))
        return village.line(lines[-1])

    yield make
    for line in lines:
        line.hang_up()


def direct(holders: Holders) -> HandedOver:
    """The same line without a network."""
    township, village = holders
    return HandedOver(village.party.node, township.party.node, township.responder())


def says(speaker: Party, hearer: Party, **said: object) -> PaperPage:
    """A message from one node to another that says only this."""
    epoch = speaker.ledger.books.epoch
    assert epoch is not None
    return msgspec.structs.replace(PaperPage(speaker.node, hearer.node, epoch, [], [], False), **said)


# --- up and down -----------------------------------------------------------------------------------------------------


async def test_a_photograph_goes_up_piece_by_piece_and_is_acknowledged(
    holders: Holders, served: Serving, line_of: LineOf
) -> None:
    township, village = holders
    size = 5 * PIECE_BYTES_MAX + 17
    digest = village.take_in(1, size)
    township.policy.want(size, digest)

    await carry_all(line_of(village, served))

    assert township.shelf.whole[digest] == village.shelf.whole[digest]
    assert village.policy.whole_there == [digest]
    assert not township.policy.wants


async def test_a_photograph_comes_down_in_the_answers(holders: Holders, served: Serving, line_of: LineOf) -> None:
    township, village = holders
    digest = township.take_in(2, 100_000)
    village.policy.want(100_000, digest)

    await carry_all(line_of(village, served))

    assert village.shelf.whole[digest] == township.shelf.whole[digest]
    assert township.policy.whole_there == [digest]


async def test_a_paper_of_the_largest_size_arrives_with_little_memory(
    holders: Holders, served: Serving, line_of: LineOf
) -> None:
    township, village = holders
    digest = village.take_in(3, PAPER_BYTES_MAX)
    township.policy.want(PAPER_BYTES_MAX, digest)
    line = line_of(village, served)
    await line.exchange()
    tracemalloc.start()
    try:
        for _ in range(20):
            await line.exchange()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Of the shelf in memory, which copies its part for each piece, and a few messages; never the paper of 10 MiB.
    assert most < 4 * 1024 * 1024
    assert 0 < len(township.shelf.parts[digest]) < PAPER_BYTES_MAX


async def test_what_was_broken_off_goes_on_where_the_receiver_stands(
    holders: Holders, served: Serving, line_of: LineOf
) -> None:
    township, village = holders
    digest = village.take_in(4, 200_000)
    township.policy.want(200_000, digest)
    line = line_of(village, served)
    for _ in range(4):
        await line.exchange()
    held = len(township.shelf.parts[digest])

    again = HandedOver(village.party.node, township.party.node, township.responder())
    await carry_all(village.line(again))

    assert digest in township.shelf.whole
    assert sum(map(len, again.messages)) < 200_000 - held + 4_000


async def test_a_paper_nobody_may_have_and_one_that_is_not_here_are_both_absent(holders: Holders) -> None:
    township, village = holders
    secret, missing = township.take_in(5, 1_000), Random(6).randbytes(32)
    del township.policy.allowed[secret]
    township.policy.allowed[missing] = 1_000
    for digest in (secret, missing):
        village.policy.want(1_000, digest)

    await carry_all(village.line(direct(holders)))

    assert sorted(set(village.policy.absent_there)) == sorted((secret, missing))
    assert not village.shelf.whole
    # Only what may be had is fetched for who asked.
    assert set(township.policy.missing) == {missing}


async def test_without_room_nothing_is_asked_for_and_what_is_offered_is_still_acknowledged(holders: Holders) -> None:
    township, village = holders
    wanted, known = village.take_in(7, 1_000), village.take_in(8, 1_000)
    township.policy.want(1_000, wanted)
    township.policy.room = False
    township.shelf.keep(village.shelf.whole[known])
    township.policy.allowed[known] = 1_000
    village.policy.offered = [known, wanted]

    await carry_all(village.line(direct(holders)))

    assert wanted not in township.shelf.whole
    assert village.policy.whole_there == [known]


async def test_the_township_restarts_in_the_middle_of_a_photograph(holders: Holders) -> None:
    township, village = holders
    digest = village.take_in(9, 150_000)
    township.policy.want(150_000, digest)
    async with serving(township.party, papers=township.responder()) as place:
        wire = HttpLine(village.party.pen, Wire(place.address, idle_s=10))
        line = village.line(wire)
        for _ in range(3):
            await line.exchange()
        place.doorkeeper.__init__(township.party.pen.books)
        await carry_all(line)
        wire.hang_up()
    assert digest in township.shelf.whole


# --- the other side is older ------------------------------------------------------------------------------------------


async def test_an_older_township_is_asked_once_a_session_and_entries_go_on(holders: Holders, line_of: LineOf) -> None:
    township, village = holders
    village.take_in(10, 1_000)
    async with serving(township.party) as place:
        line = line_of(village, place)
        asked: list[str] = []
        transport = line._transport  # pyright: ignore[reportPrivateUsage]
        assert isinstance(transport, HttpLine)
        wire = transport._wire  # pyright: ignore[reportPrivateUsage]
        post = wire.post

        async def counted(path: str, *args: object, **more: object) -> object:
            asked.append(path)
            return await post(path, *args, **more)  # pyright: ignore[reportArgumentType]

        wire.post = counted  # pyright: ignore[reportAttributeAccessIssue]
        for _ in range(3):
            with pytest.raises(PapersUnsupported):
                await carry_all(line)
        await village.party.pen.write(note(1))
        await converse(village.party.pen, transport)
        assert asked.count(PAPERS_PATH) == 1
        # It was upgraded: a new session asks again.
        place.doorkeeper.__init__(township.party.pen.books)
        await village.party.pen.write(note(2))
        await converse(village.party.pen, transport)
        with pytest.raises(PapersUnsupported):
            await carry_all(line)
        assert asked.count(PAPERS_PATH) == 2


# --- bad lines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
async def test_bad_connections_cost_pieces_and_never_a_paper(holders: Holders, seed: int) -> None:
    township, village = holders
    sizes = {village.take_in(seed * 10 + number, 30_000): 30_000 for number in range(3)}
    down = township.take_in(seed * 10 + 5, 20_000)
    for digest, size in sizes.items():
        township.policy.want(size, digest)
    village.policy.want(20_000, down)
    async with (
        serving(township.party, papers=township.responder()) as place,
        chaos_proxy(place.port, seed, reach_bytes=20_000) as proxy,
    ):
        wire = Wire(f"http://127.0.0.1:{proxy.port}", idle_s=2)
        line = village.line(HttpLine(village.party.pen, wire))
        for _ in range(40):
            try:
                await carry_all(line)
            except Fault:
                wire.hang_up()
        proxy.calm = True
        for holder in holders:
            # A flipped bit is a paper that came wrong; with TLS the connection would have been cut.
            holder.party.clock.time = type(holder.party.clock.time)(holder.party.clock.now() + 1)
            holder.scale.now_s += 13 * 3600
        await carry_all(line)
        wire.hang_up()
    assert set(sizes) | {down} == set(township.shelf.whole) == set(village.shelf.whole)


# --- hostile neighbours -----------------------------------------------------------------------------------------------


async def test_a_neighbour_that_sends_something_else_is_asked_three_times_and_then_left_alone(holders: Holders) -> None:
    township, village = holders
    digest = village.take_in(11, 1_000)
    village.shelf.whole[digest] = bytes(1_000)
    township.policy.want(1_000, digest)
    line = village.line(direct(holders))
    for _ in range(10):
        await carry_all(line)
    assert township.policy.spoilt == [(digest, False)] * (SPOILED_MAX - 1) + [(digest, True)]
    assert not township.shelf.whole
    assert not township.shelf.parts
    township.scale.now_s += 13 * 3600
    village.shelf.whole[digest] = Random(11).randbytes(1_000)
    await carry_all(line)
    assert digest in township.shelf.whole


async def test_pieces_that_nobody_asked_for_or_that_do_not_fit_change_nothing(holders: Holders) -> None:
    township, village = holders
    digest = village.take_in(12, 1_000)
    township.policy.want(1_000, digest)
    content = village.shelf.whole[digest]
    responder = township.responder()
    sender = village.party.node
    await responder.respond(sender, encode(says(village.party, township.party)))
    for piece in (
        Piece(bytes(32), 0, b"unasked"),
        Piece(digest, 500, content[500:]),
        Piece(digest, 0, content + b"and more than it has"),
        Piece(digest, PAPER_BYTES_MAX, b"far beyond"),
    ):
        await responder.respond(sender, encode(says(village.party, township.party, pieces=[piece])))
    assert not township.shelf.whole
    assert not township.shelf.parts
    await responder.respond(sender, encode(says(village.party, township.party, pieces=[Piece(digest, 0, content)] * 8)))
    assert digest in township.shelf.whole


ABSURD: dict[str, bytes] = {
    "too long": bytes(PAPER_PAGE_BYTES_MAX + 1),
    "no message": b"\xc1",
    "a digest of 31 bytes": msgspec.msgpack.encode(
        ["a" * 16, "b" * 16, [1, b"nonce1"], [[bytes(31), 5, 0]], [], False]
    ),
    "ten gigabytes": msgspec.msgpack.encode(["a" * 16, "b" * 16, [1, b"nonce1"], [[bytes(32), 10**10, 0]], [], False]),
    "an offset beyond the end": msgspec.msgpack.encode(
        ["a" * 16, "b" * 16, [1, b"nonce1"], [[bytes(32), 5, 6]], [], False]
    ),
    "an empty piece": msgspec.msgpack.encode(
        ["a" * 16, "b" * 16, [1, b"nonce1"], [], [], False, [], 0, 1, False, [], [[bytes(32), 0, b""]]]
    ),
    "a piece of 33 KiB": msgspec.msgpack.encode(
        [
            *("a" * 16, "b" * 16, [1, b"nonce1"], [], [], False, [], 0, 1, False, []),
            [[bytes(32), 0, bytes(PIECE_BYTES_MAX + 1)]],
        ]
    ),
    "a thousand wants": msgspec.msgpack.encode(
        ["a" * 16, "b" * 16, [1, b"nonce1"], [[bytes(32), 5, 0]] * 1000, [], False]
    ),
}


@pytest.mark.parametrize("what", ABSURD)
async def test_absurd_messages_are_refused_in_words(holders: Holders, what: str) -> None:
    township, village = holders
    with pytest.raises(Malformed):
        await township.responder().respond(village.party.node, ABSURD[what])


async def test_wants_for_a_hundred_thousand_papers_cost_neither_memory_nor_rows(holders: Holders) -> None:
    township, village = holders
    responder = township.responder()
    chance = Random(13)
    for _ in range(300):
        wants = [PaperWant(chance.randbytes(32), 1_000, 0) for _ in range(32)]
        answer = read_message(
            await responder.respond(village.party.node, encode(says(village.party, township.party, wants=wants)))
        )
        assert answer.absent == [want.digest for want in wants]
    link = responder.sides[village.party.node].link
    assert len(link.theirs) + len(link.sent) + len(link.asked) <= 32
    assert not township.policy.missing


async def test_a_message_of_another_device_or_for_another_one_is_refused(holders: Holders) -> None:
    township, village = holders
    responder = township.responder()
    stranger = Party("stranger", village.party.certificate.enrolment.office, village.party.county, township.party)
    await stranger.start()
    for page, code in (
        (says(stranger, township.party), "wrong_sender"),
        (says(village.party, stranger), "wrong_receiver"),
    ):
        with pytest.raises(RemoteFault) as refused:
            await responder.respond(village.party.node, encode(page))
        assert refused.value.code == code
    with pytest.raises(UnknownSender):
        await responder.respond(stranger.node, encode(says(stranger, township.party)))


async def test_one_device_cannot_fill_the_door(holders: Holders) -> None:
    township, village = holders
    gate = asyncio.Event()
    heard = township.policy.heard

    async def slowly(*args: object, **more: object) -> None:
        await gate.wait()
        await heard(*args, **more)  # pyright: ignore[reportArgumentType]

    township.policy.heard = slowly
    responder = township.responder()
    message = encode(says(village.party, township.party))
    asking = [asyncio.create_task(responder.respond(village.party.node, message)) for _ in range(5)]
    await township.scale.settle()
    gate.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, Busy)]
    assert len(refused) == 3
    assert {one.code for one in refused} == {"too_many_pages"}


async def test_without_a_session_nothing_about_papers_is_said(served: Serving) -> None:
    wire = Wire(served.address, idle_s=5)
    for token in (b"", b"x" * 32):
        reply = await wire.post(PAPERS_PATH, b"\xc1", token=token, content_type=PAPERS_TYPE)
        assert reply.status == 401
    reply = await wire.post(PAPERS_PATH, bytes(PAPER_PAGE_BYTES_MAX + 1), token=b"x" * 32, content_type=MESSAGE_TYPE)
    assert reply.status in (401, 413)
    wire.hang_up()


async def test_six_hundred_spoilt_messages_are_taken_or_refused_in_words(holders: Holders) -> None:
    township, village = holders
    digest = village.take_in(14, 5_000)
    township.policy.want(5_000, digest)
    other = township.take_in(15, 5_000)
    responder = township.responder()
    chance = Random(16)
    honest = says(
        village.party,
        township.party,
        wants=[PaperWant(other, 5_000, 100)],
        pieces=[Piece(digest, 0, village.shelf.whole[digest][:50])],
        absent=[digest],
        whole=[other],
        offers=[other],
        open=1,
    )
    refused = 0
    for _ in range(600):
        try:
            await responder.respond(village.party.node, spoilt_value(msgspec.msgpack.decode(encode(honest)), chance))
        except (Fault, Malformed):
            refused += 1
    assert 100 < refused < 600
    for held, content in township.shelf.whole.items():
        assert len(content) == 5_000, held.hex()
    # Whatever was said, an honest photograph still arrives.
    township.scale.now_s += 13 * 3600
    await carry_all(village.line(direct(holders)))
    assert township.shelf.whole[digest] == village.shelf.whole[digest]


async def test_a_township_that_turns_messages_away_again_and_again_is_told_what_is_absent_once(
    holders: Holders,
) -> None:
    """Its disk is full for an hour: each try names what it asked for and is not here, and must not name it twice."""
    township, village = holders
    wants = [PaperWant(Random(seed).randbytes(32), 1_000, 0) for seed in range(20)]
    side = village.side(township.party)
    await side.hear(says(township.party, village.party, wants=wants))
    for _ in range(3):
        page = read_message(encode(await side.say()))
        assert page.absent == [want.digest for want in wants]
