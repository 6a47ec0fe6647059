"""Two hundred connections through a proxy that cuts, resets, repeats, flips bits and crawls: all arrives once."""

import random

import pytest

from sync.core.errors import Fault
from sync.exchange import converse
from sync.http import HttpLine, Wire
from tests.support.line import DOWN, UP, Party, note, township_and_village
from tests.support.proxy import FAULTS, chaos_proxy
from tests.support.server import serving

CONNECTIONS = 200
REACH_BYTES = 2500
"""A conversation is a session of about 1.5 kB and a page of some hundred bytes, each way."""


def bodies(party: Party, kind: str) -> list[bytes | None]:
    return [entry.body for entry in party.tables.arrivals if entry.kind == kind]


@pytest.mark.parametrize("seed", [1])
async def test_two_hundred_bad_connections_lose_nothing_and_double_nothing(seed: int) -> None:
    chance = random.Random(seed)
    township, village = await township_and_village()
    sent: list[bytes] = []
    answered: list[bytes] = []
    refused = 0
    async with serving(township) as place, chaos_proxy(place.port, seed, reach_bytes=REACH_BYTES) as proxy:
        wire = Wire(f"http://127.0.0.1:{proxy.port}", idle_s=2)
        while sum(proxy.faults.values()) < CONNECTIONS:
            up = [note(len(sent) + extra, size=chance.randrange(20, 400)) for extra in range(chance.randrange(1, 5))]
            sent += [draft.body for draft in up]
            await village.pen.write(*up)
            if chance.random() < 0.3:
                down = note(len(answered), kind=DOWN)
                answered.append(down.body)
                await township.pen.write(down)
            line = HttpLine(village.pen, wire)  # A new session each time: the handshake meets its faults too.
            try:
                await converse(village.pen, line)
            except Fault:
                refused += 1
            line.hang_up()
        proxy.calm = True
        line = HttpLine(village.pen, wire)
        await converse(village.pen, line)
        await converse(village.pen, line)
        line.hang_up()

    assert bodies(township, UP) == sent
    assert bodies(village, DOWN) == answered
    own = village.ledger.books.own
    assert township.ledger.books.journals[own].tip == village.ledger.books.journals[own].tip
    assert village.ledger.books.links[township.node].waiting() == 0
    assert not township.ledger.books.links[village.node].quarantined
    assert not village.ledger.books.links[township.node].quarantined
    assert refused > CONNECTIONS // 10
    assert set(proxy.happened) == set(FAULTS) - {"none"}
