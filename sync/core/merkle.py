"""The RFC 6962 tree over one journal: append state, roots, and proofs that a single entry, or a whole prefix, is in it.

Everything here takes *leaf data* (for a journal: an entry's 32-byte link, the hash of its header) and hashes it itself,
so a link can never be taken for a tree hash. Proving functions trust their caller and raise ValueError on a position
that does not exist; verifying functions judge what a stranger sent and answer False to anything that is not a proof.

Must never: do I/O, keep more than O(log n) of a journal, or look inside a leaf. The proof functions walk the leaves
they are given, O(n), which a page of entries or a day's heads can afford; who proves often should keep subtree roots.
Look next: `note.py` (the checkpoint that signs a root), `journal.py` (who appends). Source: RFC 6962 section 2.1, RFC
9162 sections 2.1.3.2 and 2.1.4.2 (the same tree, verification written as an algorithm), DESIGN 1.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from schemas.codec import Malformed
from schemas.names import HASH_BYTES

SIZE_BYTES = 8
"""A frontier's size travels as one unsigned 64-bit number, as sequence numbers do in headers."""

SIZE_MAX = 2**63 - 1
"""Largest size we handle: what a SQL bigint holds. It also bounds every proof to 63 hashes."""

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree with no leaves (RFC 6962 section 2.1). No proof about it exists and none is accepted."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of one leaf: SHA-256(0x00 ‖ leaf). The prefix keeps leaves and inner nodes apart (second preimages)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 ‖ left ‖ right), both 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


