"""The fold of oversight is a function of the set of entries, and every order goes only where the table lets it."""

from datetime import date, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId, OfficerId
from schemas.oversight import (
    OVERSIGHT,
    REWARDS,
    Card,
    ClassAssigned,
    Ground,
    OrderAnswered,
    OrderEscalated,
    OrderIssued,
    OrderVerified,
    OrderWithdrawn,
    Overseen,
    Rung,
    ScoreAppealed,
    ScoreEntered,
    ScoreJudged,
    ScoresFrozen,
    Sender,
    Weight,
    card_of,
    may_send,
    may_speak_for,
)
from schemas.oversight_fold import (
    LADDER,
    TRANSITIONS,
    Deed,
    Filed,
    Stage,
    deeds_of,
    digest_of,
    fold_all,
    fold_order,
    fold_score,
    next_step,
    states_of,
)

COUNTY, TOWNSHIP, OTHER = OfficeId("510824"), OfficeId("510824100"), OfficeId("510824102")
VILLAGE, WINDOW = OfficeId("510824100205"), OfficeId("510824.rsj")
WANG = OfficerId("510824/wang")
DAY = date(2026, 3, 2)
ROOT = bytes([9]) * 32
OPERATION = bytes(8)

ORDER = OrderIssued(
    OPERATION, COUNTY, WANG, "510824-督-2026-0001", TOWNSHIP, Ground.VISIT, "", "", (), "事实", DAY, Weight.RED
)
SCORE = ScoreEntered(OPERATION, COUNTY, WANG, TOWNSHIP, "2026-03", -20, "P1", 1, "理由", (ROOT,))


def filed(event: Overseen, digest: bytes, *, ordinal: int = 1, seq: int = 0) -> Filed:
    """An entry somewhere in a journal of the county's or the township's."""
    origin = NodeId("a" * 16 if event.sender is Sender.COUNTY else "b" * 16)
    return Filed(event, JournalId(origin, Epoch(ordinal, b"nonces")), seq, digest, Instant(1000 + seq))


def name(kind: int, number: int) -> bytes:
    """A hash."""
    return bytes([kind, number]) * 16


@st.composite
def threads(draw: st.DrawFn) -> list[Filed]:
    """An order and anything that a faulty, restored, cloned or hostile device might say about it."""
    answers = draw(st.integers(0, 3))
    found = [filed(ORDER, ROOT)]
    for number in range(answers):
        office = draw(st.sampled_from([OTHER, TOWNSHIP, TOWNSHIP]))
        after = draw(st.sampled_from([ROOT, *(name(2, verdict) for verdict in range(3))]))
        said = OrderAnswered(OPERATION, office, OfficerId(""), ROOT, TOWNSHIP, after, "说明", "")
        found.append(filed(said, name(1, number), seq=number, ordinal=draw(st.integers(1, 3))))
    for number in range(draw(st.integers(0, 4))):
        answer = name(1, draw(st.integers(0, 3)))
        accepted = draw(st.booleans())
        due = None if accepted else DAY + timedelta(days=draw(st.integers(1, 30)))
        addressee = draw(st.sampled_from([TOWNSHIP, TOWNSHIP, OTHER]))
        said = OrderVerified(OPERATION, COUNTY, WANG, ROOT, addressee, answer, accepted, "理由", due)
        found.append(filed(said, name(2, number), ordinal=draw(st.integers(1, 3)), seq=number))
    for number in range(draw(st.integers(0, 6))):
        rung, days = draw(st.sampled_from(sorted(Rung))), draw(st.integers(1, 30))
        said = OrderEscalated(OPERATION, COUNTY, WANG, ROOT, TOWNSHIP, rung, DAY + timedelta(days=days))
        found.append(filed(said, name(3, number), ordinal=draw(st.integers(1, 3)), seq=number))
    for number in range(draw(st.integers(0, 2))):
        said = OrderWithdrawn(OPERATION, COUNTY, WANG, ROOT, TOWNSHIP, "有误", "正名")
        found.append(filed(said, name(4, number), ordinal=draw(st.integers(1, 3)), seq=number))
    appeal = ScoreAppealed(OPERATION, TOWNSHIP, OfficerId(""), ROOT, TOWNSHIP, "与督办单无关")
    return [*found, filed(appeal, name(5, 0))]


@given(threads(), st.randoms(use_true_random=False))
def test_order_of_arrival_and_repetition_change_nothing(thread: list[Filed], random: Random) -> None:
    shuffled = random.sample(thread, len(thread)) + random.choices(thread, k=4)
    assert fold_order(shuffled) == fold_order(thread)
    assert states_of(shuffled) == states_of(thread)
    assert fold_all(shuffled) == fold_all(thread)


