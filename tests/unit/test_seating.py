"""Which of several devices has a seat: a table of what is known of each, and who it is."""

import pytest

from schemas.names import Epoch, JournalId, NodeId
from sync.seating import Claim, choose

OWN = NodeId("own")
FORMER = NodeId("former")
ABOVE = NodeId("above")

FIRST = Epoch(1, b"first.")
SECOND = Epoch(2, b"second")
FORGOTTEN = Epoch(2, b"forgot")
THIRD = Epoch(3, b"third.")


def claim(name: str, issuer: NodeId, epoch: Epoch, *before: str) -> Claim:
    """A device entered in an epoch of an issuer, with those before it."""
    return Claim(NodeId(name), JournalId(issuer, epoch), [NodeId(one) for one in before])


TOLD: dict[str, tuple[list[Claim], str | None, str | None]] = {
    "nobody": ([], None, None),
    "one": ([claim("a", OWN, FIRST)], None, "a"),
    "the present one, though another came alone": ([claim("b", OWN, FIRST)], "a", "b"),
    "two of which nothing speaks, and none sits there": (
        [claim("a", ABOVE, FIRST), claim("b", ABOVE, FIRST)],
        None,
        None,
    ),
    "two of which nothing speaks": ([claim("a", ABOVE, FIRST), claim("b", ABOVE, FIRST)], "a", "a"),
    "one that followed the present one by another that is gone": (
        [claim("c", ABOVE, FIRST, "b", "a"), claim("d", ABOVE, FIRST)],
        "a",
        "c",
    ),
    "one that followed another of which nothing is known": (
        [claim("a", ABOVE, FIRST), claim("c", ABOVE, FIRST, "unknown")],
        "a",
        "c",
    ),
    "what our seat's former device entered, when we entered none": (
        [claim("a", ABOVE, FIRST), claim("c", FORMER, FIRST, "unknown")],
        "a",
        "c",
    ),
    "ours before what our seat's former device entered": (
        [claim("a", OWN, FIRST), claim("c", FORMER, SECOND, "unknown")],
        "a",
        "a",
    ),
    "ours, in whatever order they came": (
        [claim("c", FORMER, SECOND, "unknown"), claim("a", OWN, FIRST)],
        "c",
        "a",
    ),
    "what we entered since we were restored, not what we had entered before and forgot": (
        [claim("a", OWN, SECOND, "known"), claim("b", OWN, FORGOTTEN, "unknown")],
        "a",
        "a",
    ),
    "what we entered after our backup and forgot, before what the backup knew": (
        [claim("a", OWN, FIRST), claim("b", OWN, FORGOTTEN, "unknown")],
        "a",
        "b",
    ),
    "what we entered in a later epoch": (
        [claim("a", OWN, SECOND, "known"), claim("b", OWN, THIRD, "unknown")],
        "a",
        "b",
    ),
}


@pytest.mark.parametrize("story", TOLD)
def test_the_seat_goes_to(story: str) -> None:
    claims, present, expected = TOLD[story]
    sitting = NodeId(present) if present is not None else None
    assert choose(claims, sitting, OWN, {FORMER}, lambda node: node != "unknown") == expected