class Frontier(NamedTuple):
    """All a writer must remember of a tree to go on appending: its size and the roots of its full subtrees.

    `peaks` are those subtree roots from the largest (leftmost) to the smallest, one for each bit set in `size`. A
    frontier is a value: appending gives a new one, so a page that fails half-way has changed nothing.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """The frontier after one more leaf (leaf data, any length)."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """The frontier after these leaves, in order. One call for a run costs about 1 µs a leaf, half of `append`."""
        # The two hash functions are written out: over a page of 500 entries their calls cost as much as the hashing.
        digest = sha256
        size = self.size
        peaks = list(self.peaks)
        for leaf in leaves:
            node = digest(b"\x00" + leaf).digest()
            carry = size
            while carry & 1:
                node = digest(b"\x01" + peaks.pop() + node).digest()
                carry >>= 1
            peaks.append(node)
            size += 1
        return Frontier(size, tuple(peaks))

    def root(self) -> bytes:
        """Root of the tree so far, 32 bytes; `EMPTY_ROOT` while it has no leaves."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def to_bytes(self) -> bytes:
        """Stored form: size as 8 bytes big-endian, then the peaks; at most 8 + 63 x 32 bytes."""
        return self.size.to_bytes(SIZE_BYTES, "big") + b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Frontier:
        """Read the stored form. Raises `Malformed` when the number of hashes does not fit the size."""
        size = int.from_bytes(stored[:SIZE_BYTES], "big")
        hashes = stored[SIZE_BYTES:]
        if len(stored) < SIZE_BYTES or size > SIZE_MAX or len(hashes) != HASH_BYTES * size.bit_count():
            raise Malformed(
                "malformed_frontier", "this is not a stored tree state; rebuild it from the journal's entries"
            )
        return cls(size, tuple(hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)))


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root over leaf data, 32 bytes; `EMPTY_ROOT` for none (MTH of RFC 6962 section 2.1)."""
    return Frontier().extend(leaves).root()


def inclusion_proof(leaves: Sequence[bytes], index: int, size: int) -> list[bytes]:
    """Path from leaf `index` to the root of the first `size` leaves: siblings, lowest first (RFC 6962 section 2.1.1).

    `leaves` is leaf data from 0, at least `size` of it. Raises ValueError unless 0 ≤ index < size ≤ len(leaves).
    """
    if not 0 <= index < size <= len(leaves):
        raise ValueError(f"no leaf {index} in a tree of {size} over {len(leaves)} leaves")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + _left_size(end - start)
        if index < split:
            path.append(root_of(leaves[split:end]))
            end = split
        else:
            path.append(root_of(leaves[start:split]))
            start = split
    path.reverse()
    return path


def inclusion_proofs(leaves: Iterable[bytes], indexes: Sequence[int]) -> tuple[bytes, list[list[bytes]]]:
    """The root over all these leaves, and `inclusion_proof` of several: the tree is hashed once, whatever their number.

    Raises ValueError for a position that does not exist. Keeps a whole level of the tree, 32 bytes a leaf.
    """
    level = [leaf_hash(leaf) for leaf in leaves]
    size = len(level)
    if any(not 0 <= index < size for index in indexes):
        raise ValueError(f"not every one of these leaves is in a tree of {size}")
    paths: list[list[bytes]] = [[] for _ in indexes]
    height = 0
    while len(level) > 1:
        for path, index in zip(paths, indexes, strict=True):
            sibling = (index >> height) ^ 1
            if sibling < len(level):  # else the node has none at this level and moves up as it is
                path.append(level[sibling])
        above = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = above + level[len(above) * 2 :]
        height += 1
    return (level[0] if level else EMPTY_ROOT), paths


def root_from_inclusion(hashed_leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of `size` that `path` leads to from a leaf hash; None if there is no such path (RFC 9162).

    For those who hold the leaf's hash but not the leaf. Everyone else uses `verify_inclusion`.
    """
    if not 0 <= index < size <= SIZE_MAX or not _are_hashes((hashed_leaf, *path)):
        return None
    node, position, last = hashed_leaf, index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while position and not position & 1:  # levels at which this node has no sibling: it moves up as it is
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        position >>= 1
        last >>= 1
    return node if last == 0 else None


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that leaf data `leaf` is number `index` (from 0) of the tree with this size and root.

    False for everything else, a size of 0 and hashes that are not 32 bytes among it; never raises on hostile input.
    """
    return root_from_inclusion(leaf_hash(leaf), index, size, path) == root


def consistency_proof(leaves: Sequence[bytes], first: int, second: int) -> list[bytes]:
    """Proof that the tree of `first` leaves is a prefix of the tree of `second` leaves (RFC 6962 section 2.1.2).

    Empty when both sizes are equal. Raises ValueError unless 0 < first ≤ second ≤ len(leaves).
    """
    if not 0 < first <= second <= len(leaves):
        raise ValueError(f"no proof from size {first} to size {second} over {len(leaves)} leaves")
    path: list[bytes] = []
    start, end = 0, second
    while first != end:
        split = start + _left_size(end - start)
        if first <= split:
            path.append(root_of(leaves[split:end]))
            end = split
        else:
            path.append(root_of(leaves[start:split]))
            start = split
    if start:  # otherwise the old tree is itself the last subtree, and its root is known to the verifier
        path.append(root_of(leaves[start:end]))
    path.reverse()
    return path


def verify_consistency(first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Whether `path` proves that the tree (first, first_root) is a prefix of (second, second_root) (RFC 9162, 2.1.4.2).

    False for everything else, a first size of 0 and hashes that are not 32 bytes among it; never raises.
    """
    if not 0 < first <= second <= SIZE_MAX or not _are_hashes((first_root, second_root, *path)):
        return False
    if first == second:
        return not path and first_root == second_root
    if not path:
        return False
    position, last = first - 1, second - 1
    while position & 1:
        position >>= 1
        last >>= 1
    # When `first` is a power of two the old root is the first subtree and is left out of the path.
    old = new = first_root if position == 0 else path[0]
    for sibling in path if position == 0 else path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and old == first_root and new == second_root


def _left_size(count: int) -> int:
    """Largest power of two below `count` (count > 1): where RFC 6962 splits a tree."""
    return 1 << ((count - 1).bit_length() - 1)


def _are_hashes(values: Iterable[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
