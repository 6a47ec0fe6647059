"""What dishonest offices do to journals, and the county that looks for it: for stories about attacks on small networks.

An attacker here holds its own keys and its own line and nothing else. Everybody else runs the product.
"""

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct
from msgspec.structs import replace

from hub.audit.integrity import INTEGRITY_RULES, IntegrityFinding
from hub.audit.integrity_facts import Asked
from hub.audit.integrity_reading import find_integrity
from hub.audit.rule import Severity
from hub.audit.words import sentence_of
from schemas.names import SALT_BYTES, Instant, JournalId, NodeId
from schemas.slips import SlipStatement
from schemas.wire import Excerpt, Lane, Line, Page, Run, Stretch, attestation
from sync.core.journal import Draft, Tip, seal
from sync.core.merkle import Frontier, root_of
from sync.core.slip import slip_message
from sync.ports import Stored
from sync.proof.accusing import Accused, check_claim
from tests.support.network import COUNTY, Network, Node, run, sign

HOUR = 3_600_000
DAY = 24 * HOUR

Tamper = Callable[[Page], Page]


class Forged(Struct):
    """A journal as its owner might write it a second time: lines, hashes, where it stands."""

    owner: Node
    journal: JournalId
    lines: list[Line]
    links: list[bytes]
    tip: Tip

    def write(self, *bodies: bytes, at: int | None = None, kind: str = "case.filed") -> "Forged":
        """Go on with these entries."""
        network = self.owner.network
        for body in bodies:
            now = Instant(at) if at is not None else network.clock.now()
            sealed, self.tip = seal(
                self.journal, self.tip, Draft(kind, network.case, body), now, network.salts.draw(SALT_BYTES)
            )
            self.lines.append(sealed.line)
            self.links.append(sealed.hash)
        return self

    def run(self, start: int = 0, *, signed: int | None = None, root: bytes | None = None) -> Run:
        """Its entries from `start` on, ending at a checkpoint that the owner signs; `root`: over whatever it likes."""
        size = len(self.lines)
        checkpoint = sign(self.owner, self.journal, size, root or root_of(self.links))
        prev = self.links[start - 1] if start else bytes(32)
        return Run(self.journal.origin, self.journal.epoch, start, prev, self.lines[start:signed], [checkpoint])

    def attested(self, seq: int) -> Excerpt:
        """One entry alone, under the owner's own signature."""
        signature = self.owner.signer.sign(attestation(self.links[seq]))
        prev = self.links[seq - 1] if seq else bytes(32)
        line = replace(self.lines[seq], signature=signature)
        return Excerpt(self.journal.origin, self.journal.epoch, seq, prev, line)

    def slip(self, seq: int) -> SlipStatement:
        """What a resident gets in hand about one of its entries."""
        return slip_for(self.owner, self.journal, seq, self.links[seq])


def slip_for(node: Node, journal: JournalId, seq: int, link: bytes, at: Instant | None = None) -> SlipStatement:
    """A slip as the node's own device signs it."""
    when = at if at is not None else node.network.clock.now()
    message = slip_message(node.network.root.county, node.office, journal, seq, link, when)
    return SlipStatement(journal.origin, journal.epoch, seq, link, when, node.signer.sign(message))


def forge(node: Node, journal: JournalId, keep: int) -> Forged:
    """The journal as the node holds it up to `keep`; what follows is anybody's guess."""
    held = node.held(journal)[:keep]
    links = [entry.hash for entry in held]
    lines = [Line(entry.head, entry.salt, entry.body, entry.digest) for entry in held]
    tip = Tip(keep, links[-1] if links else bytes(32), Frontier().extend(links))
    return Forged(node, journal, lines, links, tip)


def stored_slip(node: Node, entry: Stored) -> SlipStatement:
    """The slip of an entry that the node holds."""
    return slip_for(node, entry.journal, entry.seq, entry.hash, entry.at)


# --- on the line -----------------------------------------------------------------------------------------------------


def page_with(sender: Node, receiver: Node, *runs: Run) -> Page:
    """The sender's page with these runs for its next numbers, and nothing else."""
    page = sender.page(receiver)
    first = receiver.link(sender).held.get((Lane.RUNS, sender.journal.epoch), 0) + 1
    count = sum(len(found.lines) for found in runs)
    return replace(page, stretches=[Stretch(Lane.RUNS, page.epoch, first, count, list(runs), [])])


