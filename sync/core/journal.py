"""One journal: sealing entries with our own pen, verifying runs and excerpts of anybody's.

Pure: hashing only; whether a signature is good is asked of a function that is handed in (RULINGS C5). Never looks
into a body and never decides about a case. Accusation rule (AUDIT 1.4): bytes that do not fit the owner's signed head
are a relay's fault and are fetched again; a fork needs two owner-signed statements that disagree.
Next: `merkle` (tree), `link` (numbers), `sync.ledger` (who calls this).
"""

from collections.abc import Callable, Container, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Final

from msgspec import Struct

from schemas.codec import ENTRY_BODY_BYTES_MAX, PAGE_ENTRIES_MAX, Malformed
from schemas.names import HASH_BYTES, SALT_BYTES, CaseId, Instant, JournalId
from schemas.wire import (
    ZERO_HASH,
    Checkpoint,
    Excerpt,
    Head,
    Line,
    Run,
    body_digest,
    decode_head,
    encode_head,
    entry_hash,
    header_prefix,
    is_line,
    line_digest,
)
from sync.core.merkle import Frontier, verify_inclusion

CHECKPOINT_ENTRIES_MAX = 64
"""An origin signs at least every 64 entries (RULINGS A3): a relay can cut there, 31 µs and 2 bytes an entry."""

CHECKPOINT_BYTES_MAX = 16 * 1024
"""… or every 16 KiB of bodies, about 6 s at 20 kbit/s: the smallest piece that a thin line must carry whole."""

RUN_BYTES_MAX = 512 * 1024
"""Bodies in one run: what every relay can pass on whole, packed, beside the rest of a page. Honest pages hold half.
What lies between two good checkpoints was taken in one run, so it can be passed on as one."""

SIGNATURE_BYTES_MAX = 64
"""An Ed25519 signature. Checkpoints before a run's last are passed on unverified, so nothing longer may hide in one."""

CheckpointVerifier = Callable[[JournalId, Checkpoint], bool]
"""Whether the owner's log key signed this checkpoint of this journal."""

AttestationVerifier = Callable[[JournalId, bytes, bytes], bool]
"""(journal, entry hash, signature): whether the owner's log key attested the entry."""


NOTHING_ERASED: Final[frozenset[bytes]] = frozenset()


class Tip(Struct, frozen=True):
    """Where a journal stands: entries held without a gap, hash of the last one, tree state."""

    size: int = 0
    hash: bytes = ZERO_HASH
    frontier: Frontier = Frontier()


class Draft(Struct, frozen=True):
    """What an author wants to write. The clock, the number and the salt are added when it is sealed."""

    kind: str
    subject: CaseId | None
    body: bytes
    chained: Callable[[bytes], bytes] | None = None
    """For one that names the entry written just before it in the same call: the body, given that entry's hash."""


class Sealed(Struct, frozen=True):
    """A draft that became an entry: its line as it will travel, its head and its hash."""

    line: Line
    head: Head
    hash: bytes


def seal(journal: JournalId, tip: Tip, draft: Draft, now: Instant, salt: bytes) -> tuple[Sealed, Tip]:
    """Give a draft the journal's next number. `at` is the claimed clock, unaltered: order is seq (RULINGS A6).

    Raises ValueError for a body over `ENTRY_BODY_BYTES_MAX` or a salt of the wrong length (programmer errors).
    """
    if len(draft.body) > ENTRY_BODY_BYTES_MAX or len(salt) != SALT_BYTES:
        raise ValueError("an entry's body or salt has the wrong length")
    head = encode_head(now, draft.kind, draft.subject)
    link = entry_hash(header_prefix(journal), tip.size, tip.hash, body_digest(salt, draft.body), head)
    line = Line(head, salt, draft.body)
    after = Tip(tip.size + 1, link, tip.frontier.append(link))
    return Sealed(line, decode_head(head), link), after


class Checked(Struct, frozen=True):
    """The part of a run that holds: `lines[skip:skip + len(links)]` are new and end at `checkpoints[-1]`.

    `code` says why the rest, if any, was refused: "" (nothing refused), "gap", "fork_suspected", "broken_chain",
    "bad_signature", "malformed", "incomplete".
    """

    skip: int
    links: list[bytes]
    heads: list[Head]
    tip: Tip
    checkpoints: list[Checkpoint]
    code: str = ""


def links_of(run: Run, erased: Container[bytes] = NOTHING_ERASED) -> tuple[list[bytes], list[Head], str]:
    """Hashes and heads of a run's lines, computed from the `prev` it states; stops at the first that is not one.

    A line without its body is one only if the hash that its stated digest gives is among those that are known to be
    `erased` by law: nobody erases on the way (RULINGS B6).
    """
    prefix = header_prefix(run.journal)
    link = run.prev
    links: list[bytes] = []
    heads: list[Head] = []
    # `line_digest` and `entry_hash` are written out: over 500 entries their calls cost as much as the hashing.
    for seq, line in enumerate(run.lines, run.start):
        body, salt, head = line.body, line.salt, line.head
        if body is None:
            digest = line.digest
            if salt or digest is None or len(digest) != HASH_BYTES:
                return links, heads, "incomplete"
        elif len(salt) != SALT_BYTES or len(body) > ENTRY_BODY_BYTES_MAX:
            return links, heads, "malformed"
        else:
            digest = sha256(salt + body).digest()
        link = sha256(b"".join((prefix, seq.to_bytes(8, "big"), link, digest, head))).digest()
        if body is None and link not in erased:
            return links, heads, "incomplete"
        try:
            known = decode_head(head)
        except Malformed:
            return links, heads, "malformed"
        if body is None and (known.subject is None or is_line(known.kind)):
            return links, heads, "incomplete"
        heads.append(known)
        links.append(link)
    return links, heads, ""


