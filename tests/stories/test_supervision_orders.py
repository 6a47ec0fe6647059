"""Supervision orders, to the township's desk and back: answered offline, verified, escalated, withdrawn.

And what nobody may do about them.
"""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from schemas.names import OfficeId, OfficerId
from schemas.oversight import CircularPublished, OrderVerified, OrderWithdrawn, Overseen, Rung, encode_overseen
from schemas.oversight_fold import Stage
from schemas.refusals import Refused
from tests.support.counties import (
    COUNTY,
    FAR_VILLAGE,
    OTHER_TOWNSHIP,
    TOWNSHIP,
    VILLAGE,
    WINDOW,
    County,
    Office,
    op,
    run,
)
from tests.support.overseeing import (
    WANG,
    answer,
    appeal,
    judgement,
    order,
    orders_at,
    pass_days,
    rung,
    same_everywhere,
    score,
    scores_at,
    sweep,
    the_order,
    today_of,
    verdict,
    withdrawal,
    write,
)


def whole() -> County:
    """Two townships, a village each."""
    return County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)


def refused(office: Office, *events: Overseen) -> str:
    """The code with which the pen refuses."""
    with pytest.raises(Refused) as refusal:
        write(office, *events)
    assert refusal.value.zh
    return refusal.value.code


def overseen_at(office: Office) -> set[str]:
    """Kinds of oversight held here, read or not."""
    prefixes = ("order.", "score.", "scores.", "class.", "circular.")
    return {entry.kind for entry in office.store.tables.arrivals if entry.kind.startswith(prefixes)}


def issued(county: County, to: OfficeId = TOWNSHIP) -> None:
    """An order reaches its township."""
    assert write(county[COUNTY], order(county, to=to)) == 1
    county.settle()


def test_an_order_is_answered_without_a_line_and_verified() -> None:
    county = whole()
    issued(county)
    township = county[TOWNSHIP]
    held = the_order(township)
    assert held.issued.serial == "510824-督-2026-0001"
    assert held.stage is Stage.OPEN
    # The line is down; the answer waits in the township's journal.
    assert write(township, answer(held, 1)) == 1
    assert the_order(township).stage is Stage.ANSWERED
    assert the_order(county[COUNTY]).stage is Stage.OPEN
    county.settle()
    assert the_order(county[COUNTY]).stage is Stage.ANSWERED
    (given,) = the_order(county[COUNTY]).answers
    assert given.said.after == held.filed.hash
    write(county[COUNTY], verdict(the_order(county[COUNTY]), 2))
    county.settle()
    assert the_order(township).stage is Stage.CLOSED
    assert same_everywhere(county[COUNTY], township)
    for seat in (COUNTY, TOWNSHIP):
        assert county[seat].states() == []


def test_an_order_is_nobody_elses_business() -> None:
    county = whole()
    issued(county)
    write(county[TOWNSHIP], answer(the_order(county[TOWNSHIP]), 1))
    write(county[COUNTY], score(), score(951, to=VILLAGE))
    county.settle()
    for seat in (OTHER_TOWNSHIP, FAR_VILLAGE):
        assert overseen_at(county[seat]) == set()
    assert overseen_at(county[VILLAGE]) == {"score.entered"}
    assert [one.entered.addressee for one in scores_at(county[VILLAGE])] == [VILLAGE]
    assert {one.entered.addressee for one in scores_at(county[TOWNSHIP])} == {TOWNSHIP, VILLAGE}


def test_what_is_sent_back_is_answered_again() -> None:
    county = whole()
    hub, township = county[COUNTY], county[TOWNSHIP]
    issued(county)
    write(township, answer(the_order(township), 1))
    county.settle()
    later = today_of(county) + timedelta(days=10)
    assert refused(hub, verdict(the_order(hub), 2, later)) == "verdict_without_reason"
    write(hub, verdict(the_order(hub), 3, later, reason="没有附延期文书。"))
    assert refused(hub, structs.replace(verdict_of(hub), operation=op(4))) == "order_stage"
    county.settle()
    held = the_order(township)
    assert (held.stage, held.due) == (Stage.OPEN, later)
    write(township, answer(held, 5))
    county.settle()
    first, second = the_order(hub).answers
    assert first.verdict is not None
    assert second.said.after == first.verdict.hash
    write(hub, verdict(the_order(hub), 6))
    county.settle()
    assert the_order(township).stage is Stage.CLOSED
    assert refused(township, answer(held, 7)) == "order_stage"
    assert same_everywhere(hub, township)


