"""The demo's verdict, reached from the stores alone: nothing lost, nothing doubled, chains whole, tables as refolded.

The chain, the tree and the counting are written here once more from the wire format's description (`schemas.wire`),
with hashlib and nothing of `sync.core`: two people who make the same mistake find nothing. Signatures are not checked
here; `verify` of each node does that. Next: `demo_county`, which runs both.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct, field

from deploy.demo_scenario import BY_KEY, EDITION, PLACES, Story
from deploy.demo_stores import Peek, meant_for
from deploy.demo_stories import STORIES
from office.seeds import load_catalogue
from schemas.casework.casefile import CaseFile
from schemas.casework.events import Act, CaseEvent, CaseFiled, CaseReceived, RosterAdded, decode_event
from schemas.casework.fold import Item, fold
from schemas.casework.regimes import regime_of
from schemas.casework.visibility import readers
from schemas.codec import decode
from schemas.headed import EntryHeader
from schemas.names import CaseId, Epoch, NodeId
from sync.ports import Sealer

COUNTY: Final = "hub"
EXPECTED: Final = frozenset({"rollback", "rolled_back"})
"""Findings that the restored backup must cause; every other one is a fault."""
BESIDE: Final = frozenset({CaseReceived.kind, RosterAdded.kind})
"""Entries that no officer was told of: what a node notes by itself, and the rows of a list beside its filing."""


class Told(Struct, frozen=True):
    """What an officer was told had been written: the demo's own memory, held against the stores at the end."""

    story: str
    place: str
    case: bytes
    kind: str
    operation: bytes
    """Empty for a list of persons, which is sent without one."""


class Verdict(Struct):
    """What the checks found. `faults` says each in words; empty = all is well."""

    lost: int = 0
    doubled: int = 0
    quarantined: int = 0
    """Entries set aside at any node: none of the sample cases breaks a rule."""
    entries: int = 0
    """In the county's store."""
    receipts: int = 0
    published: int = 0
    """Statements of the register, by whichever office, that the county and whoever they are meant for hold."""
    tables_equal_refold: bool = True
    chains_verified: bool = True
    outcomes: dict[str, str] = field(default_factory=dict[str, str])
    """Story → how its case ended, as the county has it."""
    numbers: dict[str, str] = field(default_factory=dict[str, str])
    """Story → the number on its slip."""
    regimes: dict[str, int] = field(default_factory=dict[str, int])
    """How its cases were handled → how many."""
    on_lists: int = 0
    """Persons on lists, as the county has them."""
    faults: list[str] = field(default_factory=list[str])


class Row(Struct, frozen=True):
    """One entry as a store has it, its body opened."""

    origin: str
    ordinal: int
    nonce: bytes
    seq: int
    at: int
    kind: str
    subject: bytes | None
    head: bytes
    salt: bytes
    body: bytes | None
    digest: bytes | None
    hash: bytes
    prev: bytes | None
    loose: int


class Shelf:
    """Everything of one node that the checks look at, read once."""

    def __init__(self, key: str, peek: Peek, sealer: Sealer) -> None:
        self.key = key
        self.published = peek.published()
        with peek.open() as connection:
            self.rows = [_row(row, sealer) for row in connection.execute(_ENTRIES)]
            self.files = {
                bytes(subject): decode(sealer.open(name, file), CaseFile)
                for subject, name, file in connection.execute("SELECT subject, name, file FROM cases")
            }
            self.heads = list(connection.execute("SELECT origin, ordinal, nonce, size, tip, wanted FROM journals"))
            self.roots = list(
                connection.execute(
                    "SELECT origin, ordinal, nonce, c.size, root FROM checkpoints c JOIN journals ON key = journal "
                    "WHERE c.size <= journals.size"
                )
            )
            self.uneven = [
                neighbour
                for (neighbour,) in connection.execute(
                    "SELECT neighbour FROM inlets WHERE number <> admitted + refused + duplicate"
                )
            ]
            self.findings = [(code, seq) for code, seq in connection.execute("SELECT code, seq FROM evidence")]
            self.set_aside = list(connection.execute("SELECT state, code FROM dispositions"))
            self.signed_for: dict[tuple[str, int, bytes], int] = {
                (origin, ordinal, nonce): size
                for origin, ordinal, nonce, size in connection.execute(
                    "SELECT origin, ordinal, nonce, size FROM receipts WHERE length(office) = 6"
                )
            }

    def items_of(self, case: bytes) -> list[Item]:
        """The entries of a case, decoded, as the fold takes them."""
        return [
            (decode_event(row.kind, row.body or b""), _header(row))
            for row in self.rows
            if row.subject == case and not row.kind.startswith("line.")
        ]