def well_formed(run: Run) -> bool:
    """Whether a run's numbers can be right: bounded, ascending checkpoints inside it, the last one at its end."""
    sizes = [checkpoint.size for checkpoint in run.checkpoints]
    stop = run.start + len(run.lines)
    return (
        0 < len(run.lines) <= PAGE_ENTRIES_MAX
        and run.start >= 0
        and len(run.prev) == 32
        and bool(sizes)
        and sizes[-1] == stop
        and sizes[0] > run.start
        and all(low < high for low, high in pairwise(sizes))
        and all(
            len(found.root) <= HASH_BYTES and len(found.signature) <= SIGNATURE_BYTES_MAX for found in run.checkpoints
        )
        and sum(len(line.body or b"") for line in run.lines) <= RUN_BYTES_MAX
    )


def check_run(
    run: Run, known: Tip, verify: CheckpointVerifier | None, erased: Container[bytes] = NOTHING_ERASED
) -> Checked:
    """Verify a run against what we hold. Total: everything wrong is a `code`, never an exception.

    `verify` is None only in a simulation that switches the rule off (`sync.rules.Rules.check_chain`).

    Admits the part up to the last checkpoint before the first bad entry (RULINGS A8): the newest checkpoint whose root
    is the one recomputed here and whose signature is the owner's.
    """
    nothing = Checked(0, [], [], known, [])
    if not well_formed(run):
        return Checked(0, [], [], known, [], "malformed")
    if run.start > known.size:
        return Checked(0, [], [], known, [], "gap")
    links, heads, code = links_of(run, erased)
    skip = known.size - run.start
    if skip >= len(run.lines):
        return Checked(len(run.lines), [], [], known, [], _compare_held(links, skip, known, code))
    if (links[skip - 1] if 0 < skip <= len(links) else run.prev) != known.hash or len(links) < skip:
        return Checked(skip, [], [], known, [], code or "fork_suspected")
    good, frontier, code = _good_part(run, links, skip, known, verify, code)
    if good == 0:
        return Checked(skip, [], [], nothing.tip, [], code or "bad_signature")
    admitted = links[skip : skip + good]
    stop = known.size + good
    return Checked(
        skip,
        admitted,
        heads[skip : skip + good],
        Tip(stop, admitted[-1], frontier),
        [checkpoint for checkpoint in run.checkpoints if known.size < checkpoint.size <= stop],
        code if skip + good < len(run.lines) else "",
    )


def _compare_held(links: list[bytes], skip: int, known: Tip, code: str) -> str:
    """For a run that lies wholly within what we hold: compare where we can without reading, at our own tip."""
    if code:
        return code
    if skip == len(links) and links[-1] != known.hash:
        return "fork_suspected"
    return ""


def _good_part(
    run: Run, links: list[bytes], skip: int, known: Tip, verify: CheckpointVerifier | None, code: str
) -> tuple[int, Frontier, str]:
    """How many new lines end at a checkpoint with our root and the owner's signature, and the tree state there."""
    frontier = known.frontier
    position = skip
    candidates: list[tuple[int, Frontier, Checkpoint]] = []
    for checkpoint in run.checkpoints:
        end = checkpoint.size - run.start
        if end <= skip:
            continue
        if end > len(links):
            break
        frontier = frontier.extend(links[position:end])
        position = end
        if verify is not None and frontier.root() != checkpoint.root:
            code = code or "broken_chain"
            break
        candidates.append((end - skip, frontier, checkpoint))
    for good, state, checkpoint in reversed(candidates):
        # Earlier signatures need no check: the newest good one covers every entry before it (an append-only tree);
        # whoever later cuts at an earlier checkpoint verifies that one then (`sync.paging`).
        if verify is None or verify(run.journal, checkpoint):
            return good, state, code
        code = code or "bad_signature"
    return 0, known.frontier, code


def checkpoint_at(links: Sequence[bytes], size: int) -> tuple[int, bytes]:
    """Size and root of the journal's first `size` entries, for its owner to sign."""
    return size, Frontier().extend(links[:size]).root()


def check_excerpt(
    excerpt: Excerpt, verify: CheckpointVerifier, verify_attestation: AttestationVerifier
) -> tuple[bytes, Head, str]:
    """Hash, head and a code ("" = proved) of an entry outside its run: by its own signature or by an inclusion proof.

    An excerpt proves author and text, not freshness or completeness (RULINGS A11); without its body, author and digest.
    A receipt needs a proof of its header like anything else: a good cosignature in its body could be shown under any
    number.
    """
    line = excerpt.line
    if excerpt.seq < 0 or len(excerpt.prev) != 32:
        raise Malformed("malformed", "the excerpt's numbers cannot be right; fetch it again")
    head = decode_head(line.head)
    link = entry_hash(header_prefix(excerpt.journal), excerpt.seq, excerpt.prev, line_digest(line), line.head)
    if line.signature is not None and verify_attestation(excerpt.journal, link, line.signature):
        return link, head, ""
    proof = excerpt.proof
    if proof is None:
        return link, head, "bad_signature" if line.signature is not None else "unproved"
    checkpoint = proof.checkpoint
    if not verify_inclusion(link, excerpt.seq, checkpoint.size, proof.path, checkpoint.root):
        return link, head, "broken_chain"
    return link, head, "" if verify(excerpt.journal, checkpoint) else "bad_signature"
