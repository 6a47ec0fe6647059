"""Keys that are made, stored, enrolled and revoked; and keys that must not get in."""

import pytest

from schemas.codec import Malformed
from schemas.names import Epoch, JournalId, OfficeId, node_id
from schemas.wire import Size
from sync.core.errors import Fault, LocalFault, RemoteFault, UnknownSender
from sync.keys import (
    Ed25519Key,
    Ed25519Signer,
    EnrolledDevice,
    KeyedHashSigner,
    Keyring,
    PublicKeys,
    Signer,
    check_public_keys,
    refuse_simulation_keys,
    root_digest,
    verify_ed25519,
    verify_keyed_hash,
)

VILLAGE = OfficeId("510824100201")
FIRST = Epoch(1, b"first.")
SECOND = Epoch(2, b"second")


def device(signer: Signer, office: OfficeId = VILLAGE) -> EnrolledDevice:
    return EnrolledDevice(signer.node, office, signer.public_keys)


def a_signer(letter: str = "a") -> Ed25519Signer:
    return Ed25519Signer.create(letter.encode() * 32 + letter.upper().encode() * 32)


def refused(kind: type[Fault], code: str) -> pytest.RaisesExc[Fault]:
    return pytest.raises(kind, check=lambda error: error.code == code and bool(error.hint))


@pytest.mark.parametrize(
    ("seed", "public_key", "message", "signature"),
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            (
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ),
    ],
)
def test_signatures_are_those_of_rfc_8032(seed: str, public_key: str, message: str, signature: str) -> None:
    key = Ed25519Key(bytes.fromhex(seed))
    assert key.public_key.hex() == public_key
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert verify_ed25519(key.public_key, bytes.fromhex(message), bytes.fromhex(signature))


def test_a_device_keeps_its_name_and_keys_through_its_key_file() -> None:
    signer = a_signer()
    again = Ed25519Signer.from_bytes(signer.to_bytes())
    assert again.node == signer.node == node_id(signer.public_keys.log)
    assert again.public_keys == signer.public_keys
    assert verify_ed25519(signer.public_keys.log, b"m", again.sign(b"m"))
    assert verify_ed25519(signer.public_keys.cosigner, b"m", again.cosign(b"m"))
    assert not verify_ed25519(signer.public_keys.log, b"m", again.cosign(b"m"))


def test_a_key_file_with_any_bit_flipped_is_refused_and_says_so() -> None:
    stored = a_signer().to_bytes()
    for place in range(len(stored)):
        damaged = stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :]
        with pytest.raises(Malformed) as refusal:
            Ed25519Signer.from_bytes(damaged)
        assert refusal.value.code in ("damaged_key_file", "malformed_key_file")
        assert "key file" in refusal.value.hint


def test_the_root_key_file_is_not_taken_for_a_devices() -> None:
    root = Ed25519Key(b"r" * 32)
    assert Ed25519Key.from_bytes(root.to_bytes()).public_key == root.public_key
    with pytest.raises(Malformed):
        Ed25519Signer.from_bytes(root.to_bytes())
    with pytest.raises(Malformed):
        Ed25519Key.from_bytes(a_signer().to_bytes())
    for cut in (b"", root.to_bytes()[:-1], root.to_bytes() + b"\n"):
        with pytest.raises(Malformed):
            Ed25519Key.from_bytes(cut)


def test_a_county_is_known_by_its_roots_digest() -> None:
    digest = root_digest(Ed25519Key(b"r" * 32).public_key)
    assert len(bytes.fromhex(digest)) == 32
    assert digest != root_digest(Ed25519Key(b"s" * 32).public_key)


@pytest.mark.parametrize("entropy", [b"", b"a" * 63, b"a" * 65, b"a" * 64])
def test_keys_are_not_made_from_too_little(entropy: bytes) -> None:
    with refused(LocalFault, "bad_entropy"):
        Ed25519Signer.create(entropy)


def test_a_root_is_not_made_from_too_little() -> None:
    with refused(LocalFault, "bad_entropy"):
        Ed25519Key(b"short")


def test_no_secret_is_ever_printed() -> None:
    signer = a_signer()
    printed = f"{signer!r} {signer} {Ed25519Key(b'a' * 32)!r} {KeyedHashSigner.from_seed(b'a')!r}"
    assert signer.node in printed
    assert "a" * 32 not in printed
    assert (b"a" * 32).hex() not in printed


@pytest.mark.parametrize("wrong", [b"", bytes(63), bytes(65), bytes(64), b"\xff" * 64])
def test_a_signature_of_the_wrong_shape_is_simply_none(wrong: bytes) -> None:
    key = Ed25519Key(b"k" * 32)
    assert not verify_ed25519(key.public_key, b"m", wrong)
    assert not verify_ed25519(key.public_key[:31], b"m", key.sign(b"m"))
    assert not verify_ed25519(b"\xff" * 32, b"m", key.sign(b"m"))
    assert not verify_keyed_hash(bytes(31), b"m", wrong)
    assert not verify_keyed_hash(bytes(32), b"m", wrong)