_ENTRIES: Final = (
    "SELECT origin, ordinal, nonce, seq, at, kind, subject, head, salt, body, digest, hash, prev, loose "
    "FROM entries JOIN journals ON key = journal ORDER BY journal, seq"
)


def _row(row: sqlite3.Row, sealer: Sealer) -> Row:
    """Bodies lie sealed under their entry's hash."""
    values: list[Any] = list(row)
    values[9] = sealer.open(values[11], values[9]) if values[9] is not None else None
    return Row(*values)


def _header(row: Row) -> EntryHeader:
    case = CaseId(row.subject) if row.subject is not None else None
    return EntryHeader(
        NodeId(row.origin),
        Epoch(row.ordinal, row.nonce),
        row.seq,
        row.at,  # pyright: ignore[reportArgumentType]
        row.kind,
        case,
        row.hash,
    )


def judge(shelves: Sequence[Shelf], told: Sequence[Told]) -> Verdict:
    """Hold what was told against what is there. Never raises for a difference: it is the verdict."""
    verdict = Verdict()
    by_key = {shelf.key: shelf for shelf in shelves}
    county = by_key[COUNTY]
    verdict.entries = len(county.rows)
    verdict.published = len(county.published)
    verdict.receipts = sum(row.kind == "line.receipted" for row in county.rows)
    for shelf in shelves:
        _check_chains(shelf, verdict)
        _check_tables(shelf, verdict)
        if shelf.published.keys() != meant_for(BY_KEY[shelf.key].office, county.published):
            verdict.faults.append(f"{shelf.key}: it does not hold what the county and its line have published")
        verdict.quarantined += len(shelf.set_aside)
        verdict.faults += [f"{shelf.key}: an entry is set aside as {state} ({code})" for state, code in shelf.set_aside]
        verdict.faults += [
            f"{shelf.key}: it found «{code}» at entry {seq}" for code, seq in shelf.findings if code not in EXPECTED
        ]
        # RULINGS A16: every number of every stream is accounted for.
        verdict.faults += [f"{shelf.key}: what came from {neighbour} does not add up" for neighbour in shelf.uneven]
        if shelf.key != COUNTY:
            _check_receipts(shelf, verdict)
    _check_told(county, told, verdict)
    for story in STORIES:
        _check_story(story, [each for each in told if each.story == story.key], by_key, verdict)
    return verdict


# --- chains and trees -------------------------------------------------------------------------------------------------


def _check_chains(shelf: Shelf, verdict: Verdict) -> None:
    """Every entry's hash from its own bytes, every journal without a gap, every checkpoint's root (RFC 6962)."""
    runs: dict[tuple[str, int, bytes], list[bytes]] = {}
    for row in shelf.rows:
        leaves = runs.setdefault((row.origin, row.ordinal, row.nonce), [])
        previous = row.prev if row.loose else (leaves[-1] if leaves else bytes(32))
        if previous is None or _hash_of(row, previous) != row.hash:
            _break_chain(verdict, f"{shelf.key}: {row.origin}/{row.ordinal} entry {row.seq} does not have its hash")
            return
        if not row.loose:
            if row.seq != len(leaves):
                _break_chain(verdict, f"{shelf.key}: {row.origin}/{row.ordinal} has a hole before entry {row.seq}")
                return
            leaves.append(row.hash)
    for origin, ordinal, nonce, size, tip, _ in shelf.heads:
        leaves = runs.get((origin, ordinal, nonce), [])
        if len(leaves) != size or (size and leaves[-1] != tip):
            _break_chain(verdict, f"{shelf.key}: {origin}/{ordinal} does not end where its head says")
    for origin, ordinal, nonce, size, root in shelf.roots:
        if root_of(runs.get((origin, ordinal, nonce), [])[:size]) != root:
            _break_chain(verdict, f"{shelf.key}: {origin}/{ordinal} checkpoint {size} has another root")


def _break_chain(verdict: Verdict, fault: str) -> None:
    verdict.chains_verified = False
    verdict.faults.append(fault)


