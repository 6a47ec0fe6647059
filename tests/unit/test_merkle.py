"""The tree against RFC 6962's reference vectors, against a naive definition, and against people who bend proofs."""

import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import Malformed
from sync.core.merkle import (
    EMPTY_ROOT,
    SIZE_MAX,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_from_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves and the roots that Certificate Transparency's reference implementations publish for RFC 6962.
REFERENCE_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
REFERENCE_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Inner nodes of that tree, by (level, number), as published: the reference proofs are made of them.
REFERENCE_NODES = {
    (0, 0): "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    (0, 1): "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    (0, 2): "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
    (0, 4): "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    (0, 6): "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
    (1, 0): "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    (1, 1): "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    (1, 2): "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    (1, 3): "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    (2, 0): "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    (2, 1): "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
}
Place = tuple[int, int]
LAST_THREE_OF_SEVEN: Place = (1, -1)
# RFC 6962 section 2.1.3 and the reference implementations: (index, size, path).
REFERENCE_INCLUSIONS: list[tuple[int, int, list[Place]]] = [
    (0, 1, []),
    (0, 8, [(0, 1), (1, 1), (2, 1)]),
    (5, 8, [(0, 4), (1, 3), (2, 0)]),
    (2, 3, [(1, 0)]),
    (1, 5, [(0, 0), (1, 1), (0, 4)]),
    (6, 7, [(1, 2), (2, 0)]),
]
# (first, second, path)
REFERENCE_CONSISTENCIES: list[tuple[int, int, list[Place]]] = [
    (1, 1, []),
    (1, 8, [(0, 1), (1, 1), (2, 1)]),
    (6, 8, [(1, 2), (1, 3), (2, 0)]),
    (2, 5, [(1, 1), (0, 4)]),
    (4, 7, [LAST_THREE_OF_SEVEN]),
    (6, 7, [(1, 2), (0, 6), (2, 0)]),
]

some_leaves = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def nodes(places: list[Place]) -> list[bytes]:
    named = {place: bytes.fromhex(text) for place, text in REFERENCE_NODES.items()}
    # No node of the full tree, but made of two: leaves 4 and 5, and leaf 6.
    named[LAST_THREE_OF_SEVEN] = sha256(b"\x01" + named[(1, 2)] + named[(0, 6)]).digest()
    return [named[place] for place in places]


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1 as it is written, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*naive_path(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_path(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_subproof(first: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2."""
    if first == len(leaves):
        return [] if whole else [naive_root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if first <= split:
        return [*naive_subproof(first, leaves[:split], whole), naive_root(leaves[split:])]
    return [*naive_subproof(first - split, leaves[split:], False), naive_root(leaves[:split])]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert root_of(REFERENCE_LEAVES[:size]).hex() == REFERENCE_ROOTS[size]


@pytest.mark.parametrize(("index", "size", "path"), REFERENCE_INCLUSIONS)
def test_inclusion_proofs_are_the_published_ones(index: int, size: int, path: list[Place]) -> None:
    assert inclusion_proof(REFERENCE_LEAVES, index, size) == nodes(path)
    assert verify_inclusion(REFERENCE_LEAVES[index], index, size, nodes(path), bytes.fromhex(REFERENCE_ROOTS[size]))


@pytest.mark.parametrize(("first", "second", "path"), REFERENCE_CONSISTENCIES)
def test_consistency_proofs_are_the_published_ones(first: int, second: int, path: list[Place]) -> None:
    assert consistency_proof(REFERENCE_LEAVES, first, second) == nodes(path)
    roots = [bytes.fromhex(root) for root in REFERENCE_ROOTS]
    assert verify_consistency(first, second, nodes(path), roots[first], roots[second])


@given(some_leaves)
def test_roots_and_proofs_follow_the_definition(leaves: list[bytes]) -> None:
    size = len(leaves)
    root = naive_root(leaves)
    assert root_of(leaves) == root
    for index in range(size):
        path = inclusion_proof(leaves, index, size)
        assert path == naive_path(index, leaves)
        assert verify_inclusion(leaves[index], index, size, path, root)
    for first in range(1, size + 1):
        path = consistency_proof(leaves, first, size)
        assert path == naive_subproof(first, leaves, True)
        assert verify_consistency(first, size, path, naive_root(leaves[:first]), root)


@given(some_leaves, st.integers(0, 70))
def test_a_frontier_stored_and_read_back_goes_on_as_if_never_stopped(leaves: list[bytes], stop: int) -> None:
    before = Frontier().extend(leaves[:stop])
    after = Frontier.from_bytes(before.to_bytes())
    assert after == before
    for leaf in leaves[stop:]:
        after = after.append(leaf)
    assert after == Frontier().extend(leaves)
    assert (after.size, after.root()) == (len(leaves), naive_root(leaves))


def test_appending_leaves_the_old_frontier_as_it_was() -> None:
    before = Frontier().extend(REFERENCE_LEAVES[:7])
    before.extend([b"a page that is then refused"] * 9)
    assert before.root().hex() == REFERENCE_ROOTS[7]


def test_an_empty_tree_has_the_published_root_and_no_proof() -> None:
    assert Frontier().root() == EMPTY_ROOT
    assert Frontier.from_bytes(Frontier().to_bytes()) == Frontier()
    assert not verify_inclusion(b"", 0, 0, [], EMPTY_ROOT)
    assert not verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert not verify_consistency(0, 8, [], EMPTY_ROOT, bytes.fromhex(REFERENCE_ROOTS[8]))


@given(some_leaves, st.data())
def test_a_bent_inclusion_proof_proves_nothing(leaves: list[bytes], data: st.DataObject) -> None:
    size = len(leaves)
    index = data.draw(st.integers(0, size - 1))
    path, root = inclusion_proof(leaves, index, size), root_of(leaves)
    assert not verify_inclusion(leaves[index] + b"!", index, size, path, root)
    assert not verify_inclusion(leaves[index], index, size, [*path, bytes(32)], root)
    assert not verify_inclusion(leaves[index], index, size, path, root[:31])
    assert not verify_inclusion(leaves[index], -1, size, path, root)
    assert not verify_inclusion(leaves[index], index, index, path, root)
    for place in range(len(path)):
        assert not verify_inclusion(leaves[index], index, size, path[:place] + path[place + 1 :], root)
        flipped = bytes([path[place][0] ^ 1]) + path[place][1:]
        assert not verify_inclusion(leaves[index], index, size, [*path[:place], flipped, *path[place + 1 :]], root)
        short = [*path[:place], path[place][:31], *path[place + 1 :]]
        assert not verify_inclusion(leaves[index], index, size, short, root)


def test_a_proof_for_one_place_is_none_for_another() -> None:
    leaves = [bytes([number]) for number in range(23)]
    root = root_of(leaves)
    path = inclusion_proof(leaves, 11, 23)
    assert [index for index in range(23) if verify_inclusion(leaves[11], index, 23, path, root)] == [11]


def test_an_inner_node_does_not_pass_for_a_leaf() -> None:
    """The attack the 0x00 and 0x01 prefixes are against: two links, hashed together, shown as one entry."""
    leaves = REFERENCE_LEAVES[:4]
    inner = leaf_hash(leaves[0]) + leaf_hash(leaves[1])
    sibling = inclusion_proof(leaves, 0, 4)[1]
    assert not verify_inclusion(inner, 0, 2, [sibling], root_of(leaves))


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=40), st.data())
def test_a_rewritten_prefix_has_no_consistency_proof(leaves: list[bytes], data: st.DataObject) -> None:
    second = len(leaves)
    first = data.draw(st.integers(1, second - 1))
    path, old, new = consistency_proof(leaves, first, second), root_of(leaves[:first]), root_of(leaves)
    rewritten = [leaves[0] + b"!", *leaves[1:]]
    assert not verify_consistency(first, second, path, old, root_of(rewritten))
    assert not verify_consistency(first, second, path, root_of(rewritten[:first]), new)
    assert not verify_consistency(first, second, consistency_proof(rewritten, first, second), old, root_of(rewritten))
    assert not verify_consistency(second, first, path, new, old)
    assert not verify_consistency(first, second, [], old, new)
    assert not verify_consistency(first, second, [*path, bytes(32)], old, new)
    assert not verify_consistency(first, second, path[:-1], old, new)
    assert not verify_consistency(first, second, [path[0][:31], *path[1:]], old, new)
    assert not verify_consistency(first, first, path, old, old)
    assert not verify_consistency(first, first, [], old[:31], old[:31])


def test_a_signer_cannot_choose_a_root_that_a_bent_proof_leads_to() -> None:
    """The root is the accused's own statement: the proof's shape must fit the stated sizes whatever the root is."""
    leaf, leaves = REFERENCE_LEAVES[0], REFERENCE_LEAVES
    grown = inclusion_proof(leaves, 0, 8)
    too_far = sha256(b"\x01" + bytes(32) + root_of(leaves)).digest()
    assert not verify_inclusion(leaf, 0, 8, [*grown, bytes(32)], too_far)
    short_sibling = sha256(b"\x01" + leaf_hash(leaf) + bytes(31)).digest()
    assert not verify_inclusion(leaf, 0, 2, [bytes(31)], short_sibling)

    path = consistency_proof(leaves, 1, 8)
    assert verify_consistency(1, 8, path, root_of(leaves[:1]), root_of(leaves))
    assert not verify_consistency(1, 100, path, root_of(leaves[:1]), root_of(leaves))
    assert not verify_consistency(1, 8, path[:-1], root_of(leaves[:1]), root_of(leaves[:4]))
    path = consistency_proof(leaves, 6, 8)
    both_too_far = [sha256(b"\x01" + bytes(32) + root_of(leaves[:size])).digest() for size in (6, 8)]
    assert not verify_consistency(6, 8, [*path, bytes(32)], *both_too_far)


@given(
    st.integers(-1, 2**64),
    st.integers(-1, 2**64),
    st.lists(st.binary(min_size=31, max_size=33), max_size=70),
    st.binary(min_size=32, max_size=32),
)
def test_whatever_a_stranger_sends_is_answered_not_raised(
    index: int, size: int, path: list[bytes], root: bytes
) -> None:
    assert not verify_inclusion(b"leaf", index, size, path, root)
    assert not verify_consistency(index, size, path, root, leaf_hash(root))


def test_the_largest_journal_still_proves() -> None:
    path = [bytes([level]) * 32 for level in range(63)]
    assert root_from_inclusion(leaf_hash(b""), 0, SIZE_MAX, path) is not None
    assert root_from_inclusion(leaf_hash(b""), 0, SIZE_MAX, path[:-1]) is None
    assert root_from_inclusion(leaf_hash(b""), 0, SIZE_MAX + 1, path) is None


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (2, 9)])
def test_no_inclusion_proof_is_made_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(REFERENCE_LEAVES, index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3), (-1, 2), (2, 9)])
def test_no_consistency_proof_is_made_of_what_is_not_there(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="no proof"):
        consistency_proof(REFERENCE_LEAVES, first, second)


def test_a_damaged_frontier_is_refused() -> None:
    stored = Frontier().extend(REFERENCE_LEAVES[:7]).to_bytes()
    assert len(stored) == 8 + 3 * 32
    bad = [b"", stored[:7], stored[:-1], stored + b"\x00", b"\x00" * 7 + b"\x01" + stored[8:], b"\xff" * len(stored)]
    for damaged in bad:
        with pytest.raises(Malformed) as refusal:
            Frontier.from_bytes(damaged)
        assert refusal.value.code == "malformed_frontier"


def test_a_long_journal_written_in_pages_keeps_one_root() -> None:
    draw = random.Random(6962)
    links = [draw.randbytes(32) for _ in range(2_000)]
    frontier, at = Frontier(), 0
    while at < len(links):
        step = draw.randint(1, 500)
        frontier, at = frontier.extend(links[at : at + step]), at + step
    assert frontier.root() == root_of(links)
    assert len(frontier.peaks) == len(links).bit_count()
