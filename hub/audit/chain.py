"""Whether stored rows are the entries that were signed for: hashes, chain and tree of journals, row by row.

Trusts nothing that a row says about itself: each hash is computed from the header and the opened body behind the hash
before it, roots from hashes. Pure: rows come in as tuples, faults go out; opening a body is handed in. Keeps O(log n)
of a journal. Never judges a signature (`hub.audit.reverify` does) and never looks into a body.
Next: `hub.audit.walkers`, which reads the rows.
"""

from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from office.verifying import Fault
from schemas.names import HASH_BYTES, SALT_BYTES
from schemas.wire import ZERO_HASH, decode_head
from sync.core.merkle import Frontier, node_hash

COLUMNS: Final = "journal, seq, arrival, CAST(loose AS INTEGER), at, {kind}, subject, head, salt, body, hash, digest"
"""What is read of `sync.tables.entries` for a walk, in the order of `Row`; `kind` as bytes (`StoredRows`)."""

Row = tuple[Any, ...]
Open = Callable[[bytes, bytes], bytes]
"""`Sealer.open`; raises ValueError."""

FAULTS_MAX: Final = 1000
"""Of one stretch. More than this is one fault: the wrong file (as in `office.verifying`)."""

UNREADABLE: Final = (TypeError, ValueError, OverflowError, AttributeError)
"""What a row raises whose values are not even of their kind: SQLite keeps any type in any column."""


class Course(Struct, frozen=True):
    """One journal as its row names it: what a walk must come to."""

    key: int
    name: str
    prefix: bytes
    size: int
    tip: bytes
    root: bytes | None
    """Of the stored tree state; None when that cannot be read."""


class Found(Struct, frozen=True):
    """A fault with its place, so that findings stand in one order whatever process made them."""

    key: int
    seq: int
    fault: Fault


class Due(Struct, frozen=True, gc=False):
    """The root that the first `size` entries of a journal must have."""

    size: int
    root: bytes
    is_signed: bool
    """A checkpoint's, else the stored tree state's."""


class Part(Struct):
    """The tree of a stretch that begins inside its journal, to be joined to what lies before it."""

    key: int
    start: int
    node: bytes | None
    """Root over the stretch, where it is a whole subtree."""
    dues: list[tuple[Due, bytes]]
    """What is due, and the stretch's own share of that root."""


def changed(key: int, name: str, seq: int) -> Found:
    """The entry is not the one that was hashed."""
    en = "the entry's bytes do not have its hash, or it does not follow the one before"
    return Found(key, seq, Fault("changed", f"{name} #{seq}", "条目内容与其哈希不符，或与前一条不衔接", en))


def beside(key: int, name: str, seq: int) -> Found:
    """The columns beside an entry belie it."""
    en = "the columns beside the entry say something else than its header"
    return Found(key, seq, Fault("changed", f"{name} #{seq}", "条目旁的各栏与其条目头不一致", en))


def missing(key: int, name: str, seq: int) -> Found:
    """An entry is gone."""
    en = "the entry with this number is not here"
    return Found(key, seq, Fault("missing", f"{name} #{seq}", "此处缺少条目", en))


def kept(key: int, name: str, seq: int) -> Found:
    """A body that should be gone by law is here."""
    en = "the entry was erased by law, and its body is still here"
    return Found(key, seq, Fault("not_erased", f"{name} #{seq}", "条目应已依法删除，内容却还在", en))


def head_fits(row: Row) -> bool:
    """Whether time, kind and subject are those of the head."""
    try:
        head = decode_head(row[7])
    except UNREADABLE:
        return False
    return (head.at, head.kind.encode(), head.subject) == (row[4], row[5], row[6])


def hash_of(prefix: bytes, prev: bytes, row: Row, open_body: Open) -> bytes | None:
    """The hash of an entry as it lies there, behind `prev`; None when its bytes cannot be an entry's."""
    _, seq, _, _, _, _, _, head, salt, body, link, digest = row
    try:
        if body is None:
            if salt or len(digest) != HASH_BYTES:
                return None
        elif len(salt) != SALT_BYTES:
            return None
        else:
            digest = sha256(salt + open_body(link, body)).digest()
        return sha256(b"".join((prefix, seq.to_bytes(8, "big"), prev, digest, head))).digest()
    except UNREADABLE:
        return None