def page_of(sender: Node, receiver: Node, *excerpts: Excerpt) -> Page:
    """The sender's page with these excerpts for its next numbers, and nothing else."""
    page = sender.page(receiver)
    first = receiver.link(sender).held.get((Lane.EXCERPTS, sender.journal.epoch), 0) + 1
    return replace(page, stretches=[Stretch(Lane.EXCERPTS, page.epoch, first, len(excerpts), [], list(excerpts))])


def carry(child: Node, above: Node, *, up: Tamper | None = None, down: Tamper | None = None, times: int = 6) -> None:
    """Pages up and down, with somebody's hands on them."""
    for _ in range(times):
        upward = child.page(above)
        above.admit(up(upward) if up is not None else upward)
        downward = above.page(child)
        child.admit(down(downward) if down is not None else downward)


def altered(body: bytes) -> Tamper:
    """A relay that writes something else where an entry has this body."""

    def spoil(found: Run) -> Run:
        lines = [replace(line, body=b"something else") if line.body == body else line for line in found.lines]
        return replace(found, lines=lines)

    def tamper(page: Page) -> Page:
        stretches = [replace(one, runs=[spoil(found) for found in one.runs]) for one in page.stretches]
        answers = [
            replace(answer, run=spoil(answer.run)) if answer.run is not None else answer for answer in page.answers
        ]
        return replace(page, stretches=stretches, answers=answers)

    return tamper


def silent_about(origin: NodeId) -> Tamper:
    """A relay that answers nothing about a device: not held."""

    def tamper(page: Page) -> Page:
        answers = [
            replace(answer, run=None, excerpts=[]) if answer.want.origin == origin else answer
            for answer in page.answers
        ]
        return replace(page, answers=answers)

    return tamper


def keep_back(relay: Node, may_pass: Callable[[JournalId, int], bool]) -> None:
    """Make a relay post upward only what it likes: what it keeps back never gets a number."""
    books = relay.books
    post = books.post

    def choose(neighbour: NodeId, lane: Lane, journal: JournalId, seq: int, count: int = 1) -> None:
        if neighbour != books.parent or lane != Lane.RUNS or may_pass(journal, seq):
            post(neighbour, lane, journal, seq, count)

    books.post = choose


def keep_from(relay: Node, below: Node, is_kept: Callable[[JournalId, int], bool]) -> None:
    """Make a relay withhold single entries from a device below it."""
    books = relay.books
    post = books.post

    def choose(neighbour: NodeId, lane: Lane, journal: JournalId, seq: int, count: int = 1) -> None:
        if neighbour != below.id or not is_kept(journal, seq):
            post(neighbour, lane, journal, seq, count)

    books.post = choose


# --- at the county ---------------------------------------------------------------------------------------------------


def next_day(network: Network, days: int = 1, *, talk: Callable[[], None] | None = None) -> None:
    """Days pass; on each the county lights its beacon and everybody talks."""
    for _ in range(days):
        network.clock.set(network.clock.now() + DAY)
        run(network[COUNTY].ledger.light_beacon())
        (talk or network.settle_all)()


def look(
    network: Network,
    *slips: SlipStatement,
    at: Node | None = None,
    faults: Sequence[tuple[str, str]] = (),
    known: Collection[tuple[str, str]] = (),
) -> list[IntegrityFinding]:
    """What the audit finds at the county now. Slips were presented an hour after they were signed."""
    node = at or network[COUNTY]
    presented = [(slip, Instant(slip.at + HOUR)) for slip in slips]
    found = run(find_integrity(node.books, Asked(network.clock.now(), known, presented, faults)))
    for finding in found:
        said = sentence_of(INTEGRITY_RULES[finding.code], finding.facts)
        assert not any("…" in text or "{" in text for text in said), said
        assert finding.evidence
    return found


def reds(findings: Sequence[IntegrityFinding]) -> list[IntegrityFinding]:
    """Those that ask for an answer."""
    return [finding for finding in findings if finding.severity is Severity.RED]


def only(findings: Sequence[IntegrityFinding], code: str) -> IntegrityFinding:
    """The one red finding, which is of this kind."""
    found = reds(findings)
    assert [finding.code for finding in found] == [code]
    return found[0]


def proved(network: Network, finding: IntegrityFinding) -> Accused:
    """What the finding's proof file says to somebody who has nothing but the county root's digest."""
    assert finding.proof is not None
    accused = check_claim(finding.proof, network.root.digest)
    assert accused.office == finding.office
    return accused