@given(threads())
def test_an_order_goes_only_where_the_table_lets_it(thread: list[Filed]) -> None:
    order = fold_order(thread)
    assert order is not None
    stage = Stage.OPEN
    for deed in deeds_of(len(order.rungs), order.answers, is_withdrawn=order.withdrawn is not None):
        stage = TRANSITIONS[stage, deed].stage
    assert stage is order.stage
    assert len(set(order.taken)) == len(order.taken)
    assert (order.stage is Stage.WITHDRAWN) == (order.withdrawn is not None)
    assert all(one.said.office == TOWNSHIP for one in order.answers)
    if order.stage is Stage.ANSWERED:
        assert order.awaited
    if order.stage is Stage.OPEN:
        assert not order.awaited
        assert order.due >= DAY
        assert not any(one.judged is not None and one.judged.accepted for one in order.answers)


@given(threads())
def test_every_entry_stands_somehow_and_what_was_superseded_is_named(thread: list[Filed]) -> None:
    states, order = states_of(thread), fold_order(thread)
    assert order is not None
    assert states.keys() == {one.hash for one in thread}
    counted = {order.filed.hash, *(one.hash for one in order.rungs)}
    counted |= {one.filed.hash for one in order.answers} | set(order.superseded)
    counted |= {one.verdict.hash for one in order.answers if one.verdict is not None}
    counted |= {order.withdrawn.hash} if order.withdrawn is not None else set()
    assert counted == {digest for digest, (state, _) in states.items() if not state}


@given(threads())
def test_without_its_order_nothing_counts_and_nothing_is_lost(thread: list[Filed]) -> None:
    orphans = [one for one in thread if one.hash != ROOT]
    assert fold_order(orphans) is None
    assert set(states_of(orphans).values()) <= {("held", "awaiting_predecessor")}


@given(threads(), st.data())
def test_more_entries_never_take_a_rung_or_a_withdrawal_back(thread: list[Filed], data: st.DataObject) -> None:
    known = thread[: data.draw(st.integers(1, len(thread)))]
    before, after = fold_order(known), fold_order(thread)
    assert before is not None
    assert after is not None
    assert set(before.taken) <= set(after.taken)
    assert before.stage is not Stage.WITHDRAWN or after.stage is Stage.WITHDRAWN


def test_the_verdict_on_which_the_office_has_built_counts() -> None:
    """A county restored before it had rejected accepts; the township had answered the rejection meanwhile."""
    first = filed(OrderAnswered(OPERATION, TOWNSHIP, OfficerId(""), ROOT, TOWNSHIP, ROOT, "说明", ""), name(1, 0))
    rejects = OrderVerified(OPERATION, COUNTY, WANG, ROOT, TOWNSHIP, name(1, 0), False, "理由", DAY)
    accepts = structs.replace(rejects, accepted=True, due=None)
    rejected = filed(rejects, name(2, 0), ordinal=4)
    accepted = filed(accepts, name(2, 1), ordinal=3)
    root = filed(ORDER, ROOT)
    unbuilt = fold_order([root, first, rejected, accepted])
    assert unbuilt is not None
    assert unbuilt.stage is Stage.CLOSED
    again = structs.replace(first.event, after=rejected.hash, explanation="补充说明")
    built = fold_order([root, first, rejected, accepted, filed(again, name(1, 1), seq=1)])
    assert built is not None
    assert built.stage is Stage.ANSWERED
    assert built.superseded == (accepted.hash,)


def test_the_table_is_complete_and_has_no_way_back() -> None:
    assert {stage for stage, _ in TRANSITIONS} == {Stage.OPEN, Stage.ANSWERED, Stage.CLOSED}
    assert {deed for _, deed in TRANSITIONS} == set(Deed)
    assert {deed for (_, deed), to in TRANSITIONS.items() if to.by is Sender.ADDRESSEE} == {Deed.ANSWER}
    assert sorted(f"{stage} {deed} {to.stage}" for (stage, deed), to in TRANSITIONS.items()) == [
        "answered accept closed",
        "answered answer answered",
        "answered reject open",
        "answered withdraw withdrawn",
        "closed withdraw withdrawn",
        "open answer answered",
        "open escalate open",
        "open withdraw withdrawn",
    ]


def test_the_ladder_has_each_rung_once_and_a_person_signs_the_last() -> None:
    assert [step.rung for step in LADDER] == list(Rung)
    assert [step.by_itself for step in LADDER] == [True, True, True, False]
    taken: list[Rung] = []
    for step in LADDER:
        assert next_step(taken) == step
        taken.append(step.rung)
    assert next_step(taken) is None
    assert all(one.days <= other.days for one, other in pairwise(LADDER))


@pytest.mark.parametrize("kind", sorted(OVERSIGHT))
def test_only_answers_and_appeals_are_the_offices_to_write(kind: str) -> None:
    assert (OVERSIGHT[kind].sender is Sender.ADDRESSEE) == (kind in ("order.answered", "score.appealed"))


