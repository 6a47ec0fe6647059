"""Golden bytes of everything that travels on the line or is signed, and the worked example of `sync/PROTOCOL.md`.

Write all again, after a change that is meant, with

    python -m tests.golden.wire

and look at the difference: a changed line in `wire.json` means that older nodes read, hash or sign other bytes than
before. Everything follows from four fixed keys; Ed25519 signatures are deterministic (RFC 8032).
"""

import json
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from schemas import codec, names, papers
from schemas.codec import encode
from schemas.names import Epoch, JournalId, OfficeId
from schemas.wire import (
    KIND_BEACON,
    KIND_COUNTERSIGNED,
    KIND_ENROLLED,
    KIND_EPOCH_OPENED,
    KIND_ERASED,
    KIND_PINNED,
    KIND_RECEIPTED,
    KIND_RECOVERY_DEPOSITED,
    KIND_RELEASED,
    KIND_REVOKED,
    KIND_WATERMARKED,
    ZERO_HASH,
    Addressed,
    Answer,
    Beacon,
    Certificate,
    Countersigned,
    Cursor,
    Enrolled,
    Enrolment,
    EpochOpened,
    Erased,
    ErasedEntry,
    Excerpt,
    JournalHead,
    Lane,
    Line,
    Page,
    Parent,
    Pinned,
    ProvedHead,
    Receipted,
    RecoveryDeposited,
    Refusal,
    Released,
    Revoked,
    Size,
    Stretch,
    Want,
    Watermarked,
    attestation,
    encode_head,
    enrolment_message,
    entry_hash,
    header_prefix,
    line_digest,
)
from sync import exchange, frame, http, ledger, receipts, recovery, reenrolling, session, stating
from sync.core import journal, link, note
from sync.core.identity import root_digest
from sync.core.journal import Draft
from sync.core.merkle import inclusion_proofs, root_of
from sync.core.receipt import receipt_message
from sync.core.slip import slip_message
from sync.housekeeping import encode_pin
from sync.keys import Ed25519Key, Ed25519Signer
from sync.proof import file as proof_file
from sync.proof.claim_file import CLAIM_MAGIC, Claim, ClaimFile, EntryStatement, HeadStatement, SlipStatement
from sync.proof.file import Holding, ProofFile
from sync.proofs import without_text
from sync.watermarks import prefixes_in, run_over
from tests.support.writing import AT, CASE, COUNTY_NAME, DEVICE, JOURNAL, VILLAGE, Written, sign_head, write_drafts

FOLDER: Final = Path(__file__).parent
WIRE_FILE: Final = FOLDER / "wire.json"
PROTOCOL_FILE: Final = FOLDER.parents[1] / "sync" / "PROTOCOL.md"

COUNTY: Final = OfficeId("510824")
TOWNSHIP: Final = OfficeId("510824100")
ROOT: Final = Ed25519Key(b"r" * 32)
ABOVE: Final = Ed25519Signer.create(b"a" * 32 + b"b" * 32)
COUNTY_DEVICE: Final = Ed25519Signer.create(b"d" * 32 + b"e" * 32)

THEIRS: Final = Epoch(7, b"theirs")


def chain() -> list[Certificate]:
    """County by the root, township by the county, village by the township."""
    enrolments = [
        (COUNTY_DEVICE, COUNTY, None, ROOT),
        (ABOVE, TOWNSHIP, COUNTY_DEVICE, COUNTY_DEVICE),
        (DEVICE, VILLAGE, ABOVE, ABOVE),
    ]
    certificates: list[Certificate] = []
    for signer, office, issuer, key in enrolments:
        keys = signer.public_keys
        above = issuer.node if issuer else None
        enrolment = Enrolment(COUNTY_NAME, signer.node, office, keys.log, keys.cosigner, above, AT)
        certificates.append(Certificate(enrolment, key.sign(enrolment_message(enrolment))))
    return certificates


def journal_of_three() -> Written:
    """An opening and two filings, as the village's first start wrote them."""
    opened = Draft(KIND_EPOCH_OPENED, None, encode(EpochOpened(VILLAGE, None, False, "tongban")))
    return write_drafts(opened, Draft("case.filed", CASE, b"one"), Draft("case.filed", CASE, b"two"))


def receipt() -> Receipted:
    """The township's receipt for the three entries."""
    written = journal_of_three()
    head = JournalHead(DEVICE.node, JOURNAL.epoch, 3, written.checkpoint(3).root)
    return receipts.issue(ABOVE, COUNTY_NAME, TOWNSHIP, AT, [head])


