"""The table kind × audience, written out: a change of who gets what must be seen in a review."""

from office.routing import AUDIENCES, RECORD_AUDIENCES, Audience, rule_for, rule_for_record

EXPECTED = {
    "acceptance.refused": "readers",
    "act.unconfirmed": "readers",
    "case.closed": "readers",
    "case.converted": "readers",
    "case.decided": "readers",
    "case.expedited": "readers",
    "case.filed": "readers",
    "case.received": "readers",
    "case.rehomed": "readers",
    "case.reopened": "readers",
    "case.resumed": "readers",
    "case.suspended": "readers",
    "case.terminated": "readers",
    "case.withdrawn": "readers",
    "custody.accepted": "readers",
    "custody.declined": "readers",
    "custody.offered": "readers",
    "custody.reassigned": "readers",
    "fee.paid": "readers",
    "meeting.held": "readers",
    "opinion.given": "readers",
    "opinions.requested": "readers",
    "papers.brought": "readers",
    "papers.received": "readers",
    "papers.requested": "readers",
    "recall.requested": "readers",
    "remark.added": "readers",
    "result.handed_over": "readers",
    "roster.added": "readers",
    "site.surveyed": "readers",
    "step.completed": "readers",
    "term.extended": "readers",
}

REGISTER = {
    "absence.stated": "below",
    "calendar.published": "below",
    "circular.published": "below",
    "class.assigned": "below",
    "edition.published": "below",
    "enquiry.recorded": "above",
    "file.reviewed": "above",
    "grant.ended": "below",
    "grant.made": "below",
    "item.published": "below",
    "move.confirmed": "below",
    "move.proposed": "below",
    "office.published": "below",
    "opening.published": "below",
    "order.answered": "above",
    "order.escalated": "addressed",
    "order.issued": "addressed",
    "order.verified": "addressed",
    "order.withdrawn": "addressed",
    "post.assigned": "below",
    "sample.framed": "below",
    "sample.nonced": "above",
    "sample.revealed": "below",
    "score.appealed": "above",
    "score.entered": "addressed",
    "score.judged": "addressed",
    "scores.frozen": "below",
    "slots.published": "below",
}


def test_the_table_is_as_written_down() -> None:
    assert {kind: audience.value for kind, audience in sorted(AUDIENCES.items())} == EXPECTED
    assert {kind: audience.value for kind, audience in sorted(RECORD_AUDIENCES.items())} == REGISTER


def test_what_is_not_in_the_table() -> None:
    assert rule_for("case.filed/2") is Audience.READERS
    assert rule_for("house.assigned") is Audience.ABOVE
    assert rule_for_record("item.published/2") is Audience.BELOW