def verdict_of(hub: Office) -> OrderVerified:
    """The verdict that was given."""
    (given,) = the_order(hub).answers
    assert given.judged is not None
    return given.judged


def test_an_order_that_nobody_answers_climbs_every_rung_once_however_often_it_is_swept() -> None:
    county = whole()
    issued(county)
    assert sweep(county) == []
    climbed: list[Rung] = []
    for expected in (Rung.REMINDER, Rung.YELLOW, Rung.RED):
        pass_days(county, 20)
        swept = [sweep(county), sweep(county), sweep(county)]
        assert swept == [[expected], [], []]
        climbed.append(expected)
        county.settle()
        assert the_order(county[TOWNSHIP]).taken == tuple(climbed)
    pass_days(county, 20)
    assert sweep(county) == [], "the whole county reads the circular: a person signs it"
    assert sweep(county, WANG) == [Rung.CIRCULAR]
    assert sweep(county, WANG) == []
    held = the_order(county[COUNTY])
    text = "苍溪县陵江镇未按期答复督办单，现予通报。"
    circular = CircularPublished(op(40), COUNTY, WANG, "", "关于未按期答复督办单的通报", text, (held.filed.hash,))
    assert write(county[COUNTY], circular) == 1
    county.settle()
    for seat in (OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE):
        assert overseen_at(county[seat]) == {"circular.published"}
    pass_days(county, 60)
    assert sweep(county, WANG) == []
    county.settle()
    assert the_order(county[TOWNSHIP]).taken == tuple(Rung)
    # Even then it may be answered, and closed.
    write(county[TOWNSHIP], answer(the_order(county[TOWNSHIP]), 50))
    county.settle()
    write(county[COUNTY], verdict(the_order(county[COUNTY]), 51))
    assert the_order(county[COUNTY]).stage is Stage.CLOSED
    assert county[COUNTY].states() == []


def test_nobody_is_reminded_of_what_a_dead_line_kept_from_them() -> None:
    county = whole()
    write(county[COUNTY], order(county))
    pass_days(county, 30)
    assert sweep(county) == [], "the township does not have it"
    county.settle()
    assert sweep(county) == [Rung.REMINDER]
    pass_days(county, 30)
    assert sweep(county) == [], "it does not have the reminder"
    county.settle()
    assert sweep(county) == [Rung.YELLOW]


def test_the_ladder_waits_for_the_verdict_and_goes_on_where_it_stood() -> None:
    county = whole()
    hub, township = county[COUNTY], county[TOWNSHIP]
    issued(county)
    pass_days(county, 10)
    assert sweep(county) == [Rung.REMINDER]
    county.settle()
    write(township, answer(the_order(township), 1))
    county.settle()
    pass_days(county, 30)
    assert sweep(county) == [], "the county has the word"
    write(hub, verdict(the_order(hub), 2, today_of(county) + timedelta(days=5), reason="仍缺文书。"))
    county.settle()
    pass_days(county, 3)
    assert sweep(county) == []
    pass_days(county, 10)
    assert sweep(county) == [Rung.YELLOW]


def test_a_rung_that_is_not_due_is_not_taken() -> None:
    county = whole()
    hub = county[COUNTY]
    write(hub, order(county), order(county, to=OTHER_TOWNSHIP))
    county.settle()
    first, second = orders_at(hub)
    day = today_of(county)
    assert write(hub, rung(first, 2, Rung.REMINDER, day)) == 0, "the office still has time"
    pass_days(county, 10)
    assert write(hub, rung(first, 3, Rung.RED, day)) == 0, "nobody skips a rung"
    # The township answers between the sweep's look and its word: the others' rungs are taken all the same.
    write(county[TOWNSHIP], answer(the_order(county[TOWNSHIP]), 4))
    county.settle(TOWNSHIP)
    assert write(hub, rung(first, 5, Rung.REMINDER, day), rung(second, 6, Rung.REMINDER, day)) == 1
    assert [one.taken for one in orders_at(hub)] == [(), (Rung.REMINDER,)]
    for number, step in enumerate((Rung.YELLOW, Rung.RED), start=7):
        pass_days(county, 30)
        assert write(hub, rung(second, number, step, day)) == 1
    pass_days(county, 30)
    assert refused(hub, rung(second, 9, Rung.CIRCULAR, day)) == "rung_unsigned"