def bodies() -> dict[str, Struct]:
    """One body of every house-keeping kind, every field filled."""
    written = journal_of_three()
    tip = written.links[-1]
    checkpoint = written.checkpoint(3)
    return {
        KIND_EPOCH_OPENED: EpochOpened(VILLAGE, Parent(JOURNAL.epoch, 3, tip, checkpoint), True, "tongban"),
        KIND_RECEIPTED: receipt(),
        KIND_PINNED: Pinned(ABOVE.node, 2, tip, AT),
        KIND_BEACON: Beacon(AT, 4, checkpoint.root),
        KIND_ENROLLED: Enrolled(chain()[-1]),
        KIND_COUNTERSIGNED: Countersigned(DEVICE.node),
        KIND_REVOKED: Revoked(DEVICE.node, [Size(DEVICE.node, JOURNAL.epoch, 3)], "lost"),
        KIND_RELEASED: Released(DEVICE.node, JOURNAL.epoch, 2, tip),
        KIND_ERASED: Erased(
            CASE,
            [ErasedEntry(DEVICE.node, JOURNAL.epoch, 1, written.links[1])],
            "保管期限届满",
            "510824/zhang",
            b"residue",
            "510824/li",
            [VILLAGE],
        ),
        KIND_RECOVERY_DEPOSITED: RecoveryDeposited(ABOVE.node, bytes(range(8)), b"sealed"),
        KIND_WATERMARKED: watermark(),
    }


def watermark() -> Watermarked:
    """What the county holds of the township, of the village below it, and what went to the township."""
    written = journal_of_three()
    mine = JournalHead(ABOVE.node, THEIRS, 6, written.links[0])
    below = JournalHead(DEVICE.node, JOURNAL.epoch, 3, written.checkpoint(3).root)
    _, (path,) = inclusion_proofs([encode(mine), encode(below)], [0])
    listed = written.links[1][:8] + written.links[2][:8]
    addressed = Addressed(2, run_over(bytes(32), prefixes_in(listed)), listed)
    return Watermarked(TOWNSHIP, AT, [ProvedHead(mine, 0, path)], [below], addressed)


def pin_with_watermark() -> Pinned:
    """The pin of a beacon by a device that knows what was addressed to it, and lacks one entry."""
    tip = journal_of_three().links[-1]
    return Pinned(ABOVE.node, 2, tip, AT, AT, [tip[:8]], tip[:8])


def page_up() -> Page:
    """What the village says first: who it is, what it holds, and its whole journal."""
    run = journal_of_three().run(checkpoints=[1, 3])
    return Page(
        sender=DEVICE.node,
        receiver=ABOVE.node,
        epoch=JOURNAL.epoch,
        echo=None,
        cursors=[],
        statement=1,
        seen=0,
        full=True,
        sizes=[],
        stretches=[Stretch(Lane.RUNS, JOURNAL.epoch, 1, 3, [run], [])],
        wants=[],
        answers=[],
        more=False,
    )


def receipt_entry() -> Excerpt:
    """The township's receipt as an entry of its own journal, attested, on its way down."""
    theirs = JournalId(ABOVE.node, THEIRS)
    line = Line(encode_head(AT, KIND_RECEIPTED, None), bytes(names.SALT_BYTES), encode(receipt()))
    prev = journal_of_three().links[0]
    hashed = entry_hash(header_prefix(theirs), 5, prev, line_digest(line), line.head)
    return Excerpt(ABOVE.node, THEIRS, 5, prev, replace(line, signature=ABOVE.sign(attestation(hashed))))


def page_down() -> Page:
    """What the township answers: its cursor, what it holds, and its receipt as an attested excerpt."""
    return Page(
        sender=ABOVE.node,
        receiver=DEVICE.node,
        epoch=THEIRS,
        echo=JOURNAL.epoch,
        cursors=[Cursor(Lane.RUNS, JOURNAL.epoch, 3)],
        statement=1,
        seen=1,
        full=True,
        sizes=[Size(DEVICE.node, JOURNAL.epoch, 3)],
        stretches=[Stretch(Lane.EXCERPTS, THEIRS, 1, 1, [], [receipt_entry()])],
        wants=[],
        answers=[],
        more=False,
    )


