"""The table kind × audience, written out: a change of who gets what must be seen in a review."""

from office.routing import AUDIENCES, Audience, rule_for

EXPECTED = {
    "case.closed": "readers",
    "case.decided": "readers",
    "case.filed": "readers",
    "case.withdrawn": "readers",
    "custody.accepted": "readers",
    "custody.declined": "readers",
    "custody.offered": "readers",
    "custody.reassigned": "readers",
    "papers.brought": "readers",
    "papers.received": "readers",
    "papers.requested": "readers",
    "recall.requested": "readers",
    "remark.added": "readers",
    "act.unconfirmed": "readers",
    "result.handed_over": "readers",
}


def test_the_table_is_as_written_down() -> None:
    assert {kind: audience.value for kind, audience in sorted(AUDIENCES.items())} == EXPECTED


def test_what_is_not_in_the_table() -> None:
    assert rule_for("case.filed/2") is Audience.READERS
    assert rule_for("house.assigned") is Audience.ABOVE