def test_the_keyring_verifies_each_key_for_its_own_use() -> None:
    ours, theirs = a_signer("a"), a_signer("b")
    keyring = Keyring([device(ours)])
    assert len(keyring) == 1
    assert keyring.verify_log(ours.node, b"m", ours.sign(b"m"))
    assert keyring.verify_cosign(ours.node, b"m", ours.cosign(b"m"))
    assert not keyring.verify_log(ours.node, b"m", ours.cosign(b"m"))
    assert not keyring.verify_cosign(ours.node, b"m", ours.sign(b"m"))
    assert not keyring.verify_log(ours.node, b"n", ours.sign(b"m"))
    assert not keyring.verify_log(ours.node, b"m", theirs.sign(b"m"))
    assert not keyring.verify_log(theirs.node, b"m", theirs.sign(b"m"))
    assert not keyring.verify_cosign(theirs.node, b"m", theirs.cosign(b"m"))


def test_an_unknown_device_is_refused_by_name_and_cure() -> None:
    keyring = Keyring([device(a_signer())])
    stranger = a_signer("s").node
    assert keyring.find(stranger) is None
    with refused(UnknownSender, "unknown_device"):
        keyring.get(stranger)


def test_a_failed_transaction_leaves_the_keyring_as_it_was() -> None:
    before = Keyring()
    signer = a_signer()
    after = before.with_device(device(signer)).with_revocation(signer.node, [])
    assert before.find(signer.node) is None
    assert not before.is_revoked(signer.node)
    assert after.get(signer.node).office == VILLAGE
    assert after.is_revoked(signer.node)


def test_a_replaced_device_and_its_successor_share_a_seat() -> None:
    lost, new, other = a_signer("l"), a_signer("n"), a_signer("o")
    keyring = Keyring([device(lost), device(new), device(other, OfficeId("510824100202"))])
    assert {found.node for found in keyring.devices_of(VILLAGE)} == {lost.node, new.node}


def test_nobody_enrols_under_the_name_of_another() -> None:
    victim, thief = a_signer("v"), a_signer("t")
    with refused(RemoteFault, "foreign_name"):
        Keyring().with_device(EnrolledDevice(victim.node, VILLAGE, thief.public_keys))


def test_nobody_slips_another_cosigner_key_under_a_known_device() -> None:
    signer, thief = a_signer("v"), a_signer("t")
    keyring = Keyring([device(signer)])
    swapped = PublicKeys(signer.public_keys.log, thief.public_keys.cosigner)
    with refused(RemoteFault, "keys_changed"):
        keyring.with_device(EnrolledDevice(signer.node, VILLAGE, swapped))


def test_a_device_has_one_seat_for_life() -> None:
    """Its checkpoints name it: where another seat is believed they would be nobody's."""
    signer = a_signer("v")
    keyring = Keyring([device(signer)])
    with refused(RemoteFault, "seat_changed"):
        keyring.with_device(device(signer, OfficeId("510824100202")))
    assert keyring.with_device(device(signer)).get(signer.node).office == VILLAGE


def test_one_key_for_both_uses_is_refused() -> None:
    log = a_signer().public_keys.log
    with refused(RemoteFault, "one_key"):
        check_public_keys(PublicKeys(log, log))


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_the_wrong_length_is_refused(key: bytes) -> None:
    with refused(RemoteFault, "malformed_key"):
        check_public_keys(PublicKeys(a_signer().public_keys.log, key))


# --- keys under which anybody can sign -------------------------------------------------------------------------------

FIELD = 2**255 - 19
EDWARDS_D = -121665 * pow(121666, -1, FIELD) % FIELD
Point = tuple[int, int]


def add(left: Point, right: Point) -> Point:
    """The addition law of edwards25519, RFC 8032 section 5.1."""
    (x1, y1), (x2, y2) = left, right
    product = EDWARDS_D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, FIELD) % FIELD,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, FIELD) % FIELD,
    )