def page_with_everything() -> Page:
    """A want, an answer with a run, one with excerpts, one with neither, an erased body, an excerpt with a proof."""
    written = journal_of_three()
    filed = written.lines[1]
    erased = Line(filed.head, b"", None, line_digest(filed))
    run = replace(written.run(1), lines=[erased, written.lines[2]])
    want = Want(DEVICE.node, JOURNAL.epoch, 1, 3)
    answers = [Answer(want, run, []), Answer(want, None, [written.excerpt(2, proved_at=3)]), Answer(want, None, [])]
    return replace(page_down(), echo=None, wants=[want], answers=answers, more=True)


def page_with_digests() -> Page:
    """The village's hundredth start: its older journals in one digest; the township's own are to be listed again."""
    before = {Epoch(1, b"nonce1"): 3, Epoch(2, b"nonce2"): 2}
    settled = stating.in_digest(DEVICE.node, 95, before)
    return replace(page_up(), stretches=[], settled=[settled], unsettled=[ABOVE.node])


def claim() -> ClaimFile:
    """That the village signed a root over other entries than the chain that its slip ends."""
    written = journal_of_three()
    before = [(line.head, line_digest(line)) for line in written.lines[:2]]
    last = EntryStatement(without_text(written.excerpt(2)), ZERO_HASH, before)
    message = slip_message(COUNTY_NAME, VILLAGE, JOURNAL, 2, written.links[2], AT)
    slip = SlipStatement(JOURNAL.origin, JOURNAL.epoch, 2, written.links[2], AT, DEVICE.sign(message))
    tree = HeadStatement(JOURNAL.origin, JOURNAL.epoch, sign_head(JOURNAL, 3, root_of(written.links[::-1])))
    return ClaimFile(COUNTY_NAME, ROOT.public_key, chain(), Claim.EQUIVOCATION, [last, slip, tree])


