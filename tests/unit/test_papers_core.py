"""Papers over a line that loses, repeats, reorders and cuts: always whole in the end, and hardly a byte twice."""

from collections.abc import Callable
from random import Random

import msgspec
import pytest

from schemas.names import Epoch
from schemas.papers import PAPER_WANTS_MAX, PIECE_BYTES_MAX, PIECE_BYTES_MIN, PaperPage, PaperWant, Piece
from sync.core.papers import (
    ABSENT_S,
    PIECE_BYTES_FIRST,
    RANK_ASKED,
    RANK_POLICY,
    RANK_THUMBNAIL,
    SET_ASIDE_S,
    SPOILED_MAX,
    PaperLink,
    Wanted,
)
from sync.papers import PaperSide
from tests.support.line import VirtualTime, township_and_village
from tests.support.papers import Holder

SELF = Random("a digest")
DIGEST = SELF.randbytes(32)
OTHER = SELF.randbytes(32)


def page(**said: object) -> PaperPage:
    """A message that says only this."""
    base: PaperPage = PaperPage("sender", "receiver", Epoch(1, b"nonce1"), [], [], False)  # pyright: ignore[reportArgumentType]
    return msgspec.structs.replace(base, **said)


def asking(want: PaperWant, **said: object) -> PaperLink:
    """A link that asked for one paper."""
    link = PaperLink()
    link.hear(page(**said), 0.0)
    link.asked = {want.digest: want}
    return link


class Chaos:
    """Two nodes that exchange messages over a line which does what a seed says."""

    def __init__(self, seed: int, low: Holder, high: Holder) -> None:
        self.chance = Random(seed)
        self.low, self.high = low, high
        self.sides = low.side(high.party), high.side(low.party)
        self.late: list[tuple[PaperSide, PaperPage]] = []
        self.carried = 0
        self.lost = 0
        self.is_calm = False

    async def exchange(self) -> None:
        """One message up and its answer down, or what becomes of them."""
        low, high = self.sides
        if not await self._say(low, high) or not await self._say(high, low):
            low.link.fail()
        if self.late and self.chance.random() < 0.3:
            hearer, old = self.late.pop(self.chance.randrange(len(self.late)))
            await hearer.hear(old)

    async def _say(self, speaker: PaperSide, hearer: PaperSide) -> bool:
        said = await speaker.say()
        size = sum(len(piece.content) for piece in said.pieces)
        self.carried += size
        fate = "arrives" if self.is_calm else self.chance.choice(("arrives", "arrives", "lost", "twice", "late"))
        if fate == "late" and hearer is self.sides[1]:  # A late answer reaches nobody.
            self.late.append((hearer, said))
        if fate in ("lost", "late"):
            self.lost += size
            return False
        for _ in range(2 if fate == "twice" else 1):
            await hearer.hear(said)
        return True

    def restart(self) -> None:
        """One of the two is switched off and on: only what its shelf holds is left, and a piece under way is lost."""
        low, high = self.sides
        self.lost += low.link.piece_bytes
        if self.chance.random() < 0.5:
            self.sides = self.low.side(self.high.party), high
        else:
            self.sides = low, self.high.side(self.low.party)


async def two() -> tuple[Holder, Holder]:
    township, village = await township_and_village()
    time = VirtualTime()
    return Holder(township, time), Holder(village, time)


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_the_line_does_every_paper_ends_whole_and_hardly_a_byte_goes_twice(seed: int) -> None:
    high, low = await two()
    chaos = Chaos(seed, low, high)
    sizes = [chaos.chance.randrange(1, 90_000) for _ in range(4)]
    for number, size in enumerate(sizes):
        giver, taker = (low, high) if number % 2 else (high, low)
        digest = giver.take_in(seed * 100 + number, size)
        taker.policy.want(size, digest, chaos.chance.choice((RANK_THUMBNAIL, RANK_ASKED, RANK_POLICY)))
    for _ in range(400):
        await chaos.exchange()
        if chaos.chance.random() < 0.05:
            chaos.restart()
    chaos.is_calm = True
    for _ in range(100):
        await chaos.exchange()
    assert high.shelf.whole == low.shelf.whole
    assert not high.shelf.parts | low.shelf.parts
    assert not high.policy.spoilt + low.policy.spoilt
    assert chaos.carried <= 1.05 * sum(sizes) + chaos.lost


async def test_in_calm_weather_not_a_byte_goes_twice() -> None:
    high, low = await two()
    chaos = Chaos(1, low, high)
    chaos.is_calm = True
    digest = low.take_in(1, 500_000)
    high.policy.want(500_000, digest)
    for _ in range(80):
        await chaos.exchange()
    assert high.shelf.whole[digest] == low.shelf.whole[digest]
    assert chaos.carried == 500_000


# --- what is asked for -----------------------------------------------------------------------------------------------


def test_thumbnails_are_asked_for_first_then_what_a_person_waits_for_then_the_smallest() -> None:
    wanted = [
        Wanted(RANK_POLICY, 10, b"a"),
        Wanted(RANK_ASKED, 900, b"b"),
        Wanted(RANK_THUMBNAIL, 6000, b"c"),
        Wanted(RANK_POLICY, 5, b"d"),
        Wanted(RANK_ASKED, 800, b"e"),
    ]
    Random(1).shuffle(wanted)
    assert [one.digest for one in PaperLink().choose(wanted, 0.0)] == [b"c", b"e", b"b", b"d", b"a"]