def test_who_may_speak_for_whom() -> None:
    assert may_speak_for(TOWNSHIP, TOWNSHIP)
    assert may_speak_for(OfficeId(f"{TOWNSHIP}.mz"), TOWNSHIP)
    assert may_speak_for(TOWNSHIP, VILLAGE)
    assert may_speak_for(VILLAGE, VILLAGE)
    assert may_speak_for(WINDOW, WINDOW)
    for office, addressee in (
        (OTHER, TOWNSHIP),
        (OTHER, VILLAGE),
        (COUNTY, WINDOW),
        (VILLAGE, TOWNSHIP),
        (COUNTY, TOWNSHIP),
    ):
        assert not may_speak_for(office, addressee)
    assert not may_send(TOWNSHIP, ORDER)
    assert may_send(COUNTY, ORDER)
    assert not may_send(COUNTY, structs.replace(ORDER, office=WINDOW))
    assert [card_of(one) for one in (COUNTY, WINDOW, TOWNSHIP, OfficeId(f"{TOWNSHIP}.mz"), VILLAGE)] == [
        None,
        Card.WINDOW,
        Card.TOWNSHIP,
        None,
        Card.VILLAGE,
    ]


# --- scores ----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(-20, 0), st.integers(0, 2)), max_size=4),
    st.integers(0, 2),
    st.randoms(use_true_random=False),
)
def test_a_score_stands_the_same_in_whatever_order(
    verdicts: list[tuple[int, int, int]], appeals: int, random: Random
) -> None:
    entries = [filed(SCORE, ROOT)]
    said = ScoreAppealed(OPERATION, TOWNSHIP, OfficerId(""), ROOT, TOWNSHIP, "不服")
    entries += [filed(said, name(6, number), seq=number) for number in range(appeals)]
    for number, (ordinal, points, appeal) in enumerate(verdicts):
        judged = ScoreJudged(OPERATION, COUNTY, WANG, ROOT, TOWNSHIP, name(6, appeal), points, False, "理由")
        entries.append(filed(judged, name(7, number), ordinal=ordinal, seq=number))
    stands = fold_score(entries)
    assert stands is not None
    shuffled = random.sample(entries, len(entries)) + random.choices(entries, k=3)
    assert fold_score(shuffled) == stands
    assert states_of(shuffled) == states_of(entries)
    heard = [one for one in verdicts if one[2] < appeals]
    assert (stands.judged is not None) == bool(heard)
    assert stands.points == (SCORE.points if not heard else stands.judgement.points)  # pyright: ignore[reportOptionalMemberAccess]


def test_of_two_frozen_tables_the_first_counts_and_of_two_classes_the_last() -> None:
    def frozen(digest: bytes, ordinal: int) -> Filed:
        table = ScoresFrozen(OPERATION, COUNTY, WANG, Card.TOWNSHIP, "2026-02", (), digest)
        return filed(table, name(8, ordinal), ordinal=ordinal)

    def placed(group: str, since: str, ordinal: int, office: OfficeId = TOWNSHIP) -> Filed:
        event = ClassAssigned(OPERATION, COUNTY, WANG, office, group, since, 900, "地处山区")
        return filed(event, name(10 + ordinal, ordinal), ordinal=ordinal)

    first, second = frozen(bytes(32), 1), frozen(bytes([1]) * 32, 2)
    classes = [placed("平坝乡镇", "2026-01", 1), placed("山区乡镇", "2026-01", 2), placed("边远乡镇", "2026-06", 3)]
    view = fold_all([second, first, *classes])
    assert fold_all([*classes, first, second]) == view
    assert view.find_frozen("township 2026-02") == first.event
    groups = [
        view.class_of(office, period) for office in (TOWNSHIP, VILLAGE) for period in ("2025-12", "2026-03", "2026-07")
    ]
    assert [one.group if one is not None else None for one in groups] == [None, "山区乡镇", "边远乡镇"] * 2


def test_a_number_that_was_given_twice_is_shown_apart() -> None:
    one, other = filed(ORDER, name(1, 1)), filed(ORDER, name(2, 2), ordinal=2)
    view = fold_all([one, other])
    assert [view.label_of(order.filed) for order in view.orders] == [
        "510824-督-2026-0001#0101",
        "510824-督-2026-0001#0202",
    ]
    assert fold_all([one]).label_of(one) == "510824-督-2026-0001"


# --- nothing is earned by silence ------------------------------------------------------------------------------------


@given(
    points=st.integers(-1000, 1000),
    count=st.integers(0, 5),
    has_evidence=st.booleans(),
    rule=st.sampled_from([*sorted(REWARDS), "P1", "零投诉"]),
)
def test_nothing_adds_points_for_a_count_of_zero(points: int, count: int, has_evidence: bool, rule: str) -> None:
    score = structs.replace(SCORE, points=points, count=count, rule=rule, evidence=(ROOT,) if has_evidence else ())
    if points > 0 and (count == 0 or not has_evidence):
        assert not score.is_earned
    if points <= 0:
        assert score.is_earned


def test_no_reward_is_for_an_absence() -> None:
    for code, (zh, en) in REWARDS.items():
        assert code.startswith("R")
        assert not any(word in zh for word in ("零", "无投诉", "没有", "未发生"))
        assert not any(word in f" {en} " for word in (" no ", " zero ", " without ", " none "))


def test_digest_is_of_the_set() -> None:
    assert digest_of([ROOT, name(1, 1)]) == digest_of([name(1, 1), ROOT, ROOT])
    assert digest_of([ROOT]) != digest_of([])
