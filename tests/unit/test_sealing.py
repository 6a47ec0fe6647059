"""Bodies at rest: bound to their entry, unreadable without the key, and the same bytes whenever sealed again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.sealing import AesGcmSealer, PlainSealer, SealBroken

KEY = bytes(range(32))
NAME = bytes(32)
OTHER = b"\x01" * 32


@given(st.binary(max_size=600), st.binary(min_size=32, max_size=32))
def test_what_was_sealed_opens_again(clear: bytes, name: bytes) -> None:
    sealer = AesGcmSealer(KEY)
    sealed = sealer.seal(name, clear)
    assert sealer.open(name, sealed) == clear
    assert sealer.seal(name, clear) == sealed
    assert len(sealed) == len(clear) + 17


def test_a_body_moved_to_another_entry_does_not_open() -> None:
    sealer = AesGcmSealer(KEY)
    with pytest.raises(SealBroken):
        sealer.open(OTHER, sealer.seal(NAME, b"body"))


def test_no_changed_byte_opens() -> None:
    sealer = AesGcmSealer(KEY)
    sealed = sealer.seal(NAME, b"body")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealBroken):
            sealer.open(NAME, bytes(changed))
    for cut in range(len(sealed)):
        with pytest.raises(SealBroken):
            sealer.open(NAME, sealed[:cut])


def test_an_older_key_still_opens_and_a_foreign_one_does_not() -> None:
    old = AesGcmSealer(KEY, key_id=1)
    new = AesGcmSealer(bytes(32), key_id=2, older={1: KEY})
    assert new.open(NAME, old.seal(NAME, b"body")) == b"body"
    assert new.seal(NAME, b"body")[0] == 2
    with pytest.raises(SealBroken, match="key file"):
        old.open(NAME, new.seal(NAME, b"body"))
    with pytest.raises(SealBroken):
        AesGcmSealer(bytes(32), key_id=1).open(NAME, old.seal(NAME, b"body"))


def test_two_entries_never_share_a_keystream() -> None:
    sealer = AesGcmSealer(KEY)
    first = sealer.seal(NAME, bytes(64))
    # The names differ only after the 12 bytes that a nonce could hold.
    second = sealer.seal(NAME[:31] + b"\x01", bytes(64))
    assert first[1:65] != second[1:65]


@pytest.mark.parametrize(("key", "number"), [(b"short", 1), (bytes(33), 1), (KEY, -1), (KEY, 256)])
def test_an_impossible_key_is_refused(key: bytes, number: int) -> None:
    with pytest.raises(ValueError, match="key"):
        AesGcmSealer(key, key_id=number)


def test_a_plain_sealer_keeps_bodies_as_they_are() -> None:
    assert PlainSealer().open(NAME, PlainSealer().seal(NAME, b"body")) == b"body"