def test_no_more_is_asked_for_than_a_message_may_name_and_few_while_pieces_come() -> None:
    wanted = [Wanted(RANK_POLICY, size, bytes([size])) for size in range(1, 200)]
    link = PaperLink()
    assert len(link.choose(wanted, 0.0)) == link.limit == PAPER_WANTS_MAX
    link.hear(page(pieces=[Piece(DIGEST, 0, b"x")]), 0.0)
    assert link.limit == 4


def test_what_the_neighbour_has_not_is_left_alone_until_later_or_the_next_conversation() -> None:
    wanted = [Wanted(RANK_POLICY, 5, DIGEST), Wanted(RANK_POLICY, 6, OTHER)]
    link = asking(PaperWant(DIGEST, 5, 0))
    link.hear(page(absent=[DIGEST, OTHER]), 10.0)
    # Only what we asked for can be absent: nobody talks us out of the rest.
    assert [one.digest for one in link.choose(wanted, 11.0)] == [OTHER]
    assert len(link.choose(wanted, 10.0 + ABSENT_S)) == 2
    link.hear(page(absent=[DIGEST]), 500.0)
    link.ask_again()
    assert len(link.choose(wanted, 501.0)) == 2


def test_a_paper_that_came_wrong_three_times_is_set_aside_for_a_session_or_until_the_other_starts_anew() -> None:
    wanted = [Wanted(RANK_POLICY, 5, DIGEST)]
    link = asking(PaperWant(DIGEST, 5, 0))
    assert [link.spoil(DIGEST, 0.0) for _ in range(SPOILED_MAX)] == [False, False, True]
    assert list(link.set_aside) == [DIGEST]
    assert link.choose(wanted, 1.0) == []
    link.ask_again()
    assert link.choose(wanted, 1.0) == []
    assert link.choose(wanted, SET_ASIDE_S) == wanted
    for _ in range(SPOILED_MAX):
        link.spoil(DIGEST, SET_ASIDE_S)
    link.hear(page(epoch=Epoch(2, b"nonce2")), SET_ASIDE_S)
    assert link.choose(wanted, SET_ASIDE_S + 1) == wanted


# --- what comes ------------------------------------------------------------------------------------------------------

PLACES: dict[str, tuple[Piece, int, bytes]] = {
    "next": (Piece(DIGEST, 4, b"efg"), 4, b"efg"),
    "overlapping": (Piece(DIGEST, 2, b"cdefg"), 4, b"efg"),
    "repeated": (Piece(DIGEST, 1, b"bcd"), 4, b""),
    "beyond a hole": (Piece(DIGEST, 5, b"fg"), 4, b""),
    "not asked for": (Piece(OTHER, 4, b"efg"), 4, b""),
    "behind the end": (Piece(DIGEST, 4, b"efghijklm"), 4, b""),
}


@pytest.mark.parametrize("case", PLACES)
def test_only_what_goes_on_from_where_we_stand_is_taken(case: str) -> None:
    piece, held, taken = PLACES[case]
    link = asking(PaperWant(DIGEST, 10, held))
    assert link.place(piece, held) == taken
    assert link.is_beyond(piece) == (case == "behind the end")


# --- how large a piece is --------------------------------------------------------------------------------------------

Lines: dict[str, tuple[float, float, Callable[[int], bool]]] = {
    "20 kbit/s": (2_500, 0.6, lambda size: 4_900 < size < 5_100),
    "64 kbit/s": (8_000, 0.6, lambda size: 15_900 < size < 16_100),
    "1 Mbit/s": (125_000, 0.1, lambda size: size == PIECE_BYTES_MAX),
}


@pytest.mark.parametrize("line", Lines)
def test_a_piece_is_two_seconds_of_the_line(line: str) -> None:
    rate, latency_s, fits = Lines[line]
    link = PaperLink()
    assert link.piece_bytes == PIECE_BYTES_FIRST
    link.measure(300, latency_s)
    for _ in range(20):
        link.measure(link.piece_bytes, latency_s + link.piece_bytes / rate)
    assert fits(link.piece_bytes)


def test_an_outage_makes_the_line_no_narrower_and_a_narrower_line_is_known_soon() -> None:
    link = PaperLink()
    link.measure(300, 0.6)
    for _ in range(10):
        link.measure(link.piece_bytes, 0.6 + link.piece_bytes / 8_000)
    link.measure(link.piece_bytes, 9.0)
    assert link.piece_bytes > 14_000
    for _ in range(12):
        link.measure(link.piece_bytes, 0.6 + link.piece_bytes / 2_500)
    assert link.piece_bytes < 6_000


def test_small_messages_measure_nothing_losses_halve_and_the_least_stays() -> None:
    link = PaperLink()
    link.measure(300, 9.0)
    assert link.piece_bytes == PIECE_BYTES_FIRST
    # However long the small ones took, the line is no wider than twice what was seen.
    link.measure(8_192, 8.0)
    assert link.rate_bytes_s == 2_048
    assert link.piece_bytes == 4_096
    for _ in range(5):
        link.fail()
    assert link.piece_bytes == PIECE_BYTES_MIN


def test_no_piece_is_larger_than_the_other_side_takes_or_the_paper_is() -> None:
    link = PaperLink(piece_bytes=PIECE_BYTES_MAX)
    link.hear(page(room=5_000), 0.0)
    assert link.portion(PaperWant(DIGEST, 100_000, 70_000)) == (70_000, 5_000)
    assert link.portion(PaperWant(DIGEST, 100_000, 99_000)) == (99_000, 1_000)
    assert link.portion(PaperWant(DIGEST, 100_000, 100_000)) == (100_000, 0)
    link.hear(page(room=0), 0.0)
    assert link.portion(PaperWant(DIGEST, 100_000, 0))[1] == 0