class Walk:
    """One journal, or a stretch of it, walked in the order of its numbers."""

    def __init__(
        self,
        course: Course,
        dues: Iterable[tuple[int, bytes]],
        open_body: Open,
        erased: Container[bytes],
        *,
        start: int = 0,
        stop: int | None = None,
        prev: bytes | None = ZERO_HASH,
    ) -> None:
        """`dues`: (size, root) of the checkpoints in (start, stop], ascending. `stop` None: to the journal's end, and
        what is signed beyond. `prev`: the hash before `start`, None if that entry is gone: the stretch before says so.
        """
        self.course = course
        self.start = start
        self.stop = course.size if stop is None else stop
        self._is_last = stop is None
        self.size = start
        self.found: list[Found] = []
        self.bare: list[int] = []
        """Numbers of entries without a body whose erasure was not known when the walk began."""
        self.part = Part(course.key, start, None, [])
        self.checkpoints = 0
        self._prev = prev
        self._open = open_body
        self._erased = erased
        self._frontier = Frontier()
        self._is_whole = True
        self._dues = deque(Due(size, root, is_signed=True) for size, root in dues)
        if self._is_last and course.size and course.root is not None:
            at = next((place for place, due in enumerate(self._dues) if due.size > course.size), len(self._dues))
            self._dues.insert(at, Due(course.size, course.root, is_signed=False))

    def take(self, rows: Sequence[Row]) -> None:
        """The next rows, all below `stop`, numbers ascending."""
        prefix, open_body, erased = self.course.prefix, self._open, self._erased
        prev, expected = self._prev, self.size
        links: list[bytes] = []
        for row in rows:
            _, seq, _, loose, at, kind, subject, head, salt, body, link, digest = row
            if seq != expected:
                self._skip(expected, links)
                prev, links = None, []
            expected = seq + 1
            # `hash_of` and `head_fits` are written out: their calls cost as much as the hashing.
            try:
                if body is None or prev is None or len(salt) != SALT_BYTES:
                    is_good = self._is_odd_good(row, prev)
                else:
                    if link in erased:
                        self._found(kept(self.course.key, self.course.name, seq))
                    digest = sha256(salt + open_body(link, body)).digest()
                    data = b"".join((prefix, seq.to_bytes(8, "big"), prev, digest, head))
                    is_good = sha256(data).digest() == link
            except UNREADABLE:
                is_good = False
            if not is_good:
                self._found(changed(self.course.key, self.course.name, seq))
                link = link if isinstance(link, bytes) else ZERO_HASH
            try:
                known = decode_head(head)
                fits = not loose and known.at == at and known.kind.encode() == kind and known.subject == subject
            except UNREADABLE:
                fits = False
            if not fits:
                self._found(beside(self.course.key, self.course.name, seq))
            prev = link
            links.append(link)
        self._prev = prev
        self._grow(links)
        self.size = expected

    def finish(self) -> None:
        """No more rows. What is due and was not reached is a fault."""
        course, due_size = self.course, self.stop
        if self.size < due_size:
            self._skip(self.size, [])
            if self._is_last:
                zh, en = f"日志记载有 {due_size} 条，实有至此", f"the journal has {due_size} entries; they end here"
                self.found[-1] = Found(course.key, self.size, Fault("cut_off", f"{course.name} #{self.size}", zh, en))
        elif self._is_last and course.size and self._prev != course.tip:
            en = "the journal's row names another last entry"
            self._say(course.size - 1, "changed", course.name, "日志所记的末条不是实有的末条", en)
        if self._is_last and course.root is None:
            en = "the journal's row holds another tree"
            self._say(course.size, "changed", course.name, "日志所记的树与条目不符", en)
        for due in self._dues:
            if due.is_signed and due.size > max(due_size, self.size):
                zh = f"所属设备已签名 {due.size} 条，实有 {self.size} 条"
                en = f"the owner signed {due.size} entries, {self.size} are here"
                self._say(due.size, "cut_off", f"{course.name} checkpoint {due.size}", zh, en)
        count = self.size - self.start
        if self._is_whole and count and count & (count - 1) == 0:
            self.part.node = self._frontier.root()

    def _is_odd_good(self, row: Row, prev: bytes | None) -> bool:
        """An entry without a body, behind a gap, or with a salt of another length."""
        if row[9] is None and row[10] not in self._erased and len(self.bare) < FAULTS_MAX:
            self.bare.append(row[1])
        found = hash_of(self.course.prefix, prev or ZERO_HASH, row, self._open)
        # Behind a gap nobody knows the hash before: that its bytes make an entry at all is what can be seen.
        return found is not None and (prev is None or found == row[10])

    def _skip(self, seq: int, links: list[bytes]) -> None:
        self._grow(links)
        self._is_whole = False
        self._found(missing(self.course.key, self.course.name, seq))

    def _grow(self, links: list[bytes]) -> None:
        """Take hashes into the tree, comparing every root on the way that is due."""
        base = self.start + self._frontier.size
        done = 0
        while self._dues and self._dues[0].size <= base + len(links):
            due = self._dues.popleft()
            self._frontier = self._frontier.extend(links[done : due.size - base])
            done = due.size - base
            self.checkpoints += due.is_signed
            if self._is_whole:
                self._compare(due)
        self._frontier = self._frontier.extend(links[done:])

    def _compare(self, due: Due) -> None:
        root = self._frontier.root()
        if self.start:
            self.part.dues.append((due, root))
        elif root != due.root:
            self._found(differs(self.course, due))

    def _found(self, found: Found) -> None:
        if len(self.found) < FAULTS_MAX:
            self.found.append(found)

    def _say(self, seq: int, code: str, where: str, zh: str, en: str) -> None:
        self._found(Found(self.course.key, seq, Fault(code, where, zh, en)))


def differs(course: Course, due: Due) -> Found:
    """The entries do not have the root that is due."""
    if due.is_signed:
        zh, en = "此前的条目与已签名的树根不符", "the entries before it do not have the root that was signed"
        return Found(course.key, due.size - 1, Fault("changed", f"{course.name} checkpoint {due.size}", zh, en))
    zh, en = "日志所记的树与条目不符", "the journal's row holds another tree"
    return Found(course.key, due.size - 1, Fault("changed", course.name, zh, en))


def join(course: Course, parts: Sequence[Part]) -> list[Found]:
    """Compare the roots that lie inside the later parts of a journal, given all of its parts.

    Every part but the last is a subtree of the same size, a power of two; where one is not whole, no root behind it can
    be known, and why has been said. A root is the fold of the peaks before with the part's own share (RFC 6962 2.1).
    """
    peaks: list[bytes] = []
    found: list[Found] = []
    for number, part in enumerate(sorted(parts, key=lambda part: part.start)):
        for due, share in part.dues:
            root = share
            for peak in reversed(peaks):
                root = node_hash(peak, root)
            if root != due.root:
                found.append(differs(course, due))
        if part.node is None:
            break
        node, carry = part.node, number
        while carry & 1:
            node = node_hash(peaks.pop(), node)
            carry >>= 1
        peaks.append(node)
    return found