def small_order_points() -> list[Point]:
    """All multiples of one point of order 8, found from the y that the product refuses."""
    y = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
    square = (y * y - 1) * pow(EDWARDS_D * y * y + 1, -1, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if x * x % FIELD != square:
        x = x * pow(2, (FIELD - 1) // 4, FIELD) % FIELD
    assert x * x % FIELD == square
    points: list[Point] = [(x, y)]
    while points[-1] != (0, 1):
        points.append(add(points[-1], (x, y)))
    return points


def encoded(point: Point, spare: int = 0) -> bytes:
    x, y = point
    return (y + spare | (x & 1) << 255).to_bytes(32, "little")


def test_all_eight_points_of_small_order_are_refused() -> None:
    points = small_order_points()
    assert len(set(points)) == 8
    for point in points:
        with refused(RemoteFault, "weak_key"):
            check_public_keys(PublicKeys(encoded(point), a_signer().public_keys.cosigner))
        with refused(RemoteFault, "weak_key"):
            check_public_keys(PublicKeys(a_signer().public_keys.log, encoded(point)))


def test_the_same_points_written_unreduced_are_refused() -> None:
    for y in range(19):
        for sign in (0, 1 << 255):
            with refused(RemoteFault, "weak_key"):
                check_public_keys(PublicKeys((FIELD + y | sign).to_bytes(32, "little"), bytes(32)))


def test_one_forged_signature_fits_every_message_under_such_a_key() -> None:
    """Why: a village that enrolled the neutral point could later say that anybody wrote its journal."""
    neutral = encoded((0, 1))
    forged = neutral + bytes(32)
    assert verify_ed25519(neutral, b"granted", forged)
    assert verify_ed25519(neutral, b"refused", forged)
    with refused(RemoteFault, "weak_key"):
        Keyring().with_device(EnrolledDevice(node_id(neutral), VILLAGE, PublicKeys(neutral, bytes(32))))


# --- revocation names a position -----------------------------------------------------------------------------------


def test_a_lost_devices_honest_work_still_counts() -> None:
    signer = a_signer()
    first, second = JournalId(signer.node, FIRST), JournalId(signer.node, SECOND)
    keyring = Keyring([device(signer)])
    assert keyring.counts(second, 10**6)
    keyring = keyring.with_revocation(signer.node, [Size(signer.node, FIRST, 40), Size(signer.node, SECOND, 7)])
    assert keyring.counts(first, 39)
    assert not keyring.counts(first, 40)
    assert keyring.counts(second, 6)
    assert not keyring.counts(second, 7)
    assert keyring.verify_log(signer.node, b"m", signer.sign(b"m")), "the signature stays good: the position decides"


def test_a_rolled_back_township_does_not_disown_what_the_county_holds() -> None:
    """RULINGS A14: the highest position named holds, whoever's statement arrives first."""
    signer = a_signer()
    township, county = [Size(signer.node, FIRST, 12)], [Size(signer.node, FIRST, 30)]
    one = Keyring([device(signer)]).with_revocation(signer.node, township).with_revocation(signer.node, county)
    other = Keyring([device(signer)]).with_revocation(signer.node, county).with_revocation(signer.node, township)
    for keyring in (one, other):
        assert keyring.counts(JournalId(signer.node, FIRST), 29)
        assert not keyring.counts(JournalId(signer.node, FIRST), 30)


def test_a_thief_cannot_open_an_old_epoch_with_a_stolen_key() -> None:
    signer = a_signer()
    keyring = Keyring([device(signer)]).with_revocation(signer.node, [Size(signer.node, SECOND, 7)])
    assert not keyring.counts(JournalId(signer.node, Epoch(1, b"thief.")), 0)
    assert not keyring.counts(JournalId(signer.node, Epoch(2, b"thief.")), 0)
    assert not keyring.counts(JournalId(signer.node, Epoch(3, b"thief.")), 0)


def test_a_revocation_speaks_only_of_its_own_device() -> None:
    signer, other = a_signer("a"), a_signer("b")
    keyring = Keyring([device(signer), device(other)])
    keyring = keyring.with_revocation(signer.node, [Size(other.node, FIRST, 3)])
    assert not keyring.counts(JournalId(signer.node, FIRST), 0)
    assert keyring.counts(JournalId(other.node, FIRST), 3)
    assert not keyring.is_revoked(other.node)


def test_a_revocation_that_overtakes_the_enrolment_still_holds() -> None:
    signer = a_signer()
    keyring = Keyring().with_revocation(signer.node, []).with_device(device(signer))
    assert keyring.is_revoked(signer.node)
    assert not keyring.counts(JournalId(signer.node, FIRST), 0)


# --- simulations ---------------------------------------------------------------------------------------------------


def test_a_simulated_network_signs_with_keyed_hashes_of_the_real_size() -> None:
    signer, other = KeyedHashSigner.from_seed(b"village 1"), KeyedHashSigner.from_seed(b"village 2")
    keyring = Keyring([device(signer), device(other)], verify_keyed_hash)
    assert KeyedHashSigner.from_seed(b"village 1").node == signer.node != other.node
    assert len(signer.sign(b"m")) == len(a_signer().sign(b"m")) == 64
    assert keyring.verify_log(signer.node, b"m", signer.sign(b"m"))
    assert keyring.verify_cosign(signer.node, b"m", signer.cosign(b"m"))
    assert not keyring.verify_log(signer.node, b"m", signer.cosign(b"m"))
    assert not keyring.verify_log(signer.node, b"m", other.sign(b"m"))
    assert not keyring.verify_log(signer.node, b"n", signer.sign(b"m"))
    assert keyring.with_revocation(signer.node, []).verify is verify_keyed_hash


def test_a_real_node_refuses_simulation_keys() -> None:
    real, simulated = a_signer(), KeyedHashSigner.from_seed(b"village 1")
    refuse_simulation_keys(real, Keyring())
    with refused(LocalFault, "simulation_keys"):
        refuse_simulation_keys(simulated, Keyring())
    with refused(LocalFault, "simulation_keys"):
        refuse_simulation_keys(real, Keyring(verify=verify_keyed_hash))
    enrolled_by_mistake = Keyring([device(simulated)])
    assert not enrolled_by_mistake.verify_log(simulated.node, b"m", simulated.sign(b"m"))
