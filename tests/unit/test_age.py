"""Sealing with age: who can open a part, and that nothing but the sealed bytes ever comes out."""

from random import Random

import pytest

from sync.age import Opener, seal
from sync.core.errors import LocalFault, RemoteFault
from sync.keys import SIGNER_ENTROPY_BYTES, Ed25519Signer, KeyedHashSigner
from tests.support.network import SeededSalts


def device(name: str) -> Ed25519Signer:
    return Ed25519Signer.create(SeededSalts(Random(name)).draw(SIGNER_ENTROPY_BYTES))


def test_each_receiver_opens_it_and_nobody_else() -> None:
    township, county, stranger = device("township"), device("county"), device("stranger")
    sealed = seal(b"page", [township.public_keys.log, county.public_keys.log])
    assert sealed.startswith(b"age-encryption.org/v1\n")
    assert Opener(township).open(sealed) == Opener(county).open(sealed) == b"page"
    with pytest.raises(RemoteFault, match="bundle_for_other"):
        Opener(stranger).open(sealed)


def test_every_cut_and_a_flip_of_every_byte_are_refused() -> None:
    township = device("township")
    sealed = seal(b"page" * 20, [township.public_keys.log])
    opener = Opener(township)
    for at in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[at] ^= 1
        for damaged in (sealed[:at], bytes(flipped)):
            with pytest.raises(RemoteFault, match=r"bundle_for_other|bundle_part_damaged"):
                opener.open(damaged)
    with pytest.raises(RemoteFault, match="bundle_part_damaged"):
        opener.open(sealed + b"x")


def test_keys_of_a_simulation_open_nothing() -> None:
    with pytest.raises(LocalFault, match="no_opener"):
        Opener(KeyedHashSigner.from_seed(b"village"))