def test_an_order_that_was_wrong_is_withdrawn_and_the_office_has_it_in_writing() -> None:
    county = whole()
    hub, township = county[COUNTY], county[TOWNSHIP]
    issued(county)
    pass_days(county, 10)
    sweep(county)
    write(hub, withdrawal(the_order(hub), 2))
    county.settle()
    held = the_order(township)
    assert held.stage is Stage.WITHDRAWN
    assert held.withdrawn is not None
    assert isinstance(held.withdrawn.event, OrderWithdrawn)
    assert "正名" in held.withdrawn.event.restoration
    pass_days(county, 60)
    assert sweep(county) == []
    assert refused(township, answer(held, 3)) == "order_stage"
    assert refused(hub, withdrawal(held, 4)) == "order_stage"


def test_a_township_writes_no_orders() -> None:
    """Its own pen refuses; what a program of its own writes is kept, marked, and counts nowhere."""
    county = whole()
    township = county[TOWNSHIP]
    mine = structs.replace(order(county, to=VILLAGE), office=TOWNSHIP, officer=OfficerId(f"{TOWNSHIP}/li"))
    assert refused(township, mine) == "oversight_not_yours"
    township.write(mine.kind, None, encode_overseen(mine))
    county.settle()
    for seat in (COUNTY, TOWNSHIP):
        assert county[seat].states() == [("quarantined", "oversight_foreign")]
        assert orders_at(county[seat]) == []
    posing = order(county, to=VILLAGE)
    township.write(posing.kind, None, encode_overseen(posing))
    county.settle()
    assert ("quarantined", "foreign_office") in county[COUNTY].states()
    assert orders_at(county[COUNTY]) == []


def test_no_window_scores_another() -> None:
    county = whole()
    mine = structs.replace(score(), office=WINDOW, officer=OfficerId(f"{WINDOW}/li"))
    assert refused(county[COUNTY], mine) == "oversight_not_yours"
    county[COUNTY].write(mine.kind, None, encode_overseen(mine))
    assert county[COUNTY].states() == [("quarantined", "oversight_foreign")]
    assert scores_at(county[COUNTY]) == []


def test_another_township_cannot_answer() -> None:
    county = whole()
    issued(county)
    held = the_order(county[COUNTY])
    stranger = county[OTHER_TOWNSHIP]
    forged = answer(held, 1, OTHER_TOWNSHIP)
    assert refused(stranger, forged) == "oversight_not_yours"
    lying = structs.replace(forged, addressee=OTHER_TOWNSHIP)
    assert refused(stranger, lying) == "order_unknown"
    for event in (forged, lying):
        stranger.write(event.kind, None, encode_overseen(event))
    county.settle()
    codes = [("quarantined", "oversight_foreign"), ("quarantined", "oversight_not_addressed")]
    assert county[COUNTY].states() == codes
    assert stranger.states() == [("held", "awaiting_predecessor"), ("quarantined", "oversight_foreign")]
    assert the_order(county[COUNTY]).stage is Stage.OPEN
    slip = county[VILLAGE].file()
    county.settle()
    assert county[COUNTY].has(slip.case), "the line goes on"


def test_a_replaced_township_device_has_its_orders() -> None:
    county = whole()
    issued(county)
    write(county[COUNTY], score(), score(951, to=VILLAGE))
    pass_days(county, 10)
    sweep(county)
    county.settle()
    write(county[TOWNSHIP], answer(the_order(county[TOWNSHIP]), 1))
    county.settle()
    before = the_order(county[TOWNSHIP])
    county.enrol(TOWNSHIP)
    assert orders_at(county[TOWNSHIP]) == []
    county.settle(TOWNSHIP)
    run(county[VILLAGE].ledger.meet(county[TOWNSHIP].chain))
    county.settle()
    assert the_order(county[TOWNSHIP]) == before
    assert len(scores_at(county[TOWNSHIP])) == 2
    assert county[TOWNSHIP].states() == []
    write(county[COUNTY], verdict(the_order(county[COUNTY]), 2))
    county.settle()
    assert the_order(county[TOWNSHIP]).stage is Stage.CLOSED


def test_a_restored_county_that_escalates_again_says_the_same_everywhere() -> None:
    county = whole()
    issued(county)
    pass_days(county, 10)
    backup = county[COUNTY].back_up()
    assert sweep(county) == [Rung.REMINDER]
    county.settle()
    hub = county[COUNTY]
    hub.start(*backup, restored=True)
    again = rung(the_order(hub), 77, Rung.REMINDER, today_of(county) + timedelta(days=40))
    hub.write(again.kind, None, encode_overseen(again))
    county.settle()
    for seat in (COUNTY, TOWNSHIP):
        held = the_order(county[seat])
        assert held.taken == (Rung.REMINDER,)
        assert held.due < again.due, "the first one counts"
        assert len(held.superseded) == 1
        assert county[seat].states() == []
    assert same_everywhere(county[COUNTY], county[TOWNSHIP])


