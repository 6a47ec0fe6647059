"""One journal: what is sealed, what is believed of a run, and where an attack or an accident is cut off."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import ENTRY_BODY_BYTES_MAX, PAGE_ENTRIES_MAX, Malformed, encode
from schemas.names import Epoch, Instant, JournalId
from schemas.wire import Checkpoint, Line, Run, body_digest, decode_head, line_digest
from sync.core.journal import (
    RUN_BYTES_MAX,
    Draft,
    Tip,
    check_excerpt,
    check_run,
    checkpoint_at,
    links_of,
    seal,
    well_formed,
)
from sync.core.merkle import root_of
from tests.support.writing import (
    AT,
    CASE,
    JOURNAL,
    THIEF,
    attested_by_owner,
    by_owner,
    sign_head,
    write,
)

FIVE = write(b"one", b"two", b"three", b"four", b"five")


def changed(run: Run, position: int, line: Line) -> Run:
    lines = list(run.lines)
    lines[position] = line
    return replace(run, lines=lines)


# --- sealing ---------------------------------------------------------------


def test_an_entry_is_the_hash_of_header_bytes_that_anybody_can_lay_out() -> None:
    sealed, tip = seal(JOURNAL, Tip(), Draft("case.filed", CASE, b"body"), AT, b"s" * 8)
    header = (
        b"TBE1"
        + JOURNAL.origin.encode()
        + (1).to_bytes(4, "big")
        + b"nonce1"
        + (0).to_bytes(8, "big")
        + bytes(32)
        + sha256(b"s" * 8 + b"body").digest()
        + encode([1, AT, "case.filed", CASE])
    )
    assert sealed.hash == sha256(header).digest() == tip.hash
    assert tip.size == 1
    assert tip.frontier.root() == sha256(b"\x00" + sealed.hash).digest()


def test_a_clock_that_goes_back_changes_nothing_but_what_it_claims() -> None:
    first, tip = seal(JOURNAL, Tip(), Draft("case.filed", CASE, b"a"), AT, bytes(8))
    second, _ = seal(JOURNAL, tip, Draft("case.filed", CASE, b"b"), Instant(-5), bytes(8))
    assert (first.head.at, second.head.at) == (AT, -5)


@pytest.mark.parametrize(("body", "salt"), [(b"x" * (ENTRY_BODY_BYTES_MAX + 1), bytes(8)), (b"x", bytes(7))])
def test_nothing_impossible_is_sealed(body: bytes, salt: bytes) -> None:
    with pytest.raises(ValueError, match="wrong length"):
        seal(JOURNAL, Tip(), Draft("case.filed", CASE, body), AT, salt)


def test_the_owner_signs_the_root_of_what_stands_before_the_size() -> None:
    assert checkpoint_at(FIVE.links, 3) == (3, root_of(FIVE.links[:3]))


# --- runs that are good ---------------------------------------------------------------


def test_a_run_from_the_beginning_is_taken_whole_with_all_its_checkpoints() -> None:
    checked = check_run(FIVE.run(checkpoints=[2, 5]), Tip(), by_owner)
    assert (checked.code, checked.skip, checked.links) == ("", 0, FIVE.links)
    assert checked.tip == FIVE.tip_at(5)
    assert [checkpoint.size for checkpoint in checked.checkpoints] == [2, 5]


def test_what_overlaps_with_what_is_held_is_compared_and_skipped() -> None:
    checked = check_run(FIVE.run(1, checkpoints=[3, 5]), FIVE.tip_at(3), by_owner)
    assert (checked.code, checked.skip, checked.links) == ("", 2, FIVE.links[3:])
    assert [checkpoint.size for checkpoint in checked.checkpoints] == [5]


def test_a_run_that_begins_where_we_stand_skips_nothing() -> None:
    checked = check_run(FIVE.run(3), FIVE.tip_at(3), by_owner)
    assert (checked.code, checked.skip, len(checked.links)) == ("", 0, 2)


@pytest.mark.parametrize("stop", [3, 5])
def test_a_run_wholly_held_brings_nothing(stop: int) -> None:
    checked = check_run(FIVE.run(0, stop), FIVE.tip_at(5), by_owner)
    assert (checked.code, checked.skip, checked.links, checked.tip) == ("", stop, [], FIVE.tip_at(5))


# --- runs that are not ---------------------------------------------------------------


def test_a_run_that_begins_above_what_is_held_is_a_gap() -> None:
    checked = check_run(FIVE.run(3), FIVE.tip_at(2), by_owner)
    assert (checked.code, checked.links, checked.tip) == ("gap", [], FIVE.tip_at(2))


@pytest.mark.parametrize("position", range(5))
def test_a_changed_body_cuts_the_run_at_the_checkpoint_before_it(position: int) -> None:
    run = FIVE.run(checkpoints=[1, 2, 3, 4, 5])
    spoilt = changed(run, position, replace(run.lines[position], body=b"forged"))
    checked = check_run(spoilt, Tip(), by_owner)
    assert checked.code == "broken_chain"
    assert checked.links == FIVE.links[:position]
    assert checked.tip == FIVE.tip_at(position)


def test_entries_in_another_order_are_not_the_journal() -> None:
    run = FIVE.run()
    swapped = replace(run, lines=[run.lines[1], run.lines[0], *run.lines[2:]])
    assert check_run(swapped, Tip(), by_owner).code == "broken_chain"


def test_a_line_that_is_no_entry_cuts_the_run_like_a_changed_one() -> None:
    run = changed(FIVE.run(checkpoints=[2, 5]), 3, Line(b"\xc1", b"s" * 8, b"x"))
    checked = check_run(run, Tip(), by_owner)
    assert (checked.code, checked.links) == ("malformed", FIVE.links[:2])


@pytest.mark.parametrize("digest", [None, b"short", body_digest(FIVE.lines[2].salt, FIVE.lines[2].body or b"")])
def test_a_line_without_its_body_cuts_the_run_whatever_digest_it_carries(digest: bytes | None) -> None:
    """RULINGS B6: nothing is lawfully erased yet, and a relay erases nothing on the way."""
    bare = Line(FIVE.lines[2].head, b"", None, digest)
    checked = check_run(changed(FIVE.run(checkpoints=[2, 5]), 2, bare), Tip(), by_owner)
    assert (checked.code, checked.links) == ("incomplete", FIVE.links[:2])


def test_a_run_is_taken_up_to_the_newest_signature_that_is_the_owners() -> None:
    run = FIVE.run(checkpoints=[2, 4, 5])
    forged = replace(run, checkpoints=[run.checkpoints[0], run.checkpoints[1], FIVE.checkpoint(5, THIEF)])
    checked = check_run(forged, Tip(), by_owner)
    assert (checked.code, checked.links) == ("bad_signature", FIVE.links[:4])


def test_a_run_without_any_good_signature_brings_nothing() -> None:
    forged = replace(FIVE.run(), checkpoints=[FIVE.checkpoint(5, THIEF)])
    checked = check_run(forged, Tip(), by_owner)
    assert (checked.code, checked.links, checked.tip) == ("bad_signature", [], Tip())


def test_checkpoints_that_lie_within_what_is_held_say_nothing_new() -> None:
    run = FIVE.run(checkpoints=[2, 5])
    forged = replace(run, checkpoints=[Checkpoint(2, bytes(32), bytes(64)), run.checkpoints[1]])
    assert check_run(forged, FIVE.tip_at(3), by_owner).code == ""


def test_a_broken_root_after_a_good_one_keeps_the_good_part() -> None:
    run = FIVE.run(checkpoints=[2, 5])
    broken = replace(run, checkpoints=[run.checkpoints[0], sign_head(JOURNAL, 5, b"r" * 32)])
    checked = check_run(broken, Tip(), by_owner)
    assert (checked.code, checked.links) == ("broken_chain", FIVE.links[:2])


def test_another_branch_is_suspected_not_proved() -> None:
    """The caller looks whether the owner signed it: a relay's damage must not accuse anybody (AUDIT 1.4)."""
    other = write(b"three, otherwise", b"four", after=write(b"one", b"two"))
    assert check_run(other.run(2), FIVE.tip_at(3), by_owner).code == "fork_suspected"
    assert check_run(replace(other.run(2), prev=b"p" * 32), FIVE.tip_at(2), by_owner).code == "fork_suspected"
    shorter = write(b"one", b"two", b"3")
    assert check_run(shorter.run(), FIVE.tip_at(3), by_owner).code == "fork_suspected"