def messages() -> dict[str, Struct]:
    """One of every message, by name."""
    written = journal_of_three()
    nonce = bytes(range(32))
    terms = session.Terms(DEVICE.node, ABOVE.node, nonce, nonce[::-1], b"")
    hello = session.Hello(DEVICE.node, root_digest(ROOT.public_key), nonce)
    challenge = session.Challenge(
        ABOVE.node, nonce[::-1], b"", ROOT.public_key, chain()[:2], ABOVE.sign(session.CHALLENGE_TITLE + encode(terms))
    )
    answer = session.Answer(DEVICE.node, nonce, nonce[::-1], DEVICE.sign(session.ANSWER_TITLE + encode(terms)))
    leaf = written.excerpt(1, proved_at=3)
    assert leaf.proof is not None
    held = receipt()
    holding = Holding(ABOVE.node, TOWNSHIP, AT // 1000, held.heads, held.signature, 0, leaf.proof.path)
    return {
        "checkpoint": written.checkpoint(3),
        "run": written.run(checkpoints=[1, 3]),
        "excerpt attested": written.excerpt(1, attested=True),
        "excerpt with proof": leaf,
        "certificate": chain()[-1],
        "page up": page_up(),
        "page down": page_down(),
        "page with everything": page_with_everything(),
        "page with digests": page_with_digests(),
        "preface": frame.preface_of(page_up()),
        "preface overlapping": frame.preface_of(page_up(), overlaps=True),
        "refusal": Refusal("gap", "send from the stated cursor", [Cursor(Lane.RUNS, JOURNAL.epoch, 3)], 0),
        "session hello": hello,
        "session challenge": challenge,
        "session answer": answer,
        "session token": session.Token(nonce, 43_200),
        "session terms": terms,
        "proof file": ProofFile(COUNTY_NAME, ROOT.public_key, chain(), leaf, [holding]),
        "claim file": claim(),
        **{f"body {kind}": body for kind, body in bodies().items()},
        "body line.pinned with a watermark": pin_with_watermark(),
    }


def encoded(message: Struct) -> bytes:
    """A message as it travels."""
    if isinstance(message, Pinned):
        return encode_pin(message)
    return frame.encode_page(message) if isinstance(message, Page) else encode(message)


def header_of(written: Written, seq: int) -> bytes:
    """The header bytes of an entry, laid out by hand: what its hash is taken over."""
    prev = written.links[seq - 1] if seq else ZERO_HASH
    line = written.lines[seq]
    return header_prefix(JOURNAL) + seq.to_bytes(8, "big") + prev + line_digest(line) + line.head


def signed() -> dict[str, bytes]:
    """Everything that is hashed or signed, by name, as bytes."""
    written = journal_of_three()
    head = receipt().heads
    return {
        "head": written.lines[1].head,
        "header": header_of(written, 1),
        "entry hash": written.links[1],
        "tree root of three": written.checkpoint(3).root,
        "signed by attestation": attestation(written.links[1]),
        "signed by checkpoint": checkpoint_text().encode(),
        "signed by enrolment": enrolment_message(chain()[-1].enrolment),
        "signed by receipt": receipt_message(COUNTY_NAME, ABOVE.node, TOWNSHIP, AT // 1000, head),
        "signed by slip": slip_message(COUNTY_NAME, VILLAGE, JOURNAL, 2, written.links[2], AT),
        "proof file header": proof_file.MAGIC,
        "claim file header": CLAIM_MAGIC,
        "frame header": frame.pack(page_up())[:7],
        "frame header of an answer": frame.pack(page_down(), answer=True)[:7],
    }


def checkpoint_text() -> str:
    """What is signed in a checkpoint of the journal's three entries."""
    origin = note.origin_line(COUNTY_NAME, VILLAGE, JOURNAL)
    return note.checkpoint_text(origin, 3, journal_of_three().checkpoint(3).root)


def checkpoint_note() -> str:
    """The same as a whole C2SP note, for witnesses and other programs."""
    key = note.VerifierKey(note.origin_line(COUNTY_NAME, VILLAGE, JOURNAL), note.ED25519, DEVICE.public_keys.log)
    return note.format_note(checkpoint_text(), [note.signature_line(key, journal_of_three().checkpoint(3).signature)])


def wire_text() -> str:
    """`wire.json`: messages and signed bytes in hexadecimal, texts as they are."""
    content = {
        "messages": {name: encoded(message).hex() for name, message in messages().items()},
        "signed": {name: value.hex() for name, value in signed().items()},
        "texts": {"checkpoint note": checkpoint_note(), "root digest": root_digest(ROOT.public_key)},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


# --- what PROTOCOL.md takes from here --------------------------------------------------------------------------------


def _hex(data: bytes, width: int = 32) -> str:
    return "\n".join(data[at : at + width].hex() for at in range(0, len(data), width))


def example_text() -> str:
    """The worked example: one entry taken apart, then a village's first page and the township's answer."""
    written = journal_of_three()
    line = written.lines[1]
    parts = [
        ("magic", b"TBE1"),
        ("origin (ASCII)", DEVICE.node.encode()),
        ("epoch ordinal", (1).to_bytes(4, "big")),
        ("epoch nonce", JOURNAL.epoch.nonce),
        ("seq", (1).to_bytes(8, "big")),
        ("prev", written.links[0]),
        ("digest = SHA-256(salt ‖ body)", line_digest(line)),
        ("head", line.head),
    ]
    assert b"".join(value for _, value in parts) == header_of(written, 1)
    rows = [f"| {name} | `{value.hex()}` |" for name, value in parts]
    blocks = [
        ("The entry's salt and body", _hex(line.salt) + "\n" + _hex(line.body or b"")),
        ("Its hash, SHA-256 of the header", _hex(written.links[1])),
        ("Text of the checkpoint over the first three entries", checkpoint_text()),
        ("The village's page (MessagePack, before compression)", _hex(encoded(page_up()))),
        ("The preface before it", _hex(encode(frame.preface_of(page_up())))),
        ("The township's answer", _hex(encoded(page_down()))),
        ("What the cosignature in its receipt covers", receipt_text()),
    ]
    fenced = [f"{title}:\n\n```\n{text.rstrip()}\n```\n" for title, text in blocks]
    return "\n".join(["| header part | bytes |", "|---|---|", *rows, "", *fenced])


def receipt_text() -> str:
    """The cosigned text of the receipt."""
    return receipt_message(COUNTY_NAME, ABOVE.node, TOWNSHIP, AT // 1000, receipt().heads).decode()


LIMITS: Final[list[tuple[str, int, str]]] = [
    ("body of an entry, bytes", codec.ENTRY_BODY_BYTES_MAX, "a long filing is 2 KiB; papers travel apart"),
    ("head of an entry, bytes", codec.HEAD_BYTES_MAX, "about 40 today; room for newer fields"),
    ("entries in a page, as the sender aims", codec.PAGE_ENTRIES_MAX, "beyond it one commit gains nothing"),
    ("entries in a stretch, as the receiver takes", ledger.STRETCH_ENTRIES_MAX, "a page and the rest of a segment"),
    ("bodies in a run, bytes", journal.RUN_BYTES_MAX, "twice an ordinary page; every relay can pass it on"),
    ("stretches, wants or answers in a page", frame.PARTS_MAX, "eight times what is ever sent"),
    (
        "cursors, sizes or devices stated in a page",
        link.STATED_MAX,
        "forty villages that start daily for thirteen years",
    ),
    ("page as MessagePack, bytes", codec.PAGE_BYTES_MAX, "against bombs; ordinary pages are 250 KiB"),
    ("frame, bytes", codec.PAGE_COMPRESSED_BYTES_MAX, "senders aim at 64 KiB; one large segment may be more"),
    ("preface, bytes", frame.PREFACE_BYTES_MAX, "60 bytes for each stretch"),
    ("window of a zstd frame, bytes", frame.WINDOW_BYTES_MAX, "twice the largest page"),
    ("any other message, bytes", http.MESSAGE_BYTES_MAX, "a challenge carries a chain of certificates"),
    ("wants in a page, as the sender states", recovery.WANTS_PER_PAGE_MAX, "more than one answer can carry"),
    ("journals of a device stated one by one", link.RECENT_EPOCHS, "a week of daily starts; older ones in a digest"),
    ("older journals listed in a page, as the sender aims", stating.LISTED_MAX, "92 KB; those of one device at least"),
    ("journals in a receipt", receipts.RECEIPT_HEADS_MAX, "they fit one entry; more go in several"),
    ("entries listed in a watermark", codec.WATERMARK_ADDRESSED_MAX, "12 KB; more follow on the next days"),
    ("a seat's own journals in a watermark", codec.WATERMARK_HEADS_MAX, "1.2 KB each; one a start"),
    ("journals below it in a watermark", codec.WATERMARK_BELOW_MAX, "forty villages that start three times a day"),
    ("hashes of a path in a watermark", codec.WATERMARK_PATH_MAX, "2³² journals"),
    ("missing entries in a pin", codec.MISSING_STATED_MAX, "0.6 KB; the next pin says more"),
    ("entries between two checkpoints", journal.CHECKPOINT_ENTRIES_MAX, "a relay cuts there"),
    ("bodies between two checkpoints, bytes", journal.CHECKPOINT_BYTES_MAX, "6 s on a line of 20 kbit/s"),
    ("pages in flight", link.WINDOW_PAGES_MAX, "hides the latency of a 600 ms line"),
    ("pages of one device waiting at the door", exchange.WAITING_PER_NODE_MAX, "twice the widest window"),
    (
        "certificates in a chain shown in a session",
        session.CHAIN_LENGTH_MAX,
        "three tiers, replaced devices among them",
    ),
    (
        "former devices in a request to enrol",
        reenrolling.FORMER_MAX,
        "lost one after another, their office silent all the while",
    ),
    (
        "journals named of one former device",
        reenrolling.FORMER_POSITIONS_MAX,
        "two months of daily starts; four such fit one message",
    ),
    ("paper, bytes", papers.PAPER_BYTES_MAX, "an hour and a quarter at 20 kbit/s"),
    ("piece of a paper, bytes", papers.PIECE_BYTES_MAX, "two seconds at 128 kbit/s"),
    ("message about papers, bytes", papers.PAPER_PAGE_BYTES_MAX, "a piece of 32 KiB, wants and answers"),
    ("wants, offers or answers in a message about papers", papers.PAPER_WANTS_MAX, "one is served at a time"),
    ("sequence number, size, cursor", names.NUMBER_MAX, "safe in every database"),
]


def limits_text() -> str:
    """The table of limits."""
    rows = [f"| {what} | {limit:,} | {why} |" for what, limit, why in LIMITS]
    return "\n".join(["| of what | at most | because |", "|---|---|---|", *rows])


def sections() -> dict[str, str]:
    """Generated parts of PROTOCOL.md by the name in their markers."""
    return {"example": example_text(), "limits": limits_text()}


def with_sections(document: str) -> str:
    """The document with its generated parts as they should be."""
    for name, text in sections().items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, _, rest = document.partition(begin)
        _, _, after = rest.partition(end)
        document = f"{before}{begin}\n{text.strip()}\n\n{end}{after}"
    return document


if __name__ == "__main__":
    WIRE_FILE.write_text(wire_text(), encoding="utf-8")
    PROTOCOL_FILE.write_text(with_sections(PROTOCOL_FILE.read_text(encoding="utf-8")), encoding="utf-8")