def test_an_answer_that_comes_before_its_order_waits_and_then_counts() -> None:
    """A restored county gets the township's answer back before it has found its own order again."""
    county = whole()
    hub = county[COUNTY]
    backup = hub.back_up()
    issued(county)
    write(county[TOWNSHIP], answer(the_order(county[TOWNSHIP]), 1))
    hub.start(*backup, restored=True)
    county.settle()
    assert the_order(hub).stage is Stage.ANSWERED
    assert hub.states() == []


def test_an_appeal_that_is_upheld_gives_the_points_back() -> None:
    county = whole()
    hub, township = county[COUNTY], county[TOWNSHIP]
    write(hub, score())
    county.settle()
    (held,) = scores_at(township)
    assert held.points == -20
    write(township, appeal(held, 1))
    assert refused(township, appeal(held, 2)) == "score_appealed"
    county.settle()
    (held,) = scores_at(hub)
    assert refused(hub, judgement(held, 3, -40)) == "appeal_made_worse"
    assert refused(hub, judgement(held, 4, 10)) == "appeal_made_worse"
    assert refused(hub, judgement(held, 5, 0, WANG)) == "appeal_own_judge"
    write(hub, judgement(held, 6, 0))
    assert refused(hub, judgement(held, 7, -20)) == "appeal_unknown"
    county.settle()
    for seat in (COUNTY, TOWNSHIP):
        assert [one.points for one in scores_at(county[seat])] == [0]
        assert county[seat].states() == []


def test_a_village_is_spoken_for_by_its_township_only() -> None:
    county = whole()
    write(county[COUNTY], score(951, to=VILLAGE))
    county.settle()
    (held,) = scores_at(county[TOWNSHIP])
    assert refused(county[OTHER_TOWNSHIP], appeal(held, 1, OTHER_TOWNSHIP)) == "oversight_not_yours"
    write(county[TOWNSHIP], appeal(held, 2))
    county.settle()
    assert scores_at(county[COUNTY])[0].appeal is not None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"points": 20, "rule": "R1", "count": 0}, "score_for_nothing"),
        ({"points": 20, "rule": "R1", "count": 1, "evidence": ()}, "score_for_nothing"),
        ({"points": 20, "rule": "零投诉", "count": 1}, "score_for_nothing"),
        ({"points": 0}, "score_of_nothing"),
        ({"period": "2026-04"}, "score_ahead"),
        ({"addressee": COUNTY}, "oversight_no_addressee"),
        ({"addressee": OfficeId("510824999")}, "oversight_no_addressee"),
        ({"officer": OfficerId("")}, "oversight_unsigned"),
        ({"officer": OfficerId(f"{WINDOW}/li")}, "oversight_officer_elsewhere"),
        ({"reason": "看不\u202e见"}, "unseen_character"),
    ],
)
def test_points_that_cannot_be(changes: dict[str, Any], code: str) -> None:
    county = whole()
    assert refused(county[COUNTY], score(**changes)) == code
    assert overseen_at(county[COUNTY]) == set()


def test_points_for_no_complaints_count_nowhere_even_if_a_program_writes_them() -> None:
    county = whole()
    for number, event in enumerate((score(950, points=50, rule="R1", count=0), score(951, points=50, evidence=()))):
        county[COUNTY].write(event.kind, None, encode_overseen(event))
        county.settle()
        assert county[TOWNSHIP].states() == []
        assert county[COUNTY].states() == [("quarantined", "score_unearned")] * (number + 1)
        assert scores_at(county[COUNTY]) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rule": ""}, "order_without_ground"),
        ({"to": COUNTY}, "oversight_no_addressee"),
        ({"due": None}, "oversight_unacceptable"),
        ({"facts": ""}, "oversight_unacceptable"),
    ],
)
def test_orders_that_cannot_be(changes: dict[str, Any], code: str) -> None:
    county = whole()
    assert refused(county[COUNTY], order(county, **changes)) == code


def test_the_last_day_is_ahead() -> None:
    county = whole()
    for days in (0, -3, 400):
        wrong = order(county, due=today_of(county) + timedelta(days=days))
        assert refused(county[COUNTY], wrong) == "oversight_term"


def test_the_same_form_twice_is_one_order() -> None:
    county = whole()
    asked = order(county)
    assert [write(county[COUNTY], asked), write(county[COUNTY], asked)] == [1, 0]
    assert write(county[COUNTY], order(county, 901)) == 1
    assert [one.issued.serial[-4:] for one in orders_at(county[COUNTY])] == ["0001", "0002"]
