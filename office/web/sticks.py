"""Courier bundles in words for the page of the line: what is on which stick, what came back, what is not yet safe.

Shows offices, counts and codes, no case and no person. Decides nothing. Next: `office.bundles`,
`office.web.pages.sticks` (what the buttons do).
"""

from typing import Final

from msgspec import Struct

from office.bundles import NOTES, Came, Flawed, Safety
from office.node import Node
from office.sentences import explained
from office.web.i18n import Language, n_, translate
from schemas.names import Instant, NodeId, OfficeId
from sync import second_path

SHOWN_MAX: Final = 20
"""Rows of each table."""

STATES: Final[dict[str, str]] = {
    "done": n_("Acknowledged by the receiver"),
    "wait": n_("Not acknowledged yet: keep the stick"),
    "bad": n_("The receiver has a new device: write it again"),
}


class OutView(Struct, frozen=True):
    """One bundle that was written here."""

    office: OfficeId
    at: Instant
    place: str
    name: str
    entries: int
    cases: int
    size_kb: int
    state: str
    """A key of `STATES`, and the colour of its tag."""
    goes_on_after: int | None
    """Its number, when another file should follow and has not been written."""
    receiver: NodeId


class InView(Struct, frozen=True):
    """One bundle that was read here."""

    name: str
    """Of the file, while it is being read."""
    office: OfficeId | None
    at: Instant | None
    """As its writer dated it."""
    read_at: Instant | None
    admitted: int
    is_good: bool
    words: list[str]


class SticksView(Struct, frozen=True):
    """The section of the page."""

    receivers: list[tuple[NodeId, OfficeId]]
    safety: list[Safety]
    gone: list[OutView]
    came: list[InView]


async def sticks_view(node: Node, language: Language) -> SticksView:
    """What to show."""
    books = node.books
    nodes = [*([books.parent] if books.parent is not None else []), *books.children.values()]
    on_sticks = await node.bundles.on_sticks()
    open_ends = {(one.gone.receiver, one.gone.serial) for one in on_sticks if one.gone.epoch == books.epoch}
    gone = [
        OutView(
            one.gone.office,
            one.gone.at,
            one.gone.place,
            one.gone.name,
            one.gone.entries,
            one.gone.cases,
            max(1, one.gone.size // 1024),
            "bad" if one.is_for_former else "done" if one.is_acknowledged else "wait",
            one.gone.serial
            if not one.gone.is_last
            and one.gone.epoch == books.epoch
            and (one.gone.receiver, one.gone.serial + 1) not in open_ends
            else None,
            one.gone.receiver,
        )
        for one in on_sticks[:SHOWN_MAX]
    ]
    came = [in_view("", one, language) for one in node.bundles.remembered().came[-SHOWN_MAX:][::-1]]
    receivers = [(one, books.links[one].seat) for one in nodes if one in books.links]
    receivers += beside(node)
    return SticksView(receivers, await node.bundles.safety(), gone, came)


def beside(node: Node) -> list[tuple[NodeId, OfficeId]]:
    """Whom else a bundle may be for (`sync.second_path`): at a village whose township is silent the county; at the
    county the villages that came to it so.
    """
    books = node.books
    silence = second_path.silence(books, node.clock.now())
    county = second_path.county_of(books) if silence.township or silence.county else None
    if county is not None:
        return [(county, node.books.keyring.get(county).office)]
    return [
        (link.neighbour, link.seat)
        for link in books.links.values()
        if books.parent is None and second_path.is_second(books, link)
    ]


def in_view(name: str, came: Came, language: Language) -> InView:
    """One bundle that was read."""
    words = [NOTES[code][language is Language.EN] for code in came.notes if code in NOTES]
    words += [flaw_words(flaw, language) for flaw in came.flaws]
    return InView(name, came.slip.office, came.slip.at, came.read_at, came.admitted, not came.flaws, words)


def refused_view(name: str, sentence: str, *, is_good: bool) -> InView:
    """A file of which nothing was taken in. `is_good`: it is for somebody else, and nobody need do anything."""
    return InView(name, None, None, None, 0, is_good, [sentence])


PARTS: Final = n_("Parts %(first)s to %(last)s were not taken in: %(reason)s")
PART: Final = n_("Part %(first)s was not taken in: %(reason)s")


def flaw_words(flaw: Flawed, language: Language) -> str:
    """Which parts were not taken in, and why."""
    reason = explained(flaw.code, flaw.hint, language.value)
    if not flaw.part:
        return reason
    message = PARTS if flaw.count > 1 else PART
    return translate(message, language, first=flaw.part, last=flaw.part + flaw.count - 1, reason=reason)