def _hash_of(row: Row, previous: bytes) -> bytes:
    digest = hashlib.sha256(row.salt + row.body).digest() if row.body is not None else (row.digest or b"")
    header = b"TBE1" + row.origin.encode() + row.ordinal.to_bytes(4, "big") + row.nonce
    return hashlib.sha256(header + row.seq.to_bytes(8, "big") + previous + digest + row.head).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962 section 2.1, straight from its definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


# --- tables, receipts -------------------------------------------------------------------------------------------------


def _check_tables(shelf: Shelf, verdict: Verdict) -> None:
    """The case table equals a fold of the entries, case by case, in both directions."""
    about = {row.subject for row in shelf.rows if row.subject is not None}
    wrong = about ^ shelf.files.keys()
    wrong |= {case for case in about & shelf.files.keys() if fold(shelf.items_of(case)) != shelf.files[case]}
    if wrong:
        verdict.tables_equal_refold = False
        verdict.faults.append(f"{shelf.key}: {len(wrong)} cases are not in the table as their entries fold")


def _check_receipts(shelf: Shelf, verdict: Verdict) -> None:
    """The county has signed for every case entry that this node wrote, and the node has that receipt."""
    own = next(place.office for place in PLACES if place.key == shelf.key)
    missing = 0
    for row in shelf.rows:
        if row.loose or row.subject is None or row.body is None:
            continue
        if decode_event(row.kind, row.body).office.partition(".")[0] != own:
            continue
        missing += shelf.signed_for.get((row.origin, row.ordinal, row.nonce), 0) <= row.seq
    if missing:
        verdict.faults.append(f"{shelf.key}: {missing} of its entries have no receipt of the county")


# --- cases ------------------------------------------------------------------------------------------------------------


def _check_told(county: Shelf, told: Sequence[Told], verdict: Verdict) -> None:
    """Every act that an officer was told of is at the county once, and of officers nothing else is."""
    held = Counter(
        _name_of(row.subject, decode_event(row.kind, row.body))
        for row in county.rows
        if row.subject is not None and row.body is not None and row.kind not in BESIDE
    )
    expected = {each.operation or each.case for each in told}
    verdict.lost = len(expected - held.keys())
    verdict.doubled = sum(times - 1 for times in held.values()) + len(held.keys() - expected)
    if verdict.lost or verdict.doubled:
        verdict.faults.append(f"the county misses {verdict.lost} acts and has {verdict.doubled} too many")


def _name_of(case: bytes, event: CaseEvent) -> bytes:
    """By what an act is known: its operation, but for the filing of a list, which makes one from its rows."""
    return case if isinstance(event, CaseFiled) and event.roster is not None else event.operation


def _check_story(story: Story, told: Sequence[Told], shelves: dict[str, Shelf], verdict: Verdict) -> None:
    """The case stands the same at every office that reads it, each of which has every entry of it."""
    cases = {each.case for each in told}
    file = shelves[COUNTY].files.get(next(iter(cases))) if len(cases) == 1 else None
    if file is None:
        verdict.outcomes[story.key] = "missing"
        verdict.faults.append(f"case {story.key}: the county does not have it as one case")
        return
    verdict.outcomes[story.key] = file.stage.value
    _note_handling(story, file, verdict)
    acts = sum(isinstance(event, Act) for event, _ in shelves[COUNTY].items_of(file.case))
    if file.stage.value != story.ends_in or file.turn != acts or file.breaches or file.held or file.superseded:
        verdict.faults.append(f"case {story.key}: ends as {file.stage.value} at turn {file.turn} of {acts}")
    for place in PLACES:
        if place.office not in readers(file):
            continue
        shelf = shelves[place.key]
        written = [event for event, _ in shelf.items_of(file.case) if event.kind not in BESIDE]
        if shelf.files.get(file.case) != file or len(written) != len(told):
            verdict.faults.append(f"case {story.key}: stands otherwise at {place.key} than at the county")


def _note_handling(story: Story, file: CaseFile, verdict: Verdict) -> None:
    """How the case was handled; filed under the edition that the county has published."""
    if file.filing is None or file.filing.edition != EDITION:
        verdict.faults.append(f"case {story.key}: it was not filed under the edition {EDITION}")
        return
    regime = regime_of(file, load_catalogue().get_item(story.item)).value
    verdict.regimes[regime] = verdict.regimes.get(regime, 0) + 1
    verdict.numbers[story.key] = file.filing.tracking
    verdict.on_lists += file.roster_rows_here
    if file.roster_rows_here != len(story.rows):
        verdict.faults.append(f"case {story.key}: {file.roster_rows_here} of {len(story.rows)} persons of its list")
