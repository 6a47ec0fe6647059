"""A claim file in the hands of somebody who trusts nobody: what each claim needs, and that nothing less is believed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from schemas.codec import encode
from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId
from schemas.wire import (
    KIND_BEACON,
    KIND_ENROLLED,
    KIND_EPOCH_OPENED,
    KIND_PINNED,
    KIND_RECEIPTED,
    KIND_REVOKED,
    KIND_WATERMARKED,
    Addressed,
    Beacon,
    Certificate,
    Enrolled,
    EpochOpened,
    JournalHead,
    Line,
    Parent,
    Pinned,
    Proof,
    Receipted,
    Revoked,
    Size,
    Watermarked,
    body_digest,
    entry_hash,
    header_prefix,
    line_digest,
)
from sync import receipts
from sync.core.journal import Tip
from sync.core.merkle import Frontier, inclusion_proof, root_of
from sync.proof.__main__ import main
from sync.proof.accusing import Accused, check_claim
from sync.proof.believing import Refused
from sync.proof.claim_file import (
    BEFORE_MAX,
    CLAIM_BYTES_MAX,
    CLAIM_MAGIC,
    STATEMENTS_MAX,
    Claim,
    ClaimFile,
    EntryStatement,
    HeadStatement,
    ReceiptStatement,
    SlipStatement,
    Statement,
    claim_from_bytes,
    claim_to_bytes,
)
from sync.proof.claim_words import OPEN, PROVED, claim_verdict
from sync.proof.claims import CLAIMS, CLOCK_MS, FORWARDING_MS, HOUR_MS, POSITIONS_MAX, SLIP_MS
from sync.proofs import without_text
from tests.support.attacks import Forged, slip_for
from tests.support.network import COUNTY, START, TOWNSHIP, VILLAGE, Network, Node, sign

DAY_MS = 24 * HOUR_MS
NETWORK = Network(TOWNSHIP, VILLAGE, real=True)
C, T, V = NETWORK[COUNTY], NETWORK[TOWNSHIP], NETWORK[VILLAGE]
CHAINS = {node.id: node.chain for node in (C, T, V)}


def journal(node: Node, ordinal: int = 1, nonce: bytes = b"nonce1") -> Forged:
    """An empty journal of a device."""
    return Forged(node, JournalId(node.id, Epoch(ordinal, nonce)), [], [], Tip())


def said(forged: Forged, kind: str, body: Struct, at: int = START) -> EntryStatement:
    """The journal goes on with a house-keeping entry, which its owner signs by itself."""
    forged.write(encode(body), at=at, kind=kind)
    return attested(forged, len(forged.lines) - 1)


def attested(forged: Forged, seq: int) -> EntryStatement:
    return EntryStatement(without_text(forged.attested(seq)))


def proved(forged: Forged, seq: int, size: int) -> EntryStatement:
    """An entry by inclusion under its owner's checkpoint."""
    excerpt = forged.attested(seq)
    checkpoint = sign(forged.owner, forged.journal, size, root_of(forged.links[:size]))
    bare = replace(excerpt.line, signature=None)
    return EntryStatement(
        without_text(replace(excerpt, line=bare, proof=Proof(checkpoint, inclusion_proof(forged.links, seq, size))))
    )


def head(forged: Forged, size: int, root: bytes | None = None, peaks: Sequence[bytes] = ()) -> HeadStatement:
    checkpoint = sign(forged.owner, forged.journal, size, root or root_of(forged.links[:size]))
    return HeadStatement(forged.journal.origin, forged.journal.epoch, checkpoint, list(peaks))


def heads_of(*sizes: tuple[Forged, int]) -> list[JournalHead]:
    return [
        JournalHead(forged.journal.origin, forged.journal.epoch, size, root_of(forged.links[:size]))
        for forged, size in sizes
    ]


def receipt_body(node: Node, at: int, *sizes: tuple[Forged, int]) -> Receipted:
    return receipts.issue(node.signer, NETWORK.root.county, node.office, Instant(at), heads_of(*sizes))