def test_a_run_damaged_below_what_is_held_is_not_compared_beyond_the_damage() -> None:
    run = changed(FIVE.run(), 1, replace(FIVE.lines[1], head=b"\xc1"))
    assert check_run(run, FIVE.tip_at(3), by_owner).code == "malformed"
    assert check_run(run, FIVE.tip_at(5), by_owner).code == "malformed"


IMPOSSIBLE = {
    "no lines": replace(FIVE.run(), lines=[]),
    "too many lines": replace(FIVE.run(), lines=FIVE.lines * 101),
    "a number below zero": replace(FIVE.run(), start=-1),
    "a hash of another length": replace(FIVE.run(), prev=b"short"),
    "no checkpoint": FIVE.run(checkpoints=[]),
    "no checkpoint at the end": replace(FIVE.run(), checkpoints=[FIVE.checkpoint(4)]),
    "checkpoints out of order": FIVE.run(checkpoints=[4, 2, 5]),
    "a checkpoint twice": FIVE.run(checkpoints=[5, 5]),
    "a checkpoint before the run": FIVE.run(2, checkpoints=[1, 5]),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_a_run_with_impossible_numbers_is_not_even_hashed(case: str) -> None:
    run = IMPOSSIBLE[case]
    assert not well_formed(run)
    assert check_run(run, Tip(), by_owner).code == "malformed"


UNFIT = {
    "a salt of another length": changed(FIVE.run(), 0, replace(FIVE.lines[0], salt=b"salt")),
    "a salt moved into the body": changed(
        FIVE.run(), 0, replace(FIVE.lines[0], salt=b"", body=FIVE.lines[0].salt + (FIVE.lines[0].body or b""))
    ),
    "a body too large": changed(FIVE.run(), 0, replace(FIVE.lines[0], body=b"x" * (ENTRY_BODY_BYTES_MAX + 1))),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_line_whose_salt_or_body_cannot_be_right_is_never_hashed(case: str) -> None:
    """The digest covers salt and body joined: were their lengths free, a relay could move bytes between the two."""
    run = UNFIT[case]
    assert links_of(run) == ([], [], "malformed")
    assert check_run(run, Tip(), by_owner).code == "malformed"
    with pytest.raises(Malformed):
        line_digest(run.lines[0])


def test_a_run_may_be_as_long_as_a_page() -> None:
    assert well_formed(replace(FIVE.run(), lines=FIVE.lines * 100, checkpoints=[FIVE.checkpoint(PAGE_ENTRIES_MAX)]))


def test_a_run_holds_no_more_than_every_relay_can_pass_on() -> None:
    largest = replace(FIVE.lines[0], body=bytes(ENTRY_BODY_BYTES_MAX))
    lines = [largest] * (RUN_BYTES_MAX // ENTRY_BODY_BYTES_MAX)
    run = replace(FIVE.run(), lines=lines, checkpoints=[FIVE.checkpoint(len(lines))])
    assert well_formed(run)
    longer = replace(run, lines=[*lines, FIVE.lines[0]], checkpoints=[FIVE.checkpoint(len(lines) + 1)])
    assert not well_formed(longer)


def test_another_journals_lines_have_other_hashes() -> None:
    other = JournalId(JOURNAL.origin, Epoch(2, b"nonce1"))
    links, heads, code = links_of(replace(FIVE.run(), epoch=other.epoch))
    assert code == ""
    assert len(heads) == 5
    assert not set(links) & set(FIVE.links)


@given(position=st.integers(0, 4), where=st.integers(0, 2**31), bit=st.integers(0, 7))
def test_no_flipped_bit_of_any_line_is_ever_believed(position: int, where: int, bit: int) -> None:
    run = FIVE.run(checkpoints=[1, 2, 3, 4, 5])
    line = run.lines[position]
    parts = [line.head, line.salt, line.body or b""]
    place = where % sum(map(len, parts))
    flat = bytearray(b"".join(parts))
    flat[place] ^= 1 << bit
    head, salt = len(line.head), len(line.salt)
    spoilt = Line(bytes(flat[:head]), bytes(flat[head : head + salt]), bytes(flat[head + salt :]))
    checked = check_run(changed(run, position, spoilt), Tip(), by_owner)
    assert checked.links == FIVE.links[:position]
    assert checked.code in ("broken_chain", "malformed")


# --- heads ---------------------------------------------------------------


def test_a_head_of_a_newer_version_keeps_its_bytes_and_is_read_as_far_as_known() -> None:
    head = encode([2, AT, "case.filed", CASE, "a newer field", {"more": 1}])
    assert decode_head(head).kind == "case.filed"
    line = Line(head, b"s" * 8, b"body")
    links, heads, code = links_of(Run(JOURNAL.origin, JOURNAL.epoch, 0, bytes(32), [line], []))
    assert (len(links), heads[0].version, code) == (1, 2, "")


@pytest.mark.parametrize(
    "head",
    [
        encode([0, AT, "case.filed", CASE]),
        encode([1, AT, "", CASE]),
        encode([1, AT, "k" * 65, CASE]),
        encode([1, AT, "case\x00filed", CASE]),
        encode([1, AT, "case.filed", b"short"]),
        encode([1, 2**53, "case.filed", CASE]),
        encode([1, -(2**53), "case.filed", CASE]),
        encode([1, AT, "case.filed"]),
        encode([1, AT, "case.filed", CASE, b"x" * 512]),
        encode("a head"),
        b"",
    ],
)
def test_what_is_not_a_head_is_refused(head: bytes) -> None:
    with pytest.raises(Malformed):
        decode_head(head)


# --- excerpts ---------------------------------------------------------------


def test_an_attested_entry_stands_alone() -> None:
    link, head, code = check_excerpt(FIVE.excerpt(2, attested=True), by_owner, attested_by_owner)
    assert (link, head.kind, code) == (FIVE.links[2], "case.filed", "")


@pytest.mark.parametrize("seq", range(5))
def test_any_entry_is_proved_by_a_path_to_a_checkpoint(seq: int) -> None:
    link, _, code = check_excerpt(FIVE.excerpt(seq, proved_at=5), by_owner, attested_by_owner)
    assert (link, code) == (FIVE.links[seq], "")


def test_a_good_proof_helps_where_the_attestation_is_bad() -> None:
    excerpt = FIVE.excerpt(2, attested=True, proved_at=5)
    spoilt = replace(excerpt, line=replace(excerpt.line, signature=bytes(64)))
    assert check_excerpt(spoilt, by_owner, attested_by_owner)[2] == ""


def test_an_excerpt_without_proof_is_unproved_and_with_a_bad_signature_bad() -> None:
    bare = FIVE.excerpt(2)
    assert check_excerpt(bare, by_owner, attested_by_owner)[2] == "unproved"
    signed = replace(bare, line=replace(bare.line, signature=bytes(64)))
    assert check_excerpt(signed, by_owner, attested_by_owner)[2] == "bad_signature"


def test_a_proof_of_another_entry_or_by_another_key_is_none() -> None:
    excerpt = FIVE.excerpt(2, proved_at=5)
    moved = replace(excerpt, seq=3)
    assert check_excerpt(moved, by_owner, attested_by_owner)[2] == "broken_chain"
    assert excerpt.proof is not None
    stolen = replace(excerpt, proof=replace(excerpt.proof, checkpoint=FIVE.checkpoint(5, THIEF)))
    assert check_excerpt(stolen, by_owner, attested_by_owner)[2] == "bad_signature"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"seq": -1}, "malformed"),
        ({"prev": b"short"}, "malformed"),
        ({"line": replace(FIVE.lines[2], salt=b"salt")}, "malformed"),
        ({"line": replace(FIVE.lines[2], body=b"x" * (ENTRY_BODY_BYTES_MAX + 1))}, "too_large"),
        ({"line": replace(FIVE.lines[2], salt=b"", body=FIVE.lines[2].salt + b"three")}, "malformed"),
        ({"line": replace(FIVE.lines[2], salt=b"", body=None)}, "incomplete"),
        ({"line": replace(FIVE.lines[2], head=b"\xc1")}, "malformed_head"),
    ],
)
def test_an_impossible_excerpt_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        check_excerpt(replace(FIVE.excerpt(2, attested=True), **change), by_owner, attested_by_owner)
    assert caught.value.code == code