def holding(node: Node, at: int, *sizes: tuple[Forged, int]) -> ReceiptStatement:
    body = receipt_body(node, at, *sizes)
    return ReceiptStatement(body.holder, body.office, body.at // 1000, body.heads, body.signature)


def slip(forged: Forged, seq: int, at: int = START, link: bytes | None = None) -> SlipStatement:
    made = slip_for(forged.owner, forged.journal, seq, link or forged.links[seq], Instant(at))
    return SlipStatement(made.origin, made.epoch, made.seq, made.hash, made.at, made.signature)


def beacon(at: int) -> EntryStatement:
    return said(journal(C, 1, b"beacon"), KIND_BEACON, Beacon(Instant(at), 1, bytes(32)), at)


def signer_of(statement: Statement) -> NodeId:
    match statement:
        case EntryStatement():
            return statement.excerpt.origin
        case ReceiptStatement():
            return statement.holder
        case _:
            return statement.origin


def file_of(claim: str, *statements: Statement) -> bytes:
    """A claim file with just the certificates that it needs."""
    certificates: dict[str, Certificate] = {}
    for statement in statements:
        for certificate in CHAINS[signer_of(statement)]:
            certificates[certificate.enrolment.node] = certificate
    root = NETWORK.root
    return claim_to_bytes(ClaimFile(root.county, root.public_key, list(certificates.values()), claim, list(statements)))


def check(data: bytes) -> Accused:
    return check_claim(data, NETWORK.root.digest)


def code_of(data: bytes) -> str:
    with pytest.raises(Refused) as caught:
        check(data)
    assert len(caught.value.hint) > 20
    return caught.value.code


# --- good ones, of every form -----------------------------------------------------------------------------------------


def two_entries() -> bytes:
    one, other = (journal(T).write(b"same", body) for body in (b"one", b"other"))
    return file_of(Claim.EQUIVOCATION, attested(one, 1), proved(other, 1, 2))


def two_roots() -> bytes:
    one, other = (journal(T).write(b"same", body) for body in (b"one", b"other"))
    return file_of(Claim.EQUIVOCATION, head(one, 2), head(other, 2))


def chain_before(forged: Forged, start: int, seq: int, *, on_slip: bool = False) -> EntryStatement:
    excerpt = attested(forged, seq).excerpt
    if on_slip:
        excerpt = replace(excerpt, line=replace(excerpt.line, signature=None))
    before = [(line.head, body_digest(line.salt, line.body or b"")) for line in forged.lines[start:seq]]
    return EntryStatement(excerpt, forged.links[start - 1] if start else bytes(32), before)


def other_tree() -> bytes:
    chain, tree = (journal(T).write(b"same", body, b"last") for body in (b"shown", b"hidden"))
    return file_of(Claim.EQUIVOCATION, chain_before(chain, 0, 2), head(tree, 3))


def other_tree_behind_a_head() -> bytes:
    chain, tree = (journal(T).write(b"same", b"too", b"and this", body, b"last") for body in (b"shown", b"hidden"))
    base = head(chain, 3, peaks=Frontier().extend(chain.links[:3]).peaks)
    return file_of(Claim.EQUIVOCATION, chain_before(chain, 3, 4), base, head(tree, 5))


def chain_on_a_slip() -> bytes:
    chain, held = (journal(T).write(b"same", body, b"after", b"last") for body in (b"sent", b"held"))
    return file_of(Claim.EQUIVOCATION, chain_before(chain, 2, 3, on_slip=True), slip(chain, 3), proved(held, 1, 4))


def opening(former: Forged, size: int, ordinal: int = 2, nonce: bytes = b"nonce2") -> tuple[Forged, EntryStatement]:
    last = former.links[size - 1] if size else bytes(32)
    checkpoint = sign(former.owner, former.journal, size, root_of(former.links[:size]))
    parent = Parent(former.journal.epoch, size, last, checkpoint)
    forged = journal(former.owner, ordinal, nonce)
    return forged, said(forged, KIND_EPOCH_OPENED, EpochOpened(former.owner.office, parent, False, "tongban"))


def names_less() -> bytes:
    former = journal(V).write(b"one", b"two", b"three")
    return file_of(Claim.ROLLBACK, opening(former, 2)[1], head(former, 3))


def names_less_than_a_slip() -> bytes:
    former = journal(V).write(b"one", b"two", b"three")
    return file_of(Claim.ROLLBACK, opening(former, 2)[1], slip(former, 2))


def two_children() -> bytes:
    former = journal(V).write(b"one")
    return file_of(Claim.ROLLBACK, opening(former, 1)[1], opening(former, 1, nonce=b"nonce3")[1])


def withheld_up(stated_at: int = START + FORWARDING_MS, *, own: int = 2, held: int = 1) -> bytes:
    village, township = journal(V).write(b"one", b"two"), journal(T).write(b"opened")
    taken = said(township, KIND_RECEIPTED, receipt_body(T, START, (village, 2)))
    return file_of(Claim.WITHHELD_UP, taken, holding(C, stated_at, (village, held), (township, own)))


def mark(office: OfficeId, *links: bytes, at: int = START) -> EntryStatement:
    addressed = Addressed(len(links), bytes(32), b"".join(link[:8] for link in links))
    return said(
        journal(C, 1, b"marks1"),
        KIND_WATERMARKED,
        Watermarked(office, Instant(at), [], [], addressed),
        at,
    )


def pin(node: Node, at: int, missing: Sequence[bytes] = (), watermark: bytes | None = None) -> EntryStatement:
    body = Pinned(T.id, 1, bytes(32), Instant(at), None, list(missing), watermark)
    return said(journal(node, 1, b"pins11"), KIND_PINNED, body, at)


def withheld_by_its_author(missing_at: int = START + FORWARDING_MS) -> bytes:
    township = journal(T).write(b"granted", kind="case.decided")
    prefix = township.links[0][:8]
    return file_of(
        Claim.WITHHELD_DOWN, mark(VILLAGE, township.links[0]), pin(V, missing_at, [prefix]), attested(township, 0)
    )


def withheld_by_who_had_it(*, still_missing: bool = False) -> bytes:
    prefix, at = b"12345678", START + FORWARDING_MS
    above = mark(TOWNSHIP, prefix)
    shown = hash_of(above)
    missing = [prefix] if still_missing else []
    return file_of(
        Claim.WITHHELD_DOWN,
        mark(VILLAGE, prefix),
        pin(V, at, [prefix]),
        above,
        pin(T, START, missing, shown[:8]),
    )


def hash_of(statement: EntryStatement) -> bytes:
    excerpt = statement.excerpt
    prefix = header_prefix(excerpt.journal)
    return entry_hash(prefix, excerpt.seq, excerpt.prev, line_digest(excerpt.line), excerpt.line.head)


def other_entry() -> bytes:
    given, sent = (journal(V).write(b"same", body) for body in (b"given", b"sent"))
    return file_of(Claim.ORPHAN_SLIP, slip(given, 1), proved(sent, 1, 2))


def not_reached(stated_at: int = START + SLIP_MS) -> bytes:
    village = journal(V).write(b"one", b"two")
    return file_of(Claim.ORPHAN_SLIP, slip(village, 1), holding(C, stated_at, (village, 1)))


def before_beacon(claimed: int = START - CLOCK_MS - 1) -> bytes:
    township = journal(T)
    named = said(township, KIND_PINNED, Pinned(C.id, 1, bytes(32), Instant(START)))
    township.write(b"back-dated", at=claimed)
    return file_of(Claim.FALSE_TIME, named, beacon(START), attested(township, 1))


def before_beacon_in_the_next_epoch(size: int = 1) -> bytes:
    former = journal(T)
    named = said(former, KIND_PINNED, Pinned(C.id, 1, bytes(32), Instant(START)))
    former.write(b"last")
    township, opened = opening(former, size)
    township.write(b"back-dated", at=START - DAY_MS)
    return file_of(Claim.FALSE_TIME, named, beacon(START), opened, attested(township, 1))


def before_receipt() -> bytes:
    township = journal(T).write(b"honest")
    named = said(township, KIND_PINNED, Pinned(C.id, 1, bytes(32), None, Instant(START + 1)))
    township.write(b"back-dated", at=START - DAY_MS)
    return file_of(Claim.FALSE_TIME, named, holding(C, START + 1, (township, 1)), attested(township, 2))


def after_receipt(claimed: int = START + CLOCK_MS + 1) -> bytes:
    township = journal(T).write(b"one", b"post-dated", at=claimed)
    return file_of(Claim.FALSE_TIME, holding(C, START, (township, 2)), proved(township, 1, 2))


def false_enrolment(known_at: int = START + 10 * DAY_MS, at: int = START + DAY_MS) -> bytes:
    NETWORK.clock.set(at)
    certificate = NETWORK.certify(VILLAGE, NETWORK.new_signer(), T)
    enrolled = said(journal(T), KIND_ENROLLED, Enrolled(certificate), at)
    return file_of(Claim.FALSE_ENROLMENT, enrolled, pin(V, known_at), beacon(known_at))


def false_revocation(named: int = 1) -> bytes:
    village, township = journal(V).write(b"one", b"two"), journal(T)
    taken = said(township, KIND_RECEIPTED, receipt_body(T, START, (village, 2)))
    position = Size(V.id, village.journal.epoch, named)
    return file_of(Claim.FALSE_REVOCATION, taken, said(township, KIND_REVOKED, Revoked(V.id, [position], "lost")))


def county_less() -> bytes:
    village = journal(V).write(b"one", b"two")
    return file_of(Claim.COUNTY_DAMAGE, holding(C, START, (village, 2)), holding(C, START + DAY_MS, (village, 1)))


def county_other() -> bytes:
    one, other = journal(V).write(b"one"), journal(V).write(b"other")
    return file_of(Claim.COUNTY_DAMAGE, holding(C, START, (one, 1)), holding(C, START + DAY_MS, (other, 1)))


GOOD: list[tuple[Callable[[], bytes], str, str, OfficeId]] = [
    (two_entries, "equivocation", "two_entries", TOWNSHIP),
    (two_roots, "equivocation", "two_roots", TOWNSHIP),
    (other_tree, "equivocation", "other_tree", TOWNSHIP),
    (other_tree_behind_a_head, "equivocation", "other_tree", TOWNSHIP),
    (chain_on_a_slip, "equivocation", "two_entries", TOWNSHIP),
    (names_less, "rollback", "names_less", VILLAGE),
    (names_less_than_a_slip, "rollback", "names_less", VILLAGE),
    (two_children, "rollback", "two_children", VILLAGE),
    (withheld_up, "withheld_up", "", TOWNSHIP),
    (withheld_by_its_author, "withheld_down", "", TOWNSHIP),
    (withheld_by_who_had_it, "withheld_down", "", TOWNSHIP),
    (other_entry, "orphan_slip", "other_entry", VILLAGE),
    (not_reached, "orphan_slip", "not_reached", VILLAGE),
    (before_beacon, "false_time", "before_beacon", TOWNSHIP),
    (before_beacon_in_the_next_epoch, "false_time", "before_beacon", TOWNSHIP),
    (before_receipt, "false_time", "before_receipt", TOWNSHIP),
    (after_receipt, "false_time", "after_receipt", TOWNSHIP),
    (false_enrolment, "false_enrolment", "", TOWNSHIP),
    (false_revocation, "false_revocation", "", TOWNSHIP),
    (county_less, "county_damage", "less", COUNTY),
    (county_other, "county_damage", "other", COUNTY),
]
NAMES = [make.__name__ for make, *_ in GOOD]


@pytest.mark.parametrize(("make", "claim", "form", "office"), GOOD, ids=NAMES)
def test_a_good_file_proves_its_claim_in_words(make: Callable[[], bytes], claim: str, form: str, office: str) -> None:
    accused = check(make())
    assert (accused.claim, accused.form, accused.office) == (claim, form, office)
    chinese, english = claim_verdict(accused), claim_verdict(accused, english=True)
    assert chinese[0] == "证明成立。"
    assert english[0] == "The proof holds."
    assert len(chinese) == len(english) == 8
    assert any(office in line for line in english)
    assert not any("{" in line for line in [*chinese, *english])


def test_every_form_has_a_good_file_and_words() -> None:
    assert {(claim, form) for _, claim, form, _ in GOOD} == {(str(claim), form) for claim, form in PROVED}
    assert {claim for claim, _ in PROVED} == set(OPEN) == set(CLAIMS) == set(Claim)


# --- what is not believed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "claim", "form", "office"), GOOD, ids=NAMES)
def test_every_changed_byte_is_refused(make: Callable[[], bytes], claim: str, form: str, office: str) -> None:
    data = make()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        assert code_of(bytes(changed)), place


@pytest.mark.parametrize("make", [two_entries, withheld_up, withheld_by_who_had_it, chain_on_a_slip])
def test_every_shortened_and_every_lengthened_file_is_refused(make: Callable[[], bytes]) -> None:
    data = make()
    assert all(code_of(data[:length]) for length in range(len(data)))
    assert code_of(data + b"\x00") == "malformed"


@pytest.mark.parametrize(("make", "claim", "form", "office"), GOOD, ids=NAMES)
def test_every_statement_is_needed(make: Callable[[], bytes], claim: str, form: str, office: str) -> None:
    statements = claim_from_bytes(make()).statements
    for left_out in range(len(statements)):
        fewer = [one for place, one in enumerate(statements) if place != left_out]
        assert code_of(file_of(claim, *fewer)) in ("claim_fails", "too_large", "unproved")
    spare = head(journal(V, 9).write(b"beside"), 1)
    assert code_of(file_of(claim, *statements, spare)) in ("superfluous", "claim_fails")


@pytest.mark.parametrize("claim", sorted(Claim))
def test_two_honest_statements_prove_no_claim(claim: str) -> None:
    village = journal(V).write(b"one", b"two", b"three")
    assert code_of(file_of(claim, head(village, 2), proved(village, 1, 3))) == "claim_fails"
    assert code_of(file_of(claim, slip(village, 1), proved(village, 1, 3))) == "claim_fails"
    assert (
        code_of(file_of(claim, holding(C, START, (village, 2)), holding(C, START + DAY_MS, (village, 3))))
        == "claim_fails"
    )


@pytest.mark.parametrize(
    "data",
    [
        withheld_up(START + FORWARDING_MS - 1000),
        withheld_up(own=1),
        withheld_up(held=2),
        withheld_by_its_author(START + FORWARDING_MS - 1),
        withheld_by_who_had_it(still_missing=True),
        not_reached(START + SLIP_MS - 1000),
        before_beacon(START - CLOCK_MS),
        before_beacon_in_the_next_epoch(0),
        after_receipt(START + CLOCK_MS),
        false_enrolment(START + 2 * DAY_MS),
        false_enrolment(at=START - DAY_MS, known_at=START + DAY_MS),
        false_revocation(2),
    ],
    ids=lambda data: str(len(data)),
)
def test_on_the_other_side_of_the_threshold_nothing_is_proved(data: bytes) -> None:
    assert code_of(data) == "claim_fails"


def test_a_county_that_grew_and_a_device_that_went_on_prove_nothing() -> None:
    village = journal(V).write(b"one", b"two")
    assert code_of(file_of(Claim.ROLLBACK, opening(village, 2)[1], head(village, 2))) == "claim_fails"
    less_first = (holding(C, START, (village, 1)), holding(C, START + DAY_MS, (village, 2)))
    assert code_of(file_of(Claim.COUNTY_DAMAGE, *less_first)) == "claim_fails"


def test_a_townships_word_is_not_the_countys() -> None:
    village, township = journal(V).write(b"one", b"two"), journal(T)
    taken = said(township, KIND_RECEIPTED, receipt_body(T, START, (village, 2)))
    stated = holding(T, START + DAY_MS, (village, 1), (township, 1))
    assert code_of(file_of(Claim.WITHHELD_UP, taken, stated)) == "claim_fails"
    assert (
        code_of(file_of(Claim.ORPHAN_SLIP, slip(village, 1), holding(T, START + SLIP_MS, (village, 1))))
        == "claim_fails"
    )
    false_light = said(journal(T, 1, b"lamp11"), KIND_BEACON, Beacon(Instant(START), 1, bytes(32)))
    forged = journal(V)
    named = said(forged, KIND_PINNED, Pinned(C.id, 1, bytes(32), Instant(START)))
    forged.write(b"honest", at=START - DAY_MS)
    assert code_of(file_of(Claim.FALSE_TIME, named, false_light, attested(forged, 1))) == "claim_fails"


def test_a_statement_that_its_device_did_not_sign_spoils_the_file() -> None:
    one, other = (journal(T).write(b"same", body) for body in (b"one", b"other"))
    good = [attested(one, 1), attested(other, 1)]
    spoilt = replace(good[1].excerpt, line=replace(good[1].excerpt.line, signature=V.signer.sign(b"x")))
    assert code_of(file_of(Claim.EQUIVOCATION, good[0], EntryStatement(spoilt))) == "bad_signature"
    bare = replace(good[1].excerpt, line=replace(good[1].excerpt.line, signature=None))
    assert code_of(file_of(Claim.EQUIVOCATION, good[0], EntryStatement(bare))) == "unproved"
    foreign = replace(slip(one, 1), signature=V.signer.sign(b"x"))
    assert code_of(file_of(Claim.ORPHAN_SLIP, foreign, attested(other, 1))) == "bad_signature"
    stated = replace(holding(C, START, (one, 1)), time_s=START // 1000 + 1)
    assert code_of(file_of(Claim.COUNTY_DAMAGE, stated, holding(C, START, (one, 1)))) == "bad_signature"
    unsigned = replace(head(one, 2), checkpoint=replace(head(one, 2).checkpoint, size=1))
    assert code_of(file_of(Claim.EQUIVOCATION, unsigned, head(other, 2))) == "bad_signature"


def test_a_receipt_inside_an_entry_is_its_own_authors() -> None:
    """A township may write somebody else's receipt into its journal; it proves nothing there."""
    village, township = journal(V).write(b"one", b"two"), journal(T).write(b"opened")
    stolen = said(township, KIND_RECEIPTED, receipt_body(C, START, (village, 2)))
    stated = holding(C, START + FORWARDING_MS, (village, 1), (township, 2))
    assert code_of(file_of(Claim.WITHHELD_UP, stolen, stated)) == "bad_signature"


def test_a_chain_must_lead_to_the_entry_that_is_signed() -> None:
    chain = journal(T).write(b"one", b"two", b"three")
    good = chain_before(chain, 1, 2)
    tree = head(journal(T).write(b"one", b"other", b"three"), 3)
    for spoilt in (
        replace(good, start=bytes(32)),
        replace(good, before=[(good.before[0][0], bytes(32))]),
        replace(good, before=good.before * 2),
    ):
        assert code_of(file_of(Claim.EQUIVOCATION, spoilt, tree)) == "broken_chain"
    for spoilt in (
        replace(good, before=[]),
        replace(good, before=[(good.before[0][0], b"short")]),
        replace(good, before=good.before * 9),
        replace(good, start=b"short"),
    ):
        assert code_of(file_of(Claim.EQUIVOCATION, spoilt, tree)) == "malformed"


def test_a_tree_is_grown_only_from_what_was_signed() -> None:
    file = claim_from_bytes(other_tree_behind_a_head())
    entry, base, tree = file.statements
    assert isinstance(base, HeadStatement)
    for peaks in ([], base.peaks[:1], [bytes(32)] * len(base.peaks), [b"short"] * len(base.peaks)):
        data = file_of(Claim.EQUIVOCATION, entry, replace(base, peaks=peaks), tree)
        assert code_of(data) in ("malformed", "claim_fails")


def test_a_file_holds_no_text_of_a_case() -> None:
    data = two_entries()
    assert b"one" not in data
    one = journal(T).write(b"one")
    excerpt = one.attested(0)
    assert code_of(file_of(Claim.EQUIVOCATION, EntryStatement(excerpt), head(one, 1))) == "malformed"
    hidden = replace(excerpt.line, body=None, salt=b"", digest=bytes(32))
    assert (
        code_of(file_of(Claim.EQUIVOCATION, EntryStatement(replace(excerpt, line=hidden)), head(one, 1)))
        == "bad_signature"
    )
    line = attested(one, 0).excerpt.line
    assert line == Line(excerpt.line.head, b"", None, body_digest(excerpt.line.salt, b"one"), excerpt.line.signature)


def test_parts_that_prove_nothing_are_refused() -> None:
    file = claim_from_bytes(two_entries())
    village = V.chain[-1]
    assert code_of(claim_to_bytes(replace(file, certificates=[*file.certificates, village]))) == "superfluous"
    assert code_of(claim_to_bytes(replace(file, certificates=file.certificates[1:]))) == "bad_certificate"
    assert code_of(claim_to_bytes(replace(file, certificates=[]))) == "unknown_author"
    assert code_of(claim_to_bytes(replace(file, certificates=file.certificates * 20))) == "too_large"
    assert code_of(claim_to_bytes(replace(file, statements=[]))) == "too_large"
    assert code_of(claim_to_bytes(replace(file, statements=file.statements * STATEMENTS_MAX))) == "too_large"
    assert code_of(claim_to_bytes(replace(file, claim="treason"))) == "unknown_claim"
    assert code_of(CLAIM_MAGIC + bytes(CLAIM_BYTES_MAX)) == "too_large"
    assert code_of(b"GIF89a") == "not_a_proof"


def test_another_countys_root_proves_nothing() -> None:
    with pytest.raises(Refused) as caught:
        check_claim(two_entries(), Network(seed=5, real=True).root.digest)
    assert caught.value.code == "other_root"


def test_a_chain_as_long_as_any_is_checked_and_a_longer_one_refused() -> None:
    chain = journal(T).write(*(b"%d" % number for number in range(BEFORE_MAX + 2)))
    tree = journal(T).write(b"hidden")
    data = file_of(Claim.EQUIVOCATION, chain_before(chain, 1, BEFORE_MAX + 1), proved(tree, 0, 1))
    assert len(data) < CLAIM_BYTES_MAX
    assert check(data).values["seq"] == 0
    longer = chain_before(chain, 0, BEFORE_MAX + 1)
    assert code_of(file_of(Claim.EQUIVOCATION, longer, proved(tree, 0, 1))) == "malformed"


def test_the_command_takes_both_kinds_of_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "claim.proof"
    file.write_bytes(withheld_up())
    assert main([str(file), "--root", NETWORK.root.digest]) == 0
    chinese = capsys.readouterr().out
    assert TOWNSHIP in chinese
    assert "未证明：" in chinese
    assert main([str(file), "--root", NETWORK.root.digest, "--en"]) == 0
    assert "Not proved:" in capsys.readouterr().out
    file.write_bytes(withheld_up(START))
    assert main([str(file), "--root", NETWORK.root.digest]) == 1
    assert "claim_fails" in capsys.readouterr().out


def test_a_revocation_speaks_for_what_it_leaves_out_only_when_it_is_whole() -> None:
    """A device with very many journals is revoked by several entries, one behind the other."""
    village = journal(V).write(b"one", b"two")
    position = Size(V.id, Epoch(9, b"others"), 1)

    def revoked(*pieces: list[Size]) -> bytes:
        township = journal(T)
        taken = said(township, KIND_RECEIPTED, receipt_body(T, START, (village, 2)))
        for piece in pieces:
            said(township, KIND_REVOKED, Revoked(V.id, piece, "lost"))
        last = len(township.lines) - 1
        house_keeping = chain_before(township, last - 1, last)
        return file_of(Claim.FALSE_REVOCATION, taken, house_keeping)

    assert check(revoked([position])).values["named"] == 0
    assert code_of(revoked([position], [position])) == "claim_fails"
    assert code_of(revoked([position] * POSITIONS_MAX)) == "claim_fails"
    bare = claim_from_bytes(revoked([position]))
    cut = [replace(one, before=[], start=b"") for one in bare.statements if isinstance(one, EntryStatement)]
    assert code_of(claim_to_bytes(replace(bare, statements=cut))) == "claim_fails"
